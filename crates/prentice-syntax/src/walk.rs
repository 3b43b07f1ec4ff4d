//! One way through a tree, in the order of the text, which notes everything that is said of names.
//!
//! The way keeps its own stack, since trees of hostile texts are as deep as the text is long, and takes constant time for
//! each node. What needs more than one place to decide (which local a mention means, what contains a definition) is left
//! to `outline.rs`.

use std::ops::Range;

use tree_sitter::{Node, Tree, TreeCursor};

use crate::{
    grammar::{Grammar, Leaf, Rule, Scope, Visible, slice, text_of},
    symbol::{Import, ReferenceKind, SymbolKind},
};

/// Deeper nodes start no line of their own.
pub(crate) const DEEPEST_LEVEL: u8 = 63;

/// The kind of what the parser could not read.
const ERROR: u16 = u16::MAX;

/// Which names a mention can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Space {
    /// Variables and parameters.
    Values,
    /// Parameters of types.
    Types,
}

/// A definition, before it is known what contains it.
#[derive(Debug)]
pub(crate) struct Defined {
    pub name: Range<usize>,
    pub item: Range<usize>,
    pub kind: SymbolKind,
    /// Its container is the type around it, even from within a method.
    pub of_type: bool,
    /// Another one of the same name and container is a mention.
    pub once: bool,
}

/// A mention, before it is known whether it means a local.
#[derive(Debug)]
pub(crate) struct Mentioned {
    pub name: Range<usize>,
    pub kind: ReferenceKind,
    pub space: Option<Space>,
}

/// A local's name where it is bound.
#[derive(Debug)]
pub(crate) struct Bound {
    pub name: Range<usize>,
    pub space: Space,
    pub scope: u32,
    /// Where the name means this.
    pub visible: Range<usize>,
}

/// Everything that was met on the way, in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub definitions: Vec<Defined>,
    pub mentions: Vec<Mentioned>,
    pub bindings: Vec<Bound>,
    /// Items whose definitions belong to a type that is not around them: the item, the type's name.
    pub containers: Vec<(Range<usize>, Range<usize>)>,
    /// Names that a function does not declare by assigning them: its scope, the name.
    pub released: Vec<(u32, Range<usize>)>,
    pub imports: Vec<Import>,
    pub unread_bytes: usize,
    /// For each line the depth of the outermost node that starts with it, one more than [`DEEPEST_LEVEL`] where none does.
    pub levels: Vec<u8>,
}

/// What a node is, and the item that it names where it names one, with the end of what is wrapped around that.
#[derive(Clone, Copy)]
struct Role<'t> {
    rule: Rule,
    item: Node<'t>,
    start: usize,
    end: usize,
}

/// A node on the way from the root.
struct Frame<'t> {
    node: Node<'t>,
    kind: u16,
    role: Role<'t>,
    scope: Option<u32>,
    function: Option<u32>,
    opens: Option<Scope>,
    /// Whether what is declared here is a local: not so in a type, nor outside of everything.
    declares_locals: bool,
    /// End of the innermost declaration that delays what it declares.
    delay: Option<usize>,
    /// Line after the last child that belongs to what follows it.
    prelude: Option<usize>,
}

/// Walks through a tree.
pub(crate) fn walk(grammar: &Grammar, tree: &Tree, text: &str) -> Noted {
    let root = tree.root_node();
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let mut walker = Walker {
        grammar,
        text,
        noted: Noted { levels: vec![DEEPEST_LEVEL + 1; lines], ..Noted::default() },
        frames: Vec::with_capacity(64),
        scopes: Vec::new(),
        line: None,
    };
    let mut cursor = root.walk();
    loop {
        if let Some(frame) = walker.enter(&cursor)
            && cursor.goto_first_child()
        {
            walker.frames.push(frame);
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return walker.noted;
            }
            walker.frames.pop();
        }
    }
}

struct Walker<'t, 'g> {
    grammar: &'g Grammar,
    text: &'t str,
    noted: Noted,
    frames: Vec<Frame<'t>>,
    /// Where the locals of each scope are visible.
    scopes: Vec<Range<usize>>,
    /// The last line that anything started in.
    line: Option<usize>,
}

impl<'t> Walker<'t, '_> {
    /// Notes a node, and says how its children are to be understood; nothing where they do not matter.
    fn enter(&mut self, cursor: &TreeCursor<'t>) -> Option<Frame<'t>> {
        let node = cursor.node();
        let kind = node.kind_id();
        let about = self.grammar.kind(kind);
        // Half of all nodes are punctuation, and need no field.
        let field = if node.is_named() { cursor.field_id().map_or(0, |id| id.get()) } else { 0 };
        self.note_line(node, field, about.prelude);
        if (kind == ERROR || self.frames.last().is_some_and(|frame| frame.kind == ERROR)) && node.child_count() == 0 {
            self.noted.unread_bytes += node.byte_range().len();
        }
        if !node.is_named() {
            return None;
        }
        let role = self.role(node, field);
        if let Some(leaf) = about.leaf {
            if !node.is_missing() {
                self.name(node, leaf, role);
            }
            return None;
        }
        if about.imports {
            let parent = self.frames.last().map(|frame| frame.node);
            (self.grammar.traits.imports)(node, parent, self.text, &mut self.noted.imports);
        }
        if about.container
            && let Some(name) = (self.grammar.traits.container)(node)
        {
            let (start, end) = wrapped(self.grammar, self.text, node, &self.frames);
            self.noted.containers.push((start..end, name.byte_range()));
        }
        let parent = self.frames.last();
        let mut frame = Frame {
            node,
            kind,
            role,
            scope: parent.and_then(|parent| parent.scope),
            function: parent.and_then(|parent| parent.function),
            opens: None,
            declares_locals: parent.is_some_and(|parent| parent.declares_locals),
            delay: parent.and_then(|parent| parent.delay),
            prelude: None,
        };
        if about.delays {
            frame.delay = Some(node.end_byte());
        }
        // A function's body is the scope of its parameters, and a type's body is the type's.
        let is_body = field == self.grammar.body
            && parent.is_some_and(|parent| matches!(parent.opens, Some(Scope::Function | Scope::Type)));
        if let Some(scope) = about.scope.filter(|scope| !(is_body && *scope == Scope::Block)) {
            self.open(&mut frame, scope);
        }
        Some(frame)
    }

    fn open(&mut self, frame: &mut Frame<'t>, scope: Scope) {
        let child = |field| frame.node.child_by_field_id(field).map(|child| child.byte_range());
        let whole = frame.node.byte_range();
        let visible = match scope {
            Scope::Body => child(self.grammar.body).unwrap_or(whole),
            Scope::Consequence => whole.start..child(self.grammar.consequence).unwrap_or(whole).end,
            Scope::Function | Scope::Block | Scope::Type => whole,
        };
        let index = u32::try_from(self.scopes.len()).expect("a scope takes a byte, and texts are limited to fewer");
        self.scopes.push(visible);
        frame.scope = Some(index);
        // What a closure in a `let` declares is not delayed by the `let`.
        frame.delay = None;
        match scope {
            Scope::Function => frame.function = Some(index),
            // What is declared in a type is no local of the function around it.
            Scope::Type => frame.function = None,
            Scope::Block | Scope::Body | Scope::Consequence => {}
        }
        frame.opens = Some(scope);
        frame.declares_locals = scope != Scope::Type;
    }

    /// Notes where lines start that may begin a chunk: with a node that does not follow its own comment, and is neither
    /// the body nor all that there is of what the line before began.
    fn note_line(&mut self, node: Node<'t>, field: u16, prelude: bool) {
        let line = node.start_position().row;
        let depth = self.frames.len();
        if self.line.is_none_or(|last| line > last) {
            self.line = Some(line);
            let follows_prelude = self.frames.last().and_then(|frame| frame.prelude).is_some_and(|next| line <= next);
            let is_body = field != 0 && field == self.grammar.body;
            let is_only_child = self.frames.last().is_some_and(|frame| frame.node.named_child_count() == 1);
            let may_begin = node.is_named() && !follows_prelude && !is_body && !is_only_child && depth > 0;
            if may_begin && starts_line(self.text, node.start_byte()) {
                let level = u8::try_from(depth - 1).map_or(DEEPEST_LEVEL, |level| level.min(DEEPEST_LEVEL));
                if let Some(known) = self.noted.levels.get_mut(line) {
                    *known = level;
                }
            }
        }
        if let Some(frame) = self.frames.last_mut() {
            let stands_alone = prelude && starts_line(self.text, node.start_byte());
            frame.prelude = stands_alone.then(|| {
                let end = node.end_position();
                // The grammars differ in whether a line comment has its line's end.
                if end.column == 0 { end.row } else { end.row + 1 }
            });
        }
    }

    fn role(&self, node: Node<'t>, field: u16) -> Role<'t> {
        let Some(parent) = self.frames.last() else { return Role { rule: Rule::Plain, item: node, start: 0, end: 0 } };
        let rule = self.grammar.rule(parent.kind, field);
        let own = |rule: Rule| {
            let item = parent.node;
            let (start, end) = if rule.introduces() {
                wrapped(self.grammar, self.text, item, &self.frames[..self.frames.len() - 1])
            } else {
                (0, 0)
            };
            Role { rule, item, start, end }
        };
        match rule {
            Rule::Inherit => parent.role,
            Rule::InheritOrBind if parent.role.rule.introduces() => own(parent.role.rule),
            Rule::InheritOrBind => own(Rule::Bind),
            Rule::InheritOrType if parent.role.rule.introduces() => parent.role,
            Rule::InheritOrType => own(Rule::Mention(ReferenceKind::Type)),
            Rule::DefineWithBody(kind) => match parent.node.child_by_field_id(self.grammar.body) {
                Some(_) => own(Rule::Define(kind)),
                None => own(Rule::Mention(ReferenceKind::Type)),
            },
            Rule::BindTypeOfReceiver if parent.role.rule == Rule::Receiver => own(Rule::BindType),
            Rule::DefineHere(kind) => {
                Role { rule: Rule::Define(kind), item: node, start: node.start_byte(), end: node.end_byte() }
            }
            Rule::Member => match parent.role.rule {
                Rule::Assign | Rule::Target if self.is_received(parent.node, node) => parent.role,
                Rule::Define(_) | Rule::Declare(_) => parent.role,
                Rule::Mention(kind) | Rule::Elsewhere(kind) => own(Rule::Elsewhere(kind)),
                Rule::Qualifier => own(Rule::Qualifier),
                _ => own(Rule::Elsewhere(ReferenceKind::Other)),
            },
            _ => own(rule),
        }
    }

    /// The text before and after a node.
    fn around(&self, node: Node<'t>) -> (&'t str, &'t str) {
        (slice(self.text, 0..node.start_byte()), slice(self.text, node.end_byte()..self.text.len()))
    }

    /// Whether a member is one of the method's own object.
    fn is_received(&self, whole: Node<'t>, member: Node<'t>) -> bool {
        let receiver = self.grammar.traits.receiver;
        !receiver.is_empty() && slice(self.text, whole.start_byte()..member.start_byte()) == receiver
    }

    /// Notes a name.
    fn name(&mut self, node: Node<'t>, leaf: Leaf, role: Role<'t>) {
        use ReferenceKind::{Call, Other, Type};
        let Some(frame) = self.frames.last() else { return };
        let (scope, function) = (frame.scope, frame.function);
        let name = text_of(node, self.text);
        if self.grammar.traits.keywords.contains(&name) {
            return;
        }
        let (value, kind) = match leaf {
            Leaf::Value => (Some(Space::Values), Other),
            Leaf::Type => (Some(Space::Types), Type),
            Leaf::Member | Leaf::Module => (None, Other),
        };
        let titled = name.starts_with(char::is_uppercase);
        match role.rule {
            Rule::Silent => {}
            Rule::Define(kind) => self.define(node, role, kind, false),
            Rule::Declare(kind) => match scope.filter(|_| frame.declares_locals) {
                Some(scope) => self.bind(node, Space::Values, scope),
                None => self.define(node, role, kind, false),
            },
            Rule::Assign | Rule::Target if leaf == Leaf::Member || self.is_received(frame.node, node) => {
                // Only what the method's own object gets comes here with this role.
                self.define_field(node, role);
            }
            Rule::Target => self.mention(node, Other, value),
            Rule::Assign => self.assign(node, role, function),
            Rule::Capture => {
                let (before, after) = self.around(node);
                if before.ends_with('.') || after.trim_ascii_start().starts_with('=') {
                    self.mention(node, Other, None);
                } else if after.starts_with('.') {
                    self.mention(node, Other, value);
                } else {
                    self.assign(node, role, function);
                }
            }
            Rule::Key => match function {
                None => self.define(node, role, SymbolKind::Field, false),
                Some(_) => self.mention(node, Other, None),
            },
            Rule::Bind if leaf != Leaf::Value => self.mention(node, kind, value),
            Rule::Bind if titled && self.grammar.traits.constants_in_patterns => self.mention(node, Other, None),
            Rule::BindField => {
                if has_modifier(role.item) {
                    self.define_field(node, role);
                }
                scope.into_iter().for_each(|scope| self.bind(node, Space::Values, scope));
            }
            Rule::Bind => scope.into_iter().for_each(|scope| self.bind(node, Space::Values, scope)),
            Rule::BindBehindValue => {
                let value = role.item.child_by_field_id(self.grammar.value);
                let frame = self.frames.last_mut().expect("a name has a parent");
                frame.delay = value.map(|value| value.end_byte());
                scope.into_iter().for_each(|scope| self.bind(node, Space::Values, scope));
            }
            Rule::BindType => scope.into_iter().for_each(|scope| self.bind(node, Space::Types, scope)),
            Rule::Release => {
                self.noted.released.extend(function.map(|function| (function, node.byte_range())));
                self.mention(node, Other, value);
            }
            Rule::Mention(said) => {
                let kind = if said == Other { kind } else { said };
                self.mention(node, kind, value);
            }
            Rule::Elsewhere(said) => {
                let kind = if said == Other { kind } else { said };
                self.mention(node, kind, None);
            }
            Rule::Qualifier => self.mention(node, if titled { Type } else { Other }, Some(Space::Types)),
            Rule::Token => {
                let (before, after) = self.around(node);
                let macro_name = after.starts_with('!') && !after.starts_with("!=");
                let kind = match after.as_bytes() {
                    [b'(', ..] => Call,
                    [b':', b':', ..] if titled => Type,
                    _ if macro_name => Call,
                    _ => Other,
                };
                let elsewhere =
                    macro_name || (before.ends_with('.') && !before.ends_with("..")) || before.ends_with("::");
                self.mention(
                    node,
                    kind,
                    (!elsewhere).then_some(if kind == Type { Space::Types } else { Space::Values }),
                );
            }
            Rule::AttributeToken if titled => self.mention(node, Type, None),
            Rule::AttributeToken => {}
            Rule::Element if leaf == Leaf::Value && name.starts_with(char::is_lowercase) => {}
            Rule::Element => self.mention(node, Other, value),
            Rule::Plain
            | Rule::Inherit
            | Rule::InheritOrBind
            | Rule::InheritOrType
            | Rule::Member
            | Rule::Receiver
            | Rule::BindTypeOfReceiver
            | Rule::DefineHere(_)
            | Rule::DefineWithBody(_) => self.mention(node, kind, value),
        }
    }

    /// Notes a field that a method gives its object.
    fn define_field(&mut self, node: Node<'t>, role: Role<'t>) {
        let (name, item, kind) = (node.byte_range(), role.start..role.end, SymbolKind::Field);
        self.noted.definitions.push(Defined { name, item, kind, of_type: true, once: true });
    }

    fn define(&mut self, node: Node<'t>, role: Role<'t>, kind: SymbolKind, once: bool) {
        let Some(parent) = self.frames.last().map(|frame| frame.node) else { return };
        let kind = (self.grammar.traits.refine)(kind, node, parent, role.item, self.text);
        let item = role.start..role.end;
        self.noted.definitions.push(Defined { name: node.byte_range(), item, kind, of_type: false, once });
    }

    fn assign(&mut self, node: Node<'t>, role: Role<'t>, function: Option<u32>) {
        match function {
            Some(function) => self.bind(node, Space::Values, function),
            None => self.define(node, role, SymbolKind::Variable, true),
        }
    }

    fn bind(&mut self, node: Node<'t>, space: Space, scope: u32) {
        let name = node.byte_range();
        let visible = self.scopes[scope as usize].clone();
        let delay = self.frames.last().and_then(|frame| frame.delay);
        let from = match (space, delay, self.grammar.traits.visible) {
            (Space::Values, Some(delay), _) => delay.max(visible.start),
            (Space::Values, None, Visible::FromName) => name.start.max(visible.start),
            (Space::Values, None, Visible::Everywhere) | (Space::Types, ..) => visible.start,
        };
        self.noted.bindings.push(Bound { name, space, scope, visible: from..visible.end.max(from) });
    }

    fn mention(&mut self, node: Node<'t>, kind: ReferenceKind, space: Option<Space>) {
        self.noted.mentions.push(Mentioned { name: node.byte_range(), kind, space });
    }
}

/// Where an item starts and ends, with what is wrapped around it.
fn wrapped(grammar: &Grammar, text: &str, item: Node<'_>, around: &[Frame<'_>]) -> (usize, usize) {
    let mut range = item.byte_range();
    for frame in around.iter().rev().take_while(|frame| grammar.kind(frame.kind).wrapper) {
        let rest = slice(text, range.end..frame.node.end_byte());
        if !matches!(rest.trim_ascii(), "" | ";") {
            break;
        }
        range = frame.node.byte_range();
    }
    (range.start, range.end)
}

/// Whether one of TypeScript's parameters is a field of its class too.
fn has_modifier(parameter: Node<'_>) -> bool {
    let mut cursor = parameter.walk();
    let is_modifier =
        |node: Node<'_>| matches!(node.kind(), "accessibility_modifier" | "override_modifier" | "readonly");
    parameter.children(&mut cursor).any(is_modifier)
}

/// Whether only white space stands before a byte in its line.
fn starts_line(text: &str, offset: usize) -> bool {
    let before = &text.as_bytes()[..offset];
    before.iter().rev().take_while(|byte| **byte != b'\n').all(u8::is_ascii_whitespace)
}
