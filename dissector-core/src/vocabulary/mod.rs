//! The names of everything that is shown: states, stages, outcomes, findings, and the texts that
//! explain them. One table each.

mod advice;
pub(crate) mod enumeration;
mod finding;
mod meaning;
mod names;
mod state_names;

pub use advice::{Advice, Check};
pub use enumeration::{Enumeration, EnumerationValue, UnknownLabel};
pub use finding::{Finding, FindingSet, Group, Severity};
pub use names::*;
pub use state_names::StateNames;
