//! Arguments: the fixed ones that tell programs apart, the examples that a solver sees, and the hidden ones that
//! decide.
//!
//! Hidden arguments begin with edge cases, and are completed until every program that differs in one easily mistaken
//! stage (`>` for `>=`, one more or less) is found out, where any argument in reach finds it out at all.

use std::collections::HashSet;

use prentice_base::{ContentHash, HashWriter, Rng, Seed};
use rand::RngExt as _;

use super::grammar::{Composition, Constant, Kind, LARGEST_NUMBER, Value};

/// How many arguments tell programs apart ([`fingerprint`]).
pub const PROBES: usize = 64;
/// At least so many hidden tests, before those that find out mistakes.
pub const HIDDEN: usize = 24;
/// How many arguments are tried to tell a program from a mistaken one.
const REACH: u64 = 160;

/// The fixed arguments of a domain; the same in every run and for every seed.
pub fn probes(kind: Kind) -> Vec<Value> {
    let edges = edges(kind, &[]);
    let more = (0..).map(|index| draw(kind, &[], Seed(0).derive("probe", index), 7));
    edges.into_iter().chain(more).take(PROBES).collect()
}

/// What a program makes of the [`probes`]: programs of one fingerprint are taken for equal.
pub fn fingerprint(composition: &Composition, probes: &[Value]) -> ContentHash {
    let mut digest = HashWriter::new();
    digest.field(format!("{:?}", (composition.from(), composition.to())).as_bytes());
    for probe in probes {
        digest.field(composition.evaluate(probe).json().as_bytes());
    }
    digest.finish()
}

/// Whether a program is not worth asking for: it gives one and the same for nearly all arguments, or it gives what it
/// would without one of its stages, or its argument.
pub fn is_trivial(composition: &Composition, probes: &[Value]) -> bool {
    let results: Vec<Value> = probes.iter().map(|probe| composition.evaluate(probe)).collect();
    if results == probes || results.iter().collect::<HashSet<_>>().len() < 3 {
        return true;
    }
    composition.shortened().any(|shorter| probes.iter().zip(&results).all(|(probe, is)| shorter.evaluate(probe) == *is))
}

/// Arguments by which the solver shall recognise what is asked for: short, different, and with results that say
/// something, where there are such.
pub fn visible(composition: &Composition, count: usize, seed: Seed) -> Vec<Value> {
    let kind = composition.from();
    let constants = constants(composition);
    let mut chosen: Vec<Value> = Vec::new();
    let mut results: Vec<Value> = Vec::new();
    let mut spare = Vec::new();
    for index in 0..40 {
        let argument = draw(kind, &constants, seed.derive("visible", index), 5);
        let result = composition.evaluate(&argument);
        if chosen.contains(&argument) || is_empty(&argument) {
            continue;
        }
        if is_empty(&result) || result == argument || results.contains(&result) {
            spare.push(argument);
            continue;
        }
        results.push(result);
        chosen.push(argument);
        if chosen.len() == count {
            return chosen;
        }
    }
    spare.retain(|argument| !chosen.contains(argument));
    chosen.extend(spare);
    chosen.truncate(count);
    chosen
}

/// Arguments that decide: at least [`HIDDEN`], none of them visible.
pub fn hidden(composition: &Composition, visible: &[Value], seed: Seed) -> Vec<Value> {
    let kind = composition.from();
    let constants = constants(composition);
    let mut seen: HashSet<Value> = visible.iter().cloned().collect();
    let mut chosen = Vec::new();
    for argument in edges(kind, &constants) {
        if chosen.len() < HIDDEN * 2 / 3 && seen.insert(argument.clone()) {
            chosen.push(argument);
        }
    }
    for index in 0.. {
        if chosen.len() >= HIDDEN {
            break;
        }
        let argument = draw(kind, &constants, seed.derive("hidden", index), 10);
        if seen.insert(argument.clone()) {
            chosen.push(argument);
        }
    }
    for mistaken in composition.neighbours().filter(|other| other.to() == composition.to()) {
        let differs = |argument: &Value| composition.evaluate(argument) != mistaken.evaluate(argument);
        if chosen.iter().any(differs) {
            continue;
        }
        let in_reach = (0..REACH).map(|index| draw(kind, &constants, seed.derive("reach", index), 7));
        let in_reach = edges(kind, &constants).into_iter().chain(in_reach);
        if let Some(argument) = in_reach.filter(|argument| !seen.contains(argument)).find(differs) {
            seen.insert(argument.clone());
            chosen.push(argument);
        }
    }
    chosen
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(numbers) => numbers.is_empty(),
        Value::Number(number) => *number == 0,
        Value::Text(text) => text.is_empty(),
    }
}

fn constants(composition: &Composition) -> Vec<Constant> {
    composition.stages().iter().map(|stage| stage.constant()).filter(|constant| *constant != Constant::None).collect()
}

/// What is on the border of something, for programs with these constants.
fn edges(kind: Kind, constants: &[Constant]) -> Vec<Value> {
    let numbers = || constants.iter().filter(|constant| matches!(constant, Constant::Number(_))).map(|k| k.number());
    match kind {
        Kind::List => {
            let mut lists: Vec<Vec<i64>> = vec![vec![]];
            for k in numbers() {
                lists.extend([vec![k - 1, k, k + 1], vec![k], vec![k + 1, k, k, -k, 0, k - 1], vec![2 * k, k]]);
            }
            let common: [&[i64]; 8] =
                [&[0], &[-1], &[3, 3, 3], &[1, 2], &[2, 1, 2, 1], &[5, 4, 3, 2, 1], &[-3, 0, 3], &[10, -10, 7, 7, 8]];
            lists.extend(common.map(<[i64]>::to_vec));
            lists.into_iter().map(Value::List).collect()
        }
        Kind::Number => {
            let mut all = vec![0, 1, -1];
            all.extend(numbers().flat_map(|k| [k - 1, k, k + 1, -k, 2 * k]));
            all.extend([2, 10, -10, 9, 19, 50, -37, LARGEST_NUMBER]);
            all.into_iter().map(Value::Number).collect()
        }
        Kind::Text => {
            let mut all = vec![String::new(), " ".to_owned()];
            for constant in constants {
                let (a, b) = constant.letters();
                match constant {
                    Constant::Number(_) => {
                        let k = constant.count();
                        all.extend([k - 1, k, k + 1].map(|length| "abcdefghij"[..length].to_owned()));
                    }
                    _ => all.extend([
                        format!("{a}{a} {b}{a}"),
                        a.to_string(),
                        a.to_ascii_uppercase().to_string(),
                        format!("b{a}{b}"),
                    ]),
                }
            }
            all.extend(
                ["a", "B", "aa", "two  gaps", " edge ", "Ab cD", "aeiou", "xyz", "one two one"].map(str::to_owned),
            );
            all.into_iter().map(Value::Text).collect()
        }
    }
}

/// An argument by chance: lists of up to `longest` numbers, often near a constant; texts of one to three words.
fn draw(kind: Kind, constants: &[Constant], seed: Seed, longest: usize) -> Value {
    let mut random = seed.rng();
    match kind {
        Kind::List => {
            let length = random.random_range(3..=longest);
            Value::List((0..length).map(|_| draw_number(constants, &mut random)).collect())
        }
        Kind::Number if random.random_bool(0.3) => Value::Number(random.random_range(-LARGEST_NUMBER..=LARGEST_NUMBER)),
        Kind::Number => Value::Number(random.random_range(-9..=30)),
        Kind::Text => {
            let words = (0..random.random_range(1..=3)).map(|_| draw_word(constants, &mut random));
            let mut text = words.collect::<Vec<_>>().join(" ");
            if random.random_bool(0.1) {
                text = format!(" {text} ");
            }
            Value::Text(text)
        }
    }
}

fn draw_number(constants: &[Constant], random: &mut Rng) -> i64 {
    let numbers: Vec<i64> = constants.iter().map(|k| k.number()).filter(|&k| k != 0).collect();
    if !numbers.is_empty() && random.random_bool(0.3) {
        return numbers[random.random_range(0..numbers.len())] + random.random_range(-1..=1);
    }
    random.random_range(-4..=12)
}

fn draw_word(constants: &[Constant], random: &mut Rng) -> String {
    const COMMON: &[u8] = b"aabdeeiklmnoorsttuz";
    let letters: Vec<char> = constants.iter().map(|constant| constant.letters().0).filter(|a| *a != ' ').collect();
    let is_capital = random.random_bool(0.2);
    let length = random.random_range(2..=5);
    let mut word = String::new();
    for at in 0..length {
        let letter = match letters.as_slice() {
            [_, ..] if random.random_bool(0.2) => letters[random.random_range(0..letters.len())],
            _ => COMMON[random.random_range(0..COMMON.len())].into(),
        };
        word.push(if at == 0 && is_capital { letter.to_ascii_uppercase() } else { letter });
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_fixed_and_as_many_as_said() {
        for kind in [Kind::List, Kind::Number, Kind::Text] {
            assert_eq!(probes(kind), probes(kind));
            assert_eq!(probes(kind).len(), PROBES);
        }
    }
}
