//! Help while writing: completion that knows the repository and cites its source.

// Library code prints nothing: what there is to say goes to the client, or back to the caller.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod completion;
mod endpoint;
mod engine;
mod foreseen;
pub mod lsp;
mod neural;
pub mod replay;

pub use completion::{Citation, Completion};
pub use endpoint::{Endpoint, EndpointError, EndpointOptions};
pub use engine::{Checkout, Engine, EngineOptions};
pub use neural::{NeuralCompanion, NotForCompletion};
