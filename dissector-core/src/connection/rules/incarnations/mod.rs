//! Several connections on the same addresses and ports: one after the other, one beside the other, and
//! one that is captured on both sides of a device that rewrites its numbers.

mod beside;
pub(super) mod incarnation;
mod renumbered;
