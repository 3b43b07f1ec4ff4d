//! Everything that users, disks and trees do wrong: an `error:` that says what and where, a `hint:` that says what next,
//! the exit code, and nothing half-written.

mod common;

use std::{fs, net::TcpListener};

use common::{Sandbox, can_examine, source, truncate};
use expect_test::{Expect, expect};

/// A quickstart that fails, and leaves nothing.
fn quickstart_fails(sandbox: &Sandbox, expected: Expect) {
    sandbox.check(&mut sandbox.prentice("quickstart tree --minutes 0.05 --out out --quiet"), expected);
    assert_eq!(sandbox.listing("out"), [""; 0]);
    assert!(!sandbox.path("out").exists());
}

#[test]
fn a_tree_that_is_not_there() {
    quickstart_fails(
        &Sandbox::new(),
        expect![[r#"
        error: tree does not exist
        hint: check the spelling; a relative path starts at the current directory
        exit code 2
    "#]],
    );
}

#[test]
fn an_empty_directory() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("tree")).unwrap();
    quickstart_fails(
        &sandbox,
        expect![[r#"
        error: no files in tree
        hint: give a directory with source code; files that `.gitignore` names do not count
        exit code 2
    "#]],
    );
}

#[test]
fn only_binaries() {
    let sandbox = Sandbox::new();
    sandbox.write("tree/a.o", [0x7f, b'E', b'L', b'F', 0, 0]);
    sandbox.write("tree/b.png", [0x89, b'P', 0, 0]);
    quickstart_fails(
        &sandbox,
        expect![[r#"
        error: nothing usable in tree: 2 binary
        hint: a corpus needs text in UTF-8; give a directory with source code
        exit code 2
    "#]],
    );
}

#[test]
fn text_that_is_not_utf8() {
    let sandbox = Sandbox::new();
    sandbox
        .write("tree/latin1.py", source(0).replace("Module", "M\u{e9}").chars().map(|c| c as u8).collect::<Vec<u8>>());
    quickstart_fails(
        &sandbox,
        expect![[r#"
        error: nothing usable in tree: 1 not-utf8
        hint: a corpus needs text in UTF-8; give a directory with source code
        exit code 2
    "#]],
    );
}

#[test]
fn files_that_are_all_dropped() {
    let sandbox = Sandbox::new();
    sandbox.write("tree/short.py", "x = 1\n");
    sandbox.write("tree/empty.py", "");
    quickstart_fails(
        &sandbox,
        expect![[r#"
        error: no document is kept: 1 empty, 1 too-few-characters, 1 too-few-words, 1 too-few-lines, 1 few-letters
        hint: give a tree with more code that people wrote: the names are those of the rules that dropped it
        exit code 1
    "#]],
    );
}

#[test]
fn a_single_file_leaves_nothing_to_examine_on() {
    let sandbox = Sandbox::new();
    sandbox.tree("tree", 1);
    quickstart_fails(
        &sandbox,
        expect![[r#"
        error: only one file in tree is kept: none is left to examine on
        hint: give a tree with more source files
        exit code 1
    "#]],
    );
}

#[test]
fn a_file_that_is_no_tree() {
    let sandbox = Sandbox::new();
    let pipe = sandbox.path("tree");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    quickstart_fails(
        &sandbox,
        expect![[r#"
        error: tree is neither a directory nor a file
        hint: give a directory with source code, or one source file
        exit code 2
    "#]],
    );
}

#[test]
#[cfg(unix)]
fn what_cannot_be_used_is_left_out_and_the_rest_works() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let sandbox = Sandbox::new();
    sandbox.tree("tree", 4);
    symlink(sandbox.path("tree"), sandbox.path("tree/loop")).unwrap();
    symlink("b", sandbox.path("tree/a")).unwrap();
    symlink("a", sandbox.path("tree/b")).unwrap();
    sandbox.write("tree/latin1.py", b"# caf\xe9\n");
    // 2 GB that take no room: a sparse file.
    fs::File::create(sandbox.path("tree/huge.py")).unwrap().set_len(2 << 30).unwrap();
    sandbox.write("tree/secret.py", source(9));
    fs::set_permissions(sandbox.path("tree/secret.py"), fs::Permissions::from_mode(0o000)).unwrap();
    // Who may read everything, as root may, reads it: then there is nothing to tell.
    let is_readable = fs::read(sandbox.path("tree/secret.py")).is_ok();

    let result = sandbox.summary("corpus build tree --out corpus");
    let reasons: Vec<String> = result["funnel"]["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|count| format!("{} {}", count["reason"].as_str().unwrap(), count["files"]))
        .filter(|reason| !reason.starts_with("unreadable"))
        .collect();
    assert_eq!(reasons, ["too-large 1", "not-utf8 1", "symlink 3"]);
    let kept = &result["funnel"];
    let kept = kept["train"]["files"].as_u64().unwrap() + kept["held_out"]["files"].as_u64().unwrap();
    assert_eq!(kept, if is_readable { 5 } else { 4 });
    if !is_readable {
        sandbox.check(
            &mut sandbox.prentice("corpus build tree --out again --quiet"),
            expect![[r#"
                warning: cannot read <dir>/tree/secret.py: Permission denied (os error 13); the file is left out
                exit code 0
            "#]],
        );
    }
    let explained = sandbox.outcome(&mut sandbox.prentice("corpus explain corpus --reason too-large"));
    assert!(explained.contains("huge.py  2.15 GB, dropped"), "{explained}");
    // Nothing of the huge file was read: half a gigabyte of address space is enough.
    let limited = sandbox.outcome(&mut sandbox.shell("ulimit -v 524288", "corpus build tree --out small --quiet"));
    assert!(limited.ends_with("exit code 0\n"), "{limited}");
}

#[test]
fn arguments_that_leave_nothing_to_do() {
    let sandbox = Sandbox::new();
    sandbox.tree("tree", 3);
    let mut outcomes = String::new();
    for arguments in [
        "quickstart tree --out out --minutes 0",
        "quickstart tree --out out --minutes -3",
        "quickstart tree --out out --minutes inf",
        "quickstart tree --out out --minutes nan",
        "quickstart tree --out out --minutes soon",
        "quickstart tree --out out --held-out 0",
        "quickstart tree --out out --held-out 0.9",
        "quickstart tree --out out --policy any",
        "quickstart tree --out out --layers 0",
        "quickstart tree --out out --threads 0",
        "quickstart tree --out out --kernels none",
        "model train --shards tokens --out out --minutes 0",
        "model train --shards tokens --out out --steps 0",
        "model train --shards tokens --out out --tokens 0",
        "model train --shards tokens --out out",
        "model train --shards tokens --out out --steps 3",
        "model generate --prompt x --temperature -1",
        "model generate --prompt x --top-p 0",
        "model generate --prompt x",
        "model info nowhere",
        "eval held-out",
        "eval replay nowhere",
        "eval replay tree --commits 0",
        "eval replay tree --lines-per-commit 0",
        "eval replay tree --mode half-line",
        "eval replay tree --records nowhere/records.jsonl",
        "complete tree/module_0.py",
        "complete tree/module_0.py:1",
        "complete nowhere.py:1",
        "corpus explain nowhere",
        "corpus explain nowhere --reason boring",
        "tokens train --corpus nowhere --out out",
        "tokens encode --corpus nowhere --vocabulary nowhere --out out",
        "tokens encode --corpus nowhere --vocabulary nowhere --out out --fim-rate 2",
    ] {
        outcomes += &format!("$ prentice {arguments}\n{}\n", sandbox.outcome(&mut sandbox.prentice(arguments)));
    }
    expect![[r#"
        $ prentice quickstart tree --out out --minutes 0
        error: --minutes 0 leaves no time to train
        hint: give a number above 0; 5 is a good start
        exit code 2

        $ prentice quickstart tree --out out --minutes -3
        error: --minutes -3 leaves no time to train
        hint: give a number above 0; 5 is a good start
        exit code 2

        $ prentice quickstart tree --out out --minutes inf
        error: --minutes inf is no length of time
        hint: give a number above 0; 5 is a good start
        exit code 2

        $ prentice quickstart tree --out out --minutes nan
        error: --minutes NaN is no length of time
        hint: give a number above 0; 5 is a good start
        exit code 2

        $ prentice quickstart tree --out out --minutes soon
        error: invalid value 'soon' for '--minutes <N>': invalid float literal

        For more information, try '--help'.
        exit code 2

        $ prentice quickstart tree --out out --held-out 0
        error: --held-out 0 is not a share above 0 and up to 0.5
        hint: 0.05 holds out one file in twenty
        exit code 2

        $ prentice quickstart tree --out out --held-out 0.9
        error: --held-out 0.9 is not a share above 0 and up to 0.5
        hint: 0.05 holds out one file in twenty
        exit code 2

        $ prentice quickstart tree --out out --policy any
        error: invalid value 'any' for '--policy <POLICY>': `any` is not a policy; the policies are `own` and `permissive`

        For more information, try '--help'.
        exit code 2

        $ prentice quickstart tree --out out --layers 0
        error: --layers 0 is out of range
        hint: give a number from 1 to 32, or leave it out for one that suits corpus and time
        exit code 2

        $ prentice quickstart tree --out out --threads 0
        error: --threads 0 leaves nobody to do the work
        hint: leave out --threads to use all cores
        exit code 2

        $ prentice quickstart tree --out out --kernels none
        error: invalid value 'none' for '--kernels <NAME>'
          [possible values: portable, avx2, avx512, avx512bf16, amx]

        For more information, try '--help'.
        exit code 2

        $ prentice model train --shards tokens --out out --minutes 0
        error: --minutes 0 leaves no time to train
        hint: give a number above 0; 5 is a good start
        exit code 2

        $ prentice model train --shards tokens --out out --steps 0
        error: --steps 0 leaves nothing to train on
        hint: give a number above 0
        exit code 2

        $ prentice model train --shards tokens --out out --tokens 0
        error: --tokens 0 leaves nothing to train on
        hint: give a number above 0
        exit code 2

        $ prentice model train --shards tokens --out out
        error: the following required arguments were not provided:
          <--minutes <N>|--tokens <N>|--steps <N>>

        Usage: prentice model train --shards <DIR> --out <DIR> <--minutes <N>|--tokens <N>|--steps <N>>

        For more information, try '--help'.
        exit code 2

        $ prentice model train --shards tokens --out out --steps 3
        error: there is no vocabulary at tokens/tokenizer.json
        hint: train one with `prentice tokens train`, or name a `tokenizer.json`
        exit code 2

        $ prentice model generate --prompt x --temperature -1
        error: --temperature -1 is not 0 or above
        hint: 0 is greedy, 1 follows the model
        exit code 2

        $ prentice model generate --prompt x --top-p 0
        error: --top-p 0 is not above 0 and up to 1
        hint: 1 leaves every token in
        exit code 2

        $ prentice model generate --prompt x
        error: there is no model here: no .prentice/quickstart in this directory or above
        hint: run `prentice quickstart` first, or give --model DIR
        exit code 2

        $ prentice model info nowhere
        error: cannot read nowhere/config.json
        caused by: No such file or directory (os error 2)
        hint: give the directory of a checkpoint: it holds config.json, model.safetensors and tokenizer.json
        exit code 2

        $ prentice eval held-out
        error: there is no model here: no .prentice/quickstart in this directory or above
        hint: run `prentice quickstart` first, or give --model DIR
        exit code 2

        $ prentice eval replay nowhere
        error: nowhere does not exist
        hint: check the spelling; a relative path starts at the current directory
        exit code 2

        $ prentice eval replay tree --commits 0
        error: --commits 0 leaves nothing to replay
        hint: give a number above 0
        exit code 2

        $ prentice eval replay tree --lines-per-commit 0
        error: --lines-per-commit 0 leaves nothing to ask for
        hint: give a number above 0
        exit code 2

        $ prentice eval replay tree --mode half-line
        error: invalid value 'half-line' for '--mode <MODE>'
          [possible values: next-line, mid-line, fim]

        For more information, try '--help'.
        exit code 2

        $ prentice eval replay tree --records nowhere/records.jsonl
        error: nowhere is not a directory
        hint: --records names a file in a directory that exists
        exit code 2

        $ prentice complete tree/module_0.py
        error: `tree/module_0.py` is not a place in a file
        hint: write FILE:LINE or FILE:LINE:COLUMN, counted from 1, such as src/main.rs:12:9
        exit code 2

        $ prentice complete tree/module_0.py:1
        error: there is no model here: no .prentice/quickstart in this directory or above
        hint: run `prentice quickstart` first, or give --model DIR
        hint: `--copying` completes from the repository alone, with citations, and needs no model
        exit code 2

        $ prentice complete nowhere.py:1
        error: cannot read nowhere.py
        caused by: No such file or directory (os error 2)
        hint: check the spelling; a relative path starts at the current directory
        exit code 2

        $ prentice corpus explain nowhere
        error: no corpus in nowhere
        hint: build one with `prentice corpus build`
        exit code 2

        $ prentice corpus explain nowhere --reason boring
        error: `boring` is not a reason
        hint: the reasons are symlink, special-file, unreadable, too-large, binary, not-utf8, empty, unknown-language, vendored, generated, lock-file, minified, too-few-characters, too-few-words, too-few-lines, too-many-lines, too-many-bytes, long-line, long-mean-line, short-mean-line, few-letters, few-alphanumerics, many-digits, much-whitespace, repeated-lines, encoded-data, xml-prefix, long-data, unnamed-text, no-licence, unknown-licence, not-permissive, exact-duplicate
        exit code 2

        $ prentice tokens train --corpus nowhere --out out
        error: no corpus in nowhere
        hint: build one with `prentice corpus build`
        exit code 2

        $ prentice tokens encode --corpus nowhere --vocabulary nowhere --out out
        error: no corpus in nowhere
        hint: build one with `prentice corpus build`
        exit code 2

        $ prentice tokens encode --corpus nowhere --vocabulary nowhere --out out --fim-rate 2
        error: --fim-rate 2 is not a share from 0 to 1
        hint: 0.5 is the default
        exit code 2

    "#]].assert_eq(&outcomes);
    assert!(!sandbox.path("out").exists());
}

#[test]
fn places_that_are_not_in_the_file() {
    let sandbox = Sandbox::new();
    sandbox.write("two.py", "a = 1\nb = 2\n");
    sandbox.write("bytes.py", b"a = '\xff'\n");
    let mut outcomes = String::new();
    for arguments in
        ["complete two.py:9", "complete two.py:0", "complete two.py:1:9", "complete bytes.py:1", "complete .:1"]
    {
        outcomes += &format!("$ prentice {arguments}\n{}\n", sandbox.outcome(&mut sandbox.prentice(arguments)));
    }
    expect![[r#"
        $ prentice complete two.py:9
        error: two.py has no line 9: it has 3
        hint: write FILE:LINE or FILE:LINE:COLUMN, counted from 1, such as src/main.rs:12:9
        exit code 2

        $ prentice complete two.py:0
        error: two.py has no line 0: it has 3
        hint: write FILE:LINE or FILE:LINE:COLUMN, counted from 1, such as src/main.rs:12:9
        exit code 2

        $ prentice complete two.py:1:9
        error: line 1 of two.py has no column 9: it has 6
        hint: leave out the column for the end of the line
        exit code 2

        $ prentice complete bytes.py:1
        error: bytes.py is not UTF-8: byte 6 begins no character
        hint: give a text file
        exit code 2

        $ prentice complete .:1
        error: cannot read .
        caused by: Is a directory (os error 21)
        hint: name a file, not a directory
        exit code 2

    "#]]
    .assert_eq(&outcomes);
}

/// A file system that is full is imitated by a limit on the size of files, which needs no privilege: the same writes
/// fail in the same places, with "file too large" instead of "no space left".
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full() {
    let sandbox = Sandbox::new();
    sandbox.tree("tree", 8);
    // In blocks of 512 bytes: the first file that does not fit is the corpus, then the tokens, then the model.
    for (blocks, expected) in [
        (
            4,
            expect![[r#"
            error: cannot write out/runs/corpus-<digest>/contents.bin
            caused by: File too large (os error 27)
            hint: lift the limit on the size of files (`ulimit -f`), or choose a place on another file system
            exit code 2
        "#]],
        ),
        (
            40,
            expect![[r#"
            warning: the text repeats itself too little for 1024 tokens: the vocabulary has 408
            error: cannot write out/runs/tokens-<digest>/train.tokens
            caused by: File too large (os error 27)
            hint: lift the limit on the size of files (`ulimit -f`), or choose a place on another file system
            exit code 2
        "#]],
        ),
        (
            400,
            expect![[r#"
            warning: the text repeats itself too little for 1024 tokens: the vocabulary has 408
            error: cannot write out/runs/train-<digest>/checkpoints/.partial-step-<n>/model.safetensors
            caused by: File too large (os error 27)
            hint: lift the limit on the size of files (`ulimit -f`), or choose a place on another file system
            exit code 2
        "#]],
        ),
    ] {
        let limited = format!("ulimit -f {blocks}");
        let arguments = "quickstart tree --minutes 0.02 --layers 2 --out out --quiet";
        sandbox.check(&mut sandbox.shell(&limited, arguments), expected);
        let left = sandbox.listing("out");
        assert!(!left.iter().any(|name| name.contains(".partial") || name.contains(".tmp")), "{left:?}");
        assert!(!left.iter().any(|name| name.starts_with("quickstart")), "{left:?}");
    }

    // The next run with room continues where the last one stopped, and ends well.
    let summary = sandbox.summary("quickstart tree --minutes 0.02 --layers 2 --out out");
    assert_eq!(summary["reused"], serde_json::json!(["corpus", "tokens", "execution"]));

    let full = sandbox.shell("exec >/dev/full", "corpus explain out/runs/corpus-*").output().unwrap();
    let stderr = String::from_utf8_lossy(&full.stderr).into_owned();
    expect![[r#"
        error: cannot write standard output
        caused by: No space left on device (os error 28)
        hint: free some space there, or choose a place on another disk
    "#]]
    .assert_eq(&stderr);
    assert_eq!(full.status.code(), Some(2));
}

/// A model that was trained on `tree`, and what it was trained from.
fn trained(sandbox: &Sandbox) {
    sandbox.tree("tree", 8);
    sandbox.summary("corpus build tree --out corpus --held-out 0.2");
    sandbox.summary("tokens train --corpus corpus --size 300 --out vocabulary");
    sandbox.summary("tokens encode --corpus corpus --vocabulary vocabulary --context 64 --out tokens");
    sandbox.summary(TRAIN);
}

const TRAIN: &str =
    "model train --shards tokens --out run --steps 4 --layers 1 --batch-rows 2 --checkpoint-every 2 --quiet";

#[test]
fn a_checkpoint_that_is_truncated() {
    let sandbox = Sandbox::new();
    trained(&sandbox);
    truncate(&sandbox.path("run/model/model.safetensors"));
    let eval = expect![[r#"
        error: run/model/model.safetensors is truncated or damaged
        caused by: incomplete metadata, file not fully covered
        hint: copy the checkpoint again, or use an earlier one of the same run
        exit code 2
    "#]];
    sandbox.check(&mut sandbox.prentice("eval held-out --model run/model --corpus corpus --quiet"), eval);
    let complete = expect![[r#"
        error: run/model/model.safetensors is truncated or damaged
        caused by: incomplete metadata, file not fully covered
        hint: copy the checkpoint again, or use an earlier one of the same run
        exit code 2
    "#]];
    sandbox.check(&mut sandbox.prentice("complete tree/module_0.py:3 --model run/model"), complete);

    // Of two checkpoints, the older one serves; of none, nothing is started over unasked.
    truncate(&sandbox.path("run/checkpoints/step-00000004/optimiser.safetensors"));
    sandbox.check(&mut sandbox.prentice(TRAIN), expect![[r#"
        warning: checkpoint run/checkpoints/step-<n> is passed over: run/checkpoints/step-<n>/optimiser.safetensors is truncated or damaged
        exit code 0
    "#]]);
    for step in ["step-00000002", "step-00000004"] {
        truncate(&sandbox.path(&format!("run/checkpoints/{step}/model.safetensors")));
    }
    sandbox.check(&mut sandbox.prentice(TRAIN), expect![[r#"
        warning: checkpoint run/checkpoints/step-<n> is passed over: run/checkpoints/step-<n>/model.safetensors is truncated or damaged
        warning: checkpoint run/checkpoints/step-<n> is passed over: run/checkpoints/step-<n>/model.safetensors is truncated or damaged
        error: run/checkpoints/step-<n>/model.safetensors is truncated or damaged
        caused by: incomplete metadata, file not fully covered
        hint: no checkpoint of this run can be read: remove them to start over
        exit code 2
    "#]]);
}

#[test]
fn checkpoints_of_another_run() {
    let sandbox = Sandbox::new();
    trained(&sandbox);
    let before = sandbox.listing("run");
    sandbox.check(
        &mut sandbox.prentice(&TRAIN.replace("steps 4", "steps 6")),
        expect![[r#"
        error: run/checkpoints holds checkpoints of a run with other data or options
        hint: choose another --out, or remove that directory
        exit code 2
    "#]],
    );
    assert_eq!(sandbox.listing("run"), before);
}

#[test]
fn a_tokenizer_and_a_checkpoint_that_do_not_match() {
    let sandbox = Sandbox::new();
    trained(&sandbox);
    sandbox.summary("tokens train --corpus corpus --size 290 --out other");
    fs::copy(sandbox.path("other/tokenizer.json"), sandbox.path("run/model/tokenizer.json")).unwrap();
    sandbox.check(
        &mut sandbox.prentice("complete tree/module_0.py:3 --model run/model"),
        expect![[r#"
        error: vocabulary <digest> does not match checkpoint run/model, which was trained with vocabulary <digest>
        hint: use the tokenizer.json that was saved beside the checkpoint
        exit code 2
    "#]],
    );
    // Nor do shards and tokenizer.
    fs::copy(sandbox.path("other/tokenizer.json"), sandbox.path("tokens/tokenizer.json")).unwrap();
    sandbox.check(
        &mut sandbox.prentice(&TRAIN.replace("--out run", "--out elsewhere")),
        expect![[r#"
        error: shard `train.tokens` was tokenised with vocabulary <digest>, the checkpoint expects <digest>
        hint: run `prentice tokens encode --vocabulary <checkpoint>`
        exit code 2
    "#]],
    );
    assert!(!sandbox.path("elsewhere").exists());
    fs::write(sandbox.path("run/model/tokenizer.json"), "{}").unwrap();
    sandbox.check(
        &mut sandbox.prentice("model info run/model"),
        expect![[r#"
        error: run/model/tokenizer.json is not a tokenizer file
        caused by: Model missing. at line 1 column 2
        hint: a model needs the tokenizer.json that it was trained with: copy it again
        exit code 2
    "#]],
    );
    fs::remove_file(sandbox.path("run/model/tokenizer.json")).unwrap();
    sandbox.check(
        &mut sandbox.prentice("model info run/model"),
        expect![[r#"
        error: there is no vocabulary at run/model/tokenizer.json
        hint: a model needs the tokenizer.json that it was trained with: copy it again
        exit code 2
    "#]],
    );
}

#[test]
fn a_corpus_that_is_damaged() {
    let sandbox = Sandbox::new();
    sandbox.tree("tree", 4);
    sandbox.summary("corpus build tree --out corpus");
    truncate(&sandbox.path("corpus/contents.bin"));
    sandbox.check(
        &mut sandbox.prentice("corpus explain corpus"),
        expect![[r#"
        error: corpus/contents.bin has 2746 bytes instead of 5492
        hint: build the corpus again with `prentice corpus build`
        exit code 2
    "#]],
    );
}

#[test]
fn examinations_that_cannot_begin() {
    let sandbox = Sandbox::new();
    if !can_examine("examinations_that_cannot_begin") {
        return;
    }
    let line = |task: &str| format!("{{\"task_id\": \"{task}\", \"completion\": \"    return 1\"}}\n");
    let first = line("HumanEval/0");
    sandbox.write("two.jsonl", first.repeat(2));
    sandbox.write("unknown.jsonl", first.clone() + &line("HumanEval/999") + &line("humaneval/1"));
    sandbox.write("json.jsonl", first.clone() + "{\"task_id\": \"HumanEval/1\", \"completion\": \"x\"\n");
    sandbox.write(
        "utf8.jsonl",
        [first.as_bytes(), b"{\"task_id\": \"HumanEval/1\", \"completion\": \"\xff\"}\n"].concat(),
    );
    sandbox.write("neither.jsonl", "{\"task_id\": \"HumanEval/0\"}\n");
    sandbox.write("array.jsonl", "[\"HumanEval/0\"]\n");
    sandbox.write("empty.jsonl", "");
    sandbox.write("nothing.jsonl", "\n\n");
    let mut outcomes = String::new();
    for arguments in [
        "eval --canonical",
        "eval humaneval",
        "eval humanevil --canonical",
        "eval humaneval --canonical --language cobol",
        "eval humaneval --canonical --k 2",
        "eval humaneval --canonical --k 0",
        "eval humaneval --canonical --samples two.jsonl",
        "eval humaneval --canonical --tier A --unsafe",
        "eval humaneval --canonical --tier Z",
        "eval humaneval --canonical --against nowhere",
        "eval humaneval --canonical --out two.jsonl",
        "eval humaneval --model nowhere",
        "eval humaneval --model nowhere --samples-per-task 0",
        "eval humaneval --model nowhere --temperature -1",
        "eval humaneval --samples nowhere.jsonl",
        "eval humaneval --samples .",
        "eval humaneval --samples two.jsonl",
        "eval humaneval --samples two.jsonl --allow-missing --k 2,3",
        "eval humaneval --samples unknown.jsonl",
        "eval humaneval --samples json.jsonl",
        "eval humaneval --samples utf8.jsonl",
        "eval humaneval --samples neither.jsonl",
        "eval humaneval --samples array.jsonl",
        "eval humaneval --samples empty.jsonl",
        "eval humaneval --samples nothing.jsonl",
        "eval fetch humanevil",
        "eval compare nowhere nowhere",
        "eval compare two.jsonl two.jsonl",
    ] {
        outcomes += &format!("$ prentice {arguments}\n{}\n", sandbox.outcome(&mut sandbox.prentice(arguments)));
    }
    let mut no_data = sandbox.prentice("eval humaneval --canonical");
    no_data.env("PRENTICE_EVALDATA", sandbox.path("nowhere"));
    outcomes += &format!("no data: {}\n", sandbox.outcome(&mut no_data));
    for suite in ["humaneval", "humaneval-x"] {
        let mut no_interpreter = sandbox.prentice(&format!("eval {suite} --canonical"));
        outcomes += &format!("nothing on PATH: {}\n", sandbox.outcome(no_interpreter.env("PATH", "")));
    }
    // Nothing was executed for any of them.
    assert!(!sandbox.path(".prentice/runs").exists());
    expect![[r#"
        $ prentice eval --canonical
        error: no suite is named
        hint: `prentice eval suites` lists them
        exit code 2

        $ prentice eval humaneval
        error: it is not said what to examine
        hint: give --samples FILE, --model DIR or --canonical
        exit code 2

        $ prentice eval humanevil --canonical
        error: there is no suite `humanevil`; did you mean humaneval, humaneval-x, humanevalplus?
        hint: `prentice eval suites` lists them all
        exit code 2

        $ prentice eval humaneval --canonical --language cobol
        error: the suite `humaneval` has no task in `cobol`, only in Python
        hint: leave out --language for all of them
        exit code 2

        $ prentice eval humaneval --canonical --k 2
        error: --k 2 asks for more samples than there are: a task of .prentice/eval/humaneval/canonical.jsonl has 1
        hint: ask for a smaller --k, or give more samples for each task
        exit code 2

        $ prentice eval humaneval --canonical --k 0
        error: --k 0 asks for no sample
        hint: give numbers from 1 on
        exit code 2

        $ prentice eval humaneval --canonical --samples two.jsonl
        error: the argument '--canonical' cannot be used with '--samples <FILE>'

        Usage: prentice eval --canonical <SUITE>

        For more information, try '--help'.
        exit code 2

        $ prentice eval humaneval --canonical --tier A --unsafe
        error: the argument '--tier <TIER>' cannot be used with '--unsafe'

        Usage: prentice eval --canonical --tier <TIER> <SUITE>

        For more information, try '--help'.
        exit code 2

        $ prentice eval humaneval --canonical --tier Z
        error: invalid value 'Z' for '--tier <TIER>'
          [possible values: a, b]

        For more information, try '--help'.
        exit code 2

        $ prentice eval humaneval --canonical --against nowhere
        error: no corpus in nowhere
        hint: build one with `prentice corpus build`
        exit code 2

        $ prentice eval humaneval --canonical --out two.jsonl
        error: two.jsonl is not a directory
        hint: --out names the directory of results
        exit code 2

        $ prentice eval humaneval --model nowhere
        error: cannot read nowhere/config.json
        caused by: No such file or directory (os error 2)
        hint: give the directory of a checkpoint: it holds config.json, model.safetensors and tokenizer.json
        exit code 2

        $ prentice eval humaneval --model nowhere --samples-per-task 0
        error: --samples-per-task 0 with --max-tokens 256 leaves nothing to write
        hint: give numbers from 1 on
        exit code 2

        $ prentice eval humaneval --model nowhere --temperature -1
        error: --temperature -1 is not 0 or above
        hint: 0 is greedy, 1 follows the model
        exit code 2

        $ prentice eval humaneval --samples nowhere.jsonl
        error: cannot open nowhere.jsonl
        caused by: No such file or directory (os error 2)
        hint: check the spelling; a relative path starts at the current directory
        exit code 2

        $ prentice eval humaneval --samples .
        error: cannot read .
        caused by: Is a directory (os error 21)
        hint: name a file, not a directory
        exit code 2

        $ prentice eval humaneval --samples two.jsonl
        error: two.jsonl has no sample for 163 of the 164 tasks of humaneval: HumanEval/1, HumanEval/2, HumanEval/3, ...
        hint: --allow-missing scores the others, as tasks that were not attempted
        exit code 2

        $ prentice eval humaneval --samples two.jsonl --allow-missing --k 2,3
        warning: two.jsonl has no sample for 163 of the 164 tasks of humaneval: HumanEval/1, HumanEval/2, HumanEval/3, ...
        error: --k 3 asks for more samples than there are: a task of two.jsonl has 2
        hint: ask for a smaller --k, or give more samples for each task
        exit code 2

        $ prentice eval humaneval --samples unknown.jsonl
        error: samples of unknown tasks in unknown.jsonl: 2, first `HumanEval/999` (line 2), `humaneval/1` (line 3); did you mean `HumanEval/99`, or another suite?
        hint: samples belong to the suite that is named; `prentice eval suites` lists the others
        exit code 2

        $ prentice eval humaneval --samples json.jsonl
        error: line 2 of json.jsonl, column 44: EOF while parsing an object
        hint: each line is a JSON object with `task_id` and `completion`, in UTF-8
        exit code 2

        $ prentice eval humaneval --samples utf8.jsonl
        error: line 2 of utf8.jsonl is not UTF-8 from byte 43 on
        hint: each line is a JSON object with `task_id` and `completion`, in UTF-8
        exit code 2

        $ prentice eval humaneval --samples neither.jsonl
        error: line 1 of neither.jsonl, column 26: neither `completion` nor `solution`
        hint: each line is a JSON object with `task_id` and `completion`, in UTF-8
        exit code 2

        $ prentice eval humaneval --samples array.jsonl
        error: line 1 of array.jsonl, column 1: expected an object with `task_id` and `completion`
        hint: each line is a JSON object with `task_id` and `completion`, in UTF-8
        exit code 2

        $ prentice eval humaneval --samples empty.jsonl
        error: empty.jsonl holds no sample
        hint: each line is a JSON object with `task_id` and `completion`, in UTF-8
        exit code 2

        $ prentice eval humaneval --samples nothing.jsonl
        error: nothing.jsonl holds no sample
        hint: each line is a JSON object with `task_id` and `completion`, in UTF-8
        exit code 2

        $ prentice eval fetch humanevil
        error: there is no suite `humanevil`; did you mean humaneval, humaneval-x, humanevalplus?
        hint: `prentice eval suites` lists them all
        exit code 2

        $ prentice eval compare nowhere nowhere
        error: cannot read nowhere
        caused by: No such file or directory (os error 2)
        hint: check the spelling; a relative path starts at the current directory
        hint: name the directory that `prentice eval SUITE` printed last
        exit code 2

        $ prentice eval compare two.jsonl two.jsonl
        error: two.jsonl holds no results of an examination: missing field `suite` at line 1 column 56
        hint: name the directory that `prentice eval SUITE` printed last
        exit code 2

        no data: error: no `data/HumanEval.jsonl.gz` of the data set `humaneval` at <dir>/nowhere/humaneval/data/HumanEval.jsonl.gz or <dir>/cache/prentice/evaldata/humaneval/data/HumanEval.jsonl.gz; get it with `prentice eval fetch humaneval`
        hint: where it is already, --data DIR or $PRENTICE_EVALDATA says so
        exit code 2

        nothing on PATH: error: nothing of humaneval can be executed here
        hint: no python3 for Python (apt install python3)
        exit code 2

        nothing on PATH: error: nothing of humaneval-x can be executed here
        hint: no g++ for Cpp (apt install g++); no go for Go (apt install golang-go); no javac for Java (apt install default-jdk-headless); no node for JavaScript (apt install nodejs); no python3 for Python (apt install python3); no rustc for Rust (apt install rustc, or use rustup)
        exit code 2

    "#]].assert_eq(&outcomes);
}

#[test]
fn samples_that_can_be_used_with_a_word_of_warning() {
    if !can_examine("samples_that_can_be_used_with_a_word_of_warning") {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("two.jsonl", "{\"task_id\": \"HumanEval/0\", \"completion\": \"    return 1\"}\n".repeat(2));
    let run = "eval humaneval --samples two.jsonl --allow-missing --k 2";
    sandbox.check(&mut sandbox.prentice(&format!("{run} --quiet")), expect![[r#"
        warning: two.jsonl has no sample for 163 of the 164 tasks of humaneval: HumanEval/1, HumanEval/2, HumanEval/3, ...
        exit code 0
    "#]]);
    // Where the verdicts of other runs cannot be kept, the run is as good without.
    let mut no_cache = sandbox.prentice(&format!("{run} --out other --quiet"));
    sandbox.check(no_cache.env("XDG_CACHE_HOME", "/dev/null/cache"), expect![[r#"
        warning: two.jsonl has no sample for 163 of the 164 tasks of humaneval: HumanEval/1, HumanEval/2, HumanEval/3, ...
        warning: verdicts are not kept for other runs: cannot create /dev/null/cache/prentice: Not a directory (os error 20)
        exit code 0
    "#]]);
}

#[test]
fn sandboxes_that_cannot_run_or_serve() {
    let sandbox = Sandbox::new();
    sandbox.write("text", "no program\n");
    sandbox.write("empty", "\n");
    sandbox.write("token", "one-word\n");
    sandbox.write("words", "two words\n");
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = busy.local_addr().unwrap().to_string();
    let on_busy = format!("serve --address {busy}");
    let mut outcomes = String::new();
    for arguments in [
        "run",
        "run -- nowhere",
        "run -- ./nowhere",
        "run -- ./text",
        "run --read nowhere -- true",
        "run --cpu-seconds 0 -- true",
        "run --cpu-seconds -1 -- true",
        "run --wall-seconds nan -- true",
        "run --memory-mib 0 -- true",
        "run --memory-mib 99999999999999999 -- true",
        "run --processes 0 -- true",
        "run --output-mib 0 -- true",
        "run --disk-mib 0 -- true",
        "run --disk-mib much -- true",
        "run --tier B --unsafe -- true",
        "serve --address 0.0.0.0:0",
        "serve --address nowhere",
        "serve --address 127.0.0.1:99999",
        "serve --address 192.0.2.1:80 --token-file token",
        "serve --token-file nowhere",
        "serve --token-file empty",
        "serve --token-file words",
        "serve --suite humanevil",
        "serve --queue 0",
        "serve --body-mib 0",
        "serve --body-mib 99999999999999",
        "serve --request-seconds 0",
        "serve --address 127.0.0.1:0 --write-compute-score score.py",
        &on_busy,
    ] {
        let outcome = sandbox.outcome(&mut sandbox.prentice(&format!("sandbox {arguments}")));
        outcomes += &format!("$ prentice sandbox {arguments}\n{outcome}\n").replace(&busy, "<busy>");
    }
    let mut no_path = sandbox.prentice("sandbox run -- python3");
    outcomes += &format!("nothing on PATH: {}\n", sandbox.outcome(no_path.env("PATH", "")));
    expect![[r#"
        $ prentice sandbox run
        error: the following required arguments were not provided:
          <COMMAND>...

        Usage: prentice sandbox run -- <COMMAND>...

        For more information, try '--help'.
        exit code 2

        $ prentice sandbox run -- nowhere
        error: there is no program `nowhere` on PATH
        hint: give its path
        exit code 2

        $ prentice sandbox run -- ./nowhere
        error: cannot run ./nowhere: No such file or directory (os error 2)
        hint: check the spelling; a relative path starts at the current directory
        exit code 2

        $ prentice sandbox run -- ./text
        error: the sandbox cannot execute <dir>/text
        caused by: Permission denied (os error 13)
        hint: check who may access that path
        hint: a command is an executable file (`chmod +x FILE`), or an interpreter and what it reads
        exit code 2

        $ prentice sandbox run --read nowhere -- true
        error: cannot let the program read nowhere: No such file or directory (os error 2)
        hint: check the spelling
        exit code 2

        $ prentice sandbox run --cpu-seconds 0 -- true
        error: --cpu-seconds 0 is no length of time
        hint: give a number above 0
        exit code 2

        $ prentice sandbox run --cpu-seconds -1 -- true
        error: --cpu-seconds -1 is no length of time
        hint: give a number above 0
        exit code 2

        $ prentice sandbox run --wall-seconds nan -- true
        error: --wall-seconds NaN is no length of time
        hint: give a number above 0
        exit code 2

        $ prentice sandbox run --memory-mib 0 -- true
        error: --memory-mib 0 is out of range
        hint: give a number from 1 to 1073741824
        exit code 2

        $ prentice sandbox run --memory-mib 99999999999999999 -- true
        error: --memory-mib 99999999999999999 is out of range
        hint: give a number from 1 to 1073741824
        exit code 2

        $ prentice sandbox run --processes 0 -- true
        error: --processes 0 is out of range
        hint: give a number from 1 to 1073741824
        exit code 2

        $ prentice sandbox run --output-mib 0 -- true
        error: --output-mib 0 is out of range
        hint: give a number from 1 to 1073741824
        exit code 2

        $ prentice sandbox run --disk-mib 0 -- true
        error: --disk-mib 0 is out of range
        hint: give a number from 1 to 1073741824
        exit code 2

        $ prentice sandbox run --disk-mib much -- true
        error: invalid value 'much' for '--disk-mib <N>': invalid digit found in string

        For more information, try '--help'.
        exit code 2

        $ prentice sandbox run --tier B --unsafe -- true
        error: the argument '--tier <TIER>' cannot be used with '--unsafe'

        Usage: prentice sandbox run --tier <TIER> -- <COMMAND>...

        For more information, try '--help'.
        exit code 2

        $ prentice sandbox serve --address 0.0.0.0:0
        error: refusing to listen on 0.0.0.0:0 without a token: whoever reaches it could run programs on this machine
        hint: --token-file FILE says what clients must present; or stay on 127.0.0.1
        exit code 2

        $ prentice sandbox serve --address nowhere
        error: nowhere is no address
        hint: write HOST:PORT, such as 127.0.0.1:8080
        exit code 2

        $ prentice sandbox serve --address 127.0.0.1:99999
        error: 127.0.0.1:99999 is no address
        hint: write HOST:PORT, such as 127.0.0.1:8080
        exit code 2

        $ prentice sandbox serve --address 192.0.2.1:80 --token-file token
        error: cannot listen on 192.0.2.1:80
        caused by: Cannot assign requested address (os error 99)
        hint: choose another address or port with --address
        exit code 2

        $ prentice sandbox serve --token-file nowhere
        error: cannot read nowhere
        caused by: No such file or directory (os error 2)
        hint: check the spelling; a relative path starts at the current directory
        exit code 2

        $ prentice sandbox serve --token-file empty
        error: empty does not hold one word that clients could present
        hint: write a long random text of ASCII letters and digits into it
        exit code 2

        $ prentice sandbox serve --token-file words
        error: words does not hold one word that clients could present
        hint: write a long random text of ASCII letters and digits into it
        exit code 2

        $ prentice sandbox serve --suite humanevil
        error: there is no suite `humanevil`; did you mean humaneval, humaneval-x, humanevalplus?
        hint: `prentice eval suites` lists them all
        exit code 2

        $ prentice sandbox serve --queue 0
        error: --queue 0 is out of range
        hint: give a number from 1 to 1073741824
        exit code 2

        $ prentice sandbox serve --body-mib 0
        error: --body-mib 0 is out of range
        hint: give a number from 1 to 1073741824
        exit code 2

        $ prentice sandbox serve --body-mib 99999999999999
        error: --body-mib 99999999999999 is out of range
        hint: give a number from 1 to 1073741824
        exit code 2

        $ prentice sandbox serve --request-seconds 0
        error: --request-seconds 0 is out of range
        hint: give a number from 1 to 1073741824
        exit code 2

        $ prentice sandbox serve --address 127.0.0.1:0 --write-compute-score score.py
        error: score.py cannot name the port of 127.0.0.1:0, which is chosen later
        hint: give a port with --address, such as 127.0.0.1:8080
        exit code 2

        $ prentice sandbox serve --address <busy>
        error: cannot listen on <busy>
        caused by: Address already in use (os error 98)
        hint: choose another address or port with --address
        exit code 2

        nothing on PATH: error: there is no program `python3` on PATH
        hint: give its path
        exit code 2

    "#]]
    .assert_eq(&outcomes);
    assert_eq!(sandbox.listing(""), ["empty", "text", "token", "words"]);
}

/// A model, tasks and files to learn from that are wrong in one way each.
fn learning_sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.summary("task generate docfn --train 60 --test 0 --depths 1 --mismatch 0 --out tasks");
    sandbox.base_model(&fs::read_to_string(sandbox.path("tasks/labels.jsonl")).unwrap());
    let good = r#"{"prompt": "def one():\n", "response": "    return 1\n"}"#;
    let pair = r#"{"prompt": "def one():\n", "chosen": "    return 1\n", "rejected": "    pass\n"}"#;
    let long = format!(r#"{{"prompt": "x", "response": "{}"}}"#, "return x * 17 + y; ".repeat(400));
    for (name, lines) in [
        ("good", vec![good]),
        ("no-json", vec![good, "{\"prompt\": \"x\","]),
        ("no-object", vec!["[1]"]),
        ("no-response", vec![good, "", r#"{"prompt": "x"}"#]),
        ("number", vec![r#"{"prompt": 7, "response": "y"}"#]),
        ("role", vec![r#"{"messages": [{"role": "robot", "content": "x"}]}"#]),
        ("empty", vec![good, r#"{"prompt": "x", "response": " "}"#]),
        ("all-empty", vec![r#"{"prompt": "x", "response": ""}"#]),
        ("long", vec![good, &long]),
        ("pairs", vec![pair]),
        ("no-rejected", vec![pair, r#"{"prompt": "x", "chosen": "y"}"#]),
        ("label", vec![r#"{"prompt": "x", "response": "y", "label": "yes"}"#]),
        ("prompt", vec![r#"{"id": "one", "prompt": "def one():\n"}"#]),
        ("prompts", vec![r#"{"prompt": "def one():\n"}"#, r#"{"id": "two", "prompt": "def two():\n"}"#]),
        ("no-prompt", vec![r#"{"id": "one", "prompt": "x"}"#, r#"{"id": "two"}"#]),
    ] {
        sandbox.write(&format!("{name}.jsonl"), lines.join("\n"));
    }
    // A model with the tokenizer of another one.
    sandbox.summary("tokens train --corpus corpus --size 300 --out mixed");
    for name in ["config.json", "model.safetensors"] {
        fs::copy(sandbox.path("base/model").join(name), sandbox.path("mixed").join(name)).unwrap();
    }
    sandbox
}

#[test]
fn nothing_sensible_to_learn_from() {
    let sandbox = learning_sandbox();
    let before = sandbox.listing("");
    let mut outcomes = String::new();
    for arguments in [
        "model sft --model nowhere --examples good.jsonl --out out",
        "model sft --model mixed --examples good.jsonl --out out",
        "model sft --model base/model --examples nowhere.jsonl --out out",
        "model sft --model base/model --examples no-json.jsonl --out out",
        "model sft --model base/model --examples good.jsonl no-object.jsonl --out out",
        "model sft --model base/model --examples no-response.jsonl --out out",
        "model sft --model base/model --examples number.jsonl --out out",
        "model sft --model base/model --examples role.jsonl --out out",
        "model sft --model base/model --examples empty.jsonl --empty fail --out out",
        "model sft --model base/model --examples all-empty.jsonl --out out",
        "model sft --model base/model --examples long.jsonl --over-long fail --out out",
        "model sft --model base/model --examples good.jsonl --template chatlm --out out",
        "model sft --model base/model --examples good.jsonl --template llama3 --out out",
        "model sft --model base/model --examples good.jsonl --epochs 0 --out out",
        "model sft --model base/model --examples good.jsonl --minutes -1 --out out",
        "model sft --model base/model --examples good.jsonl --steps 1 --epochs 1 --out out",
        "model sft --model base/model --examples good.jsonl --tokens-a-batch 0 --out out",
        "model sft --model base/model --examples good.jsonl --learning-rate -1 --out out",
        "model sft --model base/model --examples good.jsonl --lora-rank 0 --out out",
        "model sft --model base/model --examples good.jsonl --lora-rank 2 --lora-targets q_prok --out out",
        "model sft --model base/model --examples good.jsonl --merge --out out",
        "model prefer --model base/model --pairs pairs.jsonl --objective simp --out out",
        "model prefer --model base/model --pairs no-rejected.jsonl --out out",
        "model prefer --model base/model --pairs label.jsonl --objective kto --out out",
        "model rl --model base/model --tasks tasks/train.jsonl --out out",
        "model rl --model base/model --tasks tasks/train.jsonl --steps 0 --out out",
        "model rl --model base/model --tasks tasks/train.jsonl --steps 1 --groups 0 --out out",
        "model rl --model base/model --tasks tasks/train.jsonl --steps 1 --kl -1 --out out",
        "model rl --model base/model --tasks tasks/train.jsonl --steps 1 --algorithm gropo --out out",
        "model rl --model base/model --tasks prompts.jsonl --steps 1 --out out",
        "model rl --model base/model --tasks no-prompt.jsonl --steps 1 --reward-command true --out out",
        "model rl --model base/model --tasks prompts.jsonl --steps 1 --reward-seconds 1 --out out",
        "model rl --model base/model --tasks prompts.jsonl --steps 1 --reward-command true --reward-seconds 0 --out out",
        "model rl --model base/model --tasks prompts.jsonl --steps 1 --reward-command true --environment repair --out out",
        "model synthesize --model base/model --tasks tasks/train.jsonl --samples 0 --out out",
        "model synthesize --model base/model --tasks tasks/train.jsonl --pairs --keep-if-passes --out out",
        "model synthesize --model base/model --tasks no-json.jsonl --out out",
        "task generate docfm --train 1 --test 1 --out out",
        "task generate docfn --train 0 --test 0 --out out",
        "task generate docfn --train 1 --test 1 --depths 2-4 --out out",
        "task generate docfn --train 1 --test 1 --mismatch 2 --out out",
    ] {
        outcomes += &format!(
            "$ prentice {arguments}\n{}\n",
            sandbox.outcome(&mut sandbox.prentice(&format!("{arguments} --quiet")))
        );
    }
    expect![[r#"
        $ prentice model sft --model nowhere --examples good.jsonl --out out
        error: cannot read nowhere/config.json
        caused by: No such file or directory (os error 2)
        hint: give the directory of a checkpoint: it holds config.json, model.safetensors and tokenizer.json
        exit code 2

        $ prentice model sft --model mixed --examples good.jsonl --out out
        error: vocabulary <digest> does not match checkpoint mixed, which was trained with vocabulary <digest>
        hint: use the tokenizer.json that was saved beside the checkpoint
        exit code 2

        $ prentice model sft --model base/model --examples nowhere.jsonl --out out
        error: cannot read nowhere.jsonl
        caused by: No such file or directory (os error 2)
        hint: check the path and its permissions
        exit code 2

        $ prentice model sft --model base/model --examples no-json.jsonl --out out
        error: no-json.jsonl, line 2: is not JSON: EOF while parsing a value at column 15
        hint: each line is an object, such as {"prompt": "...", "response": "..."}; pairs have "chosen" and "rejected", labelled examples "label"
        exit code 2

        $ prentice model sft --model base/model --examples good.jsonl no-object.jsonl --out out
        error: no-object.jsonl, line 1: is a list, not an object
        hint: each line is an object, such as {"prompt": "...", "response": "..."}; pairs have "chosen" and "rejected", labelled examples "label"
        exit code 2

        $ prentice model sft --model base/model --examples no-response.jsonl --out out
        error: no-response.jsonl, line 3: field `response` is missing
        hint: each line is an object, such as {"prompt": "...", "response": "..."}; pairs have "chosen" and "rejected", labelled examples "label"
        exit code 2

        $ prentice model sft --model base/model --examples number.jsonl --out out
        error: number.jsonl, line 1: field `prompt` is a number, expected is a text or a list of messages
        hint: each line is an object, such as {"prompt": "...", "response": "..."}; pairs have "chosen" and "rejected", labelled examples "label"
        exit code 2

        $ prentice model sft --model base/model --examples role.jsonl --out out
        error: role.jsonl, line 1: field `messages[0].role` is `robot`, expected is `system`, `user` or `assistant`
        hint: each line is an object, such as {"prompt": "...", "response": "..."}; pairs have "chosen" and "rejected", labelled examples "label"
        exit code 2

        $ prentice model sft --model base/model --examples empty.jsonl --empty fail --out out
        error: empty.jsonl, line 2: the response is empty
        hint: remove the line, or have empty responses passed over
        exit code 2

        $ prentice model sft --model base/model --examples all-empty.jsonl --out out
        error: all-empty.jsonl has no examples: 1 with an empty response and 0 too long were passed over
        hint: check the file, and the limit on the length of examples
        exit code 2

        $ prentice model sft --model base/model --examples long.jsonl --over-long fail --out out
        error: long.jsonl, line 2: the example has 5203 tokens, at most 1024 are allowed
        hint: have over-long examples dropped or truncated
        exit code 2

        $ prentice model sft --model base/model --examples good.jsonl --template chatlm --out out
        error: there is no chat template `chatlm`
        hint: the templates are plain, chatml, qwen2, qwen2.5, llama3, llama2, mistral, mistral-tekken, deepseek-coder, gemma, zephyr, alpaca
        exit code 2

        $ prentice model sft --model base/model --examples good.jsonl --template llama3 --out out
        error: the vocabulary lacks special tokens of the chat template `llama3`: <|begin_of_text|>, <|start_header_id|>, <|end_header_id|>, <|eot_id|>
        hint: name the template that the model was trained with; `plain` suits every vocabulary, others are plain, chatml, qwen2, qwen2.5, llama3, llama2, mistral, mistral-tekken, deepseek-coder, gemma, zephyr, alpaca
        exit code 2

        $ prentice model sft --model base/model --examples good.jsonl --epochs 0 --out out
        error: --epochs 0 leaves nothing to train on
        hint: give a number above 0
        exit code 2

        $ prentice model sft --model base/model --examples good.jsonl --minutes -1 --out out
        error: --minutes -1 leaves no time to train
        hint: give a number above 0; 5 is a good start
        exit code 2

        $ prentice model sft --model base/model --examples good.jsonl --steps 1 --epochs 1 --out out
        error: the argument '--steps <N>' cannot be used with '--epochs <N>'

        Usage: prentice model sft --model <DIR> --examples <FILE>... --out <DIR> --steps <N> --quiet

        For more information, try '--help'.
        exit code 2

        $ prentice model sft --model base/model --examples good.jsonl --tokens-a-batch 0 --out out
        error: --tokens-a-batch 0 leaves nothing to train on
        hint: leave it out for 4096
        exit code 2

        $ prentice model sft --model base/model --examples good.jsonl --learning-rate -1 --out out
        error: --learning-rate -1 is not above 0
        hint: leave it out for one that suits
        exit code 2

        $ prentice model sft --model base/model --examples good.jsonl --lora-rank 0 --out out
        error: the adapters have r = 0, but this engine needs a rank from 1 to 384 for this model
        hint: plain LoRA can be used: r, lora_alpha, and target_modules among the projections of attention and feed-forward part
        exit code 2

        $ prentice model sft --model base/model --examples good.jsonl --lora-rank 2 --lora-targets q_prok --out out
        error: "q_prok" is no projection
        hint: did you mean `q_proj`? Known are: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, all-linear
        exit code 2

        $ prentice model sft --model base/model --examples good.jsonl --merge --out out
        error: the following required arguments were not provided:
          --lora-rank <N>

        Usage: prentice model sft --model <DIR> --examples <FILE>... --out <DIR> --lora-rank <N> --merge --quiet

        For more information, try '--help'.
        exit code 2

        $ prentice model prefer --model base/model --pairs pairs.jsonl --objective simp --out out
        error: "simp" is no objective
        hint: did you mean `simpo`? Known are: dpo, ipo, kto, orpo, simpo
        exit code 2

        $ prentice model prefer --model base/model --pairs no-rejected.jsonl --out out
        error: no-rejected.jsonl, line 2: field `rejected` is missing
        hint: each line is an object, such as {"prompt": "...", "response": "..."}; pairs have "chosen" and "rejected", labelled examples "label"
        exit code 2

        $ prentice model prefer --model base/model --pairs label.jsonl --objective kto --out out
        error: label.jsonl, line 1: field `label` is a text, expected is true or false
        hint: each line is an object, such as {"prompt": "...", "response": "..."}; pairs have "chosen" and "rejected", labelled examples "label"
        exit code 2

        $ prentice model rl --model base/model --tasks tasks/train.jsonl --out out
        error: the following required arguments were not provided:
          <--steps <N>|--minutes <N>>

        Usage: prentice model rl --model <DIR> --tasks <FILE> --out <DIR> --quiet <--steps <N>|--minutes <N>>

        For more information, try '--help'.
        exit code 2

        $ prentice model rl --model base/model --tasks tasks/train.jsonl --steps 0 --out out
        error: --steps 0 leaves nothing to train on
        hint: give a number above 0
        exit code 2

        $ prentice model rl --model base/model --tasks tasks/train.jsonl --steps 1 --groups 0 --out out
        error: --groups 0 leaves nothing to learn from
        hint: give a number above 0
        exit code 2

        $ prentice model rl --model base/model --tasks tasks/train.jsonl --steps 1 --kl -1 --out out
        error: --kl -1 is not 0 or above
        hint: 0 does without a reference
        exit code 2

        $ prentice model rl --model base/model --tasks tasks/train.jsonl --steps 1 --algorithm gropo --out out
        error: "gropo" is no algorithm
        hint: did you mean `grpo`? Known are: grpo, dr-grpo, dapo, rloo, reinforce++, reinforce++-baseline, gspo, cispo, ppo
        exit code 2

        $ prentice model rl --model base/model --tasks prompts.jsonl --steps 1 --out out
        error: prompts.jsonl, line 1: missing field `id`
        hint: tasks are what `prentice task generate` writes; `model rl --reward-command` takes prompts without tests
        exit code 2

        $ prentice model rl --model base/model --tasks no-prompt.jsonl --steps 1 --reward-command true --out out
        error: no-prompt.jsonl, line 2: field `prompt` is missing
        hint: each line is an object, such as {"id": "7", "prompt": "..."}, or a task
        exit code 2

        $ prentice model rl --model base/model --tasks prompts.jsonl --steps 1 --reward-seconds 1 --out out
        error: the following required arguments were not provided:
          --reward-command <CMD>

        Usage: prentice model rl --model <DIR> --tasks <FILE> --out <DIR> --reward-command <CMD> --reward-seconds <N> --quiet <--steps <N>|--minutes <N>>

        For more information, try '--help'.
        exit code 2

        $ prentice model rl --model base/model --tasks prompts.jsonl --steps 1 --reward-command true --reward-seconds 0 --out out
        error: --reward-seconds 0 is no time to judge in
        hint: give a number above 0, at most 86400
        exit code 2

        $ prentice model rl --model base/model --tasks prompts.jsonl --steps 1 --reward-command true --environment repair --out out
        error: --environment repair needs tests, which say what to repair, and --reward-command has none
        hint: leave out one of the two
        exit code 2

        $ prentice model synthesize --model base/model --tasks tasks/train.jsonl --samples 0 --out out
        error: --samples 0 leaves nothing to write
        hint: give a number above 0
        exit code 2

        $ prentice model synthesize --model base/model --tasks tasks/train.jsonl --pairs --keep-if-passes --out out
        error: the argument '--pairs' cannot be used with '--keep-if-passes'

        Usage: prentice model synthesize --model <DIR> --tasks <FILE> --out <FILE> --pairs --quiet

        For more information, try '--help'.
        exit code 2

        $ prentice model synthesize --model base/model --tasks no-json.jsonl --out out
        error: no-json.jsonl, line 1: missing field `id`
        hint: tasks are what `prentice task generate` writes; `model rl --reward-command` takes prompts without tests
        exit code 2

        $ prentice task generate docfm --train 1 --test 1 --out out
        error: invalid value 'docfm' for '<FAMILY>'
          [possible values: docfn, iofn]

          tip: a similar value exists: 'docfn'

        For more information, try '--help'.
        exit code 2

        $ prentice task generate docfn --train 0 --test 0 --out out
        error: --train 0 and --test 0 leave nothing to make
        hint: give a number above 0
        exit code 2

        $ prentice task generate docfn --train 1 --test 1 --depths 2-4 --out out
        error: invalid value '2-4' for '--depths <A-B>': write one depth or two, within 1 to 3, such as 1-2

        For more information, try '--help'.
        exit code 2

        $ prentice task generate docfn --train 1 --test 1 --mismatch 2 --out out
        error: --mismatch 2 is not a share from 0 to 1
        hint: 0 makes all labels right
        exit code 2

    "#]].assert_eq(&outcomes);
    assert_eq!(sandbox.listing(""), before);
}

#[test]
fn what_is_passed_over_is_counted() {
    let sandbox = learning_sandbox();
    let mut outcomes = String::new();
    for arguments in [
        "model sft --model base/model --examples empty.jsonl long.jsonl --steps 1 --out dropped",
        "model sft --model base/model --examples long.jsonl --over-long truncate --steps 1 --out truncated",
    ] {
        let output = sandbox.prentice(&format!("{arguments} --quiet")).output().unwrap();
        outcomes += &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{outcomes}");
    }
    expect![[r#"
        warning: empty.jsonl: 1 line left out: a response is empty
        warning: long.jsonl: 1 line left out: more than the model's 1,024 tokens
        warning: long.jsonl: 1 line cut off after the model's 1,024 tokens
    "#]]
    .assert_eq(&outcomes);
}

#[test]
fn a_run_that_cannot_go_well_says_so_and_keeps_what_is_good() {
    let sandbox = learning_sandbox();
    let sft = "model sft --model base/model --examples tasks/labels.jsonl --quiet";
    let fails = |command: &mut std::process::Command, parts: &[&str]| {
        let outcome = sandbox.outcome(command);
        assert!(parts.iter().all(|part| outcome.contains(part)), "{outcome}");
    };

    // Memory, before anything begins.
    let memory =
        ["error: this needs ", " of memory, and there are 1.00 MB\nhint: lower --tokens-a-batch", "exit code 2"];
    let rl = "model rl --model base/model --tasks prompts.jsonl --reward-command true --steps 1 --quiet";
    for arguments in [sft, rl] {
        let mut command = sandbox.prentice(&format!("{arguments} --out big"));
        fails(command.env("PRENTICE_MEMORY_BYTES", "1000000"), &memory);
        let mut command = sandbox.prentice(&format!("{arguments} --out big"));
        fails(command.env("PRENTICE_MEMORY_BYTES", "much"), &["PRENTICE_MEMORY_BYTES is \"much\"", "exit code 2"]);
    }
    assert!(!sandbox.path("big").exists());

    // Another run's directory.
    sandbox.summary("model sft --model base/model --examples tasks/labels.jsonl --steps 2 --out done");
    let other =
        ["error: done/checkpoints holds checkpoints of a run with other", "hint: choose another --out", "code 2"];
    fails(&mut sandbox.prentice(&format!("{sft} --steps 2 --seed 1 --out done")), &other);

    // A learning rate beyond all measure.
    let diverged = ["error: training diverged", "hint: lower the learning rate, and look at that batch", "exit code 1"];
    fails(&mut sandbox.prentice(&format!("{sft} --learning-rate 1e30 --steps 9 --out wild")), &diverged);
    assert!(sandbox.listing("wild").iter().all(|name| name == "checkpoints" || name == "lock"));
}

#[test]
fn a_reward_command_that_fails_scores_nothing_and_the_run_goes_on_later() {
    let sandbox = learning_sandbox();
    let judge = "echo x >> asked\nif [ -e broken ]; then . ./broken; fi\nbytes=$(wc -c)\necho $((bytes % 7))\n";
    sandbox.write("judge.sh", judge);
    let rl = |out: &str, command: &str, seconds: f64| {
        let mut rl = sandbox.prentice(
            "model rl --model base/model --tasks prompt.jsonl --groups 1 --group-size 6 --turn-tokens 6 --steps 3 \
             --checkpoint-every 1 --quiet",
        );
        rl.args(["--out", out, "--reward-command", command, "--reward-seconds", &seconds.to_string()]);
        rl
    };
    let judged = |out: &str| rl(out, "sh judge.sh", 20.0);
    let whole = sandbox.outcome(&mut judged("whole"));
    assert!(whole.starts_with("whole/model: 3 steps, 18 attempts, reward "), "{whole}");

    let mut outcomes = String::new();
    for broken in
        ["echo 'no such model' >&2; exit 3", "echo fine; exit 0", "if [ $(wc -l < asked) -gt 8 ]; then exit 4; fi"]
    {
        sandbox.write("broken", broken);
        sandbox.write("asked", "");
        outcomes += &format!("$ {broken}\n{}", sandbox.outcome(&mut judged("broken-run")));
    }
    assert!(!sandbox.listing("broken-run/checkpoints").is_empty(), "the last command was right for a step");
    outcomes += &format!("$ sleep 600\n{}", sandbox.outcome(&mut rl("hanging", "sleep 600", 0.3)));
    expect![[r#"
        $ echo 'no such model' >&2; exit 3
        error: task one cannot be judged: the reward command exited with status 3: no such model
        hint: nothing was scored: mend what the command runs; the same command line continues this run
        exit code 2
        $ echo fine; exit 0
        error: task one cannot be judged: the reward command printed "fine", expected is a number or {"reward": 0.5, "solved": false}
        hint: nothing was scored: mend what the command runs; the same command line continues this run
        exit code 2
        $ if [ $(wc -l < asked) -gt 8 ]; then exit 4; fi
        error: task one cannot be judged: the reward command exited with status 4
        hint: nothing was scored: mend what the command runs; the same command line continues this run
        exit code 2
        $ sleep 600
        error: task one cannot be judged: the reward command did not end within 0.3 s and was killed
        hint: nothing was scored: mend what the command runs; the same command line continues this run
        exit code 2
    "#]].assert_eq(&outcomes);

    fs::remove_file(sandbox.path("broken")).unwrap();
    assert_eq!(sandbox.outcome(&mut judged("broken-run")), whole.replace("whole", "broken-run"));
    let model = |out: &str| fs::read(sandbox.path(out).join("model/model.safetensors")).unwrap();
    assert!(model("broken-run") == model("whole"));

    // Nothing to tell attempts apart by is no error, and is said.
    sandbox.check(&mut rl("flat", "echo 1", 20.0), expect![[r#"
        warning: in no group did attempts differ in their reward, so nothing was learnt: give tasks that the model solves sometimes, or train it on examples first
        exit code 0
    "#]]);
}

#[test]
fn texts_and_trees_that_cannot_be_cited() {
    let sandbox = Sandbox::new();
    sandbox.tree("tree", 2);
    sandbox.write("bytes.py", b"a = '\xff'\n");
    sandbox.write("empty.py", "");
    sandbox.write("broken.patch", "+++ b/a.py\n@@ -1,9 +1,9 @@\n+x = 1");
    fs::create_dir(sandbox.path("nothing")).unwrap();
    let mut outcomes = String::new();
    for arguments in [
        "cite nowhere.py --in tree",
        "cite tree --in tree",
        "cite bytes.py --in tree",
        "cite empty.py --in tree",
        "cite broken.patch --in tree",
        "cite - --in tree",
        "cite empty.py --in nowhere",
        "cite empty.py --in nothing",
        "cite empty.py --in tree --least 3",
        "cite empty.py --in tree --policy own",
    ] {
        outcomes += &format!("$ prentice {arguments}\n{}\n", sandbox.outcome(&mut sandbox.prentice(arguments)));
    }
    expect![[r#"
        $ prentice cite nowhere.py --in tree
        error: cannot read nowhere.py
        caused by: No such file or directory (os error 2)
        hint: check the spelling; a relative path starts at the current directory
        exit code 2

        $ prentice cite tree --in tree
        error: cannot read tree
        caused by: Is a directory (os error 21)
        hint: name a file, not a directory
        exit code 2

        $ prentice cite bytes.py --in tree
        error: bytes.py is not UTF-8: byte 6 begins no character
        hint: give a text file
        exit code 2

        $ prentice cite empty.py --in tree
        0 spans found in 2 files
        exit code 0

        $ prentice cite broken.patch --in tree
        0 spans found in 2 files
        exit code 0

        $ prentice cite - --in tree
        0 spans found in 2 files
        exit code 0

        $ prentice cite empty.py --in nowhere
        error: nowhere does not exist
        hint: check the spelling; a relative path starts at the current directory
        exit code 2

        $ prentice cite empty.py --in nothing
        error: no files in nothing
        hint: give a directory with source code; files that `.gitignore` names do not count
        exit code 2

        $ prentice cite empty.py --in tree --least 3
        error: --least 3 is below 8, the shortest span that is looked up
        hint: give 8 or more
        exit code 2

        $ prentice cite empty.py --in tree --policy own
        error: invalid value 'own' for '--policy <POLICY>'
          [possible values: any, no-copyleft, permissive]

        For more information, try '--help'.
        exit code 2

    "#]]
    .assert_eq(&outcomes);
}
