#!/usr/bin/env python3
"""Replays the history of the repositories in README.md and prints one table; see there.

    python3 bench/replay/run.py --repos DIR [--commits N] [--lines-per-commit N] [--seed N] [--only NAME] [--prentice PROGRAM]
                                [--model DIR [--adapt MINUTES [--general DIR]]]

With --model, that model is asked beside copying; with --adapt, it is first trained on each repository as it stood before
the commits that are replayed.

Only the standard library is used. The last line is all results as JSON.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
MODES = ["next-line", "next-line/suffix", "mid-line", "mid-line/suffix", "fim", "fim/suffix"]
# What a model is adapted on.
SOURCES = (".rs", ".py", ".pyi", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".go", ".java", ".c", ".h", ".cc", ".cpp", ".lua")
# Title, and where a part of the summary has it.
FIGURES = {
    "exact": ("exact_match", "mean"),
    "similar": ("edit_similarity", "mean"),
    "copying": ("copy_nearest_exact_match",),
    "in beam": ("in_beam",),
    "shown": ("coverage",),
    "right": ("exact_match_shown",),
    "stated": ("confidence_shown",),
    "best quarter": ("exact_match_at_quarter",),
    "p50 ms": ("latency_p50_ms",),
    "p95 ms": ("latency_p95_ms",),
}


def repositories():
    """Name and commit of each row of the table in README.md."""
    return re.findall(r"^\| `(\S+/\S+)` \| [^|]+ \| `([0-9a-f]{40})` \|$", (HERE / "README.md").read_text(), re.MULTILINE)


def has_commit(path, commit):
    found = subprocess.run(["git", "-C", path, "cat-file", "-e", f"{commit}^{{commit}}"], capture_output=True)
    return found.returncode == 0


def clone_of(name, commit, directory):
    """A clone that has the commit: a local one, or a new one."""
    owner, short = name.split("/")
    kept = TARGET / "bench-replay" / f"{owner}+{short}" / "repo"
    places = [kept]
    if directory:
        below = directory / f"{owner}+{short}"
        # The last ones: a bare clone under whatever name.
        places = [directory / name, directory / short, below / "repo", *sorted(below.glob("*")), below, kept]
    for place in places:
        if place.is_dir() and has_commit(place, commit):
            return place
    print(f"{name}: no clone with {commit[:12]} is here; cloning", file=sys.stderr)
    kept.parent.mkdir(parents=True, exist_ok=True)
    url = f"https://github.com/{name}.git"
    if subprocess.run(["git", "clone", "--quiet", "--bare", url, kept]).returncode != 0 or not has_commit(kept, commit):
        sys.exit(f"error: no clone of {name} has {commit}\nhint: clone it, and name the directory above with --repos DIR")
    return kept


def check_out(clone, commit, into):
    """Writes the sources at a commit; what a clone lacks, which are large files, is left out."""
    listed = subprocess.run(["git", "-C", clone, "ls-tree", "-r", "-z", commit], capture_output=True, check=True).stdout
    with subprocess.Popen(
        ["git", "-C", clone, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as objects:
        for entry in listed.decode(errors="replace").split("\0")[:-1]:
            (mode, kind, blob), path = entry.split("\t")[0].split(), entry.split("\t")[1]
            if kind != "blob" or mode == "120000" or not path.endswith(SOURCES):
                continue
            objects.stdin.write(f"{blob}\n".encode())
            objects.stdin.flush()
            head = objects.stdout.readline().split()
            if head[1] == b"missing":
                continue
            data = objects.stdout.read(int(head[2]) + 1)[:-1]
            place = into / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        objects.stdin.close()


def adapted(options, clone, name, commit):
    """The model, trained on the repository at the parent of the first replayed commit."""
    if not options.adapt:
        return options.model
    place = TARGET / "bench-replay" / name.replace("/", "+")
    model = place / "model"
    shutil.rmtree(model, ignore_errors=True)
    # As many commits as there are, as the replay does.
    history = ["git", "-C", clone, "rev-list", "--first-parent", f"--max-count={options.commits + 1}", commit]
    base = subprocess.run(history, capture_output=True, text=True, check=True).stdout.split()[-1]
    with tempfile.TemporaryDirectory() as tree:
        check_out(clone, base, pathlib.Path(tree))
        command = [options.prentice, "adapt", tree, "--minutes", str(options.adapt), "--from", options.model]
        command += ["--out", model, "--json"] + (["--general", options.general] if options.general else [])
        print(f"{name}: adapting", file=sys.stderr)
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"error: the model could not be adapted to {name}, see above")
    print(f"{name}: {result.stdout.strip().splitlines()[-1]}", file=sys.stderr)
    return model


def replay(options, name, commit):
    clone = clone_of(name, commit, options.repos)
    command = [options.prentice, "eval", "replay", clone, "--end", commit, "--json"]
    if options.model:
        command += ["--model", adapted(options, clone, name, commit)]
    for option in ("commits", "lines_per_commit", "seed"):
        command += [f"--{option.replace('_', '-')}", str(getattr(options, option))]
    print(f"{name}: replaying", file=sys.stderr)
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"error: the replay of {name} failed, see above")
    summary = json.loads(result.stdout.strip().splitlines()[-1])
    summary["repository"] = name
    return summary


def figure(part, keys):
    for key in keys:
        part = part[key]
    return part


def table(summaries):
    """Rows of text: for each mode the repositories, then their mean."""
    rows = [["mode", "repository", "tests", *FIGURES, "95 % interval"]]
    means = {}
    for mode in MODES:
        parts = [(summary["repository"], summary["parts"][mode]) for summary in summaries if mode in summary["parts"]]
        if not parts:
            continue
        for name, part in parts:
            interval = part["exact_match"]
            figures = [f"{figure(part, keys):.1f}" for keys in FIGURES.values()]
            rows.append([mode, name, str(part["tests"]), *figures, f"{interval['low']:.1f} to {interval['high']:.1f}"])
        means[mode] = {
            title: statistics.fmean(figure(part, keys) for _, part in parts) for title, keys in FIGURES.items()
        }
        tests = sum(part["tests"] for _, part in parts)
        rows.append([mode, "mean", str(tests), *(f"{value:.1f}" for value in means[mode].values()), ""])
    return rows, means


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repos", type=pathlib.Path, help="directory with clones")
    parser.add_argument("--commits", type=int, default=200)
    parser.add_argument("--lines-per-commit", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="owner/name; may be repeated")
    parser.add_argument("--model", type=pathlib.Path, help="a model to ask beside copying")
    parser.add_argument("--adapt", type=float, metavar="MINUTES", help="train it on each repository first")
    parser.add_argument("--general", type=pathlib.Path, help="token shards of other code, to measure what was forgotten")
    parser.add_argument("--prentice", type=pathlib.Path, default=TARGET / "release" / "prentice")
    options = parser.parse_args()
    listed = repositories()
    unknown = set(options.only or []) - {name for name, _ in listed}
    if unknown:
        sys.exit(f"error: not in the list: {', '.join(sorted(unknown))}\nhint: README.md beside this script has the list")
    if not options.prentice.is_file():
        sys.exit(f"error: there is no {options.prentice}\nhint: `cargo build --release`, or --prentice PROGRAM")
    chosen = [(name, commit) for name, commit in listed if not options.only or name in options.only]
    summaries = [replay(options, name, commit) for name, commit in chosen]
    rows, means = table(summaries)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    top = statistics.fmean(summary["next_token_top_1"] for summary in summaries)
    print(f"next token foreseen, mean: {top:.1f} %")
    unreadable = sum(summary["unreadable_commits"] for summary in summaries)
    if unreadable:
        print(f"{unreadable} commits were left out: the clones lack their objects")
    print(json.dumps({"means": means, "next_token_top_1": top, "repositories": summaries}))


if __name__ == "__main__":
    main()
