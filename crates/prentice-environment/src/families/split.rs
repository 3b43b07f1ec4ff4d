//! Which programs are for training and which are for examination.
//!
//! The side of a program depends on the seed and on the program alone, not on family, language or how many tasks are
//! made, so that no stage of learning sees what another is examined by. From two stages on, all programs of the same
//! primitives in the same order are on one side, whatever their constants; a single stage is told apart with its
//! constant, since every primitive has to be seen in training.

use prentice_base::Seed;
use rand::RngExt as _;

use super::{
    grammar::{Composition, Kind, Operator},
    primitives::PRIMITIVES,
};

/// The share of compositions for examination, in percent.
const EXAMINED_PERCENT: u64 = 15;

/// What a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Training.
    Train,
    /// Examination.
    Test,
}

/// The side of a program.
pub fn side(composition: &Composition, seed: Seed) -> Side {
    let key = if composition.depth() == 1 { composition.to_string() } else { composition.tuple() };
    if seed.derive(&key, 0).0 % 100 < EXAMINED_PERCENT { Side::Test } else { Side::Train }
}

/// A program by chance: of `depth` stages, from one of `domains`, with a primitive where one is asked for. Primitives
/// are equally likely, then constants. `None` where chance does not find one.
pub fn draw(depth: usize, domains: &[Kind], with: Option<usize>, seed: Seed) -> Option<Composition> {
    let mut random = seed.rng();
    let mut kind = domains[random.random_range(0..domains.len())];
    let forced = with.map(|index| (random.random_range(0..depth), index));
    let mut stages = Vec::with_capacity(depth);
    for at in 0..depth {
        let fitting: Vec<usize> = match forced {
            Some((place, index)) if place == at => vec![index],
            _ => (0..PRIMITIVES.len()).filter(|&index| PRIMITIVES[index].from() == kind).collect(),
        };
        let index = fitting[random.random_range(0..fitting.len())];
        let constants = PRIMITIVES[index].constants.all();
        stages.push(Operator::new(index, constants[random.random_range(0..constants.len())]));
        kind = PRIMITIVES[index].to();
    }
    Composition::new(stages).filter(|composition| domains.contains(&composition.from()))
}
