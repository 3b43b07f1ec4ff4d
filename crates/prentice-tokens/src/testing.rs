//! What the tests of several modules share.

use std::sync::OnceLock;

use prentice_base::{Rng, Seed, ignore_events};
use rand::RngExt as _;

use crate::{VOCABULARY_FILE, Vocabulary, Words};

/// A small program with what trips tokenizers up.
pub(crate) const PROGRAM: &str = "\
def greet(name):
    \"\"\"Say hello, politely: naïve, 你好, 🦀.\"\"\"
    if not name:
        return None

\tprint('<|endoftext|>', name)
    return name.upper() + \"!\" * 42
";

/// A vocabulary trained on [`PROGRAM`].
pub(crate) fn vocabulary() -> &'static Vocabulary {
    static VOCABULARY: OnceLock<Vocabulary> = OnceLock::new();
    VOCABULARY
        .get_or_init(|| Vocabulary::train([PROGRAM; 3].into_iter(), 320, Words::default(), &ignore_events).unwrap())
}

/// The same with more special tokens, as a user's `tokenizer.json` may have them.
pub(crate) fn vocabulary_with(special: &[&str]) -> Vocabulary {
    let directory = tempfile::tempdir().unwrap();
    vocabulary().save(directory.path()).unwrap();
    let path = directory.path().join(VOCABULARY_FILE);
    let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let added = json["added_tokens"].as_array_mut().unwrap();
    for (index, content) in special.iter().enumerate() {
        let mut token = added[0].clone();
        token["id"] = (vocabulary().len() + index).into();
        token["content"] = (*content).into();
        added.push(token);
    }
    std::fs::write(&path, json.to_string()).unwrap();
    Vocabulary::load(&path).unwrap()
}

/// Text of `characters` characters, a good part of them blanks, line ends and multi-byte characters.
pub(crate) fn random_text(characters: usize, rng: &mut Rng) -> String {
    let alphabet: Vec<char> = "ab_Z 09 .:()\"\t\n  \r\né你🦀\0<|>".chars().collect();
    (0..characters).map(|_| alphabet[rng.random_range(0..alphabet.len())]).collect()
}

/// Many texts, the nasty ones by hand and the rest at random.
pub(crate) fn nasty_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\n",
        "\r\n",
        "a\r\nb\r\n",
        "\t\tx",
        "\0",
        "🦀🦀",
        "e\u{301}",
        "\u{feff}x",
        "\u{2028}\u{a0} x",
        "<|endoftext|>",
        "<fim_prefix>a<fim_suffix>b<fim_middle>",
        "x<fim_pad><repo_name><file_sep>",
        "'s 'S don't",
        "    return x  \n\n\n",
        "   \n  ",
        "1234567890",
        "snake_case __init__ _x",
        PROGRAM,
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("long_word".repeat(500));
    texts.extend((0..200).map(|i| random_text(i as usize, &mut Seed(1).derive("nasty", i).rng())));
    texts
}
