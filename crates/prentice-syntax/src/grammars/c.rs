//! C, and C++ on top of it.
//!
//! A declaration without a body is a definition here too, since in a header it is the only place where a function gets
//! its name. *Not covered:* what macros expand to; both sides of a conditional are read.

use tree_sitter::Node;

use crate::{
    grammar::{Leaf, Rows, Rule, Scope, Traits, Visible, text_of},
    symbol::{Import, ReferenceKind, SymbolKind},
};

pub(super) fn c() -> Rows {
    Rows {
        leaves: C_LEAVES,
        rules: &[C_RULES],
        scopes: C_SCOPES,
        delays: &[],
        wrappers: &[],
        preludes: &["comment"],
        imports: &["preproc_include"],
        containers: &[],
        traits: TRAITS,
    }
}

pub(super) fn cpp() -> Rows {
    Rows {
        leaves: CPP_LEAVES,
        rules: &[C_RULES, CPP_RULES],
        scopes: CPP_SCOPES,
        wrappers: &["template_declaration"],
        containers: &["function_definition", "declaration"],
        traits: Traits { keywords: &["static_cast", "dynamic_cast", "reinterpret_cast", "const_cast"], ..TRAITS },
        ..c()
    }
}

const TRAITS: Traits = Traits {
    visible: Visible::FromName,
    shadowing: false,
    constants_in_patterns: false,
    keywords: &[],
    receiver: "",
    imports,
    container,
    refine,
};

const C_LEAVES: &[(&str, Leaf)] =
    &[("identifier", Leaf::Value), ("type_identifier", Leaf::Type), ("field_identifier", Leaf::Member)];

const CPP_LEAVES: &[(&str, Leaf)] = &[
    ("identifier", Leaf::Value),
    ("type_identifier", Leaf::Type),
    ("field_identifier", Leaf::Member),
    ("namespace_identifier", Leaf::Module),
    ("destructor_name", Leaf::Member),
    ("operator_name", Leaf::Member),
];

const C_SCOPES: &[(&str, Scope)] = &[
    ("function_definition", Scope::Function),
    ("compound_statement", Scope::Block),
    ("for_statement", Scope::Block),
    ("struct_specifier", Scope::Type),
    ("union_specifier", Scope::Type),
];

const CPP_SCOPES: &[(&str, Scope)] = &[
    ("function_definition", Scope::Function),
    ("lambda_expression", Scope::Function),
    ("compound_statement", Scope::Block),
    ("for_statement", Scope::Block),
    ("for_range_loop", Scope::Block),
    ("if_statement", Scope::Block),
    ("while_statement", Scope::Block),
    ("switch_statement", Scope::Block),
    ("catch_clause", Scope::Block),
    ("struct_specifier", Scope::Type),
    ("union_specifier", Scope::Type),
    ("class_specifier", Scope::Type),
    ("template_declaration", Scope::Type),
];

const C_RULES: &[(&str, &str, Rule)] = {
    use ReferenceKind::*;
    use Rule::*;
    use SymbolKind as S;
    &[
        ("function_definition", "declarator", Define(S::Function)),
        ("declaration", "declarator", Declare(S::Variable)),
        ("field_declaration", "declarator", Define(S::Field)),
        ("type_definition", "declarator", Define(S::TypeAlias)),
        ("preproc_def", "name", Define(S::Macro)),
        ("preproc_function_def", "name", Define(S::Macro)),
        ("struct_specifier", "name", DefineWithBody(S::Struct)),
        ("union_specifier", "name", DefineWithBody(S::Struct)),
        ("enum_specifier", "name", DefineWithBody(S::Enum)),
        ("enumerator", "name", Define(S::Variant)),
        ("init_declarator", "declarator", Inherit),
        ("pointer_declarator", "declarator", Inherit),
        ("array_declarator", "declarator", Inherit),
        ("function_declarator", "declarator", Inherit),
        ("parenthesized_declarator", "", Inherit),
        ("attributed_declarator", "", Inherit),
        // Locals.
        ("parameter_declaration", "declarator", Bind),
        // Mentions.
        ("call_expression", "function", Mention(Call)),
        ("field_expression", "field", Member),
        ("preproc_params", "", Silent),
        ("preproc_ifdef", "name", Elsewhere(Other)),
        ("preproc_defined", "", Elsewhere(Other)),
        ("attribute", "name", Silent),
    ]
};

const CPP_RULES: &[(&str, &str, Rule)] = {
    use ReferenceKind::*;
    use Rule::*;
    use SymbolKind as S;
    &[
        ("class_specifier", "name", DefineWithBody(S::Class)),
        ("namespace_definition", "name", Define(S::Module)),
        ("nested_namespace_specifier", "", Inherit),
        ("alias_declaration", "name", Define(S::TypeAlias)),
        ("concept_definition", "name", Define(S::Interface)),
        ("reference_declarator", "", Inherit),
        ("variadic_declarator", "", Inherit),
        ("structured_binding_declarator", "", Inherit),
        ("optional_parameter_declaration", "declarator", Bind),
        ("variadic_parameter_declaration", "declarator", Bind),
        ("for_range_loop", "declarator", Bind),
        ("lambda_capture_initializer", "left", Bind),
        ("type_parameter_declaration", "", BindType),
        ("variadic_type_parameter_declaration", "", BindType),
        ("optional_type_parameter_declaration", "name", BindType),
        ("qualified_identifier", "scope", Qualifier),
        ("qualified_identifier", "name", Member),
        ("template_function", "name", Inherit),
        ("template_type", "name", Inherit),
        ("template_method", "name", Inherit),
        ("dependent_name", "", Inherit),
        ("new_expression", "type", Mention(Call)),
    ]
};

/// The last name before the colons of what is defined outside of its class.
fn container(node: Node<'_>) -> Option<Node<'_>> {
    let mut node = node.child_by_field_name("declarator")?;
    while node.kind() != "qualified_identifier" {
        node = node.child_by_field_name("declarator").or_else(|| node.named_child(0))?;
    }
    let mut scope = node.child_by_field_name("scope")?;
    while let Some(inner) = node.child_by_field_name("name").filter(|name| name.kind() == "qualified_identifier") {
        (node, scope) = (inner, inner.child_by_field_name("scope")?);
    }
    scope.child_by_field_name("name").or(Some(scope))
}

/// What is declared as a function is one, and a name for something that has none is its name.
fn refine(kind: SymbolKind, _: Node<'_>, parent: Node<'_>, item: Node<'_>, _: &str) -> SymbolKind {
    let named = || item.child_by_field_name("type").filter(|node| node.child_by_field_name("name").is_none());
    match kind {
        SymbolKind::Variable | SymbolKind::Field if parent.kind() == "function_declarator" => SymbolKind::Function,
        SymbolKind::TypeAlias if item.kind() == "type_definition" => match named().map(|node| node.kind()) {
            Some("struct_specifier" | "union_specifier") => SymbolKind::Struct,
            Some("enum_specifier") => SymbolKind::Enum,
            _ => kind,
        },
        kind => kind,
    }
}

fn imports(node: Node<'_>, _: Option<Node<'_>>, text: &str, imports: &mut Vec<Import>) {
    let Some(path) = node.child_by_field_name("path") else { return };
    let module = text_of(path, text).trim_matches(['"', '<', '>']).to_owned();
    imports.push(Import { module, alias: None, names: Vec::new(), range: node.byte_range() });
}
