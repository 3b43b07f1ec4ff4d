//! The main loop: the one thread that owns documents and requests, reads messages and answers.
//!
//! Nothing here waits for the backend. What needs it goes to a worker with a flag to cancel it by; its answer is sent
//! only if the request is still open by then. A change of a document closes all requests about it (`ContentModified`), a
//! newer completion the one before it (`ServerCancelled`), the client any of them (`RequestCancelled`): so no answer
//! can refer to a text that the client had before the last change that we know of.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, select};
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, RequestId, Response};
use serde_json::{Value, json};

use super::{
    Ending, ServeOptions,
    answers::{self, ACCEPTED, Selected},
    backend::{Backend, Edit},
    failure::{Failure, parse},
    lane::Lane,
    lifecycle::Client,
    protocol::{
        CONTENT_MODIFIED, CancelParams, CodeActionParams, ContentChange, DidChangeParams, DidOpenParams,
        DocumentParams, ExecuteCommandParams, InlineCompletionParams, Position, PositionParams, REQUEST_CANCELLED,
        ReferenceParams, SERVER_CANCELLED, TextEdit, WorkspaceSymbolParams,
    },
    statistics::{Part, StatisticsLog, Surface},
    suggestions::Suggestions,
    text::Text,
    worker::{self, Answer, At, CompletionJob, DocumentEvent, Finished, Question, Task, guarded},
};
use crate::Completion;

/// How often notices, the parent process and accepted texts are looked after.
const TICK: Duration = Duration::from_secs(1);

/// The state of a session.
pub struct Server<'a> {
    client: &'a Client,
    options: &'a ServeOptions,
    backend: &'a dyn Backend,
    sender: &'a Sender<Message>,
    completions: &'a Lane<CompletionJob>,
    tasks: &'a Lane<Task>,
    /// By URI.
    documents: HashMap<String, Document>,
    /// Requests that a worker has.
    open: BTreeMap<RequestId, Open>,
    suggestions: Suggestions,
    statistics: StatisticsLog,
    said: HashSet<String>,
    shut_down: bool,
}

struct Document {
    path: String,
    language: String,
    version: i32,
    /// None where the document is too large, no text, or unknown after a change that we could not read.
    text: Option<Arc<Text>>,
}

/// A request that a worker has.
struct Open {
    uri: Option<String>,
    surface: Option<Surface>,
    cancelled: Arc<AtomicBool>,
}

/// The answer to a request, unless it is an error.
enum Reply {
    Now(Value),
    /// A worker has it.
    Later,
}

impl<'a> Server<'a> {
    pub fn new(
        client: &'a Client,
        options: &'a ServeOptions,
        backend: &'a dyn Backend,
        sender: &'a Sender<Message>,
        completions: &'a Lane<CompletionJob>,
        tasks: &'a Lane<Task>,
    ) -> Self {
        let (statistics, fault) = match StatisticsLog::open(options.statistics.as_deref()) {
            Ok(log) => (log, None),
            Err(error) => (StatisticsLog::default(), Some(with_source(&error))),
        };
        let mut server = Self {
            client,
            options,
            backend,
            sender,
            completions,
            tasks,
            documents: HashMap::new(),
            open: BTreeMap::new(),
            suggestions: Suggestions::new(options.kept_after),
            statistics,
            said: HashSet::new(),
            shut_down: false,
        };
        if let Some(fault) = fault {
            server.say_once(true, &format!("acceptance is not noted: {fault}"));
        }
        server
    }

    /// Reads and answers until the session ends.
    pub fn run(&mut self, connection: &Connection, finished: &Receiver<Finished>) -> Ending {
        let mut next_tick = Instant::now();
        loop {
            let now = Instant::now();
            if now >= next_tick {
                next_tick = now + TICK;
                if self.client.parent.is_some_and(|parent| parent.is_gone()) {
                    return Ending::ParentExited;
                }
                self.look_after();
            }
            let due = self.suggestions.due().map_or(next_tick, |due| due.min(next_tick));
            if due <= now {
                self.look_again(now);
            }
            select! {
                recv(connection.receiver) -> message => match message {
                    Ok(Message::Notification(notification)) if notification.method == "exit" => {
                        return Ending::Exited { after_shutdown: self.shut_down };
                    }
                    Ok(Message::Notification(notification)) => self.notification(notification),
                    Ok(Message::Request(request)) => self.request(request),
                    // We ask the client nothing.
                    Ok(Message::Response(_)) => {}
                    Err(_) => return Ending::Disconnected,
                },
                recv(finished) -> answer => if let Ok(answer) = answer { self.finished(answer) },
                default(due.saturating_duration_since(now)) => {}
            }
            self.note_statistics();
        }
    }

    fn request(&mut self, request: Request) {
        let (id, method) = (request.id.clone(), request.method.clone());
        let result = guarded(|| self.answer(request)).unwrap_or_else(|panic| {
            let message = format!("`{method}` panicked: {panic}");
            Err(Failure::new(ErrorCode::InternalError, message))
        });
        match result {
            Ok(Reply::Now(value)) => self.send(Response::new_ok(id, value)),
            Ok(Reply::Later) => {}
            Err(failure) => self.send(failure.response(id)),
        }
    }

    fn answer(&mut self, Request { id, method, params }: Request) -> Result<Reply, Failure> {
        if self.shut_down || method == "initialize" {
            let why = if self.shut_down { "after `shutdown`" } else { "a second time" };
            let message = format!("`{method}` came {why}");
            return Err(Failure::new(ErrorCode::InvalidRequest, message));
        }
        match method.as_str() {
            "shutdown" => {
                self.close_requests(|_, _| true, REQUEST_CANCELLED, "the server shuts down");
                self.shut_down = true;
                Ok(Reply::Now(Value::Null))
            }
            "textDocument/inlineCompletion" => {
                let params: InlineCompletionParams = parse(&method, params)?;
                let at = self.at(&params.text_document.uri, params.position)?;
                let selected = at.as_ref().and_then(|at| {
                    let selected = params.context.selected_completion_info?;
                    let range = at.text.bytes(selected.range, self.client.encoding);
                    // One that is not around the cursor belongs to another moment.
                    let around = range.start <= at.offset && at.offset <= range.end;
                    around.then_some(Selected { range, text: selected.text })
                });
                Ok(self.complete(id, Surface::Inline, at, selected))
            }
            "textDocument/completion" => {
                let params: PositionParams = parse(&method, params)?;
                let at = self.at(&params.text_document.uri, params.position)?;
                Ok(self.complete(id, Surface::List, at, None))
            }
            "textDocument/definition" => {
                let params: PositionParams = parse(&method, params)?;
                let at = self.at(&params.text_document.uri, params.position)?;
                Ok(self.ask(id, at, Question::Definitions))
            }
            "textDocument/references" => {
                let params: ReferenceParams = parse(&method, params)?;
                let at = self.at(&params.text_document.uri, params.position)?;
                Ok(self.ask(id, at, |at| Question::References(at, params.context.include_declaration)))
            }
            "textDocument/hover" => {
                let params: PositionParams = parse(&method, params)?;
                let at = self.at(&params.text_document.uri, params.position)?;
                Ok(self.ask(id, at, Question::Hover))
            }
            "textDocument/documentSymbol" => {
                let params: DocumentParams = parse(&method, params)?;
                let at = self.at(&params.text_document.uri, Position { line: 0, character: 0 })?;
                Ok(self.ask(id, at, Question::Outline))
            }
            "workspace/symbol" => {
                let params: WorkspaceSymbolParams = parse(&method, params)?;
                let cancelled = self.register(&id, None, None);
                let question = Question::Symbols(params.query);
                self.tasks.update(|waiting| waiting.push_back(Task::Ask { id, question, cancelled }));
                Ok(Reply::Later)
            }
            "textDocument/codeAction" => self.code_actions(&parse(&method, params)?),
            "workspace/executeCommand" => self.execute(parse(&method, params)?),
            _ => {
                let message = format!("no such method: `{method}`");
                Err(Failure::new(ErrorCode::MethodNotFound, message))
            }
        }
    }

    fn notification(&mut self, Notification { method, params }: Notification) {
        if self.shut_down {
            return;
        }
        let uri = params.pointer("/textDocument/uri").and_then(Value::as_str).map(str::to_owned);
        let result = guarded(|| self.hear(method.clone(), params));
        let message = match result {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => failure.message,
            Err(panic) => format!("`{method}` panicked: {panic}"),
        };
        self.say(true, &message);
        // A change that was not understood leaves a text that is not the client's.
        if method == "textDocument/didChange"
            && let Some(uri) = uri
            && self.documents.contains_key(&uri)
        {
            self.set_text(&uri, None);
            self.say(true, &format!("`{uri}` is left alone until all of it is sent again"));
        }
    }

    fn hear(&mut self, method: String, params: Value) -> Result<(), Failure> {
        match method.as_str() {
            "textDocument/didOpen" => self.opened(parse(&method, params)?),
            "textDocument/didChange" => self.changed(parse(&method, params)?)?,
            "textDocument/didSave" => {
                let params: DocumentParams = parse(&method, params)?;
                if let Some(Document { path, text: Some(text), .. }) = self.documents.get(&params.text_document.uri) {
                    let event = DocumentEvent::Saved { path: path.clone(), text: Arc::clone(text) };
                    worker::enqueue(self.tasks, event);
                }
            }
            "textDocument/didClose" => {
                let params: DocumentParams = parse(&method, params)?;
                self.closed(&params.text_document.uri);
            }
            "$/cancelRequest" => {
                let params: CancelParams = parse(&method, params)?;
                self.close_requests(|id, _| *id == params.id, REQUEST_CANCELLED, "cancelled by the client");
            }
            // `initialized`, traces, configuration, progress: nothing that we need to know.
            _ => {}
        }
        Ok(())
    }

    fn opened(&mut self, DidOpenParams { text_document: item }: DidOpenParams) {
        self.closed(&item.uri);
        let path = self.client.workspace.name(&item.uri);
        let text = self.acceptable(&path, item.text);
        let document = Document { path, language: item.language_id, version: item.version, text: None };
        self.documents.insert(item.uri.clone(), document);
        self.set_text(&item.uri, text);
    }

    fn changed(&mut self, params: DidChangeParams) -> Result<(), Failure> {
        let uri = params.text_document.uri;
        self.content_modified(&uri);
        let Some(document) = self.documents.get_mut(&uri) else {
            return Err(Failure::new(ErrorCode::InvalidParams, format!("`{uri}` was changed but is not open")));
        };
        document.version = params.text_document.version;
        let mut edits = Vec::new();
        for ContentChange { range, text } in params.content_changes {
            let Some(current) = document.text.as_mut().map(Arc::make_mut) else {
                // Only the whole document can make good for what was missed.
                if range.is_none() {
                    let path = document.path.clone();
                    let accepted = self.acceptable(&path, text);
                    self.set_text(&uri, accepted);
                    return Ok(());
                }
                continue;
            };
            let bytes = match range {
                Some(range) => current.bytes(range, self.client.encoding),
                None => 0..current.as_str().len(),
            };
            current.replace(bytes.clone(), &text);
            edits.push(Edit { range: bytes, text });
        }
        let Some(text) = document.text.clone() else { return Ok(()) };
        if text.as_str().len() > self.options.max_document_bytes {
            let path = document.path.clone();
            self.say_too_large(&path, text.as_str().len());
            self.set_text(&uri, None);
            return Ok(());
        }
        self.suggestions.changed(&uri, &text, &edits, Instant::now());
        let path = document.path.clone();
        worker::enqueue(self.tasks, DocumentEvent::Changed { path, text, edits });
        Ok(())
    }

    fn closed(&mut self, uri: &str) {
        if self.documents.contains_key(uri) {
            self.set_text(uri, None);
            self.documents.remove(uri);
        }
    }

    /// Gives a document a text, or takes it away, and tells the backend.
    fn set_text(&mut self, uri: &str, text: Option<Arc<Text>>) {
        self.content_modified(uri);
        self.suggestions.closed(uri);
        let Some(document) = self.documents.get_mut(uri) else { return };
        if document.text.is_some() {
            worker::enqueue(self.tasks, DocumentEvent::Closed { path: document.path.clone() });
        }
        document.text = text;
        if let Some(text) = &document.text {
            let (path, language) = (document.path.clone(), document.language.clone());
            let event = DocumentEvent::Opened { uri: uri.to_owned(), path, language, text: Arc::clone(text) };
            worker::enqueue(self.tasks, event);
        }
    }

    /// The text, unless it is too large or no text.
    fn acceptable(&mut self, path: &str, content: String) -> Option<Arc<Text>> {
        if content.len() > self.options.max_document_bytes {
            self.say_too_large(path, content.len());
            return None;
        }
        if content.contains('\0') {
            self.say_once(false, &format!("`{path}` is binary: nothing is offered in it"));
            return None;
        }
        Some(Arc::new(Text::new(content)))
    }

    fn say_too_large(&mut self, path: &str, bytes: usize) {
        let [size, limit] = [bytes, self.options.max_document_bytes].map(|bytes| bytes as f64 / f64::from(1 << 20));
        self.say_once(false, &format!("`{path}` has {size:.1} MiB, more than {limit:.1}: nothing is offered in it"));
    }

    /// A place in an open document; none where the document is one that is left alone.
    fn at(&self, uri: &str, position: Position) -> Result<Option<At>, Failure> {
        let document = self.documents.get(uri);
        let document =
            document.ok_or_else(|| Failure::new(ErrorCode::InvalidParams, format!("`{uri}` is not open")))?;
        Ok(document.text.as_ref().map(|text| At {
            uri: uri.to_owned(),
            path: document.path.clone(),
            language: document.language.clone(),
            offset: text.offset(position, self.client.encoding),
            text: Arc::clone(text),
        }))
    }

    fn complete(&mut self, id: RequestId, surface: Surface, at: Option<At>, selected: Option<Selected>) -> Reply {
        let Some(at) = at else {
            return Reply::Now(self.completions_as_shown(surface, 0, &[], &Text::new(String::new())));
        };
        self.close_requests(
            |_, open| open.surface == Some(surface) && open.uri.as_ref() == Some(&at.uri),
            SERVER_CANCELLED,
            "a newer completion of this document was asked for",
        );
        let cancelled = self.register(&id, Some(at.uri.clone()), Some(surface));
        let job = CompletionJob { id, at, surface, selected, cancelled };
        self.completions.update(|waiting| waiting.push_back(job));
        Reply::Later
    }

    fn ask(&mut self, id: RequestId, at: Option<At>, question: impl FnOnce(At) -> Question) -> Reply {
        let Some(at) = at else { return Reply::Now(Value::Null) };
        let cancelled = self.register(&id, Some(at.uri.clone()), None);
        let question = question(at);
        self.tasks.update(|waiting| waiting.push_back(Task::Ask { id, question, cancelled }));
        Reply::Later
    }

    fn register(&mut self, id: &RequestId, uri: Option<String>, surface: Option<Surface>) -> Arc<AtomicBool> {
        let cancelled = Arc::new(AtomicBool::new(false));
        self.open.insert(id.clone(), Open { uri, surface, cancelled: Arc::clone(&cancelled) });
        cancelled
    }

    fn content_modified(&mut self, uri: &str) {
        self.close_requests(|_, open| open.uri.as_deref() == Some(uri), CONTENT_MODIFIED, "the document has changed");
    }

    /// Answers open requests with an error, and lets go of the work on them.
    fn close_requests(&mut self, which: impl Fn(&RequestId, &Open) -> bool, code: i32, message: &str) {
        let closed: Vec<_> = self.open.extract_if(.., |id, open| which(id, open)).collect();
        if closed.is_empty() {
            return;
        }
        for (id, open) in closed {
            open.cancelled.store(true, Ordering::Relaxed);
            self.send(Response::new_err(id, code, message.to_owned()));
        }
        self.completions.update(|waiting| waiting.retain(|job| !job.cancelled.load(Ordering::Relaxed)));
        self.tasks.update(|waiting| {
            waiting.retain(|task| !matches!(task, Task::Ask { cancelled, .. } if cancelled.load(Ordering::Relaxed)));
        });
    }

    fn finished(&mut self, Finished { id, outcome }: Finished) {
        let Some(id) = id else {
            if let Err(panic) = outcome {
                self.say(true, &format!("the index panicked at a change: {panic}"));
            }
            return;
        };
        // What was closed meanwhile is answered.
        if self.open.remove(&id).is_none() {
            return;
        }
        match outcome {
            Ok(Answer::Value(value)) => self.send(Response::new_ok(id, value)),
            Ok(Answer::Completions(job, found)) => {
                let shown = self.shown(&job, found);
                self.send(Response::new_ok(id, shown));
            }
            Err(panic) => {
                let message = format!("the backend panicked: {panic}");
                self.send(Response::new_err(id, ErrorCode::InternalError as i32, message));
            }
        }
    }

    fn shown(&mut self, job: &CompletionJob, mut found: Vec<Completion>) -> Value {
        let CompletionJob { at, surface, .. } = job;
        found.retain(|completion| answers::fits(completion, &at.text, at.offset));
        let id = if found.is_empty() {
            0
        } else {
            let document = (at.uri.as_str(), at.language.as_str());
            self.suggestions.show(document, *surface, &at.text, at.offset, found.clone())
        };
        self.completions_as_shown(*surface, id, &found, &at.text)
    }

    fn completions_as_shown(&self, surface: Surface, id: u64, found: &[Completion], text: &Text) -> Value {
        let encoding = self.client.encoding;
        match surface {
            Surface::Inline => json!({ "items": answers::inline_items(id, found, text, encoding) }),
            Surface::List => json!(answers::list_items(id, found, text, encoding, self.client.label_details)),
        }
    }

    fn code_actions(&self, params: &CodeActionParams) -> Result<Reply, Failure> {
        let uri = &params.text_document.uri;
        let Some(at) = self.at(uri, params.range.start)? else { return Ok(Reply::Now(json!([]))) };
        let Some(current) = self.suggestions.current(uri) else { return Ok(Reply::Now(json!([]))) };
        let end = at.text.offset(params.range.end, self.client.encoding);
        let line = at.text.line_at(current.offset);
        if !(at.text.line_at(at.offset.min(end))..=at.text.line_at(at.offset.max(end))).contains(&line) {
            return Ok(Reply::Now(json!([])));
        }
        let version = self.documents[uri].version;
        let workspace_edit = |edit: TextEdit| {
            if self.client.versioned_edits {
                json!({ "documentChanges": [{ "textDocument": { "uri": uri, "version": version }, "edits": [edit] }] })
            } else {
                json!({ "changes": { (uri): [edit] } })
            }
        };
        let wanted = params.context.only.as_deref();
        let actions = answers::code_actions(current, &at.text, self.client.encoding, wanted, workspace_edit);
        Ok(Reply::Now(json!(actions)))
    }

    fn execute(&mut self, params: ExecuteCommandParams) -> Result<Reply, Failure> {
        if params.command != ACCEPTED {
            return Err(Failure::new(ErrorCode::InvalidParams, format!("no such command: `{}`", params.command)));
        }
        let (id, part, start, text): (u64, Part, usize, String) =
            parse(&format!("{ACCEPTED}` of `workspace/executeCommand"), Value::Array(params.arguments))?;
        self.suggestions.accepted(id, part, start, &text, Instant::now());
        Ok(Reply::Now(Value::Null))
    }

    /// What is to be done now and then.
    fn look_after(&mut self) {
        match guarded(|| self.backend.notices()) {
            Ok(notices) => notices.iter().for_each(|notice| self.say_once(notice.warning, &notice.text)),
            Err(panic) => self.say_once(true, &format!("the backend panicked: {panic}")),
        }
    }

    fn look_again(&mut self, now: Instant) {
        let documents = &self.documents;
        self.suggestions.look_again(now, |uri| documents.get(uri)?.text.as_deref());
    }

    fn note_statistics(&mut self) {
        for note in self.suggestions.take_notes() {
            if let Err(error) = self.statistics.append(&note.language, note.surface, note.outcome) {
                self.say_once(true, &format!("acceptance is not noted: {error}"));
            }
        }
    }

    fn say_once(&mut self, warning: bool, text: &str) {
        if self.said.insert(text.to_owned()) {
            self.say(warning, text);
        }
    }

    fn say(&mut self, warning: bool, text: &str) {
        let params = json!({ "type": if warning { 2 } else { 3 }, "message": text });
        self.send(Notification { method: "window/logMessage".to_owned(), params });
    }

    fn send(&mut self, message: impl Into<Message>) {
        // A client that takes no messages any more has closed its other end as well, or soon will.
        let _ = self.sender.send(message.into());
    }
}

impl Drop for Server<'_> {
    /// However the session ends, the workers do.
    fn drop(&mut self) {
        self.open.values().for_each(|open| open.cancelled.store(true, Ordering::Relaxed));
        self.completions.close();
        self.tasks.close();
    }
}

fn with_source(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}
