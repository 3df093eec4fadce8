//! The file formats: pcap and pcapng, plain or compressed, cut into the records of their frames.

pub(super) mod buffer;
mod clock;
mod compression;
pub(super) mod pcap;
pub(super) mod pcapng;
pub(super) mod read_ahead;
pub(super) mod record;
