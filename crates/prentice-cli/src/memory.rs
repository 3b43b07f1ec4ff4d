//! Memory of this process, as the operating system counts it: physical pages, those of mapped files included.

/// The most this process ever held, in bytes; `None` where the system does not say.
pub fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// What this process holds now, in bytes; `None` where the system does not say.
pub fn current() -> Option<u64> {
    status("VmRSS:")
}

fn status(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Has large blocks taken from the system and given back to it one by one. To be called first of all.
///
/// By default glibc learns from the blocks that are freed to keep ever larger ones, and a vector that grows leaves its
/// former selves behind: up to 40 MB in a run that needs 130 MB, different each time. With fixed thresholds a run takes
/// what it uses.
pub fn settle() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: called while there is one thread; takes no pointer.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 8 << 20);
    }
}

/// Hands freed memory back to the system, so that the peak of a run is that of its largest stage and not the sum of
/// all. Without this, glibc keeps the small blocks of an earlier stage.
pub fn release() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes no pointer, may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
