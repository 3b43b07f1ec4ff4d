//! What execution costs on this machine, for the doctor and the quickstart.

use std::time::Instant;

use prentice_base::Limits;
use prentice_sandbox::{Command, Language, Sandbox, SandboxError, Tier, Toolchain, Work, Zygote};
use serde::{Deserialize, Serialize};

/// How fast programs are executed here, in this run, beside whatever else runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// The isolation in force.
    pub tier: Tier,
    /// CPU time of a small candidate in a warm interpreter, median, in milliseconds.
    pub candidate_cpu_ms: f64,
    /// Candidates a second in one warm interpreter.
    pub candidates_per_second: f64,
    /// From the start of a command to its end, median, in milliseconds.
    pub command_ms: f64,
}

/// A function with a few calls, of the size of a HumanEval task.
const CANDIDATE: &str = "def largest(numbers):\n    result = numbers[0]\n    for number in numbers:\n        if number > result:\n            result = number\n    return result\n";
const CALLS: &str = "[[[[1,5,3]],{}],[[[2.5,-1.0]],{}],[[[7]],{}],[[[0,0,9,4]],{}]]";
const CANDIDATES: usize = 200;
const COMMANDS: usize = 20;

/// Measures for less than two seconds.
pub fn measure(sandbox: &Sandbox, python: &Toolchain) -> Result<Speed, SandboxError> {
    let limits = Limits::default();
    let mut zygote = Zygote::start(sandbox, python)?;
    let work = Work::Calls { entry_point: "largest", calls: CALLS };
    zygote.run(CANDIDATE, work, &limits)?;
    let began = Instant::now();
    let mut cpu = Vec::new();
    for _ in 0..CANDIDATES {
        cpu.push(zygote.run(CANDIDATE, work, &limits)?.execution.cpu.as_secs_f64());
    }
    let seconds = began.elapsed().as_secs_f64();
    let command = Command { program: "/bin/true".into(), ..Command::default() };
    let mut starts = Vec::new();
    for _ in 0..COMMANDS {
        let began = Instant::now();
        sandbox.run(&command, &limits)?;
        starts.push(began.elapsed().as_secs_f64());
    }
    Ok(Speed {
        tier: sandbox.tier(),
        candidate_cpu_ms: median(cpu) * 1e3,
        candidates_per_second: CANDIDATES as f64 / seconds,
        command_ms: median(starts) * 1e3,
    })
}

/// What was found out about execution on this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Proof {
    /// Programs can be executed.
    Works {
        /// How fast.
        speed: Speed,
        /// What a program tried and was refused.
        refused: Vec<String>,
        /// What a program tried and got: none, if the sandbox is sound.
        reached: Vec<String>,
    },
    /// They cannot.
    Missing {
        /// Why.
        reason: String,
    },
}

/// What a program tries in the proof: in words, and in Python.
const ATTEMPTS: [(&str, &str); 6] = [
    ("start a process", "os.fork()"),
    ("signal its parent", "os.kill(os.getppid(), 15)"),
    ("open a socket", "socket.socket()"),
    ("read the user's files", "os.listdir('/home')"),
    ("read /etc/shadow", "open('/etc/shadow')"),
    ("write outside its own directory", "open('/usr/prentice', 'w')"),
];

/// Tries the sandbox out.
pub fn prove() -> Result<Proof, SandboxError> {
    let sandbox = match Sandbox::best() {
        Ok(sandbox) => sandbox,
        Err(error) => return Ok(Proof::Missing { reason: error.to_string() }),
    };
    let python = match Toolchain::find(Language::Python) {
        Ok(python) => python,
        Err(missing) => return Ok(Proof::Missing { reason: format!("{missing} ({})", missing.hint) }),
    };
    let speed = measure(&sandbox, &python)?;
    let mut program = "import os, socket\ndef attempt():\n    reached = []\n".to_owned();
    for (number, (_, code)) in ATTEMPTS.iter().enumerate() {
        program += &format!("    try: {code}; reached.append({number})\n    except OSError: pass\n");
    }
    program += "    return reached\n";
    let mut zygote = Zygote::start(&sandbox, &python)?;
    let work = Work::Calls { entry_point: "attempt", calls: "[[[],{}]]" };
    let answer = zygote.run(&program, work, &Limits::default())?;
    let line = answer.results.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let value: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
    // Without an answer nothing is proven.
    let Some(reached) = value["value"].as_array() else {
        return Ok(Proof::Missing { reason: "the program that tries the sandbox gave no answer".to_owned() });
    };
    let was_reached = |number: usize| reached.iter().any(|one| one.as_u64() == Some(number as u64));
    let named = |wanted: bool| {
        let attempts = ATTEMPTS.iter().enumerate().filter(|(number, _)| was_reached(*number) == wanted);
        attempts.map(|(_, (words, _))| (*words).to_owned()).collect()
    };
    Ok(Proof::Works { speed, refused: named(false), reached: named(true) })
}

impl Proof {
    /// In a few words.
    pub fn in_words(&self) -> String {
        match self {
            Proof::Works { speed, refused, reached } if reached.is_empty() => format!(
                "tier {:?}, {} candidates a second in one interpreter, {} of {} escapes refused",
                speed.tier,
                crate::format::rate(speed.candidates_per_second),
                refused.len(),
                refused.len()
            ),
            Proof::Works { reached, .. } => format!("NOT SOUND: a program could {}", reached.join(", ")),
            Proof::Missing { reason } => format!("programs cannot be executed: {reason}"),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
