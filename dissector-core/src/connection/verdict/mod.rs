//! How a connection went, as a whole.

mod outcome;
pub(crate) mod summary;

pub use summary::{HandshakeTimes, IcmpSeen, Negotiated, StepFrames, Verdict};
