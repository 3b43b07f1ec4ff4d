//! Random edits, completions and cancellations, faster than anybody types: no answer is stale, wrong or lost, memory stays
//! bounded, and no thread is left over.
//!
//! Two seconds, or as many minutes as `PRENTICE_SLOW_TESTS` says. How staleness is seen: each change is followed by a
//! request that the main loop refuses by itself. Once that has been refused, the change has been read, and nothing that
//! was asked for before it may be answered.

#[allow(dead_code, reason = "the other tests use more of it")]
#[path = "support/client.rs"]
mod client;
#[path = "support/lines.rs"]
mod lines;

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use client::{Client, at, inline, uri};
use lines::{Lines, continue_line};
use lsp_server::{Message, RequestId};
use prentice_assist::lsp::{Cursor, Ending, ServeOptions};
use prentice_base::{Rng, Seed};
use rand::RngExt as _;
use serde_json::{Value, json};

const PATHS: [&str; 3] = ["a.rs", "b/é.rs", "c d.rs"];
const PIECES: [&str; 10] =
    ["let a = 1;\n", "let ab = \"😀\";\r\n", "\r", "\n", "\t", "l", "let", "fn f() {\n", "é", "    let ab"];
/// More are not sent before some are answered; an editor would stop far earlier.
const OUTSTANDING: usize = 64;

/// What the client knows of a document.
struct Open {
    text: String,
    version: i32,
    /// The server has read this version.
    confirmed: i32,
}

/// What was asked.
enum Asked {
    /// An inline completion at an offset of a document's version.
    Completion {
        path: usize,
        version: i32,
        offset: usize,
        text: String,
        /// Whether the client cancelled it.
        cancelled: bool,
    },
    /// Something that is refused once a document's version has been read.
    Marker { path: usize, version: i32 },
    /// A list, or a look-up.
    Other { path: usize, version: i32 },
}

#[derive(Debug, Default)]
struct Tally {
    completions: u64,
    shown: u64,
    modified: u64,
    cancelled: u64,
    superseded: u64,
}

#[test]
fn an_edit_storm_leaves_nothing_behind() {
    let minutes = std::env::var("PRENTICE_SLOW_TESTS").ok();
    let seconds = minutes.map_or(2, |minutes| minutes.parse().unwrap_or(1) * 60);
    let threads_before = count("/proc/self/task");
    let mut rng = Seed(17).derive("storm", 0).rng();
    let completions = AtomicU64::new(0);
    let backend = Lines {
        // Every fourth completion takes a while, as a model does.
        hook: Box::new(move |method, _, cancelled| {
            let slow = method == "complete" && completions.fetch_add(1, Ordering::Relaxed).is_multiple_of(4);
            let end = Instant::now() + Duration::from_millis(if slow { 2 } else { 0 });
            while Instant::now() < end && !cancelled.is_some_and(|cancelled| cancelled.load(Ordering::Relaxed)) {
                std::thread::sleep(Duration::from_micros(50));
            }
        }),
        ..Lines::new()
    };
    let mut client = Client::start(ServeOptions::default(), backend, json!({}));
    for path in PATHS {
        client.open(path, "let a = 1;\nlet");
    }
    let mut storm = Storm {
        documents: PATHS.map(|_| Open { text: "let a = 1;\nlet".into(), version: 1, confirmed: 1 }),
        asked: HashMap::new(),
        last_id: 0,
        newest: None,
        tally: Tally::default(),
        client,
    };

    let begin = Instant::now();
    let (mut early, mut threads) = (None, 0);
    while begin.elapsed() < Duration::from_secs(seconds) {
        storm.act(&mut rng);
        while storm.asked.len() >= OUTSTANDING {
            storm.hear();
        }
        if begin.elapsed() > Duration::from_millis(500) && early.is_none() {
            early = Some(resident_bytes());
        }
        threads = threads.max(count("/proc/self/task"));
    }
    storm.hear_all();
    // Twenty times what the texts and their copies can take.
    let grown = resident_bytes().saturating_sub(early.unwrap_or(u64::MAX));
    assert!(grown < 64 << 20, "{grown} bytes more than after half a second");
    assert_eq!(threads, threads_before + 3, "a session has three threads");
    let Storm { client, tally, .. } = storm;
    assert_eq!(client.end(), Ending::Exited { after_shutdown: true });
    // The kernel forgets a thread a moment after it was joined.
    let end = Instant::now() + Duration::from_secs(5);
    while count("/proc/self/task") > threads_before && Instant::now() < end {
        std::thread::yield_now();
    }
    assert_eq!(count("/proc/self/task"), threads_before, "threads are left over");
    println!("{tally:?} in {seconds} s, {grown} bytes grown");
    assert!(tally.shown > 0 && tally.modified > 0 && tally.cancelled > 0 && tally.superseded > 0, "{tally:?}");
}

struct Storm {
    client: Client,
    documents: [Open; PATHS.len()],
    asked: HashMap<RequestId, Asked>,
    last_id: i32,
    /// The completion that was asked for last.
    newest: Option<RequestId>,
    tally: Tally,
}

impl Storm {
    fn act(&mut self, rng: &mut Rng) {
        let path = rng.random_range(0..PATHS.len());
        match rng.random_range(0..10) {
            0..4 => self.edit(path, rng),
            4..7 => self.complete(path, rng),
            7 => {
                if let Some(id) = self.newest.take()
                    && let Some(Asked::Completion { cancelled, .. }) = self.asked.get_mut(&id)
                {
                    *cancelled = true;
                    self.client.notify("$/cancelRequest", json!({ "id": id }));
                }
            }
            8 => {
                let start = json!({ "line": 0, "character": 1 });
                let method = ["textDocument/completion", "textDocument/hover", "textDocument/definition"];
                let version = self.documents[path].version;
                let method = method[rng.random_range(0..method.len())];
                self.send(method, at(PATHS[path], &start), Asked::Other { path, version });
            }
            // People pause, too.
            _ => self.hear_all(),
        }
    }

    fn edit(&mut self, path: usize, rng: &mut Rng) {
        let Open { text, version, .. } = &mut self.documents[path];
        *version += 1;
        let change = if text.len() > 4000 || rng.random_range(0..50) == 0 {
            *text = "let a = 1;\nlet".into();
            json!({ "text": text })
        } else {
            let [start, end] = [0; 2].map(|_| nameable(text, rng.random_range(0..=text.len())));
            let (start, end) = (start.min(end), start.max(end).min(start.min(end) + 20));
            let end = nameable(text, end).max(start);
            let range = json!({ "start": position(text, start), "end": position(text, end) });
            let with = PIECES[rng.random_range(0..PIECES.len())];
            text.replace_range(start..end, with);
            json!({ "range": range, "text": with })
        };
        let version = *version;
        self.client.change(PATHS[path], version, json!([change]));
        self.send("test/marker", Value::Null, Asked::Marker { path, version });
    }

    fn complete(&mut self, path: usize, rng: &mut Rng) {
        let Open { text, version, .. } = &self.documents[path];
        let offset = nameable(text, rng.random_range(0..=text.len()));
        let params = inline(PATHS[path], &position(text, offset));
        let asked = Asked::Completion { path, version: *version, offset, text: text.clone(), cancelled: false };
        self.tally.completions += 1;
        self.newest = Some(self.send("textDocument/inlineCompletion", params, asked));
    }

    fn send(&mut self, method: &str, params: Value, asked: Asked) -> RequestId {
        self.last_id += 1;
        let id = RequestId::from(format!("storm {}", self.last_id));
        let request = lsp_server::Request { id: id.clone(), method: method.into(), params };
        self.client.connection.sender.send(request.into()).unwrap();
        self.asked.insert(id.clone(), asked);
        id
    }

    fn hear_all(&mut self) {
        while !self.asked.is_empty() {
            self.hear();
        }
    }

    /// Waits for an answer and checks it.
    fn hear(&mut self) {
        let response = match self.client.connection.receiver.recv_timeout(Duration::from_secs(20)) {
            Ok(Message::Response(response)) => response,
            Ok(Message::Notification(notification)) => {
                let said = notification.params["message"].as_str().unwrap();
                assert!(said.contains("model"), "nothing goes wrong: {said}");
                return;
            }
            Ok(Message::Request(request)) => panic!("the server asks: {request:?}"),
            Err(_) => panic!("answers are lost: {} open", self.asked.len()),
        };
        let asked = self.asked.remove(&response.id).expect("each request is answered once");
        let fresh = |path: usize, version: i32| assert!(self.documents[path].confirmed <= version, "a stale answer");
        match (asked, response.response_result) {
            (Asked::Marker { path, version }, Err(error)) => {
                assert_eq!(error.code, -32601);
                self.documents[path].confirmed = version;
            }
            (Asked::Marker { .. }, Ok(value)) => panic!("the marker is no method: {value}"),
            (Asked::Completion { path, version, offset, text, .. }, Ok(shown)) => {
                fresh(path, version);
                check_items(&shown, path, &text, offset);
                self.tally.shown += u64::from(!shown["items"].as_array().unwrap().is_empty());
            }
            (Asked::Other { path, version }, Ok(_)) => fresh(path, version),
            (Asked::Completion { cancelled, .. }, Err(error)) => match error.code {
                -32800 => {
                    assert!(cancelled, "nobody cancelled it");
                    self.tally.cancelled += 1;
                }
                -32801 => self.tally.modified += 1,
                -32802 => self.tally.superseded += 1,
                _ => panic!("{error:?}"),
            },
            (Asked::Other { .. }, Err(error)) => {
                assert!([-32801, -32802].contains(&error.code), "{error:?}");
            }
        }
    }
}

/// Each item continues the text that the client had, in the way the backend would.
fn check_items(shown: &Value, path: usize, text: &str, offset: usize) {
    let items = shown["items"].as_array().unwrap();
    // The backend knows the other documents in some state; this one it is given.
    let own = BTreeMap::from([(PATHS[path].to_owned(), text.to_owned())]);
    let cursor = Cursor { path: PATHS[path], language: "rust", text, offset };
    let longest = continue_line(&own, &cursor, &AtomicBool::new(false)).first().map_or(0, |first| first.text.len());
    let position = position(text, offset);
    for item in items {
        assert_eq!(
            item["range"],
            json!({ "start": position, "end": position }),
            "at the cursor of {}",
            uri(PATHS[path])
        );
    }
    let first = items.first().map_or(0, |item| item["insertText"].as_str().unwrap().len());
    assert!(first >= longest, "at least what the document itself offers: {shown}");
}

/// The nearest place before an offset that a position can name.
fn nameable(text: &str, offset: usize) -> usize {
    let offset = text.floor_char_boundary(offset);
    let within_ending = text[..offset].ends_with('\r') && text[offset..].starts_with('\n');
    offset - usize::from(within_ending)
}

fn position(text: &str, offset: usize) -> Value {
    let before = text[..offset].replace("\r\n", "\n").replace('\r', "\n");
    let line = before.rsplit('\n').next().unwrap();
    json!({ "line": before.matches('\n').count(), "character": line.encode_utf16().count() })
}

fn count(directory: &str) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
