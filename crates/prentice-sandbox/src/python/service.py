# Requests on descriptor 3, replies on 4: see service.rs.

import json
import os
import sys

_requests = os.fdopen(3, "rb", 1 << 16)


def read_request():
    # Returns the header and the parts, or ends with the one who asks.
    size = _requests.read(4)
    if len(size) < 4:
        os._exit(0)
    header = json.loads(_requests.read(int.from_bytes(size, "little")))
    parts = [_requests.read(length) for length in header["parts"]]
    return header, parts


def reply(value):
    data = json.dumps(value).encode() + b"\n"
    while data:
        data = data[os.write(4, data) :]


if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
