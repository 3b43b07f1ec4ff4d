//! Java. *Not covered:* modules (`module-info.java`).

use tree_sitter::Node;

use crate::{
    grammar::{Leaf, Rows, Rule, Scope, Traits, Visible, text_of},
    symbol::{Import, ImportedName, ReferenceKind, SymbolKind},
};

pub(super) fn rows() -> Rows {
    Rows {
        leaves: &[("identifier", Leaf::Value), ("type_identifier", Leaf::Type)],
        rules: &[RULES],
        scopes: &[
            ("method_declaration", Scope::Function),
            ("constructor_declaration", Scope::Function),
            ("compact_constructor_declaration", Scope::Function),
            ("lambda_expression", Scope::Function),
            ("static_initializer", Scope::Function),
            ("block", Scope::Block),
            ("for_statement", Scope::Block),
            ("enhanced_for_statement", Scope::Block),
            ("try_with_resources_statement", Scope::Block),
            ("catch_clause", Scope::Block),
            ("switch_block_statement_group", Scope::Block),
            ("switch_rule", Scope::Block),
            ("class_declaration", Scope::Type),
            ("interface_declaration", Scope::Type),
            ("annotation_type_declaration", Scope::Type),
            ("enum_declaration", Scope::Type),
            ("record_declaration", Scope::Type),
            ("class_body", Scope::Type),
        ],
        delays: &[],
        wrappers: &[],
        preludes: &["line_comment", "block_comment"],
        imports: &["import_declaration"],
        containers: &[],
        traits: Traits {
            visible: Visible::FromName,
            shadowing: false,
            constants_in_patterns: false,
            keywords: &[],
            receiver: "",
            imports,
            container: |_| None,
            refine,
        },
    }
}

const RULES: &[(&str, &str, Rule)] = {
    use ReferenceKind::*;
    use Rule::*;
    use SymbolKind as S;
    &[
        ("class_declaration", "name", Define(S::Class)),
        ("interface_declaration", "name", Define(S::Interface)),
        ("annotation_type_declaration", "name", Define(S::Interface)),
        ("enum_declaration", "name", Define(S::Enum)),
        ("record_declaration", "name", Define(S::Struct)),
        ("enum_constant", "name", Define(S::Variant)),
        ("method_declaration", "name", Define(S::Method)),
        ("constructor_declaration", "name", Define(S::Method)),
        ("compact_constructor_declaration", "name", Define(S::Method)),
        ("annotation_type_element_declaration", "name", Define(S::Method)),
        ("field_declaration", "declarator", Define(S::Field)),
        ("constant_declaration", "declarator", Define(S::Constant)),
        ("record_declaration", "parameters", Define(S::Field)),
        ("formal_parameters", "", Inherit),
        ("variable_declarator", "name", Inherit),
        // Locals.
        ("formal_parameter", "name", InheritOrBind),
        ("spread_parameter", "", Bind),
        ("catch_formal_parameter", "name", Bind),
        ("local_variable_declaration", "declarator", Bind),
        ("enhanced_for_statement", "name", Bind),
        ("resource", "name", Bind),
        ("lambda_expression", "parameters", Bind),
        ("inferred_parameters", "", Bind),
        ("instanceof_expression", "name", Bind),
        ("type_pattern", "", Bind),
        ("record_pattern_component", "", Bind),
        ("type_parameter", "", BindType),
        // Mentions.
        ("method_invocation", "name", Elsewhere(Call)),
        ("field_access", "field", Elsewhere(Other)),
        ("object_creation_expression", "type", Mention(Call)),
        ("generic_type", "", Inherit),
        ("scoped_type_identifier", "", Inherit),
        ("annotation", "name", Elsewhere(Type)),
        ("marker_annotation", "name", Elsewhere(Type)),
        ("element_value_pair", "key", Elsewhere(Other)),
        ("scoped_identifier", "name", Member),
        ("scoped_identifier", "scope", Qualifier),
        ("labeled_statement", "", Silent),
        ("break_statement", "", Silent),
        ("continue_statement", "", Silent),
        ("import_declaration", "", Elsewhere(Other)),
        ("package_declaration", "", Silent),
    ]
};

/// A field that is static and final is a constant.
fn refine(kind: SymbolKind, _: Node<'_>, _: Node<'_>, item: Node<'_>, text: &str) -> SymbolKind {
    let modifiers = || item.named_child(0).filter(|node| node.kind() == "modifiers").map(|node| text_of(node, text));
    match (kind, item.kind()) {
        (SymbolKind::Field, "field_declaration") => match modifiers() {
            Some(text) if ["static", "final"].iter().all(|word| text.split_whitespace().any(|said| said == *word)) => {
                SymbolKind::Constant
            }
            _ => kind,
        },
        _ => kind,
    }
}

/// `import a.b.C` brings `C` from `a.b`; `import a.b.*` brings everything from it.
fn imports(node: Node<'_>, _: Option<Node<'_>>, text: &str, imports: &mut Vec<Import>) {
    let mut cursor = node.walk();
    let parts: Vec<Node<'_>> = node.named_children(&mut cursor).collect();
    let Some(path) = parts.iter().find(|part| part.kind().ends_with("identifier")) else { return };
    let path: String = text_of(*path, text).split_whitespace().collect();
    let everything = parts.iter().any(|part| part.kind() == "asterisk");
    let (module, names) = match path.rsplit_once('.') {
        Some((module, name)) if !everything => {
            (module.to_owned(), vec![ImportedName { name: name.to_owned(), alias: None }])
        }
        _ => (path, Vec::new()),
    };
    imports.push(Import { module, alias: None, names, range: node.byte_range() });
}
