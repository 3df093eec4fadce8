//! The annotation of a segment, as C reads it.

use dissector_core::connection::Annotation;

/// Stands for "none" in a field that holds the number of an enumeration.
pub const TCPHS_NONE: u8 = 255;

/// The meaning of a segment. Fields that name an enumeration hold its numbers.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_annotation {
    /// Number of the connection, from 0 in order of first segment.
    pub connection: u32,
    /// The twelve control bits, FIN lowest.
    pub flags: u16,
    /// Its part in the handshake or the close: `enum tcphs_stage`.
    pub stage: u8,
    /// Whether it was sent before: `enum tcphs_copy`.
    pub copy: u8,
    /// The role of its sender: `enum tcphs_role`.
    pub sender: u8,
    /// The number of earlier copies of a SYN, SYN/ACK or FIN, at most 255.
    pub retry: u8,
    /// State of the client before the segment: `enum tcphs_state`.
    pub client_before: u8,
    /// State of the client after it.
    pub client_after: u8,
    /// Whether the client's own segments prove the state after; otherwise delivery is assumed.
    pub client_proven: bool,
    /// State of the server before the segment.
    pub server_before: u8,
    /// State of the server after it.
    pub server_after: u8,
    /// Whether the server's own segments prove the state after.
    pub server_proven: bool,
    /// Whether it completes the handshake: the third segment of three.
    pub final_ack: bool,
    /// The reason of an RST: `enum tcphs_rst_reason`; `TCPHS_NONE` if it is no RST.
    pub rst_reason: u8,
    /// Whether the receiver has to accept the RST.
    pub rst_acceptable: bool,
    /// Time since the previous copy in nanoseconds; 0 if `retry` is 0.
    pub rto_ns: u64,
    /// Findings on it: bit n is set for number n of `enum tcphs_finding`.
    pub findings: u64,
}

impl From<Annotation> for tcphs_annotation {
    fn from(annotation: Annotation) -> Self {
        let Annotation { client, server, .. } = annotation;
        Self {
            connection: annotation.connection,
            flags: annotation.flags.bits(),
            stage: annotation.stage.number(),
            copy: annotation.copy.number(),
            sender: annotation.sender.number(),
            retry: annotation.retry,
            client_before: client.before().number(),
            client_after: client.after().number(),
            client_proven: client.proven(),
            server_before: server.before().number(),
            server_after: server.after().number(),
            server_proven: server.proven(),
            final_ack: annotation.final_ack,
            rst_reason: annotation.rst_reason.map_or(TCPHS_NONE, |reason| reason.number()),
            rst_acceptable: annotation.rst_acceptable().unwrap_or(false),
            rto_ns: annotation.rto_ns().unwrap_or(0),
            findings: crate::verdict::bits(annotation.findings),
        }
    }
}
