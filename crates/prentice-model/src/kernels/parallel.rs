//! Work split into blocks whose borders never depend on the number of threads.

use std::marker::PhantomData;

use rayon::prelude::*;

/// Calls `work` with every index below `count`, on rayon's current pool. Blocks must write to disjoint places.
pub(crate) fn for_each_block(count: usize, work: impl Fn(usize) + Sync + Send) {
    if count <= 1 || rayon::current_num_threads() == 1 {
        (0..count).for_each(work);
    } else {
        (0..count).into_par_iter().with_max_len(1).for_each(work);
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
