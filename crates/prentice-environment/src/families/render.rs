//! Writes programs in Python, JavaScript and Rust: the beginning of a function with its documentation, and the body.
//!
//! A body has one statement for each stage. Everything is called `solve`, lists are `xs`, numbers `n`, texts `s`.
//!
//! Quirks: Rust declares a new variable for each stage, since the domain may change; integers are `i64`, as
//! JavaScript's doubles hold all that occur ([`super::grammar::LARGEST_NUMBER`]).

use prentice_base::{Check, Rng, Seed};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::{
    grammar::{Composition, Kind, Operator, Value},
    primitives::Meaning,
};

/// The name of every function.
pub const ENTRY_POINT: &str = "solve";

/// The languages that programs are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Python 3.
    Python,
    /// JavaScript, for Node.
    JavaScript,
    /// Rust, edition 2021.
    Rust,
}

impl Language {
    /// Name as Linguist spells it.
    pub fn name(self) -> &'static str {
        match self {
            Language::Python => "Python",
            Language::JavaScript => "JavaScript",
            Language::Rust => "Rust",
        }
    }
}

/// Which of its phrasings each stage has, and how they are joined.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Phrasing {
    /// For each stage a place in [`super::primitives::Primitive::phrasings`].
    pub stages: Vec<usize>,
    /// Whether stages are sentences of their own.
    pub has_sentences: bool,
}

impl Phrasing {
    /// A phrasing by chance.
    pub fn draw(composition: &Composition, seed: Seed) -> Self {
        let mut random: Rng = seed.rng();
        let stages = composition.stages().iter();
        let stages = stages.map(|stage| random.random_range(0..stage.primitive().phrasings.len())).collect();
        Self { stages, has_sentences: random.random_bool(0.5) }
    }

    /// What a program does, in English: `Keep the even numbers. Then add them up.`
    pub fn describe(&self, composition: &Composition) -> String {
        let joiner = if self.has_sentences { ". Then " } else { ", then " };
        let stages = composition.stages().iter().zip(&self.stages);
        let stages: Vec<String> = stages.map(|(stage, &which)| phrase(*stage, which)).collect();
        let text = stages.join(joiner);
        format!("{}{}.", text[..1].to_uppercase(), &text[1..])
    }
}

fn phrase(stage: Operator, which: usize) -> String {
    stage.constant().fill(stage.primitive().phrasings[which])
}

/// The argument's name.
pub fn parameter(kind: Kind) -> &'static str {
    match kind {
        Kind::List => "xs",
        Kind::Number => "n",
        Kind::Text => "s",
    }
}

fn rust_type(kind: Kind) -> &'static str {
    match kind {
        Kind::List => "Vec<i64>",
        Kind::Number => "i64",
        Kind::Text => "String",
    }
}

/// A value as an expression.
pub fn literal(language: Language, value: &Value) -> String {
    match (language, value) {
        (Language::Python, Value::Text(text)) => format!("'{text}'"),
        (Language::Rust, Value::Text(text)) => format!("\"{text}\".to_string()"),
        (Language::Rust, Value::List(_)) => format!("vec!{}", value.json()),
        _ => value.json(),
    }
}

/// The line that opens the function, with its line feed.
pub fn opening(language: Language, from: Kind, to: Kind) -> String {
    let name = parameter(from);
    match language {
        Language::Python => format!("def {ENTRY_POINT}({name}):\n"),
        Language::JavaScript => format!("const {ENTRY_POINT} = ({name}) => {{\n"),
        Language::Rust => format!("fn {ENTRY_POINT}({name}: {}) -> {} {{\n", rust_type(from), rust_type(to)),
    }
}

/// The documented beginning of a function, up to where its body begins. `description` may be empty.
pub fn prefix(language: Language, composition: &Composition, description: &str, examples: &[(Value, Value)]) -> String {
    let mut lines = Vec::new();
    if !description.is_empty() {
        lines.push(description.to_owned());
        lines.push(String::new());
    }
    for (argument, result) in examples {
        lines.push(format!(">>> {ENTRY_POINT}({})", literal(language, argument)));
        lines.push(literal(language, result));
    }
    let opening = opening(language, composition.from(), composition.to());
    match language {
        Language::Python => {
            let lead = if description.is_empty() { "\n    " } else { "" };
            format!("{opening}    \"\"\"{lead}{}\n    \"\"\"\n", lines.join("\n    ")).replace("\n    \n", "\n\n")
        }
        Language::JavaScript => format!("/*\n{}\n*/\n{opening}", lines.join("\n")),
        Language::Rust => {
            let lines: String = lines.iter().map(|line| format!("/// {line}").trim_end().to_owned() + "\n").collect();
            format!("{lines}{opening}")
        }
    }
}

/// The body of a function, with what closes it.
pub fn body(language: Language, composition: &Composition) -> String {
    let mut text = String::new();
    let last = composition.depth() - 1;
    for (at, stage) in composition.stages().iter().enumerate() {
        let code = expression(language, *stage);
        let kind = stage.primitive().to();
        let (name, kind) = (parameter(kind), rust_type(kind));
        text += &match (language, at == last) {
            (Language::Python, false) => format!("    {name} = {code}\n"),
            (Language::Python, true) => format!("    return {code}\n"),
            // The parameter is the only variable that exists already.
            (Language::JavaScript, false) if name == parameter(composition.from()) => format!("  {name} = {code}\n"),
            (Language::JavaScript, false) => {
                let is_first = composition.stages()[..at].iter().all(|other| parameter(other.primitive().to()) != name);
                format!("  {}{name} = {code}\n", if is_first { "let " } else { "" })
            }
            (Language::JavaScript, true) => format!("  return {code}\n"),
            (Language::Rust, false) => format!("    let {name}: {kind} = {code};\n"),
            (Language::Rust, true) => format!("    {code}\n"),
        };
    }
    if language != Language::Python {
        text += "}\n";
    }
    text
}

/// What a stage computes of the variable of its domain.
fn expression(language: Language, stage: Operator) -> String {
    let primitive = stage.primitive();
    let [python, javascript, rust] = primitive.code;
    let code = |template| stage.constant().fill(template);
    match (language, primitive.meaning) {
        (Language::Python, Meaning::Keep(_)) => format!("[x for x in xs if {}]", code(python)),
        (Language::Python, Meaning::Each(_)) => format!("[{} for x in xs]", code(python)),
        (Language::Python, _) => code(python),
        (Language::JavaScript, Meaning::Keep(_)) => format!("xs.filter((x) => {})", code(javascript)),
        (Language::JavaScript, Meaning::Each(_)) => format!("xs.map((x) => {})", code(javascript)),
        (Language::JavaScript, _) => code(javascript),
        (Language::Rust, Meaning::Keep(_)) => format!("xs.into_iter().filter(|&x| {}).collect()", code(rust)),
        (Language::Rust, Meaning::Each(_)) => format!("xs.into_iter().map(|x| {}).collect()", code(rust)),
        (Language::Rust, _) => code(rust),
    }
}

/// The check that a function gives what `composition` gives for these arguments: by the task's own reference in Python,
/// by a test program in the other languages.
pub fn check(language: Language, composition: &Composition, arguments: &[Value]) -> Check {
    let literal = |value: &Value| literal(language, value);
    let cases = arguments.iter().map(|argument| (literal(argument), composition.evaluate(argument)));
    let program = match language {
        Language::Python => {
            let inputs = arguments.iter().map(|argument| format!("[{}]", argument.json()).into()).collect();
            return Check::Reference { inputs, tolerance: 0.0 };
        }
        Language::JavaScript => cases
            .map(|(argument, result)| {
                let result = literal(&result);
                format!("console.assert(JSON.stringify({ENTRY_POINT}({argument})) === JSON.stringify({result}))\n")
            })
            .collect(),
        Language::Rust => {
            let kind = rust_type(composition.to());
            let cases = cases.map(|(argument, result)| {
                let result = literal(&result);
                format!("    let expected: {kind} = {result};\n    assert_eq!({ENTRY_POINT}({argument}), expected);\n")
            });
            format!("#[test]\nfn test_solve() {{\n{}}}\n", cases.collect::<String>())
        }
    };
    Check::Program { program }
}
