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
import glob
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / "target" / "bench-venv"
PYTHON = ENVIRONMENT / "bin" / "python"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
TORCH = "2.15.0"
CORES = len(os.sched_getaffinity(0))
# Share of the busy processor time that other programs may take. Beside two compilers, PyTorch's decode was seen to
# take twenty times as long: its OpenMP threads spin for one another, so a disturbance flatters our ratio.
DISTURBED = 0.05
PREFILL_TOKENS, DECODE_TOKENS, BATCH_TOKENS = 512, 256, 8 * 256


def prepare_torch():
    """Makes the virtual environment with PyTorch, unless it is there."""
    probe = f"import torch; assert torch.__version__.split('+')[0] == '{TORCH}'"
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", probe], capture_output=True).returncode == 0:
        return
    note(f"installing PyTorch {TORCH} into target/bench-venv")
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", f"torch=={TORCH}", "numpy"], check=True)


def build_ours():
    note("building our examples")
    packages = ["--package", "prentice-model", "--package", "prentice-train"]
    subprocess.run(["cargo", "build", "--release", *packages, "--examples"], check=True, cwd=ROOT)


def allocator():
    """Environment variables of the best allocator at hand, and its name.

    PyTorch allocates and frees tens of megabytes in each step. Measured on its eager f32 step (2 cores): tcmalloc and
    jemalloc that keeps its pages 460 ms, glibc that keeps them 485, glibc as it comes 530, jemalloc as it comes 615.
    """

    def library(pattern):
        directories = ["/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"]
        return next((path for directory in directories for path in glob.glob(f"{directory}/{pattern}")), None)

    if path := library("libtcmalloc_minimal.so.4"):
        return {"LD_PRELOAD": path}, "tcmalloc"
    if path := library("libjemalloc.so.2"):
        keep_pages = "oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1"
        return {"LD_PRELOAD": path, "MALLOC_CONF": keep_pages}, "jemalloc, pages kept"
    keep_pages = {
        "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
        "MALLOC_MMAP_THRESHOLD_": str(8 << 30),
        "MALLOC_TOP_PAD_": str(256 << 20),
    }
    return keep_pages, "glibc, pages kept (Debian's libtcmalloc-minimal4 is a little faster)"


@dataclasses.dataclass(frozen=True)
class Contender:
    engine: str
    dtype: str
    command: tuple

    def __str__(self):
        return f"{self.engine} {self.dtype}"


def contenders(work):
    """Ours and PyTorch's for `train` or `generate`."""
    example = {"train": "step_speed", "generate": "decode_speed"}[work]
    worker = (PYTHON, ROOT / "bench" / "torch_worker.py", work, "--dtype")
    for dtype in ("f32", "bf16"):
        yield Contender("prentice", dtype, (TARGET / "release" / "examples" / example, "--dtype", dtype))
        yield Contender("torch eager", dtype, (*worker, dtype))
        yield Contender("torch.compile", dtype, (*worker, dtype, "--compile"))


class Failed(Exception):
    """A worker ended before its answer; says what it left on stderr."""


class Worker:
    """A process that answers each line by one line; see `torch_worker.py`."""

    def __init__(self, contender, environment):
        self.errors = tempfile.TemporaryFile("w+")
        command = [str(part) for part in contender.command]
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment
            )
        except OSError as error:
            raise Failed(f"{contender}: {error}") from error
        self.contender = contender
        word, _, about = self.read_line().partition(" ")
        if word != "ready":
            self.stop()
            raise Failed(f"{contender}: said `{word}` instead of `ready`")
        self.about = json.loads(about or "{}")

    def read_line(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            tail = self.errors.read().strip().splitlines()[-5:]
            raise Failed(f"{self.contender}: ended with code {self.process.returncode}: " + " | ".join(tail))
        return line.strip()

    def ask(self, command):
        """The seconds of each unit of work, as a list."""
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # `read_line` tells why.
        seconds = json.loads(self.read_line())["seconds"]
        return seconds if isinstance(seconds, list) else [seconds]

    def cpu_seconds(self):
        # The name of a process may contain spaces, so fields are counted from its closing bracket.
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        try:
            self.process.communicate("quit\n", timeout=10)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self.process.kill()
            self.process.wait()


def machine_cpu_seconds():
    """Seconds that all cores together were busy since the machine started."""
    user, nice, system, _idle, _wait, interrupt, soft_interrupt, steal = map(
        int, pathlib.Path("/proc/stat").read_text().split()[1:9]
    )
    return (user + nice + system + interrupt + soft_interrupt + steal) / os.sysconf("SC_CLK_TCK")


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
                    seconds = [s for _ in range(workload.repeats) for s in worker.ask(workload.command)]
                    rounds[workload.name, worker.contender].append(seconds)
        busy, own = machine_cpu_seconds() - busy, sum(worker.cpu_seconds() for worker in workers) - own
        about = {str(worker.contender): worker.about for worker in workers}
        return rounds, max(0.0, (busy - own) / busy), about
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


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", text)
    flags = set((re.search(r"flags\s*:\s*(.*)", text) or [None, ""])[1].split())
    interesting = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"]
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": CORES,
        "instructions": [flag for flag in interesting if flag in flags],
    }


def note(message):
    print(message, file=sys.stderr, flush=True)


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
        prepare_torch()
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
