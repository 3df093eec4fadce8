//! One connection: names of everything, states, stages, outcome.

mod enumeration;
mod names;

pub use enumeration::{Enumeration, EnumerationValue, UnknownLabel};
pub use names::*;
