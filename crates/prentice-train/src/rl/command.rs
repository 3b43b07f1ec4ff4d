//! Rewards from a command of the user's, for work that has no tests.
//!
//! The command is run by `sh -c` for each attempt. It gets one line of JSON on standard input and says on standard output
//! what the attempt is worth:
//!
//! ```text
//! {"task": "7", "prompt": "...", "completion": "..."}
//! 0.5
//! {"reward": 0.5, "solved": false}
//! ```
//!
//! The command is trusted and runs as the user does, without the sandbox's walls; what it does with a completion is up to
//! it. One that fails, says something else or takes too long is a fault of the harness, whatever the completion was:
//! nothing is scored then. Beyond its time the whole process group is killed.
//!
//! *Not covered*: processes that leave the group; the end of commands that are under way when this process is killed;
//! partial credit for turns, of which there is one.

use std::{
    io::{self, Read, Write as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::environment::{Environment, HarnessError, Judge, Outcome, Turn};

/// From which reward on an attempt counts as solved where the command does not say.
pub const SOLVED_FROM: f64 = 1.0;
/// What is kept of each of a command's streams, in bytes; the rest is read and dropped.
const MOST_KEPT: u64 = 64 << 10;
/// What of it stands in an error, in characters.
const MOST_SHOWN: usize = 400;

/// What a policy continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Its name, which the command is told as `task`.
    pub id: String,
    /// The text.
    pub prompt: String,
}

/// Prompts whose continuations a command judges.
pub struct CommandRewards<'p> {
    prompts: &'p [Prompt],
    command: &'p str,
    limit: Duration,
}

impl<'p> CommandRewards<'p> {
    /// `command` is a line for `sh`, and gets `limit` for each attempt. It must say the same whenever it is asked the same.
    pub fn new(prompts: &'p [Prompt], command: &'p str, limit: Duration) -> Self {
        Self { prompts, command, limit }
    }
}

impl Environment for CommandRewards<'_> {
    fn len(&self) -> usize {
        self.prompts.len()
    }

    fn name(&self, task: usize) -> &str {
        &self.prompts[task].id
    }

    fn prompt(&self, task: usize) -> &str {
        &self.prompts[task].prompt
    }

    fn judge(&self) -> Box<dyn Judge + '_> {
        Box::new(CommandJudge(self))
    }
}

struct CommandJudge<'p>(&'p CommandRewards<'p>);

impl Judge for CommandJudge<'_> {
    fn turn(&mut self, task: usize, turns: &[String]) -> Result<Turn, HarnessError> {
        let Prompt { id, prompt } = &self.0.prompts[task];
        let completion = turns.last().map_or("", String::as_str);
        let question = format!("{}\n", json!({"task": id, "prompt": prompt, "completion": completion}));
        let said = ask(self.0.command, question, self.0.limit)
            .map_err(|problem| HarnessError(format!("the reward command {problem}")))?;
        let (reward, solved) = read_reward(&said).ok_or_else(|| {
            let wanted = r#"expected is a number or {"reward": 0.5, "solved": false}"#;
            HarnessError(format!("the reward command printed {:?}, {wanted}", shown(&said)))
        })?;
        let detail = format!("reward {reward}");
        Ok(Turn::End(Outcome { reward, visible_passed: solved, solved, loophole: None, detail }))
    }
}

/// The reward, and whether the attempt solves its task.
fn read_reward(said: &[u8]) -> Option<(f64, bool)> {
    let (reward, solved) = match serde_json::from_slice(said).ok()? {
        Value::Number(reward) => (reward.as_f64()?, None),
        Value::Object(fields) => {
            let solved = match fields.get("solved") {
                None => None,
                Some(solved) => Some(solved.as_bool()?),
            };
            (fields.get("reward")?.as_f64()?, solved)
        }
        _ => return None,
    };
    reward.is_finite().then(|| (reward, solved.unwrap_or(reward >= SOLVED_FROM)))
}

/// Runs the command and gives what it printed, or what is wrong with it.
fn ask(command: &str, question: String, limit: Duration) -> Result<Vec<u8>, String> {
    let until = Instant::now() + limit;
    let piped = || Stdio::piped();
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(piped())
        .stdout(piped())
        .stderr(piped())
        .process_group(0)
        .spawn()
        .map_err(|error| format!("cannot be started: {error}"))?;
    let mut stdin = child.stdin.take().expect("it is piped");
    // Commands need not read what they are asked; their pipe may be smaller than the question.
    thread::spawn(move || stdin.write_all(question.as_bytes()));
    let stdout = collect(child.stdout.take().expect("it is piped"));
    let stderr = collect(child.stderr.take().expect("it is piped"));
    let left = || until.saturating_duration_since(Instant::now());
    let said = stdout.recv_timeout(left()).ok().zip(stderr.recv_timeout(left()).ok());
    let ended = said.and_then(|(printed, complaint)| Some((wait(&mut child, until)?, printed, complaint)));
    match ended {
        None => {
            kill(child);
            Err(format!("did not end within {} s and was killed", limit.as_secs_f64()))
        }
        Some((status, printed, _)) if status.success() => Ok(printed),
        Some((status, printed, complaint)) => {
            let complaint = if complaint.trim_ascii().is_empty() { printed } else { complaint };
            let colon = if complaint.trim_ascii().is_empty() { "" } else { ": " };
            Err(format!("{}{colon}{}", failure(status), shown(&complaint)))
        }
    }
}

/// Reads a stream to its end, in a thread that ends with the stream: who waits for it may give up.
fn collect(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (to_asker, kept) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.by_ref().take(MOST_KEPT).read_to_end(&mut bytes);
        let _ = io::copy(&mut stream, &mut io::sink());
        let _ = to_asker.send(bytes);
    });
    kept
}

/// Waits for a command that has closed its output, and so is likely to end at once.
fn wait(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    let mut pause = Duration::from_micros(100);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= until {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Kills a command that was not waited for, with all of its group.
fn kill(mut child: Child) {
    let group = -(child.id() as libc::pid_t);
    // SAFETY: takes no pointer; the child was not waited for, so the number still is that of its group.
    unsafe {
        libc::kill(group, libc::SIGKILL);
    }
    let _ = child.wait();
}

fn failure(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}

/// The end of what was said, where errors say what they are about.
fn shown(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said.trim_ascii()).into_owned();
    let skipped = text.chars().count().saturating_sub(MOST_SHOWN);
    match skipped {
        0 => text,
        _ => format!("...{}", text.chars().skip(skipped).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// What a command makes of the completion `abc`.
    fn judged(command: &str, limit: Duration) -> String {
        let prompts = [Prompt { id: "seven".into(), prompt: "say \"abc\"\n".into() }];
        let environment = CommandRewards::new(&prompts, command, limit);
        match environment.judge().turn(0, &["abc".into()]) {
            Ok(Turn::End(outcome)) => format!("{} {}", outcome.reward, outcome.solved),
            Ok(Turn::Observation(text)) => text,
            Err(error) => error.to_string(),
        }
    }

    fn check(commands: &[&str], expected: Expect) {
        let lines =
            commands.iter().map(|command| format!("{command}\n  {}\n", judged(command, Duration::from_secs(20))));
        expected.assert_eq(&lines.collect::<String>());
    }

    #[test]
    fn a_reward_is_a_number_or_an_object() {
        check(
            &[
                "echo 1",
                "echo '  0.25  '; echo noise >&2",
                "echo -1e-1",
                r#"echo '{"reward": 0.5, "solved": true, "more": null}'"#,
                r#"echo '{"reward": 2}'"#,
                "cat > /dev/null; echo 0",
                // The question is one line, and in it is what was asked.
                r#"grep -cF '{"task":"seven","prompt":"say \"abc\"\n","completion":"abc"}'"#,
                // More than a pipe holds, on both.
                "head -c 300000 /dev/zero >&2; echo 1",
            ],
            expect![[r#"
                echo 1
                  1 true
                echo '  0.25  '; echo noise >&2
                  0.25 false
                echo -1e-1
                  -0.1 false
                echo '{"reward": 0.5, "solved": true, "more": null}'
                  0.5 true
                echo '{"reward": 2}'
                  2 true
                cat > /dev/null; echo 0
                  0 false
                grep -cF '{"task":"seven","prompt":"say \"abc\"\n","completion":"abc"}'
                  1 true
                head -c 300000 /dev/zero >&2; echo 1
                  1 true
            "#]],
        );
    }

    #[test]
    fn a_command_that_crashes_or_talks_nonsense_scores_nothing() {
        check(
            &[
                "echo 1; exit 3",
                "echo 'no module named reward' >&2; echo 1; exit 1",
                "kill -SEGV $$",
                "no-such-command-anywhere 2> /dev/null",
                "true",
                "echo nan",
                "echo 1e999",
                "echo 1 2",
                "echo '\"1\"'",
                r#"echo '{"reward": "high"}'"#,
                r#"echo '{"reward": 1, "solved": 1}'"#,
                r#"echo '{"score": 1}'"#,
            ],
            expect![[r#"
                echo 1; exit 3
                  the reward command exited with status 3: 1
                echo 'no module named reward' >&2; echo 1; exit 1
                  the reward command exited with status 1: no module named reward
                kill -SEGV $$
                  the reward command was ended by signal 11
                no-such-command-anywhere 2> /dev/null
                  the reward command exited with status 127
                true
                  the reward command printed "", expected is a number or {"reward": 0.5, "solved": false}
                echo nan
                  the reward command printed "nan", expected is a number or {"reward": 0.5, "solved": false}
                echo 1e999
                  the reward command printed "1e999", expected is a number or {"reward": 0.5, "solved": false}
                echo 1 2
                  the reward command printed "1 2", expected is a number or {"reward": 0.5, "solved": false}
                echo '"1"'
                  the reward command printed "\"1\"", expected is a number or {"reward": 0.5, "solved": false}
                echo '{"reward": "high"}'
                  the reward command printed "{\"reward\": \"high\"}", expected is a number or {"reward": 0.5, "solved": false}
                echo '{"reward": 1, "solved": 1}'
                  the reward command printed "{\"reward\": 1, \"solved\": 1}", expected is a number or {"reward": 0.5, "solved": false}
                echo '{"score": 1}'
                  the reward command printed "{\"score\": 1}", expected is a number or {"reward": 0.5, "solved": false}
            "#]],
        );
    }

    #[test]
    fn a_command_that_hangs_is_killed_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let limit = Duration::from_millis(300);
        for (number, hang) in
            ["sleep 600", "sleep 600 & wait", "sleep 600 & echo 1", "exec >&- 2>&-; sleep 600"].iter().enumerate()
        {
            let ids = directory.path().join(number.to_string());
            let command =
                format!("(echo $$; exec sh -c 'echo $$; exec sleep 600' 2> /dev/null) > {0} & {hang}", ids.display());
            let began = Instant::now();
            assert_eq!(judged(&command, limit), "the reward command did not end within 0.3 s and was killed", "{hang}");
            assert!(began.elapsed() < Duration::from_secs(20), "{hang}");
            let ids = std::fs::read_to_string(&ids).unwrap();
            assert_eq!(ids.lines().count(), 2, "{ids}");
            for id in ids.lines() {
                // Nobody may be there to wait for a grandchild that is dead.
                let is_there = || {
                    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
                    stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with(['Z', 'X']))
                };
                let until = Instant::now() + Duration::from_secs(10);
                while is_there() {
                    assert!(Instant::now() < until, "{hang}: {id} is still there");
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }
}
