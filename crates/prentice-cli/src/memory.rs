//! Memory of this process, as the operating system counts it: physical pages, those of mapped files included.

/// The most this process ever held, in bytes; `None` where the system does not say.
pub fn peak() -> Option<u64> {
    status("VmHWM:")
}

/// What this process holds now, in bytes; `None` where the system does not say.
pub fn current() -> Option<u64> {
    status("VmRSS:")
}

/// The most this process could hold, in bytes: what it holds and what the machine has left, but no more than its control
/// group allows (version 2); `None` where the system does not say.
pub fn most() -> Option<u64> {
    let machine = current()? + field("/proc/meminfo", "MemAvailable:")?;
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    Some(group.map_or(machine, |group: u64| group.min(machine)))
}

fn status(name: &str) -> Option<u64> {
    field("/proc/self/status", name)
}

/// A field of a file of the kernel's that counts in kB.
fn field(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
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
