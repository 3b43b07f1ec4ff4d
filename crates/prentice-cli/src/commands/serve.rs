//! `prentice sandbox serve`: the reward service.

use std::{collections::BTreeMap, net::ToSocketAddrs as _, sync::Arc, time::Duration};

use prentice_base::{Event, Task};
use prentice_environment::{Workshop, suites, suites::LoadOptions};
use prentice_serve::{MakeJudge, SandboxJudge, ServeError, ServeOptions, compute_score_file, serve, termination};
use serde_json::json;

use crate::{
    arguments::SandboxServe,
    commands::{Session, eval, sandbox::check_range, usage},
    error::{CliError, ErrorKind},
    format,
};

/// Serves until it is told to stop.
pub fn run(session: &Session, arguments: SandboxServe) -> Result<(), CliError> {
    let address =
        arguments.address.to_socket_addrs().ok().and_then(|mut addresses| addresses.next()).ok_or_else(|| {
            usage(format!("{} is no address", arguments.address), "write HOST:PORT, such as 127.0.0.1:8080")
        })?;
    let token = match &arguments.token_file {
        Some(path) => {
            let text = String::from_utf8_lossy(&prentice_base::files::read(path)?).trim().to_owned();
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                let message = format!("{} does not hold one word that clients could present", path.display());
                return Err(usage(message, "write a long random text of ASCII letters and digits into it"));
            }
            Some(text)
        }
        None => None,
    };
    for (option, value, least) in [
        ("--queue", arguments.queue as u64, 1),
        ("--body-mib", arguments.body_mib as u64, 1),
        ("--request-seconds", arguments.request_seconds, 1),
        ("--grace-seconds", arguments.grace_seconds, 0),
    ] {
        check_range(option, value, least)?;
    }
    if let Some(path) = &arguments.write_compute_score {
        if address.port() == 0 {
            let message = format!("{} cannot name the port of {address}, which is chosen later", path.display());
            return Err(usage(message, "give a port with --address, such as 127.0.0.1:8080"));
        }
        let file = compute_score_file(&format!("http://{address}"), "PRENTICE_TOKEN");
        prentice_base::files::write_atomic(path, file.as_bytes())?;
    }
    let sandbox = eval::sandbox(session, arguments.isolation)?;
    let workshop = Workshop::new(&sandbox);
    let tasks = Arc::new(tasks(&arguments)?);
    let options = ServeOptions {
        address,
        token,
        workers: session.threads(),
        queue: arguments.queue,
        body_limit: arguments.body_mib << 20,
        request_timeout: Duration::from_secs(arguments.request_seconds),
        shutdown_grace: Duration::from_secs(arguments.grace_seconds),
        ..ServeOptions::default()
    };
    let make: Arc<MakeJudge> = Arc::new(move || Ok(Box::new(SandboxJudge::new(&workshop, tasks.clone())) as _));
    let events = |event: Event| match event {
        Event::Plan(plan) if !session.json => {
            let address = plan["address"].as_str().unwrap_or_default().to_owned();
            let detail =
                format!("http://{address}, {} workers, tier {:?}; Ctrl-C stops", plan["workers"], sandbox.tier());
            session.emit(Event::StageStarted { stage: "serve".into(), detail });
        }
        event => session.emit(event),
    };
    let summary = serve(&options, make, termination(), &events).map_err(|error| {
        let hint = match &error {
            ServeError::NoToken { .. } => "--token-file FILE says what clients must present; or stay on 127.0.0.1",
            ServeError::Listen { .. } => "choose another address or port with --address",
            _ => "`prentice sandbox doctor` says what works here",
        };
        CliError::from_error(ErrorKind::Environment, &error).hint(hint)
    })?;
    let text = format!(
        "{} answered, {} executed, {} restarted\n",
        format::counted(summary.requests, "request"),
        format::counted(summary.executions, "program"),
        format::counted(summary.worker_restarts, "worker")
    );
    session.conclude(json!(summary), &text)
}

/// The tasks that requests may name by id.
fn tasks(arguments: &SandboxServe) -> Result<BTreeMap<String, Task>, CliError> {
    let mut tasks = BTreeMap::new();
    for name in &arguments.suites {
        let options = LoadOptions { data: eval::data_directories(arguments.data.as_ref()), languages: Vec::new() };
        let suite = suites::load(name, &options).map_err(eval::suite_error)?;
        tasks.extend(suite.tasks.into_iter().map(|task| (task.id.clone(), task)));
    }
    Ok(tasks)
}
