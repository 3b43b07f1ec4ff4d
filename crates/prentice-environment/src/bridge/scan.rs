//! Finds declarations in Java, Go and Rust source without parsing it.
//!
//! The bridges need little of a program: where its functions begin and end, which names a test mentions, what a
//! signature says. [`mask`] blanks comments and literals out and keeps every offset; the rest is counting brackets.
//! The sources come from a task, so they are well formed as far as they go. Nothing here guards a border of trust: a
//! completion that is misread fails to compile, or answers wrongly, and so only harms itself.
//!
//! Not covered: Unicode escapes in Java source, and Rust string suffixes.

use std::ops::Range;

/// What comments and literals look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `"""text blocks"""`.
    Java,
    /// `` `raw strings` ``.
    Go,
    /// `r#"raw strings"#`, nested comments, and lifetimes, which look like the begin of a character literal.
    Rust,
}

/// The source with each comment and each string or character literal replaced by as many spaces, line ends kept.
pub(super) fn mask(source: &str, syntax: Syntax) -> String {
    let bytes = source.as_bytes();
    let mut masked = String::with_capacity(source.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = blank_until(source, at, syntax);
        if end == at {
            let width = source[at..].chars().next().map_or(1, char::len_utf8);
            masked.push_str(&source[at..at + width]);
            at += width;
        } else {
            masked.extend(bytes[at..end].iter().map(|&byte| if byte == b'\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    masked
}

/// Where the comment or literal that begins at `at` ends; `at` itself if none begins there. Always a character
/// boundary; one that is not closed goes on to the end.
fn blank_until(source: &str, at: usize, syntax: Syntax) -> usize {
    let rest = &source[at..];
    let after = |open: usize, close: &str| {
        rest[open..].find(close).map_or(source.len(), |found| at + open + found + close.len())
    };
    let escaped = |open: usize, close: char| {
        let mut characters = rest[open..].char_indices();
        while let Some((offset, character)) = characters.next() {
            if character == '\\' {
                characters.next();
            } else if character == close {
                return at + open + offset + 1;
            }
        }
        source.len()
    };
    if rest.starts_with("//") {
        return rest.find('\n').map_or(source.len(), |found| at + found);
    }
    if rest.starts_with("/*") {
        return if syntax == Syntax::Rust { nested_comment(source, at) } else { after(2, "*/") };
    }
    match (rest.as_bytes()[0], syntax) {
        (b'"', Syntax::Java) if rest.starts_with("\"\"\"") => after(3, "\"\"\""),
        (b'"', _) => escaped(1, '"'),
        (b'`', Syntax::Go) => after(1, "`"),
        (b'\'', Syntax::Rust) => {
            let mut characters = rest[1..].chars();
            let (first, second) = (characters.next(), characters.next());
            // `'a'` and `'\n'` are characters; `'a` in `&'a str` is a lifetime.
            if first == Some('\\') || second == Some('\'') { escaped(1, '\'') } else { at }
        }
        (b'\'', _) => escaped(1, '\''),
        (b'r', Syntax::Rust) if !source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
            let hashes = rest[1..].bytes().take_while(|&byte| byte == b'#').count();
            if rest[1 + hashes..].starts_with('"') {
                after(2 + hashes, &format!("\"{}", "#".repeat(hashes)))
            } else {
                at
            }
        }
        _ => at,
    }
}

fn nested_comment(source: &str, at: usize) -> usize {
    let bytes = source.as_bytes();
    let (mut depth, mut position) = (0, at);
    while position < bytes.len() {
        match &bytes[position..(position + 2).min(bytes.len())] {
            b"/*" => (depth, position) = (depth + 1, position + 2),
            b"*/" => (depth, position) = (depth - 1, position + 2),
            _ => position += 1,
        }
        if depth == 0 {
            return position;
        }
    }
    source.len()
}

/// The offsets of all braces that the masked text opens and does not close, outermost first.
pub(super) fn unclosed(masked: &str) -> Vec<usize> {
    let mut open = Vec::new();
    for (offset, byte) in masked.bytes().enumerate() {
        match byte {
            b'{' => open.push(offset),
            b'}' => {
                open.pop();
            }
            _ => {}
        }
    }
    open
}

/// The offset of the bracket that closes the one at `open`, counting round, square and curly ones alike.
pub(super) fn closing(masked: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (offset, byte) in masked.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(offset);
                }
            }
            _ => {}
        }
    }
    None
}

/// Splits at commas outside any brackets, angle brackets among them; trims, and leaves out empty parts.
pub(super) fn split_commas(masked: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start, mut previous) = (Vec::new(), 0i32, 0, 0u8);
    for (offset, byte) in masked.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            // The arrow of a function type closes nothing.
            b'>' if previous == b'-' => {}
            b')' | b']' | b'}' | b'>' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&masked[start..offset]);
                start = offset + 1;
            }
            _ => {}
        }
        previous = byte;
    }
    parts.push(&masked[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// All identifiers and keywords of the masked text, with where they stand. Numbers are none.
pub(super) fn words(masked: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = &masked[at..];
            let start = at + rest.find(|c: char| c.is_alphanumeric() || c == '_')?;
            let length = masked[start..].find(|c: char| !(c.is_alphanumeric() || c == '_'));
            at = length.map_or(masked.len(), |length| start + length);
            if !masked[start..].starts_with(|c: char| c.is_ascii_digit()) {
                return Some((start, &masked[start..at]));
            }
        }
    })
}

/// A function outside all braces, as Go's `func` and Rust's `fn` declare it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function {
    /// Its name.
    pub name: String,
    /// From the keyword to the brace that opens the body, that brace excluded.
    pub header: Range<usize>,
    /// The list of parameters, without its brackets.
    pub parameters: Range<usize>,
    /// Past the end of the body, if the body is closed.
    pub end: Option<usize>,
}

/// All functions that are declared outside braces; methods of Go are not among them.
pub(super) fn functions(masked: &str, keyword: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let (mut depth, mut counted) = (0i32, 0);
    let mut words = words(masked);
    while let Some((start, word)) = words.next() {
        for byte in masked[counted..start].bytes() {
            depth += i32::from(byte == b'{') - i32::from(byte == b'}');
        }
        counted = start;
        if word != keyword || depth != 0 {
            continue;
        }
        // A method of Go has its receiver in brackets here, a function type its parameters.
        let Some((name_at, name)) = words.next().filter(|(at, _)| masked[start + keyword.len()..*at].trim().is_empty())
        else {
            continue;
        };
        let Some(open) = masked[name_at..].find('(').map(|found| name_at + found) else { continue };
        let Some(close) = closing(masked, open) else { continue };
        let Some(body) = body_brace(masked, close + 1) else { continue };
        functions.push(Function {
            name: name.to_string(),
            header: start..body,
            parameters: open + 1..close,
            end: closing(masked, body).map(|end| end + 1),
        });
    }
    functions
}

/// The brace of the body, past the result type, in which Go may write `interface{}`.
fn body_brace(masked: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let open = at + masked[at..].find(['{', ';'])?;
        if masked.as_bytes()[open] == b';' {
            return None;
        }
        let text = masked[from..open].trim_end();
        if !(text.ends_with("interface") || text.ends_with("struct")) {
            return Some(open);
        }
        at = closing(masked, open)? + 1;
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check_mask(source: &str, syntax: Syntax, expected: Expect) {
        let masked = mask(source, syntax);
        assert_eq!(masked.len(), source.len());
        expected.assert_eq(&masked.replace(' ', "."));
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        check_mask("a /* } */ b // {\nc \"\\\"{\" 'x'", Syntax::Java, expect!["a.........b.....\nc.........."]);
        check_mask("f(\"\"\"\n{\"\n\"\"\")", Syntax::Java, expect!["f(...\n..\n...)"]);
        check_mask("a `{\\` b '\\'' \"ä\"", Syntax::Go, expect!["a......b.........."]);
        check_mask(
            "/* /* { */ } */ &'a str '{' '\\'' r#\"\"{\"# for r in br",
            Syntax::Rust,
            expect!["................&'a.str..................for.r.in.br"],
        );
        check_mask("open \" {", Syntax::Go, expect!["open...."]);
    }

    #[test]
    fn functions_are_found_outside_braces() {
        let check = |source: &str, keyword, expected: Expect| {
            let found: Vec<String> = functions(source, keyword)
                .iter()
                .map(|function| {
                    let end = function.end.map_or("open", |_| "closed");
                    format!("{} | {} | {end}", &source[function.header.clone()], &source[function.parameters.clone()])
                })
                .collect();
            expected.assert_eq(&found.join("\n"));
        };
        check(
            "func (t T) M() {}\nfunc F(a, b interface{}) interface{} { func() {}() }\nfunc G(s string) []int {\n x",
            "func",
            expect![[r#"
                func F(a, b interface{}) interface{}  | a, b interface{} | closed
                func G(s string) []int  | s string | open"#]],
        );
        check(
            "fn main(){} mod t { fn x() {} } pub fn f<'a>(a: &'a dyn Any) -> R<A, B>{ fn inner() {}",
            "fn",
            expect![[r#"
                fn main() |  | closed
                fn f<'a>(a: &'a dyn Any) -> R<A, B> | a: &'a dyn Any | open"#]],
        );
    }

    #[test]
    fn commas_inside_brackets_do_not_split() {
        assert_eq!(split_commas("a: HashMap<K, V>, f: fn(A, B) -> C, "), ["a: HashMap<K, V>", "f: fn(A, B) -> C"]);
        assert_eq!(split_commas(" "), [""; 0]);
    }

    #[test]
    fn words_leave_numbers_out() {
        assert_eq!(words("a1 + 1b(_c)").collect::<Vec<_>>(), [(0, "a1"), (8, "_c")]);
    }
}
