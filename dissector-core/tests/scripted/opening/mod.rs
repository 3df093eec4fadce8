//! How connections open, and how one incarnation is distinguished from the next.

mod handshakes;
mod incarnations;
mod negotiation;
