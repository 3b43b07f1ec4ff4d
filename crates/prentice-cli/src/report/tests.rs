//! The page as a whole. `PRENTICE_REPORT_SAMPLE=1 cargo test -p prentice-cli report` writes `target/report-sample.html`
//! at the root of the workspace, to be looked at.

use std::{collections::BTreeMap, fs, path::Path};

use expect_test::expect;
use prentice_base::{CODE_VERSION, Machine, Seed};
use prentice_sandbox::Tier;

use super::*;
use crate::execution::Speed;

pub const HOSTILE: &str =
    "</pre></style></title><script>alert('x')</script><img src=x onerror=\"alert(1)\">&amp;{{title}}{}-->\u{202e}";

/// A plausible report; `payload` is appended to every text that comes from outside.
fn sample(payload: &str) -> Report {
    let text = |text: &str| format!("{text}{payload}");
    let amount = |files, bytes| Amount { files, bytes };
    let drop = |reason: &str, explanation: &str, files, bytes, samples: &[(&str, &str)]| Drop {
        reason: text(reason),
        explanation: text(explanation),
        amount: amount(files, bytes),
        samples: samples.iter().map(|(path, detail)| Sample { path: text(path), detail: text(detail) }).collect(),
    };
    let language = |name: Option<&str>, files, bytes| Language { name: name.map(text), amount: amount(files, bytes) };
    let licence =
        |name: Option<&str>, files, bytes| Licence { expression: name.map(text), amount: amount(files, bytes) };
    let scores = |bits_per_byte, unigram_bits_per_byte, top1, holes, figures: [f64; 4]| Scores {
        bits_per_byte,
        unigram_bits_per_byte,
        top1,
        infilling: (holes > 0).then_some(Infilling {
            holes,
            exact_match: figures[0],
            edit_similarity: figures[1],
            copy_exact_match: figures[2],
            copy_edit_similarity: figures[3],
        }),
    };
    let completion =
        |path: &str, line, licence: Option<&str>, before: &str, truth: &str, model: &str, after: &str| Completion {
            path: text(path),
            line,
            origin: text("python3.11"),
            licence: licence.map(text),
            before: text(before),
            after: format!("{payload}{after}{payload}"),
            truth: text(truth),
            model: text(model),
            exact: truth == model,
            edit_similarity: if truth == model { 1.0 } else { 0.784 },
        };
    let planned = |what: &str, planned, measured| Planned { what: text(what), planned, measured };
    let stage = |name: &str, inputs: &[&str], options, seconds, kernels: &str| {
        let hash = |name: &str| ContentHash::of(name.as_bytes());
        RunManifest {
            stage: text(name),
            key: hash(name),
            code_version: text(CODE_VERSION),
            commit: Some(text("b1404cf")),
            inputs: inputs.iter().map(|input| (text(input), hash(input))).collect(),
            options,
            seed: Seed(7),
            outputs: BTreeMap::from([(text(name), hash("output"))]),
            machine: Machine::current(2, text(kernels)),
            seconds,
            summary: serde_json::json!({ "note": payload, "files": 2_375 }),
        }
    };
    // A curve like a real one: a fast fall, a slow one, noise that shrinks, and a decay at the end.
    let steps = 1_480u64;
    let mut noise = 1u64;
    let mut curve = Vec::new();
    let mut evaluations = Vec::new();
    for step in 1..=steps {
        let t = step as f64;
        let decay = ((t / steps as f64 - 0.8) / 0.2).max(0.0);
        let clean = 1.65 + 5.1 * (-t / 45.0).exp() + 2.2 * (-t / 420.0).exp() - 0.18 * decay;
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let jitter = (noise >> 40) as f64 / (1u64 << 24) as f64 - 0.5;
        curve.push(CurvePoint {
            step,
            loss: (clean + 0.55 * jitter) as f32,
            learning_rate: (0.003 * (t / 60.0).min(1.0) * (1.0 - 0.9 * decay)) as f32,
        });
        if step % 120 == 0 || step == steps {
            let loss = (clean + 0.04 + 0.10 * t / steps as f64) as f32;
            evaluations.push(Evaluation { step, loss, bits_per_byte: loss * 0.98 });
        }
    }
    Report {
        title: text("python3.11"),
        path: text("~/src/cpython/Lib"),
        policy: text("own"),
        corpus: Corpus {
            found: amount(2_967, 41_830_112),
            drops: vec![
                drop(
                    "not-a-regular-file",
                    "Link or special file",
                    12,
                    0,
                    &[("LICENSE.txt", "link"), ("sitecustomize.py", "link")],
                ),
                drop("unreadable", "Cannot be read", 0, 0, &[]),
                drop(
                    "binary",
                    "Binary",
                    214,
                    6_203_411,
                    &[
                        ("lib-dynload/_ssl.cpython-311.so", "NUL at byte 4"),
                        ("lib-dynload/_sqlite3.cpython-311.so", "NUL at byte 4"),
                    ],
                ),
                drop(
                    "not-utf-8",
                    "Not UTF-8",
                    9,
                    118_220,
                    &[("test/encoded_modules/module_koi8_r.py", "byte 0xf0 at 83")],
                ),
                drop(
                    "vendored",
                    "Copied from elsewhere",
                    62,
                    1_804_113,
                    &[("ensurepip/_bundled", "directory name"), ("lib2to3/pgen2/literals.py", "directory name")],
                ),
                drop(
                    "generated",
                    "Written by a tool",
                    41,
                    3_911_873,
                    &[
                        ("pydoc_data/topics.py", "“Autogenerated by Sphinx”"),
                        ("encodings/cp037.py", "“generated from … with gencodec.py”"),
                        ("unicodedata_db.h", "“do not edit”"),
                    ],
                ),
                drop("minified", "Minified", 0, 0, &[]),
                drop(
                    "long-lines",
                    "Lines too long",
                    17,
                    422_930,
                    &[("test/test_zlib.py", "longest line 4,211 characters")],
                ),
                drop("few-letters", "Mostly digits and signs", 23, 689_001, &[]),
                drop(
                    "too-short",
                    "Fewer than 50 characters",
                    188,
                    4_313,
                    &[("email/mime/__init__.py", "0 characters"), ("concurrent/__init__.py", "38 characters")],
                ),
                drop(
                    "duplicate",
                    "Same text as another file",
                    26,
                    301_454,
                    &[("test/test_importlib/data01/utf-8.file", "same as data02/utf-8.file")],
                ),
            ],
            kept: amount(2_375, 28_374_797),
            train: amount(2_257, 26_901_340),
            held_out: amount(118, 1_473_457),
            languages: vec![
                language(Some("Python"), 1_984, 25_930_112),
                language(Some("C"), 98, 1_244_002),
                language(Some("reStructuredText"), 61, 622_118),
                language(Some("Text"), 157, 402_336),
                language(Some("Shell"), 22, 88_412),
                language(None, 53, 87_817),
            ],
            licences: vec![
                licence(Some("PSF-2.0"), 2_203, 27_002_411),
                licence(Some("MIT OR Apache-2.0 WITH LLVM-exception"), 41, 610_330),
                licence(None, 98, 588_101),
                licence(Some("BSD-3-Clause"), 33, 173_955),
                licence(Some("Zlib"), 3, 31_020),
                licence(Some("Unicode-3.0"), 2, 20_411),
                licence(Some("ISC"), 2, 10_020),
                licence(Some("BSL-1.0"), 1, 9_020),
                licence(Some("0BSD"), 1, 4_020),
                licence(Some("CC0-1.0"), 1, 1_020),
            ],
        },
        model: ModelCard {
            architecture: text("Dense decoder: grouped-query attention, SwiGLU, RMS norm, rotary positions"),
            parameters: 6_912_345,
            layers: 6,
            hidden_size: 256,
            feed_forward_size: 704,
            heads: 8,
            key_value_heads: 4,
            context: 512,
            vocabulary: 8_192,
            tied_embeddings: true,
            precision: text("bf16"),
            kernels: text("avx512_bf16"),
        },
        training: Training {
            steps,
            tokens: 6_062_080,
            epochs: 0.83,
            batch_tokens: 4_096,
            schedule: text("warm-up, stable, decay"),
            seconds: 247.3,
            tokens_per_second: 24_513.0,
            curve,
            evaluations,
        },
        held_out: HeldOut {
            amount: amount(118, 1_473_457),
            tokens: 431_902,
            overall: scores(1.874, 3.412, 0.523, 400, [0.2375, 0.612, 0.085, 0.391]),
            languages: vec![
                LanguageScores {
                    language: text("Python"),
                    scores: scores(1.821, 3.39, 0.531, 362, [0.249, 0.622, 0.088, 0.398]),
                },
                LanguageScores {
                    language: text("C"),
                    scores: scores(2.204, 3.61, 0.452, 31, [0.129, 0.511, 0.065, 0.322]),
                },
                LanguageScores { language: text("reStructuredText"), scores: scores(2.731, 3.55, 0.388, 0, [0.0; 4]) },
            ],
        },
        completions: vec![
            completion(
                "asyncio/locks.py",
                112,
                Some("PSF-2.0"),
                "        self._waiters = None\n        self._locked = False\n\n    def __repr__(self):\n        res = super().__repr__()\n        extra = 'locked' if self._locked else 'unlocked'\n        if self._waiters:\n            ",
                "extra = f'{extra}, waiters:{len(self._waiters)}'",
                "extra = f'{extra}, waiters:{len(self._waiters)}'",
                "\n        return f'<{res[1:-1]} [{extra}]>'\n\n    def locked(self):\n",
            ),
            completion(
                "html/parser.py",
                231,
                Some("PSF-2.0"),
                "                elif startswith(\"<!--\", i):\n                    k = self.parse_comment(i)\n                elif startswith(\"<?\", i):\n                    k = self.parse_pi(i)\n                elif startswith(\"<!\", i):\n",
                "                    k = self.parse_html_declaration(i)",
                "                    k = self.parse_declaration(i)",
                "\n                elif (i + 1) < n:\n                    self.handle_data(\"<script>alert(1)</script>\")\n",
            ),
            completion(
                "turtledemo/tree.py",
                38,
                None,
                "def tree(plist, l, a, f):\n    \"\"\" plist is list of pens\n    l is length of branch\n    \"\"\"\n    if l > 3:\n        lst = []\n        for p in plist:\n            p.forward(l)\n            q = p.clone()\n",
                "            p.left(a)",
                "            q.forward(l * f)",
                "\n            q.right(a)\n            lst.append(p)\n",
            ),
        ],
        execution: Proof::Works {
            speed: Speed { tier: Tier::A, candidate_cpu_ms: 1.6, candidates_per_second: 429.0, command_ms: 3.5 },
            refused: vec![text("start a process"), text("open a socket")],
            reached: Vec::new(),
        },
        verdicts: Verdicts {
            sentences: vec![text("rl solves 17.7 points more than sft at the first try.")],
            page: Some("learning.html".to_owned()),
        },
        plan: vec![
            planned("Peak memory", Quantity::Bytes(1_310_000_000), Some(Quantity::Bytes(1_254_000_000))),
            planned("Training time", Quantity::Seconds(240.0), Some(Quantity::Seconds(247.3))),
            planned("Whole command", Quantity::Seconds(300.0), Some(Quantity::Seconds(296.8))),
            planned("Training speed", Quantity::PerSecond(23_800.0), Some(Quantity::PerSecond(24_513.0))),
            planned("Training steps", Quantity::Count(1_430), Some(Quantity::Count(1_480))),
            planned("Disk", Quantity::Bytes(74_000_000), None),
        ],
        stages: vec![
            stage("corpus", &["tree"], serde_json::json!({"policy": text("own"), "held_out_share": 0.05}), 3.1, ""),
            stage("tokens", &["corpus"], serde_json::json!({"vocabulary": 8192, "fim_rate": 0.5}), 14.2, ""),
            stage(
                "train",
                &["tokens", "vocabulary"],
                serde_json::json!({"minutes": 4, "schedule": "wsd"}),
                247.3,
                "avx512_bf16",
            ),
            stage("examine", &["train", "corpus"], serde_json::json!({"holes": 400}), 32.2, "avx512_bf16"),
        ],
        next: vec![
            NextCommand {
                purpose: text("Fill a line of your own code"),
                command: text("prentice complete src/main.py:42 --model .prentice/model"),
            },
            NextCommand {
                purpose: text("Go on from a prompt"),
                command: text("prentice model generate --model .prentice/model --prompt 'def parse('"),
            },
            NextCommand {
                purpose: text("See why a file was dropped"),
                command: text("prentice corpus explain ~/src/cpython/Lib"),
            },
            NextCommand {
                purpose: text("Train for longer"),
                command: text("prentice quickstart ~/src/cpython/Lib --minutes 60"),
            },
        ],
    }
}

/// The names of the tags in their order: what a browser would make elements of.
pub fn tags(page: &str) -> Vec<&str> {
    page.split('<')
        .skip(1)
        .map(|rest| rest.split([' ', '>', '\n', '/']).find(|name| !name.is_empty()).unwrap_or(""))
        .collect()
}

#[test]
fn a_sample_to_look_at() {
    let page = render(&sample(""));
    assert!(page.len() < 200_000, "{} bytes", page.len());
    if std::env::var_os("PRENTICE_REPORT_SAMPLE").is_some() {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
        fs::create_dir_all(&target).unwrap();
        fs::write(target.join("report-sample.html"), page).unwrap();
    }
}

#[test]
fn hostile_text_adds_no_element() {
    let plain = render(&sample(""));
    let hostile = render(&sample(HOSTILE));
    assert_eq!(tags(&plain), tags(&hostile));
    assert!(hostile.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
    assert!(!hostile.contains('\u{202e}'));
}

#[test]
fn elements_are_closed() {
    assert_closed(&render(&sample(HOSTILE)));
}

/// Every element of a page that has an end has it in its place.
pub fn assert_closed(page: &str) {
    let (_, body) = page.split_once("</style>").unwrap();
    let void = ["input", "line", "path", "circle", "br", "!doctype"];
    let mut open = vec!["head", "html"];
    open.reverse();
    for piece in body.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').expect("a tag ends");
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "near <{tag}>");
        } else if !void.contains(&name.trim_end_matches('/')) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_page_asks_for_nothing() {
    let page = render(&sample(""));
    for forbidden in ["http:", "https:", "url(", "@import", "<link", "<script src", "src=", "javascript:"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("default-src 'none'"));
    assert_eq!(page, render(&sample("")), "the same report gives the same bytes");
}

#[test]
fn a_report_survives_json() {
    let report = sample("");
    let back: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(back, report);
}

/// Everything that can be missing is missing.
#[test]
fn an_empty_report_still_renders() {
    let mut report = sample("");
    report.corpus = Corpus {
        found: Amount::default(),
        drops: vec![],
        kept: Amount::default(),
        train: Amount::default(),
        held_out: Amount::default(),
        languages: vec![],
        licences: vec![],
    };
    report.training.curve.clear();
    report.training.evaluations.clear();
    report.training.tokens_per_second = f64::NAN;
    report.held_out.languages.clear();
    report.held_out.overall.bits_per_byte = f64::NAN;
    report.held_out.overall.infilling = None;
    report.completions.clear();
    report.plan.clear();
    report.stages.clear();
    report.next.clear();
    let page = render(&report);
    assert!(!page.contains("NaN") && !page.contains("inf%"));
    assert!(page.contains("Too few steps to draw a curve"));
}

#[test]
fn a_completion_shows_context_truth_and_model() {
    let mut report = sample("");
    let mut one = report.completions.swap_remove(2);
    (one.before, one.after) = ("a = 1\nb = ".into(), "  # why\nc = 3\nd = 4\ne = 5\n".into());
    (one.line, one.truth, one.model) = (2, "a + 1".into(), "a - 1".into());
    expect![[r#"
        <figure class="completion"><figcaption><code>turtledemo/tree.py:2</code><span class="origin">python3.11 · no licence found</span><span class="mark">78.4 % similar</span></figcaption>
        <pre class="code"><div><span class="line context"><b>1</b>a = 1
        </span><span class="line truth"><b>truth</b><span class="context">b = </span>a <mark>+</mark> 1<span class="context">  # why</span>
        </span><span class="line model"><b>model</b><span class="context">b = </span>a <mark>-</mark> 1<span class="context">  # why</span>
        </span><span class="line context"><b>3</b>c = 3
        </span><span class="line context"><b>4</b>d = 4
        </span></div></pre></figure>
    "#]].assert_eq(&sections::completions(&[one]).into_string());
}

#[test]
fn a_funnel_says_what_was_lost_where() {
    let mut corpus = sample("").corpus;
    corpus.drops.truncate(4);
    expect![[r#"
        <input class="hidden" type="radio" name="measure" id="by-bytes" checked><input class="hidden" type="radio" name="measure" id="by-files">
        <div class="measure"><span>Bars show</span><label for="by-bytes">bytes</label><label for="by-files">files</label></div>
        <div class="funnel">
        <div class="funnel-row head"><span></span><span class="track" style="background:none"></span><span class="n">files</span><span class="n">size</span></div>
        <div class="funnel-row found"><span class="what">Found</span><span class="track" style="--bytes-left:0%;--bytes-width:100%;--files-left:0%;--files-width:100%"><i class="rest"></i><i></i></span><span class="n">2,967</span><span class="n">41.8 MB</span></div>
        <details><summary class="funnel-row dropped"><span class="what">Link or special file <code>not-a-regular-file</code></span><span class="track" style="--bytes-left:100%;--bytes-width:0%;--files-left:99.6%;--files-width:0.4%"><i class="rest"></i><i></i></span><span class="n">12</span><span class="n">0 B</span></summary><ul class="samples"><li><code>LICENSE.txt</code> · link</li><li><code>sitecustomize.py</code> · link</li></ul></details>
        <details><summary class="funnel-row dropped"><span class="what">Binary <code>binary</code></span><span class="track" style="--bytes-left:85.17%;--bytes-width:14.83%;--files-left:92.38%;--files-width:7.21%"><i class="rest"></i><i></i></span><span class="n">214</span><span class="n">6.20 MB</span></summary><ul class="samples"><li><code>lib-dynload/_ssl.cpython-311.so</code> · NUL at byte 4</li><li><code>lib-dynload/_sqlite3.cpython-311.so</code> · NUL at byte 4</li></ul></details>
        <details><summary class="funnel-row dropped"><span class="what">Not UTF-8 <code>not-utf-8</code></span><span class="track" style="--bytes-left:84.89%;--bytes-width:0.28%;--files-left:92.08%;--files-width:0.3%"><i class="rest"></i><i></i></span><span class="n">9</span><span class="n">118 kB</span></summary><ul class="samples"><li><code>test/encoded_modules/module_koi8_r.py</code> · byte 0xf0 at 83</li></ul></details>
        <div class="funnel-row kept"><span class="what">Kept</span><span class="track" style="--bytes-left:0%;--bytes-width:67.83%;--files-left:0%;--files-width:80.05%"><i class="rest"></i><i></i></span><span class="n">2,375</span><span class="n">28.4 MB</span></div>
        <div class="funnel-row part"><span class="what">to learn from</span><span class="track" style="--bytes-left:0%;--bytes-width:64.31%;--files-left:0%;--files-width:76.07%"><i class="rest"></i><i></i></span><span class="n">2,257</span><span class="n">26.9 MB</span></div>
        <div class="funnel-row part"><span class="what">held out for the examination</span><span class="track" style="--bytes-left:64.31%;--bytes-width:3.52%;--files-left:76.07%;--files-width:3.98%"><i class="rest"></i><i></i></span><span class="n">118</span><span class="n">1.47 MB</span></div>
        </div>
        <p class="aside">Checked, and nothing found to drop: <code>unreadable</code></p>"#]].assert_eq(&funnel::funnel(&corpus).into_string());
}
