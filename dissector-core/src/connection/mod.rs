//! One connection: names of everything, states, stages, outcome.
//!
//! [`ConnectionTable`](crate::ConnectionTable) finds the connection of a segment; here it is
//! followed. The rules are split by the part of a connection's life they belong to: opening,
//! closing, reset.

mod advice;
mod ahead;
mod annotation;
mod anomaly;
mod brief;
mod closing;
mod duplicate;
mod endpoint;
pub(crate) mod ends;
mod enumeration;
mod event;
mod field;
mod handshake;
mod incarnation;
mod meaning;
mod moments;
mod names;
mod numbers;
mod offer;
mod opening;
mod rare;
mod refusal;
mod reset;
mod responders;
mod state_names;
mod summary;
#[cfg(test)]
mod tests;
mod times;
mod track;
mod usual;
mod verdict;
mod zeek;

pub use advice::{Advice, Check};
pub use annotation::{Annotation, States};
pub use anomaly::{Anomaly, AnomalySet, Group, Severity};
pub use brief::{Brief, Remainder};
pub(crate) use duplicate::Recent;
pub(crate) use ends::Direction;
pub use enumeration::{Enumeration, EnumerationValue, UnknownLabel};
pub(crate) use event::Side;
pub use field::{FIELDS, Field, FieldId, FieldKind, Known};
pub(crate) use incarnation::Reuse;
pub use names::*;
pub use state_names::StateNames;
pub use summary::{HandshakeTimes, IcmpSeen, Negotiated, StepFrames, Verdict};
pub use track::Connection;
