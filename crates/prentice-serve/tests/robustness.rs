//! What goes wrong gets the right answer, and nothing hangs.

mod support;

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener},
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use expect_test::expect;
use prentice_serve::{JudgeError, ServeOptions, serve};
use support::{JSON, Reply, Script, connect, options, receive, request, send, start};

fn summary(reply: &Reply) -> String {
    let value = reply.json();
    let error = &value["error"];
    let mut text =
        format!("{} {}: {}", reply.status, error["kind"].as_str().unwrap(), error["message"].as_str().unwrap());
    for name in ["allow", "retry-after", "www-authenticate"] {
        if let Some(value) = reply.header(name) {
            text += &format!(" [{name}: {value}]");
        }
    }
    text
}

fn run_code(program: &str) -> String {
    serde_json::json!({"code": program, "language": "python"}).to_string()
}

fn remote_rm(program: &str) -> String {
    serde_json::json!({"prompt": "", "response": program, "label": {"inputs": [""], "outputs": [""]}}).to_string()
}

#[test]
fn every_error_says_what_and_where() {
    let server = start(ServeOptions { body_limit: 2000, queue: 2, ..options() }, Script::new().judges());
    let long = format!(r#"{{"code": "{}", "language": "python"}}"#, "x".repeat(3000));
    let mut lines = Vec::new();
    for (method, path, headers, body) in [
        ("GET", "/", "", ""),
        ("POST", "/run_jupyter", JSON, "{}"),
        ("GET", "/run_code", "", ""),
        ("POST", "/metrics", JSON, "{}"),
        ("POST", "/run_code", "", "{}"),
        ("POST", "/run_code", "Content-Type: text/plain\r\n", "{}"),
        ("POST", "/run_code", JSON, ""),
        ("POST", "/run_code", JSON, "{\n \"code\": \"x\",\n \"language\"}"),
        ("POST", "/run_code", JSON, &"[".repeat(1000)),
        ("POST", "/run_code", JSON, r#"{"code": "x"}"#),
        ("POST", "/run_code", JSON, r#"{"code": 1, "language": "python"}"#),
        ("POST", "/run_code", JSON, r#"{"code": "x", "language": "php"}"#),
        ("POST", "/run_code", JSON, r#"{"code": "x", "language": "python", "run_timeout": 1000}"#),
        ("POST", "/run_code", JSON, r#"{"code": "x", "language": "python", "compile_timeout": -1}"#),
        ("POST", "/run_code", JSON, r#"{"code": "x", "language": "python", "memory_limit_MB": 0}"#),
        ("POST", "/run_code", JSON, r#"{"code": "x", "language": "python", "files": {"../x": ""}}"#),
        ("POST", "/run_code", JSON, r#"{"code": "x", "language": "python", "files": {"x": "?"}}"#),
        ("POST", "/run_code", JSON, r#"{"code": "x", "language": "python", "fetch_files": ["/etc/shadow"]}"#),
        ("POST", "/run_code", JSON, &long),
        ("POST", "/run_code", JSON, &run_code("refuse")),
        ("POST", "/run_code", JSON, &run_code("break")),
        ("POST", "/remote_rm", JSON, &remote_rm("break")),
        ("POST", "/remote_rm", JSON, &remote_rm("panic")),
        ("POST", "/remote_rm", JSON, r#"{"prompt": "", "response": "x", "label": null}"#),
        ("POST", "/remote_rm", JSON, r#"{"prompt": "", "response": "x", "label": {"inputs": [1], "outputs": [""]}}"#),
        ("POST", "/get_reward", JSON, r#"{"query": ["a"], "prompts": [], "labels": []}"#),
        ("POST", "/get_reward", JSON, r#"{"query": ["a"], "prompts": ["b"], "labels": [{}]}"#),
        ("POST", "/get_reward", JSON, r#"{"query": ["ba"], "prompts": ["b"], "labels": ["{}"]}"#),
        ("POST", "/compute_score", JSON, r#"{"solution_str": "x", "ground_truth": {"task_id": 1}}"#),
    ] {
        let shown: String = body.chars().take(60).collect();
        let reply = request(server.address, method, path, headers, body.as_bytes());
        lines.push(format!("{method} {path} {}\n    {}", shown.escape_debug(), summary(&reply)));
    }
    expect![[r#"
        GET / 
            404 not_found: there is no `/` here; there are /run_code, /get_reward, /remote_rm, /compute_score, /health, /v1/ping, /metrics
        POST /run_jupyter {}
            404 not_found: there is no `/run_jupyter` here; there are /run_code, /get_reward, /remote_rm, /compute_score, /health, /v1/ping, /metrics
        GET /run_code 
            405 method_not_allowed: `GET` is not for this address; use POST [allow: POST]
        POST /metrics {}
            405 method_not_allowed: `POST` is not for this address; use GET [allow: GET]
        POST /run_code {}
            415 unsupported_media_type: the body must come with `Content-Type: application/json`
        POST /run_code {}
            415 unsupported_media_type: the body must come with `Content-Type: application/json`
        POST /run_code 
            400 malformed_json: the body is no JSON: EOF while parsing a value at line 1 column 0
        POST /run_code {\n \"code\": \"x\",\n \"language\"}
            400 malformed_json: the body is no JSON: expected `:` at line 3 column 12
        POST /run_code [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
            422 invalid_request: the body does not fit: invalid type: sequence, expected a string at line 1 column 1
        POST /run_code {\"code\": \"x\"}
            422 invalid_request: the body does not fit: missing field `language` at line 1 column 13
        POST /run_code {\"code\": 1, \"language\": \"python\"}
            422 invalid_request: the body does not fit: invalid type: integer `1`, expected a string at line 1 column 10
        POST /run_code {\"code\": \"x\", \"language\": \"php\"}
            422 invalid_request: the request has the language `php`; known are python, nodejs, rust, c, cpp, go, java
        POST /run_code {\"code\": \"x\", \"language\": \"python\", \"run_timeout\": 1000}
            422 invalid_request: `run_timeout` is 1000; it must be above 0 and at most 110 seconds
        POST /run_code {\"code\": \"x\", \"language\": \"python\", \"compile_timeout\": -1}
            422 invalid_request: `compile_timeout` is -1; it must be above 0 and at most 110 seconds
        POST /run_code {\"code\": \"x\", \"language\": \"python\", \"memory_limit_MB\": 0}
            422 invalid_request: `memory_limit_MB` is 0; give a positive number, or -1 for the default
        POST /run_code {\"code\": \"x\", \"language\": \"python\", \"files\": {\"../x\": \"\"}}
            422 invalid_request: `files` has the path "../x"; it must be relative, without `.` and `..`
        POST /run_code {\"code\": \"x\", \"language\": \"python\", \"files\": {\"x\": \"?\"}}
            422 invalid_request: `files["x"]` is no base64: Invalid byte 63, offset 0.
        POST /run_code {\"code\": \"x\", \"language\": \"python\", \"fetch_files\": [\"/etc/sh
            422 invalid_request: `fetch_files` has the path "/etc/shadow"; it must be relative, without `.` and `..`
        POST /run_code {\"code\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
            413 body_too_large: the body is longer than 2000 bytes
        POST /run_code {\"code\":\"refuse\",\"language\":\"python\"}
            422 invalid_request: no javac for Java
        POST /run_code {\"code\":\"break\",\"language\":\"python\"}
            504 infrastructure_error: no verdict, through no fault of the program: the warm interpreter ended [retry-after: 1]
        POST /remote_rm {\"prompt\":\"\",\"response\":\"break\",\"label\":{\"inputs\":[\"\"],\"outp
            503 infrastructure_error: no verdict, through no fault of the program: the warm interpreter ended [retry-after: 1]
        POST /remote_rm {\"prompt\":\"\",\"response\":\"panic\",\"label\":{\"inputs\":[\"\"],\"outp
            503 infrastructure_error: no verdict, through no fault of the program: the judge panicked: scripted [retry-after: 1]
        POST /remote_rm {\"prompt\": \"\", \"response\": \"x\", \"label\": null}
            422 invalid_request: `label` is null, not an object with tests or a string that holds one
        POST /remote_rm {\"prompt\": \"\", \"response\": \"x\", \"label\": {\"inputs\": [1], \"ou
            422 invalid_request: `label` `inputs[0]` is a number, not a string or a list of lines
        POST /get_reward {\"query\": [\"a\"], \"prompts\": [], \"labels\": []}
            422 invalid_request: there are 1 in `query`, 0 in `prompts` and 0 in `labels`
        POST /get_reward {\"query\": [\"a\"], \"prompts\": [\"b\"], \"labels\": [{}]}
            422 invalid_request: `query[0]` does not hold `prompts[0]`: the response in it cannot be told from the prompt
        POST /get_reward {\"query\": [\"ba\"], \"prompts\": [\"b\"], \"labels\": [\"{}\"]}
            422 invalid_request: `labels[0]` has neither `inputs` and `outputs`, nor `test` and `entry_point`, nor `task_id`
        POST /compute_score {\"solution_str\": \"x\", \"ground_truth\": {\"task_id\": 1}}
            422 invalid_request: `ground_truth` `task_id` is a number, not a string"#]].assert_eq(&lines.join("\n"));
    server.stop();
}

#[test]
fn a_batch_with_one_broken_sample_has_no_scores() {
    let server = start(ServeOptions { queue: 3, ..options() }, Script::new().judges());
    let batch = |programs: &[&str]| {
        let label = serde_json::json!({"inputs": [""], "outputs": [""]});
        let labels = vec![label; programs.len()];
        serde_json::json!({"query": programs, "prompts": vec![""; programs.len()], "labels": labels}).to_string()
    };
    let broken = server.post("/get_reward", &batch(&["say right", "break", "say right"]));
    expect!["503 infrastructure_error: no verdict, through no fault of the program: the warm interpreter ended [retry-after: 1]"].assert_eq(&summary(&broken));
    let large = server.post("/get_reward", &batch(&["say right"; 4]));
    expect!["422 invalid_request: the batch has 4 samples and the queue holds 3; send smaller batches"]
        .assert_eq(&summary(&large));
    server.stop();
}

#[test]
fn a_judge_that_fails_once_is_replaced_and_the_job_done() {
    for failure in ["break once", "panic once"] {
        let script = Script::new();
        let server = start(ServeOptions { workers: 1, ..options() }, script.judges());
        let reply = server.post("/remote_rm", &remote_rm(&format!("{failure}\nsay right")));
        assert_eq!((reply.status, reply.body.as_str()), (200, "1.0"), "{failure}");
        assert_eq!(script.made.load(Ordering::SeqCst), 2);
        // The next job finds the new judge.
        assert_eq!(server.post("/remote_rm", &remote_rm("say right")).body, "1.0");
        assert_eq!(server.metric("prentice_serve_worker_restarts_total"), 1.0);
        let warnings = server.warnings.clone();
        assert_eq!(server.stop().worker_restarts, 1);
        assert!(warnings.lock().unwrap()[0].starts_with("a worker's judge is replaced: the "), "{warnings:?}");
    }
}

#[test]
fn a_full_queue_turns_away_and_a_client_that_hangs_up_frees_its_place() {
    let script = Script::new();
    let server = start(ServeOptions { workers: 1, queue: 2, ..options() }, script.judges());
    let waiting = remote_rm("wait\nsay right");
    let mut busy = send(server.address, "POST", "/remote_rm", JSON, waiting.as_bytes());
    server.await_metric("prentice_serve_in_flight", 1.0);
    let mut first = send(server.address, "POST", "/remote_rm", JSON, waiting.as_bytes());
    let second = send(server.address, "POST", "/remote_rm", JSON, waiting.as_bytes());
    server.await_metric("prentice_serve_queue_depth", 2.0);

    expect!["429 queue_full: the queue is full; try again [retry-after: 1]"]
        .assert_eq(&summary(&server.post("/remote_rm", &waiting)));
    // verl's client of `/run_code` tries again on this status only.
    expect!["504 queue_full: the queue is full; try again [retry-after: 1]"]
        .assert_eq(&summary(&server.post("/run_code", &run_code("say x"))));

    second.shutdown(Shutdown::Both).unwrap();
    drop(second);
    server.await_metric("prentice_serve_queue_depth", 1.0);
    server.await_metric(r#"prentice_serve_requests_total{route="/remote_rm",status="499"}"#, 1.0);
    let mut third = send(server.address, "POST", "/remote_rm", JSON, waiting.as_bytes());
    server.await_metric("prentice_serve_queue_depth", 2.0);

    script.open();
    for stream in [&mut busy, &mut first, &mut third] {
        assert_eq!(receive(stream).body, "1.0");
    }
    assert_eq!(script.steps.load(Ordering::SeqCst), 3, "the job of the client that hung up never ran");
    server.stop();
}

#[test]
fn a_running_job_is_told_when_its_client_hangs_up() {
    let server = start(ServeOptions { workers: 1, ..options() }, Script::new().judges());
    let client = send(server.address, "POST", "/remote_rm", JSON, remote_rm("linger").as_bytes());
    server.await_metric("prentice_serve_in_flight", 1.0);
    drop(client);
    server.await_metric(r#"prentice_serve_executions_total{kind="reward",verdict="abandoned"}"#, 1.0);
    assert_eq!(server.stop().worker_restarts, 0, "the judge did nothing wrong");
}

#[test]
fn a_request_that_takes_too_long_gets_an_answer() {
    let script = Script::new();
    let options = ServeOptions { workers: 1, request_timeout: Duration::from_millis(200), ..options() };
    let server = start(options, script.judges());
    expect!["503 timeout: no answer within 0.2 seconds; the service is overloaded [retry-after: 1]"]
        .assert_eq(&summary(&server.post("/remote_rm", &remote_rm("wait"))));
    script.open();
    server.stop();
}

#[test]
fn slow_and_broken_clients_are_cut_off() {
    let short = Duration::from_millis(200);
    let server =
        start(ServeOptions { header_timeout: short, body_timeout: short, ..options() }, Script::new().judges());
    let started = Instant::now();
    // A head that never ends, one byte at a time.
    let mut drip = connect(server.address);
    let _ = drip.write_all(b"POST /run_code HTTP/1.1\r\n");
    let mut heard = Vec::new();
    let dripped = (0..1000).take_while(|_| {
        thread::sleep(Duration::from_millis(10));
        drip.write_all(b"x").is_ok()
    });
    assert!(dripped.count() < 200, "a head may not take as long as it likes, whatever keeps coming");
    let _ = drip.read_to_end(&mut heard);
    // A body that never comes.
    let mut stalled = connect(server.address);
    stalled
        .write_all(
            b"POST /run_code HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        )
        .unwrap();
    expect!["408 body_timeout: the body did not arrive within 0.2 seconds"].assert_eq(&summary(&receive(&mut stalled)));
    // A connection on which nothing happens.
    let mut idle = connect(server.address);
    let _ = idle.read_to_end(&mut heard);
    // No HTTP at all.
    let mut babble = connect(server.address);
    babble.write_all(b"\x16\x03\x01 hello\r\n\r\n").unwrap();
    let _ = babble.read_to_end(&mut heard);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(server.get("/health").status, 200);
    server.stop();
}

#[test]
fn a_client_that_does_not_take_its_answer_is_cut_off() {
    let options = ServeOptions { body_timeout: Duration::from_millis(300), body_limit: 64 << 20, ..options() };
    let server = start(options, Script::new().judges());
    let body = run_code(&format!("say {}", "x".repeat(30 << 20)));
    let _deaf = send(server.address, "POST", "/run_code", JSON, body.as_bytes());
    server.await_metric(r#"prentice_serve_requests_total{route="/run_code",status="200"}"#, 1.0);
    // Only the connection that asks is left. The gauge is of the moment before the last change.
    server.await_metric("prentice_serve_connections", 1.0);
    server.stop();
}

#[test]
fn a_token_is_asked_for_everywhere_but_at_the_health_check() {
    let server = start(ServeOptions { token: Some("s3cret".to_owned()), ..options() }, Script::new().judges());
    let body = remote_rm("say right");
    let ask =
        |headers: &str| request(server.address, "POST", "/remote_rm", &format!("{JSON}{headers}"), body.as_bytes());
    for headers in ["", "Authorization: Bearer wrong\r\n"] {
        expect![[r#"401 unauthorized: the token is missing or wrong; send `Authorization: Bearer TOKEN`, or put it into the URL: `http://any:TOKEN@host/...` [www-authenticate: Bearer]"#]]
            .assert_eq(&summary(&ask(headers)));
    }
    assert_eq!(server.get("/metrics").status, 401);
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(ask("Authorization: Bearer s3cret\r\n").body, "1.0");
    // As `requests` and `aiohttp` send for `http://trainer:s3cret@host/`.
    assert_eq!(ask("Authorization: Basic dHJhaW5lcjpzM2NyZXQ=\r\n").body, "1.0");
    server.stop();
}

#[test]
fn a_service_that_cannot_start_says_why() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = options();
    let judges = Script::new().judges();
    let broken: Arc<prentice_serve::MakeJudge> = Arc::new(|| Err(JudgeError::Infrastructure("no Landlock".to_owned())));
    let panicking: Arc<prentice_serve::MakeJudge> = Arc::new(|| panic!("scripted"));
    let mut lines = Vec::new();
    for (options, make_judge) in [
        (ServeOptions { address: "0.0.0.0:0".parse().unwrap(), ..good.clone() }, &judges),
        (ServeOptions { address: "[::]:0".parse().unwrap(), ..good.clone() }, &judges),
        (ServeOptions { token: Some(String::new()), ..good.clone() }, &judges),
        (ServeOptions { token: Some("two words".to_owned()), ..good.clone() }, &judges),
        (ServeOptions { workers: 0, ..good.clone() }, &judges),
        (ServeOptions { body_limit: 10, ..good.clone() }, &judges),
        (ServeOptions { address: taken.local_addr().unwrap(), ..good.clone() }, &judges),
        (good.clone(), &broken),
        (good, &panicking),
    ] {
        let error = serve(&options, make_judge.clone(), async {}, &|_| {}).unwrap_err();
        let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        lines.push(format!("{error}{source}").replace(&taken.local_addr().unwrap().port().to_string(), "PORT"));
    }
    expect![[r#"
        refusing to listen on 0.0.0.0:0 without a token: whoever reaches it could run programs on this machine
        refusing to listen on [::]:0 without a token: whoever reaches it could run programs on this machine
        the token is not shown, but it must be of printable ASCII, without spaces, and not empty
        the token is not shown, but it must be of printable ASCII, without spaces, and not empty
        workers is 0, but it must be at least 1
        body_limit is 10, but no request fits into less than 1024 bytes
        cannot listen on 127.0.0.1:PORT: Address already in use (os error 98)
        a worker cannot start: no Landlock
        a worker cannot start: a judge panicked while it was made"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn shutdown_finishes_what_is_in_progress() {
    let script = Script::new();
    let server = start(ServeOptions { workers: 1, ..options() }, script.judges());
    let waiting = remote_rm("wait\nsay right");
    let mut running = send(server.address, "POST", "/remote_rm", JSON, waiting.as_bytes());
    server.await_metric("prentice_serve_in_flight", 1.0);
    let mut queued = send(server.address, "POST", "/remote_rm", JSON, waiting.as_bytes());
    server.await_metric("prentice_serve_queue_depth", 1.0);
    // Open and idle: closed at once.
    let _idle = connect(server.address);
    let address = server.address;
    let opener = thread::spawn(move || {
        // The door closes, then the work ends.
        while std::net::TcpStream::connect(address).is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
        script.open();
    });
    let summary = server.stop();
    opener.join().unwrap();
    assert_eq!((summary.executions, summary.connections_cut, summary.workers_left), (2, 0, 0), "{summary:?}");
    for stream in [&mut running, &mut queued] {
        assert_eq!(receive(stream).body, "1.0");
    }
}

#[test]
fn shutdown_does_not_wait_beyond_its_grace() {
    let script = Script::new();
    let options = ServeOptions { workers: 1, shutdown_grace: Duration::from_millis(200), ..options() };
    let server = start(options, script.judges());
    let waiting = remote_rm("wait");
    let _running = send(server.address, "POST", "/remote_rm", JSON, waiting.as_bytes());
    server.await_metric("prentice_serve_in_flight", 1.0);
    let _queued = send(server.address, "POST", "/remote_rm", JSON, waiting.as_bytes());
    server.await_metric("prentice_serve_queue_depth", 1.0);
    let started = Instant::now();
    let summary = server.stop();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!((summary.connections_cut, summary.workers_left), (2, 1), "{summary:?}");
    script.open();
}
