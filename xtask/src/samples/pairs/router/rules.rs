//! What a router is told to do, as constants of the scenarios.

use std::net::Ipv4Addr;

use testkit::kernel::Side;
use testkit::packet::{ACK, FIN, RST, SYN};

use super::packet::Header;

/// A router's orders. [`PLAIN`] hands everything on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Orders {
    /// For single segments; all that fit act, in this order.
    pub(crate) rules: &'static [Rule],
    /// How long each segment is under way in the router, to the client and to the server, in
    /// milliseconds.
    pub(crate) delay_ms: [u64; 2],
    /// What becomes of the time to live.
    pub(crate) ttl: Ttl,
    /// Other addresses and ports on the server's side.
    pub(crate) translation: Translation,
    /// What is added to the client's sequence numbers on the server's side, and to the server's on
    /// the client's side.
    pub(crate) renumber: [u32; 2],
    /// Whether the router answers SYNs itself.
    pub(crate) proxy: Option<Proxy>,
}

/// A router that does nothing but hand on.
pub(crate) const PLAIN: Orders = Orders {
    rules: &[],
    delay_ms: [0, 0],
    ttl: Ttl::Less(1),
    translation: Translation { client: None, port: 0, server: None },
    renumber: [0, 0],
    proxy: None,
};

/// What becomes of the time to live.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ttl {
    /// So many hops less.
    Less(u8),
    /// The same for all.
    Always(u8),
}

/// Network address translation, for IPv4.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Translation {
    /// The client's address on the server's side.
    pub(crate) client: Option<Ipv4Addr>,
    /// What is added to the client's port.
    pub(crate) port: u16,
    /// The address that clients know of the server, and its own.
    pub(crate) server: Option<(Ipv4Addr, Ipv4Addr)>,
}

/// How a SYN proxy opens its connection to the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Proxy {
    /// With the client's initial sequence number, as Linux's does.
    ClientsNumber,
    /// With one of its own.
    OwnNumber,
}

/// An order for some segments of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// Where the segments are on their way to.
    pub(crate) to: Side,
    /// Their kind.
    pub(crate) kind: Kind,
    /// Which of those of one connection, counted from 1: the first and the last.
    pub(crate) which: (u32, u32),
    /// The connection by its number, else each of them.
    pub(crate) connection: Option<usize>,
    /// What is done.
    pub(crate) does: Does,
}

impl Rule {
    /// For all segments of the kind of the scenario's own connection.
    pub(crate) const fn all(to: Side, kind: Kind, does: Does) -> Self {
        Self { to, kind, which: (1, u32::MAX), connection: Some(super::super::SUBJECT), does }
    }

    /// For one of them.
    pub(crate) const fn nth(number: u32, to: Side, kind: Kind, does: Does) -> Self {
        Self { which: (number, number), ..Self::all(to, kind, does) }
    }

    /// For this one and all behind it.
    pub(crate) const fn from(number: u32, to: Side, kind: Kind, does: Does) -> Self {
        Self { which: (number, u32::MAX), ..Self::all(to, kind, does) }
    }

    /// For all segments of all connections.
    pub(crate) const fn everywhere(to: Side, does: Does) -> Self {
        Self { connection: None, ..Self::all(to, Kind::Any, does) }
    }
}

/// A kind of segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Syn,
    SynAck,
    /// An ACK without data.
    BareAck,
    Data,
    /// More than so many octets of data.
    Longer(usize),
    Fin,
    Rst,
    Any,
}

impl Kind {
    /// Whether a segment is of this kind.
    pub(crate) fn contains(self, header: &Header) -> bool {
        match self {
            Self::Syn => header.has_only(SYN),
            Self::SynAck => header.has_only(SYN | ACK),
            Self::BareAck => header.has_only(ACK) && header.data == 0,
            Self::Data => header.data > 0,
            Self::Longer(octets) => header.data > octets,
            Self::Fin => header.flags & FIN != 0,
            Self::Rst => header.flags & RST != 0,
            Self::Any => true,
        }
    }
}

/// What is done to a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    /// It is lost.
    Lose,
    /// It is lost in so many cases of a hundred.
    LosePercent(u32),
    /// It is handed on twice.
    Double,
    /// It is handed on so many milliseconds later than others, which overtake it.
    Late(u64),
    /// It is handed on so many milliseconds later, and none overtakes it.
    Hold(u64),
    /// It is not handed on; its sender gets an answer in the name of the other end, or of the router.
    Reject(Answer),
    /// It is handed on, and RSTs are sent behind it.
    Reset(&'static [Side]),
    /// It is handed on; afterwards nothing of the connection is.
    Forget,
    /// The same, and what comes afterwards is answered with an RST.
    ForgetAndReset,
    /// It is changed.
    Edit(Edit),
}

/// The answer of a firewall.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// RST.
    Rst,
    /// Destination unreachable, communication administratively prohibited.
    AdminProhibited,
    /// Destination unreachable, fragmentation needed, for packets larger than this (RFC 1191).
    TooBig(u16),
}

/// A change to a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Edit {
    /// No larger maximum segment size than this.
    Mss(u16),
    /// Without these options.
    Strip(&'static [u8]),
    /// With this window.
    Window(u16),
    /// Without these flags.
    Clear(u16),
    /// Over so many more hops.
    Hops(u8),
    /// With other data, of the same length.
    Shout,
}
