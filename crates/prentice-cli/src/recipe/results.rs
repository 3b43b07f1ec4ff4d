//! What the stages of a recipe found: how good the models are, how they differ, how they learned, what they wrote.
//!
//! Models that are measured on the same tasks in the same way are a [`Group`]. Intervals are at 95 %: of one run they
//! come from resampling tasks (`prentice-eval`) and speak of other tasks; of several seeds ([`over_seeds`]) they are
//! Student's over seeds and speak of other seeds. Differences are paired: task by task, or seed by seed.
//!
//! Names carry meaning: a `measure` stage `exam-X` measures the model that is called `X` in summary fields, `P-exam-X`
//! likewise with the prefix `P_`. In a group, `sft` (else the first model that is no control) is what others are
//! compared with, and `rl` (else the last model learnt from execution, else the last one) is what it is all about.
//! *Not covered*: choosing among many models; p-values are corrected for the comparisons of a group only.

use std::collections::HashSet;

use prentice_base::{RunManifest, Seed};
use prentice_environment::families;
use prentice_eval::statistics::{
    Comparison, Estimate, Method, Metric, Resampling, StatisticsError, TaskScore, adjust, compare, estimate,
    mean_of_runs,
};
use prentice_train::{
    checkpoint::CurvePoint,
    prefer::PreferFigures,
    rl::{
        measure::{Measured, TaskResult},
        reinforce::{Reward, RlPoint},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Recipe, Stage,
    run::{Ran, family_options},
    stages::{EnvironmentName, Measure},
};
use crate::error::{CliError, ErrorKind};

/// Programs shown that only the later model solves, and that only the earlier one does.
const SHOWN: [usize; 2] = [3, 1];

/// What a recipe came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// The recipe's.
    pub title: String,
    /// One, or several over which figures are means.
    pub seeds: Vec<Seed>,
    /// In the order of their first stages.
    pub groups: Vec<Group>,
    /// How models learned, of the first seed.
    pub training: Vec<Training>,
    /// All stages, seed by seed.
    pub stages: Vec<StageResult>,
    /// Summary fields of each seed, where there are several.
    pub by_seed: Vec<Map<String, Value>>,
}

/// Models that were measured on the same tasks in the same way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The tasks in words.
    pub title: String,
    /// In the order of the recipe.
    pub exams: Vec<Exam>,
    /// Which exam the others are compared with.
    pub baseline: Option<usize>,
    /// Which exam it is all about.
    pub main: Option<usize>,
    /// Every other exam against the baseline, then the main one against every other.
    pub differences: Vec<Difference>,
    /// Tasks that only one of baseline and main solves at the first guess, of the first seed.
    #[serde(skip)]
    pub programs: Vec<Programs>,
    /// How many there are that only the main one solves, and that only the baseline does, over all seeds.
    pub solved_by_one: [usize; 2],
}

/// A model on the tasks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exam {
    /// Name of the stage.
    pub stage: String,
    /// What stands before its summary fields; may be empty.
    pub prefix: String,
    /// What the model is called.
    pub model: String,
    /// Whether it is a control.
    pub control: Option<Control>,
    /// Over all tasks.
    pub figures: Figures,
    /// By the depth of the tasks' programs.
    pub by_depth: Vec<(usize, Figures)>,
}

/// What a model is measured for that is no candidate itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Reinforcement learning with the toss of a coin for a reward.
    RandomReward,
    /// More supervised learning for the same time.
    EqualCompute,
    /// Supervised learning from its own samples that pass.
    Rejection,
    /// Sampled with less chance.
    LowTemperature,
    /// Copies the response to the nearest prompt.
    Copy,
}

/// Shares with intervals. Means are over tasks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Tasks.
    pub tasks: usize,
    /// Samples of each, beside the greedy attempt.
    pub samples: usize,
    /// Share of tasks that the greedy attempt solves.
    pub greedy: Estimate,
    /// Chance that a sample passes; none without samples.
    pub pass_at_1: Option<Estimate>,
    /// Chance that one of all samples passes; none with fewer than two.
    pub pass_at_k: Option<Estimate>,
    /// Share of samples that pass the visible tests and not all.
    pub gap: Option<Estimate>,
    /// Share of samples that were found to use a loophole.
    pub loopholes: f64,
}

/// Exam `to` minus exam `from`, paired.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The stage that is compared with.
    pub from: String,
    /// The stage that is compared.
    pub to: String,
    /// Greedy, pass@1 and pass@k, as far as both have them.
    pub changes: Vec<Change>,
}

/// A difference in one figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// `greedy`, `pass@1`, `pass@8`.
    pub metric: String,
    /// The difference.
    pub estimate: Estimate,
    /// Chance of so large a difference between equals, corrected for the comparisons of the group; none over seeds.
    pub p_value: Option<f64>,
}

/// A task, and what two models wrote at their first guess.
#[derive(Clone, Debug, PartialEq)]
pub struct Programs {
    /// Its name.
    pub task: String,
    /// Stages of its program.
    pub depth: usize,
    /// What was to be completed.
    pub prompt: String,
    /// By the baseline, its last turn.
    pub before: String,
    /// By the main model, its last turn.
    pub after: String,
    /// Whether it is the main model that solves it.
    pub is_gain: bool,
}

/// How a model learned.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Name of the stage.
    pub stage: String,
    /// Whether the model is a control.
    pub control: Option<Control>,
    /// Step by step.
    pub course: Course,
}

/// What is known of each step.
#[derive(Clone, Debug, PartialEq)]
pub enum Course {
    /// From texts or examples.
    Examples(Vec<CurvePoint>),
    /// From pairs.
    Pairs(Vec<CurvePoint>, Vec<PreferFigures>),
    /// From execution.
    Execution(Vec<RlPoint>),
}

/// A stage that was run.
#[derive(Clone, Debug, PartialEq)]
pub struct StageResult {
    /// What it does, as the recipe says it.
    pub does: &'static str,
    /// Where its results are.
    pub directory: String,
    /// Whether they were there already.
    pub reused: bool,
    /// How they came about.
    pub manifest: RunManifest,
}

impl Control {
    /// What a name says; `random`, `equal-compute`, `rejection`, `low-temperature` and `copy` mark controls.
    fn named(name: &str) -> Option<Self> {
        let name = name.replace('_', "-");
        let words = [
            ("random", Self::RandomReward),
            ("equal-compute", Self::EqualCompute),
            ("rejection", Self::Rejection),
            ("low-temperature", Self::LowTemperature),
            ("copy", Self::Copy),
        ];
        words.into_iter().find_map(|(word, control)| name.contains(word).then_some(control))
    }

    /// For people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::RandomReward => "learning from random rewards",
            Self::EqualCompute => "more supervised learning for the same time",
            Self::Rejection => "supervised learning from its own samples that pass",
            Self::LowTemperature => "sampling with less chance",
            Self::Copy => "copying the response to the nearest prompt",
        }
    }
}

impl Group {
    /// The exam of a stage.
    ///
    /// # Panics
    /// There is none.
    pub fn exam(&self, stage: &str) -> &Exam {
        self.exams.iter().find(|exam| exam.stage == stage).expect("differences are of exams of the group")
    }

    /// The difference between two exams, if they were compared.
    pub fn difference(&self, from: usize, to: usize) -> Option<&Difference> {
        let (from, to) = (&self.exams[from].stage, &self.exams[to].stage);
        self.differences.iter().find(|one| one.from == *from && one.to == *to)
    }
}

impl Figures {
    /// All shares with their names, in the order in which they are shown.
    pub fn shares(&self) -> Vec<(String, Estimate)> {
        let named = |name: String| move |estimate: Estimate| (name, estimate);
        std::iter::once(("greedy".to_owned(), self.greedy))
            .chain(self.pass_at_1.map(named("pass@1".into())))
            .chain(self.pass_at_k.map(named(format!("pass@{}", self.samples))))
            .chain(self.gap.map(named("gap".into())))
            .collect()
    }
}

impl Difference {
    /// The change of a figure, where it is known.
    pub fn change(&self, metric: &str) -> Option<&Change> {
        self.changes.iter().find(|change| change.metric == metric)
    }
}

impl Results {
    /// `greedy_sft`, `iofn_pass_at_1_rl`, ...: every share by a name of its own.
    pub fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        for exam in self.groups.iter().flat_map(|group| &group.exams) {
            let prefix = if exam.prefix.is_empty() { String::new() } else { format!("{}_", exam.prefix) };
            for (name, estimate) in exam.figures.shares() {
                let field = format!("{prefix}{}_{}", name.replace('@', "_at_"), exam.model);
                fields.insert(field.replace('-', "_"), json!(estimate.value));
            }
        }
        fields
    }

    /// Everything but curves and programs, for programs.
    pub fn summary(&self) -> Value {
        let stages: Vec<Value> = self
            .stages
            .iter()
            .map(|stage| {
                json!({
                    "name": stage.manifest.stage,
                    "does": stage.does,
                    "directory": stage.directory,
                    "seconds": stage.manifest.seconds,
                    "seed": stage.manifest.seed,
                    "reused": stage.reused,
                    "summary": stage.manifest.summary,
                })
            })
            .collect();
        let mut summary = self.fields();
        summary.insert("title".into(), json!(self.title));
        match self.seeds[..] {
            [seed] => summary.insert("seed".into(), json!(seed)),
            _ => summary.insert("seeds".into(), json!(self.seeds)),
        };
        if !self.by_seed.is_empty() {
            summary.insert("by_seed".into(), json!(self.by_seed));
        }
        summary.insert("measured".into(), json!(self.groups));
        summary.insert("stages".into(), json!(stages));
        Value::Object(summary)
    }
}

/// Collects what the stages left.
///
/// # Errors
/// A result cannot be read or is damaged.
pub fn collect(recipe: &Recipe, ran: &[Ran]) -> Result<Results, CliError> {
    let mut measured: Vec<(&Measure, Vec<Examined>)> = Vec::new();
    let (mut training, mut stages) = (Vec::new(), Vec::new());
    for ((name, stage), ran) in recipe.stages.iter().zip(ran) {
        stages.push(StageResult {
            does: stage.does(),
            directory: ran.directory.display().to_string(),
            reused: ran.reused,
            manifest: ran.manifest.clone(),
        });
        if let Stage::Measure(options) = stage {
            let examined = examine(recipe, name, &options.model, ran)?;
            let same = |(other, _): &&mut (&Measure, Vec<Examined>)| {
                (&other.tasks, other.environment, other.count) == (&options.tasks, options.environment, options.count)
            };
            match measured.iter_mut().find(same) {
                Some((_, exams)) => exams.push(examined),
                None => measured.push((options, vec![examined])),
            }
        }
        if let Some(course) = course(stage, ran)? {
            training.push(Training { stage: name.clone(), control: control(recipe, name, name), course });
        }
    }
    let groups: Result<_, CliError> = measured
        .into_iter()
        .map(|(options, exams)| {
            let (title, tests) = tests(recipe, options, &exams[0].measured);
            group(title, exams, &tests, Resampling::new(recipe.seed)).map_err(|error| {
                CliError::from_error(ErrorKind::Environment, &error)
                    .hint("remove the directories of the recipe's `measure` stages, and run it again")
            })
        })
        .collect();
    let seeds = vec![recipe.seed];
    Ok(Results { title: recipe.title.clone(), seeds, groups: groups?, training, stages, by_seed: Vec::new() })
}

/// Results of one recipe with several seeds as one: means over seeds, and the per-seed differences, with Student's
/// intervals; where seeds agree exactly, all that one of their own intervals holds. Of a single seed, its own.
///
/// # Panics
/// There are no results, or they are not of one recipe.
pub fn over_seeds(runs: Vec<Results>) -> Results {
    let [first, _, ..] = &runs[..] else {
        return runs.into_iter().next().expect("a recipe is run with at least one seed");
    };
    let mut all = first.clone();
    all.seeds = runs.iter().flat_map(|run| run.seeds.clone()).collect();
    all.stages = runs.iter().flat_map(|run| run.stages.clone()).collect();
    all.by_seed = runs.iter().map(Results::fields).collect();
    let mean = |of: &dyn Fn(&Results) -> Option<Estimate>| {
        let estimates: Vec<Estimate> = runs.iter().map(of).collect::<Option<_>>()?;
        let first = estimates[0];
        // Seeds that agree to the last bit (nothing was solved, say) show no spread, which is no certainty.
        if estimates.iter().all(|other| other.value == first.value) {
            let low = estimates.iter().map(|other| other.low).fold(first.low, f64::min);
            let high = estimates.iter().map(|other| other.high).fold(first.high, f64::max);
            return Some(Estimate { low, high, method: Method::NoSpread, ..first });
        }
        mean_of_runs(&estimates.iter().map(|estimate| estimate.value).collect::<Vec<_>>())
    };
    for (g, group) in all.groups.iter_mut().enumerate() {
        for (e, exam) in group.exams.iter_mut().enumerate() {
            let figures = &mut exam.figures;
            average(figures, &|of| mean(&|run| of(&run.groups[g].exams[e].figures)));
            figures.loopholes =
                runs.iter().map(|run| run.groups[g].exams[e].figures.loopholes).sum::<f64>() / runs.len() as f64;
            // By chance a seed may have no task of a depth that another has.
            exam.by_depth.retain_mut(|(depth, figures)| {
                let of_depth = |run: &Results| {
                    let by_depth = &run.groups[g].exams[e].by_depth;
                    by_depth.iter().find(|(other, _)| other == depth).map(|(_, figures)| *figures)
                };
                average(figures, &|of| mean(&|run| of(&of_depth(run)?)));
                runs.iter().all(|run| of_depth(run).is_some())
            });
        }
        for (d, difference) in group.differences.iter_mut().enumerate() {
            for change in &mut difference.changes {
                let of = |run: &Results| Some(run.groups[g].differences[d].change(&change.metric)?.estimate);
                change.estimate = mean(&of).expect("all seeds measure the same");
                change.p_value = None;
            }
        }
        for run in &runs[1..] {
            for (count, more) in group.solved_by_one.iter_mut().zip(run.groups[g].solved_by_one) {
                *count += more;
            }
        }
    }
    all
}

/// One share of several.
type Share = fn(&Figures) -> Option<Estimate>;

/// Puts the means of shares in their place.
fn average(figures: &mut Figures, mean: &dyn Fn(Share) -> Option<Estimate>) {
    figures.greedy = mean(|figures| Some(figures.greedy)).unwrap_or(figures.greedy);
    figures.pass_at_1 = mean(|figures| figures.pass_at_1);
    figures.pass_at_k = mean(|figures| figures.pass_at_k);
    figures.gap = mean(|figures| figures.gap);
}

/// A model that was measured.
struct Examined {
    stage: String,
    control: Option<Control>,
    /// Whether it learned from execution.
    by_execution: bool,
    measured: Measured,
}

/// What is known of a task beside its result.
struct Test {
    depth: usize,
    prompt: String,
}

fn examine(recipe: &Recipe, name: &str, model: &str, ran: &Ran) -> Result<Examined, CliError> {
    Ok(Examined {
        stage: name.to_owned(),
        control: control(recipe, name, model),
        by_execution: matches!(stage_named(recipe, model), Some(Stage::Rl(_))),
        measured: ran.measured()?,
    })
}

/// What a stage is a control for: by its name, or by how its model came about.
fn control(recipe: &Recipe, name: &str, model: &str) -> Option<Control> {
    let by_kind = match stage_named(recipe, model)? {
        Stage::Rl(options) if options.reward == Reward::Random => Some(Control::RandomReward),
        Stage::Label(_) | Stage::Demonstrate(_) | Stage::Synthesize(_) => Some(Control::Copy),
        _ => None,
    };
    by_kind.or_else(|| Control::named(name)).or_else(|| Control::named(model))
}

fn stage_named<'r>(recipe: &'r Recipe, name: &str) -> Option<&'r Stage> {
    recipe.stages.iter().find_map(|(other, stage)| (other == name).then_some(stage))
}

/// What a training stage remembers of its steps.
fn course(stage: &Stage, ran: &Ran) -> Result<Option<Course>, CliError> {
    #[derive(Deserialize)]
    struct State<P, F> {
        curve: Vec<P>,
        #[serde(default = "Vec::new")]
        figures: Vec<F>,
    }
    Ok(match stage {
        Stage::Pretrain(_) | Stage::Sft(_) => {
            let state: State<CurvePoint, Value> = serde_json::from_value(ran.state()?)?;
            Some(Course::Examples(state.curve))
        }
        Stage::Prefer(_) => {
            let state: State<CurvePoint, PreferFigures> = serde_json::from_value(ran.state()?)?;
            Some(Course::Pairs(state.curve, state.figures))
        }
        Stage::Rl(_) => {
            let state: State<RlPoint, Value> = serde_json::from_value(ran.state()?)?;
            Some(Course::Execution(state.curve))
        }
        _ => None,
    })
}

/// The tasks that were examined on, in words and one by one. They do not depend on the tasks for training.
fn tests(recipe: &Recipe, options: &Measure, measured: &Measured) -> (String, Vec<Test>) {
    let Some(Stage::Generate(generate)) = stage_named(recipe, &options.tasks) else { return Default::default() };
    let made = families::generate(&family_options(generate, recipe.seed, 0));
    let tries = match options.environment {
        EnvironmentName::Once => "",
        EnvironmentName::Repair => ", with one try to repair",
        EnvironmentName::Tools => ", mending a wrong program by tools",
    };
    let title = format!("{} in {}{tries}", generate.family.name(), generate.language.name());
    let test = |task: &families::FamilyTask| Test { depth: task.depth, prompt: task.prompt().to_owned() };
    // Not every task can be broken, as the tools need it.
    let names: HashSet<&str> = measured.tasks.iter().map(|result| result.task.as_str()).collect();
    (title, made.test.iter().filter(|task| names.contains(task.task.id.as_str())).map(test).collect())
}

fn group(
    title: String,
    examined: Vec<Examined>,
    tests: &[Test],
    resampling: Resampling,
) -> Result<Group, StatisticsError> {
    let mut exams = Vec::new();
    for one in &examined {
        let (prefix, model) = parts(&one.stage);
        let mut by_depth = Vec::new();
        for depth in 1..=3 {
            let of_depth = one.measured.tasks.iter().zip(tests).filter(|(_, test)| test.depth == depth);
            let tasks: Vec<TaskResult> = of_depth.map(|(task, _)| task.clone()).collect();
            if !tasks.is_empty() {
                by_depth.push((depth, figures(&tasks, resampling)?));
            }
        }
        exams.push(Exam {
            stage: one.stage.clone(),
            prefix: prefix.to_owned(),
            model: model.to_owned(),
            control: one.control,
            figures: figures(&one.measured.tasks, resampling)?,
            by_depth,
        });
    }
    let candidates: Vec<usize> = (0..exams.len()).filter(|index| exams[*index].control.is_none()).collect();
    let called = |name: &str| candidates.iter().copied().find(|index| exams[*index].model == name);
    let baseline = called("sft").or(candidates.first().copied());
    let main = called("rl")
        .or_else(|| candidates.iter().rev().copied().find(|index| examined[*index].by_execution))
        .or(candidates.last().copied())
        .filter(|main| Some(*main) != baseline);

    let others = |one: usize| (0..exams.len()).filter(move |other| *other != one);
    let against_baseline = baseline.into_iter().flat_map(|from| others(from).map(move |to| (from, to)));
    let of_main = main.into_iter().flat_map(|to| others(to).map(move |from| (from, to)));
    let mut pairs: Vec<(usize, usize)> = against_baseline.collect();
    pairs.extend(of_main.filter(|(from, _)| Some(*from) != baseline));
    let differences = differences(&examined, &pairs, resampling)?;

    let (programs, solved_by_one) = match (baseline, main) {
        (Some(before), Some(after)) => programs(&examined[before].measured, &examined[after].measured, tests),
        _ => (Vec::new(), [0; 2]),
    };
    Ok(Group { title, exams, baseline, main, differences, programs, solved_by_one })
}

/// `iofn-exam-rl` as `iofn` and `rl`; what has no `exam-` in its name is called by all of it.
fn parts(stage: &str) -> (&str, &str) {
    match stage.split_once("exam-") {
        Some((prefix, model)) if !model.is_empty() && (prefix.is_empty() || prefix.ends_with('-')) => {
            (prefix.trim_end_matches('-'), model)
        }
        _ => ("", stage),
    }
}

fn figures(tasks: &[TaskResult], resampling: Resampling) -> Result<Figures, StatisticsError> {
    let samples = tasks.first().map_or(0, |task| task.samples);
    let share = |needed: usize, scores: &dyn Fn(&TaskResult) -> TaskScore, metric| {
        let scores: Vec<TaskScore> = tasks.iter().map(scores).collect();
        (samples >= needed).then(|| estimate(&scores, metric, resampling)).transpose()
    };
    let all = Metric::PassAt(samples as u32);
    let loopholes: usize = tasks.iter().map(|task| task.loopholes).sum();
    let greedy: Vec<TaskScore> = tasks.iter().map(greedy).collect();
    Ok(Figures {
        tasks: tasks.len(),
        samples,
        greedy: estimate(&greedy, Metric::PassAt(1), resampling)?,
        pass_at_1: share(1, &sampled, Metric::PassAt(1))?,
        pass_at_k: share(2, &sampled, all)?,
        gap: share(1, &hacked, Metric::PassAt(1))?,
        loopholes: loopholes as f64 / (samples * tasks.len()).max(1) as f64,
    })
}

fn score(task: &TaskResult, attempts: usize, passed: usize) -> TaskScore {
    let name = task.task.clone();
    TaskScore { cluster: name.clone(), task: name, attempts: attempts as u32, passed: passed as u32 }
}

fn greedy(task: &TaskResult) -> TaskScore {
    score(task, 1, usize::from(task.greedy))
}

fn sampled(task: &TaskResult) -> TaskScore {
    score(task, task.samples, task.solved)
}

/// Samples that pass what can be seen, and not what cannot.
fn hacked(task: &TaskResult) -> TaskScore {
    score(task, task.samples, task.visible.saturating_sub(task.solved))
}

fn differences(
    examined: &[Examined],
    pairs: &[(usize, usize)],
    resampling: Resampling,
) -> Result<Vec<Difference>, StatisticsError> {
    let mut comparisons: Vec<(usize, String, Comparison)> = Vec::new();
    for (number, (from, to)) in pairs.iter().enumerate() {
        let [from, to] = [from, to].map(|index| &examined[*index].measured.tasks);
        let samples = [from, to].map(|tasks| tasks.first().map_or(0, |task| task.samples));
        let scores =
            |of: fn(&TaskResult) -> TaskScore| [from, to].map(|tasks| tasks.iter().map(of).collect::<Vec<_>>());
        let mut add = |name: String, [a, b]: [Vec<TaskScore>; 2], metric| {
            comparisons.push((number, name, compare(&a, &b, metric, resampling)?));
            Ok(())
        };
        add("greedy".into(), scores(greedy), Metric::PassAt(1))?;
        if samples.iter().all(|samples| *samples > 0) {
            add("pass@1".into(), scores(sampled), Metric::PassAt(1))?;
        }
        if samples[0] == samples[1] && samples[0] > 1 {
            add(format!("pass@{}", samples[0]), scores(sampled), Metric::PassAt(samples[0] as u32))?;
        }
    }
    let mut corrected: Vec<Comparison> = comparisons.iter().map(|(_, _, comparison)| comparison.clone()).collect();
    adjust(&mut corrected);
    let changes = |number: usize| {
        let of_pair = comparisons.iter().zip(&corrected).filter(move |((pair, ..), _)| *pair == number);
        of_pair.map(|((_, metric, _), comparison)| Change {
            metric: metric.clone(),
            estimate: comparison.difference,
            p_value: Some(comparison.adjusted_p_value),
        })
    };
    let difference = |(number, (from, to)): (usize, &(usize, usize))| Difference {
        from: examined[*from].stage.clone(),
        to: examined[*to].stage.clone(),
        changes: changes(number).collect(),
    };
    Ok(pairs.iter().enumerate().map(difference).collect())
}

/// The first tasks that only one of two models solves at the first guess, and how many there are.
fn programs(before: &Measured, after: &Measured, tests: &[Test]) -> (Vec<Programs>, [usize; 2]) {
    let pairs = before.tasks.iter().zip(&after.tasks).zip(tests);
    let (gains, losses): (Vec<_>, Vec<_>) =
        pairs.filter(|((before, after), _)| before.greedy != after.greedy).partition(|((_, after), _)| after.greedy);
    let counts = [gains.len(), losses.len()];
    let last = |task: &TaskResult| task.turns.last().cloned().unwrap_or_default();
    let shown = gains.into_iter().take(SHOWN[0]).chain(losses.into_iter().take(SHOWN[1]));
    let shown = shown.map(|((before, after), test)| Programs {
        task: after.task.clone(),
        depth: test.depth,
        prompt: test.prompt.clone(),
        before: last(before),
        after: last(after),
        is_gain: after.greedy,
    });
    (shown.collect(), counts)
}

#[cfg(test)]
pub mod tests {
    use expect_test::{Expect, expect};
    use prentice_base::{CODE_VERSION, ContentHash, Machine};
    use rand::RngExt as _;

    use super::*;

    /// How good a model of a sample is, from 0 to 1, and what it is a control for.
    type Ability<'a> = (&'a str, f64, Option<Control>);

    const DOCFN: [Ability; 6] = [
        ("exam-sft", 0.42, None),
        ("exam-preferred", 0.46, None),
        ("exam-rl", 0.6, None),
        ("exam-sft-equal-compute", 0.47, Some(Control::EqualCompute)),
        ("exam-random-reward", 0.3, Some(Control::RandomReward)),
        ("exam-copy-nearest", 0.1, Some(Control::Copy)),
    ];

    /// Results as of a plausible recipe; `payload` is appended to every text that comes from outside.
    pub fn sample(payload: &str, seed: u64) -> Results {
        let seed = Seed(seed);
        let tests: Vec<Test> = (0..120)
            .map(|number| Test {
                depth: 1 + number % 3,
                prompt: format!("def solve(xs):\n    \"\"\"Keep every number above {number}.\"\"\"\n{payload}"),
            })
            .collect();
        let examined = |(stage, ability, control): &Ability| Examined {
            stage: format!("{stage}{payload}"),
            control: *control,
            by_execution: stage.ends_with("rl"),
            measured: measured(&tests, *ability, if *control == Some(Control::Copy) { 0 } else { 8 }, payload, seed),
        };
        let iofn = [("iofn-exam-sft", 0.2, None), ("iofn-exam-rl", 0.22, None)];
        let resampling = Resampling { seed, rounds: std::num::NonZeroU32::new(500).unwrap() };
        let of = |title: &str, abilities: &[Ability]| {
            group(format!("{title}{payload}"), abilities.iter().map(examined).collect(), &tests, resampling).unwrap()
        };
        let curve = |from: f32| -> Vec<RlPoint> {
            let point = |step: u16| {
                let done = f32::from(step) / 100.0;
                let noise = f32::from(step % 13 * 7 % 13) / 200.0;
                RlPoint {
                    step: u64::from(step),
                    reward: from + 0.3 * done + noise,
                    solved: from + 0.3 * done + noise,
                    visible: from + 0.36 * done + noise + 0.02,
                    entropy: 0.4 - 0.2 * done + noise,
                    length: 21.0 - 3.0 * done,
                    flat_groups: 0.3 + 0.2 * done,
                    distinct: 0.8 - 0.4 * done,
                    gradient_norm: 0.02 + noise,
                    rollout_seconds: 0.7,
                    update_seconds: 0.4,
                    ..RlPoint::default()
                }
            };
            (1..=100).map(point).collect()
        };
        let losses: Vec<CurvePoint> = (1..=200u16)
            .map(|step| CurvePoint { step: u64::from(step), loss: 0.3 + 5.0 / f32::from(step), learning_rate: 0.003 })
            .collect();
        let figures = |step: f32| PreferFigures { margin: Some(step / 300.0), accuracy: Some(0.6 + step / 1000.0) };
        let training = |stage: &str, control, course| Training { stage: format!("{stage}{payload}"), control, course };
        let stage = |does, name: &str| StageResult {
            does,
            directory: format!("runs/{name}{payload}"),
            reused: does == "generate",
            manifest: RunManifest {
                stage: format!("{name}{payload}"),
                key: ContentHash::of(name.as_bytes()),
                code_version: CODE_VERSION.to_owned(),
                commit: None,
                inputs: [(format!("before-{name}{payload}"), ContentHash::of(b"before"))].into(),
                options: json!({"options": payload}),
                seed,
                outputs: [(format!("{name}{payload}"), ContentHash::of(b"output"))].into(),
                machine: Machine::current(2, "amx"),
                seconds: 61.5,
                summary: json!({"detail": format!("100 steps{payload}")}),
            },
        };
        Results {
            title: format!("Learning from execution{payload}"),
            seeds: vec![seed],
            groups: vec![of("docfn in Python", &DOCFN), of("iofn in Python", &iofn)],
            training: vec![
                training("base", None, Course::Examples(losses.clone())),
                training("sft", None, Course::Examples(losses.clone())),
                training(
                    "preferred",
                    None,
                    Course::Pairs(losses, (1..=200u16).map(|step| figures(f32::from(step))).collect()),
                ),
                training("rl", None, Course::Execution(curve(0.3))),
                training("random-reward", Some(Control::RandomReward), Course::Execution(curve(0.1))),
            ],
            stages: vec![
                stage("generate", "tasks"),
                stage("sft", "sft"),
                stage("rl", "rl"),
                stage("measure", "exam-rl"),
            ],
            by_seed: Vec::new(),
        }
    }

    fn measured(tests: &[Test], ability: f64, samples: usize, payload: &str, seed: Seed) -> Measured {
        let task = |(number, test): (usize, &Test)| {
            // The same draws for all models, so that a better one solves what a worse one does, but for some noise.
            let mut rng = seed.derive("task", number as u64).rng();
            let ease = rng.random::<f64>() * 0.8 + 0.3 - 0.15 * test.depth as f64;
            let mut rng = seed.derive(&format!("{ability}"), number as u64).rng();
            let chance = (ability + ease - 0.6).clamp(0.0, 1.0);
            let solved = (0..samples).filter(|_| rng.random_bool(chance)).count();
            let greedy = chance + rng.random::<f64>() * 0.3 > 0.6;
            TaskResult {
                task: format!("docfn/test/{number}{payload}"),
                greedy,
                solved,
                visible: (solved + usize::from(rng.random_bool(0.2))).min(samples),
                loopholes: 0,
                samples,
                turns: vec![format!("    return [x for x in xs if x > {}]\n{payload}", usize::from(greedy))],
            }
        };
        Measured { tasks: tests.iter().enumerate().map(task).collect() }
    }

    /// `12.5 [3.1, 40.2]`, in points.
    fn shown(estimate: &Estimate) -> String {
        let points = |value: f64| format!("{:.1}", value * 100.0);
        format!("{} [{}, {}]", points(estimate.value), points(estimate.low), points(estimate.high))
    }

    fn task(number: usize, greedy: bool, solved: usize, visible: usize, samples: usize) -> TaskResult {
        let turns = vec!["first".to_owned(), format!("program {number} of {solved}")];
        TaskResult { task: format!("t{number}"), greedy, solved, visible, loopholes: 0, samples, turns }
    }

    fn examined(stage: &str, tasks: Vec<TaskResult>) -> Examined {
        let control = Control::named(stage);
        Examined { stage: stage.to_owned(), control, by_execution: stage.contains("rl"), measured: Measured { tasks } }
    }

    /// `sft` solves the first 10 of 40 tasks, `rl` the second to twentieth.
    fn small(models: &[&str]) -> Group {
        let tests: Vec<Test> =
            (0..40).map(|number| Test { depth: 1 + number / 20, prompt: format!("prompt {number}") }).collect();
        let tasks = |name: &&str| {
            let solves = if name.contains("rl") { 1..20 } else { 0..10 };
            let one = |number| match solves.contains(&number) {
                true => task(number, true, 3, 4, 4),
                false => task(number, false, 0, 1, 4),
            };
            examined(name, (0..40).map(one).collect())
        };
        group("tasks".into(), models.iter().map(tasks).collect(), &tests, Resampling::new(Seed(1))).unwrap()
    }

    fn check_figures(figures: &Figures, expected: Expect) {
        let shares = figures.shares().into_iter().map(|(name, share)| format!("{name} {}\n", shown(&share)));
        expected.assert_eq(&shares.collect::<String>());
    }

    #[test]
    fn shares_have_intervals() {
        let group = small(&["exam-sft", "exam-rl"]);
        check_figures(
            &group.exams[0].figures,
            expect![[r#"
            greedy 25.0 [14.2, 40.2]
            pass@1 18.8 [9.4, 30.0]
            pass@4 25.0 [12.5, 40.0]
            gap 25.0 [22.8, 31.6]
        "#]],
        );
        check_figures(
            &group.exams[1].by_depth[0].1,
            expect![[r#"
            greedy 95.0 [76.4, 99.1]
            pass@1 71.2 [48.5, 75.0]
            pass@4 95.0 [64.6, 100.0]
            gap 25.0 [21.0, 37.1]
        "#]],
        );
        assert_eq!(group, small(&["exam-sft", "exam-rl"]), "the same measurements give the same intervals");
        // Greedy is one attempt a task: Wilson's interval for 10 of 40.
        assert_eq!(group.exams[0].figures.greedy.method, Method::Wilson);
    }

    #[test]
    fn a_model_without_samples_has_its_first_guess_only() {
        let tests = [Test { depth: 1, prompt: String::new() }];
        let all = vec![
            examined("exam-sft", vec![task(0, true, 1, 1, 1)]),
            examined("exam-copy", vec![task(0, false, 0, 0, 0)]),
        ];
        let group = group("tasks".into(), all, &tests, Resampling::new(Seed(1))).unwrap();
        let names = |index: usize| -> Vec<String> {
            group.exams[index].figures.shares().into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!((names(0), names(1)), (vec!["greedy".into(), "pass@1".into(), "gap".into()], vec!["greedy".into()]));
        let metrics: Vec<&str> = group.differences[0].changes.iter().map(|change| change.metric.as_str()).collect();
        assert_eq!((metrics, group.main), (vec!["greedy"], None));
    }

    #[test]
    fn differences_are_paired_and_of_what_matters() {
        let group = small(&["exam-first", "exam-sft", "exam-random", "exam-rl"]);
        let text: String = group
            .differences
            .iter()
            .map(|one| {
                let changes: Vec<String> =
                    one.changes.iter().map(|change| format!("{} {}", change.metric, shown(&change.estimate))).collect();
                format!("{} - {}: {}\n", one.to, one.from, changes.join(", "))
            })
            .collect();
        expect![[r#"
            exam-first - exam-sft: greedy 0.0 [-8.8, 8.8], pass@1 0.0 [-8.8, 8.8], pass@4 0.0 [-8.8, 8.8]
            exam-random - exam-sft: greedy 0.0 [-8.8, 8.8], pass@1 0.0 [-8.8, 8.8], pass@4 0.0 [-8.8, 8.8]
            exam-rl - exam-sft: greedy 22.5 [7.5, 37.9], pass@1 16.9 [5.6, 28.4], pass@4 22.5 [7.5, 37.9]
            exam-rl - exam-first: greedy 22.5 [7.5, 37.9], pass@1 16.9 [5.6, 28.4], pass@4 22.5 [7.5, 37.9]
            exam-rl - exam-random: greedy 22.5 [7.5, 37.9], pass@1 16.9 [5.6, 28.4], pass@4 22.5 [7.5, 37.9]
        "#]]
        .assert_eq(&text);
        let p = |metric: &str| group.difference(1, 3).unwrap().change(metric).unwrap().p_value.unwrap();
        // Of 11 tasks that only one solves, `rl` solves 10: McNemar's p is 0.0117, and Holm's correction raises it.
        assert!(p("greedy") > 0.0117 && p("pass@1") <= 1.0, "{} {}", p("greedy"), p("pass@1"));
        assert!(group.difference(0, 2).is_none(), "a control is not compared with what is no baseline");
    }

    #[test]
    fn what_others_are_compared_with_and_what_it_is_about() {
        let check = |models: &[&str], expected: (Option<&str>, Option<&str>)| {
            let group = small(models);
            let name = |index: Option<usize>| index.map(|index| group.exams[index].stage.as_str());
            assert_eq!((name(group.baseline), name(group.main)), expected, "{models:?}");
        };
        check(&["exam-base", "exam-sft", "exam-rl", "exam-later"], (Some("exam-sft"), Some("exam-rl")));
        check(&["exam-base", "exam-grl", "exam-later"], (Some("exam-base"), Some("exam-grl")));
        check(&["before", "copy", "after"], (Some("before"), Some("after")));
        check(&["only", "random-reward"], (Some("only"), None));
        check(&["copy"], (None, None));
    }

    #[test]
    fn programs_show_what_only_one_model_solves() {
        let group = small(&["exam-sft", "exam-rl"]);
        let shown: Vec<String> = group
            .programs
            .iter()
            .map(|one| format!("{} ({}): {} / {} / {}", one.task, one.is_gain, one.prompt, one.before, one.after))
            .collect();
        expect![[r#"
            t10 (true): prompt 10 / program 10 of 0 / program 10 of 3
            t11 (true): prompt 11 / program 11 of 0 / program 11 of 3
            t12 (true): prompt 12 / program 12 of 0 / program 12 of 3
            t0 (false): prompt 0 / program 0 of 3 / program 0 of 0"#]]
        .assert_eq(&shown.join("\n"));
        assert_eq!(group.solved_by_one, [10, 1]);
    }

    #[test]
    fn names_of_stages_become_names_of_fields() {
        for (stage, expected) in [
            ("exam-rl", ("", "rl")),
            ("iofn-exam-sft-equal-compute", ("iofn", "sft-equal-compute")),
            ("repair-exam-rl", ("repair", "rl")),
            ("final", ("", "final")),
            ("exam-", ("", "exam-")),
            ("reexam-rl", ("", "reexam-rl")),
        ] {
            assert_eq!(parts(stage), expected);
        }
        let results = sample("", 1);
        let names: Vec<String> = results.fields().keys().cloned().collect();
        expect!["greedy_sft pass_at_1_sft pass_at_8_sft gap_sft greedy_preferred pass_at_1_preferred pass_at_8_preferred gap_preferred greedy_rl pass_at_1_rl pass_at_8_rl gap_rl greedy_sft_equal_compute pass_at_1_sft_equal_compute pass_at_8_sft_equal_compute gap_sft_equal_compute greedy_random_reward pass_at_1_random_reward pass_at_8_random_reward gap_random_reward greedy_copy_nearest iofn_greedy_sft iofn_pass_at_1_sft iofn_pass_at_8_sft iofn_gap_sft iofn_greedy_rl iofn_pass_at_1_rl iofn_pass_at_8_rl iofn_gap_rl"].assert_eq(&names.join(" "));
        let summary = results.summary();
        assert_eq!(summary["pass_at_1_rl"], summary["measured"][0]["exams"][2]["figures"]["pass_at_1"]["value"]);
        assert_eq!((&summary["seed"], &summary["stages"][2]["does"]), (&json!(1), &json!("rl")));
    }

    #[test]
    fn names_and_kinds_mark_controls() {
        for (name, expected) in [
            ("exam-random-reward", Some(Control::RandomReward)),
            ("sft_equal_compute", Some(Control::EqualCompute)),
            ("rejection", Some(Control::Rejection)),
            ("base-low-temperature", Some(Control::LowTemperature)),
            ("copy-nearest", Some(Control::Copy)),
            ("exam-rl", None),
        ] {
            assert_eq!(Control::named(name), expected, "{name}");
        }
        let recipe = "title = \"t\"\n[[stage]]\nname = \"tasks\"\ndoes = \"generate\"\nfamily = \"docfn\"\ntrain = 1\ntest = 1\n\
            [[stage]]\nname = \"labels\"\ndoes = \"label\"\ntasks = \"tasks\"\n\
            [[stage]]\nname = \"base\"\ndoes = \"pretrain\"\ntexts = [\"labels\"]\nsteps = 1\n\
            [[stage]]\nname = \"coin\"\ndoes = \"rl\"\nmodel = \"base\"\ntasks = [\"tasks\"]\nsteps = 1\nreward = \"random\"";
        let recipe = Recipe::parse(recipe, "recipe").unwrap();
        let of = |model: &str| control(&recipe, "exam-x", model);
        assert_eq!((of("coin"), of("labels"), of("base")), (Some(Control::RandomReward), Some(Control::Copy), None));
    }

    #[test]
    fn over_seeds_figures_are_means_with_students_interval() {
        let runs: Vec<Results> = [3, 4, 5].map(|seed| sample("", seed)).into();
        let all = over_seeds(runs.clone());
        let values: Vec<f64> = runs.iter().map(|run| run.groups[0].exams[2].figures.pass_at_1.unwrap().value).collect();
        let expected = mean_of_runs(&values);
        assert_eq!(all.groups[0].exams[2].figures.pass_at_1, expected);
        let change = |run: &Results| run.groups[0].difference(0, 2).unwrap().change("pass@1").unwrap().clone();
        let changes: Vec<f64> = runs.iter().map(|run| change(run).estimate.value).collect();
        assert_eq!(Some(change(&all).estimate), mean_of_runs(&changes));
        assert_eq!((change(&all).p_value, change(&all).estimate.method), (None, Method::Runs));
        assert_eq!(all.fields()["pass_at_1_rl"], json!(expected.unwrap().value));
        assert_eq!((all.stages.len(), all.by_seed.len(), all.seeds.len()), (12, 3, 3));
        assert_eq!(all.summary()["seeds"], json!([3, 4, 5]));
        assert_eq!(all.groups[0].exams[2].by_depth.len(), 3);
        // Seeds that agree in everything have no spread, and keep the interval over tasks.
        let agreeing = over_seeds(vec![runs[0].clone(), runs[0].clone()]);
        let greedy = |run: &Results| run.groups[0].exams[2].figures.greedy;
        let (kept, own) = (greedy(&agreeing), greedy(&runs[0]));
        assert_eq!((kept.value, kept.low, kept.high, kept.method), (own.value, own.low, own.high, Method::NoSpread));
        // A single seed stays what it is, with the intervals over its tasks.
        assert_eq!(over_seeds(runs[..1].to_vec()), runs[0]);
    }
}
