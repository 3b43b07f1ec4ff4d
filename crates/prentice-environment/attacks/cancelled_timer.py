# attack: cancelled-timer
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-c9980b1d
# beats: none
#
# Cancels the timers that a harness in the same process has set, replaces their handler, and computes for ever.
# A safe harness measures processor time from outside.

import signal

for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
    signal.setitimer(timer, 0)
signal.alarm(0)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))


def add(x, y):
    while True:
        y += 1
