//! How a connection went, as a whole.

mod cause;
mod outcome;
pub(crate) mod summary;

pub use cause::WeighedCause;
pub use summary::{
    HandshakeTimes, IcmpSeen, Negotiated, Refusals, RejectedRsts, StepFrames, SynAckAfterRefusal,
    Verdict,
};
