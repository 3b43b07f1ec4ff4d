//! Worker threads: each owns a judge, replaces it when it fails, and tries the job once more.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering, mpsc},
    thread,
};

use prentice_base::{Event, FailureKind, Verdict};
use tokio::sync::mpsc as async_mpsc;

use crate::{
    judge::{Judge, JudgeError, MakeJudge, RunResult},
    metrics::Metrics,
    queue::{Answer, Job, Queue, Work},
};

/// Attempts at one job, each with a judge of its own.
const ATTEMPTS: u32 = 2;

/// What all workers share.
pub(crate) struct Workshop {
    pub(crate) queue: Arc<Queue>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) make_judge: Arc<MakeJudge>,
    /// Things the user should know.
    pub(crate) notices: async_mpsc::UnboundedSender<Event>,
}

/// Starts `count` workers and waits until each has its judge. A worker that has ended drops its clone of `alive`.
///
/// # Errors
/// A thread or a judge cannot be made; those that could be end by themselves.
pub(crate) fn start(workshop: &Arc<Workshop>, count: usize, alive: &async_mpsc::Sender<()>) -> Result<(), JudgeError> {
    let (ready, readiness) = mpsc::channel();
    for index in 0..count {
        let (worker, alive, ready) = (workshop.clone(), alive.clone(), ready.clone());
        let body = move || {
            let _alive = alive;
            // The receiver outlives all senders.
            match (worker.make_judge)() {
                Ok(judge) => {
                    let _ = ready.send(Ok(()));
                    drop(ready);
                    worker.work(judge);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        };
        let spawned = thread::Builder::new().name(format!("judge-{index}")).spawn(body);
        if let Err(error) = spawned {
            workshop.queue.close();
            return Err(JudgeError::Infrastructure(format!("cannot start a worker thread: {error}")));
        }
    }
    drop(ready);
    // A judge that panics while it is made drops its sender without a word.
    let reports: Vec<_> = readiness.iter().collect();
    let failed = reports.iter().find_map(|report| report.as_ref().err().cloned());
    let silent =
        (reports.len() < count).then(|| JudgeError::Infrastructure("a judge panicked while it was made".into()));
    match failed.or(silent) {
        Some(error) => {
            workshop.queue.close();
            Err(error)
        }
        None => Ok(()),
    }
}

impl Workshop {
    fn work(&self, judge: Box<dyn Judge>) {
        let mut judge = Some(judge);
        while let Some(job) = self.queue.pop() {
            self.metrics.in_flight.fetch_add(1, Ordering::Relaxed);
            let answer = self.attempt(&mut judge, &job);
            self.metrics.in_flight.fetch_sub(1, Ordering::Relaxed);
            self.metrics.execution(kind(&job.work), verdict(&answer));
            // Nobody may be waiting any more.
            let _ = job.reply.send(answer);
        }
    }

    fn attempt(&self, judge: &mut Option<Box<dyn Judge>>, job: &Job) -> Result<Answer, JudgeError> {
        let mut failure = String::new();
        for _ in 0..ATTEMPTS {
            if job.abandoned.load(Ordering::Relaxed) {
                return Err(JudgeError::Abandoned);
            }
            // Unwind safety: whatever a panic leaves behind is in the judge, which is thrown away.
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let present = judge.take().map_or_else(|| (self.make_judge)(), Ok)?;
                let judge = judge.insert(present);
                match &job.work {
                    Work::Run(request) => judge.run_code(request).map(Answer::Run),
                    Work::Reward(request) => {
                        judge.reward(request, &job.abandoned).and_then(scorable).map(Answer::Reward)
                    }
                }
            }));
            failure = match outcome {
                Ok(Err(JudgeError::Infrastructure(message))) => message,
                Ok(answer) => return answer,
                Err(panic) => format!("the judge panicked: {}", panic_message(&*panic)),
            };
            let broken = judge.take();
            let _ = catch_unwind(AssertUnwindSafe(|| drop(broken)));
            self.metrics.restarts.fetch_add(1, Ordering::Relaxed);
            let _ = self.notices.send(Event::Warning { message: format!("a worker's judge is replaced: {failure}") });
        }
        Err(JudgeError::Infrastructure(failure))
    }
}

/// A verdict that says nothing about the candidate is an error.
fn scorable(verdict: Verdict) -> Result<Verdict, JudgeError> {
    match verdict {
        Verdict::InfrastructureError { detail } => Err(JudgeError::Infrastructure(detail)),
        verdict => Ok(verdict),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

fn kind(work: &Work) -> &'static str {
    match work {
        Work::Run(_) => "run_code",
        Work::Reward(_) => "reward",
    }
}

fn verdict(answer: &Result<Answer, JudgeError>) -> &'static str {
    match answer {
        Err(JudgeError::Infrastructure(_)) | Ok(Answer::Reward(Verdict::InfrastructureError { .. })) => {
            "infrastructure_error"
        }
        Err(JudgeError::Refused(_)) => "refused",
        Err(JudgeError::Abandoned) => "abandoned",
        Ok(Answer::Reward(Verdict::Pass)) => "pass",
        Ok(Answer::Reward(Verdict::Fail { kind, .. })) => match kind {
            FailureKind::WrongAnswer => "wrong_answer",
            FailureKind::Exception => "exception",
            FailureKind::Timeout => "timeout",
            FailureKind::Memory => "memory",
            FailureKind::CompileError => "compile_error",
            FailureKind::Forbidden => "forbidden",
            FailureKind::NoOutput => "no_output",
        },
        Ok(Answer::Run(RunResult { run: None, .. })) => "compile_error",
        Ok(Answer::Run(RunResult { run: Some(run), .. })) => match run.return_code {
            Some(0) => "success",
            Some(_) => "failed",
            None => "timeout",
        },
    }
}
