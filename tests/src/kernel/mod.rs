//! Scenarios that this machine's kernel plays as both ends of connections.

mod play;
mod scenario;

pub use play::{Played, play};
pub use scenario::{Contradiction, Scenario, Statement, scenarios};
