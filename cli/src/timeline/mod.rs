//! The events of one connection in order, in bounded memory: for `ladder` and `explain`.

mod collection;
mod event;
mod identification;
pub mod labels;
mod recorder;
mod sent;

use std::net::SocketAddr;

use dissector_core::connection::{Evidence, Outcome, Refusals, RejectedRsts, States, Verdict};
use dissector_core::counters::Counts;

pub use collection::collect;
pub use event::{Arrival, Event, IcmpEvent, Run, SegmentEvent, SynOptions};
pub use identification::Origin;
pub use recorder::Recorder;

/// A SYN/ACK that was repeated after the final ACK.
#[derive(Clone, Copy, Debug)]
pub struct RepeatedSynAck {
    /// From the first SYN/ACK to it, in nanoseconds.
    pub after_ns: u64,
    /// It echoes a timestamp that is later than that of the SYN.
    pub echoes_later: bool,
}

/// One connection from its first event to its end.
#[derive(Debug)]
pub struct Timeline {
    /// The file of the first event, as named on the command line.
    pub file: String,
    pub id: u32,
    pub attempt: u16,
    pub client: SocketAddr,
    pub server: SocketAddr,
    /// How people call them: names, if they are wanted and known.
    pub called: [String; 2],
    pub first_ns: i64,
    pub last_ns: i64,
    pub client_state: States,
    pub server_state: States,
    pub verdict: Verdict,
    /// How often it has what kernels count.
    pub counts: Counts,
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
    /// The origin of the RST that ended the connection, by its IP identification.
    pub rst_origin: Option<Origin>,
    /// The RST that ended the connection follows a segment of its own sender.
    pub rst_unasked: bool,
    /// The first SYN/ACK that was repeated after the final ACK.
    pub repeated: Option<RepeatedSynAck>,
    pub events: Vec<Event>,
}

/// Where nothing is deferred, a SYN/ACK is repeated sooner, in nanoseconds.
const DEFERRED_NS: u64 = 2_500_000_000;

impl Timeline {
    /// Whether a timestamp that the server echoes shows that it has got the final ACK.
    pub fn ack_arrived(&self) -> bool {
        self.verdict.cause_evidence.contains(Evidence::AckArrived)
            || self.repeated.is_some_and(|repeated| repeated.echoes_later)
    }

    /// Whether the server has got the final ACK, and waited for data before it accepted, or still does.
    pub fn is_deferred(&self) -> bool {
        let late =
            |repeated: RepeatedSynAck| repeated.echoes_later && repeated.after_ns >= DEFERRED_NS;
        match self.verdict.outcome {
            Outcome::Deferred => true,
            Outcome::Complete => self.repeated.is_some_and(late),
            _ => false,
        }
    }

    /// From the final ACK to `frame`, in nanoseconds, if both have an event of their own.
    pub fn since_final_ack_ns(&self, frame: Option<u64>) -> Option<u64> {
        let time_ns = |frame: u64| {
            let event = self.events.iter().find(|event| event.frame() == Some(frame))?;
            event.times().map(|(first_ns, _)| first_ns)
        };
        let since_ns = time_ns(frame?)?.saturating_sub(time_ns(self.verdict.frames.final_ack?)?);
        u64::try_from(since_ns).ok()
    }
}
