//! A server in this process with a scripted judge, and a client that speaks HTTP by hand: nothing of what is tested is
//! used to test it.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use prentice_base::{Event, FailureKind, Verdict};
use prentice_serve::{
    CommandResult, Judge, JudgeError, MakeJudge, RewardRequest, RunRequest, RunResult, ServeOptions, ServeSummary,
    serve,
};
use tokio::sync::oneshot;

/// Longest that any test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server {
    pub address: SocketAddr,
    pub warnings: Arc<Mutex<Vec<String>>>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<ServeSummary>,
}

/// Options for tests: any free port, two workers.
pub fn options() -> ServeOptions {
    ServeOptions { address: ([127, 0, 0, 1], 0).into(), workers: 2, ..ServeOptions::default() }
}

pub fn start(options: ServeOptions, make_judge: Arc<MakeJudge>) -> Server {
    let (stop, stopped) = oneshot::channel::<()>();
    let (listening, address) = mpsc::channel();
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let heard = warnings.clone();
    let thread = thread::spawn(move || {
        let listening = Mutex::new(listening);
        let events = |event| match event {
            Event::Plan(plan) => {
                let address = plan["address"].as_str().unwrap().parse::<SocketAddr>().unwrap();
                listening.lock().unwrap().send(address).unwrap();
            }
            Event::Warning { message } => heard.lock().unwrap().push(message),
            other => panic!("unexpected {other:?}"),
        };
        let shutdown = async {
            let _ = stopped.await;
        };
        serve(&options, make_judge, shutdown, &events).unwrap()
    });
    let address = address.recv_timeout(PATIENCE).expect("the server listens");
    Server { address, warnings, stop, thread }
}

impl Server {
    pub fn stop(self) -> ServeSummary {
        let _ = self.stop.send(());
        self.thread.join().unwrap()
    }

    pub fn post(&self, path: &str, body: &str) -> Reply {
        request(self.address, "POST", path, JSON, body.as_bytes())
    }

    pub fn get(&self, path: &str) -> Reply {
        request(self.address, "GET", path, "", b"")
    }

    /// The value of one sample of `/metrics`.
    pub fn metric(&self, sample: &str) -> f64 {
        let text = self.get("/metrics").body;
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Waits until a sample has a value.
    pub fn await_metric(&self, sample: &str, value: f64) {
        for _ in 0..1000 {
            if self.metric(sample) == value {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{sample} is {}, not {value}\n{}", self.metric(sample), self.get("/metrics").body);
    }
}

pub const JSON: &str = "Content-Type: application/json\r\n";

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }
}

pub fn request(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
    let mut stream = send(address, method, path, headers, body);
    receive(&mut stream)
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(body);
    stream
}

pub fn receive(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

/// What scripted judges share: a gate that `wait` waits for, and how many judges were made.
#[derive(Default)]
pub struct Script {
    pub made: AtomicUsize,
    pub steps: AtomicUsize,
    open: Mutex<bool>,
    opened: Condvar,
}

impl Script {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    pub fn judges(self: &Arc<Self>) -> Arc<MakeJudge> {
        let script = self.clone();
        Arc::new(move || {
            let number = script.made.fetch_add(1, Ordering::SeqCst);
            Ok(Box::new(Scripted { script: script.clone(), number }))
        })
    }
}

/// Does what the program says: `say TEXT`, `exit STATUS`, `overtime`, `wait`, `refuse`, `break`, `panic`; the last two
/// as `break once` or `panic once` only in the first judge. A response may also say `linger`: until it is abandoned.
struct Scripted {
    script: Arc<Script>,
    number: usize,
}

impl Scripted {
    fn play(&self, program: &str) -> Result<CommandResult, JudgeError> {
        self.script.steps.fetch_add(1, Ordering::SeqCst);
        let mut result = CommandResult {
            return_code: Some(0),
            wall: Duration::from_millis(250),
            stdout: String::new(),
            stderr: String::new(),
        };
        for line in program.lines() {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("say", text) => result.stdout += &format!("{text}\n"),
                ("exit", status) => result.return_code = Some(status.parse().unwrap()),
                ("overtime", _) => result.return_code = None,
                ("wait", _) => {
                    let open = self.script.open.lock().unwrap();
                    let _ = self.script.opened.wait_timeout_while(open, PATIENCE, |open| !*open).unwrap();
                }
                ("refuse", _) => return Err(JudgeError::Refused("no javac for Java".to_owned())),
                ("break", "once") | ("panic", "once") if self.number > 0 => {}
                ("break", _) => return Err(JudgeError::Infrastructure("the warm interpreter ended".to_owned())),
                ("panic", _) => panic!("scripted"),
                _ => {}
            }
        }
        Ok(result)
    }
}

impl Judge for Scripted {
    fn run_code(&mut self, request: &RunRequest) -> Result<RunResult, JudgeError> {
        let run = self.play(&request.code.replace("STDIN", &request.stdin))?;
        let fetched = request.files.iter().filter(|(path, _)| request.fetch_files.contains(path));
        Ok(RunResult { compile: None, run: Some(run), files: fetched.map(|(p, c)| (p.clone(), c.clone())).collect() })
    }

    fn reward(&mut self, request: &RewardRequest, abandoned: &AtomicBool) -> Result<Verdict, JudgeError> {
        if request.response == "linger" {
            while !abandoned.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
            return Err(JudgeError::Abandoned);
        }
        let played = self.play(&request.response)?;
        Ok(match played.stdout.trim() {
            "right" => Verdict::Pass,
            _ => Verdict::Fail { kind: FailureKind::WrongAnswer, detail: String::new() },
        })
    }
}
