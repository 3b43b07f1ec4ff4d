//! What a word of code is, where several crates must agree: the copying model, and vocabularies whose tokens stay within
//! its words.

/// Operators of more than one character that are words. Where several fit, the first does.
pub const OPERATORS: &[&str] = &[
    "\"\"\"", "'''", "...", "..=", "===", "!==", "<<=", ">>=", "**=", "//=", "///", "//!", "<!--", "-->", "::", "->",
    "=>", "==", "!=", "<=", ">=", "&&", "||", "+=", "-=", "*=", "/=", "|=", "&=", "%=", ":=", "..", "//", "/*", "*/",
    "??", "?.", "++", "--", "**", "<<", "</", "/>", "```", "#[", "#!",
];

/// Whether a character belongs to names and numbers.
pub fn is_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_ascii_alphanumeric() || (!c.is_ascii() && c.is_alphanumeric())
}
