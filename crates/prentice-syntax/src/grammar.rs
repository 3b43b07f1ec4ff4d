//! How a grammar's nodes are understood: tables by the kind of a node and the field of its child.
//!
//! A name's part is decided by where it stands: the `name` of a `function_item` is a definition, the `function` of a
//! `call_expression` is called. Each language states this in rows (`grammars/`), which are looked up in constant time
//! on the way through the tree. Queries of tree-sitter would say the same; matching them takes longer than parsing, and
//! they cannot say that a called field of a field is called.

use std::{ops::Range, sync::LazyLock};

use tree_sitter::Node;

use crate::{
    grammars,
    language::Language,
    symbol::{Import, ReferenceKind, SymbolKind},
};

/// What a child is, by its parent's kind and its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Whatever its own kind says.
    Plain,
    /// What its parent is.
    Inherit,
    /// What its parent is where that binds or defines, otherwise bound as a local.
    InheritOrBind,
    /// What its parent is where that binds or defines, otherwise a type.
    InheritOrType,
    /// Nothing: a label, or the new name of an import.
    Silent,
    /// A mention, perhaps of a local.
    Mention(ReferenceKind),
    /// A mention that cannot be of a local: a key, a macro, a name of another module.
    Elsewhere(ReferenceKind),
    /// The name behind a dot or colons; what the whole is, but never a local.
    Member,
    /// What stands before colons: a module, a type, or a type's parameter.
    Qualifier,
    /// A definition; the parent is the whole item.
    Define(SymbolKind),
    /// A definition; the child is the whole item.
    DefineHere(SymbolKind),
    /// A definition where the parent has a body, otherwise a type.
    DefineWithBody(SymbolKind),
    /// A local of the scope around it, or a definition where there is none.
    Declare(SymbolKind),
    /// What is assigned is declared: a local of the function around it, or a definition where there is none. Said again
    /// it is a mention.
    Assign,
    /// A mention, or the field of an object that introduces itself by being assigned.
    Target,
    /// A pattern of Python's `match`: assigned where it is a bare name.
    Capture,
    /// The key of a literal: a field outside of functions, otherwise a mention.
    Key,
    /// A local.
    Bind,
    /// A parameter, which is a field too where it has a modifier.
    BindField,
    /// A local that is known behind the `value` of the item.
    BindBehindValue,
    /// A type's parameter.
    BindType,
    /// What a method belongs to, whose type's arguments are parameters.
    Receiver,
    /// A type's parameter where its parent is a receiver.
    BindTypeOfReceiver,
    /// A mention, which also says that assigning this name in this function declares nothing.
    Release,
    /// One of the words that a macro gets.
    Token,
    /// One of the words that an attribute gets.
    AttributeToken,
    /// The name of a JSX element.
    Element,
}

impl Rule {
    /// Whether it makes a name known.
    pub(crate) fn introduces(self) -> bool {
        use Rule::*;
        matches!(
            self,
            Define(_)
                | DefineHere(_)
                | Declare(_)
                | Assign
                | Target
                | Capture
                | Key
                | Bind
                | BindField
                | BindBehindValue
                | BindType
        )
    }
}

/// What a leaf is where no rule says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// The name of a value.
    Value,
    /// The name of a type.
    Type,
    /// The name of a member.
    Member,
    /// The name of a module.
    Module,
}

/// Where names are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A function.
    Function,
    /// A block within a function.
    Block,
    /// A block of which only `body` sees the names.
    Body,
    /// A block of which everything up to the end of `consequence` sees the names.
    Consequence,
    /// A type: its parameters are known, and what is declared in it is no local.
    Type,
}

/// From where on a local is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visible {
    /// In the whole scope.
    Everywhere,
    /// From its name on, or from the end of a declaration that delays it.
    FromName,
}

/// The rows of a language. Where several tables name the same place, the last one holds.
pub(crate) struct Rows {
    /// Names: kinds of nodes that are not looked into.
    pub leaves: &'static [(&'static str, Leaf)],
    /// (kind of the parent, field or nothing, rule).
    pub rules: &'static [&'static [(&'static str, &'static str, Rule)]],
    /// Scopes.
    pub scopes: &'static [(&'static str, Scope)],
    /// Kinds after whose end what they declare is known.
    pub delays: &'static [&'static str],
    /// Kinds that belong to the item at their end.
    pub wrappers: &'static [&'static str],
    /// Kinds that belong to what follows them.
    pub preludes: &'static [&'static str],
    /// Kinds for which `imports` and `container` are asked.
    pub imports: &'static [&'static str],
    pub containers: &'static [&'static str],
    pub traits: Traits,
}

/// What is said by a function rather than by a row.
#[derive(Clone, Copy)]
pub(crate) struct Traits {
    pub visible: Visible,
    /// A name may be declared anew in its own scope.
    pub shadowing: bool,
    /// Names in patterns that begin in upper case are constants.
    pub constants_in_patterns: bool,
    /// Words of the language that its grammar takes for names.
    pub keywords: &'static [&'static str],
    /// How a method calls its object, dot included.
    pub receiver: &'static str,
    /// The imports of a node, given its parent. (`Node::parent` looks from the root on, which is far in hostile texts.)
    pub imports: fn(Node<'_>, Option<Node<'_>>, &str, &mut Vec<Import>),
    /// The type that a node's definitions belong to, where it is not one around it.
    pub container: for<'t> fn(Node<'t>) -> Option<Node<'t>>,
    /// The exact kind of a definition, given its name, the name's parent, the item and the text.
    pub refine: fn(SymbolKind, Node<'_>, Node<'_>, Node<'_>, &str) -> SymbolKind,
}

/// A language's rows by the numbers of its grammar.
pub(crate) struct Grammar {
    pub language: tree_sitter::Language,
    pub traits: Traits,
    kinds: Vec<Kind>,
    fields: usize,
    rules: Vec<Rule>,
    pub body: u16,
    pub consequence: u16,
    pub value: u16,
}

/// What there is to know of a kind of node.
#[derive(Clone, Copy, Default)]
pub(crate) struct Kind {
    pub leaf: Option<Leaf>,
    pub scope: Option<Scope>,
    pub delays: bool,
    pub wrapper: bool,
    pub prelude: bool,
    pub imports: bool,
    pub container: bool,
}

impl Grammar {
    /// The grammar of a language, made when it is first asked for.
    pub(crate) fn of(language: Language) -> &'static Self {
        // In the order of the variants.
        static GRAMMARS: [LazyLock<Grammar>; Language::ALL.len()] = [
            LazyLock::new(|| Grammar::new(Language::Rust)),
            LazyLock::new(|| Grammar::new(Language::Python)),
            LazyLock::new(|| Grammar::new(Language::JavaScript)),
            LazyLock::new(|| Grammar::new(Language::TypeScript)),
            LazyLock::new(|| Grammar::new(Language::Tsx)),
            LazyLock::new(|| Grammar::new(Language::Go)),
            LazyLock::new(|| Grammar::new(Language::Java)),
            LazyLock::new(|| Grammar::new(Language::C)),
            LazyLock::new(|| Grammar::new(Language::Cpp)),
        ];
        &GRAMMARS[language as usize]
    }

    fn new(language: Language) -> Self {
        let (grammar, rows) = grammars::rows(language);
        let fields = grammar.field_count() + 1;
        let mut kinds = vec![Kind::default(); grammar.node_kind_count()];
        let mut each = |names: &[&str], set: fn(&mut Kind)| {
            names.iter().for_each(|name| set(&mut kinds[kind_id(&grammar, name)]));
        };
        each(rows.delays, |kind| kind.delays = true);
        each(rows.wrappers, |kind| kind.wrapper = true);
        each(rows.preludes, |kind| kind.prelude = true);
        each(rows.imports, |kind| kind.imports = true);
        each(rows.containers, |kind| kind.container = true);
        for (name, leaf) in rows.leaves {
            kinds[kind_id(&grammar, name)].leaf = Some(*leaf);
        }
        for (name, scope) in rows.scopes {
            kinds[kind_id(&grammar, name)].scope = Some(*scope);
        }
        let mut rules = vec![Rule::Plain; kinds.len() * fields];
        for (kind, field, rule) in rows.rules.iter().copied().flatten() {
            rules[kind_id(&grammar, kind) * fields + usize::from(field_id(&grammar, field))] = *rule;
        }
        let [body, consequence, value] = ["body", "consequence", "value"].map(|field| field_id(&grammar, field));
        Self { language: grammar, traits: rows.traits, kinds, fields, rules, body, consequence, value }
    }

    /// What there is to know of a kind; nothing of the kind that stands for errors, whose number is out of range.
    pub(crate) fn kind(&self, kind: u16) -> Kind {
        self.kinds.get(usize::from(kind)).copied().unwrap_or_default()
    }

    /// What a child is.
    pub(crate) fn rule(&self, parent: u16, field: u16) -> Rule {
        self.rules.get(usize::from(parent) * self.fields + usize::from(field)).copied().unwrap_or(Rule::Plain)
    }
}

fn kind_id(grammar: &tree_sitter::Language, name: &str) -> usize {
    match grammar.id_for_node_kind(name, true) {
        0 => panic!("a row names `{name}`, which the grammar lacks"),
        id => usize::from(id),
    }
}

fn field_id(grammar: &tree_sitter::Language, name: &str) -> u16 {
    match (name, grammar.field_id_for_name(name)) {
        ("", _) => 0,
        (_, Some(id)) => id.get(),
        (_, None) => panic!("a row names the field `{name}`, which the grammar lacks"),
    }
}

/// The text of a node.
pub(crate) fn text_of<'t>(node: Node<'_>, text: &'t str) -> &'t str {
    slice(text, node.byte_range())
}

/// A part of a text; empty where a tree made of broken code has a border within a character.
pub(crate) fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}
