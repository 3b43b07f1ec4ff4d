//! Judges at work while sampling goes on: a thread each, answers as they come.
//!
//! What was judged before is not executed again: samples of one prompt are often the same text.

use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, mpsc},
    thread,
};

use prentice_base::{ContentHash, HashWriter};

use super::environment::{Environment, HarnessError, Turn};

/// Answers that are remembered; all are forgotten when there are more.
const MOST_KNOWN: usize = 200_000;

/// The threads, and what they were asked.
pub struct Judges<'e> {
    environment: &'e dyn Environment,
    questions: mpsc::Sender<Question>,
    answers: mpsc::Receiver<(ContentHash, Result<Turn, HarnessError>)>,
    known: HashMap<ContentHash, Turn>,
    /// Who waits for an answer.
    waiting: HashMap<ContentHash, Vec<usize>>,
    ready: VecDeque<(usize, Turn)>,
    executed: u64,
}

struct Question {
    id: ContentHash,
    task: usize,
    turns: Vec<String>,
}

impl<'e> Judges<'e> {
    /// Starts `threads` judges for as long as `work` runs.
    pub fn with<T>(environment: &'e dyn Environment, threads: usize, work: impl FnOnce(&mut Judges<'e>) -> T) -> T {
        let (questions, to_judge) = mpsc::channel::<Question>();
        let (to_asker, answers) = mpsc::channel();
        let to_judge = Mutex::new(to_judge);
        thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                let (to_judge, to_asker) = (&to_judge, to_asker.clone());
                scope.spawn(move || {
                    let mut judge = environment.judge();
                    loop {
                        let next = to_judge.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).recv();
                        let Ok(question) = next else { return };
                        let turn = AssertUnwindSafe(|| judge.turn(question.task, &question.turns));
                        let answer = catch_unwind(turn).unwrap_or_else(|_| {
                            judge = environment.judge();
                            Err(HarnessError("the judge panicked".into()))
                        });
                        if to_asker.send((question.id, answer)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(to_asker);
            work(&mut Judges {
                environment,
                questions,
                answers,
                known: HashMap::new(),
                waiting: HashMap::new(),
                ready: VecDeque::new(),
                executed: 0,
            })
        })
    }

    /// What is judged.
    pub fn environment(&self) -> &'e dyn Environment {
        self.environment
    }

    /// Attempts that were really judged, and not remembered.
    pub fn executed(&self) -> u64 {
        self.executed
    }

    /// Asks what follows `turns`; the answer will come under `number`.
    pub fn ask(&mut self, number: usize, task: usize, turns: &[String]) {
        let mut digest = HashWriter::new();
        digest.field(&task.to_le_bytes());
        turns.iter().for_each(|turn| {
            digest.field(turn.as_bytes());
        });
        let id = digest.finish();
        if let Some(turn) = self.known.get(&id) {
            self.ready.push_back((number, turn.clone()));
            return;
        }
        let waiting = self.waiting.entry(id).or_default();
        waiting.push(number);
        if waiting.len() == 1 {
            self.executed += 1;
            // Judges live as long as the sender does.
            let _ = self.questions.send(Question { id, task, turns: turns.to_vec() });
        }
    }

    /// The next answer, in whatever order they come; `None` when no question is open.
    pub fn answer(&mut self) -> Option<(Vec<usize>, Result<Turn, HarnessError>)> {
        if let Some((number, turn)) = self.ready.pop_front() {
            return Some((vec![number], Ok(turn)));
        }
        if self.waiting.is_empty() {
            return None;
        }
        let (id, answer) = self.answers.recv().expect("judges live as long as they may be asked");
        let numbers = self.waiting.remove(&id).unwrap_or_default();
        if let Ok(turn) = &answer {
            if self.known.len() >= MOST_KNOWN {
                self.known.clear();
            }
            self.known.insert(id, turn.clone());
        }
        Some((numbers, answer))
    }
}
