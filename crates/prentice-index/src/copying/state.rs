//! Where a text stands: everything that decides what usually comes next, and the contexts read off it.
//!
//! A context is a hash of some part of the state. Its occurrences elsewhere say which symbol came next there. Orders are
//! the last symbols; structural contexts follow the line, the call or the block instead (Hellendoorn & Devanbu 2017
//! nest by directory); abstract orders see identifiers as how recently they were used, so that a line is found again
//! where its names differ.

use super::{
    lexicon::{Class, Lexicon, NEWLINE, SEPARATOR, Symbol},
    mixer::fold,
};

/// Lengths of the contexts that are just the last symbols.
pub const ORDERS: [usize; 11] = [1, 2, 3, 4, 5, 6, 7, 9, 12, 16, 24];
/// Lengths of the contexts of abstract symbols.
pub const ABSTRACT_ORDERS: [usize; 4] = [3, 5, 8, 12];
/// Contexts that follow the structure of the text.
pub const STRUCTURES: usize = 11;
/// All contexts: orders, then structures, then abstract orders.
pub const CONTEXTS: usize = ORDERS.len() + STRUCTURES + ABSTRACT_ORDERS.len();
/// The first structural context.
pub const FIRST_STRUCTURE: usize = ORDERS.len();
/// The first abstract context.
pub const FIRST_ABSTRACT: usize = ORDERS.len() + STRUCTURES;

/// How many identifiers are remembered by recency.
pub const RECENT: usize = 32;
/// Marks an abstract symbol that is a rank among recent identifiers.
const RANK: u32 = 1 << 31;
/// A context that does not exist here.
pub const ABSENT: u32 = 0;

/// What is known of the line below the cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Below {
    /// Hash of its symbols; 0 where there is none, or it is not to be used.
    pub line: u32,
    /// Hash of its first two symbols.
    pub start: u32,
}

/// A state of a text, between two symbols.
#[derive(Clone, Debug)]
pub struct State {
    /// The last symbols, latest first.
    pub history: [Symbol; 24],
    /// The last abstract symbols, latest first.
    pub abstracts: [u32; 12],
    /// Identifiers, most recently used first.
    recent: [u32; RECENT],
    /// Symbols of the line so far.
    line: u32,
    /// How many these are.
    pub position: u16,
    start: u32,
    previous: u32,
    previous_start: u32,
    before_previous: u32,
    parent_start: u32,
    /// Callee and number of argument of each open bracket.
    calls: [(u32, u16); 8],
    depth: usize,
    identifiers: [u32; 2],
    file: u32,
    directory: u32,
    below: Below,
}

impl State {
    /// The beginning of a file.
    pub fn new(path: &str) -> Self {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        let hash = |text: &str| text.bytes().fold(7, |hash, byte| fold(hash, u32::from(byte)));
        Self {
            history: [SEPARATOR; 24],
            abstracts: [SEPARATOR; 12],
            recent: [u32::MAX; RECENT],
            line: 1,
            position: 0,
            start: 1,
            previous: 1,
            previous_start: 1,
            before_previous: 1,
            parent_start: 1,
            calls: [(0, 0); 8],
            depth: 0,
            identifiers: [0; 2],
            file: hash(path),
            directory: hash(directory),
            below: Below::default(),
        }
    }

    /// Begins a line of the block that `parent` heads, above the line `below`.
    pub fn begin_line(&mut self, parent: Below, below: Below) {
        self.parent_start = parent.start;
        self.below = below;
    }

    /// What stands below.
    pub fn below(&self) -> Below {
        self.below
    }

    /// Hash of the line so far, and of its first two symbols.
    pub fn line(&self) -> Below {
        Below { line: self.line, start: self.start }
    }

    /// How a symbol is seen by the abstract contexts here.
    pub fn abstracted(&self, symbol: Symbol, class: Class) -> u32 {
        if class != Class::Identifier {
            return symbol;
        }
        let rank = self.recent.iter().position(|word| *word == symbol >> 1).unwrap_or(RECENT);
        RANK | (rank as u32) << 1 | symbol & 1
    }

    /// The symbol that an abstract one stands for here, where there is one.
    pub fn concrete(&self, seen: u32) -> Option<Symbol> {
        if seen & RANK == 0 {
            return Some(seen);
        }
        let word = *self.recent.get(((seen & !RANK) >> 1) as usize)?;
        (word != u32::MAX).then_some(word << 1 | seen & 1)
    }

    /// How recently a symbol's identifier was used: 0 is the last one.
    pub fn rank(&self, symbol: Symbol) -> Option<usize> {
        self.recent.iter().position(|word| *word == symbol >> 1)
    }

    /// Identifiers, most recently used first.
    pub fn recent(&self) -> impl Iterator<Item = u32> + '_ {
        self.recent.iter().copied().take_while(|word| *word != u32::MAX)
    }

    /// Goes on by a symbol; a newline ends the line.
    pub fn push(&mut self, symbol: Symbol, lexicon: &Lexicon) {
        let class = lexicon.class(symbol);
        let seen = self.abstracted(symbol, class);
        self.abstracts.copy_within(0..11, 1);
        self.abstracts[0] = seen;
        self.history.copy_within(0..23, 1);
        self.history[0] = symbol;
        if symbol == NEWLINE {
            self.before_previous = self.previous;
            (self.previous, self.previous_start) = (self.line, self.start);
            (self.line, self.start, self.position) = (1, 1, 0);
            self.below = Below::default();
            return;
        }
        self.line = fold(self.line, symbol);
        if self.position < 2 {
            self.start = fold(self.start, symbol >> 1);
        }
        self.position = self.position.saturating_add(1);
        match class {
            Class::Identifier => {
                let word = symbol >> 1;
                let rank = self.recent.iter().position(|known| *known == word).unwrap_or(RECENT - 1);
                self.recent.copy_within(0..rank, 1);
                self.recent[0] = word;
                self.identifiers = [word, self.identifiers[0]];
            }
            Class::Open => {
                let callee = self.history[1] >> 1;
                if self.depth == self.calls.len() {
                    self.calls.copy_within(1.., 0);
                    self.depth -= 1;
                }
                self.calls[self.depth] = (callee, 0);
                self.depth += 1;
            }
            Class::Close => self.depth = self.depth.saturating_sub(1),
            Class::Separator if self.depth > 0 => self.calls[self.depth - 1].1 += 1,
            _ => {}
        }
    }

    /// The hash of every context; [`ABSENT`] where there is none.
    pub fn contexts(&self) -> [u32; CONTEXTS] {
        let mut contexts = [ABSENT; CONTEXTS];
        let mut next = 0;
        let mut put = |hash: u32| {
            contexts[next] = fold(hash, next as u32).max(1);
            next += 1;
        };
        let mut hash = 3;
        let mut length = 0;
        for order in ORDERS {
            while length < order {
                hash = fold(hash, self.history[length]);
                length += 1;
            }
            put(hash);
        }
        let [h1, h2, ..] = self.history;
        let line = self.line;
        let pair = fold(fold(11, h1), h2);
        put(line);
        put(fold(line, self.previous));
        put(fold(fold(line, self.previous), self.before_previous));
        put(fold(fold(line, self.parent_start), self.previous_start));
        put(fold(fold(fold(7, h1), self.identifiers[0]), self.identifiers[1]));
        let (callee, argument) = if self.depth == 0 { (0, 0) } else { self.calls[self.depth - 1] };
        put(fold(fold(fold(8, callee), u32::from(argument)), h1));
        put(fold(fold(9, h1), self.parent_start));
        put(fold(pair, self.file));
        put(fold(pair, self.directory));
        put(fold(line, self.below.line));
        put(fold(pair, self.below.start));
        let mut hash = 4;
        let mut length = 0;
        for order in ABSTRACT_ORDERS {
            while length < order {
                hash = fold(hash, self.abstracts[length]);
                length += 1;
            }
            put(hash);
        }
        if self.below.line == 0 {
            contexts[BELOW] = ABSENT;
            contexts[BELOW + 1] = ABSENT;
        }
        if self.depth == 0 {
            contexts[CALL] = ABSENT;
        }
        contexts
    }

    /// A coarse position in the line: 0 at its start.
    pub fn place(&self) -> usize {
        match self.position {
            0 => 0,
            1 => 1,
            2..=4 => 2,
            _ => 3,
        }
    }
}

/// Coarse positions in a line.
pub const PLACES: usize = 4;
const CALL: usize = FIRST_STRUCTURE + 5;
/// The first of two contexts with the line below.
pub const BELOW: usize = FIRST_STRUCTURE + 9;

/// Walks through the lines of a file, keeping track of blocks by indentation.
#[derive(Clone, Debug)]
pub struct Walker {
    /// Where the text stands.
    pub state: State,
    /// Indentation and hash of the lines that the next one may belong to.
    blocks: Vec<(u32, Below)>,
    indentation: u32,
}

impl Walker {
    /// At the beginning of a file.
    pub fn new(path: &str) -> Self {
        Self { state: State::new(path), blocks: Vec::new(), indentation: 0 }
    }

    /// Begins a line that is indented so far.
    pub fn begin_line(&mut self, indentation: u32, below: Below) {
        while self.blocks.last().is_some_and(|(outer, _)| *outer >= indentation) {
            self.blocks.pop();
        }
        self.indentation = indentation;
        let parent = self.blocks.last().map_or(Below { line: 1, start: 1 }, |(_, head)| *head);
        self.state.begin_line(parent, below);
    }

    /// Ends the line that was begun.
    pub fn end_line(&mut self, lexicon: &Lexicon) {
        self.blocks.push((self.indentation, self.state.line()));
        self.state.push(NEWLINE, lexicon);
    }
}

/// Hash of a line's symbols, as it is seen from the line above.
pub fn line_below(symbols: &[Symbol]) -> Below {
    let line = symbols.iter().fold(1, |hash, symbol| fold(hash, *symbol));
    let start = symbols.iter().take(2).fold(1, |hash, symbol| fold(hash, symbol >> 1));
    Below { line, start }
}

/// The indentation of a line in columns, a tab being four, and the line without it.
pub fn indentation(line: &str) -> (u32, &str) {
    let text = line.trim_start_matches([' ', '\t', '\r', '\u{b}', '\u{c}', '\u{feff}']);
    let columns = line[..line.len() - text.len()].bytes().map(|byte| if byte == b'\t' { 4 } else { 1 }).sum();
    (columns, text)
}
