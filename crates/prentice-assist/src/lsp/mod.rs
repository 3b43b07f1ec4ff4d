//! The language server: the protocol between an editor and what knows the repository.
//!
//! [Language Server Protocol 3.18](https://microsoft.github.io/language-server-protocol/specifications/lsp/3.18/specification/)
//! over `lsp-server` (transport and messages; rust-analyzer's). The messages' shapes are our own (`protocol.rs`), some
//! thirty small structures: `lsp-types` has had no release since 2024 and would bring four packages, and the types
//! generated from the specification (`gen-lsp-types`) are 18,000 lines whose untagged enumerations take a change with
//! a malformed range for a new document, and report other malformed messages as "did not match any variant".
//!
//! Three threads, no async runtime: the main loop (`server.rs`) owns all state and never waits for the backend; one
//! worker completes, the other keeps the index up to date and looks things up (`worker.rs`). [`Backend`] is the seam.
//!
//! Deviations and limits:
//! * One root: the first workspace folder. Documents elsewhere are completed too, under their absolute paths.
//! * `ServerCancelled` is sent for a completion that a newer one replaces, though the specification names it for
//!   diagnostics and tokens only: nothing else says why, and clients treat it like a cancellation.
//! * The protocol does not tell what a user accepted: `suggestions.rs` says how it is found out.
//! * *Not covered:* dynamic registration, changes of workspace folders, `utf-32` positions, notebooks, partial results,
//!   watched files (the backend watches). A message that is no JSON ends the session, since `lsp-server` ends its
//!   reader; so does a message with an id that is no 32-bit integer and no string.

mod answers;
mod backend;
mod failure;
mod lane;
mod lifecycle;
#[allow(missing_docs, reason = "names and meaning are the specification's")]
mod protocol;
mod server;
mod statistics;
mod suggestions;
mod text;
mod worker;
mod workspace;

use std::{io, path::PathBuf, sync::Arc, thread, time::Duration};

use lsp_server::Connection;

pub use backend::{Backend, Cursor, Edit, Notice, Place, Symbol};
pub use statistics::{Counts, Outcome, Part, Record, Statistics, Surface, summarise};
pub use workspace::Workspace;

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The workspace, where the client names none; without it the current directory.
    pub root: Option<PathBuf>,
    /// The file to which it is noted what became of completions; without it nothing is noted.
    pub statistics: Option<PathBuf>,
    /// Documents and files of more bytes are left alone.
    pub max_document_bytes: usize,
    /// How long after acceptance it is looked whether a text still stands there.
    pub kept_after: Duration,
    /// The version that the client is told.
    pub version: String,
}

impl Default for ServeOptions {
    /// 8 MiB are beyond what people write, and copying such a text at each key takes about a millisecond.
    fn default() -> Self {
        Self {
            root: None,
            statistics: None,
            max_document_bytes: 8 << 20,
            kept_after: Duration::from_secs(30),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client said `exit`.
    Exited {
        /// And `shutdown` before it, as it should.
        after_shutdown: bool,
    },
    /// The client is gone: its end of the connection is closed.
    Disconnected,
    /// The process that the client named as its own has ended.
    ParentExited,
}

impl Ending {
    /// The exit status that the specification asks for.
    pub fn exit_code(self) -> u8 {
        u8::from(self != Ending::Exited { after_shutdown: true })
    }
}

/// The server could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The operating system gives no thread.
    #[error("cannot start a thread of the language server")]
    Thread(#[source] io::Error),
    /// What came over the wire was no message, or nothing can be written any more.
    #[error("the connection to the editor broke")]
    Transport(#[source] io::Error),
}

/// Serves one session over a connection.
///
/// `open` makes the backend, once the workspace is known; the client waits for it, so it should return at once and read
/// the workspace in a thread of its own. Returns when the session has ended and the backend's running calls have
/// returned: completions are told to by their `cancelled`.
///
/// # Errors
/// A thread cannot be started.
pub fn serve<B: Backend>(
    connection: Connection,
    options: &ServeOptions,
    open: impl FnOnce(&Workspace) -> Arc<B>,
) -> Result<Ending, ServeError> {
    let client = match lifecycle::wait_for_initialize(&connection, options) {
        Ok(client) => client,
        Err(ending) => return Ok(ending),
    };
    let backend = open(&client.workspace);
    let backend = &*backend;
    let (completions, tasks) = (lane::Lane::new(), lane::Lane::new());
    let (finished, answers) = crossbeam_channel::unbounded();
    thread::scope(|scope| {
        let mut server = server::Server::new(&client, options, backend, &connection.sender, &completions, &tasks);
        let start = |name: &str| thread::Builder::new().name(name.to_owned());
        start("prentice-complete")
            .spawn_scoped(scope, || worker::complete(&completions, backend, &finished))
            .map_err(ServeError::Thread)?;
        start("prentice-index")
            .spawn_scoped(scope, || worker::attend(&tasks, backend, &client, options.max_document_bytes, &finished))
            .map_err(ServeError::Thread)?;
        Ok(server.run(&connection, &answers))
    })
}

/// Serves one session over standard input and output, which belong to the protocol from then on.
///
/// # Errors
/// As for [`serve`]; and if a message cannot be read or written.
pub fn serve_stdio<B: Backend>(
    options: &ServeOptions,
    open: impl FnOnce(&Workspace) -> Arc<B>,
) -> Result<Ending, ServeError> {
    let (connection, threads) = Connection::stdio();
    let ending = serve(connection, options, open)?;
    // Where only the parent is gone, the reader still waits for input that never comes.
    if ending != Ending::ParentExited {
        threads.join().map_err(ServeError::Transport)?;
    }
    Ok(ending)
}
