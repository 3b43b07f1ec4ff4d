//! Tasks and labels as JSON lines.
//!
//! A task is one line in the form of [`prentice_base::Task`], which whoever reads tasks of a suite reads, too. A label
//! is `{"prompt", "response", "right"}`.

use std::io::{self, BufRead, Write};

use prentice_base::Task;
use serde::{Serialize, de::DeserializeOwned};

use super::{FamilyTask, labels::Label};

/// Writes the tasks, one a line.
///
/// # Errors
/// The writer's.
pub fn export<'a>(tasks: impl IntoIterator<Item = &'a FamilyTask>, out: &mut dyn Write) -> io::Result<()> {
    write_lines(tasks.into_iter().map(|task| &task.task), out)
}

/// Writes prompts with responses, one a line.
///
/// # Errors
/// The writer's.
pub fn export_labels<'a>(labels: impl IntoIterator<Item = &'a Label>, out: &mut dyn Write) -> io::Result<()> {
    write_lines(labels.into_iter(), out)
}

/// Reads tasks, one a line; empty lines are passed over.
///
/// # Errors
/// The reader's, or of the kind [`io::ErrorKind::InvalidData`] with the number of the line that is no task.
pub fn import(from: impl BufRead) -> io::Result<Vec<Task>> {
    read_lines(from, "task")
}

/// Reads labels, one a line, as [`import`] reads tasks.
///
/// # Errors
/// As [`import`].
pub fn import_labels(from: impl BufRead) -> io::Result<Vec<Label>> {
    read_lines(from, "label")
}

fn write_lines(rows: impl Iterator<Item = impl Serialize>, out: &mut dyn Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, &row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn read_lines<T: DeserializeOwned>(from: impl BufRead, what: &str) -> io::Result<Vec<T>> {
    let mut rows = Vec::new();
    for (number, line) in from.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        rows.push(serde_json::from_str(&line).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("line {} is no {what}: {error}", number + 1))
        })?);
    }
    Ok(rows)
}
