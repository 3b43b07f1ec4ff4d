//! Python. *Not covered:* names that `setattr`, `globals()` or a star import make.

use tree_sitter::Node;

use crate::{
    grammar::{Leaf, Rows, Rule, Scope, Traits, Visible, text_of},
    symbol::{Import, ImportedName, ReferenceKind, SymbolKind},
};

pub(super) fn rows() -> Rows {
    Rows {
        leaves: &[("identifier", Leaf::Value)],
        rules: &[RULES],
        scopes: &[
            ("function_definition", Scope::Function),
            ("lambda", Scope::Function),
            ("list_comprehension", Scope::Block),
            ("set_comprehension", Scope::Block),
            ("dictionary_comprehension", Scope::Block),
            ("generator_expression", Scope::Block),
            ("class_definition", Scope::Type),
        ],
        delays: &[],
        wrappers: &["decorated_definition"],
        preludes: &["comment", "decorator"],
        imports: &["import_statement", "import_from_statement", "future_import_statement"],
        containers: &[],
        traits: Traits {
            visible: Visible::Everywhere,
            shadowing: false,
            constants_in_patterns: false,
            keywords: &[],
            receiver: "self.",
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
        ("function_definition", "name", Define(S::Function)),
        ("class_definition", "name", Define(S::Class)),
        ("type_alias_statement", "left", Define(S::TypeAlias)),
        ("assignment", "left", Assign),
        ("named_expression", "name", Assign),
        ("for_statement", "left", Assign),
        ("as_pattern", "", Inherit),
        ("as_pattern", "alias", Assign),
        ("as_pattern_target", "", Inherit),
        ("except_clause", "alias", Assign),
        ("case_pattern", "", Capture),
        ("keyword_pattern", "", Capture),
        ("splat_pattern", "", Capture),
        ("dotted_name", "", Inherit),
        ("pattern_list", "", Inherit),
        ("tuple_pattern", "", Inherit),
        ("list_pattern", "", Inherit),
        ("list_splat_pattern", "", Inherit),
        ("dictionary_splat_pattern", "", Inherit),
        ("global_statement", "", Release),
        ("nonlocal_statement", "", Release),
        // Locals.
        ("parameters", "", Bind),
        ("lambda_parameters", "", Bind),
        ("default_parameter", "name", Bind),
        ("typed_parameter", "", Bind),
        ("typed_default_parameter", "name", Bind),
        ("for_in_clause", "left", Bind),
        ("function_definition", "type_parameters", BindType),
        ("class_definition", "type_parameters", BindType),
        ("type_parameter", "", Inherit),
        // Mentions.
        ("call", "function", Mention(Call)),
        ("decorator", "", Mention(Call)),
        ("attribute", "attribute", Member),
        ("keyword_argument", "name", Elsewhere(Other)),
        ("class_definition", "superclasses", Mention(Type)),
        ("argument_list", "", Inherit),
        ("type", "", InheritOrType),
        ("generic_type", "", Inherit),
        ("union_type", "", Inherit),
        ("member_type", "", Inherit),
        ("class_pattern", "", Mention(Type)),
        // Imports.
        ("import_statement", "name", Elsewhere(Other)),
        ("import_from_statement", "name", Elsewhere(Other)),
        ("import_from_statement", "module_name", Elsewhere(Other)),
        ("relative_import", "", Inherit),
        ("future_import_statement", "name", Silent),
        ("aliased_import", "name", Inherit),
        ("aliased_import", "alias", Silent),
    ]
};

/// A variable whose name is all in upper case is a constant.
fn refine(kind: SymbolKind, name: Node<'_>, _: Node<'_>, _: Node<'_>, text: &str) -> SymbolKind {
    match kind {
        SymbolKind::Variable if is_constant(text_of(name, text)) => SymbolKind::Constant,
        kind => kind,
    }
}

fn is_constant(name: &str) -> bool {
    name.contains(char::is_uppercase) && !name.contains(char::is_lowercase)
}

fn imports(node: Node<'_>, _: Option<Node<'_>>, text: &str, imports: &mut Vec<Import>) {
    let written = |node: Node<'_>| text_of(node, text).split_whitespace().collect::<String>();
    let named = |node: Node<'_>| match node.kind() {
        "aliased_import" => {
            let part = |field| node.child_by_field_name(field).map(written);
            (part("name").unwrap_or_default(), part("alias"))
        }
        _ => (written(node), None),
    };
    let mut cursor = node.walk();
    let names: Vec<(String, Option<String>)> = node.children_by_field_name("name", &mut cursor).map(named).collect();
    let range = node.byte_range();
    if node.kind() == "import_statement" {
        let each = |(module, alias)| Import { module, alias, names: Vec::new(), range: range.clone() };
        return imports.extend(names.into_iter().map(each));
    }
    let module = match node.child_by_field_name("module_name") {
        Some(module) => written(module),
        None => "__future__".to_owned(),
    };
    let names = names.into_iter().map(|(name, alias)| ImportedName { name, alias }).collect();
    imports.push(Import { module, alias: None, names, range });
}
