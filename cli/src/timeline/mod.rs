//! The events of one connection in order, in bounded memory: for `ladder` and `explain`.

mod collection;
mod event;
pub mod labels;
mod recorder;
mod sent;

use std::net::SocketAddr;

use dissector_core::connection::{Refusals, RejectedRsts, States, Verdict};

pub use collection::collect;
pub use event::{Arrival, Event, IcmpEvent, Run, SegmentEvent, SynOptions};

/// One connection from its first event to its end.
#[derive(Debug)]
pub struct Timeline {
    /// The file of the first event, as named on the command line.
    pub file: String,
    pub id: u32,
    pub attempt: u16,
    pub client: SocketAddr,
    pub server: SocketAddr,
    pub first_ns: i64,
    pub last_ns: i64,
    pub client_state: States,
    pub server_state: States,
    pub verdict: Verdict,
    /// RSTs that answer the SYN, and that the client has to ignore.
    pub rejected: Option<RejectedRsts>,
    /// RSTs that refused the SYN.
    pub refusals: Option<Refusals>,
    /// Nothing shows that the server got anything.
    pub is_unheard: bool,
    /// The frames come from several files in turn.
    pub interleaved: bool,
    /// Octets that the client sent after its SYN, each counted once.
    pub client_octets: u64,
    /// Octets that the client sent again.
    pub client_resent: u64,
    /// The server sent a segment that is not a SYN.
    pub server_sent_more: bool,
    pub events: Vec<Event>,
}
