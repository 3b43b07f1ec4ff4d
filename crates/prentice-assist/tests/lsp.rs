//! The language server over a connection in memory, with a small real backend: every feature, and bad input.

#[path = "support/client.rs"]
mod client;
#[path = "support/lines.rs"]
mod lines;

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use client::{Client, at, inline, uri};
use crossbeam_channel::{Receiver, bounded};
use expect_test::{Expect, expect};
use lines::{Hook, Lines};
use prentice_assist::lsp::{Ending, ServeOptions, Statistics, summarise};
use serde_json::{Value, json};

fn start() -> Client {
    start_with(Lines::new())
}

fn start_with(backend: Lines) -> Client {
    Client::start(ServeOptions::default(), backend, json!({}))
}

fn with_hook(hook: Hook) -> Lines {
    Lines { hook, ..Lines::new() }
}

/// What the server says, a value a line.
fn check(said: impl IntoIterator<Item = Value>, expected: Expect) {
    let said: Vec<_> = said.into_iter().map(|value| value.to_string()).collect();
    expected.assert_eq(&said.join("\n"));
}

fn items(list: &Value) -> Vec<Value> {
    list["items"].as_array().expect("a list of items").clone()
}

// --- The session.

#[test]
fn a_session_begins_and_ends_in_order() {
    let mut client = Client::connect(ServeOptions::default(), Lines::new());
    let early = client.refused("textDocument/hover", at("a.rs", &json!({ "line": 0, "character": 0 })));
    client.notify("textDocument/didOpen", json!({}));
    let malformed = client.refused("initialize", json!({ "processId": "x", "capabilities": {} }));
    let params = json!({ "processId": null, "rootUri": "file:///w", "capabilities": {} });
    let capabilities = client.request("initialize", params.clone()).unwrap();
    let again = client.refused("initialize", params);
    let unknown = client.refused("textDocument/rename", json!({}));
    client.request("shutdown", Value::Null).unwrap();
    let late = client.refused("workspace/symbol", json!({ "query": "" }));
    client.notify("exit", Value::Null);
    let ending = client.ending();
    assert_eq!((ending, ending.exit_code()), (Ending::Exited { after_shutdown: true }, 0));

    expect![[r#"
        -32002 `textDocument/hover` came before `initialize`
        -32602 params of `initialize`: invalid type: string "x", expected u32
        -32600 `initialize` came a second time
        -32601 no such method: `textDocument/rename`
        -32600 `workspace/symbol` came after `shutdown`"#]]
    .assert_eq(&[early, malformed, again, unknown, late].join("\n"));
    check(
        [capabilities["capabilities"].clone()],
        expect![[
            r#"{"positionEncoding":"utf-16","textDocumentSync":{"openClose":true,"change":2,"save":true},"inlineCompletionProvider":{},"completionProvider":{"triggerCharacters":["."],"completionItem":{"labelDetailsSupport":true}},"definitionProvider":true,"referencesProvider":true,"documentSymbolProvider":true,"workspaceSymbolProvider":true,"hoverProvider":true,"codeActionProvider":{"codeActionKinds":["prentice.accept"]},"executeCommandProvider":{"commands":["prentice.accepted"]}}"#
        ]],
    );
}

#[test]
fn other_ends_exit_with_one() {
    let without_shutdown = |client: Client| {
        client.notify("exit", Value::Null);
        client.ending()
    };
    let early = Client::connect(ServeOptions::default(), Lines::new());
    for ending in [without_shutdown(start()), without_shutdown(early)] {
        assert_eq!((ending, ending.exit_code()), (Ending::Exited { after_shutdown: false }, 1));
    }
    let early = Client::connect(ServeOptions::default(), Lines::new());
    for ending in [start().vanish(), early.vanish()] {
        assert_eq!((ending, ending.exit_code()), (Ending::Disconnected, 1));
    }
}

#[test]
fn the_editors_process_is_not_survived() {
    let mut editor = Command::new("sleep").arg("600").spawn().unwrap();
    let mut client = Client::connect(ServeOptions::default(), Lines::new());
    let params = json!({ "processId": editor.id(), "rootUri": null, "capabilities": {} });
    client.request("initialize", params).unwrap();
    // It must not end before.
    client.refused("nothing", json!({}));
    std::thread::sleep(Duration::from_millis(1200));
    client.refused("nothing", json!({}));
    editor.kill().unwrap();
    editor.wait().unwrap();
    assert_eq!(client.ending(), Ending::ParentExited);
}

#[test]
fn positions_are_bytes_where_the_client_offers_it() {
    for (offered, encoding, character) in
        [(json!(["utf-16", "utf-8"]), "utf-8", 8), (json!(["utf-32"]), "utf-16", 6), (Value::Null, "utf-16", 6)]
    {
        let mut client = Client::connect(ServeOptions::default(), Lines::new());
        let capabilities = json!({ "general": { "positionEncodings": offered } });
        let params = json!({ "processId": null, "rootUri": "file:///w", "capabilities": capabilities });
        let result = client.request("initialize", params).unwrap();
        assert_eq!(result["capabilities"]["positionEncoding"], encoding);
        client.open("a.rs", "a(\"😀\");\r\na(\"😀\"");
        let position = json!({ "line": 1, "character": character });
        let shown = client.request("textDocument/inlineCompletion", inline("a.rs", &position)).unwrap();
        let end = &items(&shown)[0]["range"]["end"];
        assert_eq!((&items(&shown)[0]["insertText"], end), (&json!(");"), &position));
        client.end();
    }
}

#[test]
fn malformed_params_are_refused_with_what_is_wrong() {
    let mut client = start();
    client.open("a.rs", "fn a() {}");
    let document = json!({ "uri": uri("a.rs") });
    let refused = [
        ("textDocument/inlineCompletion", json!({ "textDocument": document, "context": {} })),
        ("textDocument/inlineCompletion", inline("a.rs", &json!({ "line": -1, "character": 0 }))),
        ("textDocument/completion", json!([1, 2])),
        ("textDocument/hover", at("b.rs", &json!({ "line": 0, "character": 0 }))),
        ("textDocument/references", at("a.rs", &json!({ "line": 0, "character": 0 }))),
        ("textDocument/documentSymbol", Value::Null),
        ("workspace/symbol", json!({ "query": 1 })),
        ("workspace/executeCommand", json!({ "command": "rm" })),
        ("workspace/executeCommand", json!({ "command": "prentice.accepted", "arguments": [1, "half", 0, ""] })),
    ]
    .map(|(method, params)| client.refused(method, params));
    expect![[r#"
        -32602 params of `textDocument/inlineCompletion`: missing field `position`
        -32602 params of `textDocument/inlineCompletion`: invalid value: integer `-1`, expected u32
        -32602 params of `textDocument/completion`: invalid type: integer `1`, expected struct DocumentIdentifier
        -32602 `file:///w/b.rs` is not open
        -32602 params of `textDocument/references`: missing field `context`
        -32602 params of `textDocument/documentSymbol`: invalid type: null, expected struct DocumentParams
        -32602 params of `workspace/symbol`: invalid type: integer `1`, expected a string
        -32602 no such command: `rm`
        -32602 params of `prentice.accepted` of `workspace/executeCommand`: unknown variant `half`, expected one of `whole`, `line`, `word`"#]]
    .assert_eq(&refused.join("\n"));
    assert_eq!(client.end(), Ending::Exited { after_shutdown: true });
}

#[test]
fn what_the_backend_has_to_say_is_said_once() {
    let mut client = start();
    client.hear("there is no model");
    std::thread::sleep(Duration::from_millis(2300));
    client.refused("nothing", json!({}));
    assert_eq!(client.said, ["there is no model: lines are copied only"]);
    client.end();
}

#[test]
fn a_panic_is_an_error_and_no_end() {
    let hook: Hook = Box::new(|method, path, _| assert!(path != "bad.rs" || method == "opened", "I slipped"));
    let mut client = start_with(with_hook(hook));
    let bad = client.open("bad.rs", "fn a() {}\nfn‸");
    let methods = ["completion", "hover", "definition"];
    let panicked = methods.map(|method| client.refused(&format!("textDocument/{method}"), at("bad.rs", &bad)));
    expect![[r#"
        -32603 the backend panicked: I slipped
        -32603 the backend panicked: I slipped
        -32603 the backend panicked: I slipped"#]]
    .assert_eq(&panicked.join("\n"));
    client.change("bad.rs", 2, json!([{ "text": "new" }]));
    client.hear("the index panicked at a change: I slipped");
    let good = client.open("good.rs", "fn good() {}\nfn‸");
    let shown = client.request("textDocument/inlineCompletion", inline("good.rs", &good)).unwrap();
    assert_eq!(items(&shown)[0]["insertText"], " good() {}");
    client.end();
}

// --- Documents.

#[test]
fn changes_give_the_clients_text() {
    let backend = Lines::new();
    let documents = backend.documents.clone();
    let mut client = start_with(backend);
    client.open("a.rs", "one\r\ntwo😀\rthree\n");
    let range = |start: (u32, u32), end: (u32, u32)| json!({ "start": { "line": start.0, "character": start.1 }, "end": { "line": end.0, "character": end.1 } });
    let text = |client: &mut Client| {
        client.request("workspace/symbol", json!({ "query": "" })).unwrap();
        documents.lock().unwrap().get("a.rs").cloned()
    };
    let steps = [
        json!([{ "range": range((1, 3), (1, 5)), "text": "é" }]),
        // Several at once, each in the text after the one before; ends out of range and the wrong way around.
        json!([
            { "range": range((1, 4), (1, 4)), "text": "\n" },
            { "range": range((9, 9), (0, 99)), "text": "\t" },
        ]),
        json!([{ "text": "all\nnew" }, { "range": range((1, 0), (1, 0)), "rangeLength": 0, "text": "is " }]),
    ];
    let seen: Vec<_> = steps
        .into_iter()
        .zip(2..)
        .map(|(changes, version)| {
            client.change("a.rs", version, changes);
            json!(text(&mut client))
        })
        .collect();
    check(
        seen,
        expect![[r#"
            "one\r\ntwoé\rthree\n"
            "one\t"
            "all\nis new""#]],
    );
    client.notify("textDocument/didSave", json!({ "textDocument": { "uri": uri("a.rs") } }));
    client.notify("textDocument/didClose", json!({ "textDocument": { "uri": uri("a.rs") } }));
    assert_eq!(text(&mut client), None);
    client.change("a.rs", 9, json!([{ "text": "ghost" }]));
    client.hear("`file:///w/a.rs` was changed but is not open");
    assert!(!client.said.iter().any(|said| said.contains("panicked")), "{:?}", client.said);
    client.end();
}

#[test]
fn a_change_that_cannot_be_read_leaves_the_document_alone_until_it_is_whole_again() {
    let mut client = start();
    let cursor = client.open("a.rs", "let a = 1;\nlet‸");
    let malformed = json!({ "start": { "line": 0 }, "end": { "line": 0, "character": 3 } });
    client.change("a.rs", 2, json!([{ "range": malformed, "text": "x" }]));
    client.hear("params of `textDocument/didChange`: missing field `character`");
    client.hear("is left alone until all of it is sent again");
    let shown = |client: &mut Client| {
        items(&client.request("textDocument/inlineCompletion", inline("a.rs", &cursor)).unwrap()).len()
    };
    assert_eq!(shown(&mut client), 0);
    client.change("a.rs", 3, json!([{ "text": "let a = 1;\nlet" }]));
    assert_eq!(shown(&mut client), 1);
    client.end();
}

#[test]
fn large_and_binary_documents_are_left_alone_and_it_is_said_once() {
    let options = ServeOptions { max_document_bytes: 1 << 20, ..ServeOptions::default() };
    let backend = Lines::new();
    let documents = backend.documents.clone();
    let mut client = Client::start(options, backend, json!({}));
    let start = json!({ "line": 0, "character": 0 });
    client.open("large.rs", &"let a = 1;\n".repeat(10_000_000));
    client.open("binary.rs", "let\0");
    client.open("grows.rs", "let a = 1;");
    let appended = json!([{ "range": { "start": start, "end": start }, "text": "x".repeat(1 << 20) }]);
    client.change("grows.rs", 2, appended);
    for path in ["large.rs", "binary.rs", "grows.rs"] {
        for _ in 0..2 {
            let shown = client.request("textDocument/inlineCompletion", inline(path, &start)).unwrap();
            assert_eq!(items(&shown), Vec::<Value>::new());
            let listed = client.request("textDocument/completion", at(path, &start)).unwrap();
            assert_eq!(items(&listed), Vec::<Value>::new());
            assert_eq!(client.request("textDocument/hover", at(path, &start)).unwrap(), Value::Null);
            client.change(path, 3, json!([{ "range": { "start": start, "end": start }, "text": "x" }]));
        }
    }
    client.request("workspace/symbol", json!({ "query": "" })).unwrap();
    assert!(documents.lock().unwrap().is_empty());
    client.said.retain(|said| !said.contains("model"));
    expect![[r#"
        `large.rs` has 104.9 MiB, more than 1.0: nothing is offered in it
        `binary.rs` is binary: nothing is offered in it
        `grows.rs` has 1.0 MiB, more than 1.0: nothing is offered in it"#]]
    .assert_eq(&client.said.join("\n"));
    client.end();
}

// --- Completions.

const CITED: &str = "// SPDX-License-Identifier: MIT\nfn load() {\n    let all = read_all(path);\n}\n";

#[test]
fn inline_completions_say_what_they_replace_and_how_to_tell_of_acceptance() {
    let mut client = start();
    client.open("cited.rs", CITED);
    for (text, expected) in [
        (
            "fn f() {\r\n\tlet‸\r\n}",
            expect![[
                r#"{"insertText":" all = read_all(path);","range":{"start":{"line":1,"character":4},"end":{"line":1,"character":4}},"command":{"title":"cited.rs:3 (MIT)","command":"prentice.accepted","arguments":[1,"whole",14," all = read_all(path);"]}}"#
            ]],
        ),
        // Between what is written and what stands behind the cursor.
        (
            "let all = ‸(path);",
            expect![[
                r#"{"insertText":"read_all","range":{"start":{"line":0,"character":10},"end":{"line":0,"character":10}},"command":{"title":"cited.rs:3 (MIT)","command":"prentice.accepted","arguments":[2,"whole",10,"read_all"]}}"#
            ]],
        ),
        ("nothing like it‸", expect![""]),
    ] {
        let position = client.open("a.rs", text);
        let shown = client.request("textDocument/inlineCompletion", inline("a.rs", &position)).unwrap();
        check(items(&shown), expected);
    }
    client.end();
}

#[test]
fn inline_completions_extend_what_is_selected_in_the_list() {
    let mut client = start();
    client.open("cited.rs", CITED);
    let position = client.open("a.rs", "let al‸");
    let mut params = inline("a.rs", &position);
    let range = json!({ "start": { "line": 0, "character": 4 }, "end": position });
    params["context"]["selectedCompletionInfo"] = json!({ "range": range, "text": "all" });
    let shown = client.request("textDocument/inlineCompletion", params.clone()).unwrap();
    params["context"]["selectedCompletionInfo"]["text"] = json!("alpha");
    let contradicted = client.request("textDocument/inlineCompletion", params).unwrap();
    check(
        items(&shown).into_iter().chain(items(&contradicted)),
        expect![[
            r#"{"insertText":"all = read_all(path);","range":{"start":{"line":0,"character":4},"end":{"line":0,"character":6}},"command":{"title":"cited.rs:3 (MIT)","command":"prentice.accepted","arguments":[1,"whole",4,"all = read_all(path);"]}}"#
        ]],
    );
    client.end();
}

#[test]
fn the_list_carries_whole_lines_with_their_citation() {
    let capabilities =
        json!({ "textDocument": { "completion": { "completionItem": { "labelDetailsSupport": true } } } });
    let mut client = Client::start(ServeOptions::default(), Lines::new(), capabilities);
    client.open("cited.rs", CITED);
    let position = client.open("a.rs", "fn f() {\n    let all‸\n}");
    let listed = client.request("textDocument/completion", at("a.rs", &position)).unwrap();
    check(
        [listed],
        expect![[
            r#"{"isIncomplete":true,"items":[{"label":"let all = read_all(path);","labelDetails":{"description":"cited.rs:3"},"kind":15,"detail":"cited.rs:3 (MIT)","sortText":"0000","filterText":"let all = read_all(path);","insertTextMode":1,"textEdit":{"range":{"start":{"line":1,"character":4},"end":{"line":1,"character":11}},"newText":"let all = read_all(path);"},"command":{"title":"cited.rs:3 (MIT)","command":"prentice.accepted","arguments":[1,"whole",20," = read_all(path);"]}}]}"#
        ]],
    );
    client.end();
}

/// A backend that tells when a completion begins, and goes on with it once the gate is open or it is cancelled.
fn gated() -> (Lines, Receiver<String>, Arc<AtomicBool>) {
    let (begun, begins) = bounded(100);
    let gate = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&gate);
    let hook: Hook = Box::new(move |method, path, cancelled| {
        if method != "complete" {
            return;
        }
        begun.send(path.to_owned()).unwrap();
        while !cancelled.unwrap().load(Ordering::Relaxed) && !is_open.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    (with_hook(hook), begins, gate)
}

#[test]
fn completions_are_cancelled_by_the_client_by_changes_and_by_newer_ones() {
    let (backend, begins, gate) = gated();
    let mut client = start_with(backend);
    let position = client.open("a.rs", "let a = 1;\nlet‸");
    let method = "textDocument/inlineCompletion";
    let began = || begins.recv_timeout(Duration::from_secs(20)).expect("a completion begins");

    let by_client = client.send(method, inline("a.rs", &position));
    began();
    // Another one waits, and is cancelled before it begins.
    let waiting = client.send("textDocument/completion", at("a.rs", &position));
    client.notify("$/cancelRequest", json!({ "id": waiting }));
    client.notify("$/cancelRequest", json!({ "id": by_client }));
    client.notify("$/cancelRequest", json!({ "id": 77 }));
    client.notify("$/cancelRequest", json!({ "id": "of text" }));
    let by_client = [client.failed(&by_client), client.failed(&waiting)];

    let by_change = client.send(method, inline("a.rs", &position));
    let of_other_surface = client.send("textDocument/completion", at("a.rs", &position));
    began();
    client.change("a.rs", 2, json!([{ "text": "let b = 2;\nlet" }]));
    let by_change = [client.failed(&by_change), client.failed(&of_other_surface)];

    let by_newer = client.send(method, inline("a.rs", &position));
    began();
    let newer = client.send(method, inline("a.rs", &position));
    let listed = client.send("textDocument/completion", at("a.rs", &position));
    let superseded = client.failed(&by_newer);
    gate.store(true, Ordering::Relaxed);
    assert_eq!(items(&client.wait(&newer).unwrap())[0]["insertText"], " b = 2;");
    assert_eq!(items(&client.wait(&listed).unwrap())[0]["label"], "let b = 2;");
    gate.store(false, Ordering::Relaxed);

    let by_closing = client.send(method, inline("a.rs", &position));
    client.notify("textDocument/didClose", json!({ "textDocument": { "uri": uri("a.rs") } }));
    let closed = client.failed(&by_closing);
    expect![[r#"
        -32800 cancelled by the client
        -32800 cancelled by the client
        -32801 the document has changed
        -32801 the document has changed
        -32802 a newer completion of this document was asked for
        -32801 the document has changed"#]]
    .assert_eq(&[&by_client[..], &by_change[..], &[superseded, closed]].concat().join("\n"));
    client.end();
}

#[test]
fn nothing_waits_for_a_completion_but_the_next_completion() {
    let (backend, begins, _) = gated();
    let mut client = start_with(backend);
    let position = client.open("a.rs", "fn a() {}\nfn‸");
    let id = client.send("textDocument/inlineCompletion", inline("a.rs", &position));
    begins.recv_timeout(Duration::from_secs(20)).unwrap();
    let begin = Instant::now();
    let symbols = client.request("workspace/symbol", json!({ "query": "a" })).unwrap();
    assert_eq!(symbols[0]["name"], "a");
    // The shutdown answers what is open, and the session ends though nobody lets the completion go on.
    client.request("shutdown", Value::Null).unwrap();
    assert_eq!(client.failed(&id), "-32800 the server shuts down");
    client.notify("exit", Value::Null);
    assert_eq!(client.ending(), Ending::Exited { after_shutdown: true });
    assert!(begin.elapsed() < Duration::from_secs(10));
}

// --- Looking up.

const SOURCE: &str =
    "mod shapes {\n    struct Circle {\n        r: f32,\n    }\n    fn area() {\n        Circle\n    }\n}\n";

#[test]
fn definitions_references_symbols_and_hovers() {
    let capabilities = json!({ "textDocument": { "documentSymbol": { "hierarchicalDocumentSymbolSupport": true } } });
    let mut client = Client::start(ServeOptions::default(), Lines::new(), capabilities);
    client.open("shapes.rs", SOURCE);
    let position = client.open("é/use.rs", "// 😀\r\nlet c = Cir‸cle;\r\nr: f32,\r\n");
    let mut references = at("é/use.rs", &position);
    references["context"] = json!({ "includeDeclaration": false });
    let mut all = references.clone();
    all["context"] = json!({ "includeDeclaration": true });
    let answers = [
        client.request("textDocument/definition", at("é/use.rs", &position)).unwrap(),
        client.request("textDocument/references", references).unwrap(),
        json!(client.request("textDocument/references", all).unwrap().as_array().unwrap().len()),
        client.request("textDocument/documentSymbol", json!({ "textDocument": { "uri": uri("shapes.rs") } })).unwrap(),
        client.request("workspace/symbol", json!({ "query": "Circ" })).unwrap(),
        client.request("textDocument/hover", at("é/use.rs", &json!({ "line": 2, "character": 1 }))).unwrap(),
        client.request("textDocument/hover", at("é/use.rs", &position)).unwrap(),
    ];
    check(
        answers,
        expect![[r#"
            [{"uri":"file:///w/shapes.rs","range":{"start":{"line":1,"character":11},"end":{"line":1,"character":17}}}]
            [{"uri":"file:///w/shapes.rs","range":{"start":{"line":5,"character":8},"end":{"line":5,"character":14}}},{"uri":"file:///w/é/use.rs","range":{"start":{"line":1,"character":8},"end":{"line":1,"character":14}}}]
            3
            [{"name":"shapes","kind":2,"range":{"start":{"line":0,"character":0},"end":{"line":6,"character":5}},"selectionRange":{"start":{"line":0,"character":4},"end":{"line":0,"character":10}},"children":[{"name":"Circle","kind":23,"range":{"start":{"line":1,"character":4},"end":{"line":2,"character":15}},"selectionRange":{"start":{"line":1,"character":11},"end":{"line":1,"character":17}},"children":[]},{"name":"area","kind":12,"range":{"start":{"line":4,"character":4},"end":{"line":5,"character":14}},"selectionRange":{"start":{"line":4,"character":7},"end":{"line":4,"character":11}},"children":[]}]}]
            [{"name":"Circle","kind":23,"location":{"uri":"file:///w/shapes.rs","range":{"start":{"line":1,"character":11},"end":{"line":1,"character":17}}}}]
            {"contents":{"kind":"plaintext","value":"Stands word for word in shapes.rs:3\nCommit: unknown\nLicence: unknown"},"range":{"start":{"line":2,"character":0},"end":{"line":2,"character":7}}}
            null"#]],
    );
    client.end();
}

#[test]
fn clients_without_trees_get_a_list() {
    let mut client = start();
    client.open("shapes.rs", SOURCE);
    let document = json!({ "textDocument": { "uri": uri("shapes.rs") } });
    let symbols = client.request("textDocument/documentSymbol", document).unwrap();
    let names: Vec<_> = symbols.as_array().unwrap().iter().map(|symbol| &symbol["name"]).collect();
    assert_eq!(names, ["shapes", "Circle", "area"]);
    assert_eq!(symbols[2]["location"]["uri"], "file:///w/shapes.rs");
    client.end();
}

// --- Acceptance.

/// Applies a code action's edit as a client does, and tells the server.
fn accept(client: &Client, action: &Value, version: i32) {
    let edit = &action["edit"]["changes"][uri("a.rs")][0];
    client.change("a.rs", version, json!([{ "range": edit["range"], "text": edit["newText"] }]));
    client.notify_command(action);
}

impl Client {
    /// Sends a command without waiting for its answer.
    fn notify_command(&self, holder: &Value) {
        let command = &holder["command"];
        let params = json!({ "command": command["command"], "arguments": command["arguments"] });
        let id = lsp_server::RequestId::from(format!("command {}", command["arguments"]));
        let request = lsp_server::Request { id, method: "workspace/executeCommand".into(), params };
        self.connection.sender.send(request.into()).unwrap();
    }
}

#[test]
fn lines_and_words_are_accepted_by_code_actions() {
    let directory = tempfile::tempdir().unwrap();
    let statistics = directory.path().join("statistics.jsonl");
    let options = ServeOptions {
        statistics: Some(statistics.clone()),
        kept_after: Duration::from_millis(50),
        ..ServeOptions::default()
    };
    let mut client = Client::start(options, Lines::new(), json!({}));
    client.open("cited.rs", CITED);
    let mut position = client.open("a.rs", "fn f() {\n    let‸\n}");
    let document = json!({ "uri": uri("a.rs") });
    let actions = |client: &mut Client, position: &Value, only: Value| {
        let range = json!({ "start": position, "end": position });
        let params =
            json!({ "textDocument": document, "range": range, "context": { "diagnostics": [], "only": only } });
        client.request("textDocument/codeAction", params).unwrap().as_array().unwrap().clone()
    };
    assert_eq!(actions(&mut client, &position, Value::Null), Vec::<Value>::new(), "nothing is shown yet");

    client.request("textDocument/inlineCompletion", inline("a.rs", &position)).unwrap();
    check(
        actions(&mut client, &position, Value::Null),
        expect![[r#"
            {"title":"Prentice: accept line `all = read_all(path);`","kind":"prentice.accept.line","edit":{"changes":{"file:///w/a.rs":[{"range":{"start":{"line":1,"character":7},"end":{"line":1,"character":7}},"newText":" all = read_all(path);"}]}},"command":{"title":"cited.rs:3 (MIT)","command":"prentice.accepted","arguments":[1,"line",16," all = read_all(path);"]}}
            {"title":"Prentice: accept word `all`","kind":"prentice.accept.word","edit":{"changes":{"file:///w/a.rs":[{"range":{"start":{"line":1,"character":7},"end":{"line":1,"character":7}},"newText":" all"}]}},"command":{"title":"cited.rs:3 (MIT)","command":"prentice.accepted","arguments":[1,"word",16," all"]}}"#]],
    );
    assert_eq!(actions(&mut client, &json!({ "line": 0, "character": 0 }), Value::Null).len(), 0, "of another line");
    assert_eq!(actions(&mut client, &position, json!(["quickfix"])).len(), 0);
    assert_eq!(actions(&mut client, &position, json!(["prentice"])).len(), 2);

    let word = actions(&mut client, &position, json!(["prentice.accept.word"])).remove(0);
    accept(&client, &word, 2);
    assert_eq!(actions(&mut client, &position, Value::Null).len(), 0, "the text has changed since it was shown");
    position["character"] = json!(11);
    client.request("textDocument/inlineCompletion", inline("a.rs", &position)).unwrap();
    let line = actions(&mut client, &position, json!(["prentice.accept.line"])).remove(0);
    assert_eq!(line["edit"]["changes"][uri("a.rs")][0]["newText"], " = read_all(path);");
    accept(&client, &line, 3);

    // Another document's is dismissed by what is written instead.
    let position = client.open("b.rs", "let‸");
    client.request("textDocument/inlineCompletion", inline("b.rs", &position)).unwrap();
    client.change("b.rs", 2, json!([{ "text": "something else" }]));
    std::thread::sleep(Duration::from_millis(1500));
    client.end();

    let Statistics { total, languages, unreadable_lines, .. } = summarise(&statistics).unwrap();
    assert_eq!((languages["rust"], unreadable_lines), (total, 0));
    expect![[
        r#"{"shown":2,"accepted_whole":1,"accepted_line":0,"accepted_word":1,"dismissed":1,"kept":2,"changed":0}"#
    ]]
    .assert_eq(&json!(total).to_string());
    let noted = std::fs::read_to_string(&statistics).unwrap();
    assert!(!noted.contains("read") && !noted.contains("a.rs"), "no text and no path: {noted}");
}

#[test]
fn statistics_that_cannot_be_written_are_said_once() {
    let options = ServeOptions { statistics: Some("/dev/null/statistics".into()), ..ServeOptions::default() };
    let mut client = Client::start(options, Lines::new(), json!({}));
    client.hear("acceptance is not noted: cannot open /dev/null/statistics");
    assert_eq!(client.end(), Ending::Exited { after_shutdown: true });
}
