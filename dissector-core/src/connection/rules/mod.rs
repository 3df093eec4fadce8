//! The rules, by the part of a connection's life that they belong to.

mod closing;
mod clues;
mod data;
mod handshake;
mod icmp;
mod incarnations;
mod missing;
mod repetition;
mod resets;
