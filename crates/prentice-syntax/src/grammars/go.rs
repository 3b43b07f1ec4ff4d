//! Go. The keys of composite literals are taken for fields, since the grammar does not tell them from the keys of maps.

use tree_sitter::Node;

use crate::{
    grammar::{Leaf, Rows, Rule, Scope, Traits, Visible, text_of},
    symbol::{Import, ReferenceKind, SymbolKind},
};

pub(super) fn rows() -> Rows {
    Rows {
        leaves: &[
            ("identifier", Leaf::Value),
            ("type_identifier", Leaf::Type),
            ("field_identifier", Leaf::Member),
            ("package_identifier", Leaf::Module),
        ],
        rules: &[RULES],
        scopes: &[
            ("function_declaration", Scope::Function),
            ("method_declaration", Scope::Function),
            ("func_literal", Scope::Function),
            ("function_type", Scope::Function),
            ("method_elem", Scope::Function),
            ("block", Scope::Block),
            ("if_statement", Scope::Block),
            ("for_statement", Scope::Block),
            ("expression_switch_statement", Scope::Block),
            ("type_switch_statement", Scope::Block),
            ("expression_case", Scope::Block),
            ("type_case", Scope::Block),
            ("default_case", Scope::Block),
            ("communication_case", Scope::Block),
            ("type_spec", Scope::Type),
            ("type_alias", Scope::Type),
        ],
        delays: &["short_var_declaration", "var_spec", "const_spec", "range_clause"],
        wrappers: &["type_declaration", "const_declaration", "var_declaration"],
        preludes: &["comment"],
        imports: &["import_spec"],
        containers: &["method_declaration"],
        traits: Traits {
            visible: Visible::FromName,
            shadowing: false,
            constants_in_patterns: false,
            keywords: &["_"],
            receiver: "",
            imports,
            container,
            refine,
        },
    }
}

const RULES: &[(&str, &str, Rule)] = {
    use ReferenceKind::*;
    use Rule::*;
    use SymbolKind as S;
    &[
        ("function_declaration", "name", Define(S::Function)),
        ("method_declaration", "name", Define(S::Method)),
        ("method_elem", "name", Define(S::Method)),
        ("type_spec", "name", Define(S::TypeAlias)),
        ("type_alias", "name", Define(S::TypeAlias)),
        ("field_declaration", "name", Define(S::Field)),
        ("const_spec", "name", Declare(S::Constant)),
        ("var_spec", "name", Declare(S::Variable)),
        // Locals.
        ("short_var_declaration", "left", Bind),
        ("range_clause", "left", Bind),
        ("receive_statement", "left", Bind),
        ("type_switch_statement", "alias", BindBehindValue),
        ("expression_list", "", Inherit),
        ("parameter_declaration", "name", Bind),
        ("variadic_parameter_declaration", "name", Bind),
        ("type_parameter_declaration", "name", BindType),
        ("method_declaration", "receiver", Receiver),
        ("parameter_list", "", Inherit),
        ("parameter_declaration", "type", Inherit),
        ("pointer_type", "", Inherit),
        ("generic_type", "type_arguments", Inherit),
        ("type_arguments", "", Inherit),
        ("type_elem", "", BindTypeOfReceiver),
        // Mentions.
        ("call_expression", "function", Mention(Call)),
        ("selector_expression", "field", Member),
        ("qualified_type", "name", Member),
        ("keyed_element", "key", Elsewhere(Other)),
        ("literal_element", "", Inherit),
        ("import_spec", "name", Silent),
        ("package_clause", "", Silent),
    ]
};

/// The type of a method's receiver, without pointer and arguments.
fn container(node: Node<'_>) -> Option<Node<'_>> {
    let mut node = node.child_by_field_name("receiver")?.named_child(0)?.child_by_field_name("type")?;
    while node.kind() != "type_identifier" {
        node = node.child_by_field_name("type").or_else(|| node.named_child(0))?;
    }
    Some(node)
}

/// A `type` is what stands behind its name.
fn refine(kind: SymbolKind, _: Node<'_>, parent: Node<'_>, _: Node<'_>, _: &str) -> SymbolKind {
    let aliased = || Some(parent).filter(|parent| parent.kind() == "type_spec")?.child_by_field_name("type");
    match (kind, aliased().map(|node| node.kind())) {
        (SymbolKind::TypeAlias, Some("struct_type")) => SymbolKind::Struct,
        (SymbolKind::TypeAlias, Some("interface_type")) => SymbolKind::Interface,
        (kind, _) => kind,
    }
}

fn imports(node: Node<'_>, _: Option<Node<'_>>, text: &str, imports: &mut Vec<Import>) {
    let Some(path) = node.child_by_field_name("path") else { return };
    let module = text_of(path, text).trim_matches(['"', '`']).to_owned();
    let alias = node.child_by_field_name("name").map(|name| text_of(name, text).to_owned());
    imports.push(Import { module, alias, names: Vec::new(), range: node.byte_range() });
}
