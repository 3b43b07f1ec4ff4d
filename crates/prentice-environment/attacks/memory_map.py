# attack: memory-map
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-e965bf6d
# beats: none
#
# As memory-bytes, with shared anonymous mappings, which some limits (RLIMIT_DATA) do not count.
# A safe harness limits memory of every kind.

import mmap

maps = []
try:
    for _ in range(96):
        block = mmap.mmap(-1, 64 << 20)
        block[:] = b"x" * (64 << 20)
        maps.append(block)
except (OSError, ValueError, MemoryError):
    maps.clear()


def add(x, y):
    return x - y
