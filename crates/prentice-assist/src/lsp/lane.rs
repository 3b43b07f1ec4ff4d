//! What waits for one worker.

use std::{
    collections::VecDeque,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A queue that whoever adds to it may also tidy: a channel could not drop what nobody waits for any more.
pub struct Lane<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// Whether something came since the worker took the last.
    arrived: AtomicBool,
}

struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

impl<T> Lane<T> {
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State { waiting: VecDeque::new(), closed: false }),
            changed: Condvar::new(),
            arrived: AtomicBool::new(false),
        }
    }

    /// Adds to what waits, or takes from it.
    pub fn update(&self, change: impl FnOnce(&mut VecDeque<T>)) {
        change(&mut self.lock().waiting);
        self.arrived.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// The next in turn; waits for it. None once the lane is closed.
    pub fn next(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(next) = state.waiting.pop_front() {
                self.arrived.store(!state.waiting.is_empty(), Ordering::Relaxed);
                return Some(next);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether nothing comes for a while.
    pub fn is_quiet_for(&self, pause: Duration) -> bool {
        let nothing = |state: &mut State<T>| state.waiting.is_empty() && !state.closed;
        let waited = self.changed.wait_timeout_while(self.lock(), pause, nothing);
        waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Set once something comes that waits for the worker.
    pub fn arrived(&self) -> &AtomicBool {
        &self.arrived
    }

    /// Ends the worker; what waits is dropped.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        self.arrived.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
