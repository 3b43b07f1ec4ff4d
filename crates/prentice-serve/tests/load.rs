//! Load from another process: this binary once more, as the client.

mod support;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use prentice_base::Verdict;
use prentice_environment::Workshop;
use prentice_sandbox::{Language, Sandbox, Toolchain};
use prentice_serve::{
    CommandResult, Judge, JudgeError, MakeJudge, RewardRequest, RunRequest, RunResult, SandboxJudge, ServeOptions,
};
use serde_json::{Value, json};
use support::{Server, connect, options, start};

/// What the client process is to do, as `ADDRESS REQUESTS CONNECTIONS`.
const ORDER: &str = "PRENTICE_LOAD_ORDER";

/// A judge with a process of its own, as a warm interpreter is: it echoes lines.
struct Echo {
    process: Arc<Mutex<Child>>,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Echo {
    fn start(processes: &Mutex<Vec<Arc<Mutex<Child>>>>) -> Self {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let process = Arc::new(Mutex::new(child));
        processes.lock().unwrap().push(process.clone());
        Self { process, input, output }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap();
        let _ = process.kill();
        let _ = process.wait();
    }
}

impl Judge for Echo {
    fn run_code(&mut self, request: &RunRequest) -> Result<RunResult, JudgeError> {
        let broken = |error: std::io::Error| JudgeError::Infrastructure(error.to_string());
        writeln!(self.input, "{}", request.stdin.trim()).map_err(broken)?;
        let mut stdout = String::new();
        self.output.read_line(&mut stdout).map_err(broken)?;
        // It may be killed in the middle of a line.
        if !stdout.ends_with('\n') {
            return Err(JudgeError::Infrastructure("the process ended".to_owned()));
        }
        let run = CommandResult { return_code: Some(0), wall: Duration::ZERO, stdout, stderr: String::new() };
        Ok(RunResult { run: Some(run), ..RunResult::default() })
    }

    fn reward(&mut self, _: &RewardRequest, _: &AtomicBool) -> Result<Verdict, JudgeError> {
        unreachable!("the client asks for runs only")
    }
}

#[test]
fn two_thousand_requests_while_workers_are_killed() {
    let processes: Arc<Mutex<Vec<Arc<Mutex<Child>>>>> = Arc::default();
    let made = processes.clone();
    let judges: Arc<MakeJudge> = Arc::new(move || Ok(Box::new(Echo::start(&made))));
    // Fewer places than connections, so that clients are turned away too.
    let server = start(ServeOptions { queue: 8, ..options() }, judges);
    let done = AtomicBool::new(false);
    let kills = AtomicUsize::new(0);
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(5));
                // SIGKILL, to whichever is oldest; it may be busy or idle.
                if let Some(process) = processes.lock().unwrap().pop() {
                    process.lock().unwrap().kill().unwrap();
                    kills.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let report = client_process(&server, 2000, 32);
        done.store(true, Ordering::Relaxed);
        report
    });
    let kills = kills.into_inner();
    eprintln!("{report} with {kills} workers killed");
    let summary = server.stop();
    assert_eq!(report["right"], 2000, "{report}");
    assert!(kills > 2 && summary.worker_restarts > 0, "{kills} kills, {summary:?}");
    assert_eq!((summary.connections_cut, summary.workers_left), (0, 0), "{summary:?}");
}

#[test]
fn real_programs_under_load() {
    if let Err(missing) = Toolchain::find(Language::Python) {
        eprintln!("SKIPPED: {missing}; {}", missing.hint);
        return;
    }
    let workshop = Workshop::new(&Sandbox::best().unwrap());
    let judges: Arc<MakeJudge> =
        Arc::new(move || Ok(Box::new(SandboxJudge::new(&workshop, Arc::default())) as Box<dyn Judge>));
    let server = start(options(), judges);
    let report = client_process(&server, 192, 16);
    eprintln!("{report}");
    assert_eq!(report["right"], 192, "{report}");
    assert_eq!(server.metric(r#"prentice_serve_executions_total{kind="run_code",verdict="success"}"#), 192.0);
    server.stop();
}

fn client_process(server: &Server, requests: usize, connections: usize) -> Value {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["client", "--exact", "--ignored", "--nocapture"])
        .env(ORDER, format!("{} {requests} {connections}", server.address))
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let report = stdout.lines().find_map(|line| Some(&line[line.find('{')?..]));
    let report = report.unwrap_or_else(|| panic!("{stdout}\n{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(report).unwrap()
}

#[test]
#[ignore = "the client process of the load tests"]
fn client() {
    let order = std::env::var(ORDER).expect("started by a load test");
    let mut order = order.split(' ');
    let address: SocketAddr = order.next().unwrap().parse().unwrap();
    let mut number = || order.next().unwrap().parse::<usize>().unwrap();
    let (requests, connections) = (number(), number());
    let next = AtomicUsize::new(0);
    let retries = AtomicUsize::new(0);
    let latencies = Mutex::new(Vec::new());
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut stream = connect(address);
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= requests {
                        break;
                    }
                    let asked = Instant::now();
                    let reply = loop {
                        let (status, reply) = ask(&mut stream, index);
                        // As verl's client of `/run_code` does, with shorter pauses.
                        match status {
                            504 => drop(retries.fetch_add(1, Ordering::Relaxed)),
                            _ => break reply,
                        }
                        thread::sleep(Duration::from_millis(5));
                    };
                    assert_eq!(reply["run_result"]["stdout"], format!("{index}\n"), "{reply}");
                    latencies.lock().unwrap().push(asked.elapsed());
                }
            });
        }
    });
    let mut latencies = latencies.into_inner().unwrap();
    latencies.sort();
    let quantile = |q: f64| latencies[(q * (latencies.len() - 1) as f64) as usize].as_secs_f64();
    let report = json!({
        "right": latencies.len(),
        "retries": retries.into_inner(),
        "requests_per_second": requests as f64 / started.elapsed().as_secs_f64(),
        "p50_seconds": quantile(0.5),
        "p99_seconds": quantile(0.99),
    });
    println!("{report}");
}

/// One request on an open connection.
fn ask(stream: &mut TcpStream, index: usize) -> (u16, Value) {
    let body = json!({
        "compile_timeout": 10, "run_timeout": 10, "code": "print(int(input()))", "stdin": index.to_string(),
        "memory_limit_MB": 1024, "language": "python", "files": {}, "fetch_files": [],
    });
    let body = body.to_string();
    let head = format!(
        "POST /run_code HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {line:?}")).parse().unwrap();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}
