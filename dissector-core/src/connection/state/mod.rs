//! What is known of a connection so far.

pub(crate) mod copies;
pub(crate) mod endpoint;
pub(crate) mod extra;
pub(crate) mod handshake;
pub(crate) mod numbers;
pub(crate) mod offer;
pub(crate) mod timestamps;
