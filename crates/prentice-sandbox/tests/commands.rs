//! Commands in every tier that this machine has, as root and as an ordinary user.

mod support;

use std::{
    io::Write as _,
    os::unix::process::CommandExt as _,
    process,
    time::{Duration, Instant},
};

use expect_test::{Expect, expect};
use prentice_base::Limits;
use prentice_sandbox::{Command, End, Sandbox, SandboxError};
use support::{again_as_an_ordinary_user, assert_gone, processes_with, sandboxes};

fn shell(script: &str) -> Command {
    Command { program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()], ..Command::default() }
}

fn check(script: &str, limits: &Limits, expected: Expect) {
    for sandbox in sandboxes() {
        let execution = sandbox.run(&shell(script), limits).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).trim().to_owned();
        let shown = format!("{:?} | {}", execution.end, text(&execution.stdout));
        expected.assert_eq(&shown);
    }
}

#[test]
fn again() {
    again_as_an_ordinary_user("again");
}

#[test]
fn a_command_sees_the_system_and_nothing_of_the_user() {
    let limits = Limits::default();
    check("echo out; echo err >&2; exit 3", &limits, expect!["Exited(3) | out"]);
    check("cat /etc/shadow /root/.ssh/id_rsa $HOME/../secrets; true", &limits, expect!["Exited(0) | "]);
    check("ls /root /home /proc/1/root; true", &limits, expect!["Exited(0) | "]);
    check("echo x > /usr/x || echo x > /etc/x || echo refused", &limits, expect!["Exited(0) | refused"]);
    check("echo kept > $TMPDIR/f && cat $TMPDIR/f", &limits, expect!["Exited(0) | kept"]);
    check("ls -A $TMPDIR", &limits, expect!["Exited(0) | "]);
    check("cat; echo done", &limits, expect!["Exited(0) | done"]);
    check("env | grep -c PRENTICE_SECRET", &limits, expect!["Exited(1) | 0"]);
}

#[test]
fn limits_hold() {
    let limits = Limits { cpu_seconds: 0.3, wall_seconds: 60.0, ..Limits::default() };
    check("while :; do :; done", &limits, expect!["CpuTime | "]);
    // A tree of processes has one limit together.
    check("for i in 1 2 3; do (while :; do :; done) & done; wait", &limits, expect!["CpuTime | "]);
    let limits = Limits { wall_seconds: 0.5, ..Limits::default() };
    check("sleep 1000", &limits, expect!["WallTime | "]);
    let limits = Limits { output_bytes: 1000, ..Limits::default() };
    check("while :; do printf aaaaaaaaaa; done >&2", &limits, expect!["Output | "]);
    let limits = Limits { memory_bytes: 64 << 20, cpu_seconds: 20.0, ..Limits::default() };
    for sandbox in sandboxes() {
        let execution =
            sandbox.run(&shell("head -c 500000000 /dev/zero | tail -c 500000000 | wc -c"), &limits).unwrap();
        let counted = String::from_utf8_lossy(&execution.stdout).trim().parse().unwrap_or(0);
        assert!(counted < 64 << 20 && execution.peak_memory < 80 << 20, "{:?}: {execution:?}", sandbox.tier());
    }
    let limits = Limits { disk_bytes: 1 << 20, ..Limits::default() };
    check("head -c 3000000 /dev/zero > $TMPDIR/big; wc -c < $TMPDIR/big", &limits, expect!["Exited(0) | 1048576"]);
    let limits = Limits { processes: 8, cpu_seconds: 20.0, ..Limits::default() };
    for sandbox in sandboxes() {
        let script = "i=0; while [ $i -lt 200 ]; do sleep 31.4159 & i=$((i+1)); done; wait";
        let execution = sandbox.run(&shell(script), &limits).unwrap();
        // Either the kernel refuses to fork, or the sandbox counts.
        assert_ne!(execution.end, End::Exited(0), "{:?}", sandbox.tier());
        assert_gone("31.4159");
    }
}

#[test]
fn many_small_files_fill_no_disk() {
    let limits = Limits { disk_bytes: 1 << 20, cpu_seconds: 20.0, ..Limits::default() };
    for sandbox in sandboxes() {
        let script =
            "i=0; while [ $i -lt 100000 ]; do head -c 60000 /dev/zero > $TMPDIR/$i || exit 9; i=$((i+1)); done";
        let execution = sandbox.run(&shell(script), &limits).unwrap();
        assert!(matches!(execution.end, End::Exited(9) | End::Disk), "{:?}: {execution:?}", sandbox.tier());
    }
}

#[test]
fn nothing_survives() {
    let script =
        "sleep 27.18281 & (setsid sleep 27.18281 &) ; (trap '' HUP TERM; sleep 27.18281) & sleep .1; echo left";
    check(script, &Limits::default(), expect!["Exited(0) | left"]);
    assert_gone("27.18281");
}

#[test]
fn nothing_survives_a_supervisor_that_is_killed() {
    if let Ok(tier) = std::env::var("SUPERVISE") {
        let sandbox = sandboxes().into_iter().find(|sandbox| format!("{:?}", sandbox.tier()) == tier).unwrap();
        let _ = sandbox.run(&shell("setsid sleep 16.18033 & sleep 16.18033"), &Limits::default());
        return;
    }
    for sandbox in sandboxes() {
        let mut supervisor = process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "nothing_survives_a_supervisor_that_is_killed"])
            .env("SUPERVISE", format!("{:?}", sandbox.tier()))
            .stdout(process::Stdio::null())
            .stderr(process::Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while processes_with("sleep 16.18033").len() < 2 {
            assert!(Instant::now() < until, "the program did not start");
            std::thread::sleep(Duration::from_millis(5));
        }
        supervisor.kill().unwrap();
        supervisor.wait().unwrap();
        assert_gone("16.18033");
    }
}

#[test]
fn input_that_nobody_reads_holds_nothing_up() {
    for sandbox in sandboxes() {
        let command = Command { stdin: vec![b'x'; 10 << 20], ..shell("exit 0") };
        assert!(sandbox.run(&command, &Limits::default()).unwrap().succeeded());
        let command = Command { stdin: vec![b'x'; 3 << 20], ..shell("wc -c") };
        let execution = sandbox.run(&command, &Limits::default()).unwrap();
        assert_eq!(String::from_utf8_lossy(&execution.stdout).trim(), "3145728");
    }
}

#[test]
fn two_commands_converse() {
    for sandbox in sandboxes() {
        let one = shell("echo question; read answer; echo \"heard $answer\" >&2");
        let other = shell("read question; echo \"about $question\"; cat > /dev/null; exit 4");
        let limits = Limits::default();
        let (one, other) = sandbox.converse((&one, &limits), (&other, &limits)).unwrap();
        assert_eq!(String::from_utf8_lossy(&one.stderr), "heard about question\n");
        // The other sees the end of its input when the first has ended.
        assert_eq!((one.end, other.end), (End::Exited(0), End::Exited(4)));
    }
}

#[test]
fn a_directory_is_shared_when_it_is_given() {
    for sandbox in sandboxes() {
        let scratch = sandbox.scratch().unwrap();
        scratch.write("deep/input", b"from outside").unwrap();
        let script = format!("cd {0} && cat deep/input > output && cat output", scratch.path().display());
        let writable = Command { writable: Some(scratch.path().to_owned()), ..shell(&script) };
        let execution = sandbox.run(&writable, &Limits::default()).unwrap();
        assert_eq!(String::from_utf8_lossy(&execution.stdout), "from outside", "{execution:?}");
        assert_eq!(std::fs::read(scratch.path().join("output")).unwrap(), b"from outside");
        let readable = Command { readable: vec![scratch.path().to_owned()], ..shell(&script) };
        assert!(!sandbox.run(&readable, &Limits::default()).unwrap().succeeded(), "it could write what it may read");
    }
}

#[test]
fn a_program_that_is_not_there_is_an_error_of_the_caller() {
    let command = Command { program: "/usr/bin/no-such-program".into(), ..Command::default() };
    for sandbox in sandboxes() {
        let error = sandbox.run(&command, &Limits::default()).unwrap_err();
        assert!(matches!(error, SandboxError::Execute { .. }), "{error:?}");
        expect!["the sandbox cannot execute /usr/bin/no-such-program"].assert_eq(&error.to_string());
    }
}

#[test]
fn descriptors_of_the_supervisor_do_not_reach_the_program() {
    let mut secret = tempfile::tempfile().unwrap();
    secret.write_all(b"secret").unwrap();
    // SAFETY: numbers only. The descriptor is made inheritable on purpose.
    unsafe { libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(&secret), libc::F_SETFD, 0) };
    let script = "for fd in 3 4 5 6 7 8 9; do (eval \"true <&$fd\") 2>/dev/null && echo open $fd; done; true";
    check(script, &Limits::default(), expect!["Exited(0) | "]);
}

#[test]
fn runs_in_parallel_do_not_meet() {
    for sandbox in sandboxes() {
        let sandbox: &Sandbox = &sandbox;
        std::thread::scope(|scope| {
            for number in 0..8 {
                scope.spawn(move || {
                    let script =
                        format!("echo {number} > $TMPDIR/mine; sleep .05; cat $TMPDIR/mine; ls $TMPDIR | wc -l");
                    let execution = sandbox.run(&shell(&script), &Limits::default()).unwrap();
                    let shown =
                        String::from_utf8_lossy(&execution.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
                    assert_eq!(shown, format!("{number} 1"));
                });
            }
        });
    }
}
