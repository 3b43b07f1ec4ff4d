//! Rust. *Not covered:* names that macros make, locals that are bound within a macro's arguments, and what stands in
//! format strings.

use tree_sitter::Node;

use crate::{
    grammar::{Leaf, Rows, Rule, Scope, Traits, Visible, text_of},
    symbol::{Import, ImportedName, ReferenceKind, SymbolKind},
};

/// Groups of `use` that are nested deeper are not read. Real ones are four deep.
const DEEPEST_GROUP: usize = 32;

pub(super) fn rows() -> Rows {
    Rows {
        leaves: &[
            ("identifier", Leaf::Value),
            ("shorthand_field_identifier", Leaf::Value),
            ("type_identifier", Leaf::Type),
            ("field_identifier", Leaf::Member),
        ],
        rules: &[RULES],
        scopes: &[
            ("function_item", Scope::Function),
            ("function_signature_item", Scope::Function),
            ("closure_expression", Scope::Block),
            ("block", Scope::Block),
            ("match_arm", Scope::Block),
            ("while_expression", Scope::Block),
            ("for_expression", Scope::Body),
            ("if_expression", Scope::Consequence),
            ("impl_item", Scope::Type),
            ("trait_item", Scope::Type),
            ("struct_item", Scope::Type),
            ("union_item", Scope::Type),
            ("enum_item", Scope::Type),
            ("type_item", Scope::Type),
        ],
        delays: &["let_declaration", "let_condition"],
        wrappers: &[],
        preludes: &["attribute_item", "line_comment", "block_comment"],
        imports: &["use_declaration", "extern_crate_declaration"],
        containers: &["impl_item"],
        traits: Traits {
            visible: Visible::Everywhere,
            shadowing: true,
            constants_in_patterns: true,
            keywords: &["Self"],
            receiver: "",
            imports,
            container,
            refine: |kind, _, _, _, _| kind,
        },
    }
}

const RULES: &[(&str, &str, Rule)] = {
    use ReferenceKind::*;
    use Rule::*;
    use SymbolKind as S;
    &[
        ("function_item", "name", Define(S::Function)),
        ("function_signature_item", "name", Define(S::Function)),
        ("struct_item", "name", Define(S::Struct)),
        ("union_item", "name", Define(S::Struct)),
        ("enum_item", "name", Define(S::Enum)),
        ("enum_variant", "name", Define(S::Variant)),
        ("trait_item", "name", Define(S::Interface)),
        ("mod_item", "name", Define(S::Module)),
        ("type_item", "name", Define(S::TypeAlias)),
        ("associated_type", "name", Define(S::TypeAlias)),
        ("const_item", "name", Define(S::Constant)),
        ("static_item", "name", Define(S::Constant)),
        ("field_declaration", "name", Define(S::Field)),
        ("macro_definition", "name", Define(S::Macro)),
        // Locals.
        ("type_parameter", "name", BindType),
        ("const_parameter", "name", Bind),
        ("parameter", "pattern", Bind),
        ("closure_parameters", "", Bind),
        ("let_declaration", "pattern", Bind),
        ("let_condition", "pattern", Bind),
        ("for_expression", "pattern", Bind),
        ("match_arm", "pattern", Bind),
        ("match_pattern", "", Inherit),
        ("tuple_pattern", "", Inherit),
        ("slice_pattern", "", Inherit),
        ("mut_pattern", "", Inherit),
        ("ref_pattern", "", Inherit),
        ("reference_pattern", "", Inherit),
        ("captured_pattern", "", Inherit),
        ("or_pattern", "", Inherit),
        ("struct_pattern", "", Inherit),
        ("field_pattern", "name", Inherit),
        ("field_pattern", "pattern", Inherit),
        ("tuple_struct_pattern", "", Inherit),
        ("tuple_struct_pattern", "type", Mention(Other)),
        // Mentions.
        ("call_expression", "function", Mention(Call)),
        ("generic_function", "function", Inherit),
        ("field_expression", "field", Member),
        ("scoped_identifier", "name", Member),
        ("scoped_identifier", "path", Qualifier),
        ("scoped_type_identifier", "name", Member),
        ("scoped_type_identifier", "path", Qualifier),
        ("macro_invocation", "macro", Elsewhere(Call)),
        ("macro_invocation", "", Token),
        ("macro_rule", "right", Token),
        ("token_tree", "", Inherit),
        ("token_repetition", "", Inherit),
        ("attribute", "", Silent),
        ("attribute", "arguments", AttributeToken),
        ("lifetime", "", Silent),
        ("label", "", Silent),
        // Imports.
        ("use_declaration", "argument", Elsewhere(Other)),
        ("use_list", "", Elsewhere(Other)),
        ("use_wildcard", "", Qualifier),
        ("scoped_use_list", "path", Qualifier),
        ("use_as_clause", "path", Elsewhere(Other)),
        ("use_as_clause", "alias", Silent),
        ("extern_crate_declaration", "name", Elsewhere(Other)),
        ("extern_crate_declaration", "alias", Silent),
        ("visibility_modifier", "", Qualifier),
    ]
};

/// The type of an `impl`, without references, paths and arguments.
fn container(node: Node<'_>) -> Option<Node<'_>> {
    let mut node = node.child_by_field_name("type")?;
    while node.kind() != "type_identifier" {
        node = match node.kind() {
            "scoped_type_identifier" => node.child_by_field_name("name")?,
            _ => node.child_by_field_name("type")?,
        };
    }
    Some(node)
}

/// One import for each path before a name or group: `use a::{b, c::d}` brings `b` from `a` and `d` from `a::c`.
fn imports(node: Node<'_>, _: Option<Node<'_>>, text: &str, imports: &mut Vec<Import>) {
    let path = |node: Option<Node<'_>>| {
        node.map_or_else(String::new, |node| text_of(node, text).split_whitespace().collect::<String>())
    };
    let name = |node: Option<Node<'_>>| node.map(|node| text_of(node, text).to_owned());
    let range = node.byte_range();
    if node.kind() == "extern_crate_declaration" {
        let module = path(node.child_by_field_name("name"));
        let alias = name(node.child_by_field_name("alias"));
        return imports.push(Import { module, alias, names: Vec::new(), range });
    }
    let first = imports.len();
    // Adds a name to the module's import, or the module itself.
    let mut add = |module: String, name: Option<ImportedName>, itself: Option<String>| {
        let known = imports[first..].iter().position(|import| import.module == module && !import.names.is_empty());
        match (name, known) {
            (Some(name), Some(index)) => imports[first + index].names.push(name),
            (name, _) => {
                imports.push(Import { module, alias: itself, names: name.into_iter().collect(), range: range.clone() })
            }
        }
    };
    let mut open: Vec<(Node<'_>, String, usize)> =
        node.child_by_field_name("argument").map(|node| (node, String::new(), 0)).into_iter().collect();
    while let Some((node, prefix, depth)) = open.pop() {
        let (target, alias) = match node.kind() {
            "use_as_clause" => (node.child_by_field_name("path"), name(node.child_by_field_name("alias"))),
            _ => (Some(node), None),
        };
        match node.kind() {
            "use_list" | "scoped_use_list" if depth == DEEPEST_GROUP => {}
            "scoped_use_list" => {
                let prefix = join(&prefix, &path(node.child_by_field_name("path")));
                open.extend(node.child_by_field_name("list").map(|list| (list, prefix, depth + 1)));
            }
            "use_list" => {
                let mut cursor = node.walk();
                let first = open.len();
                open.extend(node.named_children(&mut cursor).map(|child| (child, prefix.clone(), depth)));
                open[first..].reverse();
            }
            "use_wildcard" => add(join(&prefix, &path(node.named_child(0))), None, None),
            "line_comment" | "block_comment" => {}
            _ => {
                let path = path(target);
                let whole = if path == "self" && !prefix.is_empty() { prefix } else { join(&prefix, &path) };
                match whole.rsplit_once("::") {
                    Some((module, name)) => {
                        add(module.to_owned(), Some(ImportedName { name: name.to_owned(), alias }), None)
                    }
                    None => add(whole, None, alias),
                }
            }
        }
    }
}

fn join(prefix: &str, path: &str) -> String {
    match (prefix, path) {
        ("", path) => path.to_owned(),
        (prefix, "") => prefix.to_owned(),
        _ => format!("{prefix}::{path}"),
    }
}
