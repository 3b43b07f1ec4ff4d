//! The two faces of [`Event`]: progress for people on stderr, JSON lines for programs on stdout.
//!
//! People get one line a stage. On a terminal the running stage is drawn as a bar or spinner and leaves its line when it
//! ends; elsewhere the same lines are written sparsely, at most one every [`SPARSE`] while a stage runs. Programs get
//! every event, one a line, and [`Event::Summary`] is the last: what comes after it is dropped.
//!
//! A [`Event::Summary`] is not shown to people here: the command that made it knows better how to say it.

use std::{
    collections::HashMap,
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use prentice_base::Event;
use serde_json::{Value, json};

use crate::{
    format,
    terminal::{self, Palette, visible},
};

/// While a stage runs, a log gets a line at most this often.
pub const SPARSE: Duration = Duration::from_secs(10);

/// Receives the events of a command. Share it between threads as `&|event| reporter.emit(event)`.
#[derive(Debug)]
pub struct Reporter {
    face: Mutex<Face>,
}

#[derive(Debug)]
enum Face {
    Json(JsonLines<io::Stdout>),
    Bars(Bars),
    Log {
        lines: Lines,
        start: Instant,
    },
    /// Warnings only.
    Quiet {
        colour: bool,
    },
}

impl Reporter {
    /// `json` chooses the events on stdout, `quiet` leaves only warnings; otherwise stderr decides between bars and
    /// sparse lines.
    pub fn new(json: bool, quiet: bool) -> Self {
        let colour = terminal::stderr_has_colour();
        let face = if json {
            Face::Json(JsonLines::new(io::stdout()))
        } else if quiet {
            Face::Quiet { colour }
        } else if terminal::stderr_is_interactive() {
            Face::Bars(Bars::new(colour))
        } else {
            Face::Log { lines: Lines::new(colour), start: Instant::now() }
        };
        Self { face: Mutex::new(face) }
    }

    /// Shows an event, or not.
    pub fn emit(&self, event: Event) {
        match &mut *self.face() {
            Face::Json(lines) => lines.write(&event),
            Face::Bars(bars) => bars.show(&event),
            Face::Log { lines, start } => {
                if let Some(text) = lines.line(&event, start.elapsed()) {
                    write_stderr(&text);
                }
            }
            Face::Quiet { colour } => {
                if let Event::Warning { message } = &event {
                    write_stderr(&warning(message, Palette { colour: *colour }));
                }
            }
        }
    }

    /// Takes the bars of unfinished stages off the screen. Call it before writing anything else.
    ///
    /// # Errors
    /// Some JSON line could not be written, for another reason than that nobody reads any more.
    pub fn finish(&self) -> io::Result<()> {
        match &mut *self.face() {
            Face::Json(lines) => lines.failure.take().map_or(Ok(()), Err),
            Face::Bars(bars) => {
                bars.clear();
                Ok(())
            }
            Face::Log { .. } | Face::Quiet { .. } => Ok(()),
        }
    }

    /// A thread that panicked while it reported must not silence the others.
    fn face(&self) -> MutexGuard<'_, Face> {
        self.face.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

/// As `eprintln!`, but without its panic where stderr is closed.
fn write_stderr(text: &str) {
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Writes events as JSON lines.
#[derive(Debug)]
struct JsonLines<W> {
    out: W,
    /// Nothing more is written: the summary was, or nobody reads.
    closed: bool,
    failure: Option<io::Error>,
}

impl<W: Write> JsonLines<W> {
    fn new(out: W) -> Self {
        Self { out, closed: false, failure: None }
    }

    fn write(&mut self, event: &Event) {
        if self.closed {
            return;
        }
        let line = json_line(event);
        if let Err(error) = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush()) {
            self.closed = true;
            self.failure = terminal::forgive_broken_pipe(Err(error)).err();
        }
        self.closed |= matches!(event, Event::Summary(_));
    }
}

/// The event on one line. A plan or summary that is no object, which a tag cannot be put into, becomes its `value`.
fn json_line(event: &Event) -> String {
    let text = match event {
        Event::Plan(value) if !value.is_object() => json!({"event": "plan", "value": value}).to_string(),
        Event::Summary(value) if !value.is_object() => json!({"event": "summary", "value": value}).to_string(),
        event => serde_json::to_string(event).expect("an event is plain data"),
    };
    text + "\n"
}

/// The lines for people, without any drawing.
#[derive(Debug)]
struct Lines {
    palette: Palette,
    /// When the running stage's last line was written.
    last: Duration,
    /// The stage that was started last, to which steps of training belong.
    stage: String,
}

impl Lines {
    fn new(colour: bool) -> Self {
        Self { palette: Palette { colour }, last: Duration::ZERO, stage: String::new() }
    }

    /// The text, if any, for an event that happens at `now`, counted from the start of the command.
    fn line(&mut self, event: &Event, now: Duration) -> Option<String> {
        let (stage, text) = match event {
            Event::Progress { stage, .. } => (stage.as_str(), running(event)?),
            Event::TrainStep { .. } | Event::PolicyStep { .. } => (self.stage.as_str(), running(event)?),
            _ => {
                if let Event::StageStarted { stage, .. } = event {
                    self.stage.clone_from(stage);
                }
                self.last = now;
                return settled(event, self.palette);
            }
        };
        if now < self.last + SPARSE {
            return None;
        }
        self.last = now;
        Some(stage_line(&self.palette.dim("·"), stage, &text))
    }
}

/// The line that an event leaves for good; `None` for events that only move a running stage.
fn settled(event: &Event, palette: Palette) -> Option<String> {
    match event {
        Event::StageStarted { stage, detail } => Some(stage_line(&palette.dim("·"), stage, detail)),
        Event::StageReused { stage, key } => {
            Some(stage_line(&palette.green("✓"), stage, &format!("reused {}", palette.dim(&visible(key)))))
        }
        Event::StageFinished { stage, seconds, detail } => {
            let time = palette.dim(&format!("({})", format::duration(*seconds)));
            Some(stage_line(&palette.green("✓"), stage, &format!("{} {time}", visible(detail))))
        }
        Event::Evaluated { step, bits_per_byte, .. } => {
            let text = format!("step {}, held-out {:.3} bits/byte", format::count(*step), bits_per_byte);
            Some(stage_line(&palette.dim("·"), "train", &text))
        }
        Event::Warning { message } => Some(warning(message, palette)),
        Event::Plan(value) => {
            let facts = facts(value);
            let width = facts.iter().map(|(name, _)| name.chars().count()).max()?;
            let line = |(name, fact): &(String, String)| stage_line(" ", "plan", &format!("{name:<width$}  {fact}"));
            Some(facts.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
        Event::Progress { .. } | Event::TrainStep { .. } | Event::PolicyStep { .. } | Event::Summary(_) => None,
    }
}

fn stage_line(mark: &str, stage: &str, text: &str) -> String {
    format!("{mark} {:<8} {text}", visible(stage))
}

fn warning(message: &str, palette: Palette) -> String {
    format!("{} {}", palette.yellow("warning:"), visible(message))
}

/// How far a running stage is.
fn running(event: &Event) -> Option<String> {
    match event {
        Event::Progress { done, total, unit, .. } => {
            let amount = |n: u64| if unit == "bytes" { format::bytes(n) } else { format::count(n) };
            let unit = if unit == "bytes" { String::new() } else { format!(" {}", visible(unit)) };
            Some(match total {
                Some(total) => format!("{} of {}{unit}", amount(*done), amount(*total)),
                None => format!("{}{unit}", amount(*done)),
            })
        }
        Event::TrainStep { step, steps, loss, tokens_per_second, seconds_left, .. } => Some(format!(
            "step {}/{} · loss {:.2} · {} left · {} tok/s",
            format::count(*step),
            format::count(*steps),
            loss,
            format::duration(*seconds_left),
            format::rate(*tokens_per_second),
        )),
        Event::PolicyStep { step, steps, reward, solved, visible, entropy, length, seconds_left } => Some(format!(
            "step {}/{} · reward {:.2} · solved {} · visible {} · entropy {:.2} · {:.0} tokens · {} left",
            format::count(*step),
            format::count(*steps),
            reward,
            format::percent(f64::from(*solved)),
            format::percent(f64::from(*visible)),
            entropy,
            length,
            format::duration(*seconds_left),
        )),
        _ => None,
    }
}

/// The flat facts of a plan or summary, readable: `("peak memory", "1.2 GB")` from `"peak_memory_bytes": 1200000000`.
///
/// The end of a name tells the unit (`_bytes`, `_seconds`), that of an object's name the unit of all in it. Lists are
/// left out.
pub fn facts(value: &Value) -> Vec<(String, String)> {
    let words = |name: &str| visible(name).replace('_', " ");
    let group = |name: &str, inner: &serde_json::Map<String, Value>| {
        let (name, unit) = ["_bytes", "_seconds"]
            .into_iter()
            .find_map(|unit| Some((name.strip_suffix(unit)?, unit)))
            .unwrap_or((name, ""));
        let inner = inner.iter().map(|(name, value)| (format!("{name}{unit}"), value.clone())).collect();
        let facts = facts(&Value::Object(inner));
        let texts: Vec<String> = facts.iter().map(|(name, fact)| format!("{name} {fact}")).collect();
        (words(name), texts.join(" · "))
    };
    let fact = |(name, value): (&String, &Value)| {
        let text = match value {
            Value::Null => format::UNKNOWN.to_owned(),
            Value::Bool(value) => if *value { "yes" } else { "no" }.to_owned(),
            Value::String(text) => visible(text),
            Value::Number(number) => {
                let float = number.as_f64().unwrap_or(f64::NAN);
                if let Some(name) = name.strip_suffix("_seconds") {
                    return Some((words(name), format::duration(float)));
                }
                if let (Some(name), Some(bytes)) = (name.strip_suffix("_bytes"), number.as_u64()) {
                    return Some((words(name), format::bytes(bytes)));
                }
                match number.as_u64() {
                    Some(whole) => format::count(whole),
                    None if name.ends_with("_per_second") => format::rate(float),
                    None => format::decimal(float, 3),
                }
            }
            Value::Object(inner) => return Some(group(name, inner)),
            Value::Array(_) => return None,
        };
        Some((words(name), text))
    };
    value.as_object().into_iter().flatten().filter_map(fact).collect()
}

/// Bars and spinners on a terminal.
#[derive(Debug)]
struct Bars {
    area: MultiProgress,
    palette: Palette,
    running: HashMap<String, ProgressBar>,
    /// The stage that was started last, to which steps of training belong.
    stage: String,
    /// The newest measurement on held-out files, shown behind the training step.
    held_out: Option<f32>,
}

impl Bars {
    fn new(colour: bool) -> Self {
        let area = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        Self { area, palette: Palette { colour }, running: HashMap::new(), stage: String::new(), held_out: None }
    }

    fn show(&mut self, event: &Event) {
        match event {
            Event::StageStarted { stage, detail } => {
                (self.stage, self.held_out) = (stage.clone(), None);
                self.bar(stage).set_message(visible(detail));
            }
            Event::Progress { stage, done, total, .. } => {
                let text = running(event).unwrap_or_default();
                self.advance(stage, *done, *total, text);
            }
            Event::TrainStep { step, steps, .. } => {
                let mut text = running(event).unwrap_or_default();
                if let Some(bits_per_byte) = self.held_out {
                    text += &format!(" · held-out {bits_per_byte:.3} bits/byte");
                }
                self.advance(&self.stage.clone(), *step, Some(*steps), text);
            }
            Event::PolicyStep { step, steps, .. } => {
                let text = running(event).unwrap_or_default();
                self.advance(&self.stage.clone(), *step, Some((*steps).max(*step)), text);
            }
            Event::Evaluated { bits_per_byte, .. } => self.held_out = Some(*bits_per_byte),
            Event::StageReused { stage, .. } | Event::StageFinished { stage, .. } => {
                if let Some(bar) = self.running.remove(stage) {
                    bar.finish_and_clear();
                    self.area.remove(&bar);
                }
                self.leave(event);
            }
            Event::Warning { .. } | Event::Plan(_) => self.leave(event),
            Event::Summary(_) => self.clear(),
        }
    }

    fn leave(&self, event: &Event) {
        if let Some(text) = settled(event, self.palette) {
            let _ = self.area.println(text);
        }
    }

    fn advance(&mut self, stage: &str, done: u64, total: Option<u64>, text: String) {
        let colour = self.palette.colour;
        let bar = self.bar(stage);
        if let Some(total) = total {
            if bar.length().is_none() {
                bar.set_style(style(colour, true));
            }
            bar.set_length(total);
        }
        bar.set_position(done);
        bar.set_message(text);
    }

    fn bar(&mut self, stage: &str) -> &ProgressBar {
        let colour = self.palette.colour;
        self.running.entry(stage.to_owned()).or_insert_with(|| {
            let bar = self.area.add(ProgressBar::no_length().with_style(style(colour, false)));
            bar.set_prefix(visible(stage));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        })
    }

    fn clear(&mut self) {
        for (_, bar) in self.running.drain() {
            bar.finish_and_clear();
        }
        let _ = self.area.clear();
    }
}

/// The bar is short so that a training step fits into 80 columns.
fn style(colour: bool, with_bar: bool) -> ProgressStyle {
    let template = match (colour, with_bar) {
        (true, true) => "{spinner:.cyan} {prefix:8} {bar:10.cyan/black.bright} {wide_msg}",
        (true, false) => "{spinner:.cyan} {prefix:8} {wide_msg}",
        (false, true) => "{spinner} {prefix:8} {bar:10} {wide_msg}",
        (false, false) => "{spinner} {prefix:8} {wide_msg}",
    };
    ProgressStyle::with_template(template).expect("the template is valid").progress_chars("━╸─")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn step(step: u64) -> Event {
        Event::TrainStep {
            step,
            steps: 1200,
            loss: 3.207_4,
            learning_rate: 0.003,
            gradient_norm: 1.0,
            tokens: step * 4096,
            tokens_per_second: 12_345.6,
            seconds_left: 192.0,
        }
    }

    fn life() -> Vec<(u64, Event)> {
        let files = |done, total| Event::Progress { stage: "corpus".into(), done, total, unit: "files".into() };
        let text = |text: &str| text.to_owned();
        vec![
            (0, Event::Plan(json!({"peak_memory_bytes": 1_200_000_000, "train_seconds": 300, "preset": "small"}))),
            (0, Event::StageStarted { stage: text("corpus"), detail: text("reading library") }),
            (1, files(10, None)),
            (11, files(2_000, Some(5_678))),
            (12, files(4_000, Some(5_678))),
            (13, Event::Warning { message: text("a\x1b[2Jb.py cannot be read; it is left out") }),
            (14, Event::StageFinished { stage: text("corpus"), seconds: 14.2, detail: text("4,812 files kept") }),
            (14, Event::StageReused { stage: text("tokens"), key: text("3fa1b2c4d5e6") }),
            (14, Event::StageStarted { stage: text("train"), detail: text("6.9 M parameters") }),
            (15, step(10)),
            (25, step(120)),
            (26, Event::Evaluated { step: 120, loss: 3.3, bits_per_byte: 2.345_6 }),
            (30, step(200)),
            (40, step(1200)),
            (40, Event::Summary(json!({"bits_per_byte": 1.9}))),
            (41, Event::Warning { message: text("too late for a program") }),
        ]
    }

    fn check(lines: &[String], expected: Expect) {
        expected.assert_eq(&lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    }

    #[test]
    fn a_log_is_sparse_and_says_everything_once() {
        let mut lines = Lines::new(false);
        let texts: Vec<String> =
            life().iter().filter_map(|(second, event)| lines.line(event, Duration::from_secs(*second))).collect();
        check(
            &texts,
            expect![[r#"
                  plan     peak memory  1.20 GB
                  plan     train        5 min 00 s
                  plan     preset       small
                · corpus   reading library
                · corpus   2,000 of 5,678 files
                warning: a\u{1b}[2Jb.py cannot be read; it is left out
                ✓ corpus   4,812 files kept (14.2 s)
                ✓ tokens   reused 3fa1b2c4d5e6
                · train    6.9 M parameters
                · train    step 120/1,200 · loss 3.21 · 3 min 12 s left · 12,346 tok/s
                · train    step 120, held-out 2.346 bits/byte
                · train    step 1,200/1,200 · loss 3.21 · 3 min 12 s left · 12,346 tok/s
                warning: too late for a program
            "#]],
        );
    }

    #[test]
    fn colour_adds_only_styles() {
        let palette = Palette { colour: true };
        let texts: Vec<String> = life().iter().filter_map(|(_, event)| settled(event, palette)).collect();
        let plain: Vec<String> =
            life().iter().filter_map(|(_, event)| settled(event, Palette { colour: false })).collect();
        let mut stripped = texts.join("\n");
        for code in ["\x1b[0m", "\x1b[2m", "\x1b[32m", "\x1b[1;33m"] {
            stripped = stripped.replace(code, "");
        }
        assert_eq!(stripped, plain.join("\n"));
    }

    #[test]
    fn programs_get_every_event_and_the_summary_last() {
        let mut lines = JsonLines::new(Vec::new());
        for (_, event) in life() {
            lines.write(&event);
        }
        expect![[r#"
            {"event":"plan","peak_memory_bytes":1200000000,"train_seconds":300,"preset":"small"}
            {"event":"stage_started","stage":"corpus","detail":"reading library"}
            {"event":"progress","stage":"corpus","done":10,"total":null,"unit":"files"}
            {"event":"progress","stage":"corpus","done":2000,"total":5678,"unit":"files"}
            {"event":"progress","stage":"corpus","done":4000,"total":5678,"unit":"files"}
            {"event":"warning","message":"a\u001b[2Jb.py cannot be read; it is left out"}
            {"event":"stage_finished","stage":"corpus","seconds":14.2,"detail":"4,812 files kept"}
            {"event":"stage_reused","stage":"tokens","key":"3fa1b2c4d5e6"}
            {"event":"stage_started","stage":"train","detail":"6.9 M parameters"}
            {"event":"train_step","step":10,"steps":1200,"loss":3.2074,"learning_rate":0.003,"gradient_norm":1.0,"tokens":40960,"tokens_per_second":12345.6,"seconds_left":192.0}
            {"event":"train_step","step":120,"steps":1200,"loss":3.2074,"learning_rate":0.003,"gradient_norm":1.0,"tokens":491520,"tokens_per_second":12345.6,"seconds_left":192.0}
            {"event":"evaluated","step":120,"loss":3.3,"bits_per_byte":2.3456}
            {"event":"train_step","step":200,"steps":1200,"loss":3.2074,"learning_rate":0.003,"gradient_norm":1.0,"tokens":819200,"tokens_per_second":12345.6,"seconds_left":192.0}
            {"event":"train_step","step":1200,"steps":1200,"loss":3.2074,"learning_rate":0.003,"gradient_norm":1.0,"tokens":4915200,"tokens_per_second":12345.6,"seconds_left":192.0}
            {"event":"summary","bits_per_byte":1.9}
        "#]].assert_eq(&String::from_utf8(lines.out).unwrap());
        expect![[r#"
            {"event":"plan","value":["no","object"]}
        "#]]
        .assert_eq(&json_line(&Event::Plan(json!(["no", "object"]))));
    }

    /// A stdout that fails in one way.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_left_is_no_failure_but_a_full_disk_is() {
        for (kind, failed) in [(io::ErrorKind::BrokenPipe, false), (io::ErrorKind::StorageFull, true)] {
            let mut lines = JsonLines::new(Failing(kind));
            lines.write(&step(1));
            lines.write(&step(2));
            assert_eq!((lines.failure.is_some(), lines.closed), (failed, true), "{kind:?}");
        }
    }

    #[test]
    fn a_reporter_is_shared_between_threads() {
        let reporter = Reporter::new(false, true);
        let events: prentice_base::Events<'_> = &|event| reporter.emit(event);
        std::thread::scope(|scope| {
            for i in 0..4 {
                scope.spawn(move || events(step(i)));
            }
        });
        reporter.finish().unwrap();
    }

    #[test]
    fn facts_follow_the_units_in_their_names() {
        let value = json!({"peak_memory_bytes": 12_345_678, "elapsed_seconds": 303.2, "tokens_per_second": 1234.5,
            "steps": 1200, "top1": 0.412_34, "tied": true, "nothing": null, "name": "a\nb", "list": [1],
            "memory_bytes": {"train": 3_000_000, "all": 4_000_000}, "model": {"layers": 4, "seen_bytes": 12}});
        let texts: Vec<String> = facts(&value).iter().map(|(name, fact)| format!("{name} = {fact}")).collect();
        check(
            &texts,
            expect![[r#"
                peak memory = 12.3 MB
                elapsed = 5 min 03 s
                tokens per second = 1,235
                steps = 1,200
                top1 = 0.412
                tied = yes
                nothing = –
                name = a\u{a}b
                memory = train 3.00 MB · all 4.00 MB
                model = layers 4 · seen 12 B
            "#]],
        );
    }
}
