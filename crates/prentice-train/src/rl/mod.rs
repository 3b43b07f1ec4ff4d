//! Reinforcement learning from verified rewards.
//!
//! * [`environment`]: what a policy acts in; [`verified`]: tasks whose hidden tests decide, in one turn or two; [`tools`]:
//!   a wrong program is mended by commands; [`command`]: prompts that a command of the user's gives rewards for.
//! * [`rollout`] with [`judges`]: attempts, judged while sampling goes on.
//! * [`reinforce`]: the training loop, which knows no algorithm; [`curriculum`]: which tasks a step learns from.
//! * [`measure`]: greedy success and pass@k of a policy; [`synthesize`]: examples from its attempts.

pub mod command;
pub mod curriculum;
pub mod environment;
pub mod judges;
pub mod measure;
pub mod reinforce;
pub mod rollout;
pub mod synthesize;
pub mod tools;
pub mod verified;
