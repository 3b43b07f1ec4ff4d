//! `prentice task generate`: small programming tasks with hidden tests.

use std::{collections::BTreeMap, time::Instant};

use prentice_base::{ContentHash, Event, Seed, StageKey, files};
use prentice_environment::families::{
    self, Family, FamilyOptions, export,
    labels::{LabelOptions, labels},
    render::Language,
};
use serde_json::json;

use crate::{
    arguments::{FamilyChoice, LanguageChoice, TaskGenerate},
    commands::{Session, lock, usage, write_manifest},
    error::CliError,
    format, stages,
};

/// Makes tasks, and labels for them if that was asked for.
pub fn generate(session: &Session, arguments: TaskGenerate) -> Result<(), CliError> {
    let TaskGenerate { train, test, mismatch, out, .. } = &arguments;
    if train + test == 0 {
        return Err(usage("--train 0 and --test 0 leave nothing to make", "give a number above 0"));
    }
    if let Some(mismatch) = mismatch.filter(|share| !(0.0..=1.0).contains(share)) {
        return Err(usage(format!("--mismatch {mismatch} is not a share from 0 to 1"), "0 makes all labels right"));
    }
    let began = Instant::now();
    let seed = Seed(arguments.seed);
    let (family, name) = match arguments.family {
        FamilyChoice::Docfn => (Family::DocFn, "docfn"),
        FamilyChoice::Iofn => (Family::IoFn, "iofn"),
    };
    let mut options = FamilyOptions::new(family, seed, *train, *test);
    options.language = match arguments.language {
        LanguageChoice::Python => Language::Python,
        LanguageChoice::Javascript => Language::JavaScript,
        LanguageChoice::Rust => Language::Rust,
    };
    options.depths = arguments.depths.clone();
    let _lock = lock(out, "tasks")?;
    session.emit(Event::StageStarted { stage: "tasks".into(), detail: format!("making {name} tasks") });
    let made = families::generate(&options);
    for (what, wanted, found) in [("train", *train, made.train.len()), ("test", *test, made.test.len())] {
        if found < wanted {
            let (wanted, found) = (format::count(wanted as u64), format::count(found as u64));
            let message = format!("--{what} {wanted}: there are only {found} such tasks of these depths");
            session.emit(Event::Warning { message });
        }
    }
    let mut outputs = BTreeMap::new();
    let mut write = |name: &str, bytes: &[u8]| -> Result<(), CliError> {
        files::write_atomic(&out.join(name), bytes)?;
        outputs.insert(name.to_owned(), ContentHash::of(bytes));
        Ok(())
    };
    for (name, tasks) in [("train.jsonl", &made.train), ("test.jsonl", &made.test)] {
        let mut bytes = Vec::new();
        export::export(tasks, &mut bytes)?;
        write(name, &bytes)?;
    }
    let mut detail = format!(
        "{} to learn from, {} to be examined on",
        format::counted(made.train.len() as u64, "task"),
        format::count(made.test.len() as u64)
    );
    let mut right = None;
    if let Some(mismatch) = *mismatch {
        let labels = labels(&made.train, &LabelOptions { mismatch, seed: seed.derive("labels", 0) });
        let mut bytes = Vec::new();
        export::export_labels(&labels, &mut bytes)?;
        write("labels.jsonl", &bytes)?;
        let count = labels.iter().filter(|label| label.right).count();
        detail += &format!("; {} of the labels are right", format::count(count as u64));
        right = Some(count);
    }
    let seconds = began.elapsed().as_secs_f64();
    session.emit(Event::StageFinished { stage: "tasks".into(), seconds, detail: detail.clone() });
    let key = StageKey::new(
        "tasks",
        &json!({
            "family": family,
            "language": options.language,
            "train": train,
            "test": test,
            "depths": [options.depths.start(), options.depths.end()],
            "mismatch": mismatch,
            "seed": seed,
        }),
    );
    let summary = json!({
        "detail": detail,
        "train": made.train.len(),
        "test": made.test.len(),
        "ambiguous": made.ambiguous,
        "right_labels": right,
        "out": out,
    });
    let manifest = stages::manifest(&key, key.digest(), seed, "", outputs, seconds, summary.clone());
    write_manifest(out, &manifest)?;
    session.conclude(summary, &format!("{}: {detail}\n", out.display()))
}
