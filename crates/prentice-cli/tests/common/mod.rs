//! Runs the real binary in temporary directories.
#![allow(dead_code, reason = "not every test uses every helper")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use expect_test::Expect;
use prentice_sandbox::{Language, Toolchain};
use serde_json::Value;
use tempfile::TempDir;

/// A directory of its own for one test, with the program.
pub struct Sandbox {
    directory: TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file, and the directories above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A small source tree of `files` files that a model can learn something from.
    pub fn tree(&self, name: &str, files: usize) {
        for file in 0..files {
            self.write(&format!("{name}/module_{file}.py"), source(file));
        }
    }

    /// A model `base/model` that has barely learnt to write the functions in `labels`, lines of `prompt` and `response`.
    pub fn base_model(&self, labels: &str) {
        let labels: Vec<Value> = labels.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let text = |label: &Value, key: &str| label[key].as_str().unwrap().to_owned();
        for (number, some) in labels.chunks(10).enumerate() {
            let functions: Vec<String> =
                some.iter().map(|label| text(label, "prompt") + &text(label, "response")).collect();
            self.write(&format!("functions/module_{number}.py"), functions.join("\n\n"));
        }
        self.summary("corpus build functions --out corpus --held-out 0.2");
        self.summary("tokens train --corpus corpus --size 320 --out vocabulary");
        self.summary("tokens encode --corpus corpus --vocabulary vocabulary --context 128 --passes 4 --out tokens");
        self.summary("model train --shards tokens --steps 30 --layers 2 --batch-rows 8 --out base");
    }

    /// The program with arguments, in the sandbox.
    pub fn prentice(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prentice"));
        command.args(arguments.split_whitespace());
        self.prepare(&mut command);
        command
    }

    /// The program run by a shell after some commands.
    pub fn shell(&self, before: &str, arguments: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{before}; exec \"$0\" {arguments}")).arg(env!("CARGO_BIN_EXE_prentice"));
        self.prepare(&mut command);
        command
    }

    fn prepare(&self, command: &mut Command) {
        command.current_dir(self.directory.path()).stdin(Stdio::null()).env("NO_COLOR", "1").env_remove("TERM");
        // What the user's other runs left must not decide a test, nor the other way round.
        command.env("XDG_CACHE_HOME", self.path("cache"));
        if let Some(data) = evaluation_data() {
            command.env("PRENTICE_EVALDATA", data);
        }
    }

    /// Runs and expects success; gives the summary of `--json`.
    pub fn summary(&self, arguments: &str) -> Value {
        let output = self.prentice(&format!("{arguments} --json")).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", self.shown(&output));
        let stdout = String::from_utf8(output.stdout).unwrap();
        let last: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
        assert_eq!(last["event"], "summary", "{stdout}");
        last
    }

    /// Runs and gives stdout, stderr and exit code, with this sandbox called `<dir>`.
    pub fn outcome(&self, command: &mut Command) -> String {
        self.shown(&command.output().unwrap())
    }

    fn shown(&self, output: &Output) -> String {
        let code = output.status.code().map_or_else(|| format!("{}", output.status), |code| code.to_string());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let shown = format!("{}{}exit code {code}\n", text(&output.stdout), text(&output.stderr));
        without_digests(&shown.replace(self.directory.path().to_str().unwrap(), "<dir>"))
    }

    /// Expects what is said on stderr, and the exit code.
    pub fn check(&self, command: &mut Command, expected: Expect) {
        let mut output = command.output().unwrap();
        output.stdout.clear();
        expected.assert_eq(&self.shown(&output));
    }

    /// Names of everything below a directory, sorted; nothing if it is not there.
    pub fn listing(&self, name: &str) -> Vec<String> {
        let root = self.path(name);
        let mut found = Vec::new();
        let mut waiting = vec![root.clone()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                let path = entry.path();
                found.push(path.strip_prefix(&root).unwrap().display().to_string());
                if entry.file_type().unwrap().is_dir() {
                    waiting.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

/// The text with every short digest as `<digest>`, and every step's directory as `step-<n>`: both depend on versions and
/// on the speed of the machine.
fn without_digests(text: &str) -> String {
    let mut shown = String::new();
    let mut word = String::new();
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_alphanumeric() {
            word.push(character);
            continue;
        }
        let is_digest = word.len() == 12 && word.chars().all(|c| c.is_ascii_hexdigit());
        let is_step = word.len() == 8 && shown.ends_with("step-");
        shown += if is_digest {
            "<digest>"
        } else if is_step {
            "<n>"
        } else {
            &word
        };
        shown.push(character);
        word.clear();
    }
    shown.pop();
    shown
}

/// A Python file that passes the quality rules and differs from the others.
pub fn source(number: usize) -> String {
    let words = ["alpha", "beta", "gamma", "delta", "omega", "sigma", "kappa", "theta"];
    let mut text = format!("\"\"\"Module number {number} of the sample tree.\"\"\"\n\nimport math\n\n");
    for part in 0..6 {
        let first = words[(number + part) % 8];
        let second = words[(number * 3 + part * 5 + 1) % 8];
        text += &format!(
            "\ndef {first}_{second}_{number}(values, limit={part}):\n    total = {number}\n    for value in values:\n        \
             if value > limit:\n            total += math.floor(value) * {part}\n        else:\n            \
             total -= len({first:?})\n    return total, {second:?}\n\n"
        );
    }
    text
}

/// Where the published data of the suites is that tests examine on.
pub fn evaluation_data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/evaldata");
    let given = std::env::var_os("PRENTICE_EVALDATA").map(PathBuf::from);
    let sets = ["humaneval", "humaneval-x", "cruxeval"];
    given.into_iter().chain([beside]).find(|directory| sets.iter().all(|set| directory.join(set).is_dir()))
}

/// Whether Python's suites can be executed; if not, that is said loudly.
pub fn can_examine(test: &str) -> bool {
    if evaluation_data().is_none() {
        eprintln!(
            "SKIPPED {test}: no data of humaneval, humaneval-x and cruxeval: `prentice eval fetch`, or set PRENTICE_EVALDATA"
        );
        return false;
    }
    can_execute(test)
}

/// Whether programs in Python can be executed; if not, that is said loudly.
pub fn can_execute(test: &str) -> bool {
    match Toolchain::find(Language::Python) {
        Ok(_) => true,
        Err(missing) => {
            eprintln!("SKIPPED {test}: {missing}");
            false
        }
    }
}

/// Every process below another one, and when each was started: ids are used again.
pub fn descendants(root: u32) -> Vec<(u32, u64)> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let id = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        if let Some((id, (parent, start))) = id.and_then(|id| Some((id, parent_and_start(id)?))) {
            processes.push((id, parent, start));
        }
    }
    let mut found: Vec<(u32, u64)> = Vec::new();
    let mut above = vec![root];
    while let Some(parent) = above.pop() {
        for (id, _, start) in processes.iter().filter(|(_, of, _)| *of == parent) {
            found.push((*id, *start));
            above.push(*id);
        }
    }
    found
}

/// Waits until processes that [`descendants`] found have ended.
pub fn assert_gone(processes: &[(u32, u64)]) {
    let until = Instant::now() + Duration::from_secs(10);
    let is_there = |(id, start): &&(u32, u64)| parent_and_start(*id).is_some_and(|(_, other)| other == *start);
    while let Some((id, _)) = processes.iter().find(is_there) {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        assert!(Instant::now() < until, "still there: {id} {}", String::from_utf8_lossy(&line));
        thread::sleep(Duration::from_millis(10));
    }
}

/// Of a process that has not ended: its parent, and when it was started.
fn parent_and_start(id: u32) -> Option<(u32, u64)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name may hold anything; fields are counted from its end. A process that only waits for its parent is no more.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    (fields[0] != "Z").then_some((fields[1].parse().ok()?, fields[19].parse().ok()?))
}

/// Shortens a file to half.
pub fn truncate(path: &Path) {
    let length = fs::metadata(path).unwrap().len();
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length / 2).unwrap();
}
