//! Commands in every tier that this machine has.
use prentice_base::Limits;
use prentice_sandbox::{Command, End, Sandbox, Tier};
use std::time::Instant;

fn shell(script: &str) -> Command {
    Command { program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()], ..Command::default() }
}

#[test]
fn trial() {
    for tier in [Tier::A, Tier::B, Tier::C] {
        let sandbox = match Sandbox::with_tier(tier) {
            Ok(sandbox) => sandbox,
            Err(error) => {
                eprintln!("{tier:?}: {error}");
                continue;
            }
        };
        eprintln!("== {tier:?} proc {}", sandbox.has_proc());
        for script in [
            "echo hello; id -u; pwd; ls / | tr '\\n' ' '; ls /root /home; cat /etc/shadow; echo x > /usr/x; echo y > $TMPDIR/y && cat $TMPDIR/y; ls /proc | head -3; exit 3",
            "sleep 100 & sleep 100 & setsid sleep 100 & echo started",
            "while :; do :; done",
            "yes",
            "head -c 100000000 /dev/zero > $TMPDIR/big; ls -la $TMPDIR/big",
            "python3 -c 'x=bytearray(3<<30)'",
            "/bin/true",
        ] {
            let began = Instant::now();
            let limits = Limits { cpu_seconds: 0.5, ..Limits::default() };
            let e = sandbox.run(&shell(script), &limits).unwrap();
            eprintln!("--- {script}\n{:?} cpu {:?} wall {:?}/{:?} mem {}\n{}\n{}", e.end, e.cpu, e.wall, began.elapsed(), e.peak_memory,
                String::from_utf8_lossy(&e.stdout[..e.stdout.len().min(600)]), String::from_utf8_lossy(&e.stderr[..e.stderr.len().min(600)]));
        }
    }
    let _ = End::Memory;
}
