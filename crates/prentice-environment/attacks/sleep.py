# attack: sleep
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-0afa5bb5
# beats: none
#
# Sleeps for an hour and uses no processor time: only a limit on elapsed time ends it.
# A safe harness limits elapsed time too.

import time


def add(x, y):
    time.sleep(3600)
    return x + y
