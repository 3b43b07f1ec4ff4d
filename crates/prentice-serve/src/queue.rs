//! The bounded queue between connections and workers.
//!
//! It holds what is waiting, not what runs. A job leaves it when a worker takes it, or when nobody waits for its answer
//! any more: a client that hangs up frees its place at once.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use prentice_base::Verdict;
use tokio::sync::oneshot;

use crate::judge::{JudgeError, RewardRequest, RunRequest, RunResult};

/// What a worker is asked for.
#[derive(Debug)]
pub(crate) enum Work {
    Run(RunRequest),
    Reward(RewardRequest),
}

/// What a worker answers.
#[derive(Debug)]
pub(crate) enum Answer {
    Run(RunResult),
    Reward(Verdict),
}

/// Work on its way to a worker.
pub(crate) struct Job {
    id: u64,
    pub(crate) work: Work,
    pub(crate) reply: oneshot::Sender<Result<Answer, JudgeError>>,
    /// Set when nobody waits for the answer any more.
    pub(crate) abandoned: Arc<AtomicBool>,
}

/// Waits for the answer to one job; dropping it abandons the job.
pub(crate) struct Ticket {
    id: u64,
    receiver: oneshot::Receiver<Result<Answer, JudgeError>>,
    abandoned: Arc<AtomicBool>,
    queue: Arc<Queue>,
}

/// The queue has no room for all of what was pushed.
#[derive(Debug)]
pub(crate) struct Full;

pub(crate) struct Queue {
    capacity: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    next_id: u64,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, state: Mutex::default(), changed: Condvar::new() })
    }

    /// Most jobs that can wait.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Jobs that wait now.
    pub(crate) fn depth(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Adds all of `works`, or none: half a batch is of no use to its client.
    pub(crate) fn push(self: &Arc<Self>, works: Vec<Work>) -> Result<Vec<Ticket>, Full> {
        let mut state = self.lock();
        if state.closed || state.waiting.len() + works.len() > self.capacity {
            return Err(Full);
        }
        let enqueue = |work| {
            let (reply, receiver) = oneshot::channel();
            let abandoned = Arc::new(AtomicBool::new(false));
            let id = state.next_id;
            state.next_id += 1;
            state.waiting.push_back(Job { id, work, reply, abandoned: abandoned.clone() });
            Ticket { id, receiver, abandoned, queue: self.clone() }
        };
        let tickets = works.into_iter().map(enqueue).collect();
        drop(state);
        self.changed.notify_all();
        Ok(tickets)
    }

    /// The oldest job; waits for one. `None` once the queue is closed and empty.
    pub(crate) fn pop(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets the workers go once what is waiting is done.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// The worker's answer.
    pub(crate) async fn answer(mut self) -> Result<Answer, JudgeError> {
        let gone = || Err(JudgeError::Infrastructure("the worker ended without an answer".to_owned()));
        (&mut self.receiver).await.unwrap_or_else(|_| gone())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        // Dropped outside the lock: a job may own megabytes.
        let _removed = {
            let mut state = self.queue.lock();
            let place = state.waiting.iter().position(|job| job.id == self.id);
            place.and_then(|place| state.waiting.remove(place))
        };
    }
}
