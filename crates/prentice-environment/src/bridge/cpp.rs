//! The bridge for C++ (HumanEval-X, HumanEvalPack).
//!
//! # Protocol
//! A message is a 32-bit length in the machine's byte order and that many bytes. A call is the arguments one after the
//! other; a reply is a byte 0, the arguments that the function may have changed (those taken by non-constant reference),
//! and the result; or a byte 1 and the text of an exception. Numbers are their bytes in memory, containers a 64-bit
//! count and their elements, pairs their two parts, a `boost::any` a byte for its type and the content. Both ends are
//! built by the same compiler on the same machine, from `support/bridge.hpp`; the examiner takes no count, bool or tag
//! from a reply without checking it.
//!
//! # Build
//! Like upstream (`CodeGeeX codegeex/benchmark/execution.py`): C++11, not optimised (some canonical solutions forget a
//! `return`, which an optimising compiler takes as a promise), `-lcrypto` where the prompt includes an OpenSSL header.
//! Where a library is missing, the examiner does not compile, and the message names the package.
//!
//! # Deviations
//! Upstream puts some `#include`s before every program: HumanEval-X nine, those that the prompt lacks, HumanEvalPack
//! twenty-one. Both suites get HumanEvalPack's here, except `<boost/any.hpp>`, which stands only where the prompt
//! names it (whoever lacks Boost loses two tasks and not all), and `<cstring>`, which the examiner goes without, see
//! `CANDIDATE_IMPORTS`. HumanEvalPack also cuts a completion at `int main`; here a completion with a `main` of its own
//! does not compile, as in HumanEval-X.
//!
//! # Not covered
//! Parameters and results that are pointers, arrays, templates or classes of the prompt's own.

use std::fmt::Write as _;

use prentice_sandbox::BuildOptions;

use super::{
    CANDIDATE_GONE_EXIT, CANDIDATE_THREW_EXIT, Candidate, Examiner, MESSAGE_BYTES, Parts, Unbridgeable,
    scan::{Syntax, mask, split_commas, unclosed},
};

/// What HumanEvalPack puts before every program (`IMPORT_HELPER` in `bigcode_eval/tasks/humanevalpack.py`).
const IMPORTS: &str = "\
#include <stdlib.h>
#include <algorithm>
#include <cmath>
#include <math.h>
#include <numeric>
#include <stdio.h>
#include <vector>
#include <set>
#include <map>
#include <queue>
#include <stack>
#include <list>
#include <deque>
#include <string>
#include <climits>
#include <iostream>
#include <sstream>
#include <fstream>
using namespace std;
";

/// Of these, what only the candidate gets. HumanEval/23 asks for a function `strlen`, and its test calls it with literals:
/// where the function of C is declared, it is taken instead, and any completion passes (upstream, the planted bug does).
const CANDIDATE_IMPORTS: &str = "#include <cstring>\n";

/// Words of types that can be sent. Aliases (`typedef`, `using`) of the prompt are taken on trust.
const SENDABLE: &str = "bool char signed unsigned short int long float double size_t int8_t int16_t int32_t int64_t \
    uint8_t uint16_t uint32_t uint64_t string vector list deque set multiset unordered_set map multimap unordered_map \
    pair std const";

pub(super) fn examiner(parts: &Parts) -> Result<Examiner, Unbridgeable> {
    let prefix = &parts.program.prefix;
    let entry = EntryFunction::of(prefix)?;
    let names: Vec<&str> = entry.parameters.iter().map(|parameter| parameter.name).collect();
    let main = format!(
        "{}{}\n    return ::prentice_bridge::Function<{}>::ask({});\n}}\n{}",
        opening(prefix),
        &prefix[..entry.body],
        entry.signature(),
        names.join(", "),
        parts.test
    );
    Ok(Examiner { sources: with_support(main), options: options(prefix) })
}

pub(super) fn candidate(parts: &Parts, completion: &str) -> Result<Candidate, Unbridgeable> {
    let (prefix, suffix) = (&parts.program.prefix, &parts.program.suffix);
    let entry = EntryFunction::of(prefix)?;
    let main = format!(
        "{}{CANDIDATE_IMPORTS}{prefix}{completion}{suffix}\nint main() {{ return ::prentice_bridge::Function<{}>::answer({}); }}\n",
        opening(prefix),
        entry.signature(),
        entry.name
    );
    Ok(Candidate { sources: with_support(main), options: options(prefix) })
}

/// Libraries that some prompts include: header, package of Debian, argument of the linker.
const LIBRARIES: [(&str, &str, Option<&str>); 2] =
    [("boost/any.hpp", "libboost-dev", None), ("openssl/md5.h", "libssl-dev", Some("-lcrypto"))];

fn opening(prefix: &str) -> String {
    let mut opening = String::new();
    for (header, package, _) in LIBRARIES.iter().filter(|(header, ..)| includes(prefix, header)) {
        let _ = write!(
            opening,
            "#if !__has_include(<{header}>)\n#error this task needs <{header}>: apt install {package}\n#endif\n"
        );
    }
    opening.push_str("#include \"bridge.hpp\"\n");
    if includes(prefix, "boost/any.hpp") {
        opening.push_str("#include \"bridge_any.hpp\"\n");
    }
    opening + IMPORTS
}

fn includes(prefix: &str, header: &str) -> bool {
    prefix.lines().any(|line| line.trim_start().starts_with('#') && line.contains("include") && line.contains(header))
}

fn options(prefix: &str) -> BuildOptions {
    let mut options = BuildOptions::default();
    options.arguments.extend(["-std=c++11", "-O0"].map(str::to_owned));
    options.arguments.extend([
        format!("-DPRENTICE_MESSAGE_BYTES={MESSAGE_BYTES}"),
        format!("-DPRENTICE_CANDIDATE_GONE_EXIT={CANDIDATE_GONE_EXIT}"),
        format!("-DPRENTICE_CANDIDATE_THREW_EXIT={CANDIDATE_THREW_EXIT}"),
    ]);
    let needed = LIBRARIES.iter().filter(|(header, ..)| includes(prefix, header));
    options.arguments.extend(needed.filter_map(|(.., argument)| argument.map(str::to_owned)));
    options
}

fn with_support(main: String) -> Vec<(String, String)> {
    vec![
        ("main.cpp".to_owned(), main),
        ("bridge.hpp".to_owned(), include_str!("support/bridge.hpp").to_owned()),
        ("bridge_any.hpp".to_owned(), include_str!("support/bridge_any.hpp").to_owned()),
    ]
}

/// The function that a prompt leaves open for the completion.
struct EntryFunction<'a> {
    returns: &'a str,
    name: &'a str,
    parameters: Vec<Parameter<'a>>,
    /// Where its body begins, behind the brace.
    body: usize,
}

struct Parameter<'a> {
    kind: &'a str,
    name: &'a str,
}

impl<'a> EntryFunction<'a> {
    /// Finds the function whose body the prompt opens and does not close.
    fn of(prefix: &'a str) -> Result<Self, Unbridgeable> {
        let (start, body) =
            open_declaration(prefix).ok_or_else(|| Unbridgeable::new("its prompt leaves no function open"))?;
        let declaration = prefix[start..body - 1].trim();
        let unclear = || Unbridgeable::new(format!("no function declaration is seen in `{declaration}`"));
        let (head, rest) = declaration.split_once('(').ok_or_else(unclear)?;
        let inner = rest.trim_end().strip_suffix(')').ok_or_else(unclear)?;
        let head = strip_words(head.trim(), &["static", "inline"]);
        let (returns, name) = split_name(head).ok_or_else(unclear)?;
        let parameters = split_commas(inner)
            .into_iter()
            .filter(|parameter| *parameter != "void")
            .map(|parameter| {
                let (kind, name) = split_name(parameter)
                    .ok_or_else(|| Unbridgeable::new(format!("parameter `{parameter}` has no name")))?;
                Ok(Parameter { kind, name })
            })
            .collect::<Result<Vec<_>, Unbridgeable>>()?;
        let entry = Self { returns, name, parameters, body };
        if entry.returns != "void" {
            check_type(prefix, entry.returns, false)?;
        }
        for parameter in &entry.parameters {
            check_type(prefix, parameter.kind, true)?;
        }
        Ok(entry)
    }

    /// As a type, such as `int(vector<int>, string)`.
    fn signature(&self) -> String {
        let kinds: Vec<&str> = self.parameters.iter().map(|parameter| parameter.kind).collect();
        format!("{}({})", self.returns, kinds.join(", "))
    }
}

/// The place of the outermost open brace: where its declaration begins, and where its body does.
fn open_declaration(source: &str) -> Option<(usize, usize)> {
    // Comments and literals look alike in C++ and Java.
    let masked = mask(source, Syntax::Java);
    let open = *unclosed(&masked).first()?;
    let mut start = masked[..open].rfind([';', '}']).map_or(0, |end| end + 1);
    // A directive before a declaration is no part of it.
    let mut line_start = start;
    for line in masked[start..open].split_inclusive('\n') {
        line_start += line.len();
        if line.trim_start().starts_with('#') {
            start = line_start;
        }
    }
    let blank = masked[start..open].len() - masked[start..open].trim_start().len();
    Some((start + blank, open + 1))
}

/// Splits `vector<int> numbers` into type and name.
fn split_name(declarator: &str) -> Option<(&str, &str)> {
    let declarator = declarator.trim();
    let start = declarator.rfind(|c: char| !is_word(c)).map_or(0, |before| before + 1);
    let (kind, name) = declarator.split_at(start);
    (!kind.trim().is_empty() && !name.is_empty()).then_some((kind.trim(), name))
}

fn strip_words<'a>(mut text: &'a str, words: &[&str]) -> &'a str {
    while let Some(rest) = words.iter().find_map(|word| text.strip_prefix(word).filter(|rest| rest.starts_with(' '))) {
        text = rest.trim_start();
    }
    text
}

fn check_type(prefix: &str, kind: &str, is_parameter: bool) -> Result<(), Unbridgeable> {
    let refuse = || Err(Unbridgeable::new(format!("values of type `{kind}` cannot be sent")));
    let base = if is_parameter { kind.trim_end_matches('&') } else { kind };
    if base.contains(['*', '&', '[', '(', '=', '.']) {
        return refuse();
    }
    let known = |word: &str| {
        SENDABLE.split(' ').any(|sendable| sendable == word)
            || word.starts_with(|c: char| c.is_ascii_digit())
            || (matches!(word, "boost" | "any") && includes(prefix, "boost/any.hpp"))
            || prefix.lines().any(|line| {
                let line = line.trim();
                (line.starts_with("typedef ") && line.ends_with(&format!(" {word};")))
                    || line.starts_with(&format!("using {word} "))
            })
    };
    if base.split(|c: char| !is_word(c)).filter(|word| !word.is_empty()).all(known) { Ok(()) } else { refuse() }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use prentice_base::Program;

    use super::*;

    fn check(prefix: &str, expected: Expect) {
        let program = Program { language: "C++".into(), prefix: prefix.into(), suffix: String::new() };
        let parts =
            Parts { program: &program, entry_point: "f", test: "int main() { assert(f() == 1); }\n", reference: None };
        let shown = match (examiner(&parts), candidate(&parts, "return 1;\n}\n")) {
            (Ok(examiner), Ok(candidate)) => {
                let own = |sources: &[(String, String)]| sources[0].1.replace(&opening(prefix), "");
                format!("{}-----\n{}", own(&examiner.sources), own(&candidate.sources))
            }
            (Err(error), _) | (_, Err(error)) => format!("{error}\n"),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn the_stub_replaces_the_open_body_and_helpers_stay() {
        check(
            "/* f({1}) { ; \" */\n#include<map>\ntypedef map<string,int> Table;\nint helper(int x) { return '}'; }\n\
             static int f(Table &table, const vector<pair<int, string>>& l,int n){\n    // Do {\n",
            expect![[r#"
                /* f({1}) { ; " */
                #include<map>
                typedef map<string,int> Table;
                int helper(int x) { return '}'; }
                static int f(Table &table, const vector<pair<int, string>>& l,int n){
                    return ::prentice_bridge::Function<int(Table &, const vector<pair<int, string>>&, int)>::ask(table, l, n);
                }
                int main() { assert(f() == 1); }
                -----
                #include <cstring>
                /* f({1}) { ; " */
                #include<map>
                typedef map<string,int> Table;
                int helper(int x) { return '}'; }
                static int f(Table &table, const vector<pair<int, string>>& l,int n){
                    // Do {
                return 1;
                }

                int main() { return ::prentice_bridge::Function<int(Table &, const vector<pair<int, string>>&, int)>::answer(f); }
            "#]],
        );
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        check(
            "int f(int* p){\n",
            expect![[r#"
            the task cannot be split into examiner and candidate: values of type `int*` cannot be sent
        "#]],
        );
        check(
            "struct Node {};\nNode f(){\n",
            expect![[r#"
            the task cannot be split into examiner and candidate: values of type `Node` cannot be sent
        "#]],
        );
        check(
            "int f(boost::any a){\n",
            expect![[r#"
            the task cannot be split into examiner and candidate: values of type `boost::any` cannot be sent
        "#]],
        );
        check(
            "int f(int){\n",
            expect![[r#"
            the task cannot be split into examiner and candidate: parameter `int` has no name
        "#]],
        );
        check(
            "int f(int n);\n",
            expect![[r#"
            the task cannot be split into examiner and candidate: its prompt leaves no function open
        "#]],
        );
    }

    #[test]
    fn libraries_are_asked_for_where_the_prompt_includes_them() {
        let plain = options("#include<string>\n").arguments;
        assert!(!plain.contains(&"-lcrypto".to_owned()));
        assert!(options("# include <openssl/md5.h>\n").arguments.contains(&"-lcrypto".to_owned()));
        assert!(opening("#include<boost/any.hpp>\n").contains("bridge_any.hpp"));
        assert!(opening("#include<boost/any.hpp>\n").contains("apt install libboost-dev"));
        assert!(!opening("#include<string>\n").contains("bridge_any.hpp"));
    }
}
