//! What two points of capture say of the way between them.

use crate::vocabulary::ColourRole;
use crate::vocabulary::enumeration::{enumeration, set};

enumeration! {
    /// What became of a segment between two points of capture.
    Fate as "fate" {
        /// Outside what one of the points captured.
        Unknown = 0, UNKNOWN, "unknown";
        /// Seen at both points.
        Arrived = 1, ARRIVED, "arrived";
        /// Arrived, but not as it was sent.
        Changed = 2, CHANGED, "changed";
        /// One more copy of a segment that arrived, sent once.
        Doubled = 3, DOUBLED, "doubled";
        /// Seen only at the point nearer its sender, while the other was capturing.
        Lost = 4, LOST, "lost";
        /// Seen only at the point nearer its receiver: made or let loose in between.
        Appeared = 5, APPEARED, "appeared";
        /// One of the captures missed it: the ends show that it passed there.
        NotCaptured = 6, NOT_CAPTURED, "not_captured";
    }
}

impl Fate {
    /// Whether the segment was seen at both points.
    pub const fn has_arrived(self) -> bool {
        matches!(self, Self::Arrived | Self::Changed)
    }
}

enumeration! {
    /// What happened to a connection between two points of capture.
    Path as "path" {
        /// Nothing that the captures decide.
        Unknown = 0, UNKNOWN, "unknown";
        /// Nothing was lost, nothing appeared.
        Clean = 1, CLEAN, "clean";
        /// Segments were lost.
        Lossy = 2, LOSSY, "lossy";
        /// From some segment on, one direction was lost to its end.
        CutOff = 3, CUT_OFF, "cut_off";
        /// An RST appeared that the other end did not send.
        RstInjected = 4, RST_INJECTED, "rst_injected";
        /// No SYN arrived.
        SynLost = 5, SYN_LOST, "syn_lost";
        /// No SYN/ACK arrived.
        SynAckLost = 6, SYNACK_LOST, "synack_lost";
        /// Nothing of the client that acknowledges the server's SYN arrived.
        FinalAckLost = 7, FINAL_ACK_LOST, "final_ack_lost";
        /// A device in between answered the SYN in the server's place.
        AnsweredOnTheWay = 8, ANSWERED_ON_THE_WAY, "answered_on_the_way";
        /// A device in between made two connections of it.
        Proxied = 9, PROXIED, "proxied";
        /// Only one point saw it, and the other need not have.
        OnePoint = 10, ONE_POINT, "one_point";
        /// Several connections of the other point fit.
        Ambiguous = 11, AMBIGUOUS, "ambiguous";
    }
}

impl Path {
    /// The colour that it has in tables.
    pub const fn colour(self) -> ColourRole {
        match self {
            Self::Clean => ColourRole::Good,
            Self::Lossy => ColourRole::Warning,
            Self::CutOff
            | Self::RstInjected
            | Self::SynLost
            | Self::SynAckLost
            | Self::FinalAckLost
            | Self::AnsweredOnTheWay => ColourRole::Bad,
            Self::Unknown | Self::Proxied | Self::OnePoint | Self::Ambiguous => ColourRole::Plain,
        }
    }
}

enumeration! {
    /// The rule by which the connections of two points were joined.
    JoinedBy as "joined_by" {
        /// The same addresses, ports and sequence numbers.
        Numbers = 0, NUMBERS, "numbers";
        /// The same sequence numbers under other addresses or ports.
        Nat = 1, NAT, "nat";
        /// The same timestamps, and one constant difference of the sequence numbers in each direction.
        Timestamps = 2, TIMESTAMPS, "timestamps";
        /// The same payload, and one constant difference of the sequence numbers in each direction.
        Payload = 3, PAYLOAD, "payload";
        /// The same addresses and ports at the same time: likely, never certain.
        Time = 4, TIME, "time";
    }
}

enumeration! {
    /// A property of segments that differs between the points.
    Change as "change" {
        /// The maximum segment size of a SYN.
        Mss = 0, MSS, "mss";
        /// The window scale of a SYN.
        WindowScale = 1, WSCALE, "wscale";
        /// The timestamps option.
        Timestamps = 2, TIMESTAMPS, "timestamps";
        /// The permission to send SACK.
        Sack = 3, SACK, "sack";
        /// Another option of a SYN.
        Options = 4, OPTIONS, "options";
        /// The sequence numbers of a direction.
        Sequence = 5, SEQUENCE, "sequence";
        /// The acknowledgment number, apart from the difference that the other direction's numbers have.
        Acknowledgment = 6, ACKNOWLEDGMENT, "acknowledgment";
        /// The flags.
        Flags = 7, FLAGS, "flags";
        /// The window.
        Window = 8, WINDOW, "window";
        /// The length of the payload.
        Length = 9, LENGTH, "length";
        /// The octets of the payload.
        Payload = 10, PAYLOAD, "payload";
        /// The TTL, by another amount than that of the direction's other segments.
        Ttl = 11, TTL, "ttl";
    }
}

set! {
    /// A set of changes.
    ChangeSet(u16), ChangeIter, Change
}

enumeration! {
    /// An address or port that differs between the points.
    Translated as "translated" {
        /// The client's address.
        ClientAddr = 0, CLIENT_ADDR, "client_addr";
        /// The client's port.
        ClientPort = 1, CLIENT_PORT, "client_port";
        /// The server's address.
        ServerAddr = 2, SERVER_ADDR, "server_addr";
        /// The server's port.
        ServerPort = 3, SERVER_PORT, "server_port";
    }
}

set! {
    /// A set of translated addresses and ports.
    TranslatedSet(u8), TranslatedIter, Translated
}
