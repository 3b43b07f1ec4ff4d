//! Reinforcement learning from verified rewards.
//!
//! * [`environment`]: what a policy acts in, and [`verified`]: tasks whose hidden tests decide.
//! * [`rollout`] with [`judges`]: attempts, judged while sampling goes on.
//! * [`reinforce`]: the training loop, which knows no algorithm; [`curriculum`]: which tasks a step learns from.
//! * [`measure`]: greedy success and pass@k of a policy.

pub mod curriculum;
pub mod environment;
pub mod judges;
pub mod measure;
pub mod reinforce;
pub mod rollout;
pub mod verified;
