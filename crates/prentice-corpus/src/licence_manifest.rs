//! Licences declared in package manifests: Cargo, npm, Composer, and Python's `pyproject.toml` and `PKG-INFO`.
//!
//! A manifest that cannot be parsed declares nothing: broken user files are not errors.

use serde_json::Value as Json;
use toml::Table;

use crate::{
    licence::{Declaration, parse},
    licence_text::{normalise, recognised_name},
};

/// What the manifest at `path` declares for its package; empty for files that are no manifests.
pub(crate) fn manifest(path: &str, text: &str) -> Vec<Declaration> {
    let declared = match path.rsplit('/').next().unwrap_or(path) {
        "Cargo.toml" => cargo(text).map(|licence| (licence, "cargo-manifest")),
        "package.json" => node(text).map(|licence| (licence, "npm-manifest")),
        "composer.json" => node(text).map(|licence| (licence, "composer-manifest")),
        "pyproject.toml" => python_project(text).map(|licence| (licence, "python-manifest")),
        "PKG-INFO" | "METADATA" => python_metadata(text).map(|licence| (licence, "python-manifest")),
        _ => None,
    };
    declared
        .and_then(|(licence, rule)| expression(&licence).map(|it| Declaration::declared(it, rule)))
        .into_iter()
        .collect()
}

/// Name, version and commit, as far as the manifests of the directory tell.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct PackageIdentity {
    pub name: Option<String>,
    pub version: Option<String>,
}

/// The name and version that the manifest called `file` declares.
pub(crate) fn identity(file: &str, text: &str) -> PackageIdentity {
    let from_table = |table: Option<&Table>| PackageIdentity {
        name: table.and_then(|table| table.get("name")?.as_str().map(str::to_owned)),
        version: table.and_then(|table| table.get("version")?.as_str().map(str::to_owned)),
    };
    match file {
        "Cargo.toml" => {
            from_table(text.parse::<Table>().ok().as_ref().and_then(|table| table.get("package")?.as_table()))
        }
        "pyproject.toml" => {
            from_table(text.parse::<Table>().ok().as_ref().and_then(|table| table.get("project")?.as_table()))
        }
        "package.json" => {
            let json: Json = serde_json::from_str(text).unwrap_or_default();
            PackageIdentity { name: string(&json["name"]), version: string(&json["version"]) }
        }
        _ => PackageIdentity {
            name: field(text, "Name").map(str::to_owned),
            version: field(text, "Version").map(str::to_owned),
        },
    }
}

/// Manifests that make a directory a package.
pub(crate) const MANIFESTS: &[&str] = &["Cargo.toml", "PKG-INFO", "package.json", "pyproject.toml"];

fn cargo(text: &str) -> Option<String> {
    let table: Table = text.parse().ok()?;
    // Members that inherit lie below the workspace's manifest, so its declaration reaches them by path.
    let own = table.get("package").and_then(|package| package.get("license")?.as_str());
    let inherited = || table.get("workspace")?.get("package")?.get("license")?.as_str();
    own.or_else(inherited).map(str::to_owned)
}

fn node(text: &str) -> Option<String> {
    let json: Json = serde_json::from_str(text).ok()?;
    let one = |value: &Json| string(value).or_else(|| string(&value["type"]));
    one(&json["license"]).or_else(|| {
        // The obsolete plural form lists choices, and so does Composer's array.
        let list = json["licenses"].as_array().or_else(|| json["license"].as_array())?;
        let names: Vec<_> = list.iter().filter_map(one).collect();
        (!names.is_empty()).then(|| names.join(" OR "))
    })
}

fn python_project(text: &str) -> Option<String> {
    let table: Table = text.parse().ok()?;
    let project = table.get("project");
    let poetry = || table.get("tool")?.get("poetry")?.get("license")?.as_str().map(str::to_owned);
    let licence = project.and_then(|project| project.get("license"));
    let declared =
        licence.and_then(|licence| licence.as_str().or_else(|| licence.get("text")?.as_str()).map(str::to_owned));
    let classifiers = || {
        let list = project?.get("classifiers")?.as_array()?;
        list.iter().filter_map(|one| one.as_str()).find_map(classifier)
    };
    declared.or_else(classifiers).or_else(poetry)
}

fn python_metadata(text: &str) -> Option<String> {
    let classifiers = || fields(text, "Classifier").find_map(classifier);
    let declared = || field(text, "License").filter(|licence| *licence != "UNKNOWN").map(str::to_owned);
    field(text, "License-Expression").map(str::to_owned).or_else(classifiers).or_else(declared)
}

fn classifier(classifier: &str) -> Option<String> {
    let licence = classifier.strip_prefix("License :: ")?.rsplit(" :: ").next()?;
    (licence != "OSI Approved").then(|| licence.to_owned())
}

/// The header fields of an e-mail-like metadata file, up to the first empty line.
fn fields<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let header = text.lines().take_while(|line| !line.is_empty());
    header.filter_map(move |line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
}

fn field<'a>(text: &'a str, name: &'a str) -> Option<&'a str> {
    fields(text, name).next().filter(|value| !value.is_empty())
}

fn string(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The SPDX expression for what somebody wrote into a licence field.
///
/// `None` where it says nothing by itself: "see the file", or the BSD family without the number of clauses, whose
/// licence file tells more. What is not understood stays as it is, and so is never permissive.
fn expression(declared: &str) -> Option<String> {
    let declared = declared.trim();
    if parse(declared).is_some() {
        return Some(declared.to_owned());
    }
    let normal = normalise(declared);
    let normal = normal.trim().trim_start_matches("the ");
    if normal.is_empty()
        || normal.starts_with("see license in")
        || matches!(normal, "bsd" | "bsd license" | "bsd style")
    {
        return None;
    }
    let name = COMMON_NAMES.iter().find(|(names, _)| names.contains(&normal)).map(|(_, name)| *name);
    Some(name.or_else(|| recognised_name(declared)).unwrap_or(declared).to_owned())
}

const COMMON_NAMES: &[(&[&str], &str)] = &[
    (&["mit license", "mit", "expat", "expat license"], "MIT"),
    (
        &[
            "apache",
            "apache 2",
            "apache 2 0",
            "apache license 2 0",
            "apache license version 2 0",
            "apache software license",
            "apache 2 0 license",
        ],
        "Apache-2.0",
    ),
    (
        &["bsd 3 clause", "3 clause bsd license", "bsd 3 clause license", "new bsd license", "modified bsd license"],
        "BSD-3-Clause",
    ),
    (&["bsd 2 clause", "2 clause bsd license", "bsd 2 clause license", "simplified bsd license"], "BSD-2-Clause"),
    (&["isc license iscl", "isc license"], "ISC"),
    (&["psf", "psf license", "python software foundation license"], "PSF-2.0"),
    (&["mozilla public license 2 0 mpl 2 0", "mpl 2 0"], "MPL-2.0"),
    (&["unlicense unlicense", "unlicense"], "Unlicense"),
    (&["zero clause bsd 0bsd"], "0BSD"),
    (&["gnu general public license v3 gplv3", "gplv3", "gpl v3"], "GPL-3.0-only"),
    (&["gnu general public license v3 or later gplv3"], "GPL-3.0-or-later"),
    (&["gnu general public license v2 gplv2", "gplv2", "gpl v2"], "GPL-2.0-only"),
    (&["gnu general public license v2 or later gplv2"], "GPL-2.0-or-later"),
    (&["gnu lesser general public license v3 lgplv3", "lgplv3"], "LGPL-3.0-only"),
    (&["gnu affero general public license v3", "agplv3"], "AGPL-3.0-only"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations() {
        for (path, text, expected) in [
            ("Cargo.toml", "[package]\nname = 'a'\nlicense = 'MIT/Apache-2.0'\n", "cargo-manifest MIT/Apache-2.0"),
            ("Cargo.toml", "[workspace.package]\nlicense = 'ISC'\n", "cargo-manifest ISC"),
            ("Cargo.toml", "[package]\nlicense.workspace = true\n", ""),
            ("Cargo.toml", "[package\n", ""),
            ("a/package.json", r#"{"license": "ISC"}"#, "npm-manifest ISC"),
            ("package.json", r#"{"license": {"type": "MIT"}}"#, "npm-manifest MIT"),
            ("package.json", r#"{"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]}"#, "npm-manifest MIT OR GPL-2.0"),
            ("package.json", r#"{"license": "UNLICENSED"}"#, "npm-manifest UNLICENSED"),
            ("package.json", r#"{"license": "SEE LICENSE IN LICENSE.txt"}"#, ""),
            ("package.json", "{", ""),
            ("pyproject.toml", "[project]\nlicense = 'MIT'\n", "python-manifest MIT"),
            ("pyproject.toml", "[project]\nlicense = {text = 'MIT License'}\n", "python-manifest MIT"),
            ("pyproject.toml", "[project]\nlicense = {file = 'LICENSE'}\n", ""),
            ("pyproject.toml", "[tool.poetry]\nlicense = 'Apache-2.0'\n", "python-manifest Apache-2.0"),
            (
                "PKG-INFO",
                "Name: a\nClassifier: License :: OSI Approved :: Apache Software License\nLicense: Apache\n",
                "python-manifest Apache-2.0",
            ),
            (
                "METADATA",
                "Name: a\nLicense-Expression: MIT AND PSF-2.0\n\nLicense: GPL\n",
                "python-manifest MIT AND PSF-2.0",
            ),
            ("PKG-INFO", "Classifier: License :: OSI Approved :: BSD License\n", ""),
            ("PKG-INFO", "License: Our own\n", "python-manifest Our own"),
            ("setup.py", "license='MIT'", ""),
        ] {
            let found: Vec<_> =
                manifest(path, text).iter().map(|one| format!("{} {}", one.rule, one.expression)).collect();
            assert_eq!(found.join(", "), expected, "{path}: {text}");
        }
    }

    #[test]
    fn identities() {
        let identity = |file, text| {
            let found = identity(file, text);
            (found.name, found.version)
        };
        let expected = (Some("a".to_owned()), Some("1.2".to_owned()));
        assert_eq!(identity("Cargo.toml", "[package]\nname = 'a'\nversion = '1.2'\n"), expected);
        assert_eq!(identity("package.json", r#"{"name": "a", "version": "1.2"}"#), expected);
        assert_eq!(identity("PKG-INFO", "Name: a\nVersion: 1.2\n"), expected);
        assert_eq!(identity("Cargo.toml", "broken"), (None, None));
    }
}
