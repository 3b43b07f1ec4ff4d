//! Large buffers on huge pages.
//!
//! A training step walks through hundreds of megabytes with long strides; with 4 KiB pages it waits for the page tables.

/// A zeroed buffer. From a few megabytes on, Linux is asked to back it with huge pages.
pub fn zeroed<T: Copy + Default>(count: usize) -> Vec<T> {
    // A large `vec!` of zeros is untouched fresh memory, so the advice comes before the pages do.
    let buffer = vec![T::default(); count];
    advise(buffer.as_ptr().cast(), size_of_val(buffer.as_slice()));
    buffer
}

#[cfg(target_os = "linux")]
fn advise(start: *const u8, bytes: usize) {
    const HUGE: usize = 2 << 20;
    if bytes < HUGE / 2 {
        return;
    }
    // Outwards, because neighbouring buffers share huge pages only where all of a page is advised.
    let first = start as usize / HUGE * HUGE;
    let last = (start as usize + bytes).next_multiple_of(HUGE);
    // SAFETY: the advice changes no content, neither ours nor that of a neighbour. A refusal costs only speed.
    unsafe { libc::madvise(first as *mut libc::c_void, last - first, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise(_start: *const u8, _bytes: usize) {}
