//! The two threads that call the backend.
//!
//! One completes; the other tells of changes and asks all else, in the order in which the client said it, but for changes
//! that were overtaken by newer ones of their document ([`enqueue`]). So a completion
//! never waits for the index, and a definition is always looked up in the text that the client had when it asked.

use std::{
    any::Any,
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::Sender;
use lsp_server::RequestId;
use serde_json::{Value, json};

use super::{
    answers::{self, Selected, Texts},
    backend::{Backend, Cursor, Edit},
    lane::Lane,
    lifecycle::Client,
    statistics::Surface,
    text::Text,
};
use crate::Completion;

/// A place in a document as it is at the moment.
#[derive(Clone, Debug)]
pub struct At {
    pub uri: String,
    pub path: String,
    pub language: String,
    pub text: Arc<Text>,
    pub offset: usize,
}

impl At {
    fn cursor(&self) -> Cursor<'_> {
        Cursor { path: &self.path, language: &self.language, text: self.text.as_str(), offset: self.offset }
    }
}

/// A completion that somebody waits for.
pub struct CompletionJob {
    pub id: RequestId,
    pub at: At,
    pub surface: Surface,
    pub selected: Option<Selected>,
    pub cancelled: Arc<AtomicBool>,
}

/// What the other worker does.
pub enum Task {
    /// Tell the backend about a document.
    Tell(DocumentEvent),
    /// Ask it for something that somebody waits for.
    Ask { id: RequestId, question: Question, cancelled: Arc<AtomicBool> },
}

/// What happened to a document, by the backend's name.
pub enum DocumentEvent {
    Opened { uri: String, path: String, language: String, text: Arc<Text> },
    Changed { path: String, text: Arc<Text>, edits: Vec<Edit> },
    Saved { path: String, text: Arc<Text> },
    Closed { path: String },
}

impl DocumentEvent {
    fn path(&self) -> &str {
        match self {
            Self::Opened { path, .. }
            | Self::Changed { path, .. }
            | Self::Saved { path, .. }
            | Self::Closed { path } => path,
        }
    }
}

/// What can be asked besides completions.
pub enum Question {
    Definitions(At),
    References(At, bool),
    Outline(At),
    Symbols(String),
    Hover(At),
}

/// What comes back from a worker.
pub struct Finished {
    /// The request that is answered; none for what was told.
    pub id: Option<RequestId>,
    /// The answer, or how the backend panicked.
    pub outcome: Result<Answer, String>,
}

/// The answer to a request.
pub enum Answer {
    /// Completions, and where they were asked for.
    Completions(CompletionJob, Vec<Completion>),
    /// The result as it goes to the client.
    Value(Value),
}

/// How long nobody asks before the next answer is prepared.
const PAUSE: Duration = Duration::from_millis(30);

/// Works on completions until the lane closes.
pub fn complete(lane: &Lane<CompletionJob>, backend: &dyn Backend, finished: &Sender<Finished>) {
    while let Some(job) = lane.next() {
        if job.cancelled.load(Ordering::Relaxed) {
            continue;
        }
        let outcome = guarded(|| complete_one(&job, backend));
        let id = Some(job.id.clone());
        let next =
            outcome.as_ref().ok().filter(|_| job.selected.is_none()).map(|found| (job.at.clone(), found.clone()));
        let _ = finished.send(Finished { id, outcome: outcome.map(|found| Answer::Completions(job, found)) });
        // What is prepared must not be in the way of the next key.
        if let Some((at, found)) = next.filter(|_| lane.is_quiet_for(PAUSE)) {
            let _ = guarded(|| backend.answered(&at.cursor(), &found, lane.arrived()));
        }
    }
}

fn complete_one(job: &CompletionJob, backend: &dyn Backend) -> Vec<Completion> {
    let Some(selected) = &job.selected else { return backend.complete(&job.at.cursor(), &job.cancelled) };
    let (applied, offset) = selected.applied(job.at.text.as_str());
    let found = backend.complete(&Cursor { text: &applied, offset, ..job.at.cursor() }, &job.cancelled);
    found.into_iter().filter_map(|completion| selected.extended_by(&applied, completion)).collect()
}

/// Tells and asks until the lane closes.
pub fn attend(
    lane: &Lane<Task>,
    backend: &dyn Backend,
    client: &Client,
    max_document_bytes: usize,
    finished: &Sender<Finished>,
) {
    let mut open = HashMap::new();
    while let Some(task) = lane.next() {
        let (id, outcome) = match task {
            Task::Tell(event) => {
                note(&mut open, &event);
                match guarded(|| tell(&event, backend)) {
                    Ok(()) => continue,
                    Err(panic) => (None, Err(panic)),
                }
            }
            Task::Ask { cancelled, .. } if cancelled.load(Ordering::Relaxed) => continue,
            Task::Ask { id, question, .. } => {
                let texts = Texts::new(&client.workspace, &open, max_document_bytes, client.encoding);
                (Some(id), guarded(|| Answer::Value(ask(question, backend, client, texts))))
            }
        };
        let _ = finished.send(Finished { id, outcome });
    }
}

/// Adds to what waits. A change that waits already takes up what a newer one of its document brings, whatever else waits
/// behind it: so the queue stays short however fast somebody types, and nobody who asks sees less than was there.
pub fn enqueue(lane: &Lane<Task>, event: DocumentEvent) {
    lane.update(|waiting| {
        let last = waiting.iter_mut().rev().find_map(|task| match task {
            Task::Tell(told) if told.path() == event.path() => Some(told),
            _ => None,
        });
        match (last, event) {
            (
                Some(DocumentEvent::Changed { text, edits, .. }),
                DocumentEvent::Changed { text: newer, edits: more, .. },
            ) => {
                *text = newer;
                edits.extend(more);
            }
            (_, event) => waiting.push_back(Task::Tell(event)),
        }
    });
}

/// Keeps the texts that the backend knows, since its places are places in them.
fn note(open: &mut HashMap<String, (String, Arc<Text>)>, event: &DocumentEvent) {
    match event {
        DocumentEvent::Opened { uri, path, text, .. } => {
            open.insert(path.clone(), (uri.clone(), Arc::clone(text)));
        }
        DocumentEvent::Changed { path, text, .. } => {
            if let Some((_, known)) = open.get_mut(path) {
                *known = Arc::clone(text);
            }
        }
        DocumentEvent::Saved { .. } => {}
        DocumentEvent::Closed { path } => {
            open.remove(path);
        }
    }
}

fn tell(event: &DocumentEvent, backend: &dyn Backend) {
    match event {
        DocumentEvent::Opened { path, language, text, .. } => backend.opened(path, language, text.as_str()),
        DocumentEvent::Changed { path, text, edits } => backend.changed(path, text.as_str(), edits),
        DocumentEvent::Saved { path, text } => backend.saved(path, text.as_str()),
        DocumentEvent::Closed { path } => backend.closed(path),
    }
}

fn ask(question: Question, backend: &dyn Backend, client: &Client, mut texts: Texts<'_>) -> Value {
    match question {
        Question::Definitions(at) => json!(texts.locations(backend.definitions(&at.cursor()))),
        Question::References(at, declarations) => {
            json!(texts.locations(backend.references(&at.cursor(), declarations)))
        }
        Question::Outline(at) => {
            let definitions = backend.outline(&at.path, &at.language, at.text.as_str());
            if client.symbol_trees {
                json!(answers::document_symbols(definitions, &at.text, client.encoding))
            } else {
                json!(answers::flat_symbols(definitions, &at.uri, &at.text, client.encoding))
            }
        }
        Question::Symbols(query) => json!(texts.symbols(backend.symbols(&query))),
        Question::Hover(at) => {
            json!(backend.citation(&at.cursor()).map(|citation| answers::hover(&citation, &at.text, client.encoding)))
        }
    }
}

/// Runs what may panic; the error is what the panic said.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic: Box<dyn Any + Send>| {
        let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
        said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_stays_short_however_much_is_typed() {
        let lane = Lane::new();
        let text = |content: String| Arc::new(Text::new(content));
        let changed = |path: &str, number: usize| DocumentEvent::Changed {
            path: path.to_owned(),
            text: text(number.to_string()),
            edits: vec![Edit { range: 0..0, text: number.to_string() }],
        };
        let ask = |id: i32| Task::Ask {
            id: RequestId::from(id),
            question: Question::Symbols(String::new()),
            cancelled: Arc::default(),
        };
        for number in 0..1000 {
            enqueue(&lane, changed(["a", "b", "c"][number % 3], number));
            if number == 500 {
                lane.update(|waiting| waiting.push_back(ask(1)));
            }
        }
        // What comes after a save is not part of what was saved.
        enqueue(&lane, DocumentEvent::Saved { path: "a".to_owned(), text: text("saved".to_owned()) });
        enqueue(&lane, changed("a", 1000));
        enqueue(&lane, changed("b", 1001));
        lane.update(|waiting| {
            let shown: Vec<String> = waiting
                .iter()
                .map(|task| match task {
                    Task::Tell(DocumentEvent::Changed { path, text, edits }) => {
                        format!("{path} {} {}", text.as_str(), edits.len())
                    }
                    Task::Tell(other) => format!("{} is saved", other.path()),
                    Task::Ask { .. } => "asked".to_owned(),
                })
                .collect();
            assert_eq!(shown, ["a 999 334", "b 1001 334", "c 998 333", "asked", "a is saved", "a 1000 1"]);
        });
    }
}
