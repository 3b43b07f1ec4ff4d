//! DocFn: a description and two examples, by which a solver can check its reading of the description.
//!
//! ```text
//! def solve(xs):
//!     """Keep the numbers greater than 3. Then add them up.
//!
//!     >>> solve([1, 4, 5])
//!     9
//!     >>> solve([3, 7, 0])
//!     7
//!     """
//! ```

use prentice_base::Seed;

use super::{
    grammar::{Composition, Value},
    inputs,
};

/// How many examples there are.
const EXAMPLES: usize = 2;

/// The arguments of the examples.
pub fn examples(program: &Composition, seed: Seed) -> Vec<Value> {
    inputs::visible(program, EXAMPLES, seed)
}
