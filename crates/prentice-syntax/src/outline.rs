//! What a file defines, mentions and imports.
//!
//! `walk.rs` notes names in the order of the text; here it is settled which local each mention means and what contains
//! each definition. Both are one pass over what is sorted by place, with a stack. A mention that means no local is a
//! reference by its name alone: which definition it means is not settled here, since it may be in another file.
//!
//! *Not covered:* types. `a.name` is a reference to every `name`.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    mem,
    ops::Range,
};

use crate::{
    chunks::{self, Chunk, ChunkOptions},
    grammar::{Grammar, slice},
    language::Language,
    parse,
    symbol::{Definition, Local, Outline, Reference, ReferenceKind, SymbolKind},
    walk::{self, Bound, Defined, Mentioned, Noted, Space},
};

/// What a file defines, mentions and imports.
///
/// Broken code is no error: what can be read is read. A text that is too long to parse (4 MiB), or that takes the parser
/// far longer than code does, has nothing but `unread_bytes`.
pub fn outline(language: Language, text: &str) -> Outline {
    match parse::parse(language, text) {
        Some(tree) => {
            let grammar = Grammar::of(language);
            settle(walk::walk(grammar, &tree, text), grammar, text)
        }
        None => Outline { unread_bytes: text.len(), ..Outline::default() },
    }
}

/// The outline and the chunks of a file, for which it is parsed once.
pub fn read(language: Option<Language>, text: &str, options: &ChunkOptions) -> (Outline, Vec<Chunk>) {
    let parsed = language.and_then(|language| Some((Grammar::of(language), parse::parse(language, text)?)));
    match parsed {
        Some((grammar, tree)) => {
            let mut noted = walk::walk(grammar, &tree, text);
            let levels = mem::take(&mut noted.levels);
            let outline = settle(noted, grammar, text);
            let chunks = chunks::cut(text, &levels, &outline.definitions, options);
            (outline, chunks)
        }
        None => {
            let outline = Outline { unread_bytes: text.len(), ..Outline::default() };
            (outline, chunks::cut(text, &chunks::levels_by_lines(text), &[], options))
        }
    }
}

fn settle(mut noted: Noted, grammar: &Grammar, text: &str) -> Outline {
    release(&mut noted, text);
    let (locals, mut references) = locals(&noted, grammar.traits.shadowing, text);
    let (definitions, again) = definitions(noted.definitions, noted.containers, text);
    if !again.is_empty() {
        references.extend(again);
        references.sort_by_key(|reference| reference.range.start);
    }
    Outline { definitions, references, locals, imports: noted.imports, unread_bytes: noted.unread_bytes }
}

/// Takes back what was bound to a function that says it assigns another one's variable.
fn release(noted: &mut Noted, text: &str) {
    if noted.released.is_empty() {
        return;
    }
    let released: HashSet<(u32, &str)> =
        noted.released.iter().map(|(scope, name)| (*scope, slice(text, name.clone()))).collect();
    let mentions = &mut noted.mentions;
    noted.bindings.retain(|bound| {
        let stays = !released.contains(&(bound.scope, slice(text, bound.name.clone())));
        if !stays {
            let (name, kind) = (bound.name.clone(), ReferenceKind::Other);
            mentions.push(Mentioned { name, kind, space: Some(Space::Values) });
        }
        stays
    });
    mentions.sort_by_key(|mention| mention.name.start);
}

/// The locals, and the mentions that mean none.
fn locals(noted: &Noted, shadowing: bool, text: &str) -> (Vec<Local>, Vec<Reference>) {
    let mut pending: Vec<&Bound> = noted.bindings.iter().collect();
    pending.sort_by_key(|bound| (bound.visible.start, bound.name.start));
    let mut pending = pending.into_iter().peekable();
    let mut visible = VisibleLocals { text, shadowing, stacks: HashMap::new(), locals: Vec::new() };
    let mut references = Vec::new();
    for mention in &noted.mentions {
        while let Some(bound) = pending.next_if(|bound| bound.visible.start <= mention.name.start) {
            visible.bind(bound);
        }
        let name = slice(text, mention.name.clone());
        let place = mention.name.start;
        // What looks like a call or a dereference may be a conversion to a type's parameter.
        let meant = mention.space.and_then(|space| match visible.meant(name, space, place) {
            None if space == Space::Values => visible.meant(name, Space::Types, place),
            meant => meant,
        });
        match meant {
            Some((index, _)) => visible.locals[index].mentions.push(mention.name.clone()),
            None => references.push(reference(mention.name.clone(), mention.kind, text)),
        }
    }
    pending.for_each(|bound| visible.bind(bound));
    let mut locals = visible.locals;
    locals.iter_mut().for_each(|local| local.mentions.sort_by_key(|mention| mention.start));
    locals.sort_by_key(|local| local.range.start);
    (locals, references)
}

fn reference(range: Range<usize>, kind: ReferenceKind, text: &str) -> Reference {
    Reference { name: slice(text, range.clone()).to_owned(), kind, range }
}

/// The locals on the way through a text. Those of one name are a stack, because scopes are nested: what was bound last and
/// is still visible is meant.
struct VisibleLocals<'n> {
    text: &'n str,
    shadowing: bool,
    stacks: HashMap<(&'n str, Space), Vec<(usize, &'n Bound)>>,
    locals: Vec<Local>,
}

impl<'n> VisibleLocals<'n> {
    /// The local that a name means at a place; those whose scope has ended are forgotten.
    fn meant(&mut self, name: &'n str, space: Space, place: usize) -> Option<(usize, &'n Bound)> {
        let stack = self.stacks.get_mut(&(name, space))?;
        while stack.pop_if(|(_, bound)| bound.visible.end <= place).is_some() {}
        stack.last().copied()
    }

    /// Adds a local, or a mention of the one that is bound again.
    fn bind(&mut self, bound: &'n Bound) {
        let name = slice(self.text, bound.name.clone());
        let again = self.meant(name, bound.space, bound.visible.start).filter(|(_, known)| {
            known.scope == bound.scope && (!self.shadowing || known.visible.start == bound.visible.start)
        });
        match again {
            Some((index, _)) => self.locals[index].mentions.push(bound.name.clone()),
            None => {
                self.stacks.entry((name, bound.space)).or_default().push((self.locals.len(), bound));
                let local = Local { name: name.to_owned(), range: bound.name.clone(), mentions: Vec::new() };
                self.locals.push(local);
            }
        }
    }
}

/// What may contain definitions.
struct Container<'t> {
    range: Range<usize>,
    name: &'t str,
    /// A type that is defined elsewhere, whose methods are here.
    elsewhere: bool,
    is_type: bool,
    /// The innermost type on the stack up to here.
    innermost_type: Option<usize>,
}

/// The definitions with their containers, and mentions for those that say again what was said before.
fn definitions(
    mut defined: Vec<Defined>,
    elsewhere: Vec<(Range<usize>, Range<usize>)>,
    text: &str,
) -> (Vec<Definition>, Vec<Reference>) {
    // Outer ones first.
    defined.sort_by_key(|defined| (defined.item.start, Reverse(defined.item.end), defined.name.start));
    let mut elsewhere = elsewhere.into_iter().peekable();
    let mut containers: Vec<Container<'_>> = Vec::new();
    let mut said: HashSet<(&str, Option<&str>)> = HashSet::new();
    let mut definitions = Vec::with_capacity(defined.len());
    let mut again = Vec::new();
    for Defined { name, item, kind, of_type, once } in defined {
        while let Some((range, name)) = elsewhere
            .next_if(|(range, _)| range.start < item.start || (range.start == item.start && range.end >= item.end))
        {
            push(&mut containers, range, slice(text, name), true, true);
        }
        while containers.pop_if(|container| container.range.end <= item.start).is_some() {}
        // What shares its item with others is not contained in them.
        let shares = containers.last().is_some_and(|container| container.range == item && !container.elsewhere);
        let around = containers.len().checked_sub(1 + usize::from(shares));
        let container = match around {
            Some(index) if of_type => containers[index].innermost_type.map(|index| &containers[index]),
            Some(index) => Some(&containers[index]),
            None => None,
        };
        let written = slice(text, name.clone());
        let first = said.insert((written, container.map(|container| container.name)));
        if (once && !first) || (of_type && container.is_none()) {
            again.push(reference(name, ReferenceKind::Other, text));
            continue;
        }
        let is_member = container.is_some_and(|container| container.is_type);
        let kind = match kind {
            SymbolKind::Function if is_member => SymbolKind::Method,
            SymbolKind::Variable if is_member => SymbolKind::Field,
            kind => kind,
        };
        definitions.push(Definition {
            name: written.to_owned(),
            kind,
            container: container.map(|container| container.name.to_owned()),
            name_range: name,
            range: item.clone(),
        });
        if !shares && !of_type {
            use SymbolKind::{Class, Enum, Interface, Struct};
            push(&mut containers, item, written, false, matches!(kind, Class | Enum | Interface | Struct));
        }
    }
    definitions.sort_by_key(|definition| definition.name_range.start);
    (definitions, again)
}

fn push<'t>(containers: &mut Vec<Container<'t>>, range: Range<usize>, name: &'t str, elsewhere: bool, is_type: bool) {
    while containers.pop_if(|container| container.range.end <= range.start).is_some() {}
    let innermost_type = match is_type {
        true => Some(containers.len()),
        false => containers.last().and_then(|container| container.innermost_type),
    };
    containers.push(Container { range, name, elsewhere, is_type, innermost_type });
}
