//! Files of samples: what is read, what is refused and how, and in how much memory.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
};

use expect_test::{Expect, expect};
use prentice_base::{ContentHash, FailureKind, Verdict};
use prentice_eval::samples::{self, Attempt, SOURCE_BYTES, Sample, Samples, SamplesError};

const IDS: [&str; 3] = ["HumanEval/0", "HumanEval/1", "HumanEval/2"];

/// Writes `content` to a file, opens it and shows all there is to see.
fn show(content: &[u8], limit: usize) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("samples.jsonl");
    fs::write(&path, content).unwrap();
    match Samples::open(&path, &IDS, limit) {
        Err(error) => error.to_string().replace(&path.display().to_string(), "FILE"),
        Ok(samples) => {
            let mut shown: Vec<String> = Vec::new();
            for i in 0..samples.total() {
                let sample = samples.read(i).unwrap();
                assert_eq!(sample.task, samples.task(i));
                shown.push(format!("{} {:?} {:?} {:?}", sample.task, sample.attempt, sample.cost, sample.tokens));
            }
            let (counts, missing) = (samples.counts(), samples.missing());
            let (repeated, oversized) = (samples.duplicates(), samples.oversized());
            shown.push(format!("{counts:?}, missing {missing:?}, {repeated} repeated, {oversized} oversized"));
            assert_eq!(samples.digest(), ContentHash::of(content));
            shown.join("\n")
        }
    }
}

#[track_caller]
fn check(content: impl AsRef<[u8]>, expected: Expect) {
    expected.assert_eq(&show(content.as_ref(), 100));
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

const GOOD: &str = r#"{"task_id": "HumanEval/0", "completion": "    return 1\n", "model": {"name": ["x", null]}}
{"completion":"\u00e4 \ud83d\ude00","task_id":"HumanEval\/2","cost":0.25,"tokens":12}

{"task_id": "HumanEval/0", "completion": "ignored", "solution": "def f(): pass", "cost": 1, "tokens": null}
{"task_id": "HumanEval/0", "completion": "    return 1\n"}
{"task_id": "HumanEval/2", "completion": ""}"#;

#[test]
fn good_files() {
    check(
        GOOD,
        expect![[r#"
        0 Completion("    return 1\n") None None
        2 Completion("ä 😀") Some(0.25) Some(12)
        0 Solution("def f(): pass") Some(1.0) None
        0 Completion("    return 1\n") None None
        2 Completion("") None None
        [3, 0, 2], missing [1], 1 repeated, 0 oversized"#]],
    );
    assert_eq!(show(GOOD.as_bytes(), 100), show(&gzip(GOOD.as_bytes()), 100));
    // Two gzip members, as `cat a.gz b.gz` makes them; line ends of Windows.
    let (start, end) = GOOD.split_at(GOOD.find("\n\n").unwrap() + 1);
    assert_eq!(show(GOOD.as_bytes(), 100), show(&[gzip(start.as_bytes()), gzip(end.as_bytes())].concat(), 100));
    assert_eq!(show(GOOD.as_bytes(), 100), show(GOOD.replace('\n', "\r\n").as_bytes(), 100));
}

#[test]
fn bad_files() {
    let one = r#"{"task_id": "HumanEval/0", "completion": "x"}"#;
    check("", expect!["FILE holds no sample"]);
    check("\n \n\r\n", expect!["FILE holds no sample"]);
    check(
        format!("{one}\n{{\"task_id\": \"HumanEval/0\", \"completion\": \"half of"),
        expect!["line 2 of FILE, column 49: EOF while parsing a string"],
    );
    check(format!("{one}\n\n{one} {one}\n"), expect!["line 3 of FILE, column 47: trailing characters"]);
    check("not json\n", expect!["line 1 of FILE, column 1: expected an object with `task_id` and `completion`"]);
    check(
        "[\"HumanEval/0\", \"x\"]\n",
        expect!["line 1 of FILE, column 1: expected an object with `task_id` and `completion`"],
    );
    check(format!("{one}\n{{\"completion\": \"x\"}}\n"), expect!["line 2 of FILE, column 19: missing field `task_id`"]);
    check(
        format!("{one}\n{{\"task_id\": \"HumanEval/0\", \"output\": \"x\"}}\n"),
        expect!["line 2 of FILE, column 41: neither `completion` nor `solution`"],
    );
    check(
        "{\"task_id\": \"HumanEval/0\", \"completion\": null}\n",
        expect!["line 1 of FILE, column 46: neither `completion` nor `solution`"],
    );
    check(
        "{\"task_id\": \"HumanEval/0\", \"completion\": [\"x\"]}\n",
        expect!["line 1 of FILE, column 41: invalid type: sequence, expected a string"],
    );
    check(
        "{\"task_id\": 0, \"completion\": \"x\"}\n",
        expect!["line 1 of FILE, column 13: invalid type: integer `0`, expected a string"],
    );
    check(
        "{\"task_id\": \"HumanEval/0\", \"completion\": \"x\", \"cost\": -1}\n",
        expect!["line 1 of FILE, column 57: `cost` is negative"],
    );
    check(
        "{\"task_id\": \"HumanEval/0\", \"completion\": \"x\", \"cost\": NaN}\n",
        expect!["line 1 of FILE, column 55: expected value"],
    );
    check(
        "{\"task_id\": \"HumanEval/0\", \"completion\": \"x\", \"tokens\": 1.5}\n",
        expect!["line 1 of FILE, column 59: invalid type: floating point `1.5`, expected u64"],
    );
    check(
        "{\"task_id\": \"HumanEval/0\", \"completion\": \"\\ud83d\"}\n",
        expect!["line 1 of FILE, column 49: unexpected end of hex escape"],
    );
    check(
        [one.as_bytes(), b"\n{\"task_id\": \"HumanEval/\xff\"}\n"].concat(),
        expect!["line 2 of FILE is not UTF-8 from byte 24 on"],
    );
    check(
        format!("{one}\n{}", one.replace("/0", "/00")),
        expect![
            "samples of unknown tasks in FILE: 1, first `HumanEval/00` (line 2); did you mean `HumanEval/0`, or another suite?"
        ],
    );
    let many: Vec<String> = (0..9).map(|i| one.replace("HumanEval/0", &format!("Mbpp/{}", i / 2))).collect();
    check(
        format!("{one}\n{}\n", many.join("\n")),
        expect![
            "samples of unknown tasks in FILE: 9, first `Mbpp/0` (line 2), `Mbpp/1` (line 4), `Mbpp/2` (line 6), `Mbpp/3` (line 8), `Mbpp/4` (line 10)"
        ],
    );
    check(&gzip(one.as_bytes())[..20], expect!["cannot unpack FILE"]);
    let error = Samples::open(Path::new("nowhere.jsonl"), &IDS, SOURCE_BYTES).unwrap_err();
    expect!["cannot open nowhere.jsonl"].assert_eq(&error.to_string());
}

#[test]
fn texts_beyond_the_limit_are_judged_and_not_kept() {
    let line = |text: &str, more: &str| format!("{{\"task_id\": \"HumanEval/1\", \"completion\": \"{text}\"{more}}}\n");
    let content = [
        // At the limit and one beyond it; the same in escapes, of which each is one byte.
        line(&"x".repeat(100), ""),
        line(&"x".repeat(101), ""),
        line(&"\\u0041".repeat(100), ""),
        line(&"\\u0041".repeat(101), ""),
        // Long enough to be abridged, with quotes and backslashes at every place.
        line(&"\\\\\\\"ä😀".repeat(50_000), ", \"cost\": 2"),
        line(&"\\ud83d\\ude00".repeat(50_000), ""),
        // The long text is in a field that is none of ours; the answer is kept.
        line("short", &format!(", \"prompt\": \"{}\", \"tokens\": 7", "\\\\\\\"ä".repeat(200_000))),
    ];
    let shown =
        show(content.concat().as_bytes(), 100).replace(&"x".repeat(100), "x*100").replace(&"A".repeat(100), "A*100");
    expect![[r#"
        1 Completion("x*100") None None
        1 Oversized None None
        1 Completion("A*100") None None
        1 Oversized None None
        1 Oversized Some(2.0) None
        1 Oversized None None
        1 Completion("short") None Some(7)
        [0, 7, 0], missing [0, 2], 0 repeated, 4 oversized"#]]
    .assert_eq(&shown);
    let Verdict::Fail { kind: FailureKind::CompileError, detail } = samples::oversized_verdict(100) else { panic!() };
    expect!["the source text is longer than 100 bytes"].assert_eq(&detail);
    // Without end and outside of any text.
    check(
        format!("{{\"task_id\": \"HumanEval/1\", \"ranks\": [{}0]}}\n", "0,".repeat(200_000)),
        expect!["line 1 of FILE, column 264545: the line is too long for a sample, even without its texts"],
    );
}

#[test]
fn a_file_that_changes_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("samples.jsonl");
    let content = "{\"task_id\": \"HumanEval/0\", \"completion\": \"one\"}\n".repeat(2);
    fs::write(&path, &content).unwrap();
    let samples = Samples::open(&path, &IDS, SOURCE_BYTES).unwrap();
    for other in [content.replacen("one", "two", 1), content.replacen('"', "'", 1), String::new()] {
        fs::write(&path, other).unwrap();
        assert!(matches!(samples.read(0), Err(SamplesError::Changed { line: 1, .. })));
    }
    fs::write(&path, &content).unwrap();
    assert!(samples.read(1).is_ok());
}

#[test]
fn what_is_written_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let attempt = |text: &str| Attempt::Completion(text.to_owned());
    let written = vec![
        Sample { task: 2, attempt: attempt("    return \"ä\\n\"\n\t\u{0}\u{2028}"), cost: None, tokens: None },
        Sample { task: 0, attempt: Attempt::Solution("def f(): pass".to_owned()), cost: Some(0.1), tokens: Some(3) },
        Sample { task: 2, attempt: attempt(""), cost: Some(0.0), tokens: None },
    ];
    for name in ["samples.jsonl", "samples.jsonl.gz"] {
        let path = directory.path().join(name);
        samples::write(&path, &IDS, written.clone()).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.starts_with(&[0x1f, 0x8b]), name.ends_with("gz"));
        samples::write(&path, &IDS, written.clone()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes, "the same samples give the same bytes");
        let samples = Samples::open(&path, &IDS, SOURCE_BYTES).unwrap();
        let read: Vec<Sample> = (0..samples.total()).map(|i| samples.read(i).unwrap()).collect();
        assert_eq!(read, written);
    }
    let oversized = Sample { task: 0, attempt: Attempt::Oversized, cost: None, tokens: None };
    assert!(samples::write(&directory.path().join("samples.jsonl"), &IDS, [oversized]).is_err());
    assert_eq!(Samples::open(&directory.path().join("samples.jsonl"), &IDS, SOURCE_BYTES).unwrap().total(), 3);
}

#[test]
fn a_hundred_thousand_samples_and_a_line_of_100_megabytes_stay_small() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("samples.jsonl");
    let mut writer = BufWriter::new(File::create(&path).unwrap());
    for i in 0..100_000 {
        writeln!(writer, "{{\"task_id\": \"{}\", \"completion\": \"{i:0900}\"}}", IDS[i % 3]).unwrap();
    }
    write!(writer, "{{\"task_id\": \"HumanEval/0\", \"completion\": \"").unwrap();
    for _ in 0..100 << 10 {
        writer.write_all(&[b'x'; 1 << 10]).unwrap();
    }
    writeln!(writer, "\"}}").unwrap();
    writer.flush().unwrap();
    let samples = Samples::open(&path, &IDS, SOURCE_BYTES).unwrap();
    assert_eq!((samples.total(), samples.oversized(), samples.duplicates()), (100_001, 1, 0));
    assert_eq!(samples.read(100_000).unwrap().attempt, Attempt::Oversized);
    let expected = Attempt::Completion(format!("{:0900}", 99_999));
    assert_eq!(samples.read(99_999).unwrap().attempt, expected);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kibibytes < 60 << 10, "peak memory of all these tests: {kibibytes} KiB");
}
