//! Reading what the command line names: captures, points, and which of their connections.

pub mod input;
pub mod interrupt;
pub mod names;
pub mod points;
pub mod progress;
pub mod selection;
pub mod start;
