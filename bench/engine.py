#!/usr/bin/env python3
"""Our engine against PyTorch on this machine: training steps, decoding and prefill of the 7M-parameter model.

    python3 bench/engine.py            # about ten minutes, after the first run has installed PyTorch (several GB)
    python3 bench/engine.py --quick    # fewer rounds

It needs no arguments and only the standard library: it makes a virtual environment under `target/`, installs a pinned
PyTorch there, builds our examples, and starts one worker process for each contender. All are warm before the first
measurement; then they take turns (A B C A B C ...) in one run, so that slow changes of the machine meet all
alike. A ratio is PyTorch's median seconds over ours: above 1 we are faster. Every process gets the same tuned allocator
and all cores.

*Not* covered: how well either side learns (the goldens hold the mathematics together), and larger models.
"""

import argparse
import collections
import dataclasses
import json
import os
import statistics
import subprocess
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
)

ENVIRONMENT = ROOT / "target" / "bench-venv"
PYTHON = ENVIRONMENT / "bin" / "python"
VERSIONS = {"torch": "2.15.0", "numpy": "2.4.6"}
PREFILL_TOKENS, DECODE_TOKENS, BATCH_TOKENS = 512, 256, 8 * 256


def build_ours():
    note("building our examples")
    packages = ["--package", "prentice-model", "--package", "prentice-train"]
    subprocess.run(["cargo", "build", "--release", *packages, "--examples"], check=True, cwd=ROOT)


def contenders(work):
    """Ours and PyTorch's for `train` or `generate`."""
    example = {"train": "step_speed", "generate": "decode_speed"}[work]
    worker = (PYTHON, ROOT / "bench" / "torch_worker.py", work, "--dtype")
    for dtype in ("f32", "bf16"):
        yield Contender("prentice", dtype, (TARGET / "release" / "examples" / example, "--dtype", dtype))
        yield Contender("torch eager", dtype, (*worker, dtype))
        yield Contender("torch.compile", dtype, (*worker, dtype, "--compile"))


@dataclasses.dataclass
class Workload:
    """A thing to measure: what to ask for in each round, and what one unit of the answer is worth in tokens."""

    name: str
    command: str
    repeats: int
    tokens: int


def workloads(work, quick):
    if work == "train":
        return [Workload("training step", f"run {2 if quick else 3}", 1, BATCH_TOKENS)]
    return [
        Workload("decode", f"decode {DECODE_TOKENS}", 1, DECODE_TOKENS),
        Workload("prefill", f"prefill {PREFILL_TOKENS}", 2 if quick else 5, PREFILL_TOKENS),
    ]


def seconds_of(answer):
    """The seconds of each unit of work, as a list."""
    seconds = answer["seconds"]
    return seconds if isinstance(seconds, list) else [seconds]


def measure(work, options, environments):
    """Runs all contenders of `work` in turns.

    Returns rounds of seconds by workload and contender, the share of the busy processor time that other programs took,
    and what the workers say about themselves.
    """
    workers, rounds = [], collections.defaultdict(list)
    try:
        # One after the other: a warm-up must not disturb another's.
        for contender in contenders(work):
            engine = "prentice" if contender.engine == "prentice" else "torch"
            if options.only in (None, engine):
                note(f"warming up {work}: {contender}")
                try:
                    workers.append(Worker(contender, environments[engine]))
                except Failed as error:
                    note(f"left out: {error}")
        busy, own = machine_cpu_seconds(), sum(worker.cpu_seconds() for worker in workers)
        for number in range(options.rounds):
            note(f"measuring {work}: round {number + 1} of {options.rounds}")
            for workload in workloads(work, options.quick):
                for worker in workers:
                    seconds = [s for _ in range(workload.repeats) for s in seconds_of(worker.ask(workload.command))]
                    rounds[workload.name, worker.contender].append(seconds)
        busy, own = machine_cpu_seconds() - busy, sum(worker.cpu_seconds() for worker in workers) - own
        about = {str(worker.contender): worker.about for worker in workers}
        return rounds, others_share(busy, own), about
    finally:
        for worker in workers:
            worker.stop()


def percentile(values, share):
    return sorted(values)[round(share * (len(values) - 1))]


def summarise(workload, rounds):
    """One row for each contender of a workload; PyTorch's rows carry the ratio to ours of the same type."""
    rows = []
    measured = {contender: values for (name, contender), values in rounds.items() if name == workload.name}
    ours = {contender.dtype: values for contender, values in measured.items() if contender.engine == "prentice"}
    for contender, values in measured.items():
        flat = [seconds for round_values in values for seconds in round_values]
        row = {
            "workload": workload.name,
            "engine": contender.engine,
            "dtype": contender.dtype,
            "milliseconds": round(1e3 * statistics.median(flat), 3),
            "best": round(1e3 * min(flat), 3),
            "p10": round(1e3 * percentile(flat, 0.1), 3),
            "p90": round(1e3 * percentile(flat, 0.9), 3),
            "tokens_per_second": round(workload.tokens / statistics.median(flat), 1),
        }
        if contender.engine != "prentice" and contender.dtype in ours:
            reference = ours[contender.dtype]
            flat_reference = [seconds for round_values in reference for seconds in round_values]
            by_round = [statistics.median(a) / statistics.median(b) for a, b in zip(values, reference)]
            row["ratio"] = round(statistics.median(flat) / statistics.median(flat_reference), 3)
            row["ratio_of_best"] = round(min(flat) / min(flat_reference), 3)
            row["ratio_lowest_round"], row["ratio_highest_round"] = round(min(by_round), 3), round(max(by_round), 3)
        rows.append(row)
    return rows


def print_table(rows):
    heading = f"{'workload':14} {'engine':14} {'type':5} {'ms':>9} {'p10-p90':>17} {'best':>9} {'tokens/s':>9}"
    print(f"\n{heading}  torch / ours (by round; of best)")
    for row in rows:
        columns = [
            f"{row['workload']:14} {row['engine']:14} {row['dtype']:5} {row['milliseconds']:9.1f}",
            f"{row['p10']:.1f}-{row['p90']:.1f}".rjust(17),
            f"{row['best']:9.1f} {row['tokens_per_second']:9.0f} ",
        ]
        if "ratio" in row:
            by_round = f"{row['ratio_lowest_round']:.2f}-{row['ratio_highest_round']:.2f}"
            columns.append(f"{row['ratio']:.2f} ({by_round}; {row['ratio_of_best']:.2f})")
        print(" ".join(columns).rstrip())
    print()


def main():
    parser = argparse.ArgumentParser(description="Measures our engine against PyTorch on this machine")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--only", choices=["prentice", "torch"], help="measure one side alone")
    parser.add_argument("--work", choices=["train", "generate"], help="measure training or generation alone")
    parser.add_argument(
        "--torch-without-amx",
        action="store_true",
        help="keep PyTorch off the processor's matrix unit, to compare both on the same instructions",
    )
    options = parser.parse_args()
    options.rounds = 2 if options.quick else 8

    if options.only != "prentice":
        prepare_environment(ENVIRONMENT, VERSIONS)
    if options.only != "torch":
        build_ours()
    tuned, name = allocator()
    common = os.environ | tuned
    threads = {"OMP_NUM_THREADS": str(CORES), "TORCHINDUCTOR_CACHE_DIR": str(ROOT / "target" / "bench-inductor")}
    isa = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"} if options.torch_without_amx else {}
    environments = {"prentice": common, "torch": common | threads | isa | {"PYTHONDONTWRITEBYTECODE": "1"}}

    rows, others, about = [], {}, {}
    for work in [options.work] if options.work else ["train", "generate"]:
        rounds, others[work], about[work] = measure(work, options, environments)
        for workload in workloads(work, options.quick):
            rows += summarise(workload, rounds)
    disturbed = any(share > DISTURBED for share in others.values())
    print_table(rows)
    print(f"allocator: {name}; threads: {CORES}" + ("; PyTorch kept off AMX" if isa else ""))
    for work, share in others.items():
        print(f"{work}: other programs took {share:.0%} of the busy processor time")
    if disturbed:
        print("DISTURBED: these ratios must not be quoted, repeat on an idle machine")
    result = {
        "benchmark": "engine",
        "disturbed": disturbed,
        "machine": machine(),
        "allocator": name,
        "torch_without_amx": bool(isa),
        "share_of_other_programs": {work: round(share, 3) for work, share in others.items()},
        "workers": about,
        "results": rows,
    }
    print(json.dumps(result))
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
