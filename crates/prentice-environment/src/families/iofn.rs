//! IOFn: four examples and no description. What is asked for has to be found among the programs of the grammar.
//!
//! The first two examples are drawn as in DocFn. Each further one is chosen such that the simplest program that agrees
//! with those before, and is not what is asked for, does not agree with it; so few tasks remain that their examples do
//! not determine ([`super::enumerate`]).

use prentice_base::Seed;

use super::{
    enumerate::Ambiguity,
    grammar::{Composition, Value},
    inputs,
};

/// How many examples there are.
const EXAMPLES: usize = 4;
/// How many arguments are examples where they suit.
const CANDIDATES: usize = 40;

/// The arguments of the examples.
pub fn examples(program: &Composition, ambiguity: &Ambiguity, seed: Seed) -> Vec<Value> {
    let mut candidates = inputs::visible(program, CANDIDATES, seed);
    let mut chosen: Vec<Value> = candidates.drain(..candidates.len().min(2)).collect();
    while chosen.len() < EXAMPLES && !candidates.is_empty() {
        let rival = ambiguity.rival(program, &chosen, &candidates);
        let telling = rival.and_then(|rival| {
            candidates.iter().position(|argument| rival.evaluate(argument) != program.evaluate(argument))
        });
        chosen.push(candidates.remove(telling.unwrap_or(0)));
    }
    chosen
}
