#!/usr/bin/env python3
"""Speed of corpus ingest on the Python standard library of this machine, or on another directory.

    python3 bench/ingest.py [DIR]

Runs the example `ingest_speed` of `prentice-corpus` several times on all cores, after one run that fills the page
cache: the disk is not what is measured. The speed that counts is that of the first pass of each process, which is what
a user sees; later passes in the same process (`warm`) find memory that is already theirs. Packages installed beside the
standard library are left out, since they differ between machines.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RUNS = 5


def measure(directory):
    build = ["cargo", "build", "--release", "--package", "prentice-corpus", "--example", "ingest_speed"]
    subprocess.run(build, check=True, cwd=ROOT)
    cores, passes = len(os.sched_getaffinity(0)), 4
    command = [TARGET / "release" / "examples" / "ingest_speed", directory, str(cores), str(passes)]
    results = []
    for _ in range(1 + RUNS):
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        results.append(json.loads(output.strip().splitlines()[-1]))
    cold, warm = ([run[f"{kind}_megabytes_per_second"] for run in results[1:]] for kind in ("cold", "warm"))
    speed, warm_speed = statistics.median(cold), statistics.median(warm)
    files, megabytes = results[-1]["files"], results[-1]["text_bytes"] / 1e6
    print(f"ingest of {files} files, {megabytes:.1f} MB of text, {cores} threads:")
    spread = f"median of {RUNS}, {min(cold):.0f}-{max(cold):.0f}"
    print(f"    first pass {speed:.0f} MB/s ({spread}), warm {warm_speed:.0f} MB/s")
    print(json.dumps(results[-1] | {"megabytes_per_second": speed, "runs": cold}))


def main():
    if len(sys.argv) > 1:
        measure(sys.argv[1])
        return
    with tempfile.TemporaryDirectory() as temporary:
        copy = pathlib.Path(temporary) / "standard-library"
        installed = shutil.ignore_patterns("site-packages", "dist-packages")
        shutil.copytree(sysconfig.get_path("stdlib"), copy, symlinks=True, ignore=installed)
        measure(copy)


if __name__ == "__main__":
    main()
