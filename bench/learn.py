#!/usr/bin/env python3
"""Does learning from execution pay? A recipe for several seeds, and what its examinations say together.

    python3 bench/learn.py --recipe recipes/docfn-long.toml --seeds 0,1,2    # as long as the recipe, for each seed
    python3 bench/learn.py --recipe FILE --scale 0.1                         # a tenth of every `minutes`

It needs only the standard library and our program, built by `cargo build --release`. Every stage whose name begins with
`exam-` is a row; what it examined is read from the recipe. Models of an `rl` stage with verified reward are compared to
all others that were examined on the same tasks in the same environment: to the model that they began with, and to the
controls. Whether a control had as much to compute with is for the recipe to see to; its seconds stand beside it.

Differences are paired: each seed makes its own tasks and models, and gives one difference. The interval is Student's at
95 % over the seeds; a star says that it does not contain 0. It covers what seeds change, and nothing else: not other
families of tasks, not other sizes. With three seeds it is wide (4.3 standard errors).

What was done before is used again, so that a run that was stopped goes on. The last line is all results as JSON, and so
is `learn.json` in the directory of results.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tomllib

sys.dont_write_bytecode = True
from contest import ROOT, TARGET, machine, note  # noqa: E402: nothing may be written beside the scripts.

FIGURES = ("greedy", "pass_at_1", "pass_at_k")
# The kinds of stages that leave a model.
TRAINERS = ("pretrain", "sft", "prefer", "rl")
# Student's quantile at 97.5 %, by degrees of freedom from 1.
QUANTILES = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


def interval(values):
    """The mean, and half of its interval at 95 %; `None` for what is not defined."""
    if not values or any(value is None for value in values):
        return None, None
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, None
    return mean, QUANTILES[len(values) - 2] * statistics.stdev(values) / math.sqrt(len(values))


def run(options, seed):
    """The stages of the recipe, run with this seed, by name."""
    command = [options.binary, "run", options.recipe, "--seed", seed, "--scale", options.scale]
    command += ["--out", options.out / f"seed-{seed}", "--json"]
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    summary = None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "stage_finished":
            note(f"seed {seed}: {event['stage']}: {event['detail']} ({event['seconds']:.0f} s)")
        elif event["event"] == "summary":
            summary = event
    if process.wait() != 0 or summary is None:
        sys.exit(f"error: `prentice run` with seed {seed} ended with code {process.returncode}")
    return {stage["name"]: stage for stage in summary["stages"]}


class Exam:
    """An examination of the recipe, with what each seed says of it."""

    def __init__(self, stage, recipe, runs):
        self.name, self.model = stage["name"].removeprefix("exam-"), stage["model"]
        self.alike = (stage["tasks"], stage.get("environment", "once"))
        trainer = recipe[self.model]
        self.learns = trainer["does"] == "rl" and trainer.get("reward", "verified") == "verified"
        self.begins_with = trainer.get("model")
        self.temperature = stage.get("temperature", 1.0)
        # Of examples the nearest is copied, which is no sample.
        is_sampled = trainer["does"] in TRAINERS
        self.figures = {
            figure: [
                stages[stage["name"]]["summary"]["figures"][figure] if is_sampled or figure == "greedy" else None
                for stages in runs
            ]
            for figure in FIGURES
        }
        self.seconds = statistics.fmean(stages[self.model]["seconds"] for stages in runs)

    def row(self):
        means = {figure: interval(values) for figure, values in self.figures.items()}
        return {"exam": self.name, "tasks": self.alike, "model": self.model, "seconds": self.seconds} | means


def difference(learner, other):
    """What a model that learnt has more than another, figure by figure, as means with half intervals."""
    began_with_it = (other.model, other.temperature) == (learner.begins_with, learner.temperature)
    row = {"exam": learner.name, "other": other.name, "began_with_it": began_with_it}
    for figure in FIGURES:
        pairs = list(zip(learner.figures[figure], other.figures[figure], strict=True))
        is_known = all(value is not None for pair in pairs for value in pair)
        row[figure] = interval([own - its for own, its in pairs] if is_known else [])
    return row


def percent(value, sign=""):
    mean, half = value
    if mean is None:
        return "-"
    star = "*" if sign and half is not None and abs(mean) > half else ""
    return f"{100 * mean:{sign}.1f}" + ("" if half is None else f" ± {100 * half:.1f}") + star


def print_tables(exams, differences):
    heading = "".join(f"{figure.replace('_at_', '@'):>16}" for figure in FIGURES)
    print(f"\n{'examined':28}{heading}{'seconds':>9}  tasks")
    for exam in exams:
        row = exam.row()
        values = "".join(f"{percent(row[figure]):>16}" for figure in FIGURES)
        print(f"{exam.name:28}{values}{exam.seconds:9.0f}  {', '.join(exam.alike)}")
    print(f"\n{'points more than':28}{heading}")
    for row in differences:
        values = "".join(f"{percent(row[figure], '+'):>16}" for figure in FIGURES)
        other = row["other"] + (" (began with it)" if row["began_with_it"] else "")
        print(f"{row['exam']}: {other}"[:60].ljust(28) + values)
    print("\nmean ± half of the 95 % interval over seeds, in percent and points; * does not contain 0")


def seeds_of(text):
    seeds = [int(seed) for seed in text.split(",")]
    if len(set(seeds)) != len(seeds) or len(seeds) > len(QUANTILES) + 1:
        raise ValueError
    return seeds


def main():
    parser = argparse.ArgumentParser(description="Runs a recipe for several seeds and compares what was examined")
    parser.add_argument("--recipe", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=seeds_of, default=[0, 1, 2], help="different numbers, at most 31")
    parser.add_argument("--scale", type=float, default=1.0, help="every `minutes` of the recipe counts so many times")
    parser.add_argument("--binary", type=pathlib.Path, default=TARGET / "release" / "prentice", help="our program")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target" / "bench-learn", help="where results go")
    options = parser.parse_args()
    if not options.binary.exists():
        parser.error(f"there is no program {options.binary}; build it by `cargo build --release`")
    if not options.recipe.exists():
        parser.error(f"there is no recipe {options.recipe}")

    stages = tomllib.loads(options.recipe.read_text()).get("stage", [])
    recipe = {stage["name"]: stage for stage in stages}
    examined = [stage for stage in stages if stage["name"].startswith("exam-") and stage["does"] == "measure"]
    if not examined:
        parser.error(f"{options.recipe} has no stage that does `measure` and whose name begins with `exam-`")
    runs = [run(options, seed) for seed in options.seeds]
    exams = [Exam(stage, recipe, runs) for stage in examined]
    differences = [
        difference(learner, other)
        for learner in exams
        for other in exams
        if learner.learns and not other.learns and learner.alike == other.alike
    ]
    print_tables(exams, differences)
    result = {
        "benchmark": "learn",
        "recipe": options.recipe.name,
        "seeds": options.seeds,
        "scale": options.scale,
        "machine": machine(),
        "exams": [exam.row() | {"by_seed": exam.figures} for exam in exams],
        "differences": differences,
    }
    (options.out / "learn.json").write_text(json.dumps(result, indent=1))
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
