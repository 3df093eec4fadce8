//! What few connections need, kept apart so that the others need no room for it.

use crate::connection::IcmpSeen;
use crate::connection::event::Side;
use crate::connection::rules::reset::Reset;
use crate::connection::state::copies::{FirstCopy, FurtherCopies};
use crate::connection::state::offer::Offer;
use crate::connection::state::timestamps::Exact;
use crate::wire::SeqNumber;

/// Made when the first of these is needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rare {
    /// Which side's RST was believed, and why it was sent.
    pub reset: Option<Reset>,
    /// Frame of that RST.
    pub rst_frame: u32,
    /// Frame of an RST in spite of which the connection went on; [`SEVERAL`] of several.
    pub ignored_rst_frame: u32,
    /// Frame of the first ICMP error that quotes the SYN.
    pub icmp_frame: u32,
    /// That error.
    pub icmp: Option<IcmpSeen>,
    /// Of each end: SYN/ACKs with other initial sequence numbers than the one that counts.
    others: Option<Box<[Vec<Other>; 2]>>,
    /// Of each end: copies of its SYN or SYN/ACK after the first.
    copies: [Option<Box<FurtherCopies>>; 2],
    /// Times that do not follow from others.
    pub exact: Exact,
    /// Of each end: how many SYNs without and with ACK it has sent, where that is many.
    pub syns: [[u16; 2]; 2],
    /// Of each end: sequence number after its FIN, where that is not the highest.
    pub fin_end: [Option<SeqNumber>; 2],
    /// SYN/ACKs repeated after the final ACK.
    pub repeats: u8,
    /// Segments of both sides, in units of 2^32.
    pub packets: u32,
}

impl Rare {
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

/// A SYN/ACK with another initial sequence number than the one that counts: of another responder,
/// of one that forgot the first, or one that does not acknowledge the SYN.
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

/// More responders than anybody has; of more, the oldest is forgotten.
pub(crate) const MOST_OTHERS: usize = 8;
