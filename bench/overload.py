#!/usr/bin/env python3
"""Do verdicts depend on how busy the machine is?

Executes a file of samples again and again, with nothing else running, and beside enough busy programs that each core has
two and four times as much to do, and counts the verdicts that differ from those of the first run.

    python3 bench/overload.py --samples target/bench-execution/mutants-humaneval.jsonl --repeats 20

The samples should be right and wrong ones, among them endless loops (bench/execution.py --agreement makes such a file).
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRENTICE = ROOT / "target" / "release" / "prentice"
CORES = os.cpu_count()


def verdicts(directory):
    with open(directory / "results.jsonl") as lines:
        rows = [json.loads(line) for line in lines]
    return [(row["task_id"], row["verdict"]["verdict"], row["verdict"].get("kind")) for row in rows]


def run(options, directory):
    command = [PRENTICE, "eval", options.suite, "--samples", options.samples, "--out", directory, "--rerun", "--quiet"]
    command += ["--allow-missing"] + (["--data", options.data] if options.data else [])
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=directory)
    return verdicts(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=lambda path: pathlib.Path(path).resolve(), required=True)
    parser.add_argument("--suite", default="humaneval")
    parser.add_argument("--data", default=os.environ.get("PRENTICE_EVALDATA"))
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--loads", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    first = None
    for load in options.loads:
        burn = [sys.executable, "-c", "while True: pass"]
        burners = [subprocess.Popen(burn) for _ in range((load - 1) * CORES)]
        try:
            flips, kinds, began = 0, 0, time.monotonic()
            for repeat in range(options.repeats):
                with tempfile.TemporaryDirectory() as directory:
                    found = run(options, pathlib.Path(directory))
                first = first or found
                flips += sum(one[:2] != other[:2] for one, other in zip(first, found, strict=True))
                kinds += sum(one != other for one, other in zip(first, found, strict=True))
                print(f"load {load}x, run {repeat + 1}: {flips} flips so far", file=sys.stderr, flush=True)
            seconds = time.monotonic() - began
        finally:
            for burner in burners:
                burner.kill()
                burner.wait()
        executions = options.repeats * len(first)
        print(
            f"load {load}x: {flips} verdict flips and {kinds} changed kinds in {executions} executions, "
            f"{executions / seconds:.0f} a second",
            flush=True,
        )


if __name__ == "__main__":
    main()
