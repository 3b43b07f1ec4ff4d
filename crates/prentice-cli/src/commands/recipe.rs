//! `prentice run`: a recipe, stage by stage, and what came of it.

use prentice_base::{Seed, StageCache, files};
use serde_json::json;

use crate::{
    arguments::Run,
    commands::{Session, usage},
    defaults::{self, SUMMARY_FILE},
    error::CliError,
    recipe::{self, Recipe, reading, results},
    report::{REPORT_FILE, learn},
    stages::{Context, keep_out_of_git},
};

/// Where recipes leave what came of them, below the output directory.
const RECIPES: &str = "recipes";

/// Runs a recipe, once for every seed.
pub fn run(session: &Session, arguments: Run) -> Result<(), CliError> {
    if !(arguments.scale.is_finite() && arguments.scale > 0.0) {
        return Err(usage(format!("--scale {} is not above 0", arguments.scale), "1 takes the recipe as it is"));
    }
    let mut recipe = Recipe::read(&arguments.recipe)?;
    let seeds = match &arguments.seeds[..] {
        [] => vec![arguments.seed.map_or(recipe.seed, Seed)],
        seeds => seeds.iter().copied().map(Seed).collect(),
    };
    if let Some(twice) = seeds.iter().enumerate().find_map(|(at, seed)| seeds[..at].contains(seed).then_some(seed.0)) {
        return Err(usage(format!("--seeds names {twice} twice"), "name every seed once"));
    }
    let compute = defaults::compute(arguments.arithmetic)?;
    let events = |event| session.emit(event);
    let mut runs = Vec::new();
    for seed in seeds {
        recipe.seed = seed;
        let cache = StageCache::new(arguments.out.join("runs"));
        let context = Context { cache, seed, compute, events: &events };
        let ran = recipe::run(&recipe, &context, arguments.scale)?;
        runs.push(results::collect(&recipe, &ran)?);
    }
    let results = results::over_seeds(runs);

    let name = arguments.recipe.file_stem().unwrap_or_default();
    let directory = arguments.out.join(RECIPES).join(name);
    files::create_dir(&directory)?;
    keep_out_of_git(&arguments.out.join(RECIPES))?;
    let report = directory.join(REPORT_FILE);
    files::write_atomic(&report, learn::page(&results).as_bytes())?;
    let mut summary = results.summary();
    summary["report"] = json!(report);
    files::write_atomic(&directory.join(SUMMARY_FILE), format!("{summary:#}\n").as_bytes())?;
    let text = reading::ending(&results, &report.display().to_string());
    session.conclude(summary, &text)
}
