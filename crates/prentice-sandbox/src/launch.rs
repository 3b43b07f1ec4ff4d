//! Starts a program behind all the walls that a tier has.
//!
//! Three processes: the supervisor (this one), a small *init*, and the *payload*, which becomes the program. The init is
//! process 1 of its own process namespace where there is one, else a subreaper: whatever the payload starts ends with the
//! init, which ends with the payload, or when the supervisor's end of the *lifeline* pipe closes, however the supervisor
//! dies. Between fork and exec only bare system calls are made, on memory that was prepared before the fork, since other
//! threads of the supervisor may hold any lock.
//!
//! Order in the child (each step needs what the next one takes away): wait until the identities are mapped; clone the
//! mounts that will be visible; new root; switch identity and drop capabilities; fork the payload; limits, Landlock,
//! seccomp; exec. The new mount interface (`open_tree`, `mount_setattr`, Linux 5.12) makes whole trees read-only.

use std::{
    ffi::{CString, OsStr},
    fs,
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Path, PathBuf},
    ptr,
};

use libc::{c_char, c_int, c_long};
use seccompiler::BpfProgram;

use crate::{
    SandboxError,
    landlock::{self, Access, Ruleset},
    sandbox::failed,
};

/// The identity of sandboxed programs, seen from inside where there is a user namespace.
pub(crate) const INNER_ID: u32 = 1000;

/// Where the new root is put together: a directory that every system has.
const STAGE: &str = "/tmp";

/// Everything that the child needs, prepared.
pub(crate) struct Launch {
    pub program: PathBuf,
    pub arguments: Vec<CString>,
    pub environment: Vec<CString>,
    pub directory: PathBuf,
    /// Descriptors of the supervisor that become 0, 1, 2, ... of the program.
    pub descriptors: Vec<RawFd>,
    /// Limits as `setrlimit` takes them.
    pub limits: Vec<(u32, u64)>,
    pub filters: Vec<BpfProgram>,
    pub landlock: Option<(Ruleset, Vec<(PathBuf, Access)>)>,
    pub root: Option<Root>,
    pub identity: Identity,
    /// Whether the program keeps the right to search directories that its identity may not: where the interpreter lies in
    /// root's home, and there is no mount namespace to bring it to another place. Landlock still decides what is read.
    pub searches: bool,
}

/// The file system that the program sees.
pub(crate) struct Root {
    /// What of the host is visible, at the same place; `true` if it may be written.
    pub binds: Vec<(PathBuf, bool)>,
    /// Links to make: where, and to what.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Size of the private `/tmp`.
    pub disk_bytes: u64,
    /// Whether to mount `/proc`.
    pub proc: bool,
}

/// Whom the program runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// As the supervisor.
    Same,
    /// A user of the host that owns nothing, in a user namespace where there is one (`Launch::root`). Only for root.
    Other(u32),
}

/// A program that was started.
#[derive(Debug)]
pub(crate) struct Launched {
    /// The init, as the supervisor sees it.
    pub init: libc::pid_t,
    /// Closing it ends everything.
    pub lifeline: Option<OwnedFd>,
    /// Gives the payload's wait status, four bytes, when it has ended.
    pub status: OwnedFd,
}

/// What a whole process tree used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub cpu_seconds: f64,
    /// Largest of any one process.
    pub peak_memory: u64,
}

/// `struct mount_attr`.
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

const MOUNT_READ_ONLY: u64 = 1;
const MOUNT_NO_SUID: u64 = 2;
const MOUNT_NO_DEVICES: u64 = 4;

/// The steps of the child, to say which one failed.
const STEPS: &[&str] = &[
    "map the identities",
    "make the mounts private",
    "open what is to be visible",
    "mount the new root",
    "make a directory in the new root",
    "make what is visible read-only",
    "mount what is to be visible",
    "mount the private directory",
    "mount /proc",
    "change the root",
    "change the identity",
    "drop capabilities",
    "start the payload",
    "connect the descriptors",
    "set the limits",
    "make the Landlock ruleset",
    "enter Landlock",
    "enter seccomp",
    "enter the directory",
    "execute the program",
];
const EXECUTE_STEP: u32 = 19;

impl Launch {
    /// Starts the program. Returns when it was executed, or when that failed.
    pub fn start(&self) -> Result<Launched, SandboxError> {
        let prepared = Prepared::new(self);
        let (lifeline_read, lifeline) = pipe()?;
        let (status, status_write) = pipe()?;
        let (error_read, error_write) = pipe()?;
        let error_write = out_of_the_way(error_write)?;
        let (go_read, go) = pipe()?;
        let child = Child {
            prepared: &prepared,
            lifeline: lifeline_read.as_raw_fd(),
            status: status_write.as_raw_fd(),
            error: error_write.as_raw_fd(),
            go: go_read.as_raw_fd(),
        };
        let mut arguments = CloneArguments {
            flags: if self.root.is_some() { NAMESPACES } else { 0 },
            exit_signal: libc::SIGCHLD as u64,
            ..CloneArguments::default()
        };
        // SAFETY: without CLONE_VM the child gets its own copy of the memory, as with `fork`; it calls `Child::run`, which
        // makes system calls only and never returns.
        let init = unsafe {
            let result = libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<CloneArguments>());
            if result == 0 {
                child.run();
            }
            result as libc::pid_t
        };
        if init < 0 {
            return Err(failed("start a process in new namespaces")(io::Error::last_os_error()));
        }
        drop((lifeline_read, status_write, error_write, go_read));
        let mut launched = Launched { init, lifeline: Some(lifeline), status };
        let result = self.release(&launched, go, error_read);
        if let Err(error) = result {
            launched.kill();
            launched.reap();
            return Err(error);
        }
        Ok(launched)
    }

    /// Maps the identities of the child, lets it go on, and waits until it has executed the program.
    fn release(&self, launched: &Launched, go: OwnedFd, error: OwnedFd) -> Result<(), SandboxError> {
        if self.root.is_some() {
            let (user, group) = current_identity();
            let map = |own: u32| match self.identity {
                Identity::Same => format!("{INNER_ID} {own} 1\n"),
                Identity::Other(other) => format!("0 {own} 1\n{INNER_ID} {other} 1\n"),
            };
            let write = |name: &str, content: &str| {
                let path = format!("/proc/{}/{name}", launched.init);
                fs::write(&path, content).map_err(failed(format!("write {path}")))
            };
            if self.identity == Identity::Same {
                write("setgroups", "deny")?;
            }
            write("uid_map", &map(user))?;
            write("gid_map", &map(group))?;
        }
        let mut go = fs::File::from(go);
        // A child that is gone already has left its reason in the other pipe.
        let _ = go.write_all(b"g");
        let mut report = Vec::new();
        fs::File::from(error).read_to_end(&mut report).map_err(failed("hear from the new process"))?;
        let Some((step, errno)) = report.first_chunk::<8>().map(|report| {
            let (step, errno) = report.split_at(4);
            (u32::from_ne_bytes(step.try_into().unwrap()), i32::from_ne_bytes(errno.try_into().unwrap()))
        }) else {
            return Ok(());
        };
        let source = io::Error::from_raw_os_error(errno);
        if step == EXECUTE_STEP {
            return Err(SandboxError::Execute { path: self.program.clone(), source });
        }
        Err(failed(STEPS.get(step as usize).copied().unwrap_or("start a process"))(source))
    }
}

impl Launched {
    /// Ends everything that was started, for good.
    pub fn kill(&mut self) {
        // Not by a signal: without a process namespace the init has to be left to end the others first.
        self.lifeline = None;
    }

    /// Waits for the init, and so for everything, to be gone.
    pub fn reap(&mut self) -> Usage {
        let mut status = 0;
        // SAFETY: `usage` is plain memory that the kernel fills.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            while libc::wait4(self.init, &raw mut status, 0, &raw mut usage) < 0
                && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
            {}
            usage
        };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
        Usage {
            cpu_seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            peak_memory: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
        }
    }
}

/// The user and group of this process.
pub(crate) fn current_identity() -> (u32, u32) {
    // SAFETY: these calls take nothing and cannot fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// A pipe whose ends are closed on exec.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd), SandboxError> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } < 0 {
        return Err(failed("make a pipe")(io::Error::last_os_error()));
    }
    // SAFETY: the kernel has just made these descriptors for us.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// A copy of a descriptor with a number that no program is given.
fn out_of_the_way(fd: OwnedFd) -> Result<OwnedFd, SandboxError> {
    // SAFETY: numbers only; the kernel makes the new descriptor for us.
    unsafe {
        let copy = libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, HIGH);
        if copy < 0 {
            return Err(failed("copy a descriptor")(io::Error::last_os_error()));
        }
        Ok(OwnedFd::from_raw_fd(copy))
    }
}

/// Descriptors from here on are the harness's while a program is being started.
const HIGH: c_int = 64;

pub(crate) fn c_string(text: impl AsRef<OsStr>) -> Result<CString, SandboxError> {
    let text = text.as_ref();
    CString::new(text.as_bytes())
        .map_err(|error| failed(format!("pass on {text:?}"))(io::Error::new(io::ErrorKind::InvalidInput, error)))
}

/// `struct clone_args`, up to the field that Linux 5.3 has.
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
}

const NAMESPACES: u64 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64;

/// The launch as C strings and flat arrays.
struct Prepared<'a> {
    launch: &'a Launch,
    program: CString,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    directory: CString,
    binds: Vec<Bind>,
    /// Directories to make under the stage, parents first.
    directories: Vec<CString>,
    /// Empty files to make under the stage, to mount files on.
    files: Vec<CString>,
    links: Vec<(CString, CString)>,
    rules: Vec<(CString, Access)>,
    tmpfs: CString,
    root_tmpfs: CString,
}

struct Bind {
    source: CString,
    target: CString,
    writable: bool,
    tree: std::cell::Cell<c_int>,
}

impl<'a> Prepared<'a> {
    fn new(launch: &'a Launch) -> Self {
        let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).expect("paths were checked for NUL");
        let staged = |path: &Path| text(&Path::new(STAGE).join("root").join(path.strip_prefix("/").unwrap_or(path)));
        let pointers = |strings: &[CString]| -> Vec<*const c_char> {
            strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
        };
        let mut directories: Vec<PathBuf> = Vec::new();
        let mut files = Vec::new();
        let mut binds = Vec::new();
        let mut links = Vec::new();
        let mut make = |path: &Path| {
            let mut missing: Vec<&Path> = path.ancestors().filter(|ancestor| ancestor.parent().is_some()).collect();
            missing.reverse();
            for directory in missing {
                if directory != Path::new("/tmp") && !directories.iter().any(|known| known == directory) {
                    directories.push(directory.to_owned());
                }
            }
        };
        if let Some(root) = &launch.root {
            for directory in ["/proc", "/dev"] {
                make(Path::new(directory));
            }
            for (path, writable) in &root.binds {
                if path.is_dir() {
                    make(path);
                } else {
                    make(path.parent().unwrap_or(Path::new("/")));
                    files.push(staged(path));
                }
                binds.push(Bind {
                    source: text(path),
                    target: staged(path),
                    writable: *writable,
                    tree: std::cell::Cell::new(-1),
                });
            }
            for (link, target) in &root.links {
                make(link.parent().unwrap_or(Path::new("/")));
                links.push((text(target), staged(link)));
            }
        }
        let disk = launch.root.as_ref().map_or(0, |root| root.disk_bytes);
        Self {
            launch,
            program: text(&launch.program),
            arguments: pointers(&launch.arguments),
            environment: pointers(&launch.environment),
            directory: text(&launch.directory),
            binds,
            directories: directories.iter().map(|path| staged(path)).collect(),
            files,
            links,
            rules: launch
                .landlock
                .iter()
                .flat_map(|(_, rules)| rules.iter().map(|(path, access)| (text(path), *access)))
                .collect(),
            tmpfs: CString::new(format!("size={disk},nr_inodes=16384,mode=1777")).expect("has no NUL"),
            root_tmpfs: c"size=1m,nr_inodes=4096,mode=755".into(),
        }
    }
}

/// The forked child. Everything below runs between fork and exec: system calls on prepared memory, nothing else.
struct Child<'a> {
    prepared: &'a Prepared<'a>,
    lifeline: RawFd,
    status: RawFd,
    error: RawFd,
    go: RawFd,
}

impl Child<'_> {
    /// Sets everything up, starts the payload, and waits for the end.
    fn run(&self) -> ! {
        // SAFETY: system calls on prepared memory. The process is a copy of its own, so nothing here touches the
        // supervisor; it ends by `_exit` or `execve`.
        unsafe {
            self.wait_for_go();
            libc::setsid();
            reset_signals();
            self.offer_to_the_memory_killer();
            libc::umask(0o022);
            if let Some(root) = &self.prepared.launch.root {
                self.build_root(root);
            }
            self.change_identity();
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            if self.prepared.launch.root.is_none() {
                libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
            }
            let payload = libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as libc::pid_t;
            self.check(12, c_long::from(payload));
            if payload == 0 {
                self.become_payload();
            }
            self.be_init(payload)
        }
    }

    /// Reports a failed step to the supervisor and ends.
    fn check(&self, step: u32, result: c_long) {
        if result >= 0 {
            return;
        }
        // SAFETY: `errno` is this thread's, and the report is eight bytes of our stack.
        unsafe {
            let errno = *libc::__errno_location();
            let report = [step, errno as u32];
            libc::write(self.error, report.as_ptr().cast(), 8);
            libc::_exit(71);
        }
    }

    unsafe fn wait_for_go(&self) {
        let mut byte = 0u8;
        // SAFETY: `byte` has room for what is read.
        unsafe {
            if libc::read(self.go, (&raw mut byte).cast(), 1) != 1 {
                libc::_exit(71);
            }
        }
    }

    /// If memory gets scarce on the machine, the kernel takes this program first.
    unsafe fn offer_to_the_memory_killer(&self) {
        // SAFETY: a constant path and constant bytes; failing does no harm.
        unsafe {
            let fd = libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
            if fd >= 0 {
                libc::write(fd, c"1000".as_ptr().cast(), 4);
                libc::close(fd);
            }
        }
    }

    unsafe fn build_root(&self, root: &Root) {
        let prepared = self.prepared;
        let none = ptr::null::<c_char>();
        // SAFETY: prepared C strings and structures of our own; see the man page of each call.
        unsafe {
            let private = libc::MS_REC | libc::MS_PRIVATE;
            self.check(1, libc::mount(none, c"/".as_ptr(), none, private, ptr::null()).into());
            for bind in &prepared.binds {
                // OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE
                let flags = 1 | libc::O_CLOEXEC | 0x8000;
                let tree = libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, bind.source.as_ptr(), flags);
                self.check(2, tree);
                bind.tree.set(tree as c_int);
            }
            let stage = c"/tmp".as_ptr();
            let tmpfs = c"tmpfs".as_ptr();
            let careful = libc::MS_NOSUID | libc::MS_NODEV;
            self.check(3, libc::mount(tmpfs, stage, tmpfs, careful, prepared.root_tmpfs.as_ptr().cast()).into());
            self.check(4, libc::mkdir(c"/tmp/root".as_ptr(), 0o755).into());
            // The private directory comes first, so that a visible path below /tmp is mounted on it and not under it.
            let private_tmp = c"/tmp/root/tmp".as_ptr();
            self.check(4, libc::mkdir(private_tmp, 0o755).into());
            self.check(7, libc::mount(tmpfs, private_tmp, tmpfs, careful, prepared.tmpfs.as_ptr().cast()).into());
            for directory in &prepared.directories {
                self.check(4, libc::mkdir(directory.as_ptr(), 0o755).into());
            }
            for file in &prepared.files {
                let fd = libc::open(file.as_ptr(), libc::O_WRONLY | libc::O_CREAT | libc::O_CLOEXEC, 0o644);
                self.check(4, fd.into());
                libc::close(fd);
            }
            for (target, link) in &prepared.links {
                self.check(4, libc::symlink(target.as_ptr(), link.as_ptr()).into());
            }
            for bind in &prepared.binds {
                let device = bind.source.as_bytes().starts_with(b"/dev/");
                let attributes = MountAttributes {
                    set: MOUNT_NO_SUID
                        | if bind.writable { 0 } else { MOUNT_READ_ONLY }
                        | if device { 0 } else { MOUNT_NO_DEVICES },
                    clear: 0,
                    propagation: 0,
                    user_namespace: 0,
                };
                let tree = bind.tree.get();
                // AT_EMPTY_PATH | AT_RECURSIVE
                let flags = libc::AT_EMPTY_PATH | 0x8000;
                let result = libc::syscall(
                    libc::SYS_mount_setattr,
                    tree,
                    c"".as_ptr(),
                    flags,
                    &raw const attributes,
                    size_of::<MountAttributes>(),
                );
                self.check(5, result);
                // MOVE_MOUNT_F_EMPTY_PATH
                let target = bind.target.as_ptr();
                self.check(6, libc::syscall(libc::SYS_move_mount, tree, c"".as_ptr(), libc::AT_FDCWD, target, 4));
                libc::close(tree);
            }
            if root.proc {
                let flags = careful | libc::MS_NOEXEC;
                let target = c"/tmp/root/proc".as_ptr();
                let proc = c"proc".as_ptr();
                // The init cannot be inspected by those inside; hiding it as well is a courtesy of newer kernels.
                if libc::mount(proc, target, proc, flags, c"hidepid=2".as_ptr().cast()) < 0 {
                    self.check(8, libc::mount(proc, target, proc, flags, ptr::null()).into());
                }
            }
            self.check(9, libc::chdir(c"/tmp/root".as_ptr()).into());
            // The new root must be a mount of its own.
            let here = c".".as_ptr();
            let root_path = c"/tmp/root".as_ptr();
            self.check(9, libc::mount(root_path, root_path, none, libc::MS_BIND | libc::MS_REC, ptr::null()).into());
            self.check(9, libc::chdir(root_path).into());
            self.check(9, libc::syscall(libc::SYS_pivot_root, here, here));
            self.check(9, libc::umount2(here, libc::MNT_DETACH).into());
            self.check(9, libc::chdir(c"/".as_ptr()).into());
            let read_only = MountAttributes { set: MOUNT_READ_ONLY, clear: 0, propagation: 0, user_namespace: 0 };
            let result = libc::syscall(
                libc::SYS_mount_setattr,
                libc::AT_FDCWD,
                c"/".as_ptr(),
                0,
                &raw const read_only,
                size_of::<MountAttributes>(),
            );
            self.check(9, result);
            libc::sethostname(c"sandbox".as_ptr(), 7);
        }
    }

    /// Leaves the supervisor's identity where that is asked for, and all capabilities but, where it is needed, the one to
    /// search directories.
    unsafe fn change_identity(&self) {
        let in_namespace = self.prepared.launch.root.is_some();
        // SAFETY: numbers, and structures of our own laid out as the kernel wants them.
        unsafe {
            let mut kept = 0u32;
            if let Identity::Other(other) = self.prepared.launch.identity {
                let id = if in_namespace { INNER_ID } else { other };
                if self.prepared.launch.searches {
                    libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0);
                    kept = 1 << CAP_DAC_READ_SEARCH;
                }
                self.check(10, libc::syscall(libc::SYS_setgroups, 0, ptr::null::<u32>()));
                self.check(10, libc::syscall(libc::SYS_setresgid, id, id, id));
                self.check(10, libc::syscall(libc::SYS_setresuid, id, id, id));
            }
            // The bounding set, as far as it may be dropped; without privileges nothing can be gained from it either.
            for capability in 0..64 {
                if kept & 1u32.checked_shl(capability).unwrap_or(0) == 0 {
                    libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
                }
            }
            // _LINUX_CAPABILITY_VERSION_3
            let header = [0x2008_0522u32, 0];
            let data = [kept, kept, kept, 0, 0, 0];
            self.check(11, libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()));
            if kept != 0 {
                // PR_CAP_AMBIENT_RAISE
                self.check(11, libc::prctl(libc::PR_CAP_AMBIENT, 2, CAP_DAC_READ_SEARCH, 0, 0).into());
            }
            // After a change of identity the kernel has done so already: nobody may look into this copy of the supervisor.
            libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        }
    }

    unsafe fn become_payload(&self) -> ! {
        let launch = self.prepared.launch;
        // SAFETY: prepared memory and numbers.
        unsafe {
            self.connect(&launch.descriptors);
            for (resource, value) in &launch.limits {
                let limit = libc::rlimit { rlim_cur: *value, rlim_max: *value };
                self.check(14, libc::setrlimit(*resource, &raw const limit).into());
            }
            // Before Landlock, which may not allow it any more.
            self.check(18, libc::chdir(self.prepared.directory.as_ptr()).into());
            if let Some((ruleset, _)) = &launch.landlock {
                let fd = ruleset.create();
                self.check(15, fd.into());
                for (path, access) in &self.prepared.rules {
                    self.check(15, ruleset.allow(fd, path.as_ptr(), *access).into());
                }
                self.check(16, landlock::enter(fd).into());
                libc::close(fd);
            }
            for filter in &launch.filters {
                let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut().cast() };
                let pointer = &raw const program;
                self.check(17, libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, pointer, 0, 0).into());
            }
            let result = libc::execve(
                self.prepared.program.as_ptr(),
                self.prepared.arguments.as_ptr(),
                self.prepared.environment.as_ptr(),
            );
            self.check(EXECUTE_STEP, result.into());
            libc::_exit(71)
        }
    }

    /// Puts the descriptors to 0, 1, 2, ... and closes all others on exec.
    unsafe fn connect(&self, descriptors: &[RawFd]) {
        let count = descriptors.len() as c_int;
        // SAFETY: numbers only. All are first copied out of the way, so that none is overwritten before it was copied.
        unsafe {
            let mut high = [0; 8];
            for (copy, fd) in high.iter_mut().zip(descriptors) {
                *copy = libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, HIGH);
                self.check(13, (*copy).into());
            }
            for (target, copy) in (0..count).zip(&high) {
                self.check(13, libc::dup2(*copy, target).into());
            }
            // CLOSE_RANGE_CLOEXEC
            self.check(13, libc::syscall(libc::SYS_close_range, count, c_int::MAX, 4));
        }
    }

    /// Waits for the payload or for the supervisor to end, then ends everything else.
    unsafe fn be_init(&self, payload: libc::pid_t) -> ! {
        // SAFETY: numbers and our own stack.
        unsafe {
            let pidfd = libc::syscall(libc::SYS_pidfd_open, payload, 0) as c_int;
            // Nothing of the program's must stay open here, or nobody would see its ends close.
            let keep = [self.lifeline, self.status, pidfd];
            close_all_but(keep);
            let mut ended: c_int = 0;
            loop {
                let mut watched = [
                    libc::pollfd { fd: self.lifeline, events: libc::POLLIN, revents: 0 },
                    libc::pollfd { fd: pidfd, events: libc::POLLIN, revents: 0 },
                ];
                libc::poll(watched.as_mut_ptr(), 2, 100);
                // Orphans are this process's to bury.
                loop {
                    let pid = libc::waitpid(-1, &raw mut ended, libc::WNOHANG);
                    if pid <= 0 {
                        break;
                    }
                    if pid == payload {
                        let status = ended;
                        end_descendants(self.prepared.launch.root.is_some());
                        libc::write(self.status, (&raw const status).cast(), 4);
                        libc::_exit(0);
                    }
                }
                if watched[0].revents != 0 {
                    libc::kill(payload, libc::SIGKILL);
                    end_descendants(self.prepared.launch.root.is_some());
                    libc::_exit(0);
                }
            }
        }
    }
}

const CAP_DAC_READ_SEARCH: u32 = 2;

/// Default handlers, nothing blocked.
unsafe fn reset_signals() {
    // SAFETY: our own stack, and constants.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
        for signal in 1..65 {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

unsafe fn close_all_but(mut kept: [c_int; 3]) {
    kept.sort_unstable();
    let mut first = 0;
    for fd in kept {
        // SAFETY: numbers only.
        unsafe {
            if fd > first {
                libc::syscall(libc::SYS_close_range, first, fd - 1, 0);
            }
        }
        first = fd + 1;
    }
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_close_range, first, c_int::MAX, 0) };
}

/// Ends all descendants, and returns when there are none.
///
/// In a process namespace one signal reaches all. Elsewhere the children are ended one by one: theirs become children of
/// this process, a subreaper, and are ended in the next round.
unsafe fn end_descendants(in_namespace: bool) {
    // SAFETY: numbers, constants and our own stack.
    unsafe {
        loop {
            if in_namespace {
                libc::kill(-1, libc::SIGKILL);
            } else {
                kill_children();
            }
            loop {
                let pid = libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG);
                if pid < 0 {
                    return;
                }
                if pid == 0 {
                    break;
                }
            }
            let pause = libc::timespec { tv_sec: 0, tv_nsec: 200_000 };
            libc::nanosleep(&raw const pause, ptr::null_mut());
        }
    }
}

/// Sends SIGKILL to each child, as `/proc` lists them.
unsafe fn kill_children() {
    // SAFETY: constants and our own stack.
    unsafe {
        let fd = libc::open(c"/proc/thread-self/children".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if fd < 0 {
            return;
        }
        let mut buffer = [0u8; 4096];
        let mut number: libc::pid_t = 0;
        loop {
            let count = libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len());
            if count <= 0 {
                break;
            }
            for byte in buffer.iter().take(count as usize) {
                if byte.is_ascii_digit() {
                    number = number * 10 + libc::pid_t::from(byte - b'0');
                } else if number > 0 {
                    libc::kill(number, libc::SIGKILL);
                    number = 0;
                }
            }
        }
        if number > 0 {
            libc::kill(number, libc::SIGKILL);
        }
        libc::close(fd);
    }
}
