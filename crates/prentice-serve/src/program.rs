//! Finds the program in a model's response.
//!
//! A pure function of the text: the last fenced block that names the task's language; else the last fenced block; else
//! the whole response. verl's `sandbox_fusion` and `prime_code` take the last block that says `python` as well. A block
//! that is never closed reaches to the end, since a response may be cut off.

use prentice_sandbox::Language;

/// The program in `response`.
pub fn extract_program(response: &str, language: Language) -> &str {
    let blocks = fenced_blocks(response);
    let named = blocks.iter().rev().find(|block| info_names(block.info, language));
    named.or(blocks.last()).map_or(response, |block| block.text)
}

/// `query` without its `prompt`, and without the special tokens that a tokenizer's `decode` leaves at its end.
///
/// `None` where the prompt is not in it. A special token before the prompt is passed over.
pub(crate) fn response_of<'a>(query: &'a str, prompt: &str) -> Option<&'a str> {
    let start = query.find(prompt)? + prompt.len();
    let mut response = &query[start..];
    while let Some(shorter) = without_special_token(response.trim_end()) {
        response = shorter;
    }
    Some(response)
}

struct Block<'a> {
    info: &'a str,
    text: &'a str,
}

fn fenced_blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    // The open block: its fence, its info string, and where its text starts.
    let mut open: Option<(&str, &str, usize)> = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        match (open, fence(line)) {
            (None, Some((fence, info))) => open = Some((fence, info, offset)),
            (Some((opening, info, from)), Some((closing, ""))) if closing.starts_with(opening) => {
                blocks.push(Block { info, text: &text[from..start] });
                open = None;
            }
            _ => {}
        }
    }
    if let Some((_, info, from)) = open {
        blocks.push(Block { info, text: &text[from..] });
    }
    blocks
}

/// The fence that a line consists of, and what follows it.
fn fence(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let length = line.len() - line.trim_start_matches(mark).len();
    let info = line[length..].trim();
    // CommonMark: an info string after backticks holds none, which tells a fence from inline code.
    let is_fence = length >= 3 && !(mark == '`' && info.contains('`'));
    is_fence.then(|| (&line[..length], info))
}

fn info_names(info: &str, language: Language) -> bool {
    let word = info.split(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | ',')).find(|word| !word.is_empty());
    let names: &[&str] = match language {
        Language::Python => &["python", "python3", "py"],
        Language::JavaScript => &["javascript", "js", "nodejs", "node"],
        Language::Rust => &["rust", "rs"],
        Language::C => &["c"],
        Language::Cpp => &["cpp", "c++", "cc", "cxx"],
        Language::Go => &["go", "golang"],
        Language::Java => &["java"],
    };
    word.is_some_and(|word| names.iter().any(|name| word.eq_ignore_ascii_case(name)))
}

/// `<|im_end|>` and its like, or `</s>`, `<eos>`, `<end_of_turn>`.
fn without_special_token(text: &str) -> Option<&str> {
    let plain = ["</s>", "<eos>", "<end_of_turn>"].iter().find_map(|token| text.strip_suffix(token));
    plain.or_else(|| {
        let inner = text.strip_suffix("|>")?;
        let start = inner.rfind("<|")?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        inner[start + 2..].chars().all(is_name).then(|| &text[..start])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_last_block_of_the_language() {
        for (response, program) in [
            ("print(1)", "print(1)"),
            ("Sure:\n```python\nprint(1)\n```\nDone.", "print(1)\n"),
            ("```python\nfirst\n```\n```python\nsecond\n```", "second\n"),
            ("```py\nprint(1)\n```\nIt prints\n```\n1\n```", "print(1)\n"),
            ("```\nprint(1)\n```", "print(1)\n"),
            ("cut off:\n```Python\nprint(1)\n", "print(1)\n"),
            ("~~~~ python\na\n~~~\nb\n~~~~", "a\n~~~\nb\n"),
            ("    ```{python, echo}\n    x = 1\n    ```", "    x = 1\n"),
            ("```python\r\nx = 1\r\n```\r\n", "x = 1\r\n"),
            ("inline ```python x``` only", "inline ```python x``` only"),
            ("```x``` then\n```\ny\n```", "y\n"),
            ("```python\n```", ""),
            ("", ""),
        ] {
            assert_eq!(extract_program(response, Language::Python), program, "{response:?}");
        }
        assert_eq!(extract_program("```python\na\n```\n```cpp\nb\n```", Language::Cpp), "b\n");
        assert_eq!(extract_program("```c\na\n```\n```cpp\nb\n```", Language::C), "a\n");
    }

    #[test]
    fn a_response_is_what_follows_the_prompt() {
        for (query, prompt, response) in [
            ("askanswer", "ask", Some("answer")),
            ("<|begin|>ask answer<|im_end|>\n<|endoftext|><|endoftext|>", "ask", Some(" answer")),
            ("ask x </s>", "ask", Some(" x ")),
            ("ask f(a |> b)", "ask", Some(" f(a |> b)")),
            ("ask a <| b |>", "ask", Some(" a <| b |>")),
            ("askask", "ask", Some("ask")),
            ("something else", "ask", None),
        ] {
            assert_eq!(response_of(query, prompt), response, "{query:?}");
        }
    }
}
