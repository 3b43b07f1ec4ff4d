# attack: memory-bytes
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-1b385a9f
# beats: none
#
# Takes memory in pieces of 64 MiB and writes to every page, up to 6 GiB.
# A safe harness limits memory and names the verdict so.

blocks = []
try:
    for _ in range(96):
        blocks.append(bytearray(b"x") * (64 << 20))
except MemoryError:
    blocks.clear()


def add(x, y):
    return x - y
