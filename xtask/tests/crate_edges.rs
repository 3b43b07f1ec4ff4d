//! Holds the boundaries between the crates, and the size of the lock file.
//!
//! The table is the one in `ARCHITECTURE.md`; change both together. Only normal dependencies count: a test may use what
//! its crate must not.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Each crate, and the crates of the workspace that it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("prentice-base", &[]),
    ("prentice-corpus", &["prentice-base"]),
    ("prentice-tokens", &["prentice-base"]),
    ("prentice-model", &["prentice-base", "prentice-tokens"]),
    ("prentice-train", &["prentice-base", "prentice-tokens", "prentice-model", "prentice-environment"]),
    ("prentice-sandbox", &["prentice-base"]),
    ("prentice-environment", &["prentice-base", "prentice-sandbox"]),
    ("prentice-eval", &["prentice-base", "prentice-environment"]),
    ("prentice-serve", &["prentice-base", "prentice-sandbox", "prentice-environment"]),
    ("prentice-syntax", &["prentice-base"]),
    ("prentice-index", &["prentice-base", "prentice-syntax"]),
    ("prentice-assist", &["prentice-base", "prentice-tokens", "prentice-model", "prentice-syntax", "prentice-index"]),
    (
        "prentice-cli",
        &[
            "prentice-base",
            "prentice-corpus",
            "prentice-tokens",
            "prentice-model",
            "prentice-train",
            "prentice-sandbox",
            "prentice-environment",
            "prentice-eval",
            "prentice-serve",
            "prentice-syntax",
            "prentice-index",
            "prentice-assist",
        ],
    ),
    // Not part of the product: it knows the workspace from outside only.
    ("xtask", &[]),
];

/// Every package is built by whoever builds Prentice, and trusted by whoever runs it.
const LOCKED_PACKAGES_CAP: usize = 230;

#[test]
fn crates_depend_only_on_what_their_row_allows() {
    let edges = workspace_edges();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let mut faults = Vec::new();
    for (name, dependencies) in &edges {
        let Some(row) = allowed.get(name.as_str()) else {
            faults.push(format!("`{name}` has no row in the table"));
            continue;
        };
        let forbidden = dependencies.iter().filter(|dependency| !row.contains(&dependency.as_str()));
        faults.extend(forbidden.map(|dependency| format!("`{name}` may not depend on `{dependency}`")));
    }
    let gone = allowed.keys().filter(|name| !edges.contains_key(**name));
    faults.extend(gone.map(|name| format!("the table's `{name}` is not in the workspace")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_lock_file_stays_below_its_cap() {
    let text = fs::read_to_string(root().join("Cargo.lock")).expect("the lock file is committed");
    let count = text.lines().filter(|line| *line == "[[package]]").count();
    assert!(
        count <= LOCKED_PACKAGES_CAP,
        "{count} packages are locked, the cap is {LOCKED_PACKAGES_CAP}: \
         find out with `cargo tree` who brings them, before raising it"
    );
}

/// For every member of the workspace, the members among its normal dependencies.
fn workspace_edges() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("cargo lists packages");
    let name = |value: &Value| value["name"].as_str().expect("a package has a name").to_owned();
    let members: BTreeSet<String> = packages.iter().map(name).collect();
    let edges_of = |package: &Value| {
        let dependencies = package["dependencies"].as_array().expect("a package lists dependencies");
        let normal = dependencies.iter().filter(|dependency| dependency["kind"].is_null());
        normal.map(name).filter(|dependency| members.contains(dependency)).collect()
    };
    packages.iter().map(|package| (name(package), edges_of(package))).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace root").to_owned()
}
