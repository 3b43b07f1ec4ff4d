//! A client in the same process, over `Connection::memory()`.

use std::{
    collections::HashMap,
    thread::{self, JoinHandle},
    time::Duration,
};

use lsp_server::{Connection, Message, Notification, Request, RequestId, Response, ResponseError};
use prentice_assist::lsp::{Ending, ServeError, ServeOptions, serve};
use serde_json::{Value, json};

use crate::lines::Lines;

pub struct Client {
    pub connection: Connection,
    server: JoinHandle<Result<Ending, ServeError>>,
    last_id: i32,
    answers: HashMap<RequestId, Response>,
    /// What the server said by `window/logMessage`, in order.
    pub said: Vec<String>,
}

impl Client {
    /// A client whose server waits for `initialize`.
    pub fn connect(options: ServeOptions, backend: Lines) -> Self {
        let (server, connection) = Connection::memory();
        let server = thread::spawn(move || serve(server, &options, |_| std::sync::Arc::new(backend)));
        Self { connection, server, last_id: 0, answers: HashMap::new(), said: Vec::new() }
    }

    /// A client in the workspace `/w` that offers `capabilities`.
    pub fn start(options: ServeOptions, backend: Lines, capabilities: Value) -> Self {
        let mut client = Self::connect(options, backend);
        let folders = json!([{ "uri": "file:///w", "name": "w" }]);
        let params = json!({ "processId": null, "workspaceFolders": folders, "capabilities": capabilities });
        client.request("initialize", params).expect("initialized");
        client.notify("initialized", json!({}));
        client
    }

    pub fn notify(&self, method: &str, params: Value) {
        self.connection.sender.send(Notification { method: method.into(), params }.into()).unwrap();
    }

    /// Sends a request; its id is for [`Client::wait`].
    pub fn send(&mut self, method: &str, params: Value) -> RequestId {
        self.last_id += 1;
        let id = RequestId::from(self.last_id);
        self.connection.sender.send(Request { id: id.clone(), method: method.into(), params }.into()).unwrap();
        id
    }

    pub fn wait(&mut self, id: &RequestId) -> Result<Value, ResponseError> {
        loop {
            if let Some(answer) = self.answers.remove(id) {
                return answer.response_result;
            }
            self.receive(Duration::from_secs(20)).expect("an answer within 20 seconds");
        }
    }

    /// Takes one message; false if none came in time.
    fn receive(&mut self, patience: Duration) -> Option<()> {
        match self.connection.receiver.recv_timeout(patience).ok()? {
            Message::Response(response) => {
                let again = self.answers.insert(response.id.clone(), response);
                assert!(again.is_none(), "answered twice: {again:?}");
            }
            Message::Notification(notification) => {
                assert_eq!(notification.method, "window/logMessage");
                self.said.push(notification.params["message"].as_str().unwrap().to_owned());
            }
            Message::Request(request) => panic!("the server asks: {request:?}"),
        }
        Some(())
    }

    /// Waits until the server said something that contains `what`.
    pub fn hear(&mut self, what: &str) {
        while !self.said.iter().any(|said| said.contains(what)) {
            let said = self.receive(Duration::from_secs(20));
            assert!(said.is_some(), "`{what}` is said within 20 seconds, not only {:?}", self.said);
        }
    }

    pub fn request(&mut self, method: &str, params: Value) -> Result<Value, ResponseError> {
        let id = self.send(method, params);
        self.wait(&id)
    }

    /// The error of a request, as `code message`.
    pub fn refused(&mut self, method: &str, params: Value) -> String {
        let id = self.send(method, params);
        self.failed(&id)
    }

    pub fn failed(&mut self, id: &RequestId) -> String {
        let error = self.wait(id).expect_err("an error");
        format!("{} {}", error.code, error.message)
    }

    /// Opens a document of the workspace; the position of the `‸` in it, which is taken out.
    pub fn open(&mut self, path: &str, marked: &str) -> Value {
        let text = marked.replace('‸', "");
        let item = json!({ "uri": uri(path), "languageId": "rust", "version": 1, "text": text });
        self.notify("textDocument/didOpen", json!({ "textDocument": item }));
        // Completions do not wait for the index; what is in other documents counts from here on.
        self.request("workspace/symbol", json!({ "query": "" })).expect("symbols");
        let before = marked.split('‸').next().unwrap().replace("\r\n", "\n");
        let (line, column) = (before.matches('\n').count(), before.rsplit('\n').next().unwrap());
        json!({ "line": line, "character": column.encode_utf16().count() })
    }

    /// Changes a document; `changes` as in the protocol.
    pub fn change(&self, path: &str, version: i32, changes: Value) {
        let document = json!({ "uri": uri(path), "version": version });
        self.notify("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
    }

    /// Shuts the session down in order.
    pub fn end(mut self) -> Ending {
        self.request("shutdown", Value::Null).expect("shut down");
        self.notify("exit", Value::Null);
        self.ending()
    }

    /// How the session ended, whatever was said before.
    pub fn ending(self) -> Ending {
        self.server.join().expect("the server does not panic").expect("served")
    }

    /// How the session ends when the connection breaks.
    pub fn vanish(self) -> Ending {
        drop(self.connection);
        self.server.join().expect("the server does not panic").expect("served")
    }
}

pub fn uri(path: &str) -> String {
    format!("file:///w/{path}")
}

pub fn at(path: &str, position: &Value) -> Value {
    json!({ "textDocument": { "uri": uri(path) }, "position": position })
}

pub fn inline(path: &str, position: &Value) -> Value {
    json!({ "textDocument": { "uri": uri(path) }, "position": position, "context": { "triggerKind": 2 } })
}
