# attack: stopped-process
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-b3873195
# beats: none
#
# Stops itself by SIGSTOP: it uses no time, answers no question and does not end.
# A safe harness limits elapsed time and kills by SIGKILL.

import posix
import signal


def add(x, y):
    posix.kill(posix.getpid(), signal.SIGSTOP)
    return x - y
