//! Requests and answers as the upstream clients write and read them. Where each comes from: `fixtures/README.md`.

mod support;

use expect_test::{Expect, expect};
use support::{Script, options, start};

fn check(path: &str, body: &str, expected: Expect) {
    let server = start(options(), Script::new().judges());
    let reply = server.post(path, body);
    server.stop();
    expected.assert_eq(&format!("{}\n{}", reply.status, serde_json::to_string_pretty(&reply.json()).unwrap()));
}

#[test]
fn verl_runs_one_test_case() {
    // verl reads `status`, and of both results `status`, `execution_time`, `return_code`, `stdout` and `stderr`.
    check(
        "/run_code",
        include_str!("fixtures/run_code_verl.json"),
        expect![[r#"
            200
            {
              "status": "Success",
              "message": "",
              "compile_result": null,
              "run_result": {
                "status": "Finished",
                "execution_time": 0.25,
                "return_code": 0,
                "stdout": "5 7\n",
                "stderr": ""
              },
              "executor_pod_name": null,
              "files": {}
            }"#]],
    );
}

#[test]
fn sandbox_fusion_sends_and_fetches_files() {
    check(
        "/run_code",
        include_str!("fixtures/run_code_sandbox_fusion.json"),
        expect![[r#"
            200
            {
              "status": "Failed",
              "message": "",
              "compile_result": null,
              "run_result": {
                "status": "Finished",
                "execution_time": 0.25,
                "return_code": 1,
                "stdout": "",
                "stderr": ""
              },
              "executor_pod_name": null,
              "files": {
                "dir1/dir2/secret_flag": "ImhlbGxvIg=="
              }
            }"#]],
    );
    // Only what has no default; and a program that ran out of time has no status.
    check(
        "/run_code",
        r#"{"code": "overtime", "language": "cpp"}"#,
        expect![[r#"
            200
            {
              "status": "Failed",
              "message": "",
              "compile_result": null,
              "run_result": {
                "status": "TimeLimitExceeded",
                "execution_time": 0.25,
                "return_code": null,
                "stdout": "",
                "stderr": ""
              },
              "executor_pod_name": null,
              "files": {}
            }"#]],
    );
}

#[test]
fn openrlhf_gets_lists() {
    check(
        "/get_reward",
        include_str!("fixtures/get_reward_openrlhf.json"),
        expect![[r#"
            200
            {
              "rewards": [
                1.0
              ],
              "scores": [
                1.0
              ],
              "extra_logs": {}
            }"#]],
    );
    // Versions before 0.9 send larger batches, in order.
    check(
        "/get_reward",
        r#"{"query": ["p: say wrong</s>", "p: \nsay right</s></s>"], "prompts": ["p: ", "p: "],
            "labels": [{"inputs": [""], "outputs": ["1"]}, {"inputs": [""], "outputs": ["1"]}]}"#,
        expect![[r#"
            200
            {
              "rewards": [
                0.0,
                1.0
              ],
              "scores": [
                0.0,
                1.0
              ],
              "extra_logs": {}
            }"#]],
    );
    // With two servers and one sample, the second server gets this.
    check(
        "/get_reward",
        r#"{"query": [], "prompts": [], "labels": []}"#,
        expect![[r#"
            200
            {
              "rewards": [],
              "scores": [],
              "extra_logs": {}
            }"#]],
    );
}

#[test]
fn slime_gets_the_bare_number() {
    check(
        "/remote_rm",
        include_str!("fixtures/remote_rm_slime.json"),
        expect![[r#"
            200
            1.0"#]],
    );
    check(
        "/remote_rm",
        r#"{"prompt": "Add.", "response": "say wrong", "label": "{\"inputs\": [\"\"], \"outputs\": [\"3\"]}"}"#,
        expect![[r#"
            200
            0.0"#]],
    );
}

#[test]
fn our_file_for_verl_gets_a_score() {
    check(
        "/compute_score",
        r#"{"data_source": "codecontests", "solution_str": "say right", "ground_truth": {"inputs": [""], "outputs": [""]}}"#,
        expect![[r#"
            200
            {
              "score": 1.0
            }"#]],
    );
}

#[test]
fn health_and_ping() {
    let server = start(options(), Script::new().judges());
    assert_eq!(server.get("/health").json(), serde_json::json!({"status": "ok"}));
    assert_eq!(server.get("/v1/ping").body, "\"pong\"");
    server.stop();
}

#[test]
fn metrics_are_in_prometheus_format() {
    let server = start(options(), Script::new().judges());
    for program in ["say right", "say wrong", "break", "refuse"] {
        let label = r#"{"inputs": [""], "outputs": [""]}"#;
        server.post("/compute_score", &format!(r#"{{"solution_str": "{program}", "ground_truth": {label}}}"#));
    }
    server.post("/run_code", include_str!("fixtures/run_code_verl.json"));
    server.get("/no/such/route");
    let reply = server.get("/metrics");
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let is_steady = |line: &&str| !line.contains("_bucket") && !line.contains("_sum") && !line.contains("connections ");
    let text: Vec<&str> = reply.body.lines().filter(is_steady).collect();
    expect![[r##"
        # HELP prentice_serve_workers Worker threads.
        # TYPE prentice_serve_workers gauge
        prentice_serve_workers 2
        # HELP prentice_serve_worker_restarts_total Judges replaced after a failure.
        # TYPE prentice_serve_worker_restarts_total counter
        prentice_serve_worker_restarts_total 2
        # HELP prentice_serve_queue_depth Jobs that wait.
        # TYPE prentice_serve_queue_depth gauge
        prentice_serve_queue_depth 0
        # HELP prentice_serve_queue_capacity Jobs that can wait.
        # TYPE prentice_serve_queue_capacity gauge
        prentice_serve_queue_capacity 1024
        # HELP prentice_serve_in_flight Jobs that run.
        # TYPE prentice_serve_in_flight gauge
        prentice_serve_in_flight 0
        # HELP prentice_serve_requests_total Requests answered; 499: the client hung up before.
        # TYPE prentice_serve_requests_total counter
        prentice_serve_requests_total{route="/compute_score",status="200"} 2
        prentice_serve_requests_total{route="/compute_score",status="422"} 1
        prentice_serve_requests_total{route="/compute_score",status="503"} 1
        prentice_serve_requests_total{route="/run_code",status="200"} 1
        prentice_serve_requests_total{route="other",status="404"} 1
        # HELP prentice_serve_executions_total Answers of workers, by verdict.
        # TYPE prentice_serve_executions_total counter
        prentice_serve_executions_total{kind="reward",verdict="infrastructure_error"} 1
        prentice_serve_executions_total{kind="reward",verdict="pass"} 1
        prentice_serve_executions_total{kind="reward",verdict="refused"} 1
        prentice_serve_executions_total{kind="reward",verdict="wrong_answer"} 1
        prentice_serve_executions_total{kind="run_code",verdict="success"} 1
        # HELP prentice_serve_request_seconds From a request's head to its answer.
        # TYPE prentice_serve_request_seconds histogram
        prentice_serve_request_seconds_count{route="/compute_score"} 4
        prentice_serve_request_seconds_count{route="/run_code"} 1
        prentice_serve_request_seconds_count{route="other"} 1"##]]
    .assert_eq(&text.join("\n"));
    let buckets = reply.body.lines().filter(|line| line.contains(r#"_bucket{route="/compute_score""#)).count();
    assert_eq!(buckets, 13);
    server.stop();
}
