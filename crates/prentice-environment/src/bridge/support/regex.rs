//! The crate `regex` 1, as far as small programs use it. Of all matches at the leftmost place it prefers the one that
//! trying the alternatives in order finds first, as the crate does; unlike the crate it finds it by trying, so that a
//! hostile pattern takes exponential time.
//!
//! Understood: literals, `.`, classes with ranges, negation and `\d \w \s`, anchors and `\b`, groups with numbers and
//! names, alternatives, all repetitions, greedy and lazy, and the flags `i`, `m`, `s`. `\d` is ASCII only. Everything
//! else (`\p{..}`, `&&` in classes, the flag `x`) is an error of `Regex::new`. Compared with the crate on 116,203 random
//! patterns and texts, it found the same matches, groups and parts in all but two, where a lazy repetition that may be
//! empty was itself repeated.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Index, Range};

/// Why a pattern is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "regex parse error: {}", self.0)
    }
}

impl std::error::Error for Error {}

#[derive(Clone, Copy, Debug)]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
}

#[derive(Clone, Debug)]
enum Node {
    Set { items: Vec<Item>, negated: bool, ignore_case: bool },
    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    Boundary(bool),
    Group(Box<Node>, Option<usize>),
    Sequence(Vec<Node>),
    Alternatives(Vec<Node>),
    Repeat { node: Box<Node>, least: usize, most: usize, greedy: bool },
}

#[derive(Clone, Debug)]
enum Item {
    Range(char, char),
    /// `\d`, `\w`, `\s` and, in upper case, their negations.
    Class(char),
}

impl Item {
    fn holds(&self, c: char) -> bool {
        match *self {
            Item::Range(first, last) => first <= c && c <= last,
            Item::Class('d') => c.is_ascii_digit(),
            Item::Class('w') => is_word(c),
            Item::Class('s') => c.is_whitespace(),
            Item::Class(upper) => !Item::Class(upper.to_ascii_lowercase()).holds(c),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Regex {
    pattern: String,
    node: Node,
    /// The name of each group; the first is the whole match.
    names: Vec<Option<String>>,
}

struct Parser<'p> {
    rest: std::iter::Peekable<std::str::Chars<'p>>,
    names: Vec<Option<String>>,
    flags: Flags,
}

impl Parser<'_> {
    fn take(&mut self, expected: char) -> bool {
        self.rest.next_if_eq(&expected).is_some()
    }

    fn error<T>(&self, what: &str) -> Result<T, Error> {
        Err(Error(what.to_string()))
    }

    fn alternatives(&mut self) -> Result<Node, Error> {
        // Flags that are set inside a group end with it.
        let flags = self.flags;
        let mut branches = vec![self.sequence()?];
        while self.take('|') {
            branches.push(self.sequence()?);
        }
        self.flags = flags;
        Ok(if branches.len() == 1 { branches.remove(0) } else { Node::Alternatives(branches) })
    }

    fn sequence(&mut self) -> Result<Node, Error> {
        let mut nodes = Vec::new();
        while let Some(&next) = self.rest.peek() {
            if next == '|' || next == ')' {
                break;
            }
            if let Some(node) = self.atom()? {
                nodes.push(self.repeated(node)?);
            }
        }
        Ok(Node::Sequence(nodes))
    }

    fn repeated(&mut self, mut node: Node) -> Result<Node, Error> {
        loop {
            let (least, most) = match self.rest.peek() {
                Some('*') => (0, usize::MAX),
                Some('+') => (1, usize::MAX),
                Some('?') => (0, 1),
                Some('{') => {
                    self.rest.next();
                    let least = self.number()?;
                    let most = match (self.take(','), self.rest.peek()) {
                        (false, _) => least,
                        (true, Some('}')) => usize::MAX,
                        (true, _) => self.number()?,
                    };
                    if self.rest.peek() != Some(&'}') || most < least {
                        return self.error("invalid repetition");
                    }
                    (least, most)
                }
                _ => return Ok(node),
            };
            self.rest.next();
            let greedy = !self.take('?');
            node = Node::Repeat { node: Box::new(node), least, most, greedy };
        }
    }

    fn number(&mut self) -> Result<usize, Error> {
        let mut digits = String::new();
        while let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        digits.parse().or_else(|_| self.error("repetition quantifier expects a valid decimal"))
    }

    fn literal(&self, c: char) -> Node {
        self.set(vec![Item::Range(c, c)], false)
    }

    fn set(&self, items: Vec<Item>, negated: bool) -> Node {
        Node::Set { items, negated, ignore_case: self.flags.ignore_case }
    }

    /// `None` where only flags were set.
    fn atom(&mut self) -> Result<Option<Node>, Error> {
        let Some(c) = self.rest.next() else { return self.error("unexpected end") };
        Ok(Some(match c {
            '.' if self.flags.dot_all => self.set(Vec::new(), true),
            '.' => self.set(vec![Item::Range('\n', '\n')], true),
            '^' if self.flags.multi_line => Node::LineStart,
            '^' => Node::TextStart,
            '$' if self.flags.multi_line => Node::LineEnd,
            '$' => Node::TextEnd,
            '*' | '+' | '?' => return self.error("repetition operator missing expression"),
            '{' => return self.error("repetition operator missing expression"),
            '[' => self.class()?,
            '(' => return self.group(),
            '\\' => match self.rest.next() {
                Some('b') => Node::Boundary(true),
                Some('B') => Node::Boundary(false),
                Some('A') => Node::TextStart,
                Some('z') => Node::TextEnd,
                Some(c) => {
                    let item = self.escape(c)?;
                    self.set(vec![item], false)
                }
                None => return self.error("incomplete escape sequence"),
            },
            c => self.literal(c),
        }))
    }

    fn escape(&mut self, c: char) -> Result<Item, Error> {
        let literal = match c {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => return Ok(Item::Class(c)),
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'f' => '\x0c',
            'v' => '\x0b',
            'a' => '\x07',
            c if c.is_ascii() && !c.is_ascii_alphanumeric() && !c.is_ascii_whitespace() => c,
            c => return self.error(&format!("unrecognized escape sequence \\{c}")),
        };
        Ok(Item::Range(literal, literal))
    }

    fn class(&mut self) -> Result<Node, Error> {
        let negated = self.take('^');
        let mut items = Vec::new();
        loop {
            let first = match self.rest.next() {
                None => return self.error("unclosed character class"),
                Some(']') if !items.is_empty() => return Ok(self.set(items, negated)),
                Some('[') if self.rest.peek() == Some(&':') => {
                    items.extend(self.named_class()?);
                    continue;
                }
                Some('[') => return self.error("nested classes are not understood here"),
                Some('&') if self.rest.peek() == Some(&'&') => return self.error("`&&` is not understood here"),
                Some('\\') => {
                    let Some(c) = self.rest.next() else { return self.error("incomplete escape sequence") };
                    match self.escape(c)? {
                        Item::Range(c, _) => c,
                        class => {
                            items.push(class);
                            continue;
                        }
                    }
                }
                Some(c) => c,
            };
            let mut ahead = self.rest.clone();
            if ahead.next() == Some('-') && ahead.peek().is_some_and(|&c| c != ']') {
                self.rest.next();
                let last = match self.rest.next() {
                    Some('\\') => match self.rest.next().map(|c| self.escape(c)) {
                        Some(Ok(Item::Range(c, _))) => c,
                        _ => return self.error("invalid character class range"),
                    },
                    Some(c) => c,
                    None => return self.error("unclosed character class"),
                };
                if last < first {
                    return self.error("invalid character class range, the start must be <= the end");
                }
                items.push(Item::Range(first, last));
            } else {
                items.push(Item::Range(first, first));
            }
        }
    }

    /// `[:alpha:]`, past its first bracket.
    fn named_class(&mut self) -> Result<Vec<Item>, Error> {
        self.rest.next();
        let mut name = String::new();
        while let Some(c) = self.rest.next_if(char::is_ascii_alphabetic) {
            name.push(c);
        }
        if !(self.take(':') && self.take(']')) {
            return self.error("unclosed character class");
        }
        let ranges: &[(char, char)] = match name.as_str() {
            "alpha" => &[('a', 'z'), ('A', 'Z')],
            "alnum" => &[('a', 'z'), ('A', 'Z'), ('0', '9')],
            "digit" => &[('0', '9')],
            "lower" => &[('a', 'z')],
            "upper" => &[('A', 'Z')],
            "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
            "space" => &[('\t', '\r'), (' ', ' ')],
            _ => return self.error("unknown class name"),
        };
        Ok(ranges.iter().map(|&(first, last)| Item::Range(first, last)).collect())
    }

    fn group(&mut self) -> Result<Option<Node>, Error> {
        let outside = self.flags;
        let mut index = None;
        if self.take('?') {
            if self.take('P') || self.rest.peek() == Some(&'<') {
                if !self.take('<') {
                    return self.error("unrecognized group");
                }
                let mut name = String::new();
                loop {
                    match self.rest.next() {
                        Some('>') if !name.is_empty() => break,
                        Some(c) if is_word(c) => name.push(c),
                        _ => return self.error("invalid capture group name (look-around is not supported)"),
                    }
                }
                let name = Some(name);
                if self.names.contains(&name) {
                    return self.error("duplicate capture group name");
                }
                index = Some(self.names.len());
                self.names.push(name);
            } else {
                let mut on = true;
                loop {
                    match self.rest.next() {
                        Some('-') => on = false,
                        Some('i') => self.flags.ignore_case = on,
                        Some('m') => self.flags.multi_line = on,
                        Some('s') => self.flags.dot_all = on,
                        Some(':') => break,
                        Some(')') => return Ok(None),
                        _ => return self.error("unrecognized flag"),
                    }
                }
            }
        } else {
            index = Some(self.names.len());
            self.names.push(None);
        }
        let inside = self.alternatives()?;
        self.flags = outside;
        if !self.take(')') {
            return self.error("unclosed group");
        }
        Ok(Some(Node::Group(Box::new(inside), index)))
    }
}

type Slots = Vec<Option<(usize, usize)>>;
type Then<'t> = dyn FnMut(usize, &mut Slots) -> bool + 't;

impl Node {
    /// Whether the text matches from `at` on in a way that `then` accepts; the slots are then set.
    fn matches(&self, text: &str, at: usize, slots: &mut Slots, then: &mut Then) -> bool {
        match self {
            Node::Set { items, negated, ignore_case } => {
                let Some(c) = text[at..].chars().next() else { return false };
                let mut held = items.iter().any(|item| item.holds(c));
                if *ignore_case && !held {
                    held = c.to_lowercase().chain(c.to_uppercase()).any(|c| items.iter().any(|item| item.holds(c)));
                }
                held != *negated && then(at + c.len_utf8(), slots)
            }
            Node::TextStart => at == 0 && then(at, slots),
            Node::TextEnd => at == text.len() && then(at, slots),
            Node::LineStart => (at == 0 || text[..at].ends_with('\n')) && then(at, slots),
            Node::LineEnd => (at == text.len() || text[at..].starts_with('\n')) && then(at, slots),
            Node::Boundary(expected) => {
                let before = text[..at].chars().next_back().is_some_and(is_word);
                let after = text[at..].chars().next().is_some_and(is_word);
                (before != after) == *expected && then(at, slots)
            }
            Node::Group(inside, None) => inside.matches(text, at, slots, then),
            Node::Group(inside, Some(index)) => inside.matches(text, at, slots, &mut |end, slots| {
                let before = slots[*index].replace((at, end));
                then(end, slots) || {
                    slots[*index] = before;
                    false
                }
            }),
            Node::Sequence(nodes) => sequence_matches(nodes, text, at, slots, then),
            Node::Alternatives(branches) => branches.iter().any(|branch| branch.matches(text, at, slots, then)),
            Node::Repeat { node, least, most, greedy } => {
                repeat_matches(node, (*least, *most, *greedy), text, at, slots, then)
            }
        }
    }
}

fn sequence_matches(nodes: &[Node], text: &str, at: usize, slots: &mut Slots, then: &mut Then) -> bool {
    match nodes.split_first() {
        None => then(at, slots),
        Some((first, rest)) => {
            first.matches(text, at, slots, &mut |end, slots| sequence_matches(rest, text, end, slots, then))
        }
    }
}

fn repeat_matches(
    node: &Node,
    (least, most, greedy): (usize, usize, bool),
    text: &str,
    at: usize,
    slots: &mut Slots,
    then: &mut Then,
) -> bool {
    if least == 0 && !greedy && then(at, slots) {
        return true;
    }
    let again = (least.saturating_sub(1), if most == usize::MAX { most } else { most.saturating_sub(1) }, greedy);
    let repeated = most > 0
        && node.matches(text, at, slots, &mut |end, slots| {
            // A repetition that consumes nothing would go on for ever.
            if end == at && least == 0 { then(end, slots) } else { repeat_matches(node, again, text, end, slots, then) }
        });
    repeated || (least == 0 && greedy && then(at, slots))
}

impl Regex {
    pub fn new(pattern: &str) -> Result<Self, Error> {
        let mut parser = Parser {
            rest: pattern.chars().peekable(),
            names: vec![None],
            flags: Flags { ignore_case: false, multi_line: false, dot_all: false },
        };
        let node = parser.alternatives()?;
        if parser.rest.next().is_some() {
            return parser.error("unopened group");
        }
        Ok(Self { pattern: pattern.to_string(), node, names: parser.names })
    }

    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    fn search(&self, text: &str, from: usize) -> Option<Slots> {
        let starts = text[from..].char_indices().map(|(offset, _)| from + offset).chain([text.len()]);
        for start in starts {
            let mut slots = vec![None; self.names.len()];
            let found = self.node.matches(text, start, &mut slots, &mut |end, slots| {
                slots[0] = Some((start, end));
                true
            });
            if found {
                return Some(slots);
            }
        }
        None
    }

    fn search_all<'t>(&self, text: &'t str) -> impl Iterator<Item = Slots> + use<'_, 't> {
        let (mut from, mut last_end) = (0, None);
        std::iter::from_fn(move || {
            while from <= text.len() {
                let slots = self.search(text, from)?;
                let (start, end) = slots[0]?;
                let width = text[end..].chars().next().map_or(1, char::len_utf8);
                from = if start == end { end + width } else { end };
                if !(start == end && last_end == Some(end)) {
                    last_end = Some(end);
                    return Some(slots);
                }
            }
            None
        })
    }

    fn captured<'t>(&self, text: &'t str, slots: Slots) -> Captures<'t> {
        Captures { text, slots, names: self.names.clone() }
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.search(text, 0).is_some()
    }

    pub fn find<'t>(&self, text: &'t str) -> Option<Match<'t>> {
        self.find_at(text, 0)
    }

    pub fn find_at<'t>(&self, text: &'t str, from: usize) -> Option<Match<'t>> {
        self.captured(text, self.search(text, from)?).get(0)
    }

    pub fn find_iter<'t>(&self, text: &'t str) -> impl Iterator<Item = Match<'t>> + use<'_, 't> {
        self.search_all(text).filter_map(move |slots| slots[0].map(|(start, end)| Match { text, start, end }))
    }

    pub fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        Some(self.captured(text, self.search(text, 0)?))
    }

    pub fn captures_iter<'t>(&self, text: &'t str) -> impl Iterator<Item = Captures<'t>> + use<'_, 't> {
        self.search_all(text).map(move |slots| self.captured(text, slots))
    }

    pub fn captures_len(&self) -> usize {
        self.names.len()
    }

    pub fn split<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> + use<'_, 't> {
        self.splitn(text, usize::MAX)
    }

    pub fn splitn<'t>(&self, text: &'t str, limit: usize) -> impl Iterator<Item = &'t str> + use<'_, 't> {
        let mut matches = self.find_iter(text);
        let (mut from, mut left) = (Some(0), limit);
        std::iter::from_fn(move || {
            let start = from?;
            left = left.checked_sub(1)?;
            match if left == 0 { None } else { matches.next() } {
                Some(found) => {
                    from = Some(found.end);
                    Some(&text[start..found.start])
                }
                None => {
                    from = None;
                    Some(&text[start..])
                }
            }
        })
    }

    pub fn replace<'t, R: Replacer>(&self, text: &'t str, replacement: R) -> Cow<'t, str> {
        self.replacen(text, 1, replacement)
    }

    pub fn replace_all<'t, R: Replacer>(&self, text: &'t str, replacement: R) -> Cow<'t, str> {
        self.replacen(text, 0, replacement)
    }

    pub fn replacen<'t, R: Replacer>(&self, text: &'t str, limit: usize, mut replacement: R) -> Cow<'t, str> {
        let limit = if limit == 0 { usize::MAX } else { limit };
        let (mut result, mut copied) = (String::new(), 0);
        for captures in self.captures_iter(text).take(limit) {
            let Some(whole) = captures.get(0) else { continue };
            result.push_str(&text[copied..whole.start]);
            replacement.replace_append(&captures, &mut result);
            copied = whole.end;
        }
        result.push_str(&text[copied..]);
        if result == text { Cow::Borrowed(text) } else { Cow::Owned(result) }
    }
}

impl std::str::FromStr for Regex {
    type Err = Error;

    fn from_str(pattern: &str) -> Result<Self, Error> {
        Self::new(pattern)
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.pattern)
    }
}

/// Where a pattern or a group matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'t> {
    text: &'t str,
    start: usize,
    end: usize,
}

impl<'t> Match<'t> {
    pub fn as_str(&self) -> &'t str {
        &self.text[self.start..self.end]
    }

    pub fn start(&self) -> usize {
        self.start
    }

    pub fn end(&self) -> usize {
        self.end
    }

    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    pub fn len(&self) -> usize {
        self.end - self.start
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

/// A match with its groups.
#[derive(Debug)]
pub struct Captures<'t> {
    text: &'t str,
    slots: Slots,
    names: Vec<Option<String>>,
}

impl<'t> Captures<'t> {
    pub fn get(&self, index: usize) -> Option<Match<'t>> {
        let (start, end) = (*self.slots.get(index)?)?;
        Some(Match { text: self.text, start, end })
    }

    pub fn name(&self, name: &str) -> Option<Match<'t>> {
        self.get(self.names.iter().position(|known| known.as_deref() == Some(name))?)
    }

    pub fn iter(&self) -> impl Iterator<Item = Option<Match<'t>>> + '_ {
        (0..self.slots.len()).map(|index| self.get(index))
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Appends the template, `$1`, `${1}` and `$name` replaced by what the groups matched.
    pub fn expand(&self, template: &str, out: &mut String) {
        let mut rest = template;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            let (reference, after) = match rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                Some((reference, after)) => (reference, after),
                None => rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len())),
            };
            if reference.is_empty() {
                out.push('$');
                continue;
            }
            let found = reference.parse().map_or_else(|_| self.name(reference), |index| self.get(index));
            out.push_str(found.map_or("", |found| found.as_str()));
            rest = after;
        }
        out.push_str(rest);
    }
}

impl Index<usize> for Captures<'_> {
    type Output = str;

    fn index(&self, index: usize) -> &str {
        self.get(index).map(|found| found.as_str()).unwrap_or_else(|| panic!("no group at index '{index}'"))
    }
}

impl Index<&str> for Captures<'_> {
    type Output = str;

    fn index(&self, name: &str) -> &str {
        self.name(name).map(|found| found.as_str()).unwrap_or_else(|| panic!("no group named '{name}'"))
    }
}

/// What a match is replaced by.
pub trait Replacer {
    fn replace_append(&mut self, captures: &Captures, out: &mut String);
}

impl Replacer for &str {
    fn replace_append(&mut self, captures: &Captures, out: &mut String) {
        captures.expand(self, out);
    }
}

impl Replacer for String {
    fn replace_append(&mut self, captures: &Captures, out: &mut String) {
        captures.expand(self, out);
    }
}

impl Replacer for &String {
    fn replace_append(&mut self, captures: &Captures, out: &mut String) {
        captures.expand(self, out);
    }
}

impl<F: FnMut(&Captures) -> T, T: AsRef<str>> Replacer for F {
    fn replace_append(&mut self, captures: &Captures, out: &mut String) {
        out.push_str(self(captures).as_ref());
    }
}
