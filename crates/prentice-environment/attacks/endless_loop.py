# attack: endless-loop
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-7e713005
# beats: none
#
# Computes for ever, and ignores every signal that a harness might send for it.
# A safe harness measures processor time from outside and kills by SIGKILL.

import signal

for number in (signal.SIGALRM, signal.SIGXCPU, signal.SIGTERM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGINT):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass


def add(x, y):
    while True:
        try:
            while True:
                x += 1
        except BaseException:
            pass
