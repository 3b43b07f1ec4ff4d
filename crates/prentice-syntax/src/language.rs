//! Languages that can be read, and which one a path is written in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A language that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Rust.
    Rust,
    /// Python 3, with what is left of Python 2 where the grammar knows it.
    Python,
    /// JavaScript, JSX included.
    JavaScript,
    /// TypeScript without JSX.
    TypeScript,
    /// TypeScript with JSX.
    Tsx,
    /// Go.
    Go,
    /// Java.
    Java,
    /// C.
    C,
    /// C++.
    Cpp,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 9] = [
        Self::Rust,
        Self::Python,
        Self::JavaScript,
        Self::TypeScript,
        Self::Tsx,
        Self::Go,
        Self::Java,
        Self::C,
        Self::Cpp,
    ];

    /// The language of a file, judged by its extension alone.
    ///
    /// `.h` is C++: its grammar reads C headers, but C's reads no class and no namespace.
    pub fn of_path(path: &str) -> Option<Self> {
        let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let (stem, extension) = file.rsplit_once('.')?;
        if stem.is_empty() {
            return None;
        }
        // Upper case matters: `.C` and `.H` are C++ on systems that tell the cases apart.
        if matches!(extension, "C" | "H") {
            return Some(Self::Cpp);
        }
        Some(match extension.to_ascii_lowercase().as_str() {
            "rs" => Self::Rust,
            "py" | "pyi" | "pyw" => Self::Python,
            "js" | "jsx" | "mjs" | "cjs" => Self::JavaScript,
            "ts" | "mts" | "cts" => Self::TypeScript,
            "tsx" => Self::Tsx,
            "go" => Self::Go,
            "java" => Self::Java,
            "c" => Self::C,
            "h" | "hh" | "hpp" | "hxx" | "h++" | "cc" | "cpp" | "cxx" | "c++" | "inl" | "ipp" | "tpp" | "cu"
            | "cuh" => Self::Cpp,
            _ => return None,
        })
    }

    /// The name as GitHub Linguist spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::TypeScript => "TypeScript",
            Self::Tsx => "TSX",
            Self::Go => "Go",
            Self::Java => "Java",
            Self::C => "C",
            Self::Cpp => "C++",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_their_language() {
        let table = [
            ("src/main.rs", Some("Rust")),
            ("a.b/stubs.pyi", Some("Python")),
            ("x.mjs", Some("JavaScript")),
            ("x.cjs", Some("JavaScript")),
            ("x.JSX", Some("JavaScript")),
            ("x.mts", Some("TypeScript")),
            ("x.d.cts", Some("TypeScript")),
            ("x.tsx", Some("TSX")),
            ("x_test.go", Some("Go")),
            ("a\\B.java", Some("Java")),
            ("x.c", Some("C")),
            ("x.C", Some("C++")),
            ("x.h", Some("C++")),
            ("x.hpp", Some("C++")),
            ("x.cxx", Some("C++")),
            (".rs", None),
            ("a.rs/Makefile", None),
            ("rs", None),
            ("x.rst", None),
            ("", None),
        ];
        for (path, name) in table {
            assert_eq!(Language::of_path(path).map(Language::name), name, "{path}");
        }
    }
}
