//! Records the commit of Prentice's own source, for run manifests.

use std::{path::Path, process::Command};

fn main() {
    let head = Path::new("../../.git/logs/HEAD");
    println!("cargo::rerun-if-changed=build.rs");
    if head.exists() {
        println!("cargo::rerun-if-changed={}", head.display());
    }
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    if let Ok(output) = output.as_ref()
        && output.status.success()
    {
        println!("cargo::rustc-env=PRENTICE_COMMIT={}", String::from_utf8_lossy(&output.stdout).trim());
    }
}
