//! The standard suites as tasks.
//!
//! Each suite is a reader of one published data set, see [`crate::data`]; its module says what upstream's evaluator
//! concatenates and compares, and where we deviate. Task ids are upstream's. A union of suites whose ids would clash
//! puts a word before them (`fix/Rust/0`, `output/sample_0`).
//!
//! What holds for all of them:
//! * The completion stands in the hole of the task's program, `prefix + completion + suffix`, as upstream's evaluators
//!   concatenate it. Nothing is cut from a completion: where upstream truncates generations (at stop words, after the
//!   last closing brace) it does so when sampling, and so must whoever samples here.
//! * Every task has a reference that upstream claims to be right, and its tests are hidden.
//! * `source` names the HumanEval task that a task derives from, so that statistics see the 164 clusters.
//!
//! Not covered: what upstream puts before a program when it runs it. The evaluators of HumanEval-X and HumanEvalPack
//! add common imports to Python, C++ and Go, which published solutions do not need and a sample may rely on; see
//! [`humaneval_x`] and [`humaneval_pack`]. The verifier adds them.

use std::{
    io::{self, BufRead, BufReader},
    path::PathBuf,
};

use flate2::bufread::MultiGzDecoder;
use prentice_base::{Check, ContentHash, HashWriter, Task, TestCase};
use serde::de::DeserializeOwned;

use crate::data::{DataError, DataSet};

pub mod cruxeval;
pub mod humaneval;
pub mod humaneval_pack;
pub mod humaneval_plus;
pub mod humaneval_x;
pub mod infilling;

/// A suite, loaded.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Name, one of [`names`].
    pub name: String,
    /// What it measures, in a sentence.
    pub description: String,
    /// Digest of the published files that the tasks were read from.
    pub version: ContentHash,
    /// The tasks, in upstream's order.
    pub tasks: Vec<Task>,
}

/// How to load a suite.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Data directories, in the order in which they are searched.
    pub data: Vec<PathBuf>,
    /// Only these programming languages, such as `rust`, `C++` or `js`; empty for all of the suite.
    pub languages: Vec<String>,
}

/// A suite cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// There is no suite of that name.
    #[error("there is no suite `{name}`; did you mean {}?", suggestions.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names closest to it, closest first.
        suggestions: Vec<String>,
    },
    /// The suite has no task in a language that was asked for.
    #[error("the suite `{suite}` has no task in `{language}`, only in {}", known.join(", "))]
    Language {
        /// The suite.
        suite: String,
        /// What was asked for.
        language: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// Its data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A compressed file is damaged.
    #[error("cannot decompress {file}")]
    Compression {
        /// Path below the data set's folder.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line is not what the suite's format says.
    #[error("line {line} of {file} is not a task")]
    Line {
        /// Path below the data set's folder.
        file: String,
        /// Line number, from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Why the published solution of a task fails its published test, where that is upstream's fault: shown by running the
/// two together as upstream does. Samples of such a task are judged like any other.
pub fn defect(suite: &str, task: &str) -> Option<&'static str> {
    // HumanEvalPack mended both.
    let is_x = suite.starts_with("humaneval-x");
    match task {
        "JavaScript/112" | "JavaScript/155" if is_x => {
            Some("upstream's solution returns `(a, b)`, which in JavaScript is `b`; node prints \"Assertion failed\"")
        }
        "Rust/32" if is_x => {
            Some("upstream's test is commented out, so that any answer would pass; it is not executed")
        }
        // The union of HumanEvalPack puts a word before the ids.
        _ if task.ends_with("Go/95") => {
            Some("upstream's solution relies on the order of a map's keys, which Go makes random; it passes by chance")
        }
        _ => None,
    }
}

/// The names of all suites, in the order in which a user might try them.
pub fn names() -> Vec<String> {
    plans().into_iter().map(|plan| plan.name).collect()
}

/// The data set that a suite is read from, for fetching it.
///
/// # Errors
/// There is no suite of that name.
pub fn data_set(name: &str) -> Result<&'static DataSet, SuiteError> {
    Ok(plan(name)?.parts[0].data_set())
}

/// Loads a suite.
///
/// # Errors
/// There is no such suite, it has no task in a language asked for, or its data is missing or not what was published.
pub fn load(name: &str, options: &LoadOptions) -> Result<Suite, SuiteError> {
    let plan = plan(name)?;
    for language in &options.languages {
        if !plan.parts.iter().any(|part| part.is_in(language)) {
            let mut known: Vec<&str> = plan.parts.iter().map(|part| part.language()).collect();
            known.sort_unstable();
            known.dedup();
            return Err(SuiteError::Language { suite: plan.name, language: language.clone(), known });
        }
    }
    let wanted =
        |part: &&Part| options.languages.is_empty() || options.languages.iter().any(|language| part.is_in(language));
    let mut reader = Reader { directories: &options.data, digest: HashWriter::new() };
    let mut tasks = Vec::new();
    for part in plan.parts.iter().filter(wanted) {
        let first = tasks.len();
        part.read(&mut reader, &mut tasks)?;
        if plan.union {
            for task in &mut tasks[first..] {
                task.id = format!("{}{}", part.prefix_in_union(), task.id);
            }
        }
    }
    tasks.shrink_to_fit();
    Ok(Suite { name: plan.name, description: plan.description, version: reader.digest.finish(), tasks })
}

/// How a suite is put together.
struct Plan {
    name: String,
    description: String,
    parts: Vec<Part>,
    /// Whether the ids of the parts must be told apart.
    union: bool,
}

/// What is read from one file.
enum Part {
    HumanEval,
    HumanEvalPlus,
    Infilling(&'static infilling::Variant),
    HumanEvalX(&'static humaneval_x::Language),
    HumanEvalPack(humaneval_pack::Mode, &'static humaneval_x::Language),
    CruxEval(cruxeval::Mode),
}

impl Part {
    fn data_set(&self) -> &'static DataSet {
        let name = match self {
            Part::HumanEval => "humaneval",
            Part::HumanEvalPlus => "humanevalplus",
            Part::Infilling(_) => "humaneval-infilling",
            Part::HumanEvalX(_) => "humaneval-x",
            Part::HumanEvalPack(..) => "humanevalpack",
            Part::CruxEval(_) => "cruxeval",
        };
        DataSet::named(name).expect("every suite has a data set")
    }

    /// Linguist name of the language.
    fn language(&self) -> &'static str {
        match self {
            Part::HumanEvalX(language) | Part::HumanEvalPack(_, language) => language.name,
            _ => "Python",
        }
    }

    /// Whether a user who says `language` means this part.
    fn is_in(&self, language: &str) -> bool {
        let known = match self {
            Part::HumanEvalX(known) | Part::HumanEvalPack(_, known) => *known,
            _ => &humaneval_x::LANGUAGES[0],
        };
        [known.name, known.slug, known.stem].iter().any(|name| name.eq_ignore_ascii_case(language))
    }

    fn prefix_in_union(&self) -> &'static str {
        match self {
            Part::HumanEvalPack(humaneval_pack::Mode::Fix, _) => "fix/",
            Part::HumanEvalPack(humaneval_pack::Mode::Synthesize, _) => "synthesize/",
            Part::CruxEval(cruxeval::Mode::Output) => "output/",
            Part::CruxEval(cruxeval::Mode::Input) => "input/",
            _ => "",
        }
    }

    fn read(&self, reader: &mut Reader, tasks: &mut Vec<Task>) -> Result<(), SuiteError> {
        let set = self.data_set();
        match self {
            Part::HumanEval => humaneval::read(reader, set, tasks),
            Part::HumanEvalPlus => humaneval_plus::read(reader, set, tasks),
            Part::Infilling(variant) => infilling::read(reader, set, variant, tasks),
            Part::HumanEvalX(language) => humaneval_x::read(reader, set, language, tasks),
            Part::HumanEvalPack(mode, language) => humaneval_pack::read(reader, set, *mode, language, tasks),
            Part::CruxEval(mode) => cruxeval::read(reader, set, *mode, tasks),
        }
    }
}

fn plan(name: &str) -> Result<Plan, SuiteError> {
    plans().into_iter().find(|plan| plan.name == name).ok_or_else(|| {
        let mut suggestions = names();
        // Stable, so that of equally close names the simpler one comes first.
        suggestions.sort_by(|a, b| strsim::jaro_winkler(b, name).total_cmp(&strsim::jaro_winkler(a, name)));
        suggestions.truncate(3);
        SuiteError::Unknown { name: name.to_owned(), suggestions }
    })
}

fn plans() -> Vec<Plan> {
    use cruxeval::Mode::{Input, Output};
    use humaneval_pack::Mode::{Fix, Synthesize};
    use humaneval_x::LANGUAGES;
    let mut plans = Vec::new();
    let mut add = |name: &str, description: &str, parts: Vec<Part>| {
        let union = parts.iter().any(|part| part.prefix_in_union() != parts[0].prefix_in_union());
        plans.push(Plan { name: name.to_owned(), description: description.to_owned(), parts, union });
    };

    add("humaneval", "Python functions from a signature and a docstring", vec![Part::HumanEval]);
    add("humanevalplus", "HumanEval with some 750 inputs to each task", vec![Part::HumanEvalPlus]);

    let [single, multi, random, light] = &infilling::VARIANTS;
    let text = "parts of HumanEval's solutions: lines, runs of lines and random spans";
    add("humaneval-infilling", text, [single, multi, random].map(Part::Infilling).into());
    for variant in [single, multi, random, light] {
        let text = format!("parts of HumanEval's solutions: {}", variant.description);
        add(&format!("humaneval-infilling-{}", variant.slug), &text, vec![Part::Infilling(variant)]);
    }

    add("humaneval-x", "HumanEval in six languages", LANGUAGES.iter().map(Part::HumanEvalX).collect());
    for language in &LANGUAGES {
        let text = format!("HumanEval in {}", language.name);
        add(&format!("humaneval-x-{}", language.slug), &text, vec![Part::HumanEvalX(language)]);
    }

    let pack = |mode| LANGUAGES.iter().map(move |language| Part::HumanEvalPack(mode, language));
    let text = "mend and write HumanEval's functions in six languages";
    add("humanevalpack", text, pack(Fix).chain(pack(Synthesize)).collect());
    for (mode, slug, text) in [
        (Fix, "fix", "mend a bug in HumanEval's solutions"),
        (Synthesize, "synthesize", "write HumanEval's functions as instructed"),
    ] {
        add(&format!("humanevalpack-{slug}"), &format!("{text}, in six languages"), pack(mode).collect());
        for language in &LANGUAGES {
            let name = format!("humanevalpack-{slug}-{}", language.slug);
            add(&name, &format!("{text}, in {}", language.name), vec![Part::HumanEvalPack(mode, language)]);
        }
    }

    let text = "predict what short Python functions return and for what";
    add("cruxeval", text, [Output, Input].map(Part::CruxEval).into());
    add("cruxeval-output", "predict what short Python functions return", vec![Part::CruxEval(Output)]);
    add("cruxeval-input", "predict for what short Python functions return a value", vec![Part::CruxEval(Input)]);
    plans
}

/// Reads data files and remembers which.
struct Reader<'a> {
    directories: &'a [PathBuf],
    digest: HashWriter,
}

impl Reader<'_> {
    /// Calls `visit` with every line of a JSONL file, plain or gzipped.
    fn rows<T: DeserializeOwned>(&mut self, set: &DataSet, path: &str, visit: impl FnMut(T)) -> Result<(), SuiteError> {
        let bytes = set.read(path, self.directories)?;
        self.digest.field(set.file(path).sha256.as_bytes());
        rows(path, &bytes, visit)
    }
}

fn rows<T: DeserializeOwned>(file: &str, bytes: &[u8], mut visit: impl FnMut(T)) -> Result<(), SuiteError> {
    let mut reader: Box<dyn BufRead> = if bytes.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::new(MultiGzDecoder::new(bytes)))
    } else {
        Box::new(bytes)
    };
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = reader.read_until(b'\n', &mut text);
        if read.map_err(|source| SuiteError::Compression { file: file.to_owned(), source })? == 0 {
            break;
        }
        if !text.trim_ascii().is_empty() {
            let row = serde_json::from_slice(&text);
            visit(row.map_err(|source| SuiteError::Line { file: file.to_owned(), line, source })?);
        }
    }
    Ok(())
}

/// The one hidden test of most tasks.
fn test(check: Check) -> Vec<TestCase> {
    vec![TestCase { name: "test".to_owned(), check }]
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, io::Write as _};

    use expect_test::{Expect, expect};

    use super::*;

    #[derive(serde::Deserialize)]
    struct Row {
        id: u32,
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Expect) {
        let mut ids = Vec::new();
        let result = rows("f.jsonl", bytes, |row: Row| ids.push(row.id));
        let said = match result {
            Ok(()) => format!("{ids:?}"),
            Err(error) => format!("{error}: {}", error.source().unwrap()),
        };
        expected.assert_eq(&said);
    }

    #[test]
    fn lines_are_read_or_named() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"{\"id\": 1}\n{\"id\": 2}\n").unwrap();
        let compressed = encoder.finish().unwrap();
        check(b"{\"id\": 1}\n\n {\"id\": 2, \"more\": 0}", expect!["[1, 2]"]);
        check(&compressed, expect!["[1, 2]"]);
        check(&compressed[..compressed.len() - 9], expect!["cannot decompress f.jsonl: incomplete deflate stream"]);
        check(
            b"{\"id\": 1}\n{\"id\": ",
            expect!["line 2 of f.jsonl is not a task: EOF while parsing a value at line 1 column 7"],
        );
        check(
            b"{\"id\": 1}\n\n{\"ID\": 2}\n",
            expect!["line 3 of f.jsonl is not a task: missing field `id` at line 1 column 9"],
        );
    }

    #[test]
    fn unknown_names_get_suggestions() {
        let said = |name: &str, languages: &[&str]| {
            let languages = languages.iter().map(|&language| language.to_owned()).collect();
            load(name, &LoadOptions { data: Vec::new(), languages }).unwrap_err().to_string()
        };
        expect!["there is no suite `humaneval-plus`; did you mean humanevalplus, humaneval, humaneval-x?"]
            .assert_eq(&said("humaneval-plus", &[]));
        expect!["there is no suite `HumanEval`; did you mean humaneval, humaneval-x, humanevalplus?"]
            .assert_eq(&said("HumanEval", &[]));
        expect!["the suite `humaneval-x` has no task in `Klingon`, only in C++, Go, Java, JavaScript, Python, Rust"]
            .assert_eq(&said("humaneval-x", &["js", "Klingon"]));
        expect!["the suite `cruxeval` has no task in `rust`, only in Python"].assert_eq(&said("cruxeval", &["rust"]));
        expect!["no `data/HumanEval.jsonl.gz` of the data set `humaneval` anywhere, since no data directory is given; get it with `prentice eval fetch humaneval`"].assert_eq(&said("humaneval", &["python"]));
    }
}
