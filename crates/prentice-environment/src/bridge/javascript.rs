//! The bridge for JavaScript (HumanEval-X, HumanEvalPack).
//!
//! # Protocol
//! A message is a 32-bit length, little-endian, and that many bytes of JSON. A call is the list of the arguments; a reply
//! is `["returned", value]` or `["threw", text]`. A value stands for itself if it is null, a boolean, a string or a
//! finite number other than -0; anything else is a list `[kind, content...]`, see `support/bridge.cjs`. Functions and
//! symbols arrive as a fresh symbol, which equals nothing.
//!
//! # Verdict
//! The published tests use `console.assert`, which only prints. Upstream (`CodeGeeX codegeex/benchmark/execution.py`)
//! fails a program that prints anything, to standard error or output. Here a failed assertion ends the examiner.
//!
//! # Deviations
//! A candidate that prints passes if its answers are right; upstream fails it. Arguments are copies: a change that the
//! function makes to them does not reach the test (upstream, HumanEval/32 checks a zero of the polynomial with the very
//! list of coefficients that the candidate was given, and could have cleared). Getters, prototypes and methods of
//! objects do not survive the journey. Standard input and output are replaced at the level of `process` and `console`: a
//! program that writes to descriptor 1 by `fs` spoils its own answers.

use prentice_sandbox::BuildOptions;

use super::{
    CANDIDATE_GONE_EXIT, CANDIDATE_THREW_EXIT, Candidate, Examiner, MESSAGE_BYTES, Parts, Unbridgeable,
    WRONG_ANSWER_EXIT,
};

/// Both programs begin with this; the name is one that no completion uses by accident.
const OPENING: &str = "const __prentice = require(\"./bridge.cjs\");\n";

/// Upstream installs the package `js-md5`, which HumanEval/162 needs; node has the function itself.
const MD5: &str = "\
const { createHash } = require(\"node:crypto\");
const md5 = (text) => createHash(\"md5\").update(text).digest(\"hex\");
module.exports = Object.assign(md5, { md5, hex: md5 });
";

pub(super) fn examiner(parts: &Parts) -> Result<Examiner, Unbridgeable> {
    let name = parts.entry_point;
    let before = &parts.program.prefix[..declaration(&parts.program.prefix, name)?];
    let main = format!(
        "{OPENING}__prentice.examine();\n{before}const {name} = (...given) => __prentice.ask(given);\n{}\n",
        parts.test
    );
    Ok(Examiner { sources: with_support(main), options: BuildOptions::default() })
}

pub(super) fn candidate(parts: &Parts, completion: &str) -> Result<Candidate, Unbridgeable> {
    let name = parts.entry_point;
    declaration(&parts.program.prefix, name)?;
    let (prefix, suffix) = (&parts.program.prefix, &parts.program.suffix);
    let main = format!("{OPENING}{prefix}{completion}{suffix}\n;__prentice.answer({name});\n");
    Ok(Candidate { sources: with_support(main), options: BuildOptions::default() })
}

fn with_support(main: String) -> Vec<(String, String)> {
    let constants = [
        ("MESSAGE_BYTES", MESSAGE_BYTES as i64),
        ("WRONG_ANSWER_EXIT", WRONG_ANSWER_EXIT.into()),
        ("CANDIDATE_GONE_EXIT", CANDIDATE_GONE_EXIT.into()),
        ("CANDIDATE_THREW_EXIT", CANDIDATE_THREW_EXIT.into()),
    ];
    let mut support = include_str!("support/bridge.cjs").to_owned();
    support.extend(constants.map(|(name, value)| format!("const {name} = {value};\n")));
    // With the extension `.cjs`, node does not search the directories above for a `package.json`.
    let modules = [("main.cjs", main), ("bridge.cjs", support), ("node_modules/js-md5.js", MD5.to_owned())];
    modules.map(|(name, content)| (name.to_owned(), content)).into()
}

/// Where the last declaration of a function begins: a line that opens with `const name`, `function name` or the like.
fn declaration(prefix: &str, name: &str) -> Result<usize, Unbridgeable> {
    let declares = |line: &str| {
        let mut words =
            line.split(|c: char| c.is_whitespace() || matches!(c, '(' | '=' | '*')).filter(|w| !w.is_empty());
        matches!(words.next(), Some("const" | "let" | "var" | "function")) && words.next() == Some(name)
    };
    let mut position = 0;
    let mut found = None;
    for line in prefix.split_inclusive('\n') {
        if declares(line) {
            found = Some(position);
        }
        position += line.len();
    }
    found.ok_or_else(|| Unbridgeable::new(format!("its prompt does not declare the function `{name}`")))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use prentice_base::Program;

    use super::*;

    fn check(prefix: &str, expected: Expect) {
        let program = Program { language: "JavaScript".into(), prefix: prefix.into(), suffix: String::new() };
        let parts =
            Parts { program: &program, entry_point: "twice", test: "console.assert(twice(1) === 2)", reference: None };
        let shown = match (examiner(&parts), candidate(&parts, "  return half(4 * x)\n}\n")) {
            (Ok(examiner), Ok(candidate)) => format!("{}-----\n{}", examiner.sources[0].1, candidate.sources[0].1),
            (Err(error), _) | (_, Err(error)) => format!("{error}\n"),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn the_stub_replaces_the_last_declaration_and_helpers_stay() {
        check(
            "const half = (x) => {\n  return x / 2\n}\n/* twice(3) === 6 */\nconst twice = (x) => {\n",
            expect![[r#"
                const __prentice = require("./bridge.cjs");
                __prentice.examine();
                const half = (x) => {
                  return x / 2
                }
                /* twice(3) === 6 */
                const twice = (...given) => __prentice.ask(given);
                console.assert(twice(1) === 2)
                -----
                const __prentice = require("./bridge.cjs");
                const half = (x) => {
                  return x / 2
                }
                /* twice(3) === 6 */
                const twice = (x) => {
                  return half(4 * x)
                }

                ;__prentice.answer(twice);
            "#]],
        );
    }

    #[test]
    fn an_undeclared_entry_point_is_refused() {
        check(
            "const twicer = (x) => {\n",
            expect![[r#"
            the task cannot be split into examiner and candidate: its prompt does not declare the function `twice`
        "#]],
        );
    }
}
