//! Watches sandboxed commands from outside: their output, their time, their memory, and their end.
//!
//! Time is CPU time of the whole tree, so that a loaded machine does not change a verdict; elapsed time is a second,
//! wider limit for programs that sleep. What the kernel can limit by itself (`setrlimit`) is limited as well.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::fd::{AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use prentice_base::Limits;

use crate::{
    Command, End, Execution, Sandbox, SandboxError, Scratch, Tier,
    launch::{Launched, pipe},
    sandbox::failed,
};

/// Pause between two looks at what a program uses.
const TICK: Duration = Duration::from_millis(20);

pub(crate) fn run(sandbox: &Sandbox, command: &Command, limits: &Limits) -> Result<Execution, SandboxError> {
    let (stdin_read, stdin) = pipe()?;
    let (stdout, stdout_write) = pipe()?;
    let mut watch = Watch::start(sandbox, command, limits, &stdin_read, &stdout_write)?;
    drop((stdin_read, stdout_write));
    watch.feed(stdin, &command.stdin)?;
    watch.collect(stdout)?;
    let mut watches = [watch];
    watch_all(&mut watches)?;
    let [watch] = watches;
    watch.conclude()
}

pub(crate) fn converse(
    sandbox: &Sandbox,
    one: (&Command, &Limits),
    other: (&Command, &Limits),
) -> Result<(Execution, Execution), SandboxError> {
    let (there_read, there) = pipe()?;
    let (back_read, back) = pipe()?;
    let first = Watch::start(sandbox, one.0, one.1, &back_read, &there)?;
    let second = Watch::start(sandbox, other.0, other.1, &there_read, &back)?;
    drop((there_read, there, back_read, back));
    let mut watches = [first, second];
    watch_all(&mut watches)?;
    let [first, second] = watches;
    Ok((first.conclude()?, second.conclude()?))
}

/// A command that is running.
struct Watch<'a> {
    launched: Launched,
    limits: &'a Limits,
    began: Instant,
    wall: Duration,
    stdin: Option<(File, &'a [u8])>,
    /// Standard output and error: where they come from, and what came.
    outputs: [(Option<File>, Vec<u8>); 2],
    written: u64,
    /// What the sandbox ended it for.
    end: Option<End>,
    /// How it ended, as `wait` tells it.
    status: Option<i32>,
    over: bool,
    /// Directories whose size is limited by looking.
    watched: Vec<PathBuf>,
    _private: Option<Scratch>,
}

impl<'a> Watch<'a> {
    fn start(
        sandbox: &Sandbox,
        command: &'a Command,
        limits: &'a Limits,
        stdin: &OwnedFd,
        stdout: &OwnedFd,
    ) -> Result<Self, SandboxError> {
        let private = if sandbox.tier() == Tier::A { None } else { Some(sandbox.scratch()?) };
        let (stderr, stderr_write) = pipe()?;
        let descriptors = vec![stdin.as_raw_fd(), stdout.as_raw_fd(), stderr_write.as_raw_fd()];
        let directory = private.as_ref().map(Scratch::path);
        let temporary = directory.or(Some(Path::new("/tmp")));
        let launch =
            sandbox.launch(command, kernel_limits(sandbox, limits), limits.disk_bytes, descriptors, temporary)?;
        let watched = directory.into_iter().map(Path::to_owned).chain(command.writable.clone()).collect();
        let began = Instant::now();
        let launched = launch.start()?;
        drop(stderr_write);
        set_nonblocking(&launched.status)?;
        let mut watch = Self {
            launched,
            limits,
            began,
            wall: Duration::ZERO,
            stdin: None,
            outputs: [(None, Vec::new()), (None, Vec::new())],
            written: 0,
            end: None,
            status: None,
            over: false,
            watched,
            _private: private,
        };
        set_nonblocking(&stderr)?;
        watch.outputs[1].0 = Some(stderr.into());
        Ok(watch)
    }

    fn feed(&mut self, stdin: OwnedFd, content: &'a [u8]) -> Result<(), SandboxError> {
        set_nonblocking(&stdin)?;
        self.stdin = (!content.is_empty()).then(|| (stdin.into(), content));
        Ok(())
    }

    fn collect(&mut self, stdout: OwnedFd) -> Result<(), SandboxError> {
        set_nonblocking(&stdout)?;
        self.outputs[0].0 = Some(stdout.into());
        Ok(())
    }

    /// What to wait for.
    fn interests(&self, into: &mut Vec<libc::pollfd>) {
        if self.over {
            return;
        }
        let mut add = |fd, events| into.push(libc::pollfd { fd, events, revents: 0 });
        add(self.launched.status.as_raw_fd(), libc::POLLIN);
        for file in self.outputs.iter().filter_map(|(file, _)| file.as_ref()) {
            add(file.as_raw_fd(), libc::POLLIN);
        }
        if let Some((file, _)) = &self.stdin {
            add(file.as_raw_fd(), libc::POLLOUT);
        }
    }

    /// Does whatever can be done without waiting.
    fn advance(&mut self) -> Result<(), SandboxError> {
        if self.over {
            return Ok(());
        }
        self.write_stdin();
        self.read_outputs();
        let mut status = [0; 4];
        // SAFETY: `status` has room for what is read.
        let count = unsafe { libc::read(self.launched.status.as_raw_fd(), status.as_mut_ptr().cast(), status.len()) };
        if count < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(()),
                _ => Err(failed("hear how a program ended")(error)),
            };
        }
        self.status = (count == 4).then(|| i32::from_ne_bytes(status));
        self.wall = self.began.elapsed();
        self.over = true;
        // Everything has ended, so what is in the pipes is all there will be.
        self.read_outputs();
        Ok(())
    }

    fn write_stdin(&mut self) {
        while let Some((file, rest)) = &mut self.stdin {
            match file.write(rest) {
                Ok(count) if count < rest.len() => *rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // All written, or nobody reads any more, which is a program's right.
                _ => self.stdin = None,
            }
        }
    }

    fn read_outputs(&mut self) {
        let mut buffer = [0u8; 1 << 16];
        for (source, content) in &mut self.outputs {
            while let Some(file) = source {
                match file.read(&mut buffer) {
                    Ok(0) => *source = None,
                    Ok(count) => {
                        self.written += count as u64;
                        let room = (self.limits.output_bytes as usize).saturating_sub(content.len());
                        content.extend_from_slice(&buffer[..count.min(room)]);
                        if self.written > self.limits.output_bytes {
                            break;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
        }
        if self.written > self.limits.output_bytes && !self.over {
            self.stop(End::Output);
        }
    }

    /// Compares what the program uses with what it may.
    fn inspect(&mut self) {
        if self.over || self.end.is_some() {
            return;
        }
        if self.began.elapsed().as_secs_f64() > self.limits.wall_seconds {
            return self.stop(End::WallTime);
        }
        let tree = Tree::of(self.launched.init);
        if tree.cpu_seconds > self.limits.cpu_seconds {
            self.stop(End::CpuTime);
        } else if tree.memory > self.limits.memory_bytes {
            self.stop(End::Memory);
        } else if tree.processes > u64::from(self.limits.processes) + 1 {
            self.stop(End::Processes);
        } else if self.watched.iter().any(|path| size_below(path, self.limits.disk_bytes).is_none()) {
            self.stop(End::Disk);
        }
    }

    fn stop(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.launched.kill();
    }

    fn conclude(mut self) -> Result<Execution, SandboxError> {
        self.launched.kill();
        let usage = self.launched.reap();
        let end = match (self.end, self.status) {
            (Some(end), _) => end,
            // Between two looks it may have used more than it was allowed to.
            (None, Some(_)) if usage.cpu_seconds > self.limits.cpu_seconds => End::CpuTime,
            (None, Some(status)) if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGXCPU => {
                End::CpuTime
            }
            (None, Some(status)) if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGXFSZ => End::Disk,
            (None, Some(status)) if libc::WIFSIGNALED(status) => End::Signalled(libc::WTERMSIG(status)),
            (None, Some(status)) => End::Exited(libc::WEXITSTATUS(status)),
            (None, None) => {
                return Err(failed("watch a program")(io::Error::other("the process that was to watch it has ended")));
            }
        };
        let [(_, stdout), (_, stderr)] = std::mem::take(&mut self.outputs);
        Ok(Execution {
            end,
            stdout,
            stderr,
            cpu: Duration::from_secs_f64(usage.cpu_seconds),
            wall: self.wall,
            peak_memory: usage.peak_memory,
        })
    }
}

impl Drop for Watch<'_> {
    /// An error elsewhere must not leave a program running.
    fn drop(&mut self) {
        if !self.over {
            self.launched.kill();
            self.launched.reap();
        }
    }
}

/// Waits until all commands have ended.
fn watch_all(watches: &mut [Watch<'_>]) -> Result<(), SandboxError> {
    let mut next_look = Instant::now() + TICK;
    while watches.iter().any(|watch| !watch.over) {
        let mut interests = Vec::new();
        watches.iter().for_each(|watch| watch.interests(&mut interests));
        let timeout = next_look.saturating_duration_since(Instant::now()).as_millis() as i32 + 1;
        // SAFETY: the vector holds as many entries as its length says.
        unsafe { libc::poll(interests.as_mut_ptr(), interests.len() as libc::nfds_t, timeout) };
        for watch in watches.iter_mut() {
            watch.advance()?;
        }
        if Instant::now() >= next_look {
            watches.iter_mut().for_each(Watch::inspect);
            next_look = Instant::now() + TICK;
        }
    }
    Ok(())
}

/// What a process tree uses at a moment.
#[derive(Clone, Copy, Debug, Default)]
struct Tree {
    cpu_seconds: f64,
    memory: u64,
    processes: u64,
}

impl Tree {
    /// The tree below and with a process, as `/proc` tells.
    fn of(root: libc::pid_t) -> Self {
        let mut tree = Self::default();
        let mut open = vec![root];
        // SAFETY: takes a constant.
        let (ticks, page) = unsafe { (libc::sysconf(libc::_SC_CLK_TCK), libc::sysconf(libc::_SC_PAGESIZE)) };
        while let Some(pid) = open.pop() {
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            // The name may hold anything, so the fields are counted from its closing bracket.
            let fields: Vec<i64> = stat
                .rsplit_once(')')
                .map(|(_, rest)| rest.split_whitespace().skip(1).map(|field| field.parse().unwrap_or(0)).collect())
                .unwrap_or_default();
            let field = |number: usize| fields.get(number - 4).copied().unwrap_or(0);
            tree.cpu_seconds += (14..=17).map(field).sum::<i64>() as f64 / ticks as f64;
            // The init is a copy of the supervisor, which shares its memory.
            if pid != root {
                tree.memory += field(24).max(0) as u64 * page as u64;
            }
            tree.processes += 1;
            if let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) {
                for thread in threads.flatten() {
                    let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
                    open.extend(children.split_whitespace().filter_map(|pid| pid.parse::<libc::pid_t>().ok()));
                }
            }
        }
        tree
    }
}

/// The bytes of all files below a directory, or none if they are more than `most`.
fn size_below(directory: &Path, most: u64) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut sum = 0;
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            // An entry costs space even when it is empty.
            sum += metadata.blocks() * 512 + 64;
            if sum > most {
                return None;
            }
            if metadata.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Some(sum)
}

/// What the kernel is asked to limit for each process.
fn kernel_limits(sandbox: &Sandbox, limits: &Limits) -> Vec<(u32, u64)> {
    let mut wanted = vec![
        (libc::RLIMIT_CPU, limits.cpu_seconds.ceil() as u64 + 1),
        (libc::RLIMIT_DATA, limits.memory_bytes),
        (libc::RLIMIT_FSIZE, limits.disk_bytes),
        (libc::RLIMIT_NOFILE, 1024),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_MEMLOCK, 0),
        (libc::RLIMIT_MSGQUEUE, 0),
    ];
    // Counted for each user of a user namespace. Without one the user's other processes would count too, and there the
    // tree is counted by looking.
    if sandbox.tier() == Tier::A {
        wanted.push((libc::RLIMIT_NPROC, u64::from(limits.processes) + 1));
    } else if sandbox.other_user().is_some() {
        wanted.push((libc::RLIMIT_NPROC, u64::from(limits.processes) * 16));
    }
    at_most_current(wanted)
}

/// Limits can be lowered only.
pub(crate) fn at_most_current(mut wanted: Vec<(u32, u64)>) -> Vec<(u32, u64)> {
    for (resource, value) in &mut wanted {
        // SAFETY: `current` is plain memory that the kernel fills.
        unsafe {
            let mut current: libc::rlimit = std::mem::zeroed();
            if libc::getrlimit(*resource, &raw mut current) == 0 {
                *value = (*value).min(current.rlim_max);
            }
        }
    }
    wanted
}

pub(crate) fn set_nonblocking(fd: &OwnedFd) -> Result<(), SandboxError> {
    // SAFETY: numbers only.
    let result = unsafe {
        let flags = libc::fcntl(fd.as_raw_fd(), libc::F_GETFL);
        libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK)
    };
    if result < 0 { Err(failed("set up a pipe")(io::Error::last_os_error())) } else { Ok(()) }
}
