//! A trajectory: everything that happened while something tried to solve a task.
//!
//! Append-only and hash-chained: each step's digest covers its event and the previous digest, so a step cannot be
//! changed, dropped or reordered without [`Trajectory::verify`] noticing.

use serde::{Deserialize, Serialize};

use crate::{ContentHash, HashWriter, Verdict, digest_json};

/// The record of one attempt at a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    /// The task that was attempted.
    pub task: String,
    steps: Vec<Step>,
}

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Digest over the previous step's digest and this event.
    pub digest: ContentHash,
    /// What happened.
    pub event: TrajectoryEvent,
}

/// What can happen in an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrajectoryEvent {
    /// A message entered the conversation.
    Message(Message),
    /// A model produced tokens; the log-probabilities are natural logarithms, one a token.
    Tokens {
        /// Digest of the weights that produced them.
        weights: ContentHash,
        /// Token ids.
        ids: Vec<u32>,
        /// Log-probability of each token when it was chosen.
        log_probabilities: Vec<f32>,
    },
    /// A tool was called.
    ToolCall {
        /// The tool.
        name: String,
        /// Its arguments.
        arguments: serde_json::Value,
        /// What it returned.
        result: String,
    },
    /// A file changed; `None` means that it does not exist on that side.
    FileChange {
        /// Path within the task's tree.
        path: String,
        /// Digest before.
        before: Option<ContentHash>,
        /// Digest after.
        after: Option<ContentHash>,
    },
    /// The verifier spoke.
    Verdict(Verdict),
    /// Something was spent.
    Cost {
        /// Tokens read.
        prompt_tokens: u64,
        /// Tokens written.
        completion_tokens: u64,
        /// CPU time, in seconds.
        cpu_seconds: f64,
    },
}

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Who speaks in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The operator's rules.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// A tool's result.
    Tool,
}

/// The chain of digests does not hold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {index} of the trajectory of task `{task}` does not match its digest")]
pub struct TrajectoryError {
    /// The task.
    pub task: String,
    /// The first step, from 0, that does not match.
    pub index: usize,
}

impl Trajectory {
    /// An empty record for `task`.
    pub fn new(task: impl Into<String>) -> Self {
        Self { task: task.into(), steps: Vec::new() }
    }

    /// Appends an event.
    pub fn push(&mut self, event: TrajectoryEvent) {
        let digest = chain(self.head(), &event);
        self.steps.push(Step { digest, event });
    }

    /// The steps so far, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The digest that stands for the whole record so far.
    pub fn head(&self) -> ContentHash {
        self.steps.last().map_or_else(|| ContentHash::of(self.task.as_bytes()), |step| step.digest)
    }

    /// Checks every link of the chain.
    ///
    /// # Errors
    /// Names the first step that does not match its digest.
    pub fn verify(&self) -> Result<(), TrajectoryError> {
        let mut previous = ContentHash::of(self.task.as_bytes());
        for (index, step) in self.steps.iter().enumerate() {
            previous = chain(previous, &step.event);
            if previous != step.digest {
                return Err(TrajectoryError { task: self.task.clone(), index });
            }
        }
        Ok(())
    }
}

fn chain(previous: ContentHash, event: &TrajectoryEvent) -> ContentHash {
    let mut hasher = HashWriter::new();
    hasher.field(previous.as_bytes()).field(digest_json(event).as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tampering_is_noticed_after_a_round_trip_through_json() {
        let mut trajectory = Trajectory::new("HumanEval/0");
        trajectory.push(TrajectoryEvent::Message(Message { role: Role::User, content: "fix it".into() }));
        trajectory.push(TrajectoryEvent::Verdict(Verdict::Pass));
        let json = serde_json::to_string(&trajectory).unwrap();
        let back: Trajectory = serde_json::from_str(&json).unwrap();
        assert_eq!(back.verify(), Ok(()));

        let forged: Trajectory = serde_json::from_str(&json.replace("fix it", "fake it")).unwrap();
        assert_eq!(forged.verify(), Err(TrajectoryError { task: "HumanEval/0".into(), index: 0 }));
    }
}
