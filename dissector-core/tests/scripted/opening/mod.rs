//! How connections open, and how one incarnation is distinguished from the next.

mod beside;
mod cut;
mod echo;
mod fast_open;
mod handshakes;
mod incarnations;
mod negotiation;
mod not_accepted;
mod refused;
mod renumbered;
