//! The rules of RFC 9293, by the part of a connection's life that they belong to.

pub(crate) mod closing;
pub(crate) mod incarnation;
pub(crate) mod opening;
pub(crate) mod reset;
pub(crate) mod responders;
