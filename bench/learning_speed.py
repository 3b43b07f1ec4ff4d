#!/usr/bin/env python3
"""Learning from execution against TRL, and fine-tuning against PyTorch, on this machine with a tiny model.

    python3 bench/learning_speed.py            # the first run installs TRL and PyTorch (6 GB)
    python3 bench/learning_speed.py --quick    # fewer rounds and steps
    python3 bench/learning_speed.py --binary target/release/prentice --only rl --dtypes f32

It needs only the standard library and our program, built by `cargo build --release`: it makes a virtual environment
under `target/` and installs TRL, Transformers and PyTorch there, at pinned versions. First our program makes a model of
.85M parameters that writes short Python functions (kept for the next run); the rivals load the very same weights and
tokenizer. Then ours and theirs take turns. Each turn of ours is a `prentice run` of a recipe, of which the steps are
timed by the program itself; the rivals are processes that stay.

- **Reinforcement learning**: 32 prompts x 8 attempts of at most 96 tokens a step, temperature 1, one update of Dr.GRPO.
  The reward of both sides is a coin, so that nearly every group has a gradient. Ours executes all tests of every attempt
  nevertheless, within the time of its rollouts; TRL executes nothing, which favours TRL. The learning rate is so small
  that responses keep their lengths. `rollouts/s` is attempts over the time until they are sampled (and judged, ours),
  `steps/s` counts whole steps.
- **Supervised fine-tuning**: 4096 tokens a step, AdamW, loss on the responses. PyTorch runs a plain loop around
  `LlamaForCausalLM`, once with padded batches (TRL's default) and once with packed rows without document masks (which
  favours PyTorch). Tokens are those that are no padding.

A ratio is the median of ours over that of the rival, in the same arithmetic; above 1 we are faster. The last line is all
results as JSON, and so is `target/bench-learning/result.json`.

*Not* covered: how well either side learns (the goldens hold the mathematics together), vLLM, and larger models.
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import statistics
import sys

sys.dont_write_bytecode = True
from contest import (  # noqa: E402: nothing may be written beside the scripts.
    CORES,
    DISTURBED,
    ROOT,
    TARGET,
    Contender,
    Failed,
    Worker,
    allocator,
    machine,
    machine_cpu_seconds,
    note,
    others_share,
    prepare_environment,
    print_disturbance,
    run_measured,
)

WORK = ROOT / "target" / "bench-learning"
ENVIRONMENT = ROOT / "target" / "bench-learning-venv"
VERSIONS = {"torch": "2.15.0", "transformers": "5.23.0", "trl": "1.16.0", "numpy": "2.4.6"}
LEARNING_RATE = 1e-6
# What is measured of each kind of work, and the ratio that is wanted.
GOALS = {"rl": {"rollouts/s": 3.0, "generated tokens/s": None, "steps/s": 2.0}, "sft": {"tokens/s": 1.2}}

# Steps and not minutes, so that every machine and every run has the same model.
MODEL = """
title = "A small model for the benchmark of learning"
seed = 1

[[stage]]
name = "tasks"
does = "generate"
family = "docfn"
train = 4096
test = 64

[[stage]]
name = "labels"
does = "label"
tasks = "tasks"

[[stage]]
name = "base"
does = "pretrain"
texts = ["labels"]
layers = 4
hidden = 128
vocabulary = 512
steps = 120

[[stage]]
name = "sft"
does = "sft"
model = "base"
examples = ["labels"]
steps = 180
"""
MEASURED = {
    "rl": """
[[stage]]
name = "speed-rl"
does = "rl"
model = "sft"
tasks = ["tasks"]
algorithm = "dr-grpo"
groups = 32
group_size = 8
turn_tokens = 96
curriculum = false
reward = "random"
learning_rate = {learning_rate}
steps = {steps}
""",
    "sft": """
[[stage]]
name = "speed-sft"
does = "sft"
model = "sft"
examples = ["labels"]
tokens_a_batch = 4096
learning_rate = {learning_rate}
steps = {steps}
""",
}


class Ours:
    """Our program, which starts anew for each turn."""

    def __init__(self, binary, environment):
        self.binary, self.environment = binary, environment
        self.cpu_seconds = 0.0

    def run(self, dtype, recipe):
        """The events of a run, and its stages by name. What was made before is used again."""
        path = WORK / "recipe.toml"
        path.write_text(recipe)
        command = [self.binary, "run", path, "--out", WORK / "ours", "--precision", dtype, "--json"]
        output, cpu, _ = run_measured(command, WORK, self.environment)
        events = [json.loads(line) for line in output.splitlines()]
        if not events or events[-1]["event"] != "summary":
            raise RuntimeError(f"`{self.binary} run` did not get to its end; try it with {path}")
        self.cpu_seconds += cpu
        return events, {stage["name"]: stage for stage in events[-1]["stages"]}

    def make_model(self, dtype):
        """Directories of the model's stages. Each arithmetic has a model of its own, which differs in the last bits."""
        return {name: WORK / stage["directory"] for name, stage in self.run(dtype, MODEL)[1].items()}

    def turn(self, work, dtype, steps):
        """The steps of a turn but the first, as the rivals answer them."""
        for left in (WORK / "ours" / "runs").glob("speed-*"):
            shutil.rmtree(left)
        measured = MEASURED[work].format(steps=steps + 1, learning_rate=LEARNING_RATE)
        events, stages = self.run(dtype, MODEL + measured)
        if work == "rl":
            state = json.loads((WORK / stages["speed-rl"]["directory"] / "state.json").read_text())
            completions = 32 * 8
            return [
                {
                    "seconds": point["rollout_seconds"] + point["update_seconds"],
                    "rollout_seconds": point["rollout_seconds"],
                    "completions": completions,
                    "tokens": round(point["length"] * completions),
                }
                for point in state["curve"][1:]
            ]
        reports = [event for event in events if event["event"] == "train_step"]
        first, last = (
            {"seconds": report["tokens"] / report["tokens_per_second"], "tokens": report["tokens"]}
            for report in (reports[0], reports[-1])
        )
        # Steps are reported from time to time only, so that a turn is one figure.
        return [{key: last[key] - first[key] for key in first}]


def rivals(work, dtype, python, made, quick):
    worker = (python, ROOT / "bench" / "learning_worker.py")
    common = ("--model", made["sft"] / "model", "--dtype", dtype, "--learning-rate", LEARNING_RATE)
    if work == "rl":
        # How much TRL differentiates at a time changes its speed, so that it gets two tries.
        for micro in (32,) if quick else (32, 256):
            data = made["tasks"] / "train.jsonl"
            command = (*worker, "grpo", *common, "--data", data, "--micro", micro)
            yield Contender(f"TRL, {micro} at a time", dtype, command)
    else:
        for rows in ("padded", "packed"):
            command = (*worker, "sft", *common, "--data", made["labels"] / "examples.jsonl", "--rows", rows)
            yield Contender(f"torch eager, {rows}", dtype, command)


def by_step(answer):
    """The lists of an answer as one table for each step."""
    return [dict(zip(answer, values)) for values in zip(*answer.values(), strict=True)]


def measure(work, options, ours, environment, python):
    """Runs all contenders in turns.

    Returns rounds of steps by contender, the share of the busy processor time that other programs took, and what the
    rivals say about themselves.
    """
    workers, rounds = collections.defaultdict(list), collections.defaultdict(list)
    steps = {"rl": options.rl_steps, "sft": options.sft_steps}[work]
    own_contenders = {dtype: Contender("prentice", dtype, ()) for dtype in options.dtypes}
    try:
        for dtype in options.dtypes:
            note(f"making the model, unless it is there: {dtype}")
            made = ours.make_model(dtype)
            for contender in rivals(work, dtype, python, made, options.quick):
                note(f"warming up {work}: {contender}")
                try:
                    workers[dtype].append(Worker(contender, environment))
                except Failed as error:
                    note(f"left out: {error}")
        everyone = [worker for group in workers.values() for worker in group]

        def own_seconds():
            return ours.cpu_seconds + sum(worker.cpu_seconds() for worker in everyone)

        busy, own = machine_cpu_seconds(), own_seconds()
        for number in range(options.rounds):
            note(f"measuring {work}: round {number + 1} of {options.rounds}")
            for dtype in options.dtypes:
                rounds[own_contenders[dtype]].append(ours.turn(work, dtype, steps))
                for worker in workers[dtype]:
                    rounds[worker.contender].append(by_step(worker.ask(f"run {steps}")))
        share = others_share(machine_cpu_seconds() - busy, own_seconds() - own)
        return rounds, share, {str(worker.contender): worker.about for worker in everyone}
    finally:
        for group in workers.values():
            for worker in group:
                worker.stop()


def rate(figure, step):
    match figure:
        case "rollouts/s":
            return step["completions"] / step["rollout_seconds"]
        case "generated tokens/s":
            return step["tokens"] / step["rollout_seconds"]
        case "steps/s":
            return 1 / step["seconds"]
        case "tokens/s":
            return step["tokens"] / step["seconds"]


def summarise(work, rounds):
    """A row for each figure and contender; those of rivals carry the ratio of ours to theirs."""
    rows = []
    for figure, goal in GOALS[work].items():
        rates = {
            contender: [[rate(figure, step) for step in steps] for steps in turns]
            for contender, turns in rounds.items()
        }
        medians = {contender: statistics.median(sum(turns, [])) for contender, turns in rates.items()}
        for contender, turns in rates.items():
            row = {
                "work": work,
                "figure": figure,
                "engine": contender.engine,
                "dtype": contender.dtype,
                "median": round(medians[contender], 3),
                "lowest": round(min(sum(turns, [])), 3),
                "highest": round(max(sum(turns, [])), 3),
                "goal": goal,
            }
            if work == "rl":
                steps = sum(rounds[contender], [])
                row["tokens_an_attempt"] = round(
                    sum(step["tokens"] for step in steps) / sum(step["completions"] for step in steps), 1
                )
            if contender.engine != "prentice":
                own = Contender("prentice", contender.dtype, ())
                by_round = [statistics.median(a) / statistics.median(b) for a, b in zip(rates[own], turns)]
                row["ratio"] = round(medians[own] / medians[contender], 3)
                row["ratio_lowest_round"], row["ratio_highest_round"] = round(min(by_round), 3), round(max(by_round), 3)
            rows.append(row)
    return rows


def verdicts(rows):
    """For each figure with a goal and each arithmetic, the ratio to the fastest rival; and best against best."""
    found = []
    for work, figures in GOALS.items():
        for figure, goal in figures.items():
            of_figure = [row for row in rows if (row["work"], row["figure"]) == (work, figure)]
            dtypes = list(dict.fromkeys(row["dtype"] for row in of_figure))
            for chosen in [[dtype] for dtype in dtypes] + ([dtypes] if len(dtypes) > 1 else []):
                medians = {True: [], False: []}
                for row in of_figure:
                    if row["dtype"] in chosen:
                        medians[row["engine"] == "prentice"].append(row["median"])
                if goal and all(medians.values()):
                    ratio = round(max(medians[True]) / max(medians[False]), 3)
                    name = chosen[0] if len(chosen) == 1 else "best of each"
                    found.append({"figure": f"{work} {figure}", "dtype": name, "ratio": ratio, "goal": goal})
    return found


def print_tables(rows, found):
    print(f"\n{'figure':23} {'engine':22} {'type':5} {'median':>9} {'lowest-highest':>19}  ours / theirs (by round)")
    for row in rows:
        spread = f"{row['lowest']:.2f}-{row['highest']:.2f}"
        figure = f"{row['work']} {row['figure']}"
        line = f"{figure:23} {row['engine']:22} {row['dtype']:5} {row['median']:9.2f} {spread:>19}"
        if "ratio" in row:
            line += f"  {row['ratio']:.2f} ({row['ratio_lowest_round']:.2f}-{row['ratio_highest_round']:.2f})"
        print(line)
    lengths = {f"{row['engine']} {row['dtype']}": row["tokens_an_attempt"] for row in rows if row["work"] == "rl"}
    if lengths:
        print("tokens an attempt: " + "; ".join(f"{name} {length}" for name, length in lengths.items()))
    print(f"\n{'against the fastest rival':25} {'type':13} {'ratio':>6} {'goal':>6}")
    for one in found:
        outcome = "reached" if one["ratio"] >= one["goal"] else "missed"
        print(f"{one['figure']:25} {one['dtype']:13} {one['ratio']:6.2f} {one['goal']:6.1f} {outcome}")
    print()


def main():
    parser = argparse.ArgumentParser(description="Measures our learning against TRL and PyTorch on this machine")
    parser.add_argument("--binary", type=pathlib.Path, default=TARGET / "release" / "prentice", help="our program")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and steps")
    parser.add_argument("--only", choices=list(GOALS), help="measure one kind of work alone")
    parser.add_argument("--dtypes", nargs="+", choices=["f32", "bf16"], default=["f32", "bf16"])
    options = parser.parse_args()
    options.rounds, options.rl_steps, options.sft_steps = (1, 2, 5) if options.quick else (5, 3, 10)
    if not options.binary.exists():
        sys.exit(f"error: there is no program {options.binary}\nhint: build it by `cargo build --release`")

    python = prepare_environment(ENVIRONMENT, VERSIONS)
    WORK.mkdir(parents=True, exist_ok=True)
    tuned, name = allocator()
    common = os.environ | tuned
    ours = Ours(options.binary.resolve(), common)
    environment = common | {
        "OMP_NUM_THREADS": str(CORES),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    rows, others, about, raw = [], {}, {}, {}
    for work in [options.only] if options.only else GOALS:
        rounds, others[work], about[work] = measure(work, options, ours, environment, python)
        rows += summarise(work, rounds)
        raw[work] = {str(contender): turns for contender, turns in rounds.items()}
    found = verdicts(rows)
    print_tables(rows, found)
    versions = ", ".join(f"{package} {version}" for package, version in VERSIONS.items())
    print(f"{versions}; allocator: {name}; threads: {CORES}")
    for work, share in others.items():
        print(f"{work}: ", end="")
        print_disturbance(share)
    result = {
        "benchmark": "learning_speed",
        "disturbed": any(share > DISTURBED for share in others.values()),
        "machine": machine(),
        "versions": VERSIONS,
        "allocator": name,
        "share_of_other_programs": {work: round(share, 3) for work, share in others.items()},
        "workers": about,
        "results": rows,
        "against_the_fastest": found,
    }
    (WORK / "result.json").write_text(json.dumps(result | {"rounds": raw}, indent=1))
    print(json.dumps(result))
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
