//! Licences: what the evidence about a document amounts to.
//!
//! Evidence comes from the file itself ([`crate::licence_text::header`]), from licence files
//! ([`crate::licence_text::licence_file`]) and from package manifests ([`crate::licence_manifest::manifest`]). The last two
//! reach everything below their directory ("propagated by base path", The Stack v2). The judgement errs on the side of
//! dropping: *all* evidence has to be permissive, no evidence is never permissive, and an expression that is not
//! understood is never permissive.
//!
//! *Not covered yet:* DEP-5 `debian/copyright`, `.reuse/dep5`, `setup.py`, Maven and Gradle manifests.

use std::collections::BTreeMap;

use prentice_base::{LicenceEvidence, LicenceScope};
use serde::{Deserialize, Serialize};
use spdx::{Expression, LicenseReq, ParseMode};

/// What one file says about licences, before it is known which documents it reaches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declaration {
    /// SPDX expression, or what was found where one was expected.
    pub expression: String,
    /// The rule that found it.
    pub rule: &'static str,
    /// From 0 to 1.
    pub score: f32,
}

impl Declaration {
    pub(crate) fn declared(expression: impl Into<String>, rule: &'static str) -> Self {
        Self { expression: expression.into(), rule, score: 1.0 }
    }
}

/// What all evidence about a document amounts to, from the least restrictive to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// There is evidence, and all of it is permissive.
    Permissive,
    /// Nothing is known.
    NoEvidence,
    /// Some evidence is not understood.
    Unknown,
    /// Some evidence demands more than attribution.
    NotPermissive,
}

/// Weighs the evidence about one document: the most restrictive wins.
///
/// A licence text that an expression beside it offers as one of several choices is not weighed on its own: `COPYING`
/// next to a manifest that says `MIT OR GPL-2.0` is no reason against taking MIT.
pub fn standing(evidence: &[LicenceEvidence]) -> Standing {
    let parsed: Vec<_> = evidence.iter().map(|one| (one, parse(&one.expression))).collect();
    let explains = |text: &LicenceEvidence, names: &[String]| {
        parsed.iter().any(|(declaration, expression)| {
            let reaches = match declaration.scope {
                LicenceScope::File => declaration.rule == "spdx-header",
                LicenceScope::Manifest => directory(&declaration.found_in) == directory(&text.found_in),
                LicenceScope::Directory | LicenceScope::Repository => false,
            };
            let offered = expression.as_ref().map(licence_names).unwrap_or_default();
            reaches && names.iter().all(|name| offered.contains(name))
        })
    };
    parsed
        .iter()
        .filter(|(one, expression)| {
            let is_text = matches!(one.scope, LicenceScope::Directory | LicenceScope::Repository);
            !(is_text && expression.as_ref().is_some_and(|expression| explains(one, &licence_names(expression))))
        })
        .map(|(_, expression)| match expression {
            None => Standing::Unknown,
            Some(expression) if expression.evaluate(is_permissive) => Standing::Permissive,
            // A reference to a text outside the SPDX list says nothing that could be weighed.
            Some(expression) if expression.requirements().any(|one| one.req.license.id().is_none()) => {
                Standing::Unknown
            }
            Some(_) => Standing::NotPermissive,
        })
        .max()
        .unwrap_or(Standing::NoEvidence)
}

/// Parses an expression with the liberties that package registries take, such as `MIT/Apache-2.0`.
pub(crate) fn parse(expression: &str) -> Option<Expression> {
    Expression::parse_mode(expression, ParseMode::LAX).ok()
}

/// Names without `-only`, `-or-later` and `+`: a text does not tell these apart.
fn licence_names(expression: &Expression) -> Vec<String> {
    let base =
        |name: &str| name.trim_end_matches('+').trim_end_matches("-only").trim_end_matches("-or-later").to_owned();
    expression.requirements().map(|one| base(&one.req.license.to_string())).collect()
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

fn is_permissive(requirement: &LicenseReq) -> bool {
    // An exception only ever adds permissions, so the licence it is added to decides.
    requirement.license.id().is_some_and(|id| PERMISSIVE.contains(&id.name))
}

/// Licences of the Blue Oak Council's permissive list, as far as they occur on code. BSD-4-Clause is left out for its
/// advertising clause.
const PERMISSIVE: &[&str] = &[
    "0BSD",
    "AFL-2.1",
    "AFL-3.0",
    "Apache-1.1",
    "Apache-2.0",
    "BlueOak-1.0.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-2-Clause-Patent",
    "BSD-2-Clause-Views",
    "BSD-3-Clause",
    "BSD-3-Clause-Clear",
    "BSD-Source-Code",
    "BSL-1.0",
    "CC0-1.0",
    "CNRI-Python",
    "curl",
    "ECL-2.0",
    "FTL",
    "HPND",
    "ICU",
    "ISC",
    "Libpng",
    "libpng-2.0",
    "MIT",
    "MIT-0",
    "MIT-Modern-Variant",
    "MulanPSL-2.0",
    "NCSA",
    "NTP",
    "PHP-3.01",
    "PostgreSQL",
    "PSF-2.0",
    "Python-2.0",
    "Python-2.0.1",
    "TCL",
    "Unicode-3.0",
    "Unicode-DFS-2015",
    "Unicode-DFS-2016",
    "Unlicense",
    "UPL-1.0",
    "W3C",
    "WTFPL",
    "X11",
    "Xnet",
    "Zlib",
    "zlib-acknowledgement",
    "ZPL-2.0",
    "ZPL-2.1",
];

/// The licence files and manifests of one origin, by directory.
#[derive(Default)]
pub(crate) struct Propagation {
    directories: BTreeMap<String, Vec<LicenceEvidence>>,
}

impl Propagation {
    /// Notes what the file at `path` declares for everything below its directory.
    pub(crate) fn add(&mut self, path: &str, declarations: &[Declaration]) {
        for declaration in declarations {
            let directory = directory(path);
            let scope = match declaration.rule {
                "licence-text" | "licence-notice" if directory.is_empty() => LicenceScope::Repository,
                "licence-text" | "licence-notice" => LicenceScope::Directory,
                _ => LicenceScope::Manifest,
            };
            self.directories.entry(directory.to_owned()).or_default().push(evidence(declaration, scope, path));
        }
    }

    /// All evidence about the file at `path`, nearest first.
    pub(crate) fn reach(&self, path: &str, own: &[Declaration]) -> Vec<LicenceEvidence> {
        let mut all: Vec<_> = own.iter().map(|declaration| evidence(declaration, LicenceScope::File, path)).collect();
        let mut at = directory(path);
        loop {
            all.extend(self.directories.get(at).into_iter().flatten().cloned());
            if at.is_empty() {
                return all;
            }
            at = directory(at);
        }
    }
}

fn evidence(declaration: &Declaration, scope: LicenceScope, path: &str) -> LicenceEvidence {
    LicenceEvidence {
        expression: declaration.expression.clone(),
        scope,
        rule: declaration.rule.to_owned(),
        found_in: path.to_owned(),
        score: declaration.score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(expression: &str, scope: LicenceScope, rule: &str, found_in: &str) -> LicenceEvidence {
        LicenceEvidence {
            expression: expression.into(),
            scope,
            rule: rule.into(),
            found_in: found_in.into(),
            score: 1.0,
        }
    }

    #[test]
    fn expressions() {
        for (expression, expected) in [
            ("MIT", Standing::Permissive),
            ("MIT OR Apache-2.0", Standing::Permissive),
            ("MIT/Apache-2.0", Standing::Permissive),
            ("MIT OR GPL-3.0-only", Standing::Permissive),
            ("GPL-3.0-or-later OR MIT", Standing::Permissive),
            ("MIT AND GPL-3.0-only", Standing::NotPermissive),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", Standing::Permissive),
            ("MIT AND (Apache-2.0 OR LGPL-2.1+)", Standing::Permissive),
            ("Apache-2.0 WITH LLVM-exception", Standing::Permissive),
            ("GPL-2.0 WITH Classpath-exception-2.0", Standing::NotPermissive),
            ("MPL-2.0", Standing::NotPermissive),
            ("AGPL-3.0", Standing::NotPermissive),
            ("CC-BY-NC-4.0", Standing::NotPermissive),
            ("BUSL-1.1", Standing::NotPermissive),
            ("LicenseRef-house-rules", Standing::Unknown),
            ("MIT AND LicenseRef-unrecognised", Standing::Unknown),
            ("UNLICENSED", Standing::Unknown),
            ("do as you like", Standing::Unknown),
            ("", Standing::Unknown),
        ] {
            let evidence = [one(expression, LicenceScope::Manifest, "cargo-manifest", "Cargo.toml")];
            assert_eq!(standing(&evidence), expected, "{expression}");
        }
        assert_eq!(standing(&[]), Standing::NoEvidence);
        assert!(PERMISSIVE.iter().all(|name| spdx::license_id(name).is_some()), "every name is on the SPDX list");
    }

    #[test]
    fn the_most_restrictive_evidence_wins_except_among_offered_choices() {
        use LicenceScope::{File, Manifest, Repository};
        let mit = one("MIT", Repository, "licence-text", "LICENSE");
        let gpl = one("GPL-2.0-only", Repository, "licence-text", "COPYING");
        let choice = one("MIT OR GPL-2.0-or-later", Manifest, "cargo-manifest", "Cargo.toml");
        let both = one("MIT AND GPL-2.0-or-later", Manifest, "cargo-manifest", "Cargo.toml");
        let elsewhere = one("MIT OR GPL-2.0-or-later", Manifest, "cargo-manifest", "part/Cargo.toml");
        let header = one("GPL-2.0 OR MIT", File, "spdx-header", "a.c");
        let notice = one("GPL-3.0-or-later", File, "licence-notice", "a.c");
        for (evidence, expected) in [
            (vec![&mit], Standing::Permissive),
            (vec![&mit, &gpl], Standing::NotPermissive),
            (vec![&mit, &gpl, &choice], Standing::Permissive),
            (vec![&mit, &gpl, &both], Standing::NotPermissive),
            (vec![&mit, &gpl, &elsewhere], Standing::NotPermissive),
            (vec![&gpl, &header], Standing::Permissive),
            (vec![&mit, &notice], Standing::NotPermissive),
            (vec![&choice, &notice], Standing::NotPermissive),
        ] {
            let evidence: Vec<_> = evidence.into_iter().cloned().collect();
            assert_eq!(standing(&evidence), expected, "{evidence:?}");
        }
    }

    #[test]
    fn evidence_reaches_what_lies_below_nearest_first() {
        let mut propagation = Propagation::default();
        propagation.add("LICENSE", &[Declaration::declared("MIT", "licence-text")]);
        propagation.add("part/Cargo.toml", &[Declaration::declared("ISC", "cargo-manifest")]);
        propagation.add("part/deep/COPYING", &[Declaration::declared("GPL-3.0-only", "licence-text")]);
        let reach = |path: &str| {
            let own = [Declaration::declared("Zlib", "spdx-header")];
            let all = propagation.reach(path, &own);
            all.iter().map(|one| format!("{} {:?}", one.expression, one.scope)).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(reach("a.rs"), "Zlib File, MIT Repository");
        assert_eq!(reach("party/a.rs"), "Zlib File, MIT Repository");
        assert_eq!(reach("part/src/a.rs"), "Zlib File, ISC Manifest, MIT Repository");
        assert_eq!(reach("part/deep/a.rs"), "Zlib File, GPL-3.0-only Directory, ISC Manifest, MIT Repository");
    }
}
