//! What the tests share: every tier that the machine has, and the same tests again as an ordinary user.
#![allow(dead_code)]

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::Command,
    time::{Duration, Instant},
};

use prentice_sandbox::{Sandbox, Tier};

/// The sandboxes of this machine, best first. At least one must work, or the tests say nothing.
pub fn sandboxes() -> Vec<Sandbox> {
    let mut found = Vec::new();
    for tier in [Tier::A, Tier::B] {
        match Sandbox::with_tier(tier) {
            Ok(sandbox) => found.push(sandbox),
            Err(error) => eprintln!("SKIPPED: tier {tier:?} is not tested here: {error}"),
        }
    }
    assert!(!found.is_empty(), "no sandbox works on this machine");
    found
}

/// Runs all other tests of this file again as a user without privileges, if the tests run as root.
pub fn again_as_an_ordinary_user(this_test: &str) {
    // SAFETY: takes nothing and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("tests");
    // By another process: were the copy open here, a fork of a test beside this one could hold it open, and it would be
    // too busy to be executed.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success());
    let output = Command::new(&program)
        .args(["--skip", this_test])
        .uid(65534)
        .gid(65534)
        .current_dir("/")
        .env("HOME", "/")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "as an ordinary user:\n{text}");
    assert!(text.contains("test result: ok"), "{text}");
}

/// The processes whose command line contains a text.
pub fn processes_with(marker: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = fs::read(entry.path().join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        // The shell that was told the marker is gone with the rest, or found as well.
        if line.contains(marker) {
            found.push(line);
        }
    }
    found
}

/// Waits until no process has the marker.
pub fn assert_gone(marker: &str) {
    let until = Instant::now() + Duration::from_secs(5);
    while !processes_with(marker).is_empty() {
        assert!(Instant::now() < until, "still there: {:?}", processes_with(marker));
        std::thread::sleep(Duration::from_millis(10));
    }
}
