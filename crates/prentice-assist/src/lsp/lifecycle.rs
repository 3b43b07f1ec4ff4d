//! How a session begins: what client and server agree on before anything else.

use std::path::PathBuf;

use lsp_server::{Connection, ErrorCode, Message, Request, Response};
use serde_json::{Value, json};

use super::{
    Ending, ServeOptions,
    answers::{ACCEPT_KIND, ACCEPTED},
    failure::{Failure, parse},
    protocol::InitializeParams,
    text::Encoding,
    workspace::{Workspace, path_of_uri},
};

/// What the client told about itself.
#[derive(Clone, Debug)]
pub struct Client {
    pub workspace: Workspace,
    pub encoding: Encoding,
    /// It shows more than a label in its list of completions.
    pub label_details: bool,
    /// It knows outlines as trees.
    pub symbol_trees: bool,
    /// It checks the version of the document that an edit is meant for.
    pub versioned_edits: bool,
    /// The process that must not be survived.
    pub parent: Option<Parent>,
}

/// Waits until the client introduces itself, and answers it.
///
/// Other requests are refused, other notifications passed over, as the specification says.
pub fn wait_for_initialize(connection: &Connection, options: &ServeOptions) -> Result<Client, Ending> {
    loop {
        let response = match connection.receiver.recv().map_err(|_| Ending::Disconnected)? {
            Message::Request(request) if request.method == "initialize" => {
                let id = request.id;
                match introduce(request.params, options) {
                    Ok((client, result)) => {
                        let _ = connection.sender.send(Response::new_ok(id, result).into());
                        return Ok(client);
                    }
                    Err(failure) => failure.response(id),
                }
            }
            Message::Request(Request { id, method, .. }) => {
                let said = format!("`{method}` came before `initialize`");
                Response::new_err(id, ErrorCode::ServerNotInitialized as i32, said)
            }
            Message::Notification(notification) if notification.method == "exit" => {
                return Err(Ending::Exited { after_shutdown: false });
            }
            Message::Notification(_) | Message::Response(_) => continue,
        };
        let _ = connection.sender.send(response.into());
    }
}

fn introduce(params: Value, options: &ServeOptions) -> Result<(Client, Value), Failure> {
    let params: InitializeParams = parse("initialize", params)?;
    let root = root(&params, options).ok_or_else(|| {
        let message = "the workspace has no directory, and the server's own is gone".to_owned();
        Failure::new(ErrorCode::InvalidParams, message)
    })?;
    let can = |pointer: &str| params.capabilities.pointer(pointer) == Some(&Value::Bool(true));
    let encodings = params.capabilities.pointer("/general/positionEncodings").and_then(Value::as_array);
    let utf8 = encodings.is_some_and(|offered| offered.iter().any(|encoding| encoding == "utf-8"));
    let client = Client {
        workspace: Workspace::new(root),
        encoding: if utf8 { Encoding::Utf8 } else { Encoding::Utf16 },
        label_details: can("/textDocument/completion/completionItem/labelDetailsSupport"),
        symbol_trees: can("/textDocument/documentSymbol/hierarchicalDocumentSymbolSupport"),
        versioned_edits: can("/workspace/workspaceEdit/documentChanges"),
        parent: params.process_id.and_then(Parent::of),
    };
    let result = json!({
        "capabilities": capabilities(client.encoding),
        "serverInfo": { "name": "prentice", "version": options.version },
    });
    Ok((client, result))
}

/// The first folder that is a path on this machine; otherwise the caller's choice, or where the server runs.
fn root(params: &InitializeParams, options: &ServeOptions) -> Option<PathBuf> {
    let folders = params.workspace_folders.iter().flatten().map(|folder| &folder.uri);
    let named = folders.chain(&params.root_uri).find_map(|uri| path_of_uri(uri));
    let root = named.or_else(|| options.root.clone()).or_else(|| std::env::current_dir().ok())?;
    std::path::absolute(root).ok()
}

fn capabilities(encoding: Encoding) -> Value {
    json!({
        "positionEncoding": match encoding { Encoding::Utf8 => "utf-8", Encoding::Utf16 => "utf-16" },
        "textDocumentSync": { "openClose": true, "change": 2, "save": true },
        "inlineCompletionProvider": {},
        "completionProvider": { "triggerCharacters": ["."], "completionItem": { "labelDetailsSupport": true } },
        "definitionProvider": true,
        "referencesProvider": true,
        "documentSymbolProvider": true,
        "workspaceSymbolProvider": true,
        "hoverProvider": true,
        "codeActionProvider": { "codeActionKinds": [ACCEPT_KIND] },
        "executeCommandProvider": { "commands": [ACCEPTED] },
    })
}

/// The editor's process. It was there when the session began: one that is not to be seen, as behind the border of a
/// container, says nothing.
#[derive(Clone, Copy, Debug)]
pub struct Parent(u32);

impl Parent {
    fn of(process: u32) -> Option<Self> {
        let parent = Self(process);
        (!parent.is_gone()).then_some(parent)
    }

    /// Whether it has ended. Read from `/proc`, like all that we ask of the operating system: Linux only.
    pub fn is_gone(self) -> bool {
        !std::path::Path::new("/proc").join(self.0.to_string()).exists()
    }
}
