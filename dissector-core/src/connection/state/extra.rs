//! State that few connections need, heap-allocated on first use.

use crate::connection::state::copies::{FirstCopy, FurtherCopies};
use crate::connection::state::offer::Offer;
use crate::connection::state::timestamps::Exact;
use crate::connection::verdict::summary::IcmpSeen;
use crate::vocabulary::Side;
use crate::vocabulary::{RstReason, State};
use crate::wire::SeqNumber;

#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// The first RST that the receiver had to accept.
    pub reset: Option<Reset>,
    /// Frame of that RST.
    pub rst_frame: u32,
    /// Frame of an RST in spite of which the connection went on; [`SEVERAL`] if there were more.
    pub ignored_rst_frame: u32,
    /// Frame of the first ICMP error that quotes the SYN.
    pub icmp_frame: u32,
    /// The first ICMP error that quotes the SYN.
    pub icmp: Option<IcmpSeen>,
    /// SYN/ACKs of each end with other initial sequence numbers than the one that counts.
    others: Option<Box<[Vec<Other>; 2]>>,
    /// Copies of each end's SYN or SYN/ACK after the first.
    copies: [Option<Box<FurtherCopies>>; 2],
    /// Times that do not follow from others.
    pub exact: Exact,
    /// The numbers of SYNs without and with ACK of each end, if they do not fit into its `syns`.
    pub syns: [[u16; 2]; 2],
    /// Sequence number after each end's FIN, if that is not its highest.
    pub fin_end: [Option<SeqNumber>; 2],
    /// SYN/ACKs repeated after the final ACK.
    pub repeats: u8,
    /// Segments of both sides, in units of 2^32.
    pub packets: u32,
}

impl Extra {
    pub fn others(&self, side: Side) -> &[Other] {
        self.others.as_ref().map_or(&[], |others| &others[side as usize])
    }

    pub fn others_mut(&mut self, side: Side) -> &mut Vec<Other> {
        &mut self.others.get_or_insert_default()[side as usize]
    }

    pub fn copies(&self, side: Side) -> Option<&FurtherCopies> {
        self.copies[side as usize].as_deref()
    }

    pub fn copies_mut(&mut self, side: Side) -> &mut FurtherCopies {
        self.copies[side as usize].get_or_insert_default()
    }

    /// Both ends are one: what is known of the client is known of the server.
    pub fn mirror(&mut self) {
        if let Some(others) = &mut self.others {
            others[1] = others[0].clone();
        }
        self.copies[1] = self.copies[0].clone();
        self.syns[1] = self.syns[0];
        self.fin_end[1] = self.fin_end[0];
    }
}

/// An RST that its receiver has to believe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reset {
    pub by: Side,
    pub reason: RstReason,
    /// It carried no ACK.
    pub bare: bool,
    /// The server had proved before it that it accepted the connection.
    pub after_confirmation: bool,
    pub time_ns: i64,
    /// State of each end before it, and whether that was proven: the RST may be refuted.
    pub before: [(State, bool); 2],
}

/// A SYN/ACK with another initial sequence number than the one that counts: of another responder,
/// of a responder that forgot the first, or one that does not acknowledge the SYN.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    pub iss: SeqNumber,
    /// It acknowledges the SYN.
    pub acceptable: bool,
    pub offer: Offer,
    pub first_copy: FirstCopy,
    pub copies: FurtherCopies,
    pub last_copy_ns: i64,
    pub retries: u8,
}

/// Stands for the frames of several RSTs.
pub(crate) const SEVERAL: u32 = u32::MAX;

/// More responders than any service has; beyond that, the oldest is forgotten.
pub(crate) const MOST_OTHERS: usize = 8;
