//! The commands that write rows: a connection, a segment, a server.

pub mod connections;
pub mod packets;
pub mod servers;
