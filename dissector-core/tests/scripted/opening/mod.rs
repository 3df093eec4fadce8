//! How connections open, and how one is told from the next.

mod handshakes;
mod incarnations;
mod negotiation;
