//! Java: the examiner is the prompt with a stub for the method at its end, and the published `Main`; the candidate is
//! the prompt and the completion, and a `Main` of ours that answers. See `support/PrenticeBridge.java` for the channel.
//!
//! The completion stands where upstream puts it, with the imports of the prompt and a class `Main` in the same file:
//! what does not compile there does not compile here. Arguments that a call changed are sent back.
//!
//! Not covered: arrays, and classes that the prompt declares; the suites have neither in a signature. Of a sorted
//! collection the comparator is lost.

use prentice_sandbox::BuildOptions;

use super::{
    Candidate, Examiner, Parts, Unbridgeable,
    scan::{self, Syntax},
};

const SUPPORT: (&str, &str) = ("PrenticeBridge.java", include_str!("support/PrenticeBridge.java"));

/// The types that can be sent.
const TYPES: [&str; 24] = [
    "boolean",
    "byte",
    "char",
    "short",
    "int",
    "long",
    "float",
    "double",
    "Boolean",
    "Byte",
    "Character",
    "Short",
    "Integer",
    "Long",
    "Float",
    "Double",
    "String",
    "Object",
    "Optional",
    "List",
    "ArrayList",
    "Set",
    "Map",
    "HashMap",
];

/// What upstream's evaluator of HumanEvalPack takes out of a completion.
const EMPTY_MAIN: &str = "public class Main {\n    }";

/// Words before the result type.
const MODIFIERS: [&str; 6] = ["public", "protected", "private", "static", "final", "synchronized"];

pub(super) fn examiner(parts: &Parts) -> Result<Examiner, Unbridgeable> {
    let method = Method::last_of(&parts.program.prefix)?;
    let names: Vec<&str> = method.parameters.iter().map(|(_, name)| name.as_str()).collect();
    let call = format!("PrenticeBridge.ask(new Object[] {{{}}})", names.join(", "));
    let body = match method.result.as_str() {
        "void" => format!("{call};"),
        result => format!("return ({result}) {call};"),
    };
    let main = "public class Examiner {\n    public static void main(String[] arguments) throws Throwable {\n        \
                PrenticeBridge.open();\n        Main.main(arguments);\n    }\n}\n";
    let tests = format!("{}\n{body}\n}}\n}}\n{}", &parts.program.prefix[..=method.brace], parts.test);
    Ok(Examiner {
        sources: [("Examiner.java", main), ("Main.java", &tests), SUPPORT].map(own).to_vec(),
        options: BuildOptions::default(),
    })
}

pub(super) fn candidate(parts: &Parts, completion: &str) -> Result<Candidate, Unbridgeable> {
    let method = Method::last_of(&parts.program.prefix)?;
    let Method { class, name, parameters, .. } = &method;
    let arguments: Vec<String> =
        parameters.iter().enumerate().map(|(index, (kind, _))| format!("({kind}) arguments[{index}]")).collect();
    let call = format!("candidate[0].{name}({})", arguments.join(", "));
    let answer = match method.result.as_str() {
        "void" => format!("{call};\n            return null;"),
        _ => format!("return {call};"),
    };
    // The object is made at the first call, so that an exception of its constructor is reported as one.
    let completion = completion.replace(EMPTY_MAIN, "");
    let program = format!(
        "{}{completion}{}\npublic class Main {{\n    @SuppressWarnings(\"unchecked\")\n    \
         public static void main(String[] none) {{\n        PrenticeBridge.open();\n        \
         {class}[] candidate = new {class}[1];\n        PrenticeBridge.serve(arguments -> {{\n            \
         if (candidate[0] == null) {{\n                candidate[0] = new {class}();\n            }}\n            \
         {answer}\n        }});\n    }}\n}}\n",
        parts.program.prefix, parts.program.suffix
    );
    Ok(Candidate {
        sources: [("Main.java", program.as_str()), SUPPORT].map(own).to_vec(),
        options: BuildOptions::default(),
    })
}

fn own((name, content): (&str, &str)) -> (String, String) {
    (name.to_string(), content.to_string())
}

/// The method in whose body a prompt ends.
#[derive(Debug)]
struct Method {
    class: String,
    name: String,
    result: String,
    /// Type and name of each.
    parameters: Vec<(String, String)>,
    /// Where the body begins.
    brace: usize,
}

impl Method {
    fn last_of(prefix: &str) -> Result<Self, Unbridgeable> {
        let masked = scan::mask(prefix, Syntax::Java);
        let open = scan::unclosed(&masked);
        let &[class_brace, brace, ..] = open.as_slice() else {
            return Err(Unbridgeable::new("the prompt does not end inside a method of a class"));
        };
        let header = |brace: usize| {
            let start = masked[..brace].rfind(['{', '}', ';']).map_or(0, |before| before + 1);
            &masked[start..brace]
        };
        let class = scan::words(header(class_brace)).skip_while(|(_, word)| *word != "class").nth(1);
        let signature = header(brace);
        let (Some((_, class)), Some((before, rest))) = (class, signature.split_once('(')) else {
            return Err(Unbridgeable::new("the prompt does not end inside a method of a class"));
        };
        let parameters = rest.split_once(')').map_or(rest, |(parameters, _)| parameters);
        let typed = |text: &str| -> Result<(String, String), Unbridgeable> {
            let text = text.split_whitespace().filter(|word| !MODIFIERS.contains(word)).collect::<Vec<_>>().join(" ");
            let (kind, name) =
                text.rsplit_once(' ').ok_or_else(|| Unbridgeable::new(format!("`{text}` is not a type and a name")))?;
            let unknown = scan::words(kind).find(|(_, word)| *word != "void" && !TYPES.contains(word));
            if kind.contains(['[', '.', '?']) || unknown.is_some() {
                return Err(Unbridgeable::new(format!("a value of the type `{kind}` cannot be sent")));
            }
            Ok((kind.to_string(), name.to_string()))
        };
        let (result, name) = typed(before)?;
        let parameters = scan::split_commas(parameters).into_iter().map(typed).collect::<Result<_, _>>()?;
        Ok(Self { class: class.to_string(), name, result, parameters, brace })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(prefix: &str, expected: Expect) {
        expected.assert_eq(&match Method::last_of(prefix) {
            Ok(Method { class, name, result, parameters, .. }) => format!("{class}.{name}: {parameters:?} -> {result}"),
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn the_last_method_of_a_prompt() {
        check(
            "import java.util.*;\nclass Solution {\n int g() { return '{'; }\n /** f(} */\n public Optional<List<String>> \
             f(final Map<Object, Object> a, int b) throws E {\n",
            expect![[r#"Solution.f: [("Map<Object, Object>", "a"), ("int", "b")] -> Optional<List<String>>"#]],
        );
        check("class Solution { static void f() { while (true) {", expect!["Solution.f: [] -> void"]);
    }

    #[test]
    fn what_cannot_be_split_is_said() {
        check(
            "class Solution { int f(int[] a) {",
            expect!["the task cannot be split into examiner and candidate: a value of the type `int[]` cannot be sent"],
        );
        check(
            "class Solution { Node f(int a) {",
            expect!["the task cannot be split into examiner and candidate: a value of the type `Node` cannot be sent"],
        );
        check(
            "int f(int a) {",
            expect![
                "the task cannot be split into examiner and candidate: the prompt does not end inside a method of a class"
            ],
        );
    }
}
