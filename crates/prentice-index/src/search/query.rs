//! What a user types, and what it means.
//!
//! ```text
//! parse config            chunks with these words, the more and the rarer the better
//! "fn parse("             this string must be there, case and all; \" is a quote
//! /fn \w+_config/         this regular expression must match within a line; \/ is a slash
//! path:src/*.rs           only files whose path has this, or matches it where it has * or ?; several: all of them
//! lang:rust               only files of this language, by name or file extension; several: any of them
//! sym:cfgload             only chunks that define a symbol like this
//! ```
//!
//! What has no letter or digit (`=>`) is searched for exactly. A value with spaces is quoted: `path:"my files"`.

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::Look;

use super::{
    filter::Filter,
    words::{self, Class},
};

/// Why a query cannot be answered. Columns count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Nothing was asked.
    #[error("the query has nothing to search for")]
    Empty,
    /// A quote or an expression does not end.
    #[error("the {what} that opens at column {column} does not close")]
    Unclosed {
        /// "quote" or "regular expression".
        what: &'static str,
        /// Where it opens.
        column: usize,
    },
    /// Text right behind a quote or an expression.
    #[error("something follows the closing `{delimiter}` at column {column}")]
    Trailing {
        /// What closes.
        delimiter: char,
        /// Where the text begins.
        column: usize,
    },
    /// `path:` and nothing, or an empty quote.
    #[error("`{what}` at column {column} has no value")]
    NoValue {
        /// As it was written.
        what: String,
        /// Where it is.
        column: usize,
    },
    /// A regular expression that is none, or too large.
    #[error("the regular expression is wrong at column {column}: {reason}")]
    Expression {
        /// Where.
        column: usize,
        /// What is wrong.
        reason: String,
    },
}

impl QueryError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            QueryError::Empty => "add a word, a \"quoted string\", a /regular expression/ or sym:NAME".to_owned(),
            QueryError::Unclosed { what: "quote", .. } => {
                "close it by `\"`; a quote within is written `\\\"`".to_owned()
            }
            QueryError::Unclosed { .. } => {
                "close it by `/`, or put the text in quotes to find a slash itself".to_owned()
            }
            QueryError::Trailing { delimiter: '/', .. } => {
                "put a space there; a slash within an expression is written `\\/`, and a path is found in quotes"
                    .to_owned()
            }
            QueryError::Trailing { .. } => "put a space there".to_owned(),
            QueryError::NoValue { what, .. } if what.starts_with('"') || what.starts_with('/') => {
                "write what to search for between them".to_owned()
            }
            QueryError::NoValue { what, .. } => format!("write the value right behind it: {what}VALUE"),
            QueryError::Expression { .. } => "put it in quotes to find the text as it stands".to_owned(),
        }
    }
}

/// A regular expression, and which chunks it can match at all.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    pub(super) filter: Filter,
}

impl Pattern {
    /// Compiles `source`; the error has the character in it that is wrong, and why.
    fn new(source: &str) -> Result<Self, (usize, String)> {
        let hir =
            regex_syntax::ParserBuilder::new().multi_line(true).crlf(true).build().parse(source).map_err(|error| {
                let (kind, span) = match &error {
                    regex_syntax::Error::Parse(error) => (error.kind().to_string(), *error.span()),
                    regex_syntax::Error::Translate(error) => (error.kind().to_string(), *error.span()),
                    other => return (0, other.to_string()),
                };
                (source[..span.start.offset.min(source.len())].chars().count(), kind)
            })?;
        let looks = hir.properties().look_set();
        if looks.contains(Look::Start) || looks.contains(Look::End) {
            return Err((0, "lines are searched one by one: write `^` and `$` for their ends".to_owned()));
        }
        let regex = RegexBuilder::new(source).multi_line(true).crlf(true).build().map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => (0, "it is too large".to_owned()),
            other => (0, other.to_string()),
        })?;
        Ok(Self { regex, filter: Filter::new(&hir) })
    }

    fn exact(text: &str) -> Option<Self> {
        Self::new(&regex::escape(text)).ok()
    }
}

/// A test of paths.
#[derive(Clone, Debug)]
pub(super) struct PathFilter(Regex);

impl PathFilter {
    fn new(value: &str) -> Option<Self> {
        let mut pattern = String::from("(?is)");
        if value.contains(['*', '?']) {
            // Without a slash it is about the name of the file.
            pattern += if value.contains('/') { "^" } else { "(^|/)" };
            let mut characters = value.chars().peekable();
            while let Some(character) = characters.next() {
                match character {
                    '*' if characters.next_if_eq(&'*').is_some() => {
                        // `**/` is also no directory at all.
                        pattern += if characters.next_if_eq(&'/').is_some() { "(.*/)?" } else { ".*" };
                    }
                    '*' => pattern += "[^/]*",
                    '?' => pattern += "[^/]",
                    other => pattern += &regex::escape(other.encode_utf8(&mut [0; 4])),
                }
            }
            pattern += "$";
        } else {
            pattern += &regex::escape(value);
        }
        Regex::new(&pattern).ok().map(Self)
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

/// A query, parsed.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Words to rank by, as typed.
    pub(super) words: Vec<String>,
    /// The plain part of the query as one string with any spaces and case.
    pub(super) phrase: Option<Pattern>,
    /// What must match.
    pub(super) patterns: Vec<Pattern>,
    pub(super) symbols: Vec<String>,
    pub(super) paths: Vec<PathFilter>,
    pub(super) languages: Vec<String>,
}

impl Query {
    /// Parses what a user typed; the head of this file has the syntax.
    ///
    /// # Errors
    /// It is not of this syntax, or asks for nothing.
    pub fn parse(source: &str) -> Result<Self, QueryError> {
        let characters: Vec<char> = source.chars().collect();
        let mut scanner = Scanner { characters: &characters, at: 0 };
        let mut query = Self::default();
        let mut plain: Vec<String> = Vec::new();
        while let Some(first) = scanner.skip_space() {
            let column = scanner.at + 1;
            match first {
                '"' => {
                    let text = scanner.delimited('"', "quote")?;
                    query.patterns.push(exact_pattern(&text, column)?);
                }
                '/' => {
                    let source = scanner.delimited('/', "regular expression")?;
                    let pattern = Pattern::new(&source)
                        .map_err(|(at, reason)| QueryError::Expression { column: column + 1 + at, reason })?;
                    query.patterns.push(pattern);
                }
                _ => match scanner.filter()? {
                    Some(("path", value)) => {
                        let too_large = || QueryError::Expression { column, reason: "it is too large".to_owned() };
                        query.paths.push(PathFilter::new(&value).ok_or_else(too_large)?);
                    }
                    Some(("lang", value)) => query.languages.push(value),
                    Some((_, value)) => query.symbols.push(value),
                    None => {
                        let token = scanner.token();
                        let words: Vec<&str> = words_of(&token).collect();
                        if words.is_empty() {
                            query.patterns.push(exact_pattern(&token, column)?);
                        } else {
                            query.words.extend(words.into_iter().map(str::to_owned));
                            plain.push(regex::escape(&token));
                        }
                    }
                },
            }
        }
        if query.words.is_empty() && query.patterns.is_empty() && query.symbols.is_empty() {
            return Err(QueryError::Empty);
        }
        // Too long a phrase to compile is none that anybody wrote.
        query.phrase = (!plain.is_empty()).then(|| Pattern::new(&format!("(?i){}", plain.join(r"\s+"))).ok()).flatten();
        Ok(query)
    }

    /// Terms of the plain words and of their parts, each once.
    pub(super) fn plain_terms(&self) -> Vec<String> {
        terms(self.words.iter().map(String::as_str))
    }

    /// Terms to rank by: those of the plain words, and of the words in quotes and expressions.
    pub(super) fn ranking_terms(&self) -> Vec<String> {
        let required = self.patterns.iter().flat_map(|pattern| pattern.filter.words());
        terms(self.words.iter().map(String::as_str).chain(required))
    }
}

/// More words of a query are not looked up: who pastes a page gets an answer to its beginning.
const WORDS: usize = 32;

fn terms<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    for word in words.take(WORDS) {
        for term in std::iter::once(word).chain(words::parts(word)) {
            let term = words::fold(term);
            if !terms.iter().any(|other| *other == term) {
                terms.push(term.into_owned());
            }
        }
    }
    terms
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    words::runs(text).filter(|(class, _)| *class == Class::Word).map(|(_, range)| &text[range])
}

fn exact_pattern(text: &str, column: usize) -> Result<Pattern, QueryError> {
    Pattern::exact(text).ok_or(QueryError::Expression { column, reason: "it is too large".to_owned() })
}

struct Scanner<'a> {
    characters: &'a [char],
    at: usize,
}

impl Scanner<'_> {
    /// The first character that is no space.
    fn skip_space(&mut self) -> Option<char> {
        while self.characters.get(self.at)?.is_whitespace() {
            self.at += 1;
        }
        self.characters.get(self.at).copied()
    }

    /// Up to the next space.
    fn token(&mut self) -> String {
        let rest = &self.characters[self.at..];
        let token: String = rest.iter().take_while(|character| !character.is_whitespace()).collect();
        self.at += token.chars().count();
        token
    }

    /// What stands between the delimiter here and the next one, which must be followed by a space or the end.
    fn delimited(&mut self, delimiter: char, what: &'static str) -> Result<String, QueryError> {
        let column = self.at + 1;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.characters.get(self.at) {
                None => return Err(QueryError::Unclosed { what, column }),
                Some(&character) if character == delimiter => break,
                // A backslash means itself but before the delimiter; an expression keeps it before everything else.
                Some('\\') if self.characters.get(self.at + 1) == Some(&delimiter) => {
                    text.push(delimiter);
                    self.at += 2;
                }
                Some('\\') if delimiter == '/' => {
                    text.push('\\');
                    text.extend(self.characters.get(self.at + 1));
                    self.at += 2;
                }
                Some(&character) => {
                    text.push(character);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        if text.is_empty() {
            return Err(QueryError::NoValue { what: format!("{delimiter}{delimiter}"), column });
        }
        match self.characters.get(self.at) {
            Some(next) if !next.is_whitespace() => Err(QueryError::Trailing { delimiter, column: self.at + 1 }),
            _ => Ok(text),
        }
    }

    /// A filter with its value, where one stands here.
    fn filter(&mut self) -> Result<Option<(&'static str, String)>, QueryError> {
        for name in ["path", "lang", "sym"] {
            let rest = &self.characters[self.at..];
            let found = rest.iter().copied().take(name.len() + 1).eq(name.chars().chain([':']));
            // `path::join` is code.
            if !found || rest.get(name.len() + 1) == Some(&':') {
                continue;
            }
            let column = self.at + 1;
            self.at += name.len() + 1;
            let value = match self.characters.get(self.at) {
                Some('"') => self.delimited('"', "quote")?,
                _ => self.token(),
            };
            if value.is_empty() {
                return Err(QueryError::NoValue { what: format!("{name}:"), column });
            }
            return Ok(Some((name, value)));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(source: &str, expected: Expect) {
        let answer = match Query::parse(source) {
            Err(error) => format!("{error}\n{}", error.hint()),
            Ok(query) => {
                let regexes = |patterns: &[Pattern]| -> Vec<String> {
                    patterns.iter().map(|pattern| pattern.regex.to_string()).collect()
                };
                format!(
                    "terms {:?} phrase {:?} patterns {:?} symbols {:?} paths {:?} languages {:?}",
                    query.ranking_terms(),
                    query.phrase.iter().map(|phrase| phrase.regex.as_str()).collect::<String>(),
                    regexes(&query.patterns),
                    query.symbols,
                    query.paths.iter().map(|path| path.0.as_str()).collect::<Vec<_>>(),
                    query.languages,
                )
            }
        };
        expected.assert_eq(&answer);
    }

    #[test]
    fn queries_are_understood() {
        check(
            "parse theConfig",
            expect![[
                r#"terms ["parse", "theconfig", "the", "config"] phrase "(?i)parse\\s+theConfig" patterns [] symbols [] paths [] languages []"#
            ]],
        );
        check(
            r#"  "fn parse(" /a\/\d+/ =>"#,
            expect![[
                r#"terms ["fn", "parse"] phrase "" patterns ["fn parse\\(", "a/\\d+", "=>"] symbols [] paths [] languages []"#
            ]],
        );
        check(
            r#"path:"my src" path:src/**/*.rs lang:rust sym:cfg"#,
            expect![[
                r#"terms [] phrase "" patterns [] symbols ["cfg"] paths ["(?is)my src", "(?is)^src/(.*/)?[^/]*\\.rs$"] languages ["rust"]"#
            ]],
        );
        check(
            "std::fs path::join size=12",
            expect![[
                r#"terms ["std", "fs", "path", "join", "size", "12"] phrase "(?i)std::fs\\s+path::join\\s+size=12" patterns [] symbols [] paths [] languages []"#
            ]],
        );
        check(
            r#""say \"hi\" \n""#,
            expect![[
                r#"terms ["say", "hi"] phrase "" patterns ["say \"hi\" \\\\n"] symbols [] paths [] languages []"#
            ]],
        );
    }

    #[test]
    fn errors_say_what_where_and_what_next() {
        check(
            "",
            expect![[r#"
            the query has nothing to search for
            add a word, a "quoted string", a /regular expression/ or sym:NAME"#]],
        );
        check(
            "path:src",
            expect![[r#"
            the query has nothing to search for
            add a word, a "quoted string", a /regular expression/ or sym:NAME"#]],
        );
        check(
            "word path:",
            expect![[r#"
            `path:` at column 6 has no value
            write the value right behind it: path:VALUE"#]],
        );
        check(
            r#"a "open"#,
            expect![[r#"
            the quote that opens at column 3 does not close
            close it by `"`; a quote within is written `\"`"#]],
        );
        check(
            "a /open",
            expect![[r#"
            the regular expression that opens at column 3 does not close
            close it by `/`, or put the text in quotes to find a slash itself"#]],
        );
        check(
            "/usr/bin",
            expect![[r#"
            something follows the closing `/` at column 6
            put a space there; a slash within an expression is written `\/`, and a path is found in quotes"#]],
        );
        check(
            "x //",
            expect![[r#"
            `//` at column 3 has no value
            write what to search for between them"#]],
        );
        check(
            "größe /fo(o/",
            expect![[r#"
            the regular expression is wrong at column 10: unclosed group
            put it in quotes to find the text as it stands"#]],
        );
        check(
            r"/\Afoo/",
            expect![[r#"
            the regular expression is wrong at column 2: lines are searched one by one: write `^` and `$` for their ends
            put it in quotes to find the text as it stands"#]],
        );
        check(
            "/((a{100}){100}){100}/",
            expect![[r#"
            the regular expression is wrong at column 2: it is too large
            put it in quotes to find the text as it stands"#]],
        );
    }

    #[test]
    fn paths_match_by_part_or_by_glob() {
        for (value, path, expected) in [
            ("search", "src/Search/mod.rs", true),
            ("*.rs", "src/search/mod.rs", true),
            ("*.rs", "src/mod.rs.txt", false),
            ("src/*.rs", "src/lib.rs", true),
            ("src/*.rs", "src/search/mod.rs", false),
            ("src/**/*.rs", "src/lib.rs", true),
            ("src/**", "src/a/b.c", true),
            ("l?b.rs", "src/lib.rs", true),
            ("a+b", "src/aab", false),
        ] {
            assert_eq!(PathFilter::new(value).unwrap().matches(path), expected, "{value} {path}");
        }
    }
}
