//! Families of small tasks, made from a grammar, by which a tiny model can learn from execution on a small machine.
//!
//! * [`Family::DocFn`]: signature, description and two examples; the body is asked for ([`docfn`]).
//! * [`Family::IoFn`]: signature and four examples without description ([`iofn`]).
//! * [`broken`]: repair and translation of such programs.
//!
//! A program is a [`grammar::Composition`] of one to three of the [`primitives`]. [`generate`] makes tasks of a seed:
//! the same options give the same bytes. The field's rules for honest small experiments are built in: a [`split`] by
//! composition, no program in training that is output-equal to one of the examination on 64 fixed arguments, every
//! primitive seen in training, and at least twenty hidden tests that find out whatever is easily mistaken
//! ([`inputs`]).
//!
//! [`labels`] makes prompts with responses for supervised learning, a share of them systematically wrong;
//! [`enumerate`] tells which IOFn tasks their examples do not determine; [`export`] writes all as JSON lines.
//!
//! *Not covered:* programs with several arguments, loops or recursion; depth beyond three.

pub mod broken;
pub mod docfn;
pub mod enumerate;
pub mod export;
pub mod grammar;
pub mod inputs;
pub mod iofn;
pub mod labels;
pub mod primitives;
pub mod render;
pub mod split;

use std::{
    collections::{HashMap, HashSet},
    iter,
    ops::RangeInclusive,
};

use prentice_base::{Limits, Program, Seed, Snapshot, Task, TaskKind, TestCase};
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use self::{
    enumerate::Ambiguity,
    grammar::{Composition, Kind, Value},
    primitives::PRIMITIVES,
    render::{ENTRY_POINT, Language, Phrasing},
    split::{Side, side},
};

/// How many programs of a depth are drawn for a task before they are taken to be used up.
const PATIENCE: u64 = 200;

/// What a task shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Description and examples.
    DocFn,
    /// Examples only.
    IoFn,
}

impl Family {
    /// As it stands in ids.
    pub fn name(self) -> &'static str {
        match self {
            Family::DocFn => "docfn",
            Family::IoFn => "iofn",
        }
    }
}

/// Which tasks to make.
#[derive(Clone, Debug)]
pub struct FamilyOptions {
    /// What they show.
    pub family: Family,
    /// What they are written in.
    pub language: Language,
    /// Decides everything, the split included.
    pub seed: Seed,
    /// How many for training.
    pub train: usize,
    /// How many for examination.
    pub test: usize,
    /// How many stages programs have, within 1 to 3. Each depth is equally likely, as long as there are programs left.
    pub depths: RangeInclusive<usize>,
    /// The domains that programs start from; at least one.
    pub domains: Vec<Kind>,
    /// Programs of other examinations, such as the other family's: what is output-equal to one is not trained on. (What
    /// is examined does not depend on `train`, so each family's tests can be made first, with none.)
    pub held_out: Vec<Composition>,
}

impl FamilyOptions {
    /// Programs in Python of all depths and domains.
    pub fn new(family: Family, seed: Seed, train: usize, test: usize) -> Self {
        Self {
            family,
            language: Language::Python,
            seed,
            train,
            test,
            depths: 1..=3,
            domains: vec![Kind::List, Kind::Number, Kind::Text],
            held_out: Vec::new(),
        }
    }
}

/// A task, with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyTask {
    /// For whoever solves and judges it.
    pub task: Task,
    /// How many stages its program has.
    pub depth: usize,
    /// Stable text of its program.
    pub composition: String,
    /// A right completion.
    pub solution: String,
    /// Its program.
    pub program: Composition,
    /// How it is described; in IOFn it is not.
    pub phrasing: Phrasing,
    /// What it is written in.
    pub language: Language,
    /// The arguments of the examples.
    pub visible: Vec<Value>,
    /// The arguments that decide.
    pub hidden: Vec<Value>,
}

impl FamilyTask {
    /// The text that a solver completes.
    pub fn prompt(&self) -> &str {
        match &self.task.snapshot {
            Snapshot::Program(program) => &program.prefix,
            Snapshot::Repository { .. } => "",
        }
    }

    /// Whether a program gives what is asked for on these arguments.
    pub(crate) fn agrees(&self, other: &Composition, arguments: &[Value]) -> bool {
        (other.from(), other.to()) == (self.program.from(), self.program.to())
            && arguments.iter().all(|argument| other.evaluate(argument) == self.program.evaluate(argument))
    }
}

/// What [`generate`] made.
#[derive(Clone, Debug, PartialEq)]
pub struct Families {
    /// For training; several may share a program, with other words or examples.
    pub train: Vec<FamilyTask>,
    /// For examination; programs are distinct.
    pub test: Vec<FamilyTask>,
    /// How many tasks were left out of the examination since their examples do not determine what is asked for.
    pub ambiguous: usize,
}

/// Makes the tasks of a family: fewer than asked for where the grammar has no more programs of these depths.
///
/// # Panics
/// The depths are not within 1 to 3, or there is no domain.
pub fn generate(options: &FamilyOptions) -> Families {
    let (least, most) = (*options.depths.start(), *options.depths.end());
    assert!(1 <= least && least <= most && most <= 3, "depths {:?} are not within 1 to 3", options.depths);
    assert!(!options.domains.is_empty(), "there is no domain to make programs from");
    let seed = options.seed.derive(options.family.name(), 0);
    let probes: HashMap<Kind, Vec<Value>> =
        [Kind::List, Kind::Number, Kind::Text].map(|kind| (kind, inputs::probes(kind))).into();
    // The first program by chance that becomes a task; where a depth has none left, another depth's.
    let find = |seed: Seed, with: Option<usize>, make: &mut dyn FnMut(Composition, Seed) -> Option<FamilyTask>| {
        let mut depths: Vec<usize> = options.depths.clone().collect();
        depths.shuffle(&mut seed.derive("depth", 0).rng());
        let attempts = depths.into_iter().flat_map(|depth| (0..PATIENCE).map(move |attempt| (depth, attempt)));
        attempts.into_iter().find_map(|(depth, attempt)| {
            let seed = seed.derive("attempt", depth as u64 * PATIENCE + attempt);
            make(split::draw(depth, &options.domains, with, seed.derive("program", 0))?, seed)
        })
    };
    let is_trivial = |program: &Composition| inputs::is_trivial(program, &probes[&program.from()]);
    let fingerprint = |program: &Composition| inputs::fingerprint(program, &probes[&program.from()]);

    let ambiguity = Ambiguity::default();
    let mut test: Vec<FamilyTask> = Vec::new();
    let (mut taken, mut ambiguous) = (HashSet::new(), 0);
    while test.len() < options.test {
        let number = test.len();
        let found = find(seed.derive("test", number as u64), None, &mut |program, seed| {
            if side(&program, options.seed) != Side::Test || is_trivial(&program) || !taken.insert(program.clone()) {
                return None;
            }
            let task = task(options, &program, format!("test/{number}"), seed, &ambiguity);
            let is_open = options.family == Family::IoFn && ambiguity.is_ambiguous(&task);
            ambiguous += usize::from(is_open);
            (!is_open).then_some(task)
        });
        let Some(task) = found else { break };
        test.push(task);
    }

    let examined: HashSet<_> =
        test.iter().map(|task| &task.program).chain(&options.held_out).map(fingerprint).collect();
    let mut train: Vec<FamilyTask> = Vec::new();
    let mut prompts = HashSet::new();
    // One task for each primitive comes first. Domains and depths may leave some out of reach, which ends nothing.
    let primitives = (0..PRIMITIVES.len()).map(Some);
    for (slot, with) in primitives.chain(iter::repeat(None)).enumerate() {
        if train.len() >= options.train {
            break;
        }
        let number = train.len();
        let found = find(seed.derive("train", slot as u64), with, &mut |program, seed| {
            let is_refused = side(&program, options.seed) != Side::Train || is_trivial(&program);
            if is_refused || examined.contains(&fingerprint(&program)) {
                return None;
            }
            let task = task(options, &program, format!("train/{number}"), seed, &ambiguity);
            prompts.insert(task.prompt().to_owned()).then_some(task)
        });
        match found {
            Some(task) => train.push(task),
            None if with.is_none() => break,
            None => {}
        }
    }
    train.shuffle(&mut seed.derive("order", 0).rng());
    Families { train, test, ambiguous }
}

fn task(options: &FamilyOptions, program: &Composition, name: String, seed: Seed, ambiguity: &Ambiguity) -> FamilyTask {
    let phrasing = Phrasing::draw(program, seed.derive("phrasing", 0));
    let visible = match options.family {
        Family::DocFn => docfn::examples(program, seed),
        Family::IoFn => iofn::examples(program, ambiguity, seed),
    };
    let description = match options.family {
        Family::DocFn => phrasing.describe(program),
        Family::IoFn => String::new(),
    };
    let examples: Vec<(Value, Value)> = visible.iter().map(|x| (x.clone(), program.evaluate(x))).collect();
    let hidden = inputs::hidden(program, &visible, seed);
    let solution = render::body(options.language, program);
    let id = format!("{}/{name}", options.family.name());
    let prefix = render::prefix(options.language, program, &description, &examples);
    FamilyTask {
        task: base_task(id, TaskKind::Synthesis, options.language, prefix, program, &visible, &hidden),
        depth: program.depth(),
        composition: program.to_string(),
        solution,
        program: program.clone(),
        phrasing,
        language: options.language,
        visible,
        hidden,
    }
}

/// A task whose completion is a body of `program`.
fn base_task(
    id: String,
    kind: TaskKind,
    language: Language,
    prefix: String,
    program: &Composition,
    visible: &[Value],
    hidden: &[Value],
) -> Task {
    let tests = |name: &str, arguments: &[Value]| {
        vec![TestCase { name: name.to_owned(), check: render::check(language, program, arguments) }]
    };
    Task {
        id,
        kind,
        snapshot: Snapshot::Program(Program { language: language.name().to_owned(), prefix, suffix: String::new() }),
        instruction: String::new(),
        entry_point: ENTRY_POINT.to_owned(),
        reference: Some(render::body(language, program)),
        source: None,
        visible_tests: tests("examples", visible),
        hidden_tests: tests("hidden", hidden),
        limits: Limits { cpu_seconds: 1.0, ..Limits::default() },
    }
}
