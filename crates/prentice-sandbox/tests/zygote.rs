//! Candidates in warm interpreters.
use prentice_base::Limits;
use prentice_sandbox::{Language, Sandbox, Tier, Toolchain, Work, Zygote};
use std::time::Instant;

#[test]
fn trial() {
    let toolchain = Toolchain::find(Language::Python).unwrap();
    for tier in [Tier::A, Tier::B, Tier::C] {
        let sandbox = Sandbox::with_tier(tier).unwrap();
        let mut zygote = Zygote::start(&sandbox, &toolchain).unwrap();
        let limits = Limits { cpu_seconds: 0.5, wall_seconds: 3.0, ..Limits::default() };
        eprintln!("== {tier:?}");
        for (program, calls) in [
            ("def f(x):\n  return x + 1", "[[[1],{}],[[2.5],{}],[[\"a\"],{}]]"),
            ("def f(x):\n  while True: pass", "[[[1],{}]]"),
            ("def f(x):\n  import time; time.sleep(100)", "[[[1],{}]]"),
            ("def f(x):\n  return bytearray(3<<30)", "[[[1],{}]]"),
            ("def f(x):\n  return 'a' * 100000000", "[[[1],{}]]"),
            ("def f(x):\n  import os; return os.fork()", "[[[1],{}]]"),
            ("def f(x):\n  import os; return [os.getpid(), os.listdir('/'), open('/tmp/x','w').write('y')]", "[[[1],{}]]"),
            ("def f(x):\n  import os; os._exit(0)", "[[[1],{}]]"),
            ("def f(x:\n  import os; os._exit(0)", "[[[1],{}]]"),
            ("def f(x):\n  import socket; socket.socket()", "[[[1],{}]]"),
            ("def f(x):\n  return {1: (2, {3, 4}), 'x': {frozenset([1]), 2.5}, 10**5000 > 1: range(3), 'nan': float('nan')}", "[[[1],{}]]"),
            ("def f(x):\n  return x", "[[[1],{}]]"),
        ] {
            let a = zygote.run(program, Work::Calls { entry_point: "f", calls }, &limits).unwrap();
            eprintln!("{:?} {:?} {:?} {:?}", program.lines().last().unwrap(), a.execution.end, a.execution.cpu, String::from_utf8_lossy(&a.results[..a.results.len().min(300)]));
        }
        let a = zygote.run("import sys\nprint(sys.stdin.read().upper(), file=sys.stderr)\nprint(input)\nsys.exit(3)", Work::Script { stdin: b"hello" }, &limits).unwrap();
        eprintln!("{:?} {:?}", String::from_utf8_lossy(&a.execution.stdout), a.execution);
        let n = 300;
        let mut walls = vec![];
        let began = Instant::now();
        let mut cpu = 0.0;
        for _ in 0..n {
            let a = zygote.run("def f(x):\n  return x + 1", Work::Calls { entry_point: "f", calls: "[[[1],{}],[[2.5],{}]]" }, &limits).unwrap();
            cpu += a.execution.cpu.as_secs_f64();
            walls.push(a.execution.wall);
        }
        walls.sort();
        eprintln!("{} executions/s, child cpu {:.2} ms, p50 {:?}", n as f64 / began.elapsed().as_secs_f64(), cpu / n as f64 * 1e3, walls[n / 2]);
    }
}
