//! `prentice run`: a recipe, stage by stage.

use prentice_base::{Seed, StageCache};
use serde_json::json;

use crate::{
    arguments::Run,
    commands::{Session, usage},
    defaults,
    error::CliError,
    recipe::{self, Recipe},
    stages::Context,
};

/// Runs a recipe.
pub fn run(session: &Session, arguments: Run) -> Result<(), CliError> {
    if !(arguments.scale.is_finite() && arguments.scale > 0.0) {
        return Err(usage(format!("--scale {} is not above 0", arguments.scale), "1 takes the recipe as it is"));
    }
    let mut recipe = Recipe::read(&arguments.recipe)?;
    recipe.seed = arguments.seed.map_or(recipe.seed, Seed);
    let compute = defaults::compute(arguments.arithmetic)?;
    let events = |event| session.emit(event);
    let cache = StageCache::new(arguments.out.join("runs"));
    let context = Context { cache, seed: recipe.seed, compute, events: &events };
    let ran = recipe::run(&recipe, &context, arguments.scale)?;
    let stages: Vec<_> = ran
        .iter()
        .map(|ran| {
            json!({
                "name": ran.name,
                "directory": ran.directory,
                "seconds": ran.manifest.seconds,
                "reused": ran.reused,
                "summary": ran.manifest.summary,
            })
        })
        .collect();
    session.conclude(json!({"title": recipe.title, "seed": recipe.seed, "stages": stages}), "")
}
