//! Every toolchain of this machine, in the sandbox: what is good is built and runs, what is not is rejected.

use prentice_base::Limits;
use prentice_sandbox::{Build, BuildOptions, Command, End, Language, Sandbox, Toolchain};

type Source = (&'static str, &'static str);

/// Doubles the number that it reads; and a program that the compiler must reject.
fn programs(language: Language) -> (&'static [Source], Option<Source>) {
    match language {
        Language::Python => (&[("main.py", "print(2 * int(input()))")], None),
        Language::JavaScript => (
            &[
                ("main.cjs", "console.log(require('./twice.cjs')(parseInt(require('fs').readFileSync(0))))"),
                ("twice.cjs", "module.exports = (x) => 2 * x"),
            ],
            None,
        ),
        Language::Rust => (
            &[
                (
                    "main.rs",
                    "mod twice; fn main() { let mut line = String::new(); std::io::stdin().read_line(&mut \
                     line).unwrap(); println!(\"{}\", twice::twice(line.trim().parse().unwrap())); }",
                ),
                ("twice.rs", "pub fn twice(x: i32) -> i32 { 2 * x }"),
            ],
            Some(("main.rs", "fn main() { let x: i32 = \"\"; }")),
        ),
        Language::C => (
            &[
                (
                    "main.c",
                    "#include <stdio.h>\n#include <math.h>\n#include \"twice.h\"\nint main(void) { double x; \
                     scanf(\"%lf\", &x); printf(\"%d\\n\", twice(lround(sqrt(x * x)))); }",
                ),
                ("twice.c", "int twice(int x) { return 2 * x; }"),
                ("twice.h", "int twice(int x);"),
            ],
            Some(("main.c", "int main(void) { return }")),
        ),
        Language::Cpp => (
            &[(
                "main.cpp",
                "#include <iostream>\nint main() { int x; std::cin >> x; std::cout << 2 * x << std::endl; }",
            )],
            Some(("main.cpp", "int main() { return x; }")),
        ),
        Language::Go => (
            &[
                (
                    "main.go",
                    "package main\nimport \"fmt\"\nfunc main() { var x int; fmt.Scan(&x); fmt.Println(twice(x)) }",
                ),
                ("twice.go", "package main\nfunc twice(x int) int { return 2 * x }"),
            ],
            Some(("main.go", "package main\nfunc main() { x := 1 }")),
        ),
        Language::Java => (
            &[
                (
                    "Main.java",
                    "public class Main { public static void main(String[] a) { System.out.println(Twice.twice(new \
                     java.util.Scanner(System.in).nextInt())); } }",
                ),
                ("Twice.java", "class Twice { static int twice(int x) { return 2 * x; } }"),
            ],
            Some(("Main.java", "public class Main { int x = \"\"; }")),
        ),
    }
}

#[test]
fn every_language_builds_runs_and_rejects() {
    let sandbox = Sandbox::best().unwrap();
    for language in Language::ALL {
        let toolchain = match Toolchain::find(language) {
            Ok(toolchain) => toolchain,
            Err(missing) => {
                eprintln!("SKIPPED: {missing}: {}", missing.hint);
                continue;
            }
        };
        assert!(toolchain.program.is_absolute() && !toolchain.version.is_empty(), "{toolchain:?}");
        let (good, bad) = programs(language);
        let built = match toolchain.build(&sandbox, good, &BuildOptions::default()).unwrap() {
            Build::Ready(built) => built,
            Build::Rejected(execution) => panic!("{language:?}: {execution:?}"),
        };
        let command = Command { stdin: b"21\n".to_vec(), ..built.command.clone() };
        let execution = sandbox.run(&command, &Limits::default()).unwrap();
        assert_eq!(
            (execution.end, String::from_utf8_lossy(&execution.stdout).trim()),
            (End::Exited(0), "42"),
            "{execution:?}"
        );
        if let Some(bad) = bad {
            let build = toolchain.build(&sandbox, &[bad], &BuildOptions::default()).unwrap();
            assert!(matches!(build, Build::Rejected(_)), "{language:?}: {build:?}");
        }
    }
}

#[test]
fn compilers_are_confined() {
    let sandbox = Sandbox::best().unwrap();
    let Ok(toolchain) = Toolchain::find(Language::C) else { return eprintln!("SKIPPED: no C compiler") };
    let secret = tempfile::tempdir().unwrap();
    let secret = secret.path().join("secret.h");
    std::fs::write(&secret, "int secret;").unwrap();
    let source = format!("#include {secret:?}\nint main(void) {{ return secret; }}");
    let build = toolchain.build(&sandbox, &[("main.c", &source)], &BuildOptions::default()).unwrap();
    assert!(matches!(build, Build::Rejected(_)), "{build:?}");
    let doubled = |level| format!("#define M{} M{level} M{level}\n", level + 1);
    let bomb = format!("#define M0 ;\n{}int main(void) {{ M28 }}\n", (0..28).map(doubled).collect::<String>());
    let limits = Limits { cpu_seconds: 0.5, ..BuildOptions::default().limits };
    let options = BuildOptions { limits, ..BuildOptions::default() };
    let build = toolchain.build(&sandbox, &[("main.c", &bomb)], &options).unwrap();
    assert!(matches!(&build, Build::Rejected(execution) if execution.end == End::CpuTime), "{build:?}");
}
