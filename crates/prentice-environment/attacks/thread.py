# attack: thread
# class: survivor
# task: HumanEval/53
# evidence: process
# marker: svr-39200d1e
# beats: none
#
# A thread that is not a daemon keeps the process from ending for 20 seconds; its main thread returns as usual.
# A safe harness ends the process when it has what it wants.

import ctypes
import threading
import time


def stay():
    ctypes.CDLL(None).prctl(15, b"svr-39200d1e")
    time.sleep(20)


try:
    threading.Thread(target=stay).start()
except RuntimeError:
    pass


def add(x, y):
    return x - y
