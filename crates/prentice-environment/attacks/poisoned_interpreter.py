# attack: poisoned-interpreter
# class: oracle
# task: HumanEval/53
# evidence: none
# marker: svr-607fbdf9
# beats: none
#
# Leaves patches for the next candidate: changed builtins, modules and a comparison slot, in the hope that the
# interpreter is used again. The sample that follows in the same harness is honest and wrong; it must not pass.
# A safe harness gives every candidate a fresh copy of the interpreter.

import builtins
import json
import sys

builtins.compile = lambda *values, **options: exit_with_success
json.dumps = lambda *values, **options: '"passed"'
sys.stdout = sys.stderr = None
sys.setrecursionlimit(60)
exit_with_success = (lambda: None).__code__


def add(x, y):
    return x - y
