//! Says what execution says of a completion.
//!
//! What is expected stays on this side: a completion is executed in a process of its own (`prentice-sandbox`), and what
//! it returns, as plain data, is judged in another, which holds the tests. For Python both are warm interpreters; other
//! languages are built, and talk through pipes ([`crate::bridge`]).
//!
//! A failure of the harness is tried again and then reported as what it is; it is never the candidate's.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use prentice_base::{
    Check, ContentHash, FailureKind, HashWriter, Limits, Snapshot, Task, TestCase, Verdict, digest_json,
};
use prentice_sandbox::{
    Answer, Build, BuildOptions, Built, End, Execution, Language, Sandbox, SandboxError, Service, Toolchain, Work,
    Zygote,
};
use serde_json::{Value, json};

use crate::bridge;

const EXAMINER: &str = include_str!("python/examiner.py");
/// How often a failing harness is tried.
const ATTEMPTS: usize = 3;
/// How often a test may ask for more than it did with the reference.
const ROUNDS: usize = 8;
/// How long the examiner may take for one judgement, elapsed.
const PATIENCE: Duration = Duration::from_secs(300);
/// How many tests a verifier remembers the calls of.
const MOST_PLANS: usize = 8192;
/// Address space of the examiner, which holds what references return.
const EXAMINER_MEMORY: u64 = 8 << 30;

/// The verdict on a completion, and what it cost.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// CPU time of the candidate, all its processes and tests together.
    pub cpu: Duration,
    /// Elapsed time of the candidate.
    pub wall: Duration,
    /// Largest memory of any one process of the candidate, in bytes.
    pub peak_memory: u64,
}

/// What visible and hidden tests say of one completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// The tests that the solver could see.
    pub visible: Verdict,
    /// All tests: this decides.
    pub hidden: Verdict,
    /// Where tests are lists of inputs: how many inputs, visible ones first, were answered rightly before the first that
    /// was not.
    pub right: usize,
}

/// What all verifiers of a run share: toolchains, and the examiners that were built.
#[derive(Clone, Debug)]
pub struct Workshop {
    sandbox: Sandbox,
    toolchains: Arc<Mutex<HashMap<Language, Option<Arc<Toolchain>>>>>,
    examiners: Arc<Mutex<HashMap<ContentHash, Slot>>>,
    /// Languages that were tried out.
    sound: Arc<Mutex<HashSet<Language>>>,
}

/// An examiner, once it is built. Whoever needs it first builds it, the others wait.
type Slot = Arc<Mutex<Option<Arc<Built>>>>;

/// Judges completions, one at a time; use one for each thread.
#[derive(Debug)]
pub struct Verifier {
    workshop: Workshop,
    python: Option<Python>,
}

#[derive(Debug)]
struct Python {
    zygote: Zygote,
    examiner: Service,
    /// The calls that each test makes, and how much the reference returns, in bytes.
    plans: HashMap<ContentHash, Arc<Plan>>,
    /// Whether the reference of a test calls with plain data.
    plain: HashMap<ContentHash, bool>,
}

#[derive(Debug)]
struct Plan {
    calls: String,
    bytes: u64,
}

/// Why there is no verdict yet.
enum Trouble {
    /// The harness failed; another attempt may succeed.
    Harness(SandboxError),
    /// The task or the machine is at fault; another attempt would end the same.
    Hopeless(String),
}

impl From<SandboxError> for Trouble {
    fn from(error: SandboxError) -> Self {
        Self::Harness(error)
    }
}

impl Workshop {
    /// A workshop in a sandbox.
    pub fn new(sandbox: &Sandbox) -> Self {
        Self { sandbox: sandbox.clone(), toolchains: Arc::default(), examiners: Arc::default(), sound: Arc::default() }
    }

    /// The sandbox in use.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The toolchain of a language, if this machine has it. Looked for once.
    pub fn toolchain(&self, language: Language) -> Option<Arc<Toolchain>> {
        let mut toolchains = self.toolchains.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        toolchains.entry(language).or_insert_with(|| Toolchain::find(language).ok().map(Arc::new)).clone()
    }

    fn needed(&self, language: Language) -> Result<Arc<Toolchain>, Trouble> {
        self.toolchain(language).ok_or_else(|| {
            let missing = Toolchain::find(language).err();
            let hint = missing.map(|missing| format!(": {missing} ({})", missing.hint)).unwrap_or_default();
            Trouble::Hopeless(format!("this machine has no toolchain for {language:?}{hint}"))
        })
    }

    /// The toolchain of a language, tried out in this sandbox: one that does not work here must not make candidates wrong.
    fn sound(&self, language: Language) -> Result<Arc<Toolchain>, Trouble> {
        let toolchain = self.needed(language)?;
        let mut sound = self.sound.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if sound.contains(&language) {
            return Ok(toolchain);
        }
        let (name, source) = smallest_program(language);
        let failure = match toolchain.build(&self.sandbox, &[(name, source)], &BuildOptions::default())? {
            Build::Ready(built) => {
                let execution = self.sandbox.run(&built.command, &BuildOptions::default().limits)?;
                (execution.stdout.trim_ascii() != b"sound").then_some(execution)
            }
            Build::Rejected(execution) => Some(execution),
        };
        if let Some(execution) = failure {
            let why = first_line(&execution);
            return Err(Trouble::Hopeless(format!(
                "{language:?} does not work in this sandbox: {:?} {why}",
                execution.end
            )));
        }
        sound.insert(language);
        Ok(toolchain)
    }

    /// What identifies the runtime that a task's completions are executed by.
    pub fn runtime(&self, task: &Task) -> String {
        let toolchain = bridge::language(task).and_then(|language| self.toolchain(language));
        toolchain.map(|toolchain| toolchain.version.clone()).unwrap_or_default()
    }
}

impl Verifier {
    /// A verifier. Interpreters are started when they are first needed.
    pub fn new(workshop: &Workshop) -> Self {
        Self { workshop: workshop.clone(), python: None }
    }

    /// The verdict on a completion of a task: `prefix + completion + suffix` is the program.
    pub fn verify(&mut self, task: &Task, completion: &str) -> Judgement {
        self.verify_program(task, completion, None, &mut None)
    }

    /// The verdict on a whole program, which takes the place of prefix, completion and suffix.
    pub fn verify_solution(&mut self, task: &Task, solution: &str) -> Judgement {
        self.verify_program(task, "", Some(solution), &mut None)
    }

    /// The verdicts on a completion by the visible tests, and by the visible and the hidden ones together.
    ///
    /// Where both are lists of inputs for the reference, they are one execution; a second one tells where a program ended
    /// whose answers were lost.
    pub fn examine(&mut self, task: &Task, completion: &str) -> Examined {
        let seen = Task { hidden_tests: task.visible_tests.clone(), ..task.clone() };
        if let [TestCase { check: Check::Reference { inputs: visible, tolerance }, .. }] = &*task.visible_tests
            && let [TestCase { check: Check::Reference { inputs: hidden, tolerance: of_hidden }, name }] =
                &*task.hidden_tests
            && tolerance == of_hidden
        {
            let inputs = [visible.as_slice(), hidden].concat();
            let check = Check::Reference { inputs, tolerance: *tolerance };
            let both = Task { hidden_tests: vec![TestCase { name: name.clone(), check }], ..task.clone() };
            let mut right = None;
            let verdict = self.verify_program(&both, completion, None, &mut right).verdict;
            if let (None, Verdict::Fail { .. }) = (right, &verdict) {
                let visible = self.verify_program(&seen, completion, None, &mut right).verdict;
                return Examined { visible, hidden: verdict, right: right.unwrap_or(0) };
            }
            let right = right.unwrap_or(0);
            let visible = if right >= visible.len() && verdict.is_scorable() { Verdict::Pass } else { verdict.clone() };
            return Examined { visible, hidden: verdict, right };
        }
        let visible = if seen.hidden_tests.is_empty() { Verdict::Pass } else { self.verify(&seen, completion).verdict };
        let hidden = if visible == Verdict::Pass { self.verify(task, completion).verdict } else { visible.clone() };
        Examined { visible, hidden, right: 0 }
    }

    /// Runs a Python program as a script, in the warm interpreter: it reads and prints, and cannot start processes.
    ///
    /// # Errors
    /// This machine has no Python, or the harness failed; the interpreter is started anew for the next program.
    pub fn run_script(&mut self, program: &str, stdin: &[u8], limits: &Limits) -> Result<Execution, SandboxError> {
        let python = match self.python() {
            Ok(python) => python,
            Err(Trouble::Harness(error)) => return Err(error),
            Err(Trouble::Hopeless(what)) => return Err(SandboxError::Zygote { what }),
        };
        Ok(python.zygote.run(program, Work::Script { stdin }, limits)?.execution)
    }

    /// `right` becomes the number of inputs of a [`Check::Reference`] that were answered rightly before the first that was
    /// not, where that is known.
    fn verify_program(
        &mut self,
        task: &Task,
        completion: &str,
        solution: Option<&str>,
        right: &mut Option<usize>,
    ) -> Judgement {
        let mut cost = Cost::default();
        let mut attempt = 0;
        let verdict = loop {
            attempt += 1;
            match self.attempt(task, completion, solution, &mut cost, right) {
                Ok(verdict) => break verdict,
                Err(Trouble::Hopeless(detail)) => break Verdict::InfrastructureError { detail },
                Err(Trouble::Harness(error)) if attempt == ATTEMPTS => {
                    break Verdict::InfrastructureError { detail: with_sources(&error) };
                }
                // Whatever is broken is made anew.
                Err(Trouble::Harness(_)) => self.python = None,
            }
        };
        Judgement { verdict, cpu: cost.cpu, wall: cost.wall, peak_memory: cost.peak_memory }
    }

    fn attempt(
        &mut self,
        task: &Task,
        completion: &str,
        solution: Option<&str>,
        cost: &mut Cost,
        right: &mut Option<usize>,
    ) -> Result<Verdict, Trouble> {
        let Some(language) = bridge::language(task) else {
            return Err(Trouble::Hopeless(format!("task {} is in no language that can be executed", task.id)));
        };
        if language != Language::Python {
            return self.converse(task, language, completion, solution, cost);
        }
        for test in &task.hidden_tests {
            let verdict = match &test.check {
                Check::Program { .. } | Check::Reference { .. } => {
                    self.judge_calls(task, &test.check, completion, solution, cost, right)?
                }
                Check::Value { .. } | Check::Call { .. } => {
                    self.judge_expression(task, &test.check, solution.unwrap_or(completion), cost)?
                }
            };
            if verdict != Verdict::Pass {
                return Ok(verdict);
            }
        }
        if task.hidden_tests.is_empty() {
            return Err(Trouble::Hopeless(format!("task {} has no tests", task.id)));
        }
        Ok(Verdict::Pass)
    }

    fn python(&mut self) -> Result<&mut Python, Trouble> {
        if self.python.is_none() {
            let toolchain = self.workshop.needed(Language::Python)?;
            let sandbox = &self.workshop.sandbox;
            self.python = Some(Python {
                zygote: Zygote::start(sandbox, &toolchain)?,
                examiner: Service::start(sandbox, &toolchain, EXAMINER, EXAMINER_MEMORY)?,
                plans: HashMap::new(),
                plain: HashMap::new(),
            });
        }
        Ok(self.python.as_mut().expect("it was just started"))
    }

    /// A candidate whose function is called.
    fn judge_calls(
        &mut self,
        task: &Task,
        check: &Check,
        completion: &str,
        solution: Option<&str>,
        cost: &mut Cost,
        right: &mut Option<usize>,
    ) -> Result<Verdict, Trouble> {
        let program = match solution {
            Some(solution) => solution.to_owned(),
            None => spliced(task, completion),
        };
        let python = self.python()?;
        let (id, mut plan) = python.plan(task, check)?;
        let mut asked: Option<String> = None;
        for _ in 0..ROUNDS {
            let calls = asked.as_deref().unwrap_or(&plan.calls);
            // What the reference returns must fit, and something larger, too.
            let limits = Limits { output_bytes: task.limits.output_bytes + 2 * plan.bytes, ..task.limits };
            let work = Work::Calls { entry_point: &task.entry_point, calls };
            let answer = python.zygote.run(&program, work, &limits)?;
            cost.add(&answer.execution);
            let mut header = json!({ "op": "grade", "id": id });
            if let Some(calls) = &asked {
                header["calls"] = json!(calls);
            }
            let grade = python.grade(&header, &answer)?;
            match grade["verdict"].as_str() {
                Some("unplanned") => {
                    python.plans.remove(&id);
                    plan = python.plan(task, check)?.1;
                }
                Some("again") => asked = grade["calls"].as_str().map(str::to_owned),
                _ => {
                    let verdict = verdict(&grade, &answer.execution, &limits);
                    *right = match (&verdict, check) {
                        (Verdict::Pass, Check::Reference { inputs, .. }) => Some(inputs.len()),
                        // It never got to an answer.
                        (Verdict::Fail { kind: FailureKind::CompileError, .. }, _) => Some(0),
                        _ => grade["right"].as_u64().map(|right| right as usize),
                    };
                    return Ok(verdict);
                }
            }
        }
        Err(Trouble::Hopeless("the test asks for other calls each time".to_owned()))
    }

    /// A candidate that is an expression.
    fn judge_expression(
        &mut self,
        task: &Task,
        check: &Check,
        expression: &str,
        cost: &mut Cost,
    ) -> Result<Verdict, Trouble> {
        let python = self.python()?;
        let (id, _) = python.plan(task, check)?;
        // The code that the expression is about is not in reach of the expression.
        let mut program = "";
        let mut work = Work::Value { expression };
        let calls;
        if let (Check::Call { .. }, Snapshot::Program(code)) = (check, &task.snapshot) {
            program = &code.prefix;
            let call = python.call(task, id, expression, cost)?;
            if let Ok(text) = call {
                calls = text;
                work = Work::Calls { entry_point: &task.entry_point, calls: &calls };
            } else if python.asks_plainly(task, id)? || !expression.contains(&format!("{}(", task.entry_point)) {
                return Ok(call.err().unwrap_or(Verdict::Pass));
            }
        }
        let answer = python.zygote.run(program, work, &task.limits)?;
        cost.add(&answer.execution);
        let grade = python.grade(&json!({ "op": "grade", "id": id }), &answer)?;
        Ok(verdict(&grade, &answer.execution, &task.limits))
    }

    /// A candidate in a language that is built, or run by an interpreter of its own.
    fn converse(
        &mut self,
        task: &Task,
        language: Language,
        completion: &str,
        solution: Option<&str>,
        cost: &mut Cost,
    ) -> Result<Verdict, Trouble> {
        if solution.is_some() {
            let detail = format!("samples in {language:?} are completions; a whole `solution` works in Python only");
            return Err(Trouble::Hopeless(detail));
        }
        let toolchain = self.workshop.sound(language)?;
        let examiner = self.examiner(task, &toolchain)?;
        let candidate = bridge::candidate(task, completion).map_err(|error| Trouble::Hopeless(error.to_string()))?;
        let sandbox = &self.workshop.sandbox;
        let built = match toolchain.build(sandbox, &borrowed(&candidate.sources), &candidate.options)? {
            Build::Ready(built) => built,
            Build::Rejected(execution) => {
                let kind = match execution.end {
                    End::CpuTime | End::WallTime => FailureKind::Timeout,
                    _ => FailureKind::CompileError,
                };
                return Ok(Verdict::Fail { kind, detail: first_line(&execution) });
            }
        };
        // The examiner waits for the candidate, so it may take as long, and something more.
        let patient = Limits {
            cpu_seconds: 60.0,
            wall_seconds: task.limits.wall_seconds + 60.0,
            memory_bytes: 4 << 30,
            processes: 256,
            ..task.limits
        };
        let limits = Limits { processes: 256, ..task.limits };
        let (examined, execution) = sandbox.converse((&examiner.command, &patient), (&built.command, &limits))?;
        cost.add(&execution);
        let candidate_failed = || match failure(&execution, &limits) {
            // Node compiles when it starts.
            Verdict::Fail { kind: FailureKind::NoOutput, .. } if is_rejected_script(language, &execution) => {
                Verdict::Fail { kind: FailureKind::CompileError, detail: first_line(&execution) }
            }
            verdict => verdict,
        };
        Ok(match examined.end {
            End::Exited(0) => Verdict::Pass,
            End::Exited(bridge::CANDIDATE_GONE_EXIT) => candidate_failed(),
            End::Exited(bridge::CANDIDATE_THREW_EXIT) => {
                Verdict::Fail { kind: FailureKind::Exception, detail: first_line(&examined) }
            }
            End::Exited(_) | End::Signalled(_) => {
                Verdict::Fail { kind: FailureKind::WrongAnswer, detail: first_line(&examined) }
            }
            _ => match candidate_failed() {
                Verdict::Fail { kind: FailureKind::NoOutput, .. } => {
                    return Err(Trouble::Hopeless(format!(
                        "the examiner of {} ended with {:?}",
                        task.id, examined.end
                    )));
                }
                verdict => verdict,
            },
        })
    }

    /// The examiner of a task, built once for all verifiers of a workshop.
    fn examiner(&self, task: &Task, toolchain: &Toolchain) -> Result<Arc<Built>, Trouble> {
        let examiner = bridge::examiner(task).map_err(|error| Trouble::Hopeless(error.to_string()))?;
        let key = digest_json(&examiner.sources);
        let slot = {
            let mut examiners = self.workshop.examiners.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            examiners.entry(key).or_default().clone()
        };
        let mut slot = slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(built) = &*slot {
            return Ok(built.clone());
        }
        match toolchain.build(&self.workshop.sandbox, &borrowed(&examiner.sources), &examiner.options)? {
            Build::Ready(built) => Ok(slot.insert(Arc::new(built)).clone()),
            Build::Rejected(execution) => {
                let reason = first_line(&execution);
                Err(Trouble::Hopeless(format!("the tests of {} cannot be built here: {reason}", task.id)))
            }
        }
    }
}

impl Python {
    /// The calls that a test makes. The examiner keeps what it needs to grade them.
    fn plan<'a>(&mut self, task: &'a Task, check: &'a Check) -> Result<(ContentHash, Arc<Plan>), Trouble> {
        // Each list of arguments is kept as JSON text, since its integers may be of any size.
        let text = |input: &'a Value| input.as_str().unwrap_or_default();
        let (kind, tolerance, test): (_, _, Vec<&str>) = match check {
            Check::Program { program } => ("program", 0.0, vec![program]),
            Check::Reference { inputs, tolerance } => ("reference", *tolerance, inputs.iter().map(text).collect()),
            Check::Value { expected } | Check::Call { expected } => ("value", 0.0, vec![expected]),
        };
        let setup = match (&task.reference, &task.snapshot) {
            _ if kind == "value" => vec![],
            (Some(reference), Snapshot::Program(program)) => vec![&*program.prefix, reference, &*program.suffix],
            _ => {
                let detail = format!("task {} has no reference solution to learn its calls from", task.id);
                return Err(Trouble::Hopeless(detail));
            }
        };
        let mut digest = HashWriter::new();
        if kind == "value" {
            // What else is known of such a test belongs to the task, not to its value.
            digest.field(task.id.as_bytes()).field(task.reference.as_deref().unwrap_or_default().as_bytes());
        }
        digest.field(kind.as_bytes()).field(&tolerance.to_le_bytes()).field(task.entry_point.as_bytes());
        setup.iter().chain(&test).for_each(|part| {
            digest.field(part.as_bytes());
        });
        let id = digest.finish();
        if let Some(plan) = self.plans.get(&id) {
            return Ok((id, plan.clone()));
        }
        if self.plans.len() >= MOST_PLANS {
            self.plans.clear();
            self.plain.clear();
        }
        let header = json!({ "op": "plan", "id": id, "kind": kind, "entry": task.entry_point, "tolerance": tolerance });
        let setup = setup.concat();
        let test = if kind == "reference" { format!("[{}]", test.join(",")) } else { test.concat() };
        let result = self.examiner.ask(header, &[setup.as_bytes(), test.as_bytes()], PATIENCE)?;
        if let Some(error) = result["error"].as_str() {
            return Err(Trouble::Hopeless(format!("the reference of {} fails its own test: {error}", task.id)));
        }
        let calls = result["calls"].as_str().unwrap_or_default().to_owned();
        let plan = Arc::new(Plan { calls, bytes: result["bytes"].as_u64().unwrap_or(0) });
        self.plans.insert(id, plan.clone());
        Ok((id, plan))
    }

    /// The call that an expression makes, or the verdict on one that makes none.
    fn call(
        &mut self,
        task: &Task,
        id: ContentHash,
        expression: &str,
        cost: &mut Cost,
    ) -> Result<Result<String, Verdict>, SandboxError> {
        let work = Work::Arguments { entry_point: &task.entry_point, expression };
        let answer = self.zygote.run("", work, &task.limits)?;
        cost.add(&answer.execution);
        let call = self.grade(&json!({ "op": "call", "id": id }), &answer)?;
        Ok(match call["calls"].as_str() {
            Some(calls) => Ok(calls.to_owned()),
            None => Err(verdict(&call, &answer.execution, &task.limits)),
        })
    }

    /// Whether the reference calls with plain data, so that others must, too. Three of CRUXEval's 800 pass a function, or
    /// name something of the code; only there is an expression executed next to the code.
    fn asks_plainly(&mut self, task: &Task, id: ContentHash) -> Result<bool, SandboxError> {
        if let Some(known) = self.plain.get(&id) {
            return Ok(*known);
        }
        let reference = task.reference.as_deref().unwrap_or_default();
        let plain = self.call(task, id, reference, &mut Cost::default())?.is_ok();
        self.plain.insert(id, plain);
        Ok(plain)
    }

    fn grade(&mut self, header: &Value, answer: &Answer) -> Result<Value, SandboxError> {
        self.examiner.ask(header.clone(), &[&answer.results], PATIENCE)
    }
}

#[derive(Default)]
struct Cost {
    cpu: Duration,
    wall: Duration,
    peak_memory: u64,
}

impl Cost {
    fn add(&mut self, execution: &Execution) {
        self.cpu += execution.cpu;
        self.wall += execution.wall;
        self.peak_memory = self.peak_memory.max(execution.peak_memory);
    }
}

/// The candidate program of a task.
fn spliced(task: &Task, completion: &str) -> String {
    match &task.snapshot {
        Snapshot::Program(program) => [&program.prefix, completion, &program.suffix].concat(),
        Snapshot::Repository { .. } => completion.to_owned(),
    }
}

/// The examiner's word, and where it says that the candidate has not answered, how the candidate ended.
fn verdict(grade: &Value, execution: &Execution, limits: &Limits) -> Verdict {
    match grade["verdict"].as_str() {
        // Its answer was cut off.
        _ if execution.end == End::Output => failure(execution, limits),
        Some("pass") if execution.succeeded() => Verdict::Pass,
        Some("fail") => Verdict::Fail {
            kind: serde_json::from_value(grade["kind"].clone()).unwrap_or(FailureKind::NoOutput),
            detail: grade["detail"].as_str().unwrap_or_default().to_owned(),
        },
        _ => failure(execution, limits),
    }
}

/// The verdict on a candidate that did not answer.
fn failure(execution: &Execution, limits: &Limits) -> Verdict {
    let (kind, detail) = match execution.end {
        End::CpuTime => (FailureKind::Timeout, format!("more than {} s of CPU time", limits.cpu_seconds)),
        End::WallTime => (FailureKind::Timeout, format!("not done after {} s", limits.wall_seconds)),
        End::Memory => (FailureKind::Memory, format!("more than {} MiB of memory", limits.memory_bytes >> 20)),
        End::Output => (FailureKind::Forbidden, format!("more than {} bytes of output", limits.output_bytes)),
        End::Disk => (FailureKind::Forbidden, format!("more than {} bytes in files", limits.disk_bytes)),
        End::Processes => (FailureKind::Forbidden, format!("more than {} processes", limits.processes)),
        End::Signalled(signal) => (FailureKind::Exception, format!("ended by signal {signal}")),
        End::Exited(0) => (FailureKind::NoOutput, "ended without an answer".to_owned()),
        End::Exited(status) => {
            let line = first_line(execution);
            let why = if line.is_empty() { String::new() } else { format!(": {line}") };
            (FailureKind::NoOutput, format!("ended with status {status} and without an answer{why}"))
        }
    };
    Verdict::Fail { kind, detail }
}

/// Whether Node could not parse a program.
fn is_rejected_script(language: Language, execution: &Execution) -> bool {
    let says = |text: &[u8]| execution.stderr.windows(text.len()).any(|window| window == text);
    language == Language::JavaScript && says(b"SyntaxError: ") && says(b"wrapSafe")
}

/// The first telling line of what a program said, without what differs from run to run: names of scratch directories, and
/// Rust's line with the number of the thread.
fn first_line(execution: &Execution) -> String {
    let text = String::from_utf8_lossy(&execution.stderr);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("thread '"));
    let telling = lines().find(|line| line.contains("error") || line.contains("Error") || line.contains("ssert"));
    let line = telling.or_else(|| lines().next()).unwrap_or_default();
    without_scratch(line).chars().take(300).collect()
}

/// Shortens paths of scratch directories to the name of the file.
fn without_scratch(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("prentice-") {
        let mut before = rest[..at].char_indices().rev();
        let start = before
            .find(|(_, c)| !(c.is_alphanumeric() || "/._-".contains(*c)))
            .map_or(0, |(place, c)| place + c.len_utf8());
        let Some(length) = rest[at..].find('/') else { break };
        shown += &rest[..start];
        rest = &rest[at + length + 1..];
    }
    shown + rest
}

/// A program that prints `sound`.
fn smallest_program(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::Python => ("main.py", "print('sound')"),
        Language::JavaScript => ("main.cjs", "console.log('sound')"),
        Language::Rust => ("main.rs", "fn main() { println!(\"sound\") }"),
        Language::C => ("main.c", "#include <stdio.h>\nint main(void) { puts(\"sound\"); }\n"),
        Language::Cpp => ("main.cpp", "#include <iostream>\nint main() { std::cout << \"sound\"; }\n"),
        Language::Go => ("main.go", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"sound\") }\n"),
        Language::Java => (
            "Main.java",
            "public class Main { public static void main(String[] a) { System.out.println(\"sound\"); } }\n",
        ),
    }
}

fn borrowed(sources: &[(String, String)]) -> Vec<(&str, &str)> {
    sources.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect()
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}
