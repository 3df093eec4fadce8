//! The fields that are shown: one table for filters, columns, rows and documentation.

use crate::vocabulary::enumeration::Enumeration;
use crate::vocabulary::{
    Cause, Close, ClosedBy, Ecn, Fate, OpenType, Outcome, Path, Repeat, Role, RoleBasis, RstReason,
    Seen, Stage, State, Vantage,
};

/// The kind of value of a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
#[non_exhaustive]
pub enum FieldKind {
    /// Present or absent, without a value.
    None,
    /// True or false.
    Boolean,
    /// Unsigned number of 8 bits; with an enumeration, one of its numbers.
    Uint8,
    /// Unsigned number of 16 bits.
    Uint16,
    /// Unsigned number of 32 bits.
    Uint32,
    /// Signed number of 8 bits.
    Int8,
    /// Signed number of 16 bits.
    Int16,
    /// Number of a frame of the same capture.
    FrameNumber,
    /// Text.
    String,
    /// IPv4 address.
    Ipv4,
    /// IPv6 address.
    Ipv6,
    /// Time difference, in nanoseconds.
    RelativeTime,
}

/// From when on the value of a field is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Known {
    /// With the segment, once it was seen: good in one pass over a capture.
    EachPacket,
    /// With the final ACK, which says it in one pass; the other segments of the connection take a
    /// second pass.
    FinalAck,
    /// At the end of the capture: it takes a second pass to say it of each segment.
    Connection,
}

/// A field: its name in filters, its title in the packet details, its kind and its meaning.
#[derive(Debug)]
#[non_exhaustive]
pub struct Field {
    /// Which field this is.
    pub id: FieldId,
    /// Name in filters and columns: `tcphs.client.state`.
    pub name: &'static str,
    /// Title in the packet details.
    pub title: &'static str,
    /// Kind of its value.
    pub kind: FieldKind,
    /// From when on it is known.
    pub known: Known,
    /// Meaning of its numbers.
    pub enumeration: Option<&'static Enumeration>,
    /// Its description, one sentence.
    pub doc: &'static str,
}

impl Field {
    /// Name in rows: without the prefix, dots as underscores.
    ///
    /// ```
    /// use dissector_core::schema::FieldId;
    ///
    /// assert_eq!(FieldId::ClientState.field().row_name(), "client_state");
    /// ```
    pub fn row_name(&self) -> String {
        self.name.trim_start_matches("tcphs.").replace('.', "_")
    }
}

/// Defines the fields in groups by when they are known. Each row: identifier, name, kind, title,
/// meaning. A kind with an enumeration has a second identifier: that of a field with the same value as
/// text, whose name ends in `_str`.
macro_rules! fields {
    ($( $known:ident { $(
        $id:ident $($text:ident)?, $name:literal, $kind:ident $(($enumeration:ident))?, $title:literal,
            $doc:literal;
    )+ } )+) => {
        /// Names a [`Field`].
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum FieldId {
            $( $(
                #[doc = concat!("`", $name, "`: ", $doc, ".")] $id,
                $( #[doc = concat!("`", $name, "_str`: ", $doc, ", as text.")] $text, )?
            )+ )+
        }

        /// Every field, in the order of [`FieldId`].
        pub const FIELDS: &[Field] = &[ $( $(
            Field {
                id: FieldId::$id,
                name: $name,
                title: $title,
                kind: FieldKind::$kind,
                known: Known::$known,
                enumeration: fields!(@enumeration $($enumeration)?),
                doc: concat!($doc, "."),
            },
            $( Field {
                id: FieldId::$text,
                name: concat!($name, "_str"),
                title: $title,
                kind: FieldKind::String,
                known: Known::$known,
                enumeration: None,
                doc: concat!($doc, ", as text."),
            }, )?
        )+ )+ ];
    };
    (@enumeration) => { None };
    (@enumeration $enumeration:ident) => { Some($enumeration::TABLE) };
}

fields! {
    EachPacket {
        Conn, "tcphs.conn", Uint32, "Connection",
            "Number of the connection, from 0, one for each incarnation of its addresses and ports";
        Attempt, "tcphs.attempt", Uint16, "Attempt",
            "Number of the incarnation within its addresses and ports, from 1";
        Handshake, "tcphs.handshake", None, "Handshake",
            "The segment is part of the handshake";
        Stage StageStr, "tcphs.stage", Uint8(Stage), "Stage",
            "Part of the segment in the handshake or the close";
        StageAndCopy, "tcphs.stage.copy", String, "Stage and copy",
            "Stage of the segment, and whether it was sent before: SYN, again. Absent where there is nothing to say";
        StageMeaning, "tcphs.stage.meaning", String, "Meaning",
            "What a segment of this stage does, in one sentence";
        FinalAck, "tcphs.final_ack", None, "Final ACK",
            "The segment is the third of the handshake: the ACK that completes it";
        Copy CopyStr, "tcphs.copy", Uint8(Repeat), "Copy",
            "Whether the segment was sent before";
        Role RoleStr, "tcphs.role", Uint8(Role), "Sender",
            "Which end sent the segment";
        RoleBasis RoleBasisStr, "tcphs.role.basis", Uint8(RoleBasis), "Roles known by",
            "Evidence for the roles of client and server";
        Flags, "tcphs.flags", String, "Flags",
            "The flags as Wireshark writes them: SYN, ACK";
        FlagsTcpdump, "tcphs.flags.tcpdump", String, "Flags (tcpdump)",
            "The flags as tcpdump writes them: S";
        ClientAddr, "tcphs.client.addr", String, "Client address",
            "Address of the client as text, IPv4 or IPv6";
        ClientIp, "tcphs.client.ip", Ipv4, "Client IPv4 address",
            "IPv4 address of the client";
        ClientIpv6, "tcphs.client.ipv6", Ipv6, "Client IPv6 address",
            "IPv6 address of the client";
        ClientPort, "tcphs.client.port", Uint16, "Client port",
            "Port of the client";
        ClientState ClientStateStr, "tcphs.client.state", Uint8(State), "Client state",
            "State of the client after the segment";
        ClientStateBefore ClientStateBeforeStr, "tcphs.client.state_before", Uint8(State), "Client state before",
            "State of the client before the segment";
        ClientStateProven, "tcphs.client.state.proven", Boolean, "Client state proven",
            "Whether the client's own segments prove its state; otherwise delivery is assumed";
        ServerAddr, "tcphs.server.addr", String, "Server address",
            "Address of the server as text, IPv4 or IPv6";
        ServerIp, "tcphs.server.ip", Ipv4, "Server IPv4 address",
            "IPv4 address of the server";
        ServerIpv6, "tcphs.server.ipv6", Ipv6, "Server IPv6 address",
            "IPv6 address of the server";
        ServerPort, "tcphs.server.port", Uint16, "Server port",
            "Port of the server";
        ServerState ServerStateStr, "tcphs.server.state", Uint8(State), "Server state",
            "State of the server after the segment";
        ServerStateBefore ServerStateBeforeStr, "tcphs.server.state_before", Uint8(State), "Server state before",
            "State of the server before the segment";
        ServerStateProven, "tcphs.server.state.proven", Boolean, "Server state proven",
            "Whether the server's own segments prove its state; otherwise delivery is assumed";
        States, "tcphs.states", String, "States, client / server",
            "States of client and server after the segment, assumed ones with a question mark: ESTABLISHED? / SYN-RECEIVED";
        Retry, "tcphs.retry", Uint8, "Retry",
            "On SYN, SYN/ACK and FIN: 0 for the original, 1 for the first copy, and so on up to 255";
        Rto, "tcphs.rto", RelativeTime, "Time since previous copy",
            "Time since the previous copy of this SYN, SYN/ACK or FIN";
        RstReason RstReasonStr, "tcphs.rst.reason", Uint8(RstReason), "Reason of the RST",
            "Why the RST was sent";
        RstAcceptable, "tcphs.rst.acceptable", Boolean, "RST acceptable",
            "Whether the receiver has to believe the RST (RFC 9293 section 3.5.3, RFC 5961 section 3)";
        RstTtlDelta, "tcphs.rst.ttl_delta", Int16, "TTL difference of the RST",
            "TTL of the RST less that of its sender's other packets";
        SynOptions, "tcphs.syn.options", String, "Options of the SYN",
            "Options of a SYN in the order sent: mss:1460,sok,ts,nop,ws:7";
        SynAckOptions, "tcphs.synack.options", String, "Options of the SYN/ACK",
            "Options of a SYN/ACK in the order sent";
        SynSignature, "tcphs.syn.signature", String, "Signature of the SYN",
            "Signature of the SYN, which tells kinds of hosts apart, as p0f writes it";
        Point, "tcphs.point", String, "Point",
            "Name of the point of capture, where a file has several";
    }
    FinalAck {
        Slow, "tcphs.slow", None, "Slow",
            "The set-up took longer than the preference tcphs.slow_ms allows";
        SetupTime, "tcphs.setup_time", RelativeTime, "Set-up time",
            "From the first SYN to the final ACK, retries included";
        RttServer, "tcphs.rtt.server", RelativeTime, "Round trip to the server",
            "From the SYN copy that was answered to the SYN/ACK: from here to the server and back";
        RttClient, "tcphs.rtt.client", RelativeTime, "Round trip to the client",
            "From the SYN/ACK to the final ACK: from here to the client and back";
        RttTotal, "tcphs.rtt.total", RelativeTime, "Round trip, total",
            "From the SYN copy that was answered to the final ACK";
    }
    Connection {
        ClientStateProvenFrame, "tcphs.client.state.proven_frame", FrameNumber, "Client state proven in frame",
            "Frame that proves a state of the client which is assumed here";
        ServerStateProvenFrame, "tcphs.server.state.proven_frame", FrameNumber, "Server state proven in frame",
            "Frame that proves a state of the server which is assumed here";
        Outcome OutcomeStr, "tcphs.outcome", Uint8(Outcome), "Outcome",
            "How the connection went";
        Failed, "tcphs.failed", None, "Failed",
            "The connection did not come up";
        Established, "tcphs.established", None, "Established",
            "The connection is known to have come up";
        Cause CauseStr, "tcphs.cause", Uint8(Cause), "Cause",
            "Why the connection did not come up, or ended as it did, if its own packets decide that";
        OpenType OpenTypeStr, "tcphs.open_type", Uint8(OpenType), "Opened as",
            "How the connection was opened";
        Close CloseStr, "tcphs.close", Uint8(Close), "Close",
            "How the connection ended";
        CloseBy CloseByStr, "tcphs.close.by", Uint8(ClosedBy), "Closed by",
            "Side that ended the connection first";
        RttExact, "tcphs.rtt.exact", Boolean, "Round trips exact",
            "Whether it is certain which copies of the handshake answer each other";
        SynCount, "tcphs.syn.count", Uint16, "SYNs",
            "SYNs that the client sent, without duplicates";
        SynAckCount, "tcphs.synack.count", Uint16, "SYN/ACKs",
            "SYN/ACKs that the server sent, without duplicates";
        SynFrame, "tcphs.syn.frame", FrameNumber, "SYN in frame",
            "Frame of the first SYN";
        SynAckFrame, "tcphs.synack.frame", FrameNumber, "SYN/ACK in frame",
            "Frame of the first SYN/ACK";
        FinalAckFrame, "tcphs.final_ack.frame", FrameNumber, "Final ACK in frame",
            "Frame of the segment that completes the handshake";
        RstFrame, "tcphs.rst.frame", FrameNumber, "RST in frame",
            "Frame of the first RST that was believed";
        IcmpFrame, "tcphs.icmp.frame", FrameNumber, "ICMP error in frame",
            "Frame of the first ICMP error that quotes the connection";
        IcmpType, "tcphs.icmp.type", Uint8, "ICMP type",
            "Type of the ICMP error that quotes the connection";
        IcmpCode, "tcphs.icmp.code", Uint8, "ICMP code",
            "Code of the ICMP error that quotes the connection";
        History, "tcphs.history", String, "History (Zeek)",
            "What was sent, in Zeek's letters: upper case for Zeek's originator";
        ConnState, "tcphs.conn_state", String, "State (Zeek)",
            "How the connection went, in Zeek's terms: S0, REJ, SF";
        Seen SeenStr, "tcphs.seen", Uint8(Seen), "Sides captured",
            "Sides whose segments were captured";
        Vantage VantageStr, "tcphs.vantage", Uint8(Vantage), "Captured",
            "Where on the path the capture was taken";
        Ecn EcnStr, "tcphs.ecn", Uint8(Ecn), "ECN",
            "Result of negotiating explicit congestion notification";
        NegMssClient, "tcphs.neg.mss.client", Uint16, "MSS of the client",
            "Largest segment that the client accepts, in octets";
        NegMssServer, "tcphs.neg.mss.server", Uint16, "MSS of the server",
            "Largest segment that the server accepts, in octets";
        NegWscaleClient, "tcphs.neg.wscale.client", Int8, "Window scale of the client",
            "Shift count of the client's window; -1 where scaling is not in effect";
        NegWscaleServer, "tcphs.neg.wscale.server", Int8, "Window scale of the server",
            "Shift count of the server's window; -1 where scaling is not in effect";
        NegSack, "tcphs.neg.sack", Boolean, "SACK negotiated",
            "Whether both sides permit selective acknowledgments";
        NegTs, "tcphs.neg.ts", Boolean, "Timestamps negotiated",
            "Whether both sides send timestamps";
        Fate FateStr, "tcphs.fate", Uint8(Fate), "Fate",
            "What became of the segment between two points of capture";
        OtherFrame, "tcphs.other.frame", FrameNumber, "Other point's frame",
            "Frame of the same segment at another point";
        Changed, "tcphs.changed", String, "Changed",
            "A property of the segment that differs between the points: mss, ttl";
        PathDelay, "tcphs.path_delay", RelativeTime, "Path delay",
            "Time that the segment took between the points; below zero only as far as the clocks are uncertain";
        PathDelayUncertainty, "tcphs.path_delay.uncertainty", RelativeTime, "Path delay, plus or minus",
            "How far the path delay may be from the truth, because the points have clocks of their own";
        Path PathStr, "tcphs.path", Uint8(Path), "Path",
            "What happened to the connection between two points of capture";
    }
}

impl FieldId {
    /// The field's entry in [`FIELDS`].
    pub const fn field(self) -> &'static Field {
        &FIELDS[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_enumeration_has_its_text_twin() {
        for field in FIELDS.iter().filter(|field| field.enumeration.is_some()) {
            let twin = format!("{}_str", field.name);
            let twin = FIELDS.iter().find(|other| other.name == twin);
            assert!(twin.is_some_and(|twin| twin.kind == FieldKind::String), "{}", field.name);
        }
    }

    #[test]
    fn names_begin_with_the_protocol_and_titles_and_docs_are_there() {
        for field in FIELDS {
            assert!(field.name.starts_with("tcphs."), "{}", field.name);
            assert!(!field.title.is_empty() && field.doc.ends_with('.'), "{}", field.name);
            assert_eq!(field.id.field().name, field.name);
        }
    }
}
