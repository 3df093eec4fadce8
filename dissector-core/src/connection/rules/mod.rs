//! The rules, by the part of a connection's life that they belong to.

mod beside;
mod closing;
mod clues;
mod data;
mod early_data;
mod echo;
mod icmp;
pub(crate) mod incarnation;
mod not_accepted;
mod opening;
mod refused;
mod renumbered;
mod repetition;
mod reset;
mod responders;
mod rst_acceptance;
mod rst_refutation;
