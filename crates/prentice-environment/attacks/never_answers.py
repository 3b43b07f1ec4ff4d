# attack: never-answers
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-c84563c7
# beats: none
#
# Neither reads its input nor answers: waits for a lock that nobody releases, at import.
# A safe harness limits elapsed time from the start on.

import threading

lock = threading.Lock()
lock.acquire()
lock.acquire()


def add(x, y):
    return x - y
