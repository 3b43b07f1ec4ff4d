//! Work split into blocks whose borders never depend on the number of threads.
//!
//! A step of training or generation is hundreds of short parallel regions. Waking a sleeping thread for each costs more
//! than many of them (tens of microseconds in a virtual machine), so [`with_team`] borrows the other threads of rayon's
//! pool for the length of a step; between regions they spin, and yield when that takes long. Without a team, or within
//! a region, [`for_each_block`] does the same work by rayon.

use std::{
    cell::{Cell, UnsafeCell},
    marker::PhantomData,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use rayon::prelude::*;

/// A region: how many blocks, and what to do with each.
type Job<'a> = (usize, &'a (dyn Fn(usize) + Sync));

struct Team {
    /// Valid while `open`.
    job: UnsafeCell<Option<Job<'static>>>,
    open: AtomicBool,
    /// The next block to be taken.
    next: AtomicUsize,
    /// Blocks finished.
    done: AtomicUsize,
    /// Helpers that may look at `job`.
    inside: AtomicUsize,
    panicked: AtomicBool,
    dismissed: AtomicBool,
}

// SAFETY: `job` is written only by the leader while the team is closed and nobody is inside.
unsafe impl Sync for Team {}

thread_local! {
    static TEAM: Cell<Option<&'static Team>> = const { Cell::new(None) };
}

/// Runs `work` with the other threads of rayon's current pool at hand.
pub(crate) fn with_team<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let helpers = rayon::current_num_threads() - 1;
    if helpers == 0 || TEAM.get().is_some() {
        return work();
    }
    let team = Team {
        job: UnsafeCell::new(None),
        open: AtomicBool::new(false),
        next: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        inside: AtomicUsize::new(0),
        panicked: AtomicBool::new(false),
        dismissed: AtomicBool::new(false),
    };
    rayon::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|_| team.help());
        }
        /// Dismisses the team on the way out, also when `work` panics.
        struct Leading<'t>(&'t Team);
        impl Drop for Leading<'_> {
            fn drop(&mut self) {
                TEAM.set(None);
                self.0.dismissed.store(true, SeqCst);
            }
        }
        let _leading = Leading(&team);
        // SAFETY: the reference is taken back by `Leading` before the scope, and so the team, ends.
        TEAM.set(Some(unsafe { std::mem::transmute::<&Team, &'static Team>(&team) }));
        work()
    })
}

impl Team {
    fn lead(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        // SAFETY: closed, nobody inside. The lifetime is honest: the job is taken back below before `work` ends.
        unsafe { *self.job.get() = Some(std::mem::transmute::<Job<'_>, Job<'static>>((count, work))) };
        self.next.store(0, SeqCst);
        self.done.store(0, SeqCst);
        self.open.store(true, SeqCst);
        // A panic must not leave before the helpers are out of `work`.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.take_blocks(count, work)));
        if result.is_err() {
            self.next.store(count, SeqCst);
        }
        self.open.store(false, SeqCst);
        wait_until(|| self.inside.load(SeqCst) == 0);
        // SAFETY: closed, nobody inside.
        unsafe { *self.job.get() = None };
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
        assert!(!self.panicked.load(SeqCst), "a helper thread panicked");
        debug_assert_eq!(self.done.load(SeqCst), count);
    }

    fn take_blocks(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        loop {
            let block = self.next.fetch_add(1, SeqCst);
            if block >= count {
                return;
            }
            work(block);
            self.done.fetch_add(1, SeqCst);
        }
    }

    fn help(&self) {
        loop {
            let mut patience = 0u32;
            while !self.open.load(SeqCst) {
                if self.dismissed.load(SeqCst) {
                    return;
                }
                pause(&mut patience);
            }
            self.inside.fetch_add(1, SeqCst);
            // The leader closes first and then waits for `inside` to be zero, so an open team's job stays valid.
            if self.open.load(SeqCst) {
                // SAFETY: open and inside.
                if let Some((count, work)) = unsafe { *self.job.get() }
                    && self.next.load(SeqCst) < count
                    && std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.take_blocks(count, work))).is_err()
                {
                    self.panicked.store(true, SeqCst);
                    self.next.store(count, SeqCst);
                }
            }
            self.inside.fetch_sub(1, SeqCst);
        }
    }
}

fn wait_until(ready: impl Fn() -> bool) {
    let mut patience = 0;
    while !ready() {
        pause(&mut patience);
    }
}

fn pause(patience: &mut u32) {
    *patience += 1;
    if *patience < 4000 {
        std::hint::spin_loop();
    } else {
        // Some other program may need this core.
        std::thread::yield_now();
    }
}

/// Calls `work` with every index below `count`, on the team or on rayon's current pool. Blocks must write to disjoint
/// places.
pub(crate) fn for_each_block(count: usize, work: impl Fn(usize) + Sync + Send) {
    if count <= 1 || rayon::current_num_threads() == 1 {
        return (0..count).for_each(work);
    }
    match TEAM.take() {
        Some(team) => {
            // Within a region there is no team: nested regions are left to rayon.
            let _restore = Restore(team);
            team.lead(count, &work);
        }
        None => (0..count).into_par_iter().with_max_len(1).for_each(work),
    }
}

struct Restore(&'static Team);

impl Drop for Restore {
    fn drop(&mut self) {
        TEAM.set(Some(self.0));
    }
}

/// A mutable slice that several threads write to in disjoint parts.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut<'a, T> {
    pointer: *mut T,
    length: usize,
    marker: PhantomData<&'a mut [T]>,
}

// SAFETY: access goes through `range`, whose caller promises that no two threads overlap.
unsafe impl<T: Send> Send for SharedMut<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedMut<'_, T> {}

impl<'a, T> SharedMut<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { pointer: slice.as_mut_ptr(), length: slice.len(), marker: PhantomData }
    }

    /// # Safety
    /// No other live reference may overlap `start..start + length`.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn range(&self, start: usize, length: usize) -> &'a mut [T] {
        assert!(start + length <= self.length, "block {start}+{length} of {}", self.length);
        // SAFETY: in bounds by the assertion; disjoint by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.pointer.add(start), length) }
    }

    /// The address of an element, for kernels that take strides.
    pub(crate) fn pointer(&self, index: usize) -> *mut T {
        assert!(index <= self.length);
        // SAFETY: in bounds, or one past the end.
        unsafe { self.pointer.add(index) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn every_block_runs_once_with_and_without_a_team_and_nested() {
        for threads in 1..4 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let count = |team: bool| {
                let total = AtomicU64::new(0);
                let work = || {
                    for round in 0..200 {
                        for_each_block(round % 7, |block| {
                            for_each_block(3, |inner| {
                                total.fetch_add((block * 10 + inner + 1) as u64, SeqCst);
                            });
                        });
                    }
                };
                pool.install(|| if team { with_team(work) } else { work() });
                total.into_inner()
            };
            assert_eq!(count(true), count(false));
        }
    }

    #[test]
    fn a_panic_in_a_region_comes_out_and_the_pool_survives() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        for _ in 0..20 {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                pool.install(|| with_team(|| for_each_block(10, |block| assert!(block != 7))));
            }));
            assert!(result.is_err());
        }
        assert_eq!(pool.install(|| with_team(|| 5)), 5);
    }
}
