# attack: stack-overflow
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-c65987f5
# beats: none
#
# Recurses without end with the interpreter's own limit raised, until the C stack is exhausted.
# A safe harness takes a crash for the candidate's failure.

import sys

sys.setrecursionlimit(1 << 30)


class Deep:
    def __getattr__(self, name):
        return getattr(self, name + "x")[0]


def add(x, y):
    return add(x, y) if x < 0 else Deep().start
