//! What execution costs on this machine, for the doctor and the quickstart.

use std::time::Instant;

use prentice_base::Limits;
use prentice_sandbox::{Command, Sandbox, SandboxError, Tier, Toolchain, Work, Zygote};
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
