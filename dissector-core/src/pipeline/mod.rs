//! Packets on their way from the thread that reads them to those that follow connections.

pub(crate) mod batch;
