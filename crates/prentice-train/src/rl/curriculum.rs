//! Which tasks a step learns from: those that are solved sometimes teach most.
//!
//! With a solve rate p, the variance of a binary reward is p (1 - p), and so is the size of what a group can teach. The
//! rate of a task is estimated over its last attempts, and tasks are drawn with a weight of `FLOOR + 4 p (1 - p)`, so that
//! nothing is left out for good. Tasks not yet tried count as solved half of the time.

use rand::Rng as _;
use serde::{Deserialize, Serialize};

use prentice_base::Seed;

/// Weight of a task that is always or never solved, against 1 + `FLOOR` for one that is solved half of the time.
const FLOOR: f32 = 0.1;
/// How much a new group counts against what was known of the task.
const NEW: f32 = 0.5;

/// What is known of each task's solve rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curriculum {
    /// The estimate for each task; `None` where it was not tried.
    rates: Vec<Option<f32>>,
}

impl Curriculum {
    /// For a number of tasks of which nothing is known.
    pub fn new(tasks: usize) -> Self {
        Self { rates: vec![None; tasks] }
    }

    /// Notes how many of a group's attempts solved the task.
    pub fn note(&mut self, task: usize, solved: usize, attempts: usize) {
        let now = solved as f32 / attempts.max(1) as f32;
        let rate = &mut self.rates[task];
        *rate = Some(rate.map_or(now, |before| before + NEW * (now - before)));
    }

    /// Draws `count` different tasks (all, where there are no more) that `excluded` does not name.
    ///
    /// Without a preference, by weights of the solve rates: an exponential race (Efraimidis & Spirakis 2006). With
    /// `uniform`, all weigh the same.
    pub fn draw(&self, count: usize, excluded: &[usize], uniform: bool, seed: Seed) -> Vec<usize> {
        let mut rng = seed.rng();
        let mut race: Vec<(f64, usize)> = (0..self.rates.len())
            .map(|task| {
                let p = self.rates[task].unwrap_or(0.5);
                let weight = if uniform { 1.0 } else { f64::from(FLOOR + 4.0 * p * (1.0 - p)) };
                let uniform = ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
                (-uniform.ln() / weight, task)
            })
            .filter(|(_, task)| !excluded.contains(task))
            .collect();
        race.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        race.truncate(count);
        race.into_iter().map(|(_, task)| task).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_that_are_solved_sometimes_are_drawn_most_and_none_is_lost() {
        let mut curriculum = Curriculum::new(4);
        for _ in 0..10 {
            curriculum.note(0, 0, 8);
            curriculum.note(1, 4, 8);
            curriculum.note(2, 8, 8);
        }
        let mut drawn = [0; 4];
        for seed in 0..4000 {
            drawn[curriculum.draw(1, &[], false, Seed(seed))[0]] += 1;
        }
        // Weights .1, 1.1, .1 and 1.1.
        assert!(drawn[0] > 100 && drawn[2] > 100 && drawn[1] > 1600 && drawn[3] > 1600, "{drawn:?}");
        let all = curriculum.draw(9, &[2], true, Seed(1));
        assert_eq!(
            {
                let mut sorted = all.clone();
                sorted.sort();
                sorted
            },
            [0, 1, 3]
        );
        assert_eq!(all, curriculum.draw(9, &[2], true, Seed(1)));
    }
}
