//! The fields that are shown: one table for filters, columns, rows and documentation.

use super::enumeration::Enumeration;
use super::names::{Copy, Role, RoleBasis, RstReason, Stage, State};

/// What kind of value a field has.
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
    /// Text.
    String,
    /// IPv4 address.
    Ipv4,
    /// IPv6 address.
    Ipv6,
    /// Time difference, in nanoseconds.
    RelativeTime,
}

/// A field: its name in filters, its title in the packet details, its kind and its meaning.
#[derive(Debug)]
pub struct Field {
    /// Which field this is.
    pub id: FieldId,
    /// Name in filters and columns: `tcphs.client.state`.
    pub name: &'static str,
    /// Title in the packet details.
    pub title: &'static str,
    /// Kind of its value.
    pub kind: FieldKind,
    /// Meaning of its numbers.
    pub enumeration: Option<&'static Enumeration>,
    /// What it says, in one sentence.
    pub doc: &'static str,
}

impl Field {
    /// Name in rows: without the prefix, dots as underscores.
    ///
    /// ```
    /// use dissector_core::connection::FieldId;
    ///
    /// assert_eq!(FieldId::ClientState.field().row_name(), "client_state");
    /// ```
    pub fn row_name(&self) -> String {
        self.name.trim_start_matches("tcphs.").replace('.', "_")
    }
}

/// Defines the fields. Each row: identifier, name, kind (with its enumeration), title, meaning.
macro_rules! fields {
    ($( $id:ident, $name:literal, $kind:ident $(($enumeration:ident))?, $title:literal, $doc:literal; )+) => {
        /// Names a [`Field`].
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum FieldId {
            $( #[doc = concat!("`", $name, "`: ", $doc)] $id, )+
        }

        /// Every field, in the order of [`FieldId`].
        pub const FIELDS: &[Field] = &[ $( Field {
            id: FieldId::$id,
            name: $name,
            title: $title,
            kind: FieldKind::$kind,
            enumeration: fields!(@enumeration $($enumeration)?),
            doc: $doc,
        } ),+ ];
    };
    (@enumeration) => { None };
    (@enumeration $enumeration:ident) => { Some($enumeration::TABLE) };
}

fields! {
    Conn, "tcphs.conn", Uint32, "Connection",
        "Number of the connection, from 0, one for each incarnation of its addresses and ports.";
    Attempt, "tcphs.attempt", Uint16, "Attempt",
        "Number of the incarnation within its addresses and ports, from 1.";
    Handshake, "tcphs.handshake", None, "Handshake",
        "The segment is part of the handshake.";
    Stage, "tcphs.stage", Uint8(Stage), "Stage",
        "What the segment is to the handshake or to the close.";
    StageStr, "tcphs.stage_str", String, "Stage",
        "The stage as text.";
    FinalAck, "tcphs.final_ack", None, "Final ACK",
        "The segment is the third of the handshake: the ACK that completes it.";
    Copy, "tcphs.copy", Uint8(Copy), "Copy",
        "Whether the segment was sent before.";
    CopyStr, "tcphs.copy_str", String, "Copy",
        "The copy as text.";
    Role, "tcphs.role", Uint8(Role), "Sender",
        "Which end sent the segment.";
    RoleStr, "tcphs.role_str", String, "Sender",
        "The sender as text.";
    RoleBasis, "tcphs.role.basis", Uint8(RoleBasis), "Roles known by",
        "What the roles of client and server rest on.";
    RoleBasisStr, "tcphs.role.basis_str", String, "Roles known by",
        "The basis of the roles as text.";
    Flags, "tcphs.flags", String, "Flags",
        "The flags as Wireshark writes them: SYN, ACK.";
    FlagsTcpdump, "tcphs.flags.tcpdump", String, "Flags (tcpdump)",
        "The flags as tcpdump writes them: S.";
    ClientAddr, "tcphs.client.addr", String, "Client address",
        "Address of the client as text, IPv4 or IPv6.";
    ClientIp, "tcphs.client.ip", Ipv4, "Client IPv4 address",
        "IPv4 address of the client.";
    ClientIpv6, "tcphs.client.ipv6", Ipv6, "Client IPv6 address",
        "IPv6 address of the client.";
    ClientPort, "tcphs.client.port", Uint16, "Client port",
        "Port of the client.";
    ClientState, "tcphs.client.state", Uint8(State), "Client state",
        "State of the client after the segment.";
    ClientStateStr, "tcphs.client.state_str", String, "Client state",
        "State of the client after the segment, as text.";
    ClientStateBefore, "tcphs.client.state_before", Uint8(State), "Client state before",
        "State of the client before the segment.";
    ClientStateBeforeStr, "tcphs.client.state_before_str", String, "Client state before",
        "State of the client before the segment, as text.";
    ClientStateProven, "tcphs.client.state.proven", Boolean, "Client state proven",
        "Whether the client's own segments prove its state; otherwise delivery is assumed.";
    ServerAddr, "tcphs.server.addr", String, "Server address",
        "Address of the server as text, IPv4 or IPv6.";
    ServerIp, "tcphs.server.ip", Ipv4, "Server IPv4 address",
        "IPv4 address of the server.";
    ServerIpv6, "tcphs.server.ipv6", Ipv6, "Server IPv6 address",
        "IPv6 address of the server.";
    ServerPort, "tcphs.server.port", Uint16, "Server port",
        "Port of the server.";
    ServerState, "tcphs.server.state", Uint8(State), "Server state",
        "State of the server after the segment.";
    ServerStateStr, "tcphs.server.state_str", String, "Server state",
        "State of the server after the segment, as text.";
    ServerStateBefore, "tcphs.server.state_before", Uint8(State), "Server state before",
        "State of the server before the segment.";
    ServerStateBeforeStr, "tcphs.server.state_before_str", String, "Server state before",
        "State of the server before the segment, as text.";
    ServerStateProven, "tcphs.server.state.proven", Boolean, "Server state proven",
        "Whether the server's own segments prove its state; otherwise delivery is assumed.";
    Retry, "tcphs.retry", Uint8, "Retry",
        "On SYN, SYN/ACK and FIN: 0 for the original, 1 for the first copy, and so on up to 255.";
    Rto, "tcphs.rto", RelativeTime, "Time since previous copy",
        "Time since the previous copy of this SYN, SYN/ACK or FIN.";
    RstReason, "tcphs.rst.reason", Uint8(RstReason), "Reason of the RST",
        "Why the RST was sent.";
    RstReasonStr, "tcphs.rst.reason_str", String, "Reason of the RST",
        "Why the RST was sent, as text.";
    RstAcceptable, "tcphs.rst.acceptable", Boolean, "RST acceptable",
        "Whether the receiver has to believe the RST (RFC 9293 section 3.5.3, RFC 5961 section 3).";
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
