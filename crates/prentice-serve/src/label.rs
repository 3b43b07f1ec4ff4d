//! The tests that come with a request: verl's `ground_truth`, OpenRLHF's and slime's `label`.
//!
//! A JSON object, or a string that holds one:
//!
//! 1. `{"inputs": [...], "outputs": [...]}`: a whole program that reads and prints (verl's `prime_code` and
//!    `sandbox_fusion`; APPS, TACO, CodeContests). An input or output is a string, or a list of lines.
//! 2. `{"fn_name": "f", "inputs": [...], "outputs": [...]}` (or `entry_point`): calls of a function or of a method of
//!    `Solution`. As in verl, an input is a string with one JSON value a line, an output a string with one; or, as APPS
//!    stores them, the list of arguments and the value (or a list with only the value).
//! 3. `{"prompt": "...", "canonical_solution": "...", "test": "...", "entry_point": "f"}`, a row of HumanEval: `test`
//!    defines `check(candidate)`, and the calls that it makes are learnt by running it with the solution. The prompt
//!    stands before the response's program, which may be a whole function or a completion of the prompt.
//! 4. `{"task_id": "HumanEval/17"}`: a task that the service was started with, likewise. In other languages than
//!    Python the program must be a completion of the task's prompt.
//!
//! Each may say `"language"`, by SandboxFusion's names; otherwise it is Python. The first three may say `"timeout"`,
//! the CPU time for each test in seconds; otherwise it is [`DEFAULT_TIMEOUT`]. Not covered: verl's `assert_case`, whose
//! assertions would have to run inside the candidate's process, where it can read and defeat them. Labels are trusted:
//! their test programs run in the sandbox, but in a process that lives on for other requests.

use std::time::Duration;

use prentice_base::{Check, Limits, Program, Snapshot, Task, TaskKind, TestCase};
use prentice_sandbox::Language;
use serde_json::{Map, Value};

use crate::protocol;

/// CPU time for one test, as verl's `sandbox_fusion` has it (there of elapsed time).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time that a label may ask for.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What decides about a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The language of the program.
    pub language: Language,
    /// CPU time for one test.
    pub timeout: Duration,
    /// Its tests.
    pub tests: Tests,
}

/// The forms of tests.
#[derive(Clone, Debug, PartialEq)]
pub enum Tests {
    /// A program that reads standard input and writes standard output.
    Streams(Vec<StreamCase>),
    /// Tests that call the candidate.
    Task(Box<Task>),
    /// A task of a suite, by id.
    Suite(String),
}

/// One run of a program that reads and prints.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamCase {
    /// Standard input.
    pub input: String,
    /// What it should print; never enters the candidate's process.
    pub output: String,
}

impl Label {
    /// Reads a label; `language` is what the request says beside it.
    ///
    /// # Errors
    /// What is wrong, and where in the label.
    pub fn parse(label: &Value, language: Option<&str>) -> Result<Self, String> {
        let parsed;
        let object = match label {
            Value::Object(object) => object,
            Value::String(text) => {
                parsed = serde_json::from_str::<Value>(text).map_err(|error| format!("is no JSON: {error}"))?;
                parsed.as_object().ok_or_else(|| format!("holds {}, not an object with tests", kind(&parsed)))?
            }
            other => return Err(format!("is {}, not an object with tests or a string that holds one", kind(other))),
        };
        let language = match string(object, "language")?.or(language) {
            Some(name) => protocol::language(name)?,
            None => Language::Python,
        };
        let timeout = timeout(object)?;
        let entry_point = string(object, "fn_name")?.or(string(object, "entry_point")?);
        let tests = if let Some(id) = string(object, "task_id")?.filter(|_| !object.contains_key("test")) {
            Tests::Suite(id.to_owned())
        } else if let Some(test) = string(object, "test")? {
            let entry_point = entry_point.ok_or("has a `test` and no `entry_point`")?;
            let solution = string(object, "canonical_solution")?.ok_or("has a `test` and no `canonical_solution`")?;
            Tests::Task(Box::new(function_task(
                language,
                entry_point,
                timeout,
                Function {
                    prefix: string(object, "prompt")?.unwrap_or_default().to_owned(),
                    suffix: String::new(),
                    reference: solution.to_owned(),
                    test: format!("{test}\ncheck({entry_point})\n"),
                },
            )?))
        } else if object.contains_key("inputs") || object.contains_key("outputs") {
            let (inputs, outputs) = (list(object, "inputs")?, list(object, "outputs")?);
            if inputs.len() != outputs.len() {
                return Err(format!("has {} inputs and {} outputs", inputs.len(), outputs.len()));
            }
            if inputs.is_empty() {
                return Err("has no inputs: without a test every program would pass".to_owned());
            }
            match entry_point {
                Some(entry_point) => {
                    let function = called_function(entry_point, inputs, outputs)?;
                    Tests::Task(Box::new(function_task(language, entry_point, timeout, function)?))
                }
                None => Tests::Streams(stream_cases(inputs, outputs)?),
            }
        } else {
            return Err("has neither `inputs` and `outputs`, nor `test` and `entry_point`, nor `task_id`".to_owned());
        };
        Ok(Self { language, timeout, tests })
    }
}

fn stream_cases(inputs: &[Value], outputs: &[Value]) -> Result<Vec<StreamCase>, String> {
    let text = |name: &str, index: usize, value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(lines) => {
            let lines: Option<Vec<&str>> = lines.iter().map(Value::as_str).collect();
            lines
                .map(|lines| lines.join("\n"))
                .ok_or_else(|| format!("`{name}[{index}]` has lines that are no strings"))
        }
        other => Err(format!("`{name}[{index}]` is {}, not a string or a list of lines", kind(other))),
    };
    let case = |(index, (input, output))| {
        Ok(StreamCase { input: text("inputs", index, input)?, output: text("outputs", index, output)? })
    };
    inputs.iter().zip(outputs).enumerate().map(case).collect()
}

/// What surrounds a function, and decides about it.
struct Function {
    prefix: String,
    suffix: String,
    reference: String,
    test: String,
}

/// A function with given results. The test program and the reference, which is a table of the results, hold what is
/// expected; they stay on the examiner's side.
///
/// Values stay the text that they came as, since Python's integers have no bound and ours do.
fn called_function(entry_point: &str, inputs: &[Value], outputs: &[Value]) -> Result<Function, String> {
    let mut cases = Vec::new();
    for (index, (input, output)) in inputs.iter().zip(outputs).enumerate() {
        let place = |name: &str, message: String| format!("`{name}[{index}]` {message}");
        let arguments: Vec<String> = match input {
            Value::String(text) => text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect(),
            Value::Array(arguments) => {
                arguments.iter().map(exact_text).collect::<Result<_, _>>().map_err(|m| place("inputs", m))?
            }
            other => return Err(place("inputs", format!("is {}, not a string or a list of arguments", kind(other)))),
        };
        // Every value that is right. APPS wraps the value in a list, so there both readings must do.
        let right = match output {
            Value::String(text) => vec![text.clone()],
            Value::Array(values) if values.len() == 1 => vec![output, &values[0]]
                .into_iter()
                .map(exact_text)
                .collect::<Result<_, _>>()
                .map_err(|m| place("outputs", m))?,
            other => vec![exact_text(other).map_err(|message| place("outputs", message))?],
        };
        for (name, texts) in [("inputs", &arguments), ("outputs", &right)] {
            let broken = texts.iter().find_map(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).err());
            if let Some(error) = broken {
                return Err(place(name, format!("is no JSON: {error}")));
            }
        }
        cases.push(Value::from(vec![Value::from(arguments), Value::from(right)]));
    }
    // The text of a JSON value as a JSON string is a literal that Python reads the same.
    let literal = Value::from(Value::from(cases).to_string()).to_string();
    let reference = format!(
        "import json as _json\n\
         _cases = [(list(map(_json.loads, arguments)), list(map(_json.loads, right)))\n          \
             for arguments, right in _json.loads({literal})]\n\
         def {entry_point}(*arguments):\n    \
             asked = _json.dumps(arguments)\n    \
             return next(right[0] for known, right in _cases if _json.dumps(known) == asked)\n"
    );
    let test = format!(
        "def _plain(value):\n    \
             return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value\n\
         def _check(candidate):\n    \
             for arguments, right in _cases:\n        \
                 assert _plain(candidate(*arguments)) in right\n\
         _check({entry_point})\n"
    );
    Ok(Function { prefix: verl_imports(), suffix: method_as_function(entry_point), reference, test })
}

/// What both of verl's scorers put before a function, and solutions of its data sets rely on.
fn verl_imports() -> String {
    const MODULES: [&str; 18] = [
        "string",
        "re",
        "datetime",
        "collections",
        "heapq",
        "bisect",
        "copy",
        "math",
        "random",
        "statistics",
        "itertools",
        "functools",
        "operator",
        "io",
        "sys",
        "json",
        "builtins",
        "typing",
    ];
    let everything = MODULES.map(|module| format!("from {module} import *\n")).concat();
    everything + &MODULES.map(|module| format!("import {module}\n")).concat()
}

/// Makes a method of `Solution` callable by its name, unless there is a function of that name.
fn method_as_function(name: &str) -> String {
    format!("\n\nif \"{name}\" not in globals() and \"Solution\" in globals():\n    {name} = Solution().{name}\n")
}

/// The JSON text of a value that was read without loss.
fn exact_text(value: &Value) -> Result<String, String> {
    if is_exact(value) {
        Ok(value.to_string())
    } else {
        Err("holds a number of more than 64 bits: give the value as a string of JSON".to_owned())
    }
}

fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64() || number.as_f64().is_some_and(|float| float.abs() < 9e18),
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        _ => true,
    }
}

fn function_task(language: Language, entry_point: &str, timeout: Duration, function: Function) -> Result<Task, String> {
    if language != Language::Python {
        return Err("has tests that call a function; those are Python, whatever `language` says".to_owned());
    }
    check_entry_point(entry_point)?;
    let Function { prefix, suffix, reference, test: program } = function;
    Ok(Task {
        id: "of the label".to_owned(),
        kind: TaskKind::Synthesis,
        snapshot: Snapshot::Program(Program { language: "Python".to_owned(), prefix, suffix }),
        instruction: String::new(),
        entry_point: entry_point.to_owned(),
        reference: Some(reference),
        source: None,
        visible_tests: Vec::new(),
        hidden_tests: vec![TestCase { name: "label".to_owned(), check: Check::Program { program } }],
        limits: Limits { cpu_seconds: timeout.as_secs_f64(), ..Limits::default() },
    })
}

/// The entry point becomes part of a test program, so it must be a name and nothing else.
fn check_entry_point(name: &str) -> Result<(), String> {
    let starts = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let is_name = starts && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if is_name { Ok(()) } else { Err(format!("has the entry point `{name}`, which is no name")) }
}

fn timeout(object: &Map<String, Value>) -> Result<Duration, String> {
    let Some(value) = object.get("timeout").filter(|value| !value.is_null()) else { return Ok(DEFAULT_TIMEOUT) };
    let duration = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.filter(|duration| !duration.is_zero() && *duration <= LONGEST_TIMEOUT).ok_or_else(|| {
        format!("has the `timeout` {value}; it must be above 0 and at most {} seconds", LONGEST_TIMEOUT.as_secs())
    })
}

fn string<'a>(object: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("`{key}` is {}, not a string", kind(other))),
    }
}

fn list<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a [Value], String> {
    match object.get(key) {
        Some(Value::Array(values)) => Ok(values),
        Some(other) => Err(format!("`{key}` is {}, not a list", kind(other))),
        None => Err(format!("has no `{key}`")),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn check(label: Value, expected: Expect) {
        let text = match Label::parse(&label, None) {
            Err(message) => format!("error: the label {message}"),
            Ok(Label { language, tests: Tests::Task(task), .. }) => {
                let Check::Program { program } = &task.hidden_tests[0].check else { unreachable!() };
                let Snapshot::Program(code) = &task.snapshot else { unreachable!() };
                let prefix = code.prefix.lines().last().unwrap_or_default();
                let reference = task.reference.unwrap();
                format!("{language:?} {}\n{prefix}\n---{}---\n{reference}---\n{program}", task.entry_point, code.suffix)
            }
            Ok(Label { language, tests, .. }) => format!("{language:?} {tests:?}"),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn programs_that_read_and_print() {
        check(
            json!({"inputs": ["1 2\n", ["3", "4"]], "outputs": ["3\n", ["7"]], "language": "cpp"}),
            expect![[
                r#"Cpp Streams([StreamCase { input: "1 2\n", output: "3\n" }, StreamCase { input: "3\n4", output: "7" }])"#
            ]],
        );
        // verl stores ground truths as JSON text.
        check(
            json!("{\n \"inputs\": [\"1\"],\n \"outputs\": [\"1\"]\n}"),
            expect![[r#"Python Streams([StreamCase { input: "1", output: "1" }])"#]],
        );
    }

    #[test]
    fn functions_and_suites() {
        check(
            json!({"fn_name": "add", "inputs": ["1\n2", "[3]\n\"'\\\"\""], "outputs": ["3", "[\"x\"]"]}),
            expect![[r#"
                Python add
                import typing
                ---

                if "add" not in globals() and "Solution" in globals():
                    add = Solution().add
                ---
                import json as _json
                _cases = [(list(map(_json.loads, arguments)), list(map(_json.loads, right)))
                          for arguments, right in _json.loads("[[[\"1\",\"2\"],[\"3\"]],[[\"[3]\",\"\\\"'\\\\\\\"\\\"\"],[\"[\\\"x\\\"]\"]]]")]
                def add(*arguments):
                    asked = _json.dumps(arguments)
                    return next(right[0] for known, right in _cases if _json.dumps(known) == asked)
                ---
                def _plain(value):
                    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
                def _check(candidate):
                    for arguments, right in _cases:
                        assert _plain(candidate(*arguments)) in right
                _check(add)
            "#]],
        );
        check(
            json!({"task_id": "x/1", "prompt": "def f(x):\n", "canonical_solution": "    return x + 1\n", "entry_point": "f",
                "test": "def check(candidate):\n    assert candidate(1) == 2"}),
            expect![[r#"
                Python f
                def f(x):
                ------
                    return x + 1
                ---
                def check(candidate):
                    assert candidate(1) == 2
                check(f)
            "#]],
        );
        check(json!({"task_id": "HumanEval/17"}), expect![[r#"Python Suite("HumanEval/17")"#]]);
    }

    #[test]
    fn a_bad_label_says_what_and_where() {
        let cases = [
            json!(null),
            json!("no json"),
            json!("[1]"),
            json!({}),
            json!({"inputs": ["1"]}),
            json!({"inputs": ["1"], "outputs": []}),
            json!({"inputs": [], "outputs": []}),
            json!({"inputs": ["1", 2], "outputs": ["1", "2"]}),
            json!({"inputs": ["1"], "outputs": [["a", 1]]}),
            json!({"inputs": "1", "outputs": ["1"]}),
            json!({"inputs": ["1"], "outputs": ["1"], "language": "cobol"}),
            json!({"inputs": ["1 2"], "outputs": ["1"], "fn_name": "f"}),
            json!({"inputs": ["1"], "outputs": ["x"], "fn_name": "f"}),
            json!({"inputs": [[1e30]], "outputs": [1], "fn_name": "f"}),
            json!({"test": "pass", "entry_point": "f); import os; (f", "canonical_solution": ""}),
            json!({"test": "pass"}),
            json!({"test": "pass", "entry_point": "f", "canonical_solution": "", "language": "go"}),
            json!({"test": "pass", "entry_point": "f"}),
            json!({"task_id": 17}),
            json!({"inputs": ["1"], "outputs": ["1"], "timeout": 0}),
            json!({"inputs": ["1"], "outputs": ["1"], "timeout": "1"}),
        ];
        let errors = cases.map(|label| Label::parse(&label, None).unwrap_err());
        expect![[r#"
            is null, not an object with tests or a string that holds one
            is no JSON: expected ident at line 1 column 2
            holds a list, not an object with tests
            has neither `inputs` and `outputs`, nor `test` and `entry_point`, nor `task_id`
            has no `outputs`
            has 1 inputs and 0 outputs
            has no inputs: without a test every program would pass
            `inputs[1]` is a number, not a string or a list of lines
            `outputs[0]` has lines that are no strings
            `inputs` is a string, not a list
            has the language `cobol`; known are python, nodejs, rust, c, cpp, go, java
            `inputs[0]` is no JSON: trailing characters at line 1 column 3
            `outputs[0]` is no JSON: expected value at line 1 column 1
            `inputs[0]` holds a number of more than 64 bits: give the value as a string of JSON
            has the entry point `f); import os; (f`, which is no name
            has a `test` and no `entry_point`
            has tests that call a function; those are Python, whatever `language` says
            has a `test` and no `canonical_solution`
            `task_id` is a number, not a string
            has the `timeout` 0; it must be above 0 and at most 60 seconds
            has the `timeout` "1"; it must be above 0 and at most 60 seconds"#]]
        .assert_eq(&errors.join("\n"));
    }
}
