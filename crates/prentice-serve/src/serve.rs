//! Listening, connections, and the orderly end.
//!
//! The async runtime is one thread, which only moves bytes and parses JSON; programs run on the workers' threads.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prentice_base::{Event, Events};
use serde::Serialize;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    authorization::Guard,
    judge::{JudgeError, MakeJudge},
    metrics::Metrics,
    queue::Queue,
    routes::{self, Service},
    stream::Stream,
    workers::{self, Workshop},
};

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where to listen; port 0 for any free one.
    pub address: SocketAddr,
    /// What clients must know; required unless `address` is a loopback address.
    pub token: Option<String>,
    /// Worker threads, each with a judge of its own.
    pub workers: usize,
    /// Jobs that may wait beyond those that run; more are turned away.
    pub queue: usize,
    /// Connections that may be open; more wait to be accepted.
    pub connections: usize,
    /// Largest request body, in bytes.
    pub body_limit: usize,
    /// For the head of a request, and for the next request on an open connection.
    pub header_timeout: Duration,
    /// For the body of a request; and for a client that does not take its answer.
    pub body_timeout: Duration,
    /// From the end of the request to its answer, waiting included. No timeout in a request may be longer.
    pub request_timeout: Duration,
    /// For requests in progress, once the service was told to end.
    pub shutdown_grace: Duration,
}

impl Default for ServeOptions {
    /// On loopback. The timeouts fit between those of the clients: slime waits 120 seconds for an answer, OpenRLHF 180;
    /// aiohttp drops an idle connection after 15, and must be the first to do so.
    fn default() -> Self {
        Self {
            address: ([127, 0, 0, 1], 8080).into(),
            token: None,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            queue: 1024,
            connections: 1024,
            body_limit: 16 << 20,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(110),
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

/// What was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ServeSummary {
    /// Requests answered, errors included.
    pub requests: u64,
    /// Jobs done by workers.
    pub executions: u64,
    /// Judges replaced after a failure.
    pub worker_restarts: u64,
    /// Connections that were cut when the grace period was over.
    pub connections_cut: usize,
    /// Workers that were still busy then; they end with the process.
    pub workers_left: usize,
}

/// The service cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Anyone could run programs here.
    #[error("refusing to listen on {address} without a token: whoever reaches it could run programs on this machine")]
    NoToken {
        /// Where.
        address: SocketAddr,
    },
    /// An option makes no sense.
    #[error("{name} is {value}, but {reason}")]
    BadOption {
        /// Which.
        name: &'static str,
        /// Its value; never the token.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The async runtime cannot start.
    #[error("cannot start the service's event loop")]
    Runtime(#[source] io::Error),
    /// A worker cannot start.
    #[error("a worker cannot start")]
    Judge(#[source] JudgeError),
}

impl ServeOptions {
    fn check(&self) -> Result<(), ServeError> {
        let bad = |name, value: &dyn std::fmt::Display, reason| {
            Err(ServeError::BadOption { name, value: value.to_string(), reason })
        };
        match &self.token {
            None if !self.address.ip().to_canonical().is_loopback() => {
                return Err(ServeError::NoToken { address: self.address });
            }
            // What a header cannot carry would lock everyone out.
            Some(token) if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                return bad("the token", &"not shown", "it must be of printable ASCII, without spaces, and not empty");
            }
            _ => {}
        }
        for (name, value) in [("workers", self.workers), ("queue", self.queue), ("connections", self.connections)] {
            if value == 0 {
                return bad(name, &value, "it must be at least 1");
            }
        }
        if self.body_limit < 1024 {
            return bad("body_limit", &self.body_limit, "no request fits into less than 1024 bytes");
        }
        Ok(())
    }
}

/// Serves until `shutdown` is done, then lets what is in progress end within the grace period. Blocks.
///
/// Routes: `POST /run_code` (SandboxFusion), `/get_reward` (OpenRLHF), `/remote_rm` (slime), `/compute_score` (our file
/// for verl); `GET /health`, `/v1/ping` (SandboxFusion), `/metrics` (Prometheus). All but the first two `GET`s ask for
/// the token, where there is one. Errors are JSON: `{"error": {"kind": ..., "message": ...}}`.
///
/// No score ever stands for an error of ours. A full queue is status 429 and a failed judge 503, both with
/// `Retry-After`; a batch with one such sample is refused as a whole, since OpenRLHF can do nothing with a null. On
/// `/run_code` both are 504: verl's client retries on that status only, and counts every other as a failed test;
/// SandboxFusion's own retries on any.
///
/// `make_judge` runs in the thread of each worker. `events` first gets an [`Event::Plan`] with the `address` in use,
/// once the service listens, then a warning for each judge that had to be replaced.
///
/// # Errors
/// See [`ServeError`]; all are found before the first request.
pub fn serve(
    options: &ServeOptions,
    make_judge: Arc<MakeJudge>,
    shutdown: impl Future<Output = ()>,
    events: Events<'_>,
) -> Result<ServeSummary, ServeError> {
    options.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServeError::Runtime)?;
    runtime.block_on(run(options, make_judge, shutdown, events))
}

/// Ends with Ctrl-C or SIGTERM: the `shutdown` of a command line. To be awaited inside [`serve()`].
pub async fn termination() {
    use tokio::signal::unix::{SignalKind, signal};
    // Where signals cannot be received, their default action ends the process.
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}

async fn run(
    options: &ServeOptions,
    make_judge: Arc<MakeJudge>,
    shutdown: impl Future<Output = ()>,
    events: Events<'_>,
) -> Result<ServeSummary, ServeError> {
    let listen_error = |source| ServeError::Listen { address: options.address, source };
    let listener = TcpListener::bind(options.address).await.map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;

    let queue = Queue::new(options.queue);
    let metrics = Arc::new(Metrics::default());
    let (notices, mut noticed) = mpsc::unbounded_channel();
    let (alive, mut all_gone) = mpsc::channel(1);
    let workshop = Arc::new(Workshop { queue: queue.clone(), metrics: metrics.clone(), make_judge, notices });
    workers::start(&workshop, options.workers, &alive).map_err(ServeError::Judge)?;

    let service = Arc::new(Service {
        options: options.clone(),
        guard: Guard::new(options.token.as_deref()),
        queue: queue.clone(),
        metrics: metrics.clone(),
    });
    events(Event::Plan(serde_json::json!({
        "address": address.to_string(),
        "token": options.token.is_some(),
        "workers": options.workers,
        "queue": options.queue,
    })));

    let (close, closing) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(event) = noticed.recv() => events(event),
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < options.connections => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(attend(stream, service.clone(), closing.clone()));
                }
                // The client is gone already, or descriptors ran out, which takes a moment to pass.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
        }
        metrics.connections.store(connections.len(), Ordering::Relaxed);
    }

    drop(listener);
    let deadline = Instant::now() + options.shutdown_grace;
    // Fails only if no connection is left to hear it.
    let _ = close.send(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let _ = timeout_at(deadline, all_ended).await;
    let connections_cut = connections.len();
    // Cutting a connection abandons its jobs.
    connections.shutdown().await;
    queue.close();
    // `recv` ends when the last worker has dropped its sender. A worker whose job was just abandoned gets a moment.
    drop(alive);
    let _ = timeout_at(deadline.max(Instant::now() + Duration::from_secs(1)), all_gone.recv()).await;
    while let Ok(event) = noticed.try_recv() {
        events(event);
    }
    Ok(ServeSummary {
        requests: metrics.requests(),
        executions: metrics.executions(),
        worker_restarts: metrics.restarts.load(Ordering::Relaxed),
        connections_cut,
        workers_left: all_gone.sender_strong_count(),
    })
}

/// Answers the requests of one connection.
async fn attend(stream: TcpStream, service: Arc<Service>, mut closing: watch::Receiver<bool>) {
    // Answers are small, and their client waits for nothing else.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Stream::new(stream, service.options.body_timeout));
    let header_timeout = service.options.header_timeout;
    let answer = service_fn(move |request| routes::answer(service.clone(), request));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(header_timeout);
    let mut connection = pin!(builder.serve_connection(io, answer));
    // What goes wrong on a connection is its client's doing, and the client knows.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = closing.wait_for(|closing| *closing) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
