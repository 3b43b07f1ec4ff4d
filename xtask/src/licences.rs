//! Checks every locked dependency against `deny.toml`.
//!
//! `cargo deny check licenses bans sources` asks the same questions and reads the same file. CI does not use it: it is no
//! part of a Rust toolchain, and would have CI compile about as many crates again as Prentice has. Read here are
//! `licenses.allow` and the crate names of `bans.deny`; a package must come from crates.io or from the workspace. *Not*
//! covered: `licenses.exceptions`, version ranges in `bans.deny`, known vulnerabilities (their data base needs a network),
//! and whether a package's licence files say what its manifest says.

use std::fmt;

use serde_json::Value;
use spdx::{Expression, ParseMode};

/// What `deny.toml` allows.
#[derive(Debug)]
pub struct Policy {
    /// Licences, with their exceptions, as SPDX writes them.
    allowed: Vec<String>,
    /// Crates that must not be depended on, with the reason.
    banned: Vec<(String, String)>,
}

impl Policy {
    /// Reads the text of a `deny.toml`.
    ///
    /// # Errors
    /// The text is not TOML, or lacks a list, or names a licence that SPDX does not have.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|error| format!("deny.toml: {error}"))?;
        let array = |section: &str, key: &str| {
            table
                .get(section)
                .and_then(|section| section.get(key)?.as_array())
                .ok_or_else(|| format!("deny.toml: `{section}.{key}` is not a list"))
        };
        let mut allowed = Vec::new();
        for entry in array("licenses", "allow")? {
            let name = entry.as_str().unwrap_or_default();
            // A misspelt licence would allow nothing and be noticed by nobody.
            Expression::parse(name).map_err(|error| format!("deny.toml: `{name}` in `licenses.allow`: {error}"))?;
            allowed.push(name.to_owned());
        }
        let mut banned = Vec::new();
        for entry in array("bans", "deny")? {
            let field = |key: &str| entry.get(key).and_then(|value| value.as_str()).map(str::to_owned);
            let name = field("crate").ok_or("deny.toml: an entry of `bans.deny` has no `crate`")?;
            banned.push((name, field("reason").unwrap_or_default()));
        }
        Ok(Self { allowed, banned })
    }
}

/// A package of the dependency graph.
#[derive(Debug)]
pub struct Package {
    name: String,
    version: String,
    /// The manifest's licence expression.
    licence: Option<String>,
    /// Where cargo takes it from; `None` for the workspace's own.
    source: Option<String>,
}

/// The packages in the output of `cargo metadata`.
///
/// # Errors
/// The value has another form.
pub fn packages(metadata: &Value) -> Result<Vec<Package>, String> {
    let text = |package: &Value, key: &str| package[key].as_str().map(str::to_owned);
    metadata["packages"]
        .as_array()
        .ok_or("cargo's metadata has no packages")?
        .iter()
        .map(|package| {
            Ok(Package {
                name: text(package, "name").ok_or("a package in cargo's metadata has no name")?,
                version: text(package, "version").unwrap_or_default(),
                licence: text(package, "license"),
                source: text(package, "source"),
            })
        })
        .collect()
}

/// What is wrong with a package.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    package: String,
    reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.package, self.reason)
    }
}

/// Every way in which a package breaks the policy.
pub fn judge(packages: &[Package], policy: &Policy) -> Vec<Problem> {
    packages
        .iter()
        .flat_map(|package| {
            [licence_problem(package, policy), source_problem(package), ban_problem(package, policy)]
                .into_iter()
                .flatten()
                .map(|reason| Problem { package: format!("{} {}", package.name, package.version), reason })
        })
        .collect()
}

fn licence_problem(package: &Package, policy: &Policy) -> Option<String> {
    let Some(licence) = &package.licence else {
        return Some("the manifest declares no licence".to_owned());
    };
    // Lax: old manifests write `MIT/Apache-2.0`.
    match Expression::parse_mode(licence, ParseMode::LAX) {
        Err(error) => Some(format!("`{licence}` is not an SPDX expression: {}", error.reason)),
        Ok(expression) => {
            let allowed = expression.evaluate(|requirement| policy.allowed.contains(&requirement.to_string()));
            (!allowed).then(|| format!("`{licence}` is not allowed"))
        }
    }
}

fn source_problem(package: &Package) -> Option<String> {
    let source = package.source.as_deref()?;
    let from_crates_io = source.starts_with("registry+") && source.ends_with("/crates.io-index");
    (!from_crates_io).then(|| format!("`{source}` is not crates.io"))
}

fn ban_problem(package: &Package, policy: &Policy) -> Option<String> {
    let (_, reason) = policy.banned.iter().find(|(name, _)| *name == package.name)?;
    Some(format!("is banned: {reason}"))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"]
        [bans]
        deny = [{ crate = "heavy", reason = "too heavy" }]
    "#;

    fn check(name: &str, licence: Option<&str>, source: Option<&str>, expected: Expect) {
        let package = Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.map(str::to_owned),
            source: source.map(str::to_owned),
        };
        let problems = judge(&[package], &Policy::parse(POLICY).unwrap());
        expected.assert_eq(&problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn one_allowed_alternative_is_enough_and_every_conjunct_is_needed() {
        check("a", Some("MIT"), None, expect![""]);
        check("a", Some("GPL-3.0-only OR MIT"), None, expect![""]);
        check("a", Some("MIT/Apache-2.0"), None, expect![""]);
        check("a", Some("(MIT OR Zlib) AND Unicode-3.0"), None, expect![""]);
        check("a", Some("MIT AND Zlib"), None, expect!["a 1.0.0: `MIT AND Zlib` is not allowed"]);
        check("a", Some("Apache-2.0 WITH LLVM-exception"), None, expect![""]);
        check("a", Some("Apache-2.0"), None, expect!["a 1.0.0: `Apache-2.0` is not allowed"]);
    }

    #[test]
    fn silence_is_not_permission() {
        check("a", None, None, expect!["a 1.0.0: the manifest declares no licence"]);
        check(
            "a",
            Some("as you like"),
            None,
            expect!["a 1.0.0: `as you like` is not an SPDX expression: unknown term"],
        );
    }

    #[test]
    fn sources_and_bans() {
        check("a", Some("MIT"), Some("registry+https://example.org/crates.io-index"), expect![""]);
        check(
            "a",
            Some("MIT"),
            Some("git+https://example.org/a#1"),
            expect!["a 1.0.0: `git+https://example.org/a#1` is not crates.io"],
        );
        check(
            "a",
            Some("MIT"),
            Some("sparse+https://example.org/index/"),
            expect!["a 1.0.0: `sparse+https://example.org/index/` is not crates.io"],
        );
        check("heavy", Some("MIT"), None, expect!["heavy 1.0.0: is banned: too heavy"]);
    }

    #[test]
    fn the_policy_itself_is_checked() {
        let error = |text: &str| Policy::parse(text).unwrap_err();
        expect!["deny.toml: `licenses.allow` is not a list"].assert_eq(&error("[licenses]\nallow = 'MIT'"));
        expect![[r#"
            deny.toml: `MITT` in `licenses.allow`: MITT
            ^^^^ unknown term"#]]
        .assert_eq(&error("[licenses]\nallow = ['MITT']"));
    }
}
