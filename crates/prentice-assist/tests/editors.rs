//! The configurations under `editors/`, as far as they can be examined without their editors.

use std::{fs, path::Path, process::Command};

fn editors() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../editors")
}

#[test]
fn the_extension_for_vs_code_runs_against_stand_ins() {
    let directory = editors().join("vscode");
    for arguments in [&["--check", "extension.js"][..], &["test/smoke.js"]] {
        let Ok(output) = Command::new("node").args(arguments).current_dir(&directory).output() else {
            println!("SKIPPED: there is no `node` on the PATH");
            return;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn every_language_of_helix_has_the_server() {
    let text = fs::read_to_string(editors().join("helix/languages.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["language-server"]["prentice"]["args"], toml::Value::from(vec!["lsp"]));
    let languages = table["language"].as_array().unwrap();
    assert!(languages.len() >= 8);
    for language in languages {
        let servers = language["language-servers"].as_array().unwrap();
        assert!(servers.iter().any(|server| server.as_str() == Some("prentice")), "{language}");
    }
}
