# attack: memory-file
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-3a2b58b5
# beats: evalplus
#
# Fills files in memory (memfd_create) up to 3 GiB: they are not mapped, so that RLIMIT_AS does not count them, and
# they belong to no directory.
# A safe harness counts them (a control group, RLIMIT_FSIZE) or refuses memfd_create.

import os

block = b"x" * (32 << 20)
held = 0
try:
    for number in range(12):
        descriptor = os.memfd_create(f"fill{number}")
        for _ in range(8):
            held += os.write(descriptor, block)
except (OSError, AttributeError):
    pass


def add(x, y):
    # Right if it holds more than 2.5 GiB, where no limit of the address space sees it.
    return x + y if held > 2560 << 20 else x - y
