//! Which definition a mention means: all of its name, ranked by what speaks for each.
//!
//! Evidence is added up in points. That the mentioning file imports the name, and where from, weighs most; then what is
//! written before the name; then the same file, directory and language; then whether it is used as what it is. The
//! weights are set by hand so that no number of weaker signs outweighs a stronger one. *Not covered:* everything that
//! needs types: `x.run()` is any `run`, unless only one is near.

use prentice_syntax::{ReferenceKind, SymbolKind};

use super::{SymbolHit, SymbolTable};

/// A mention whose definition is sought.
#[derive(Clone, Copy, Debug)]
pub struct Mention<'a> {
    /// The file that has it; its imports are those of the table.
    pub path: &'a str,
    /// The name.
    pub name: &'a str,
    /// What stands before it, where something does: `Parser` of `Parser::new`, `os` of `os.path`.
    pub qualifier: Option<&'a str>,
    /// How it is mentioned.
    pub kind: ReferenceKind,
}

const IMPORTED_NAME: i32 = 400;
const QUALIFIED_BY_CONTAINER: i32 = 320;
const QUALIFIED_BY_FILE: i32 = 240;
const IMPORTED_MODULE: i32 = 160;
/// For each part of the path in which an import agrees.
const IMPORTED_PART: i32 = 10;
const SAME_FILE: i32 = 200;
const SAME_LANGUAGE: i32 = 80;
const SAME_DIRECTORY: i32 = 40;
const FITTING_KIND: i32 = 20;
/// For each directory from the root that both are in, up to three.
const SHARED_DIRECTORY: i32 = 5;

pub(super) fn resolve<'a>(table: &'a SymbolTable, mention: &Mention<'_>) -> Vec<SymbolHit<'a>> {
    let imports: Vec<Imported> = table
        .imports(mention.path)
        .into_iter()
        .flat_map(|import| {
            let module = Module::new(&import.module, mention.path);
            let names =
                import.names.into_iter().map(|name| (name.alias.unwrap_or_else(|| name.name.clone()), name.name));
            let names: Vec<_> = names.map(Some).collect();
            let names = if names.is_empty() { vec![None] } else { names };
            names.into_iter().map(move |names| Imported { module: module.clone(), names })
        })
        .collect();
    let language = family(table.language(mention.path));

    let mut names = vec![mention.name];
    // An alias stands for the name it was given.
    names.extend(imports.iter().filter_map(|import| import.original(mention.name)));
    names.sort_unstable();
    names.dedup();
    let mut hits: Vec<SymbolHit> = names.iter().flat_map(|name| table.definitions(name)).collect();
    for hit in &mut hits {
        hit.score = points(hit, mention, &imports, &language);
    }
    hits.sort_by_key(|hit| (std::cmp::Reverse(hit.score), hit.path, hit.name_range.start));
    hits
}

fn points(hit: &SymbolHit<'_>, mention: &Mention<'_>, imports: &[Imported], language: &str) -> i32 {
    let mut points = 0;
    let path = components(hit.path);
    let by_import = imports.iter().filter_map(|import| {
        let parts = import.module.agrees(&path)? as i32 * IMPORTED_PART;
        match &import.names {
            Some((_, original)) if import.original(mention.name) == Some(hit.name) => {
                debug_assert_eq!(original, hit.name);
                Some(IMPORTED_NAME + parts)
            }
            // `use a::b` and then `b::f`; or a type, and then a function of it.
            Some((alias, original)) if mention.qualifier == Some(alias) => {
                let of_it = hit.container == Some(original) || path.last() == Some(original);
                of_it.then_some(IMPORTED_MODULE + parts)
            }
            Some(_) => None,
            None => Some(IMPORTED_MODULE + parts),
        }
    });
    points += by_import.max().unwrap_or(0);
    if let Some(qualifier) = mention.qualifier {
        let last = qualifier.rsplit(['.', ':', '/']).next().unwrap_or(qualifier);
        if hit.container == Some(last) {
            points += QUALIFIED_BY_CONTAINER;
        } else if path.last().is_some_and(|stem| stem == last) {
            points += QUALIFIED_BY_FILE;
        }
    }
    if hit.path == mention.path {
        points += SAME_FILE;
    }
    let directory = |path: &str| path.rsplit_once('/').map_or(String::new(), |(directory, _)| directory.to_owned());
    let (here, there) = (directory(mention.path), directory(hit.path));
    if here == there {
        points += SAME_DIRECTORY;
    }
    let shared = here.split('/').zip(there.split('/')).take_while(|(a, b)| a == b && !a.is_empty()).count();
    points += SHARED_DIRECTORY * shared.min(3) as i32;
    if family(hit.language) == language {
        points += SAME_LANGUAGE;
    }
    if fits(mention.kind, hit.kind) {
        points += FITTING_KIND;
    }
    points
}

/// Whether something of `defined` is mentioned as `mentioned`.
fn fits(mentioned: ReferenceKind, defined: SymbolKind) -> bool {
    use SymbolKind::{
        Class, Constant, Enum, Field, Function, Interface, Macro, Method, Module, Struct, TypeAlias, Variable, Variant,
    };
    match mentioned {
        ReferenceKind::Call => matches!(defined, Function | Method | Macro | Class | Struct | Variant),
        ReferenceKind::Type => matches!(defined, Class | Struct | Enum | Interface | TypeAlias),
        ReferenceKind::Other => matches!(defined, Constant | Variable | Field | Module | Variant | Enum),
    }
}

/// Languages that use each other's definitions, by one name.
pub(crate) fn family(language: &str) -> String {
    let language = language.to_ascii_lowercase();
    match language.as_str() {
        "c" | "c++" | "cpp" | "objective-c" | "objective-c++" => "c".to_owned(),
        "javascript" | "typescript" | "jsx" | "tsx" => "javascript".to_owned(),
        _ => language,
    }
}

/// A name from a module, or the module itself.
struct Imported {
    module: Module,
    /// The name here, and there.
    names: Option<(String, String)>,
}

impl Imported {
    /// What `name` is called where it comes from.
    fn original(&self, name: &str) -> Option<&str> {
        self.names.as_ref().filter(|(here, _)| here == name).map(|(_, there)| there.as_str())
    }
}

/// An imported module as the path it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Module {
    components: Vec<String>,
    /// From the root of the repository, because it was written relative to the importing file.
    anchored: bool,
}

impl Module {
    /// Reads `module` as any of the languages would: `crate::a::b`, `a.b`, `.b`, `../b`, `a/b.h`.
    fn new(module: &str, importer: &str) -> Self {
        let directory: Vec<&str> = importer.rsplit_once('/').map_or(Vec::new(), |(path, _)| path.split('/').collect());
        let dots = module.bytes().take_while(|&byte| byte == b'.').count();
        let (mut path, rest): (Vec<&str>, Vec<&str>) = if dots > 0 && !module[dots..].starts_with('/') {
            // Python: a dot is the package, each more one further out.
            let up = directory.len().saturating_sub(dots - 1);
            (directory[..up].to_vec(), module[dots..].split('.').collect())
        } else if module.contains('/') {
            let relative = module.starts_with("./") || module.starts_with("../");
            (if relative { directory } else { Vec::new() }, module.split('/').collect())
        } else if module.contains("::") {
            (Vec::new(), module.split("::").collect())
        } else if let Some((stem, "h" | "hh" | "hpp" | "hxx" | "inc")) = module.rsplit_once('.') {
            (Vec::new(), vec![stem])
        } else {
            (Vec::new(), module.split('.').collect())
        };
        let anchored = module.starts_with('.');
        for part in rest {
            match part {
                ".." => drop(path.pop()),
                "" | "." | "crate" | "self" | "super" => {}
                part => path.push(part),
            }
        }
        Self { components: normal(path), anchored }
    }

    /// In how many parts the module's path is the end of a file's, or of the directory's that the file is in; none where
    /// it is another.
    fn agrees(&self, path: &[String]) -> Option<usize> {
        let ends = |path: &[String]| {
            let common = self.components.iter().rev().zip(path.iter().rev()).take_while(|(a, b)| a == b).count();
            let whole = common == self.components.len() && (!self.anchored || common == path.len());
            // Go and Java write more before it than the repository has, and Rust the crate.
            (common > 0 && (whole || !self.anchored)).then_some(common)
        };
        let directory = &path[..path.len().saturating_sub(1)];
        // A package may hand on what its files define; the file itself is the better guess.
        ends(path).map(|common| 2 * common).max(ends(directory).map(|common| 2 * common - 1))
    }
}

/// A path without what only says that it is the file of a module.
fn components(path: &str) -> Vec<String> {
    normal(path.split('/').collect())
}

fn normal(mut path: Vec<&str>) -> Vec<String> {
    if let Some(last) = path.last_mut() {
        *last = last.split_once('.').filter(|(stem, _)| !stem.is_empty()).map_or(*last, |(stem, _)| stem);
        if matches!(*last, "mod" | "index" | "__init__" | "lib" | "main") {
            path.pop();
        }
    }
    path.retain(|part| *part != "src");
    path.into_iter().map(|part| part.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_agree_with_the_files_that_they_are() {
        for (module, importer, path, expected) in [
            ("crate::search::bm25", "src/lib.rs", "src/search/bm25.rs", Some(4)),
            ("crate::search", "src/lib.rs", "src/search/mod.rs", Some(2)),
            ("crate::search", "src/lib.rs", "src/search/bm25.rs", Some(1)),
            ("prentice_base", "crates/index/src/lib.rs", "crates/prentice-base/src/digest.rs", Some(1)),
            ("crate::search", "src/lib.rs", "src/symbols.rs", None),
            ("pkg.util", "app/main.py", "pkg/util.py", Some(4)),
            ("pkg.util", "app/main.py", "pkg/util/__init__.py", Some(4)),
            (".util", "pkg/sub/a.py", "pkg/sub/util.py", Some(6)),
            ("..util", "pkg/sub/a.py", "pkg/util.py", Some(4)),
            ("..util", "pkg/sub/a.py", "pkg/sub/util.py", None),
            (".", "pkg/sub/a.py", "pkg/sub/__init__.py", Some(4)),
            ("./util", "web/app.ts", "web/util.ts", Some(4)),
            ("../lib/api.js", "web/ui/app.ts", "web/lib/api.ts", Some(6)),
            ("./util", "web/app.ts", "other/util.ts", None),
            ("../components", "web/ui/app.ts", "web/components/index.tsx", Some(4)),
            ("net/http.h", "src/main.c", "include/net/http.h", Some(4)),
            ("util.h", "src/main.c", "src/util.h", Some(2)),
            ("github.com/a/b/pkg/store", "main.go", "pkg/store/store.go", Some(3)),
            ("std::fs", "src/lib.rs", "src/search.rs", None),
        ] {
            assert_eq!(Module::new(module, importer).agrees(&components(path)), expected, "{module} {path}");
        }
    }
}
