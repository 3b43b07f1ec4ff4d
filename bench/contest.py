"""What the benchmarks against other programs share: environments for rivals, processes that take turns, and a look at
what else keeps the machine busy meanwhile.

Not covered: what is measured, and how a ratio is formed; each benchmark says that itself.
"""

import dataclasses
import glob
import gzip
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CORES = len(os.sched_getaffinity(0))
# Share of the busy processor time that other programs may take. Beside two compilers, PyTorch's decode was seen to
# take twenty times as long: its OpenMP threads spin for one another, so a disturbance flatters our ratio.
DISTURBED = 0.05


def note(message):
    print(message, file=sys.stderr, flush=True)


def prepare_environment(directory, versions):
    """Makes a virtual environment with these versions of packages, unless it is there; gives its interpreter."""
    python = directory / "bin" / "python"
    wanted = [f"{name}=={version}" for name, version in versions.items()]
    # A build for one kind of machine has a suffix: 2.15.0+cpu.
    probe = "from importlib.metadata import version as v; print([f'{n}=={v(n).split(chr(43))[0]}' for n in %r])"
    if python.exists():
        found = subprocess.run([python, "-c", probe % list(versions)], capture_output=True, text=True)
        if found.stdout.strip() == str(wanted):
            return python
    note(f"installing {', '.join(wanted)} into target/{directory.name}")
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    return python


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


class Failed(Exception):
    """A worker ended before its answer; says what it left on stderr."""


class Worker:
    """The process of a contender, which is warm and answers each line by one line of JSON; see `torch_worker.py`."""

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
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # `read_line` tells why.
        return json.loads(self.read_line())

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


def run_measured(command, directory, environment=None):
    """Standard output, processor seconds of the tree (as far as each parent has waited for its children), seconds."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=directory,
            env=environment,
        )
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            errors.seek(0)
            tail = " | ".join(errors.read().strip().splitlines()[-5:])
            raise RuntimeError(f"`{process.args[0]}` ended with code {process.returncode}: {tail}")
    return output, usage.ru_utime + usage.ru_stime, time.monotonic() - started


def machine_cpu_seconds():
    """Seconds that all cores together were busy since the machine started."""
    user, nice, system, _idle, _wait, interrupt, soft_interrupt, steal = map(
        int, pathlib.Path("/proc/stat").read_text().split()[1:9]
    )
    return (user + nice + system + interrupt + soft_interrupt + steal) / os.sysconf("SC_CLK_TCK")


def others_share(busy, own):
    """The share of the processor time `busy` that was not `own`."""
    return max(0.0, (busy - own) / busy)


def print_disturbance(share):
    """Says what other programs took, and whether that spoils the ratios."""
    print(f"other programs took {share:.0%} of the busy processor time")
    if share > DISTURBED:
        print("DISTURBED: these ratios must not be quoted, repeat on an idle machine")


def read_lines(path):
    """The values of a file of JSON lines, which may be compressed."""
    opened = gzip.open(path, "rt") if str(path).endswith(".gz") else open(path)
    with opened as file:
        return [json.loads(line) for line in file]


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", text)
    flags = set((re.search(r"flags\s*:\s*(.*)", text) or [None, ""])[1].split())
    interesting = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"]
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": CORES,
        "instructions": [flag for flag in interesting if flag in flags],
        "python": platform.python_version(),
    }
