//! The generated file for verl, run by a Python of this machine against a live server.

mod support;

use std::{fs, process::Command};

use expect_test::expect;
use prentice_serve::{ServeOptions, compute_score_file};
use support::{Script, options, start};

/// Prints what `compute_score` gives, or raises, for each of a few calls.
const CALLS: &str = r#"
import importlib.util, sys
spec = importlib.util.spec_from_file_location("generated", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.ATTEMPTS, module.LONGEST_PAUSE_SECONDS = 2, 0.05

class Array(list):  # as numpy's, which json does not know
    pass
class Opaque:
    def tolist(self):
        return [""]

TESTS = '{"inputs": [""], "outputs": [""]}'
for solution, truth, extra in [
    ("say right", TESTS, None),
    ("say wrong", TESTS, {}),
    ("say right", {"inputs": Opaque(), "outputs": Array([""])}, {"language": "cpp", "index": 3}),
    ("break", TESTS, None),
    ("say right", "{}", None),
    ("say right", TESTS, {"language": "cobol"}),
]:
    try:
        score = module.compute_score(data_source="codecontests", solution_str=solution, ground_truth=truth, extra_info=extra)
        print(repr(score))
    except module.RewardUnavailable as error:
        print("raised:", str(error).replace(module.URL, "URL"))
"#;

#[test]
fn python_gets_scores_and_exceptions() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("reward.py");
    let script = Script::new();
    let server = start(ServeOptions { token: Some("s3cret".to_owned()), ..options() }, script.judges());
    fs::write(&file, compute_score_file(&format!("http://{}/", server.address), "REWARD_TOKEN")).unwrap();
    let call = |token: &str| {
        let mut python = Command::new("python3");
        python.args(["-c", CALLS]).arg(&file).env("REWARD_TOKEN", token).env("http_proxy", "http://127.0.0.1:9");
        match python.output() {
            Ok(output) => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                Some(String::from_utf8(output.stdout).unwrap())
            }
            Err(error) => {
                eprintln!("SKIPPED: the file for verl was not run: no python3 ({error})");
                None
            }
        }
    };
    let (right, wrong) = (call("s3cret"), call("guess"));
    server.stop();
    let gone = call("s3cret");
    let Some(((right, wrong), gone)) = right.zip(wrong).zip(gone) else { return };
    expect![[r#"
        1.0
        0.0
        1.0
        raised: no score from URL in 2 attempts: {"error":{"kind":"infrastructure_error","message":"no verdict, through no fault of the program: the warm interpreter ended"}}
        raised: URL answers 422: {"error":{"kind":"invalid_request","message":"`ground_truth` has neither `inputs` and `outputs`, nor `test` and `entry_point`, nor `task_id`"}}
        raised: URL answers 422: {"error":{"kind":"invalid_request","message":"`ground_truth` has the language `cobol`; known are python, nodejs, rust, c, cpp, go, java"}}
    "#]].assert_eq(&right);
    expect![[r#"raised: URL answers 401: {"error":{"kind":"unauthorized","message":"the token is missing or wrong; send `Authorization: Bearer TOKEN`, or put it into the URL: `http://any:TOKEN@host/...`"}}"#]].assert_eq(wrong.lines().next().unwrap());
    expect!["raised: no score from URL in 2 attempts: URLError(ConnectionRefusedError(111, 'Connection refused'))"]
        .assert_eq(gone.lines().next().unwrap());
}

#[test]
fn no_url_breaks_the_file() {
    let file = compute_score_file("http://host/\"\\\n", "A\"B");
    assert!(file.contains(r#"URL = "http://host/\"\\\n""#), "{file}");
    assert!(file.contains(r#"TOKEN_VARIABLE = "A\"B""#), "{file}");
}
