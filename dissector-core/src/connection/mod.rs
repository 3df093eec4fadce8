//! One connection: its states, the stage of each segment, its outcome.
//!
//! [`ConnectionTable`](crate::ConnectionTable) finds the connection of a segment; here it is
//! followed. The rules are split by the part of a connection's life they belong to: opening,
//! closing, reset.

mod ahead;
mod annotation;
mod compact_annotation;
pub(crate) mod event;
mod predict;
mod refusal;
mod rules;
pub(crate) mod state;
#[cfg(test)]
mod tests;
mod track;
mod verdict;

#[doc(no_inline)]
pub use crate::vocabulary::*;
pub use annotation::{Annotation, States};
pub use compact_annotation::{Brief, Remainder};
pub(crate) use rules::incarnation::Reuse;
pub use track::Connection;
pub use verdict::{HandshakeTimes, IcmpSeen, Negotiated, StepFrames, Verdict};
