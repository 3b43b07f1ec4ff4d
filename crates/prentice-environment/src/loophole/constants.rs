//! A lexer for small Python programs, and the constants in them: literals, and what arithmetic makes of literals.
//!
//! *Not covered:* floats and complex numbers (no constants, one token each), nested f-strings (a text like any other),
//! numbers beyond 64 bits, names that are constants.

use std::fmt;

/// A piece of a program. Comments and blanks are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or keyword.
    Name(String),
    Number(i64),
    /// The content of a string literal.
    Text(String),
    /// An operator or bracket.
    Sign(String),
    /// The end of a line outside brackets.
    LineFeed,
    /// Anything else.
    Other,
}

impl Token {
    /// Whether it is this name or sign.
    pub(super) fn is(&self, what: &str) -> bool {
        matches!(self, Token::Name(text) | Token::Sign(text) if text == what)
    }
}

/// A value that a program holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Constant {
    Number(i64),
    Text(String),
    /// A list or a tuple.
    List(Vec<Constant>),
    /// What is not followed up: floats, truth values, None.
    Other,
}

impl fmt::Display for Constant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Constant::Number(number) => write!(out, "{number}"),
            Constant::Text(text) => write!(out, "'{text}'"),
            Constant::List(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(out, "[{}]", items.join(", "))
            }
            Constant::Other => write!(out, "..."),
        }
    }
}

/// A constant with its place among the tokens.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) value: Constant,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The tokens of a program.
pub(super) fn tokens(program: &str) -> Vec<Token> {
    let text: Vec<char> = program.chars().collect();
    let (mut tokens, mut at, mut depth) = (Vec::new(), 0, 0usize);
    while at < text.len() {
        let c = text[at];
        let run = |from: usize, belongs: fn(char) -> bool| {
            text[from..].iter().position(|&c| !belongs(c)).map_or(text.len(), |length| from + length)
        };
        if c == '\n' {
            if depth == 0 && tokens.last().is_some_and(|token| *token != Token::LineFeed) {
                tokens.push(Token::LineFeed);
            }
            at += 1;
        } else if c.is_whitespace() || c == '\\' {
            at += 1;
        } else if c == '#' {
            at = run(at, |c| c != '\n');
        } else if c.is_ascii_digit() {
            let end = run(at, |c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
            let digits: String = text[at..end].iter().filter(|c| **c != '_').collect();
            let number = match digits.get(..2) {
                Some("0x") => i64::from_str_radix(&digits[2..], 16).ok(),
                Some("0b") => i64::from_str_radix(&digits[2..], 2).ok(),
                _ => digits.parse().ok(),
            };
            // A full stop after a number ends a sentence of a description.
            let number = number.or_else(|| digits.trim_end_matches('.').parse().ok());
            tokens.push(number.map_or(Token::Other, Token::Number));
            at = end;
        } else if c == '"' || c == '\'' {
            let (content, end) = string(&text, at);
            tokens.push(Token::Text(content));
            at = end;
        } else if c.is_alphabetic() || c == '_' {
            let end = run(at, |c| c.is_alphanumeric() || c == '_');
            let name: String = text[at..end].iter().collect();
            let is_quoted = text.get(end).is_some_and(|c| *c == '"' || *c == '\'');
            if !(is_quoted && name.len() <= 2 && name.chars().all(|c| "rRbBfFuU".contains(c))) {
                tokens.push(Token::Name(name));
            }
            at = end;
        } else {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            let pair: String = text[at..text.len().min(at + 2)].iter().collect();
            let length =
                if ["==", "!=", "<=", ">=", "//", "**", ":=", "->", "+=", "-="].contains(&&*pair) { 2 } else { 1 };
            tokens.push(Token::Sign(text[at..at + length].iter().collect()));
            at += length;
        }
    }
    tokens
}

/// The content of the string literal that begins at a quote, and where it ends.
fn string(text: &[char], start: usize) -> (String, usize) {
    let quote = text[start];
    let is_long = text[start..].starts_with(&[quote; 3]);
    let width = if is_long { 3 } else { 1 };
    let mut content = String::new();
    let mut at = start + width;
    while at < text.len() {
        if text[at..].starts_with(&[quote; 3][..width]) {
            return (content, at + width);
        }
        if text[at] == '\n' && !is_long {
            break;
        }
        if text[at] == '\\' && at + 1 < text.len() {
            at += 1;
            content.push(if text[at] == 'n' { '\n' } else { text[at] });
        } else {
            content.push(text[at]);
        }
        at += 1;
    }
    (content, at)
}

/// The constants that stand side by side, separated by commas, such as the arguments of a call.
pub(super) fn arguments(tokens: &[Token]) -> Vec<Constant> {
    let mut reader = Reader { tokens, found: Vec::new() };
    let mut arguments = Vec::new();
    let mut at = 0;
    while let Some((value, end)) = reader.sum(at) {
        arguments.push(value);
        if !tokens.get(end).is_some_and(|token| token.is(",")) {
            break;
        }
        at = end + 1;
    }
    arguments
}

/// Every constant of a program, with those that it consists of, and those that stand in its texts.
pub(super) fn all(tokens: &[Token]) -> Vec<Found> {
    let mut reader = Reader { tokens, found: Vec::new() };
    let mut at = 0;
    while at < tokens.len() {
        // Behind an operator stands an operand of something that may not be constant: `x * 2 + 3` holds no 5.
        let is_operand = at > 0 && ["+", "-", "*", "/", "//", "%", "**"].iter().any(|sign| tokens[at - 1].is(sign));
        let read = if is_operand { reader.atom(at) } else { reader.sum(at) };
        at = read.map_or(at + 1, |(_, end)| end);
    }
    let mut found = reader.found;
    let mut inside = Vec::new();
    for place in &found {
        if let Constant::Text(text) = &place.value
            && text.contains(|c: char| c.is_ascii_digit() || c == '\'')
        {
            let inner = self::tokens(text);
            let constants = Reader { tokens: &inner, found: Vec::new() }.everything();
            inside.extend(constants.into_iter().map(|value| Found { value, start: place.start, end: place.end }));
        }
    }
    found.extend(inside);
    found
}

/// Where brackets open and close that are neither a call's nor an index.
pub(super) fn displays(tokens: &[Token]) -> Vec<(usize, usize)> {
    let mut open: Vec<usize> = Vec::new();
    let mut pairs = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.is("(") || token.is("[") || token.is("{") {
            open.push(at);
        } else if token.is(")") || token.is("]") || token.is("}") {
            let Some(start) = open.pop() else { continue };
            const KEYWORDS: [&str; 8] = ["return", "in", "else", "if", "and", "or", "not", "case"];
            let is_display = match start.checked_sub(1).map(|before| &tokens[before]) {
                Some(Token::Name(name)) => KEYWORDS.contains(&name.as_str()),
                Some(Token::Sign(sign)) => ![")", "]", "}"].contains(&sign.as_str()),
                Some(Token::Text(_)) => false,
                _ => true,
            };
            if is_display {
                pairs.push((start, at));
            }
        }
    }
    pairs
}

/// Reads constant expressions; all that it passes is found.
struct Reader<'a> {
    tokens: &'a [Token],
    found: Vec<Found>,
}

impl Reader<'_> {
    fn sign(&self, at: usize, signs: &[&'static str]) -> Option<&'static str> {
        let token = self.tokens.get(at)?;
        signs.iter().copied().find(|sign| token.is(sign))
    }

    fn note(&mut self, value: Constant, start: usize, end: usize) -> Option<(Constant, usize)> {
        self.found.push(Found { value: value.clone(), start, end });
        Some((value, end))
    }

    fn everything(mut self) -> Vec<Constant> {
        let mut at = 0;
        while at < self.tokens.len() {
            at = self.sum(at).map_or(at + 1, |(_, end)| end);
        }
        self.found.into_iter().map(|found| found.value).collect()
    }

    fn sum(&mut self, start: usize) -> Option<(Constant, usize)> {
        let (mut value, mut end) = self.product(start)?;
        while let Some(sign) = self.sign(end, &["+", "-"]) {
            let Some((right, after)) = self.product(end + 1) else { break };
            // A factor of what is not constant.
            if self.sign(after, &["*", "/", "//", "%", "**"]).is_some() {
                break;
            }
            let Some(result) = folded(&value, sign, &right) else { break };
            (value, end) = self.note(result, start, after)?;
        }
        Some((value, end))
    }

    fn product(&mut self, start: usize) -> Option<(Constant, usize)> {
        let (mut value, mut end) = self.unary(start)?;
        while let Some(sign) = self.sign(end, &["**", "*", "//", "%"]) {
            let Some((right, after)) = self.unary(end + 1) else { break };
            let Some(result) = folded(&value, sign, &right) else { break };
            (value, end) = self.note(result, start, after)?;
        }
        Some((value, end))
    }

    fn unary(&mut self, start: usize) -> Option<(Constant, usize)> {
        if self.sign(start, &["-"]).is_none() {
            return self.atom(start);
        }
        match self.unary(start + 1)? {
            (Constant::Number(number), end) => self.note(Constant::Number(number.wrapping_neg()), start, end),
            _ => None,
        }
    }

    fn atom(&mut self, start: usize) -> Option<(Constant, usize)> {
        match self.tokens.get(start)? {
            Token::Number(number) => self.note(Constant::Number(*number), start, start + 1),
            Token::Text(text) => {
                let (mut text, mut end) = (text.clone(), start + 1);
                while let Some(Token::Text(more)) = self.tokens.get(end) {
                    text += more;
                    end += 1;
                }
                self.note(Constant::Text(text), start, end)
            }
            Token::Other => self.note(Constant::Other, start, start + 1),
            Token::Name(name) if ["True", "False", "None"].contains(&name.as_str()) => {
                self.note(Constant::Other, start, start + 1)
            }
            Token::Name(name) if ["chr", "int", "str", "len", "ord"].contains(&name.as_str()) => {
                let name = name.clone();
                self.sign(start + 1, &["("])?;
                let (value, end) = self.sum(start + 2)?;
                self.sign(end, &[")"])?;
                let value = match (name.as_str(), value) {
                    ("chr", Constant::Number(number)) => {
                        Constant::Text(char::from_u32(u32::try_from(number).ok()?)?.to_string())
                    }
                    ("int", Constant::Text(text)) => Constant::Number(text.trim().parse().ok()?),
                    ("int", value @ Constant::Number(_)) => value,
                    ("str", Constant::Number(number)) => Constant::Text(number.to_string()),
                    ("len", Constant::Text(text)) => Constant::Number(text.chars().count() as i64),
                    ("len", Constant::List(items)) => Constant::Number(items.len() as i64),
                    ("ord", Constant::Text(text)) => Constant::Number(text.chars().next()? as i64),
                    _ => return None,
                };
                self.note(value, start, end + 1)
            }
            Token::Sign(sign) if sign == "[" || sign == "(" => {
                let (is_list, closing) = (sign == "[", if sign == "[" { "]" } else { ")" });
                let (mut items, mut at, mut is_tuple) = (Vec::new(), start + 1, false);
                while self.sign(at, &[closing]).is_none() {
                    let (item, end) = self.sum(at)?;
                    items.push(item);
                    at = end;
                    if self.sign(at, &[","]).is_some() {
                        is_tuple = true;
                        at += 1;
                    } else {
                        self.sign(at, &[closing])?;
                    }
                }
                let value = match items.as_slice() {
                    [only] if !is_list && !is_tuple => only.clone(),
                    _ => Constant::List(items),
                };
                self.note(value, start, at + 1)
            }
            _ => None,
        }
    }
}

/// What an operator makes of two constants; `None` where that is too large or an error.
fn folded(left: &Constant, sign: &str, right: &Constant) -> Option<Constant> {
    use Constant::{List, Number, Text};
    Some(match (left, sign, right) {
        (Number(a), "+", Number(b)) => Number(a.checked_add(*b)?),
        (Number(a), "-", Number(b)) => Number(a.checked_sub(*b)?),
        (Number(a), "*", Number(b)) => Number(a.checked_mul(*b)?),
        (Number(a), "**", Number(b)) => Number(a.checked_pow(u32::try_from(*b).ok()?)?),
        // Towards minus infinity, as in Python; a negative divisor is not worth the trouble.
        (Number(a), "//", Number(b)) if *b > 0 => Number(a.div_euclid(*b)),
        (Number(a), "%", Number(b)) if *b > 0 => Number(a.rem_euclid(*b)),
        (Text(a), "+", Text(b)) => Text(format!("{a}{b}")),
        (Text(a), "*", Number(b @ 0..=9)) => Text(a.repeat(*b as usize)),
        (List(a), "+", List(b)) => List([a.as_slice(), b].concat()),
        _ => return None,
    })
}
