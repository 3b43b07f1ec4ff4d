//! A trusted Python program that answers requests for as long as it is kept: what judges candidates, for instance.
//!
//! It runs inside the walls as well, since it is fed with what candidates returned. A request is a JSON header and some
//! byte strings; a reply is one line of JSON. The program reads requests with `read_request()` and writes replies with
//! `reply(value)`, both defined before it.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::AsRawFd as _,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Command, PYTHON_VALUES, Sandbox, SandboxError, Tier, Toolchain,
    launch::{Launched, pipe},
    sandbox::failed,
    supervise::at_most_current,
};

const PYTHON_SERVICE: &str = include_str!("python/service.py");

/// A running service.
#[derive(Debug)]
pub struct Service {
    launched: Launched,
    requests: File,
    replies: File,
}

impl Service {
    /// Starts a program. `memory_bytes` limits its address space.
    ///
    /// # Errors
    /// The sandbox or the interpreter cannot be started.
    pub fn start(
        sandbox: &Sandbox,
        toolchain: &Toolchain,
        program: &str,
        memory_bytes: u64,
    ) -> Result<Self, SandboxError> {
        let (requests_read, requests) = pipe()?;
        let (replies, replies_write) = pipe()?;
        let nothing = File::options().read(true).write(true).open("/dev/null").map_err(failed("open /dev/null"))?;
        let nothing = nothing.as_raw_fd();
        let descriptors = vec![nothing, nothing, nothing, requests_read.as_raw_fd(), replies_write.as_raw_fd()];
        let program = format!("{PYTHON_VALUES}\n{PYTHON_SERVICE}\n{program}");
        let command = Command {
            program: toolchain.program.clone(),
            arguments: ["-I", "-S", "-B", "-c", &program].map(Into::into).to_vec(),
            environment: vec![("PYTHONHASHSEED".into(), "0".into())],
            readable: toolchain.readable.clone(),
            directory: Some("/".into()),
            ..Command::default()
        };
        let temporary = (sandbox.tier() == Tier::A).then_some(std::path::Path::new("/tmp"));
        let limits = at_most_current(vec![
            (libc::RLIMIT_CORE, 0),
            (libc::RLIMIT_NOFILE, 64),
            (libc::RLIMIT_AS, memory_bytes),
            (libc::RLIMIT_FSIZE, 0),
        ]);
        let launched = sandbox.launch(&command, limits, 1 << 20, descriptors, temporary)?.start()?;
        Ok(Self { launched, requests: requests.into(), replies: replies.into() })
    }

    /// Asks, and waits for the reply.
    ///
    /// # Errors
    /// The program has ended, or has not replied after `patience`. It is of no further use then.
    pub fn ask(&mut self, header: Value, parts: &[&[u8]], patience: Duration) -> Result<Value, SandboxError> {
        let fault = |what: String| SandboxError::Zygote { what };
        send(&mut self.requests, header, parts).map_err(|error| fault(format!("takes no request: {error}")))?;
        let until = Instant::now() + patience;
        let mut reply = Vec::new();
        let mut buffer = [0; 1 << 16];
        loop {
            let left = until.saturating_duration_since(Instant::now()).as_millis().min(60_000) as i32;
            let mut watched = libc::pollfd { fd: self.replies.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one entry, as said.
            unsafe { libc::poll(&raw mut watched, 1, left) };
            if watched.revents != 0 {
                match self.replies.read(&mut buffer) {
                    Ok(0) => return Err(fault("has ended".to_owned())),
                    Ok(count) => reply.extend_from_slice(&buffer[..count]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(failed("hear from the warm interpreter")(error)),
                }
                // Replies have no line feed but the last byte, and nothing follows before the next request.
                if reply.last() == Some(&b'\n') {
                    return serde_json::from_slice(&reply).map_err(|error| fault(format!("replies nonsense: {error}")));
                }
            } else if Instant::now() >= until {
                return Err(fault("does not reply".to_owned()));
            }
        }
    }
}

/// Writes a request: the length of its header (four bytes, little-endian), the header with the lengths of the parts, the
/// parts.
pub(crate) fn send(requests: &mut File, mut header: Value, parts: &[&[u8]]) -> io::Result<()> {
    header["parts"] = parts.iter().map(|part| part.len()).collect();
    let header = header.to_string();
    let length = (header.len() as u32).to_le_bytes();
    requests.write_all(&[&length, header.as_bytes(), &parts.concat()].concat())
}

impl Drop for Service {
    fn drop(&mut self) {
        self.launched.kill();
        self.launched.reap();
    }
}
