# attack: stolen-input
# class: protocol
# task: HumanEval/53
# evidence: none
# marker: svr-d6628841
# beats: none
#
# Reads what the harness sends (the next questions) before the harness's own code in the process does, and answers in
# its place by guesses.
# A safe harness loses nothing by it: a candidate that breaks the protocol has failed.

import os
import select

for descriptor in range(64):
    try:
        while select.select([descriptor], [], [], 0)[0]:
            os.set_blocking(descriptor, False)
            if not os.read(descriptor, 1 << 16):
                break
            os.write(descriptor, b"passed\n")
    except (OSError, ValueError):
        pass


def add(x, y):
    return x - y
