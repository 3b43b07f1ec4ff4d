//! Rust: the examiner is what the prompt declares before the function at its end, stubs for the functions that the
//! published test calls, and the test; the candidate is the prompt and the completion. See `support/bridge.rs` for the
//! channel.
//!
//! Upstream builds with cargo: edition 2021, the profile `dev`, hence overflow checks, and `rand` 0.4, `regex` 1 and
//! `md5` 0.7, which every prompt imports and few programs use. Nothing is fetched here: `support/` holds what small
//! programs use of them, and the program stands in a module of a crate that goes by their names. What else a completion
//! uses of them does not compile. Random numbers are the same in every run.
//!
//! In four tasks of HumanEval-X the prompt ends inside a helper function, and the completion is to declare the entry
//! function; in one the completion declares the result type. Signatures and types then come from the reference, which
//! is as trusted as the test. A candidate that declares such a type otherwise is asked for the variants that it has.
//!
//! Not covered: mutable references, structures, enumerations with named fields, methods, `#[should_panic]`, paths that
//! begin with `crate::`; the suites have none.

use std::{collections::BTreeSet, fmt::Write as _};

use prentice_sandbox::BuildOptions;

use super::{
    Candidate, Examiner, Parts, Unbridgeable,
    scan::{self, Function, Syntax},
};

/// The words in the types that can be sent, besides enumerations.
const TYPES: [&str; 28] = [
    "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize", "f32", "f64", "bool",
    "char", "str", "String", "Vec", "Option", "HashMap", "HashSet", "BTreeMap", "BTreeSet", "Box", "dyn", "Any",
    "static",
];

/// The crate by the names of those that upstream depends on.
const ROOT: &str = "#![allow(warnings)]
extern crate self as md5;
extern crate self as rand;
extern crate self as regex;
mod prentice_bridge;
mod prentice_md5;
mod prentice_rand;
mod prentice_regex;
pub use prentice_md5::{Digest, compute};
pub use prentice_rand::{Rand, Rng, ThreadRng, random, thread_rng};
pub use prentice_regex::{Captures, Error, Match, Regex, Replacer};
";

const SUPPORT: [(&str, &str); 4] = [
    ("prentice_bridge.rs", include_str!("support/bridge.rs")),
    ("prentice_md5.rs", include_str!("support/md5.rs")),
    ("prentice_rand.rs", include_str!("support/rand.rs")),
    ("prentice_regex.rs", include_str!("support/regex.rs")),
];

pub(super) fn examiner(parts: &Parts) -> Result<Examiner, Unbridgeable> {
    let prompt = Source::of(parts.program.prefix.clone());
    let whole =
        Source::of(format!("{}{}{}", parts.program.prefix, parts.reference.unwrap_or_default(), parts.program.suffix));
    let asked = asked(parts, &prompt, &whole)?;
    let declared = prompt.functions.last().filter(|last| last.end.is_none());
    let mut program = prompt.text[..declared.map_or(prompt.text.len(), |last| last.header.start)].to_string();
    // `pub` before the function that is left out would stand before what follows.
    program.truncate(program.trim_end().trim_end_matches("pub").len());
    let mut sent = BTreeSet::new();
    for function in &asked {
        let _ = write!(program, "\n{}", stub(&whole, function, &mut sent)?);
    }
    for name in sent {
        let enumeration = Enumeration::find(&whole, &name)
            .ok_or_else(|| Unbridgeable::new(format!("a value of the type `{name}` cannot be sent")))?;
        if Enumeration::find(&prompt, &name).is_none() {
            let _ = write!(program, "\n{}", enumeration.text);
        }
        let _ = write!(program, "\n{}{}", enumeration.encode(), enumeration.decode());
    }
    let main = format!(
        "{ROOT}mod task {{\n{program}\n{}}}\nfn main() {{\n    prentice_bridge::open();\n    \
         task::prentice_tests();\n}}\n",
        callable(parts.test)?
    );
    Ok(Examiner { sources: sources(main), options: BuildOptions::default() })
}

pub(super) fn candidate(parts: &Parts, completion: &str) -> Result<Candidate, Unbridgeable> {
    let Parts { program, .. } = parts;
    let prompt = Source::of(program.prefix.clone());
    let whole = Source::of(format!("{}{}{}", program.prefix, parts.reference.unwrap_or_default(), program.suffix));
    let mut own = Source::of(format!("{}{completion}{}", program.prefix, program.suffix));
    // Upstream's evaluator of HumanEvalPack cuts a program off before its second `fn main`.
    if let Some(main) = own.functions.iter().filter(|function| function.name == "main").nth(1) {
        let at = main.parameters.start - 1;
        own.text.insert_str(at, "_of_candidate");
    }
    let mut sent = BTreeSet::new();
    let mut arms = String::new();
    for function in asked(parts, &prompt, &whole)? {
        stub(&whole, &function, &mut sent)?;
        let count = scan::split_commas(&whole.masked[function.parameters.clone()]).len();
        let arguments = vec!["Decode::decode(input)?"; count].join(", ");
        let name = &function.name;
        let _ = writeln!(arms, "        \"{name}\" => Encode::encode(&{name}({arguments}), out),");
    }
    let types: String =
        sent.iter().filter_map(|name| Enumeration::find(&own, name)).map(|found| found.encode()).collect();
    let main = format!(
        "{ROOT}mod task {{\n{}\n{types}pub fn prentice_answer(function: &str, input: &mut &[u8], out: &mut Vec<u8>) -> \
         std::result::Result<(), crate::prentice_bridge::Malformed> {{\n    use crate::prentice_bridge::{{Decode, \
         Encode}};\n    match function {{\n{arms}        _ => return Err(crate::prentice_bridge::Malformed),\n    \
         }}\n    Ok(())\n}}\n}}\nfn main() {{\n    prentice_bridge::open();\n    \
         prentice_bridge::serve(task::prentice_answer);\n}}\n",
        own.text
    );
    Ok(Candidate { sources: sources(main), options: BuildOptions::default() })
}

fn sources(main: String) -> Vec<(String, String)> {
    let support = SUPPORT.map(|(name, content)| (name.to_string(), content.to_string()));
    [("main.rs".to_string(), main)].into_iter().chain(support).collect()
}

/// Source text with what is known of it.
struct Source {
    text: String,
    masked: String,
    functions: Vec<Function>,
}

impl Source {
    fn of(text: String) -> Self {
        let masked = scan::mask(&text, Syntax::Rust);
        let functions = scan::functions(&masked, "fn");
        Self { text, masked, functions }
    }
}

/// The functions that the test calls and the prompt does not define to their end.
fn asked(parts: &Parts, prompt: &Source, whole: &Source) -> Result<Vec<Function>, Unbridgeable> {
    let test = scan::mask(parts.test, Syntax::Rust);
    let called: BTreeSet<&str> = scan::words(&test).map(|(_, word)| word).collect();
    let is_given = |name: &str| prompt.functions.iter().any(|given| given.name == name && given.end.is_some());
    let asked: Vec<Function> = whole
        .functions
        .iter()
        .filter(|function| called.contains(function.name.as_str()) && !is_given(&function.name))
        .cloned()
        .collect();
    if asked.is_empty() {
        return Err(Unbridgeable::new("its test program, comments apart, calls no function of the completion"));
    }
    Ok(asked)
}

/// The function with a body that asks the candidate; adds to `sent` the names of all enumerations in its signature.
fn stub(whole: &Source, function: &Function, sent: &mut BTreeSet<String>) -> Result<String, Unbridgeable> {
    let signature = &whole.masked[function.header.clone()];
    let mut names = Vec::new();
    let mut check = |kind: &str| {
        if kind.contains("&mut ") {
            return Err(Unbridgeable::new(format!("a value of the type `{kind}` cannot be sent")));
        }
        for (at, word) in scan::words(kind) {
            let is_lifetime = kind[..at].ends_with('\'');
            if !is_lifetime && !TYPES.contains(&word) {
                sent.insert(word.to_string());
            }
        }
        Ok(())
    };
    for parameter in scan::split_commas(&whole.masked[function.parameters.clone()]) {
        let (pattern, kind) = parameter.split_once(':').unwrap_or((parameter, "Self"));
        check(kind.trim())?;
        names.push(format!("&{}", pattern.trim().trim_start_matches("mut ").trim()));
    }
    check(whole.masked[function.parameters.end + 1..function.header.end].trim())?;
    Ok(format!("{signature} {{\n    crate::prentice_bridge::ask({:?}, &[{}])\n}}\n", function.name, names.join(", ")))
}

/// The test with a function `prentice_tests` that calls what `#[test]` marks, since the harness of rustc would print
/// into the channel.
fn callable(test: &str) -> Result<String, Unbridgeable> {
    let masked = scan::mask(test, Syntax::Rust);
    if masked.contains("should_panic") {
        return Err(Unbridgeable::new("its test program expects a panic"));
    }
    // (where to insert, what), and the calls from outside.
    let (mut runners, mut calls): (Vec<(usize, String)>, String) = (Vec::new(), String::new());
    for (at, _) in masked.match_indices("#[test]") {
        let mut after = scan::words(&masked[at..]).map(|(_, word)| word).skip_while(|word| *word != "fn");
        let Some(name) = after.nth(1) else { continue };
        match scan::unclosed(&masked[..at]).as_slice() {
            [] => {
                let _ = writeln!(calls, "    {name}();");
            }
            [brace] => {
                if runners.last().is_none_or(|(last, _)| last != brace) {
                    let module = masked[..*brace].split_whitespace().next_back().unwrap_or_default();
                    let _ = writeln!(calls, "    {module}::prentice_tests();");
                    runners.push((*brace, String::new()));
                }
                if let Some((_, runner)) = runners.last_mut() {
                    let _ = write!(runner, " {name}();");
                }
            }
            _ => return Err(Unbridgeable::new("its test program holds a test in a module of a module")),
        }
    }
    if calls.is_empty() {
        return Err(Unbridgeable::new("its test program holds no test"));
    }
    let mut text = test.to_string();
    for (brace, runner) in runners.iter().rev() {
        text.insert_str(brace + 1, &format!("\n    pub fn prentice_tests() {{{runner} }}\n"));
    }
    let text = text.replace("#[test]", "").replace("#[cfg(test)]", "");
    Ok(format!("{text}\npub fn prentice_tests() {{\n{calls}}}\n"))
}

/// An enumeration whose variants are bare or hold unnamed fields.
struct Enumeration {
    /// With its attributes.
    text: String,
    name: String,
    /// Its type parameters.
    parameters: Vec<String>,
    /// Name, whether brackets follow it, and how many fields they hold.
    variants: Vec<(String, bool, usize)>,
}

impl Enumeration {
    fn find(source: &Source, name: &str) -> Option<Self> {
        let masked = &source.masked;
        let words: Vec<(usize, &str)> = scan::words(masked).collect();
        let [(keyword, _), (at, _)] = words.windows(2).find(|pair| pair[0].1 == "enum" && pair[1].1 == name)? else {
            return None;
        };
        let brace = at + masked[*at..].find('{')?;
        let end = scan::closing(masked, brace)?;
        let start = masked[..*keyword].rfind(['}', ';']).map_or(0, |before| before + 1);
        let parameters = masked[at + name.len()..brace].trim().trim_start_matches('<').trim_end_matches('>');
        let parameters = scan::split_commas(parameters).into_iter().map(str::to_string).collect();
        let variants = scan::split_commas(&masked[brace + 1..end])
            .into_iter()
            .map(|variant| match variant.split_once('(') {
                Some((name, fields)) => {
                    let fields = scan::split_commas(fields.trim_end().trim_end_matches(')')).len();
                    Some((name.trim().to_string(), true, fields))
                }
                None => variant.chars().all(char::is_alphanumeric).then(|| (variant.to_string(), false, 0)),
            })
            .collect::<Option<_>>()?;
        let text = source.text[start..=end].trim_start().to_string();
        Some(Self { text, name: name.to_string(), parameters, variants })
    }

    /// `impl<S: Encode> Encode for Name<S>`.
    fn opening(&self, capability: &str) -> String {
        let bounded: Vec<String> =
            self.parameters.iter().map(|name| format!("{name}: crate::prentice_bridge::{capability}")).collect();
        format!(
            "impl<{}> crate::prentice_bridge::{capability} for {}<{}> {{\n",
            bounded.join(", "),
            self.name,
            self.parameters.join(", ")
        )
    }

    fn encode(&self) -> String {
        let mut text = self.opening("Encode");
        text.push_str("    fn encode(&self, out: &mut Vec<u8>) {\n        match self {\n");
        for (variant, brackets, count) in &self.variants {
            let fields: Vec<String> = (0..*count).map(|index| format!("field{index}")).collect();
            let pattern = if *brackets { format!("({})", fields.join(", ")) } else { String::new() };
            let _ = write!(text, "            Self::{variant}{pattern} => {{\n                ");
            let _ = write!(text, "crate::prentice_bridge::Encode::encode({variant:?}, out);");
            for field in fields {
                let _ = write!(text, " crate::prentice_bridge::Encode::encode({field}, out);");
            }
            text.push_str("\n            }\n");
        }
        text.push_str("        }\n    }\n}\n");
        text
    }

    fn decode(&self) -> String {
        let mut text = self.opening("Decode");
        text.push_str(
            "    fn decode(input: &mut &[u8]) -> std::result::Result<Self, crate::prentice_bridge::Malformed> {\n        \
             match <std::string::String as crate::prentice_bridge::Decode>::decode(input)?.as_str() {\n",
        );
        for (variant, brackets, count) in &self.variants {
            let fields = vec!["crate::prentice_bridge::Decode::decode(input)?"; *count].join(", ");
            let fields = if *brackets { format!("({fields})") } else { fields };
            let _ = writeln!(text, "            {variant:?} => Ok(Self::{variant}{fields}),");
        }
        text.push_str("            _ => Err(crate::prentice_bridge::Malformed),\n        }\n    }\n}\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use prentice_base::Program;

    use super::*;

    fn check(prefix: &str, reference: &str, test: &str, expected: Expect) {
        let program = Program { language: "Rust".into(), prefix: prefix.into(), suffix: String::new() };
        let parts = Parts { program: &program, entry_point: "f", test, reference: Some(reference) };
        let shown = match (examiner(&parts), candidate(&parts, "COMPLETION }")) {
            (Ok(examiner), Ok(candidate)) => {
                let own = |sources: &[(String, String)]| sources[0].1.replace(ROOT, "");
                format!("{}-----\n{}", own(&examiner.sources), own(&candidate.sources))
            }
            (Err(error), _) | (_, Err(error)) => error.reason,
        };
        expected.assert_eq(&shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    }

    const TEST: &str =
        "#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    fn t() { assert_eq!(f(\"\"), g(1)); }\n}\n";

    #[test]
    fn what_the_prompt_leaves_open_is_asked() {
        check(
            "fn main(){}\nfn g(x: i32) -> R<i32> { R::B(x) }\npub fn h(mut a: i32) {",
            "}\npub fn f<'a>(mut s: &'a str) -> R<i32> { R::A }\n#[derive(Debug, PartialEq)]\nenum R<T> { A, B(T) }",
            TEST,
            expect![[r#"
                mod task {
                fn main(){}
                fn g(x: i32) -> R<i32> { R::B(x) }

                fn f<'a>(mut s: &'a str) -> R<i32>  {
                    crate::prentice_bridge::ask("f", &[&s])
                }

                #[derive(Debug, PartialEq)]
                enum R<T> { A, B(T) }
                impl<T: crate::prentice_bridge::Encode> crate::prentice_bridge::Encode for R<T> {
                    fn encode(&self, out: &mut Vec<u8>) {
                        match self {
                            Self::A => {
                                crate::prentice_bridge::Encode::encode("A", out);
                            }
                            Self::B(field0) => {
                                crate::prentice_bridge::Encode::encode("B", out); crate::prentice_bridge::Encode::encode(field0, out);
                            }
                        }
                    }
                }
                impl<T: crate::prentice_bridge::Decode> crate::prentice_bridge::Decode for R<T> {
                    fn decode(input: &mut &[u8]) -> std::result::Result<Self, crate::prentice_bridge::Malformed> {
                        match <std::string::String as crate::prentice_bridge::Decode>::decode(input)?.as_str() {
                            "A" => Ok(Self::A),
                            "B" => Ok(Self::B(crate::prentice_bridge::Decode::decode(input)?)),
                            _ => Err(crate::prentice_bridge::Malformed),
                        }
                    }
                }


                mod tests {
                    pub fn prentice_tests() { t(); }

                    use super::*;

                    fn t() { assert_eq!(f(""), g(1)); }
                }

                pub fn prentice_tests() {
                    tests::prentice_tests();
                }
                }
                fn main() {
                    prentice_bridge::open();
                    task::prentice_tests();
                }
                -----
                mod task {
                fn main(){}
                fn g(x: i32) -> R<i32> { R::B(x) }
                pub fn h(mut a: i32) {COMPLETION }
                pub fn prentice_answer(function: &str, input: &mut &[u8], out: &mut Vec<u8>) -> std::result::Result<(), crate::prentice_bridge::Malformed> {
                    use crate::prentice_bridge::{Decode, Encode};
                    match function {
                        "f" => Encode::encode(&f(Decode::decode(input)?), out),
                        _ => return Err(crate::prentice_bridge::Malformed),
                    }
                    Ok(())
                }
                }
                fn main() {
                    prentice_bridge::open();
                    prentice_bridge::serve(task::prentice_answer);
                }"#]],
        );
    }

    #[test]
    fn what_cannot_be_split_is_said() {
        let reason = |prefix: &str, test: &str, expected: Expect| check(prefix, "}", test, expected);
        reason(
            "fn f(s: &str) -> i32 {",
            &format!("/*{TEST}*/"),
            expect!["its test program, comments apart, calls no function of the completion"],
        );
        reason("fn f(s: &str) -> i32 {", "fn t() { f(1) }", expect!["its test program holds no test"]);
        reason("fn f(s: &mut str) -> i32 {", TEST, expect!["a value of the type `&mut str` cannot be sent"]);
        reason("struct S(i32);\nfn f(s: &str) -> S {", TEST, expect!["a value of the type `S` cannot be sent"]);
        reason(
            "fn f(s: &str) -> i32 {",
            &TEST.replace("#[test]", "#[test]\n#[should_panic]"),
            expect!["its test program expects a panic"],
        );
    }
}
