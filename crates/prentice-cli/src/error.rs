//! Errors as the user meets them: what and where, why, and what next.
//!
//! ```text
//! error: shard `train-0007` was tokenised with vocabulary 3fa1, the checkpoint expects 9bc0
//! hint: run `prentice tokens encode --vocabulary <checkpoint>`
//! ```
//!
//! The kind fixes the exit code. Libraries return their own error types; this one exists at the edge only, which is why
//! it does not implement [`Error`] itself and can be made from anything that does.

use std::{error::Error, io, process::ExitCode};

use prentice_base::StageError;
use serde_json::{Value, json};

use crate::terminal::{self, Palette};

/// Why a command ends without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Prentice did what it was asked, and the answer is no.
    TaskFailed,
    /// The command line or an input it names is wrong.
    Usage,
    /// This machine does not allow it: disk, memory, permissions, a damaged file.
    Environment,
}

impl ErrorKind {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::TaskFailed => 1,
            ErrorKind::Usage | ErrorKind::Environment => 2,
        }
    }
}

/// An error with its causes and with hints on what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    /// Fixes the exit code.
    pub kind: ErrorKind,
    /// What failed and where.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What next, in the order of likelihood.
    pub hints: Vec<String>,
    /// Whether the summary is out already, which stays the last line of `--json`.
    pub after_summary: bool,
}

impl CliError {
    /// An error without causes and hints.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hints: Vec::new(), after_summary: false }
    }

    /// The error with its whole chain of sources, and with hints where the chain says enough to know what helps.
    pub fn from_error(kind: ErrorKind, error: &(dyn Error + 'static)) -> Self {
        let mut result = Self::new(kind, error.to_string());
        let mut next = Some(error);
        let mut previous = String::new();
        while let Some(link) = next {
            let text = link.to_string();
            // Some libraries write the source into their own message; saying it twice helps nobody.
            if !previous.is_empty() && !previous.ends_with(&text) {
                result.causes.push(text.clone());
            }
            if let Some(hint) = known_remedy(link) {
                result.hints.push(hint.to_owned());
            }
            previous = text;
            next = link.source();
        }
        result
    }

    /// For an error that comes after the summary, which says the same to programs.
    pub fn after_summary(self) -> Self {
        Self { after_summary: true, ..self }
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The error for people: one line what, at most one line why, a line a hint. Legible without colour.
    pub fn render(&self, colour: bool) -> String {
        let palette = Palette { colour };
        let mut text = line(&palette.red("error:"), &self.message);
        if !self.causes.is_empty() {
            text += &line(&palette.dim("caused by:"), &self.causes.join(": "));
        }
        for hint in &self.hints {
            text += &line(&palette.cyan("hint:"), hint);
        }
        text
    }

    /// The error for programs: one line of `--json`.
    pub fn to_json(&self) -> Value {
        json!({
            "event": "error",
            "message": self.message,
            "causes": self.causes,
            "hints": self.hints,
            "exit_code": self.kind.exit_code(),
        })
    }

    /// Tells the user on stderr, and with `--json` also the reader of stdout. Returns the exit code.
    pub fn report(&self, json: bool) -> ExitCode {
        if json && !self.after_summary {
            // Whether or not anyone reads stdout, stderr and the exit code tell the same.
            let _ = terminal::print(&format!("{}\n", self.to_json()));
        }
        // As `eprint!`, but without its panic where stderr is closed.
        let _ = io::Write::write_all(&mut io::stderr(), self.render(terminal::stderr_has_colour()).as_bytes());
        ExitCode::from(self.kind.exit_code())
    }
}

/// A label and a text whose further lines are indented, with control characters made harmless.
fn line(label: &str, text: &str) -> String {
    let lines: Vec<String> = text.trim_end().lines().map(terminal::visible).collect();
    format!("{label} {}\n", lines.join("\n  "))
}

/// What helps against failures that any command can meet.
fn known_remedy(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(StageError::Busy { .. }) = error.downcast_ref::<StageError>() {
        return Some("wait until the other process ends, or stop it; its finished work is reused");
    }
    match error.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free some space there, or choose a place on another disk")
        }
        io::ErrorKind::PermissionDenied => Some("check who may access that path"),
        io::ErrorKind::ReadOnlyFilesystem => Some("choose a place that can be written"),
        io::ErrorKind::FileTooLarge => {
            Some("lift the limit on the size of files (`ulimit -f`), or choose a place on another file system")
        }
        io::ErrorKind::IsADirectory => Some("name a file, not a directory"),
        io::ErrorKind::NotADirectory => Some("name a directory, or something in one"),
        io::ErrorKind::NotFound => Some("check the spelling; a relative path starts at the current directory"),
        _ => None,
    }
}

/// Errors that nothing more is known about are the machine's.
impl<E: Error + 'static> From<E> for CliError {
    fn from(error: E) -> Self {
        Self::from_error(ErrorKind::Environment, &error)
    }
}

/// Turns library errors into the user's, on the way out.
pub trait OrCliError<T> {
    /// With a kind.
    ///
    /// # Errors
    /// The same error, as the user meets it.
    fn or_kind(self, kind: ErrorKind) -> Result<T, CliError>;

    /// With a kind and a hint.
    ///
    /// # Errors
    /// The same error, as the user meets it.
    fn or_hint(self, kind: ErrorKind, hint: impl Into<String>) -> Result<T, CliError>;
}

impl<T, E: Error + 'static> OrCliError<T> for Result<T, E> {
    fn or_kind(self, kind: ErrorKind) -> Result<T, CliError> {
        self.map_err(|error| CliError::from_error(kind, &error))
    }

    fn or_hint(self, kind: ErrorKind, hint: impl Into<String>) -> Result<T, CliError> {
        self.map_err(|error| CliError::from_error(kind, &error).hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use prentice_base::FileError;

    use super::*;

    fn check(error: &CliError, expected: Expect) {
        expected.assert_eq(&format!("{}{}\n", error.render(false), error.to_json()));
    }

    #[test]
    fn what_why_and_what_next() {
        check(
            &CliError::new(ErrorKind::Usage, "`--minutes 0` leaves no time to train")
                .hint("give at least `--minutes 1`"),
            expect![[r#"
                error: `--minutes 0` leaves no time to train
                hint: give at least `--minutes 1`
                {"event":"error","message":"`--minutes 0` leaves no time to train","causes":[],"hints":["give at least `--minutes 1`"],"exit_code":2}
            "#]],
        );
        let full = FileError::new("write", "out/model.safetensors")(io::ErrorKind::StorageFull.into());
        check(
            &StageError::File(full).into(),
            expect![[r#"
                error: cannot write out/model.safetensors
                caused by: no storage space
                hint: free some space there, or choose a place on another disk
                {"event":"error","message":"cannot write out/model.safetensors","causes":["no storage space"],"hints":["free some space there, or choose a place on another disk"],"exit_code":2}
            "#]],
        );
        let busy = StageError::Busy { stage: "train".into(), directory: ".prentice/runs/train-3fa1".into() };
        check(
            &busy.into(),
            expect![[r#"
            error: stage `train` is being run by another process in .prentice/runs/train-3fa1
            hint: wait until the other process ends, or stop it; its finished work is reused
            {"event":"error","message":"stage `train` is being run by another process in .prentice/runs/train-3fa1","causes":[],"hints":["wait until the other process ends, or stop it; its finished work is reused"],"exit_code":2}
        "#]],
        );
    }

    #[test]
    fn a_cause_is_said_once_and_hostile_names_are_harmless() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot parse a\x1b[2Jb.toml\nline 2 is broken: {0}")]
        struct Wrapper(#[source] io::Error);

        let result: Result<(), _> = Err(Wrapper(io::Error::other("unexpected end")));
        let error = result.or_hint(ErrorKind::TaskFailed, "mend the file").unwrap_err();
        check(
            &error,
            expect![[r#"
            error: cannot parse a\u{1b}[2Jb.toml
              line 2 is broken: unexpected end
            hint: mend the file
            {"event":"error","message":"cannot parse a\u001b[2Jb.toml\nline 2 is broken: unexpected end","causes":[],"hints":["mend the file"],"exit_code":1}
        "#]],
        );
    }

    #[test]
    fn colour_adds_only_styles() {
        let error = CliError::new(ErrorKind::TaskFailed, "no").hint("yes");
        expect![[r#"
            ESC[1;31merror:ESC[0m no
            ESC[36mhint:ESC[0m yes
        "#]]
        .assert_eq(&error.render(true).replace('\x1b', "ESC"));
    }
}
