//! Over standard input and output: raw bytes, and a real Neovim.
//!
//! The server is this very program (hence no test harness): `stdio serve`, with the small backend of the other tests.
//!
//! Neovim runs headless with our configuration for it. It listens on a socket and is driven by `--remote-send` and
//! `--remote-expr`, so that its own loop runs as it does for a user. With `PRENTICE_LSP_SERVER` it gets another server,
//! such as `prentice lsp`: then only the shape of answers is examined. Skipped, loudly, where there is no `nvim`.

#[allow(dead_code, reason = "what only the tests in the same process use")]
#[path = "support/lines.rs"]
mod lines;

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use expect_test::expect;
use lines::Lines;
use prentice_assist::lsp::{ServeOptions, serve_stdio, summarise};

const CITED: &str = "// SPDX-License-Identifier: MIT\nfn load() {\n    let all = read_all(path);\n}\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "serve") {
        let options = ServeOptions {
            statistics: std::env::var_os("PRENTICE_TEST_STATISTICS").map(Into::into),
            ..ServeOptions::default()
        };
        return match serve_stdio(&options, |_| std::sync::Arc::new(Lines::new())) {
            Ok(ending) => ending.exit_code().into(),
            Err(error) => panic!("{error}"),
        };
    }
    // What the usual harness does with arguments, as far as `cargo test` gives any.
    let wanted = |name: &str| arguments.iter().all(|filter| filter.starts_with('-') || name.contains(filter.as_str()));
    let has_neovim = Command::new("nvim").arg("--version").stdout(Stdio::null()).status().is_ok();
    let tests: [(&str, fn()); 2] = [
        ("sessions_over_pipes_end_as_they_should", sessions_over_pipes_end_as_they_should),
        ("neovim_drives_the_server", neovim_drives_the_server),
    ];
    for (name, test) in tests.into_iter().filter(|(name, _)| wanted(name)) {
        if arguments.iter().any(|argument| argument == "--list") {
            println!("{name}: test");
        } else if name.starts_with("neovim") && !has_neovim {
            println!("test {name} ... SKIPPED: there is no `nvim` on the PATH; `apt-get install neovim`");
        } else {
            test();
            println!("test {name} ... ok");
        }
    }
    ExitCode::SUCCESS
}

/// What a client writes, and with which status the server ends and what it wrote last.
fn sessions_over_pipes_end_as_they_should() {
    let framed = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let request = |id: u32, method: &str, params: &str| {
        framed(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#))
    };
    let begin = request(1, "initialize", r#"{"processId":null,"rootUri":null,"capabilities":{}}"#);
    let shutdown = request(2, "shutdown", "null");
    let exit = framed(r#"{"jsonrpc":"2.0","method":"exit"}"#);
    let in_order = [&begin[..], &shutdown, &exit].concat();
    // A panic's status stands for an error of `serve_stdio`: what was read is no message.
    const BROKEN: i32 = 101;
    for (written, status, last) in [
        (in_order.clone(), 0, r#"{"jsonrpc":"2.0","id":2,"result":null}"#),
        (in_order.replace("Content-Length", "Content-Type: x\r\nCONTENT-LENGTH"), 0, r#""id":2,"result":null}"#),
        ([&begin[..], &exit].concat(), 1, "}}"),
        (begin.clone(), 1, "}}"),
        (exit.clone(), 1, ""),
        (String::new(), 1, ""),
        ([&begin[..], &framed("{nonsense")].concat(), BROKEN, "}}"),
        ([&begin[..], "Content-Length: 99\r\n\r\n{"].concat(), BROKEN, "}}"),
        ([&begin[..], "no header\r\n\r\n"].concat(), BROKEN, "}}"),
    ] {
        let mut server = Command::new(std::env::current_exe().unwrap())
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        server.stdin.take().unwrap().write_all(written.as_bytes()).unwrap();
        let output = server.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(status), "{written}");
        // The notice about the model may come behind the first answer.
        let answers = said.split("Content-Length").filter(|message| !message.contains("logMessage"));
        assert!(answers.last().unwrap().ends_with(last), "{written}: {said}");
    }
}

fn neovim_drives_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let workspace = directory.path().canonicalize().unwrap();
    fs::create_dir(workspace.join(".git")).unwrap();
    fs::write(workspace.join("cited.rs"), CITED).unwrap();
    fs::write(workspace.join("a.rs"), "fn f() {\n    load();\n}\n").unwrap();
    let statistics = workspace.join("statistics.jsonl");

    let other = std::env::var("PRENTICE_LSP_SERVER").ok();
    let own = format!("{}\nserve", std::env::current_exe().unwrap().display());
    let server = other.as_ref().map_or(own, |command| command.split_whitespace().collect::<Vec<_>>().join("\n"));
    let neovim = Neovim::start(&workspace, &server, &statistics);
    for path in ["cited.rs", "a.rs"] {
        neovim.evaluate(&format!("open('{path}')"));
        neovim.until("attached()", |said| said == "yes");
    }

    if other.is_some() {
        for (keys, question) in [("", "symbols()"), ("jA", "inline()"), ("", "list()")] {
            neovim.send(keys);
            let said = neovim.evaluate(question);
            assert!(said.starts_with(['[', '{']), "{question}: {said}");
        }
        return;
    }

    neovim.send("j^");
    let looked_up =
        ["definition()", "references()", "symbols()", "workspace_symbols()"].map(|what| neovim.evaluate(what));
    expect![[r#"
        ["cited.rs",1,3]
        2
        ["f"]
        ["load"]"#]]
    .assert_eq(&looked_up.join("\n"));

    // Grey text while typing; a word of it, then the rest.
    neovim.send("o    let");
    neovim.until("drawn()", |said| said == " all = read_all(path);|  cited.rs:3 (MIT)");
    expect![[r#"
        [[" all = read_all(path);",11]]
        [["let all = read_all(path);","cited.rs:3 (MIT)"]]"#]]
    .assert_eq(&["inline()", "list()"].map(|what| neovim.evaluate(what)).join("\n"));
    neovim.send("<M-w>");
    neovim.until("line()", |said| said.ends_with("let all|15"));
    neovim.until("drawn()", |said| said.starts_with(" = read_all(path);"));
    neovim.send("<Tab>");
    neovim.until("line()", |said| said.ends_with("let all = read_all(path);|33"));
    assert_eq!(neovim.evaluate("drawn()"), "");
    expect![[r#""Stands word for word in cited.rs:3\nCommit: unknown\nLicence: MIT""#]]
        .assert_eq(&neovim.evaluate("hover()"));

    // What is written instead takes it away; a key where nothing is shown does what it always did.
    neovim.send("<CR>let");
    neovim.until("drawn()", |said| said.starts_with(" all = "));
    neovim.send("!");
    neovim.until("drawn()", str::is_empty);
    neovim.send("<Tab>x");
    neovim.until("line()", |said| said.replace("^I", "\t").trim_start().starts_with("let!\tx|"));

    neovim.quit();
    let noted = summarise(&statistics).unwrap().total;
    assert_eq!((noted.accepted_word, noted.accepted_whole, noted.dismissed >= 1), (1, 1, true), "{noted:?}");
}

/// A headless Neovim that listens.
struct Neovim {
    process: Child,
    socket: std::path::PathBuf,
}

impl Neovim {
    fn start(workspace: &Path, server: &str, statistics: &Path) -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let socket = workspace.join("socket");
        let process = Command::new("nvim")
            .args(["--headless", "-n", "-u", "NONE", "-i", "NONE", "--listen"])
            .arg(&socket)
            .arg("-S")
            .arg(package.join("tests/neovim.lua"))
            .current_dir(workspace)
            .env("PRENTICE_TEST_PLUGIN", package.join("../../editors/neovim"))
            .env("PRENTICE_TEST_SERVER", server)
            .env("PRENTICE_TEST_STATISTICS", statistics)
            // Its own directories, whoever runs the test.
            .env("XDG_STATE_HOME", workspace.join("state"))
            .env("XDG_CACHE_HOME", workspace.join("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let neovim = Self { process, socket };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !neovim.socket.exists() {
            assert!(Instant::now() < deadline, "Neovim listens within 20 seconds");
            thread::sleep(Duration::from_millis(20));
        }
        neovim
    }

    fn remote(&self, how: &str, what: &str) -> String {
        let output = Command::new("nvim").arg("--server").arg(&self.socket).args([how, what]).output().unwrap();
        // Versions differ in where they print what an expression is.
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8(said).unwrap().trim_end_matches('\n').to_owned()
    }

    fn send(&self, keys: &str) {
        self.remote("--remote-send", keys);
    }

    fn evaluate(&self, call: &str) -> String {
        self.remote("--remote-expr", &format!("v:lua.T.{call}"))
    }

    fn until(&self, call: &str, holds: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let said = self.evaluate(call);
            if holds(&said) {
                return;
            }
            assert!(Instant::now() < deadline, "`{call}` still says {said:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends Neovim, which ends its server in order.
    fn quit(mut self) {
        self.send("<Esc>:qa!<CR>");
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.process.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "Neovim ends within 20 seconds");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Neovim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
