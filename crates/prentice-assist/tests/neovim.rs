//! A real Neovim, headless, types and looks up with our configuration for it, over standard input and output.
//!
//! Neovim listens on a socket and is driven by `--remote-send` and `--remote-expr`, so that its own loop runs as it does for
//! a user. The server is this very program (hence no test harness): `neovim serve`, with the small backend of the other
//! tests. With `PRENTICE_LSP_SERVER` another one, such as `prentice lsp`: then only the shape of answers is examined.
//! Skipped, loudly, where there is no `nvim`.

#[allow(dead_code, reason = "what only the tests in the same process use")]
#[path = "support/lines.rs"]
mod lines;

use std::{
    fs,
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use expect_test::expect;
use lines::Lines;
use prentice_assist::lsp::{ServeOptions, serve_stdio, summarise};

const NAME: &str = "neovim_drives_the_server";
const CITED: &str = "// SPDX-License-Identifier: MIT\nfn load() {\n    let all = read_all(path);\n}\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "serve") {
        let options = ServeOptions {
            statistics: std::env::var_os("PRENTICE_TEST_STATISTICS").map(Into::into),
            ..ServeOptions::default()
        };
        return match serve_stdio(&options, |_| Lines::new()) {
            Ok(ending) => ending.exit_code().into(),
            Err(error) => panic!("{error}"),
        };
    }
    // What the usual harness does with arguments, as far as `cargo test` gives any.
    if arguments.iter().any(|argument| argument == "--list") {
        println!("{NAME}: test");
    } else if arguments.iter().any(|filter| !filter.starts_with('-') && !NAME.contains(filter.as_str())) {
        println!("test {NAME} ... filtered out");
    } else if Command::new("nvim").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("test {NAME} ... SKIPPED: there is no `nvim` on the PATH; `apt-get install neovim`");
    } else {
        neovim_drives_the_server();
        println!("test {NAME} ... ok");
    }
    ExitCode::SUCCESS
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
