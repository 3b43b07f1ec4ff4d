//! Languages: by file name, then extension, then shebang. Names are those of GitHub Linguist.
//!
//! A table of the languages that occur in practice rather than all of Linguist's; what is not in it is
//! `unknown-language`. Extensions that several languages share are settled by a look at the text ([`settle`]).

use serde::{Deserialize, Serialize};

/// What people use a language for; rules differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanguageKind {
    /// Programs, queries, style sheets, build scripts.
    Code,
    /// Text with tags, such as HTML, XML and TeX.
    Markup,
    /// Values without behaviour, such as JSON, YAML and CSV.
    Data,
    /// Text for people, such as Markdown.
    Prose,
}

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language {
    /// Name as GitHub Linguist spells it.
    pub name: &'static str,
    /// What it is used for.
    pub kind: LanguageKind,
}

/// The language with this name.
pub fn by_name(name: &str) -> Option<Language> {
    TABLE.iter().find(|row| row.name == name).map(Row::language)
}

/// The language of a file, judged by its path and the beginning of its text.
pub fn identify(path: &str, text: &str) -> Option<Language> {
    let file = path.rsplit('/').next().unwrap_or(path);
    if let Some(row) = TABLE.iter().find(|row| row.files.contains(&file)) {
        return Some(row.language());
    }
    if let Some((stem, extension)) = file.rsplit_once('.')
        && !stem.is_empty()
    {
        if let Some(name) = settle(extension, text) {
            return by_name(name);
        }
        let extension = extension.to_ascii_lowercase();
        if let Some(row) = TABLE.iter().find(|row| row.extensions.contains(&extension.as_str())) {
            return Some(row.language());
        }
    }
    // `LICENSE-MIT` and its like.
    if ["LICENSE-", "LICENCE-", "COPYING."].iter().any(|start| file.starts_with(start)) {
        return by_name("Text");
    }
    let interpreter = interpreter(text)?;
    TABLE.iter().find(|row| row.interpreters.contains(&interpreter)).map(Row::language)
}

/// `python` of `#!/usr/bin/env -S python3.11 -u`.
fn interpreter(text: &str) -> Option<&str> {
    let line = text.strip_prefix("#!")?.lines().next()?;
    let mut words = line.split_ascii_whitespace();
    let mut program = words.next()?.rsplit('/').next()?;
    if program == "env" {
        program = words.find(|word| !word.starts_with('-') && !word.contains('='))?.rsplit('/').next()?;
    }
    Some(program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
}

/// Extensions that several languages share.
fn settle(extension: &str, text: &str) -> Option<&'static str> {
    let head = beginning(text, 16 * 1024);
    let line_starts = |marks: &[&str]| {
        head.lines().any(|line| {
            let line = line.trim_start();
            marks.iter().any(|mark| line.starts_with(mark))
        })
    };
    match extension {
        "h" => {
            let objective = ["@interface", "@protocol", "@class", "#import"];
            let plus =
                ["class ", "namespace ", "template<", "template <", "using ", "public:", "private:", "constexpr "];
            if line_starts(&objective) {
                Some("Objective-C")
            } else if line_starts(&plus) || head.contains("std::") {
                Some("C++")
            } else {
                Some("C")
            }
        }
        "m" => Some(if line_starts(&["@interface", "@implementation", "#import", "#include", "@class", "//"]) {
            "Objective-C"
        } else {
            "MATLAB"
        }),
        "pl" => Some(if line_starts(&[":-"]) && !line_starts(&["use ", "my ", "#!"]) { "Prolog" } else { "Perl" }),
        "fs" => Some(if line_starts(&["#version", "uniform ", "varying "]) { "GLSL" } else { "F#" }),
        "ts" | "tsx" if line_starts(&["<?xml", "<!DOCTYPE TS", "<TS "]) => Some("XML"),
        "v" => Some(if line_starts(&["Require ", "Proof.", "Theorem ", "Lemma ", "Definition "]) {
            "Rocq Prover"
        } else {
            "Verilog"
        }),
        "d" => line_starts(&["module ", "import ", "public import ", "int main", "void main"]).then_some("D"),
        // A version number looks like the section of a manual page.
        "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" => {
            line_starts(&[".TH ", ".Dd ", ".SH ", ".so ", ".\\\""]).then_some("Roff")
        }
        // Upper case matters: `.C` is C++ on the systems that tell the cases apart, and `.R` is R.
        "C" | "H" => Some("C++"),
        _ => None,
    }
}

/// At most `length` bytes from the start, cut at a character.
pub(crate) fn beginning(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}

struct Row {
    name: &'static str,
    kind: LanguageKind,
    extensions: &'static [&'static str],
    files: &'static [&'static str],
    interpreters: &'static [&'static str],
}

impl Row {
    fn language(&self) -> Language {
        Language { name: self.name, kind: self.kind }
    }
}

const fn row(name: &'static str, kind: LanguageKind, extensions: &'static [&'static str]) -> Row {
    Row { name, kind, extensions, files: &[], interpreters: &[] }
}

impl Row {
    const fn files(self, files: &'static [&'static str]) -> Row {
        Row { files, ..self }
    }

    const fn interpreters(self, interpreters: &'static [&'static str]) -> Row {
        Row { interpreters, ..self }
    }
}

use LanguageKind::{Code, Data, Markup, Prose};

/// Most frequent first, since the table is searched in order.
static TABLE: &[Row] = &[
    row("Python", Code, &["py", "pyi", "pyw", "pyx", "pxd"])
        .files(&["SConstruct", "SConscript", "wscript"])
        .interpreters(&["python", "pypy"]),
    row("Rust", Code, &["rs"]),
    row("C", Code, &["c", "h", "idc"]),
    row("C++", Code, &["cpp", "cc", "cxx", "c++", "hpp", "hh", "hxx", "h++", "ipp", "tpp", "inl"]),
    row("JavaScript", Code, &["js", "mjs", "cjs", "jsx", "es6"]).interpreters(&["node", "nodejs"]),
    row("TypeScript", Code, &["ts", "mts", "cts"]).interpreters(&["deno", "ts-node", "bun"]),
    row("TSX", Code, &["tsx"]),
    row("Java", Code, &["java"]),
    row("Go", Code, &["go"]),
    row("C#", Code, &["cs", "csx"]),
    row("Markdown", Prose, &["md", "markdown", "mdown", "mkd", "mdx"]).files(&["contents.lr"]),
    row("reStructuredText", Prose, &["rst", "rest"]),
    row("Text", Prose, &["txt", "text"]).files(&[
        "README",
        "LICENSE",
        "LICENCE",
        "COPYING",
        "NOTICE",
        "AUTHORS",
        "CHANGES",
        "CHANGELOG",
        "NEWS",
        "TODO",
        "INSTALL",
        "NOTES",
        "HISTORY",
    ]),
    row("JSON", Data, &["json", "geojson", "jsonl", "ndjson", "webmanifest", "avsc"]).files(&[
        ".arcconfig",
        ".watchmanconfig",
        "composer.lock",
        "Pipfile.lock",
        "flake.lock",
    ]),
    row("JSON with Comments", Data, &["jsonc", "code-workspace"]).files(&[
        "tsconfig.json",
        ".babelrc",
        ".eslintrc.json",
        ".jshintrc",
    ]),
    row("YAML", Data, &["yml", "yaml"]).files(&[".clang-format", ".clang-tidy", "CITATION.cff"]),
    row("TOML", Data, &["toml"]).files(&["Cargo.lock", "poetry.lock", "uv.lock", "Pipfile"]),
    row("HTML", Markup, &["html", "htm", "xhtml"]),
    row(
        "XML",
        Markup,
        &[
            "xml",
            "xsd",
            "wsdl",
            "svg",
            "plist",
            "csproj",
            "vcxproj",
            "props",
            "targets",
            "xaml",
            "rss",
            "xul",
            "resx",
            "storyboard",
            "ui",
        ],
    ),
    row("XSLT", Code, &["xsl", "xslt"]),
    row("CSS", Code, &["css"]),
    row("SCSS", Code, &["scss"]),
    row("Sass", Code, &["sass"]),
    row("Less", Code, &["less"]),
    row("Shell", Code, &["sh", "bash", "zsh", "ksh", "bats", "ebuild"])
        .files(&[".bashrc", ".bash_profile", ".profile", ".zshrc", "PKGBUILD"])
        .interpreters(&["sh", "bash", "zsh", "dash", "ksh", "ash", "bats"]),
    row("fish", Code, &["fish"]).interpreters(&["fish"]),
    row("Tcsh", Code, &["csh", "tcsh"]).interpreters(&["csh", "tcsh"]),
    row("PowerShell", Code, &["ps1", "psm1", "psd1"]).interpreters(&["pwsh"]),
    row("Batchfile", Code, &["bat", "cmd"]),
    row("Makefile", Code, &["mk", "mak"])
        .files(&["Makefile", "makefile", "GNUmakefile", "Makefile.am", "Kbuild"])
        .interpreters(&["make"]),
    row("Just", Code, &["just"]).files(&["justfile", "Justfile", ".justfile"]),
    row("CMake", Code, &["cmake"]).files(&["CMakeLists.txt"]),
    row("Meson", Code, &[]).files(&["meson.build", "meson_options.txt"]),
    row("Starlark", Code, &["bzl", "star", "bazel"]).files(&["BUILD", "WORKSPACE", "Tiltfile"]),
    row("Dockerfile", Code, &["dockerfile", "containerfile"]).files(&["Dockerfile", "Containerfile"]),
    row("HCL", Code, &["tf", "hcl", "tfvars", "nomad"]),
    row("Nix", Code, &["nix"]),
    row("M4", Code, &["m4"]),
    row("M4Sugar", Code, &[]).files(&["configure.ac", "configure.in"]),
    row("Assembly", Code, &["asm", "nasm", "a51"]),
    row("Unix Assembly", Code, &["s"]),
    row("LLVM", Code, &["ll"]),
    row("WebAssembly", Code, &["wat", "wast"]),
    row("Cuda", Code, &["cu", "cuh"]),
    row("OpenCL", Code, &["cl", "opencl"]),
    row("Metal", Code, &["metal"]),
    row("GLSL", Code, &["glsl", "vert", "frag", "geom", "comp", "tesc", "tese"]),
    row("HLSL", Code, &["hlsl", "fx"]),
    row("WGSL", Code, &["wgsl"]),
    row("Objective-C", Code, &["m"]),
    row("Objective-C++", Code, &["mm"]),
    row("Swift", Code, &["swift"]),
    row("Kotlin", Code, &["kt", "kts", "ktm"]),
    row("Scala", Code, &["scala", "sbt", "sc"]).interpreters(&["scala"]),
    row("Groovy", Code, &["groovy", "gvy"]).files(&["Jenkinsfile"]).interpreters(&["groovy"]),
    row("Gradle", Code, &["gradle"]),
    row("Clojure", Code, &["clj", "cljs", "cljc", "edn"]),
    row("Ruby", Code, &["rb", "rake", "gemspec", "ru", "podspec"])
        .files(&["Gemfile", "Rakefile", "Podfile", "Vagrantfile", "Brewfile", "Fastfile"])
        .interpreters(&["ruby", "jruby"]),
    row("HTML+ERB", Markup, &["erb"]),
    row("Jinja", Markup, &["jinja", "j2", "jinja2"]),
    row("Handlebars", Markup, &["hbs", "handlebars"]),
    row("Vue", Code, &["vue"]),
    row("Svelte", Code, &["svelte"]),
    row("Astro", Code, &["astro"]),
    row("PHP", Code, &["php", "phtml", "php5"]).interpreters(&["php"]),
    row("Perl", Code, &["pl", "pm", "t"]).files(&["Makefile.PL"]).interpreters(&["perl"]),
    row("Raku", Code, &["raku", "rakumod", "p6", "pm6"]).interpreters(&["raku", "perl6"]),
    row("Lua", Code, &["lua", "rockspec"]).interpreters(&["lua", "luajit"]),
    row("Luau", Code, &["luau"]),
    row("R", Code, &["r"]).files(&[".Rprofile"]).interpreters(&["Rscript"]),
    row("RMarkdown", Prose, &["rmd"]),
    row("Julia", Code, &["jl"]).interpreters(&["julia"]),
    row("MATLAB", Code, &["matlab"]),
    row("Fortran", Code, &["f", "for", "f77"]),
    row("Fortran Free Form", Code, &["f90", "f95", "f03", "f08"]),
    row("Haskell", Code, &["hs", "hsc"]).interpreters(&["runhaskell"]),
    row("Literate Haskell", Code, &["lhs"]),
    row("Cabal Config", Data, &["cabal"]),
    row("OCaml", Code, &["ml", "mli", "mll", "mly"]).interpreters(&["ocaml"]),
    row("Dune", Code, &[]).files(&["dune", "dune-project"]),
    row("F#", Code, &["fsi", "fsx"]),
    row("Standard ML", Code, &["sml", "sig", "fun"]),
    row("Erlang", Code, &["erl", "hrl", "escript"]).files(&["rebar.config"]).interpreters(&["escript"]),
    row("Elixir", Code, &["ex", "exs"]).files(&["mix.lock"]).interpreters(&["elixir"]),
    row("Gleam", Code, &["gleam"]),
    row("Elm", Code, &["elm"]),
    row("PureScript", Code, &["purs"]),
    row("Idris", Code, &["idr"]),
    row("Agda", Code, &["agda"]),
    row("Lean", Code, &["lean"]),
    row("Rocq Prover", Code, &["coq"]),
    row("Isabelle", Code, &["thy"]),
    row("TLA", Code, &["tla"]),
    row("SMT", Code, &["smt", "smt2"]),
    row("Common Lisp", Code, &["lisp", "lsp", "asd"]).interpreters(&["sbcl"]),
    row("Emacs Lisp", Code, &["el"]).files(&[".emacs"]).interpreters(&["emacs"]),
    row("Scheme", Code, &["scm", "ss", "sld"]).interpreters(&["guile"]),
    row("Racket", Code, &["rkt"]).interpreters(&["racket"]),
    row("Prolog", Code, &["prolog", "yap"]).interpreters(&["swipl"]),
    row("Dart", Code, &["dart"]),
    row("Zig", Code, &["zig", "zon"]),
    row("Nim", Code, &["nim", "nims"]),
    row("Crystal", Code, &["cr"]).interpreters(&["crystal"]),
    row("D", Code, &["di"]),
    row("Ada", Code, &["adb", "ads", "ada"]),
    row("Pascal", Code, &["pas", "pp", "dpr", "lpr"]),
    row("COBOL", Code, &["cob", "cbl", "cpy", "cobol"]),
    row("Visual Basic .NET", Code, &["vb"]),
    row("VBA", Code, &["bas", "vba"]),
    row("Tcl", Code, &["tcl", "tm"]).interpreters(&["tclsh", "wish"]),
    row("Awk", Code, &["awk", "gawk"]).interpreters(&["awk", "gawk", "mawk"]),
    row("sed", Code, &["sed"]).interpreters(&["sed"]),
    row("Vim Script", Code, &["vim"]).files(&[".vimrc", "vimrc"]),
    row("SQL", Code, &["sql", "ddl", "dml"]),
    row("PLpgSQL", Code, &["pgsql"]),
    row("GraphQL", Code, &["graphql", "gql", "graphqls"]),
    row("Protocol Buffer", Code, &["proto"]),
    row("Thrift", Code, &["thrift"]),
    row("Cap'n Proto", Code, &["capnp"]),
    row("FlatBuffers", Code, &["fbs"]),
    row("Solidity", Code, &["sol"]),
    row("Move", Code, &["move"]),
    row("Verilog", Code, &["vh"]),
    row("SystemVerilog", Code, &["sv", "svh"]),
    row("VHDL", Code, &["vhd", "vhdl"]),
    row("GDScript", Code, &["gd"]),
    row("Godot Resource", Data, &["tscn", "tres"]),
    row("Yacc", Code, &["y", "yy"]),
    row("Lex", Code, &["l", "lex"]),
    row("ANTLR", Code, &["g4"]),
    row("PEG.js", Code, &["peg", "pegjs", "pest"]),
    row("EBNF", Code, &["ebnf", "bnf"]),
    row("SWIG", Code, &["swg", "swig"]),
    row("QML", Code, &["qml"]),
    row("CoffeeScript", Code, &["coffee"]),
    row("Mojo", Code, &["mojo"]),
    row("Odin", Code, &["odin"]),
    row("V", Code, &["vv"]),
    row("Jupyter Notebook", Data, &["ipynb"]),
    row("TeX", Markup, &["tex", "sty", "cls", "ltx"]),
    row("BibTeX", Data, &["bib"]),
    row("Typst", Markup, &["typ"]),
    row("Texinfo", Prose, &["texi", "texinfo"]),
    row("Roff", Markup, &["man", "roff"]),
    row("AsciiDoc", Prose, &["adoc", "asciidoc", "asc"]),
    row("Org", Prose, &["org"]),
    row("Pod", Prose, &["pod"]),
    row("INI", Data, &["ini", "cfg", "prefs", "properties", "editorconfig"]).files(&[
        ".editorconfig",
        ".gitconfig",
        "setup.cfg",
        ".flake8",
        ".pylintrc",
        ".coveragerc",
    ]),
    row("Git Attributes", Data, &[]).files(&[".gitattributes"]),
    row("Ignore List", Data, &[]).files(&[
        ".gitignore",
        ".dockerignore",
        ".npmignore",
        ".ignore",
        ".prettierignore",
        ".eslintignore",
    ]),
    row("CSV", Data, &["csv"]),
    row("TSV", Data, &["tsv"]),
    row("Diff", Data, &["diff", "patch"]),
    row("DOT", Data, &["dot", "gv"]),
    row("Go Module", Data, &[]).files(&["go.mod", "go.work"]),
    row("Go Checksums", Data, &[]).files(&["go.sum", "go.work.sum"]),
    row("Gettext Catalog", Data, &["po", "pot"]),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn by_file_name_extension_shebang_and_a_look_at_the_text() {
        for (path, text, expected) in [
            ("src/main.rs", "", "Rust"),
            ("a/b.PY", "", "Python"),
            ("Makefile", "", "Makefile"),
            ("sub/Dockerfile", "", "Dockerfile"),
            ("CMakeLists.txt", "", "CMake"),
            ("notes.txt", "", "Text"),
            ("LICENSE", "", "Text"),
            ("LICENSE-APACHE", "", "Text"),
            ("a.d", "module a;", "D"),
            (".gitignore", "", "Ignore List"),
            ("Cargo.lock", "", "TOML"),
            ("tool", "#!/usr/bin/env python3\n", "Python"),
            ("tool", "#!/usr/bin/env -S FOO=1 python3.11 -u\n", "Python"),
            ("tool", "#!/bin/sh\n", "Shell"),
            ("tool", "#!/usr/bin/perl5.36 -w\n", "Perl"),
            ("x.h", "struct a { int b; };\n", "C"),
            ("x.h", "#pragma once\nnamespace a {\n", "C++"),
            ("x.h", "#import <Foundation/Foundation.h>\n", "Objective-C"),
            ("x.m", "@implementation A\n", "Objective-C"),
            ("x.m", "function y = f(x)\n", "MATLAB"),
            ("x.ts", "export const x = 1;\n", "TypeScript"),
            ("x.ts", "<?xml version=\"1.0\"?>\n<TS>", "XML"),
            ("x.C", "int main() {}", "C++"),
            ("x.R", "x <- 1", "R"),
            ("x.v", "module a;", "Verilog"),
            ("a.b.yaml", "", "YAML"),
            ("page.1", ".TH A 1", "Roff"),
        ] {
            assert_eq!(identify(path, text).map(|language| language.name), Some(expected), "{path}: {text}");
        }
        for (path, text) in [
            ("blob.xyz", ""),
            ("data", "no shebang"),
            (".rs", ""),
            ("x.decTest", ""),
            ("gc.d", "python$target:::gc-start"),
            ("EUPL-1.1", "European Union Public Licence"),
            ("t", "#!"),
            ("t", "#!/usr/bin/env\n"),
        ] {
            assert_eq!(identify(path, text), None, "{path}");
        }
    }

    #[test]
    fn names_extensions_and_files_are_unique() {
        let mut seen = HashSet::new();
        for row in TABLE {
            assert!(seen.insert(format!("name {}", row.name)), "{}", row.name);
            let extensions = row.extensions.iter().map(|extension| format!("extension {extension}"));
            for key in extensions.chain(row.files.iter().map(|file| format!("file {file}"))) {
                assert!(key == "extension m" || seen.insert(key.clone()), "{key} twice, again in {}", row.name);
                assert!(!key.starts_with("extension") || key == key.to_ascii_lowercase(), "{key}");
            }
        }
    }
}
