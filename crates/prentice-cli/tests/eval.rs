//! `prentice eval SUITE` from samples to scores: HumanEval executed for real, whatever the samples do.

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    ops::Range,
    process::Stdio,
    thread,
    time::Duration,
};

use common::{Sandbox, assert_gone, can_examine, descendants};
use expect_test::{Expect, expect};
use prentice_base::ContentHash;
use serde_json::{Value, json};

/// The published solutions: task and completion. They are what `--canonical` leaves.
fn canonical(sandbox: &Sandbox) -> Vec<(String, String)> {
    sandbox.summary("eval humaneval --canonical --out canonical");
    let text = fs::read_to_string(sandbox.path("canonical/canonical.jsonl")).unwrap();
    let text_of = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .map(|line| (text_of(&line, "task_id"), text_of(&line, "completion")))
        .collect()
}

fn write_samples<'a>(sandbox: &Sandbox, name: &str, samples: impl IntoIterator<Item = (&'a str, &'a str)>) {
    let line = |(task, completion)| format!("{}\n", json!({ "task_id": task, "completion": completion }));
    sandbox.write(name, samples.into_iter().map(line).collect::<String>());
}

/// `task kind: detail` for every line of results.
fn verdicts(sandbox: &Sandbox, name: &str) -> String {
    let mut shown = String::new();
    for line in fs::read_to_string(sandbox.path(name)).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let verdict = &line["verdict"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = if verdict["kind"].is_null() { &verdict["verdict"] } else { &verdict["kind"] };
        // Detail of a time limit: where the machine is overloaded ten times, the limit on elapsed time is met first.
        let detail = if kind == "timeout" { String::new() } else { format!(" {}", text(&verdict["detail"])) };
        shown += format!("{} {}{detail}", text(&line["task_id"]), text(kind)).trim_end();
        shown.push('\n');
    }
    shown
}

#[test]
fn published_solutions_then_comparisons_with_them() {
    if !can_examine("published_solutions_then_comparisons_with_them") {
        return;
    }
    let sandbox = Sandbox::new();
    let summary = sandbox.summary("eval humaneval --canonical");
    for (key, expected) in [("total", 164), ("passed", 164), ("failed", 0), ("infrastructure_errors", 0)] {
        assert_eq!(summary[key], expected, "{key}");
    }
    assert_eq!(summary["pass_at_1"], 1.0);
    assert!(summary["executions_per_second"].as_f64().unwrap() > 0.0, "{summary}");
    let keys: Vec<&str> = summary.as_object().unwrap().keys().map(String::as_str).collect();
    expect!["event suite total passed failed infrastructure_errors pass_at_1 executions_per_second tasks missing unscored pass_at pass_hat refused failures cost_per_solved executed cpu_seconds seconds tier skipped contamination out"].assert_eq(&keys.join(" "));
    assert_eq!(
        sandbox.listing(".prentice/eval/humaneval"),
        ["canonical.jsonl", "report.html", "results.jsonl", "summary.json"]
    );
    let page = fs::read_to_string(sandbox.path(".prentice/eval/humaneval/report.html")).unwrap();
    for outside in ["http://", "https://", "<script", "<link", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "the page has {outside}");
    }

    let solutions = canonical(&sandbox);
    let worse = |(index, (task, text)): (usize, &'_ (String, String))| {
        (task.clone(), if index < 8 { "    pass\n".to_owned() } else { text.clone() })
    };
    let worse: Vec<(String, String)> = solutions.iter().enumerate().map(worse).collect();
    write_samples(&sandbox, "worse.jsonl", worse.iter().map(|(task, text)| (task.as_str(), text.as_str())));
    let run = "eval humaneval --samples worse.jsonl --out worse";
    let summary = sandbox.summary(run);
    assert_eq!((&summary["passed"], &summary["failed"]), (&json!(156), &json!(8)));
    // A failing sample is no failing command; and what is known is found out again only on demand.
    for (option, executed) in [("", 0), (" --rerun", 164)] {
        assert_eq!(sandbox.summary(&format!("{run}{option}"))["executed"], executed, "{option}");
    }

    // Eight tasks are lost and none is won: 2 / 2^8.
    let compared = sandbox.summary("eval compare .prentice/eval/humaneval worse canonical");
    let p_values: Vec<f64> = compared["comparisons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|comparison| comparison["p_value"].as_f64().unwrap())
        .collect();
    assert!((p_values[0] - 2.0 / 256.0).abs() < 1e-12 && p_values[1] == 1.0, "{p_values:?}");
    let text = sandbox.outcome(&mut sandbox.prentice("eval compare .prentice/eval/humaneval worse"));
    assert!(text.contains("McNemar's exact test") && text.ends_with("exit code 0\n"), "{text}");

    // Results of other tasks are not compared.
    write_samples(&sandbox, "other.jsonl", [("sample_0", "[(4, 1), (4, 1), (4, 1), (4, 1), (2, 3), (2, 3)]")]);
    let other = "eval cruxeval-output --samples other.jsonl --allow-missing --out other";
    assert_eq!(sandbox.summary(other)["passed"], 1);
    sandbox.check(
        &mut sandbox.prentice("eval compare canonical other"),
        expect![[r#"
        error: canonical holds results on humaneval, other on cruxeval-output
        hint: compare runs of one suite on the same data
        exit code 2
    "#]],
    );

    // A corpus that has the longest solution.
    let (task, longest) = solutions.iter().max_by_key(|(_, text)| text.len()).unwrap();
    sandbox.tree("tree", 3);
    sandbox.write("tree/leak.py", format!("def leaked(first, second=None, third=None):\n{longest}\n"));
    sandbox.summary("corpus build tree --out corpus");
    let summary = sandbox.summary("eval humaneval --samples worse.jsonl --out exposed --against corpus");
    let contamination = &summary["contamination"];
    let found: Vec<&Value> = contamination["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|found| found["contaminated"] == true)
        .map(|found| &found["task"])
        .collect();
    assert_eq!(found, [task], "{contamination}");
    assert_eq!((&contamination["clean"]["total"], &contamination["contaminated"]["total"]), (&json!(163), &json!(1)));
}

#[test]
fn whatever_a_sample_does_has_its_verdict() {
    if !can_examine("whatever_a_sample_does_has_its_verdict") {
        return;
    }
    let sandbox = Sandbox::new();
    let right = "    return any(abs(a - b) < threshold for i, a in enumerate(numbers) for b in numbers[i + 1:])\n";
    write_samples(
        &sandbox,
        "samples.jsonl",
        [
            ("HumanEval/0", right),
            // Twice the same is fine.
            ("HumanEval/0", right),
            ("HumanEval/1", "    return []\n"),
            ("HumanEval/2", "    while True: pass\n"),
            ("HumanEval/3", "    import ctypes\n    ctypes.string_at(0)\n"),
            ("HumanEval/4", "    while True: print('x' * 1000)\n"),
            ("HumanEval/5", "    return input()\n"),
            ("HumanEval/6", "    return (((\n"),
            ("HumanEval/7", "    raise ValueError('no')\n"),
            ("HumanEval/8", "    import os; os._exit(0)\n"),
            ("HumanEval/9", "    return bytearray(1 << 40)\n"),
            ("HumanEval/10", "    import sys; sys.exit(0)\n"),
            ("HumanEval/11", "    import socket; socket.socket().connect(('127.0.0.1', 80))\n"),
            ("HumanEval/12", ""),
        ],
    );
    let run = "eval humaneval --samples samples.jsonl --allow-missing --out out";
    let summary = sandbox.summary(run);
    expect![[r#"
        HumanEval/0 pass
        HumanEval/0 pass
        HumanEval/1 wrong_answer AssertionError: assert candidate('(()()) ((())) () ((())()())') == [
        HumanEval/2 timeout
        HumanEval/3 exception ended by signal 11
        HumanEval/4 timeout
        HumanEval/5 exception EOFError: EOF when reading a line (line 11)
        HumanEval/6 compile_error SyntaxError: '(' was never closed (<candidate>, line 12)
        HumanEval/7 exception ValueError: no (line 11)
        HumanEval/8 no_output ended without an answer
        HumanEval/9 memory MemoryError (line 10)
        HumanEval/10 exception SystemExit: 0 (line 20)
        HumanEval/11 forbidden PermissionError: [Errno 1] Operation not permitted (line 10)
        HumanEval/12 wrong_answer AssertionError: assert candidate(['x', 'y', 'z']) == 'x'
    "#]]
    .assert_eq(&verdicts(&sandbox, "out/results.jsonl"));
    assert_eq!((&summary["total"], &summary["missing"]), (&json!(14), &json!(151)));
    assert_eq!((&summary["passed"], &summary["infrastructure_errors"]), (&json!(2), &json!(0)));
}

#[test]
fn a_completion_of_100_megabytes_fails_without_being_run() {
    if !can_examine("a_completion_of_100_megabytes_fails_without_being_run") {
        return;
    }
    let sandbox = Sandbox::new();
    write_samples(&sandbox, "samples.jsonl", [("HumanEval/2", "    return number % 1.0\n")]);
    let mut file = fs::OpenOptions::new().append(true).open(sandbox.path("samples.jsonl")).unwrap();
    file.write_all(br#"{"task_id": "HumanEval/1", "completion": ""#).unwrap();
    for _ in 0..100 {
        file.write_all(&vec![b'#'; 1_000_000]).unwrap();
    }
    file.write_all(b"\"}\n").unwrap();
    let run = "eval humaneval --samples samples.jsonl --allow-missing --out out";
    sandbox.check(sandbox.prentice(run).arg("--quiet"), expect![[r#"
        warning: samples.jsonl has no sample for 162 of the 164 tasks of humaneval: HumanEval/0, HumanEval/3, HumanEval/4, ...
        warning: 1 sample longer than 1.05 MB: refused unexecuted, and scored as failures
        exit code 0
    "#]]);
    expect![[r#"
        HumanEval/2 pass
        HumanEval/1 compile_error the source text is longer than 1048576 bytes
    "#]]
    .assert_eq(&verdicts(&sandbox, "out/results.jsonl"));
    let file = fs::read_to_string(sandbox.path("out/summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&file).unwrap();
    assert_eq!((&summary["passed"], &summary["failed"]), (&json!(1), &json!(1)));
}

/// Right, wrong and slow samples: seconds of work, so that there is time to be killed.
fn mixed(sandbox: &Sandbox) {
    const SLOW: &str = "    pass\nfor _ in range(15_000_000): pass\n";
    let solutions = canonical(sandbox);
    let samples = solutions.iter().enumerate().map(|(index, (task, solution))| {
        let completion = match index {
            _ if index % 20 == 3 => SLOW,
            _ if index % 3 == 1 => "    pass\n",
            _ => solution,
        };
        (task.as_str(), completion)
    });
    write_samples(sandbox, "samples.jsonl", samples);
}

/// What a run leaves for people and programs.
const LEFT: [&str; 3] = ["results.jsonl", "summary.json", "report.html"];

#[test]
fn killed_and_resumed_is_the_same_to_the_byte_and_nothing_survives() {
    if !can_examine("killed_and_resumed_is_the_same_to_the_byte_and_nothing_survives") {
        return;
    }
    let (whole, killed) = (Sandbox::new(), Sandbox::new());
    mixed(&whole);
    let samples = fs::read(whole.path("samples.jsonl")).unwrap();
    killed.write("samples.jsonl", samples);
    fs::create_dir(killed.path("temporary")).unwrap();
    let run = "eval humaneval --samples samples.jsonl --out out --seed 5";
    whole.summary(&format!("{run} --threads 3"));

    let (mut kills, mut below) = (0, 0);
    for round in 0..6u8 {
        let mut child = killed
            .prentice(&format!("{run} --threads 2 --json"))
            .env("TMPDIR", killed.path("temporary"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // At a random moment after the first, second or third time that something is written: so every round gets on.
        let chance = ContentHash::of(&[round]).unit_interval();
        let mut progress = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .filter(|line| line.as_ref().unwrap().contains(r#""event":"progress","stage":"execute""#));
        let is_running = progress.nth((chance * 3.0) as usize).is_some();
        thread::sleep(Duration::from_millis((chance * 997.0) as u64 % 200));
        let processes = descendants(child.id());
        child.kill().unwrap();
        let status = child.wait().unwrap();
        kills += u32::from(!status.success());
        below += processes.len();
        assert_gone(&processes);
        assert!(is_running || status.success());
        // What was found out must be in the run's own log, not only where all runs share it.
        fs::remove_dir_all(killed.path("cache")).unwrap();
    }
    assert!(kills >= 3, "{kills} of 6 were killed in time");
    assert!(below >= 2, "no interpreter was there to survive");
    assert_eq!(killed.listing("temporary"), [""; 0]);
    let summary = killed.summary(&format!("{run} --threads 1"));
    assert!(summary["executed"].as_u64().unwrap() < 164, "{summary}");
    for name in LEFT {
        let read = |sandbox: &Sandbox| fs::read(sandbox.path("out").join(name)).unwrap();
        assert!(read(&whole) == read(&killed), "{name} differs after {kills} kills");
    }
}

/// As in `bad_input.rs`, a limit on the size of files stands in for a full disk.
#[test]
fn what_was_found_out_before_the_disk_was_full_is_kept() {
    if !can_examine("what_was_found_out_before_the_disk_was_full_is_kept") {
        return;
    }
    let (whole, sandbox) = (Sandbox::new(), Sandbox::new());
    canonical(&whole);
    fs::copy(whole.path("canonical/canonical.jsonl"), sandbox.path("samples.jsonl")).unwrap();
    let run = "eval humaneval --samples samples.jsonl --out out";
    let mut kept = 0;
    let mut fails = |before: &str, expected: Expect, grows_to: Range<usize>| {
        sandbox.check(&mut sandbox.shell(before, &format!("{run} --quiet")), expected);
        let listing = sandbox.listing(".prentice/runs");
        let name = listing.iter().find(|name| name.ends_with("log.jsonl")).unwrap();
        let log = fs::read_to_string(sandbox.path(".prentice/runs").join(name)).unwrap();
        let lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n')).count();
        assert!(lines > kept && grows_to.contains(&lines), "{kept}, then {lines}");
        kept = lines;
        assert_eq!(sandbox.listing("out"), [""; 0]);
    };
    // What does not fit, in blocks of 512 bytes: first the verdicts for other runs, which are longer than the run's own
    // log of 10 KB, then the log, then the results.
    fails(
        "ulimit -f 20",
        expect![[r#"
        error: cannot write <dir>/cache/prentice/verdicts.jsonl
        caused by: File too large (os error 27)
        hint: lift the limit on the size of files (`ulimit -f`), or choose a place on another file system
        hint: what was found out so far is kept: run the command again to continue
        exit code 2
    "#]],
        50..140,
    );
    fails(
        "unset XDG_CACHE_HOME HOME; ulimit -f 16",
        expect![[r#"
        error: cannot write .prentice/runs/execute-<digest>/log.jsonl
        caused by: File too large (os error 27)
        hint: lift the limit on the size of files (`ulimit -f`), or choose a place on another file system
        hint: what was found out so far is kept: run the command again to continue
        exit code 2
    "#]],
        60..164,
    );
    fails(
        "unset XDG_CACHE_HOME HOME; ulimit -f 20",
        expect![[r#"
        error: cannot write out/results.jsonl
        caused by: File too large (os error 27)
        hint: lift the limit on the size of files (`ulimit -f`), or choose a place on another file system
        exit code 2
    "#]],
        164..165,
    );
    let summary = sandbox.summary(run);
    assert_eq!((&summary["passed"], &summary["executed"]), (&json!(164), &json!(0)));
    for name in LEFT {
        let read = |sandbox: &Sandbox, directory: &str| fs::read(sandbox.path(directory).join(name)).unwrap();
        assert!(read(&sandbox, "out") == read(&whole, "canonical"), "{name} differs");
    }
}

#[test]
fn a_model_writes_the_samples() {
    if !can_examine("a_model_writes_the_samples") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.tree("tree", 8);
    sandbox.summary("corpus build tree --out corpus --held-out 0.2");
    sandbox.summary("tokens train --corpus corpus --size 300 --out vocabulary");
    sandbox.summary("tokens encode --corpus corpus --vocabulary vocabulary --context 64 --out tokens");
    sandbox.summary("model train --shards tokens --out run --steps 2 --layers 1 --batch-rows 2 --quiet");
    let run = "eval humaneval --model run/model --max-tokens 8 --samples-per-task 2 --k 2 --temperature 1 --seed 3";
    let first = sandbox.summary(&format!("{run} --out first"));
    assert_eq!((&first["total"], &first["tasks"], &first["passed"]), (&json!(328), &json!(164), &json!(0)));
    assert_eq!(first["pass_at"]["2"]["value"], 0.0);
    // The same seed writes the same, at any number of threads.
    sandbox.summary(&format!("{run} --out second --threads 1"));
    let samples = |directory: &str| {
        let listing = sandbox.listing(directory);
        let name = listing.iter().find(|name| name.starts_with("model-")).unwrap();
        fs::read(sandbox.path(directory).join(name)).unwrap()
    };
    assert!(samples("first") == samples("second"));
}
