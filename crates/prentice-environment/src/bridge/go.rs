//! Go: the examiner is the prompt with a stub for the function at its end, and the published test with what it uses of
//! testify, see `support/examiner.go`; the candidate is the prompt and the completion. See `support/bridge.go` for the
//! channel. Each is one package without a module file, so that nothing is ever fetched.
//!
//! Go refuses an import that is not used, and the suites publish prompts with such ones; as upstream does, imports are
//! written anew: those of the prompt and those which upstream adds, as far as they are used. A `func main` in a
//! completion is harmless upstream, where `go test` has its own, and is renamed here. Arguments that a call changed are
//! sent back.
//!
//! Not covered: pointers, structures, functions, channels, errors, variadic parameters and several results; the suites
//! have none in a signature. Nor is the order in which a map was filled kept, on which the reference of Go/95 depends: it
//! looks at two keys, in random order, and so passes in 15,293 of 20,000 runs without any bridge, and in fewer here.

use std::fmt::Write as _;

use prentice_sandbox::BuildOptions;

use super::{
    Candidate, Examiner, Parts, Unbridgeable,
    scan::{self, Function, Syntax},
};

const BRIDGE: (&str, &str) = ("bridge.go", include_str!("support/bridge.go"));
const EXAMINER: (&str, &str) = ("examiner.go", include_str!("support/examiner.go"));

/// What upstream imports for a completion that uses it (bigcode-evaluation-harness, `IMPORT_HELPER`).
const HELPERS: [&str; 10] =
    ["math", "strings", "fmt", "strconv", "time", "bytes", "regexp", "sort", "math/rand", "crypto/md5"];

/// The words in the types that can be sent.
const TYPES: [&str; 19] = [
    "bool",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "string",
    "byte",
    "rune",
    "interface",
    "any",
    "map",
];

pub(super) fn examiner(parts: &Parts) -> Result<Examiner, Unbridgeable> {
    let prompt = Source::of(&parts.program.prefix);
    let test = Source::of(parts.test);
    let function = last_function(&prompt)?;
    let mut program = prompt.text[..function.header.end].to_string();
    let _ = write!(program, "{{\n{}}}\n{}", stub(&prompt, &function)?, test.text);
    let masked = scan::mask(&program, Syntax::Go);
    let is_mocked = |path: &str| path == "testing" || path == "github.com/stretchr/testify/assert";
    let mut imports: Vec<Import> =
        prompt.imports.into_iter().chain(test.imports).filter(|import| !is_mocked(&import.path)).collect();
    imports.sort();
    imports.dedup();
    imports.retain(|import| import.is_used(&masked));

    // From behind, so that the offsets before stay valid.
    for (at, _) in scan::words(&masked).filter(|(_, word)| *word == "testing").collect::<Vec<_>>().into_iter().rev() {
        if masked[at..].starts_with("testing.T") {
            program.replace_range(at..at + "testing.T".len(), "prenticeTesting");
        }
    }
    let tests: Vec<Function> = scan::functions(&scan::mask(&test.text, Syntax::Go), "func")
        .into_iter()
        .filter(|test| test.name.starts_with("Test"))
        .collect();
    if tests.is_empty() {
        return Err(Unbridgeable::new("its test program holds no test"));
    }
    let calls: String = tests.iter().map(|test| format!("\t{}(new(prenticeTesting))\n", test.name)).collect();
    let main = format!("{}{program}\nfunc main() {{\n{calls}}}\n", opening(&imports));
    Ok(Examiner { sources: [("main.go", main.as_str()), BRIDGE, EXAMINER].map(own).to_vec(), options: options() })
}

pub(super) fn candidate(parts: &Parts, completion: &str) -> Result<Candidate, Unbridgeable> {
    let function = last_function(&Source::of(&parts.program.prefix))?;
    let Source { mut imports, mut text } =
        Source::of(&format!("{}{completion}{}", parts.program.prefix, parts.program.suffix));
    let masked = scan::mask(&text, Syntax::Go);
    for path in HELPERS {
        let helper = Import { path: path.to_string(), alias: None };
        if !imports.iter().any(|import| import.name() == helper.name()) {
            imports.push(helper);
        }
    }
    imports.retain(|import| import.is_used(&masked));
    if let Some(main) = scan::functions(&masked, "func").iter().find(|function| function.name == "main") {
        let at = main.parameters.start - 1;
        text.insert_str(text[..at].trim_end().len(), "OfCandidate");
    }
    let main = format!("{}{text}\nfunc main() {{\n\tprenticeServe({})\n}}\n", opening(&imports), function.name);
    Ok(Candidate { sources: [("main.go", main.as_str()), BRIDGE].map(own).to_vec(), options: options() })
}

fn own((name, content): (&str, &str)) -> (String, String) {
    (name.to_string(), content.to_string())
}

/// Without debugging information linking takes half the time.
fn options() -> BuildOptions {
    BuildOptions { arguments: vec!["-ldflags=-s -w".to_string()], ..BuildOptions::default() }
}

/// The function in whose body the prompt ends.
fn last_function(prompt: &Source) -> Result<Function, Unbridgeable> {
    scan::functions(&scan::mask(&prompt.text, Syntax::Go), "func")
        .pop()
        .filter(|function| function.end.is_none())
        .ok_or_else(|| Unbridgeable::new("the prompt does not end inside a function"))
}

/// A body that asks the candidate.
fn stub(prompt: &Source, function: &Function) -> Result<String, Unbridgeable> {
    let masked = scan::mask(&prompt.text, Syntax::Go);
    let check = |kind: &str| {
        let unknown = scan::words(kind).find(|(_, word)| !TYPES.contains(word));
        if unknown.is_some() || kind.contains(['*', '.', '(']) {
            return Err(Unbridgeable::new(format!("a value of the type `{kind}` cannot be sent")));
        }
        Ok(())
    };
    let mut arguments = String::new();
    for parameter in scan::split_commas(&masked[function.parameters.clone()]) {
        let (name, kind) = parameter.split_once(char::is_whitespace).unwrap_or((parameter, ""));
        check(kind)?;
        if name == "_" {
            return Err(Unbridgeable::new("a parameter has no name"));
        }
        let _ = write!(arguments, ", &{name}");
    }
    let result = masked[function.parameters.end + 1..function.header.end].trim();
    if result.is_empty() {
        return Err(Unbridgeable::new("the function returns nothing"));
    }
    check(result)?;
    Ok(format!("\tvar prenticeResult {result}\n\tprenticeAsk(&prenticeResult{arguments})\n\treturn prenticeResult\n"))
}

fn opening(imports: &[Import]) -> String {
    let mut text = "package main\n".to_string();
    for Import { path, alias } in imports {
        let _ = writeln!(text, "import {} \"{path}\"", alias.as_deref().unwrap_or_default());
    }
    text
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Import {
    path: String,
    alias: Option<String>,
}

impl Import {
    fn name(&self) -> &str {
        self.alias.as_deref().unwrap_or_else(|| self.path.rsplit('/').next().unwrap_or(&self.path))
    }

    fn is_used(&self, masked: &str) -> bool {
        self.name() == "_"
            || scan::words(masked).any(|(at, word)| {
                word == self.name() && masked[at + word.len()..].starts_with('.') && !masked[..at].ends_with('.')
            })
    }
}

/// A Go file, its imports apart from the rest.
struct Source {
    imports: Vec<Import>,
    /// Without package clause and imports.
    text: String,
}

impl Source {
    fn of(source: &str) -> Self {
        let masked = scan::mask(source, Syntax::Go);
        let mut imports = Vec::new();
        let mut text = String::with_capacity(source.len());
        let mut copied = 0;
        for (at, word) in scan::words(&masked) {
            let is_declaration = masked[..at].rsplit('\n').next().is_none_or(|line| line.trim().is_empty());
            if at < copied || !is_declaration || !(word == "package" || word == "import") {
                continue;
            }
            let rest = &masked[at + word.len()..];
            let line_end = at + masked[at..].find('\n').unwrap_or(masked.len() - at);
            let end = match rest.trim_start().starts_with('(') {
                true => scan::closing(&masked, at + word.len() + rest.find('(').unwrap_or(0))
                    .map_or(source.len(), |at| at + 1),
                false => line_end,
            };
            if word == "import" {
                imports.extend(source[at + word.len()..end].lines().filter_map(import));
            }
            text.push_str(&source[copied..at]);
            copied = end;
        }
        text.push_str(&source[copied..]);
        Self { imports, text }
    }
}

/// The import on a line of an import declaration.
fn import(line: &str) -> Option<Import> {
    let (before, rest) = line.split_once('"')?;
    let (path, _) = rest.split_once('"')?;
    let alias = before.trim_start_matches(['(', ' ', '\t']).trim();
    Some(Import { path: path.to_string(), alias: (!alias.is_empty()).then(|| alias.to_string()) })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn imports_stand_apart() {
        let source = Source::of(
            "package main\nimport (\n    \"math\"\n r \"math/rand\"\n)\nimport \"fmt\"\n// import \"x\"\nvar a = 1\n",
        );
        let names: Vec<&str> = source.imports.iter().map(Import::name).collect();
        assert_eq!(names, ["math", "r", "fmt"]);
        expect![[r#"
            // import "x"
            var a = 1
        "#]]
        .assert_eq(source.text.trim_start_matches('\n'));
    }

    #[test]
    fn the_stub_asks_by_the_declared_types() {
        let check = |prompt: &str| {
            let source = Source::of(prompt);
            last_function(&source).and_then(|function| stub(&source, &function)).unwrap_or_else(|error| error.reason)
        };
        assert_eq!(
            check("func G() {}\nfunc F(a, b int, c [][]string) map[rune][2]interface{} {"),
            "\tvar prenticeResult map[rune][2]interface{}\n\tprenticeAsk(&prenticeResult, &a, &b, &c)\n\treturn \
             prenticeResult\n"
        );
        expect!["a value of the type `(int, error)` cannot be sent"].assert_eq(&check("func F(a int) (int, error) {"));
        expect!["a value of the type `*Node` cannot be sent"].assert_eq(&check("func F(a *Node) int {"));
        expect!["a value of the type `...int` cannot be sent"].assert_eq(&check("func F(a ...int) int {"));
        expect!["the prompt does not end inside a function"].assert_eq(&check("func F(a int) int { return 1 }"));
    }
}
