//! Landlock, as far as the sandbox needs it: a ruleset made and entered with bare system calls.
//!
//! The forked child may not allocate, so a library that builds rulesets there is out; what has to be computed is
//! computed before the fork. Follows `Documentation/userspace-api/landlock.rst`. Rights that a kernel does not know are
//! left out, so that older kernels confine as well as they can; the doctor says which version there is.

use libc::{c_char, c_int, c_long};

const SYS_CREATE_RULESET: c_long = 444;
const SYS_ADD_RULE: c_long = 445;
const SYS_RESTRICT_SELF: c_long = 446;
const CREATE_RULESET_VERSION: u32 = 1;
const RULE_PATH_BENEATH: c_int = 1;

const EXECUTE: u64 = 1 << 0;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const TRUNCATE: u64 = 1 << 14;

/// What a program may do with a file or below a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read files, list directories, execute.
    Read,
    /// Read and write one file, a device for instance.
    ReadWriteFile,
    /// Everything but devices.
    Full,
}

/// `struct landlock_ruleset_attr`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ruleset {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
    #[doc(hidden)]
    size: usize,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathBeneath {
    allowed_access: u64,
    parent_fd: i32,
}

/// The version of the interface that the kernel offers; 0 for none.
pub(crate) fn version() -> u32 {
    // SAFETY: without an attribute and with this flag the call only returns a number.
    let version = unsafe { libc::syscall(SYS_CREATE_RULESET, std::ptr::null::<u8>(), 0usize, CREATE_RULESET_VERSION) };
    u32::try_from(version).unwrap_or(0)
}

impl Ruleset {
    /// Everything that a kernel of this version can refuse: all accesses to files, TCP, signals and abstract sockets
    /// across the border.
    pub(crate) fn strictest(version: u32) -> Self {
        Self {
            handled_access_fs: all_accesses(version),
            handled_access_net: if version >= 4 { 0b11 } else { 0 },
            scoped: if version >= 6 { 0b11 } else { 0 },
            size: match version {
                0..=3 => 8,
                4..=5 => 16,
                _ => 24,
            },
        }
    }

    /// Only a border: what is inside cannot trace, and on new kernels not signal, what is outside.
    pub(crate) fn border(version: u32) -> Self {
        // A ruleset has to refuse something; nobody may make block devices anyway.
        Self { handled_access_fs: 1 << 11, handled_access_net: 0, ..Self::strictest(version) }
    }

    /// The ruleset as the kernel reads it, for the zygote, which enters it by itself.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let words = [self.handled_access_fs, self.handled_access_net, self.scoped];
        words.iter().flat_map(|word| word.to_ne_bytes()).take(self.size).collect()
    }

    /// Makes the ruleset. Async-signal-safe. Returns a descriptor, or -1 with `errno`.
    pub(crate) fn create(&self) -> c_int {
        let this: *const Self = self;
        // SAFETY: `this` points to `size` readable bytes laid out as the kernel wants them.
        unsafe { libc::syscall(SYS_CREATE_RULESET, this, self.size, 0u32) as c_int }
    }

    /// Allows an access to what is at `path`. Async-signal-safe. A path that is not there is passed over.
    ///
    /// # Safety
    /// `path` is a C string.
    pub(crate) unsafe fn allow(&self, ruleset: c_int, path: *const c_char, access: Access) -> c_int {
        // SAFETY: `path` is a C string, says the caller.
        let fd = unsafe { libc::open(path, libc::O_PATH | libc::O_CLOEXEC) };
        if fd < 0 {
            return 0;
        }
        // SAFETY: the descriptor is open, and `stat` is plain memory that the kernel fills.
        let is_directory = unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            libc::fstat(fd, &mut stat) == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFDIR
        };
        let mut allowed = match access {
            Access::Read => EXECUTE | READ_FILE | READ_DIR,
            Access::ReadWriteFile => READ_FILE | WRITE_FILE | TRUNCATE,
            // All but making devices and controlling them.
            Access::Full => !(1 << 6 | 1 << 11 | 1 << 15),
        };
        if !is_directory {
            // The kernel refuses rights on a file that only directories have.
            allowed &= EXECUTE | READ_FILE | WRITE_FILE | TRUNCATE;
        }
        let rule = PathBeneath { allowed_access: allowed & self.handled_access_fs, parent_fd: fd };
        // SAFETY: `rule` is laid out as the kernel wants it, and outlives the call.
        unsafe {
            let result = libc::syscall(SYS_ADD_RULE, ruleset, RULE_PATH_BENEATH, &raw const rule, 0u32) as c_int;
            libc::close(fd);
            result
        }
    }
}

/// Confines the calling thread for good. Async-signal-safe. Needs `PR_SET_NO_NEW_PRIVS`.
pub(crate) fn enter(ruleset: c_int) -> c_int {
    // SAFETY: takes a descriptor and no pointers.
    unsafe { libc::syscall(SYS_RESTRICT_SELF, ruleset, 0u32) as c_int }
}

fn all_accesses(version: u32) -> u64 {
    let bits = match version {
        0 | 1 => 13,
        2 => 14,
        3 | 4 => 15,
        _ => 16,
    };
    (1 << bits) - 1
}
