//! The commands over the index of a repository: `search`, `symbols`, `map`, `complete --copying`, `lsp`, `stats`.

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use common::Sandbox;
use expect_test::expect;
use serde_json::{Value, json};

const LEDGER: &str = "\"\"\"A ledger of accounts.\"\"\"

from store import open_store


class Ledger:
    \"\"\"Keeps entries.\"\"\"

    def __init__(self, path):
        self.store = open_store(path, mode='append', sync=True)

    def post_entry(self, account, amount):
        self.store.write_record(account, amount, currency='EUR')
";
const STORE: &str = "\"\"\"Where entries lie.\"\"\"


def open_store(path, mode, sync):
    \"\"\"Opens a store.\"\"\"
    return Store(path, mode, sync)


class Store:
    def write_record(self, account, amount, currency):
        raise NotImplementedError
";

fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("project/ledger.py", LEDGER);
    sandbox.write("project/store.py", STORE);
    sandbox.write("project/LICENSE", include_str!("../../../LICENSE-MIT"));
    sandbox
}

fn index_is_said(text: &str) -> String {
    // How long it took is not what is tested.
    text.lines().filter(|line| !line.starts_with("✓ index")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_repository_is_searched() {
    let sandbox = project();
    let mut outcomes = String::new();
    for arguments in [
        "search write_record --repository project",
        "search /sync=\\w+/ --repository project",
        "search nothing_like_it --repository project",
        "symbols opst --repository project",
        "symbols open_store --references --repository project",
        "map --tokens 60 --repository project",
    ] {
        let shown = index_is_said(&sandbox.outcome(&mut sandbox.prentice(arguments)));
        outcomes += &format!("$ prentice {arguments}\n{shown}\n");
    }
    expect![[r#"
        $ prentice search write_record --repository project
        store.py:1-11
              10      def write_record(self, account, amount, currency):
        ledger.py:1-13
              13          self.store.write_record(account, amount, currency='EUR')
        exit code 0

        $ prentice search /sync=\w+/ --repository project
        ledger.py:1-13
              10          self.store = open_store(path, mode='append', sync=True)
        exit code 0

        $ prentice search nothing_like_it --repository project
        nothing found
        exit code 0

        $ prentice symbols opst --repository project
        Name        Kind      Place
        ──────────  ────────  ──────────
        open_store  function  store.py:4
        exit code 0

        $ prentice symbols open_store --references --repository project
        ledger.py:3  from store import open_store
        ledger.py:10  self.store = open_store(path, mode='append', sync=True)
        exit code 0

        $ prentice map --tokens 60 --repository project
        ledger.py:
        ⋮
        │class Ledger:
        ⋮
        │    def __init__(self, path):
        ⋮

        store.py:
        ⋮
        │def open_store(path, mode, sync):
        ⋮
        │class Store:
        │    def write_record(self, account, amount, currency):
        ⋮
        exit code 0

    "#]]
    .assert_eq(&outcomes);
    assert!(sandbox.path("project/.prentice/index/index.json").exists());
    assert_eq!(fs::read_to_string(sandbox.path("project/.prentice/.gitignore")).unwrap(), "*\n");
}

#[test]
fn what_cannot_be_asked_is_said() {
    let sandbox = project();
    let mut outcomes = String::new();
    for arguments in [
        "search /( --repository project",
        "search \" --repository project",
        "search x --repository nowhere",
        "map --focus nowhere.py --repository project",
        "stats --repository project",
        "lsp --threshold 2",
        "lsp --repository nowhere",
        "complete project/ledger.py:99 --copying",
        "complete project/ledger.py:1 --copying --model nowhere",
        "adapt project --minutes 0",
        "adapt nowhere --minutes 1",
        "adapt project --minutes 1 --from nowhere",
        "lsp --endpoint localhost:8000 --repository project",
    ] {
        let shown = index_is_said(&sandbox.outcome(&mut sandbox.prentice(arguments)));
        outcomes += &format!("$ prentice {arguments}\n{shown}\n");
    }
    expect![[r#"
        $ prentice search /( --repository project
        error: the regular expression that opens at column 1 does not close
        hint: close it by `/`, or put the text in quotes to find a slash itself
        exit code 2

        $ prentice search " --repository project
        error: the quote that opens at column 1 does not close
        hint: close it by `"`; a quote within is written `\"`
        exit code 2

        $ prentice search x --repository nowhere
        error: cannot open nowhere: No such file or directory (os error 2)
        hint: give the directory of a repository
        exit code 2

        $ prentice map --focus nowhere.py --repository project
        error: --focus nowhere.py is no file of the index
        hint: paths are relative to the repository's top directory, as `prentice search` shows them
        exit code 2

        $ prentice stats --repository project
        error: <dir>/project/.prentice/completions.jsonl does not exist: no completion was offered yet
        hint: set up your editor as the directory editors/ of Prentice's source shows, and write something
        exit code 2

        $ prentice lsp --threshold 2
        error: --threshold 2 is no probability
        hint: give a number from 0 (always offer something) to 1
        exit code 2

        $ prentice lsp --repository nowhere
        error: nowhere is no directory
        hint: give the directory of a repository
        exit code 2

        $ prentice complete project/ledger.py:99 --copying
        error: project/ledger.py has no line 99: it has 14
        hint: write FILE:LINE or FILE:LINE:COLUMN, counted from 1, such as src/main.rs:12:9
        exit code 2

        $ prentice complete project/ledger.py:1 --copying --model nowhere
        error: cannot read nowhere/config.json
        caused by: No such file or directory (os error 2)
        hint: give the directory of a checkpoint: it holds config.json, model.safetensors and tokenizer.json
        exit code 2

        $ prentice adapt project --minutes 0
        error: --minutes 0 leaves no time to train
        hint: give a number above 0; 5 is a good start
        exit code 2

        $ prentice adapt nowhere --minutes 1
        error: nowhere is no directory
        hint: give the directory of a repository
        exit code 2

        $ prentice adapt project --minutes 1 --from nowhere
        error: cannot read nowhere/config.json
        caused by: No such file or directory (os error 2)
        hint: give the directory of a checkpoint: it holds config.json, model.safetensors and tokenizer.json
        exit code 2

        $ prentice lsp --endpoint localhost:8000 --repository project
        error: `localhost:8000` is no address of an endpoint: it begins with `http://`
        hint: give the base of the API, such as http://localhost:8000/v1
        exit code 2

    "#]]
    .assert_eq(&outcomes);
}

#[test]
fn a_damaged_index_is_made_anew_and_said_once() {
    let sandbox = project();
    sandbox.summary("search ledger --repository project");
    fs::write(sandbox.path("project/.prentice/index/index.json"), "{").unwrap();
    let mut search = sandbox.prentice("search open_store --repository project");
    let said = sandbox.outcome(&mut search);
    assert!(
        said.contains("warning: the index is built anew: <dir>/project/.prentice/index/index.json is damaged"),
        "{said}"
    );
    assert!(said.contains("store.py"), "{said}");
    assert!(!sandbox.outcome(&mut search).contains("warning"), "it is mended");
}

#[test]
fn completions_are_copied_and_cited() {
    let sandbox = project();
    sandbox.write(
        "project/other.py",
        "from store import open_store\n\n\nclass Other:\n    def __init__(self, path):\n        self.store = open_s\n",
    );
    let summary = sandbox.summary("complete project/other.py:6 --copying");
    let best = &summary["completions"][0];
    assert_eq!(best["text"], "tore(path, mode='append', sync=True)");
    assert_eq!(best["citations"][0]["path"], "ledger.py");
    assert_eq!(best["citations"][0]["line"], 10);
    assert_eq!(best["citations"][0]["licence"], "MIT");
    assert_eq!(best["citations"][0]["commit"], Value::Null, "there is no git here");
}

/// A model is trained on a repository, goes on from there, and is asked beside copying.
#[test]
fn a_model_is_adapted_and_asked() {
    let sandbox = project();
    sandbox.write(
        "project/other.py",
        "from store import open_store\n\n\nclass Other:\n    def __init__(self, path):\n        self.store = open_s\n",
    );
    sandbox.tree("trained", 12);
    let place = "complete project/other.py:6 --copying";
    let alone = sandbox.summary(place)["completions"].clone();
    assert!(alone[0]["text"].as_str().is_some_and(|text| text.starts_with("tore(path")), "{alone}");
    let first = sandbox.summary("adapt trained --minutes 0.05");
    assert!(first["steps"].as_u64().is_some_and(|steps| steps > 0));
    assert!(first["repository"]["after"].as_f64() < first["repository"]["before"].as_f64());
    assert_eq!(first["elsewhere"]["before"], Value::Null);
    assert_eq!(sandbox.listing("trained/.prentice/model"), ["config.json", "model.safetensors", "tokenizer.json"]);
    // Nothing of the work is left.
    assert!(!sandbox.path("trained/.prentice/model.work").exists());
    let second = sandbox.summary("adapt trained --minutes 0.05 --from trained/.prentice/model --out again");
    assert!(second["repository"]["before"].as_f64() < first["repository"]["before"].as_f64());
    assert_ne!(first["digest"], second["digest"]);

    // After a few seconds it knows little, and that counts.
    assert_ne!(sandbox.summary(&format!("{place} --model again"))["completions"], alone);
    assert_eq!(sandbox.summary(place)["completions"], alone);
    // Another kind of model cannot be asked word by word.
    sandbox.summary("corpus build trained --out corpus");
    sandbox.summary("tokens train --corpus corpus --size 320 --out vocabulary");
    sandbox.summary("tokens encode --corpus corpus --vocabulary vocabulary --context 128 --out tokens");
    sandbox.summary("model train --shards tokens --steps 1 --layers 2 --out base");
    let other = "complete project/other.py:6 --copying --model base/model";
    let said = sandbox.outcome(&mut sandbox.prentice(other));
    assert!(said.contains("the model's tokens reach over words, so that it cannot be asked word by word"), "{said}");
}

/// The next message of the server.
fn receive(stream: &mut BufReader<ChildStdout>) -> Value {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// An editor's session with `prentice lsp`.
struct Editor {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asked: u32,
}

impl Editor {
    fn start(sandbox: &Sandbox, directory: &str) -> Self {
        let mut command = sandbox.prentice(&format!("lsp --repository {directory}"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut editor = Self { child, input, output, asked: 0 };
        let root = format!("file://{}", sandbox.path(directory).display());
        let answer = editor.ask("initialize", json!({"rootUri": root, "capabilities": {}}));
        assert_eq!(answer["serverInfo"]["name"], "prentice");
        editor
    }

    fn send(&mut self, message: Value) {
        let body = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        self.input.flush().unwrap();
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = receive(&mut self.output);
            if message["id"] == id && message.get("method").is_none() {
                break message["result"].clone();
            }
        }
    }

    /// Asks for a symbol until it is there, or until it is not; where it is. Half a minute at most.
    fn wait_for(&mut self, symbol: &str, there: bool) -> String {
        for _ in 0..600 {
            let found = self.ask("workspace/symbol", json!({"query": symbol}));
            let place = found[0]["location"]["uri"].as_str().unwrap_or_default().to_owned();
            if place.is_empty() != there {
                return place;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("`{symbol}`: {there} is not what came");
    }

    fn leave(mut self) {
        self.ask("shutdown", Value::Null);
        self.send(json!({"jsonrpc": "2.0", "method": "exit"}));
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn an_editor_is_served() {
    let sandbox = project();
    let mut editor = Editor::start(&sandbox, "project");
    // The index is made beside the session.
    assert!(editor.wait_for("open_store", true).ends_with("store.py"));
    editor.leave();
}

#[test]
fn another_branch_is_another_repository() {
    let sandbox = project();
    let git = |arguments: &str| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(arguments.split_whitespace());
        let done = command.current_dir(sandbox.path("project")).output();
        done.is_ok_and(|output| output.status.success())
    };
    if !git("init -q -b first") {
        println!("git is not here: not tested");
        return;
    }
    assert!(git("add .") && git("commit -qm one") && git("checkout -qb second"));
    sandbox.write("project/store.py", STORE.replace("open_store", "begin_store"));
    assert!(git("commit -qam two"));
    let mut editor = Editor::start(&sandbox, "project");
    assert!(editor.wait_for("begin_store", true).ends_with("store.py"));
    assert!(git("checkout -q first"));
    assert!(editor.wait_for("open_store", true).ends_with("store.py"));
    editor.wait_for("begin_store", false);
    editor.leave();
}
