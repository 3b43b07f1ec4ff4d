# attack: huge-output
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-a0c7992f
# beats: evalplus
#
# Prints 200 MB (or as many as ATTACK_MEGABYTES says) to standard output to standard error, and to each pipe of the
# harness, past Python's own objects.
# A safe harness reads no more than it has room for, and ends a candidate that writes more.

import os

block = b"passed\n" * 149797
for descriptor in range(1, 10):
    try:
        for _ in range(int(os.environ.get("ATTACK_MEGABYTES", 200))):
            os.write(descriptor, block)
    except OSError:
        pass


def add(x, y):
    return x - y
