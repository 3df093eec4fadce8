//! The rules, by the part of a connection's life that they belong to.

mod closing;
mod data;
mod icmp;
pub(crate) mod incarnation;
mod opening;
mod repetition;
mod reset;
mod responders;
