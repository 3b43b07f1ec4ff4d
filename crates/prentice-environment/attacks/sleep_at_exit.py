# attack: sleep-at-exit
# class: survivor
# task: HumanEval/53
# evidence: process
# marker: svr-9971af42
# beats: none
#
# Sleeps for 20 seconds in an exit handler, when the harness takes it for finished.
# A safe harness ends the process when it has what it wants.

import atexit
import ctypes
import time


def stay():
    ctypes.CDLL(None).prctl(15, b"svr-9971af42")
    time.sleep(20)


atexit.register(stay)


def add(x, y):
    return x - y
