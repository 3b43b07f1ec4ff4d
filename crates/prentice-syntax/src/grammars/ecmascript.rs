//! JavaScript, TypeScript and JSX.
//!
//! What is assigned to `this` introduces a field, as it does for TypeScript's server in JavaScript. *Not covered:*
//! `exports.name = ...` and prototypes.

use tree_sitter::Node;

use crate::{
    grammar::{Leaf, Rows, Rule, Scope, Traits, Visible, text_of},
    symbol::{Import, ImportedName, ReferenceKind, SymbolKind},
};

pub(super) fn javascript() -> Rows {
    Rows {
        leaves: LEAVES,
        rules: &[RULES, JSX_RULES, JAVASCRIPT_RULES],
        scopes: SCOPES,
        delays: &[],
        wrappers: &["export_statement"],
        preludes: &["comment", "decorator"],
        imports: &["import_statement", "export_statement", "call_expression"],
        containers: &[],
        traits: Traits {
            visible: Visible::Everywhere,
            shadowing: false,
            constants_in_patterns: false,
            keywords: &[],
            receiver: "this.",
            imports,
            container: |_| None,
            refine,
        },
    }
}

pub(super) fn typescript() -> Rows {
    Rows {
        leaves: TYPESCRIPT_LEAVES,
        rules: &[RULES, TYPESCRIPT_RULES],
        scopes: TYPESCRIPT_SCOPES,
        wrappers: &["export_statement", "ambient_declaration"],
        ..javascript()
    }
}

pub(super) fn tsx() -> Rows {
    Rows { rules: &[RULES, JSX_RULES, TYPESCRIPT_RULES], ..typescript() }
}

const LEAVES: &[(&str, Leaf)] = &[
    ("identifier", Leaf::Value),
    ("property_identifier", Leaf::Member),
    ("private_property_identifier", Leaf::Member),
    ("shorthand_property_identifier", Leaf::Value),
    ("shorthand_property_identifier_pattern", Leaf::Value),
];

const TYPESCRIPT_LEAVES: &[(&str, Leaf)] = &[
    ("identifier", Leaf::Value),
    ("type_identifier", Leaf::Type),
    ("property_identifier", Leaf::Member),
    ("private_property_identifier", Leaf::Member),
    ("shorthand_property_identifier", Leaf::Value),
    ("shorthand_property_identifier_pattern", Leaf::Value),
];

const SCOPES: &[(&str, Scope)] = &[
    ("function_declaration", Scope::Function),
    ("function_expression", Scope::Function),
    ("generator_function_declaration", Scope::Function),
    ("generator_function", Scope::Function),
    ("arrow_function", Scope::Function),
    ("method_definition", Scope::Function),
    ("class_static_block", Scope::Function),
    ("statement_block", Scope::Block),
    ("for_statement", Scope::Block),
    ("for_in_statement", Scope::Block),
    ("switch_body", Scope::Block),
    ("catch_clause", Scope::Block),
    ("class_declaration", Scope::Type),
    ("class", Scope::Type),
];

const TYPESCRIPT_SCOPES: &[(&str, Scope)] = &[
    ("function_declaration", Scope::Function),
    ("function_expression", Scope::Function),
    ("generator_function_declaration", Scope::Function),
    ("generator_function", Scope::Function),
    ("arrow_function", Scope::Function),
    ("method_definition", Scope::Function),
    ("class_static_block", Scope::Function),
    ("statement_block", Scope::Block),
    ("for_statement", Scope::Block),
    ("for_in_statement", Scope::Block),
    ("switch_body", Scope::Block),
    ("catch_clause", Scope::Block),
    ("class_declaration", Scope::Type),
    ("class", Scope::Type),
    ("function_signature", Scope::Function),
    ("method_signature", Scope::Function),
    ("abstract_method_signature", Scope::Function),
    ("call_signature", Scope::Function),
    ("construct_signature", Scope::Function),
    ("function_type", Scope::Function),
    ("constructor_type", Scope::Function),
    ("abstract_class_declaration", Scope::Type),
    ("interface_declaration", Scope::Type),
    ("type_alias_declaration", Scope::Type),
    ("object_type", Scope::Type),
    ("internal_module", Scope::Type),
    ("module", Scope::Type),
];

const RULES: &[(&str, &str, Rule)] = {
    use ReferenceKind::*;
    use Rule::*;
    use SymbolKind as S;
    &[
        ("function_declaration", "name", Define(S::Function)),
        ("generator_function_declaration", "name", Define(S::Function)),
        ("class_declaration", "name", Define(S::Class)),
        ("method_definition", "name", Define(S::Method)),
        ("pair", "key", Key),
        ("lexical_declaration", "", Declare(S::Variable)),
        ("variable_declaration", "", Assign),
        ("variable_declarator", "name", Inherit),
        ("assignment_expression", "left", Target),
        // Patterns.
        ("object_pattern", "", Inherit),
        ("pair_pattern", "value", Inherit),
        ("array_pattern", "", Inherit),
        ("rest_pattern", "", Inherit),
        ("assignment_pattern", "left", Inherit),
        ("object_assignment_pattern", "left", Inherit),
        // Locals.
        ("function_expression", "name", Bind),
        ("generator_function", "name", Bind),
        ("class", "name", Bind),
        ("arrow_function", "parameter", Bind),
        ("for_in_statement", "left", Bind),
        ("catch_clause", "parameter", Bind),
        // Mentions.
        ("call_expression", "function", Mention(Call)),
        ("new_expression", "constructor", Mention(Call)),
        ("decorator", "", Mention(Call)),
        ("member_expression", "property", Member),
        // Imports and exports.
        ("import_clause", "", Elsewhere(Other)),
        ("namespace_import", "", Silent),
        ("import_specifier", "name", Elsewhere(Other)),
        ("import_specifier", "alias", Silent),
        ("export_specifier", "alias", Silent),
        ("namespace_export", "", Silent),
    ]
};

const JAVASCRIPT_RULES: &[(&str, &str, Rule)] = {
    use Rule::*;
    &[
        ("field_definition", "property", Define(SymbolKind::Field)),
        ("formal_parameters", "", Bind),
        ("class_heritage", "", Mention(ReferenceKind::Type)),
    ]
};

const JSX_RULES: &[(&str, &str, Rule)] = {
    use Rule::*;
    &[
        ("jsx_opening_element", "name", Element),
        ("jsx_closing_element", "name", Element),
        ("jsx_self_closing_element", "name", Element),
        ("jsx_namespace_name", "", Silent),
    ]
};

const TYPESCRIPT_RULES: &[(&str, &str, Rule)] = {
    use ReferenceKind::*;
    use Rule::*;
    use SymbolKind as S;
    &[
        ("abstract_class_declaration", "name", Define(S::Class)),
        ("interface_declaration", "name", Define(S::Interface)),
        ("enum_declaration", "name", Define(S::Enum)),
        ("enum_body", "name", DefineHere(S::Variant)),
        ("enum_assignment", "name", Define(S::Variant)),
        ("type_alias_declaration", "name", Define(S::TypeAlias)),
        ("internal_module", "name", Define(S::Module)),
        ("module", "name", Define(S::Module)),
        ("function_signature", "name", Define(S::Function)),
        ("method_signature", "name", Define(S::Method)),
        ("abstract_method_signature", "name", Define(S::Method)),
        ("property_signature", "name", Define(S::Field)),
        ("public_field_definition", "name", Define(S::Field)),
        // Locals.
        ("required_parameter", "pattern", BindField),
        ("optional_parameter", "pattern", BindField),
        ("type_parameter", "name", BindType),
        ("mapped_type_clause", "name", BindType),
        ("infer_type", "", BindType),
        ("index_signature", "name", Silent),
        // Mentions.
        ("instantiation_expression", "function", Inherit),
        ("nested_type_identifier", "module", Qualifier),
        ("nested_type_identifier", "name", Member),
        ("nested_identifier", "object", Qualifier),
        ("nested_identifier", "property", Member),
        ("generic_type", "name", Inherit),
        ("extends_clause", "value", Mention(Type)),
        ("import_require_clause", "", Silent),
    ]
};

/// A constant is declared as one; a name for a function or class is one.
fn refine(kind: SymbolKind, _: Node<'_>, parent: Node<'_>, item: Node<'_>, _: &str) -> SymbolKind {
    if !matches!(kind, SymbolKind::Variable | SymbolKind::Field) {
        return kind;
    }
    let declares = matches!(parent.kind(), "variable_declarator" | "pair");
    let value = declares.then(|| parent.child_by_field_name("value")).flatten();
    match (value.map(|node| node.kind()), kind) {
        (Some("arrow_function" | "function_expression" | "generator_function"), SymbolKind::Field) => {
            SymbolKind::Method
        }
        (Some("arrow_function" | "function_expression" | "generator_function"), _) => SymbolKind::Function,
        (Some("class"), SymbolKind::Variable) => SymbolKind::Class,
        (_, SymbolKind::Variable) if item.child(0).is_some_and(|word| word.kind() == "const") => SymbolKind::Constant,
        _ => kind,
    }
}

fn imports(node: Node<'_>, parent: Option<Node<'_>>, text: &str, imports: &mut Vec<Import>) {
    let mut import = Import { module: String::new(), alias: None, names: Vec::new(), range: node.byte_range() };
    let source = match node.kind() {
        "call_expression" => match required(node, text) {
            None => return,
            Some(source) => {
                if let Some(declarator) = parent.filter(|parent| parent.kind() == "variable_declarator") {
                    import.range = declarator.byte_range();
                    match declarator.child_by_field_name("name") {
                        Some(name) if name.kind() == "identifier" => {
                            import.alias = Some(text_of(name, text).to_owned())
                        }
                        Some(pattern) => names(pattern, text, &mut import),
                        None => {}
                    }
                }
                source
            }
        },
        _ => {
            let mut cursor = node.walk();
            let mut source = node.child_by_field_name("source");
            for child in node.named_children(&mut cursor) {
                match child.kind() {
                    "import_clause" | "export_clause" | "namespace_export" => names(child, text, &mut import),
                    "import_require_clause" => {
                        import.alias = child.named_child(0).map(|name| text_of(name, text).to_owned());
                        source = child.child_by_field_name("source");
                    }
                    _ => {}
                }
            }
            match source {
                None => return,
                Some(source) => source,
            }
        }
    };
    import.module = text_of(source, text).trim_matches(['"', '\'', '`']).to_owned();
    imports.push(import);
}

/// The string in `require('...')` or `import('...')`.
fn required<'t>(node: Node<'t>, text: &str) -> Option<Node<'t>> {
    let function = node.child(0)?;
    let loads = match function.kind() {
        "import" => true,
        "identifier" => text_of(function, text) == "require",
        _ => false,
    };
    let argument = node.child_by_field_name("arguments").filter(|_| loads)?.named_child(0)?;
    (argument.kind() == "string").then_some(argument)
}

/// The names in an import's or export's clause, or in the pattern that takes a module apart.
fn names(clause: Node<'_>, text: &str, import: &mut Import) {
    let mut cursor = clause.walk();
    for node in clause.named_children(&mut cursor) {
        let part = |field| node.child_by_field_name(field).map(|node| text_of(node, text).to_owned());
        let itself = || text_of(node, text).to_owned();
        let (name, alias) = match (clause.kind(), node.kind()) {
            ("import_clause", "identifier") => ("default".to_owned(), Some(itself())),
            ("namespace_export", _) => {
                import.alias = Some(itself());
                continue;
            }
            (_, "namespace_import") => {
                import.alias = node.named_child(0).map(|name| text_of(name, text).to_owned());
                continue;
            }
            (_, "named_imports") => {
                names(node, text, import);
                continue;
            }
            (_, "import_specifier" | "export_specifier") => (part("name").unwrap_or_default(), part("alias")),
            (_, "shorthand_property_identifier_pattern") => (itself(), None),
            (_, "pair_pattern") => (part("key").unwrap_or_default(), part("value")),
            _ => continue,
        };
        import.names.push(ImportedName { name, alias });
    }
}
