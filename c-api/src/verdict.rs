//! The verdict on a connection, as C reads it.

use dissector_core::ConnectionTable;
use dissector_core::connection::{Connection, FindingSet, Verdict};

use crate::annotation::TCPHS_NONE;
use crate::segment::address_octets;

/// Stands for a number that is not known.
pub const TCPHS_UNKNOWN: i32 = -1;

/// A connection and the verdict on it. Fields that name an enumeration hold its numbers.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_verdict {
    /// Number of the connection, from 0 in order of first segment.
    pub connection: u32,
    /// Number of the incarnation within its addresses and ports, from 1.
    pub attempt: u16,
    /// 4 or 6.
    pub ip_version: u8,
    /// The evidence for the roles: `enum tcphs_role_basis`.
    pub role_basis: u8,
    /// Address of the client, in network order; an IPv4 address is in the first 4 octets.
    pub client: [u8; 16],
    /// Address of the server, likewise.
    pub server: [u8; 16],
    /// Port of the client.
    pub client_port: u16,
    /// Port of the server.
    pub server_port: u16,
    /// The outcome: `enum tcphs_outcome`.
    pub outcome: u8,
    /// Whether the handshake is known to be complete on both sides.
    pub established: bool,
    /// The kind of opening: `enum tcphs_open_type`.
    pub open_type: u8,
    /// The kind of close: `enum tcphs_close`.
    pub close: u8,
    /// The end that closed first: `enum tcphs_close_by`, or `TCPHS_NONE`.
    pub close_by: u8,
    /// The reason of the first accepted RST: `enum tcphs_rst_reason`, or `TCPHS_NONE`.
    pub rst_reason: u8,
    /// The sides whose segments were captured: `enum tcphs_seen`.
    pub seen: u8,
    /// The estimated place of the capture point: `enum tcphs_vantage`.
    pub vantage: u8,
    /// Explicit congestion notification: `enum tcphs_ecn`.
    pub ecn: u8,
    /// The cause (`tcphs_cause_label`), or `TCPHS_NONE` if its packets do not decide it.
    pub cause: u8,
    /// State of the client after the last segment: `enum tcphs_state`.
    pub client_state: u8,
    /// State of the server after the last segment.
    pub server_state: u8,
    /// Whether the client's own segments prove its state; otherwise delivery is assumed.
    pub client_proven: bool,
    /// Whether the server's own segments prove its state.
    pub server_proven: bool,
    /// Whether both permit selective acknowledgments: 1 or 0, or `TCPHS_UNKNOWN`.
    pub sack: i8,
    /// Whether both send timestamps, likewise.
    pub timestamps: i8,
    /// Whether the round-trip times are certain, in spite of copies: 1 or 0, or `TCPHS_UNKNOWN`.
    pub rtt_exact: i8,
    /// Shift count of the client's window; `TCPHS_UNKNOWN` also if scaling is not in effect.
    pub client_window_scale: i8,
    /// Shift count of the server's window, likewise.
    pub server_window_scale: i8,
    /// Type of the first ICMP error that quotes it, or `TCPHS_UNKNOWN`.
    pub icmp_type: i16,
    /// Code of that error, or `TCPHS_UNKNOWN`.
    pub icmp_code: i16,
    /// Largest segment that the client accepts, in octets, or `TCPHS_UNKNOWN`.
    pub client_mss: i32,
    /// Largest segment that the server accepts, in octets, or `TCPHS_UNKNOWN`.
    pub server_mss: i32,
    /// SYNs without ACK that the client sent, duplicates not counted.
    pub syn_count: u16,
    /// SYN/ACKs that the server sent, duplicates not counted.
    pub synack_count: u16,
    /// Segments of both sides.
    pub segments: u64,
    /// Time of the first segment, in nanoseconds since 1970 UTC.
    pub first_ns: i64,
    /// Time of the last segment, likewise.
    pub last_ns: i64,
    /// Nanoseconds from the first SYN to the final ACK, or `TCPHS_UNKNOWN`.
    pub setup_time_ns: i64,
    /// Nanoseconds from the answered SYN to the SYN/ACK, or `TCPHS_UNKNOWN`.
    pub rtt_server_ns: i64,
    /// Nanoseconds from the SYN/ACK to the final ACK, or `TCPHS_UNKNOWN`.
    pub rtt_client_ns: i64,
    /// Nanoseconds from the answered SYN to the final ACK, or `TCPHS_UNKNOWN`.
    pub rtt_total_ns: i64,
    /// Frame of the first SYN; 0 if there is none.
    pub syn_frame: u64,
    /// Frame of the first SYN/ACK, likewise.
    pub synack_frame: u64,
    /// Frame of the segment that completes the handshake, likewise.
    pub final_ack_frame: u64,
    /// Frame of the first accepted RST, likewise.
    pub rst_frame: u64,
    /// Frame of the first ICMP error, likewise.
    pub icmp_frame: u64,
    /// Findings on its segments or on the whole: bit n is set for number n of `enum tcphs_finding`.
    pub findings: u64,
    /// Evidence of the cause: bit n % 64 of element n / 64 is number n (`tcphs_evidence_label`).
    pub cause_evidence: [u64; 2],
}

impl tcphs_verdict {
    /// A connection of `table`, as it stands now.
    pub(crate) fn of(connection: &Connection, table: &ConnectionTable) -> Self {
        let verdict = table.verdict(connection);
        let Verdict { times, frames, negotiated, icmp, .. } = verdict;
        let (client, server) = (connection.client(), connection.server());
        let states = [connection.client_state(), connection.server_state()];
        Self {
            connection: connection.id(),
            attempt: connection.attempt(),
            ip_version: if client.is_ipv4() { 4 } else { 6 },
            role_basis: connection.role_basis().number(),
            client: address_octets(client.ip()),
            server: address_octets(server.ip()),
            client_port: client.port(),
            server_port: server.port(),
            outcome: verdict.outcome.number(),
            established: verdict.established,
            open_type: verdict.open_type.number(),
            close: verdict.close.number(),
            close_by: verdict.closed_by.map_or(TCPHS_NONE, |by| by.number()),
            rst_reason: verdict.rst_reason.map_or(TCPHS_NONE, |reason| reason.number()),
            seen: verdict.seen.number(),
            vantage: verdict.vantage.number(),
            ecn: verdict.ecn.number(),
            cause: verdict.cause.map_or(TCPHS_NONE, |cause| cause.number()),
            client_state: states[0].after().number(),
            server_state: states[1].after().number(),
            client_proven: states[0].proven(),
            server_proven: states[1].proven(),
            sack: known(negotiated.sack),
            timestamps: known(negotiated.ts),
            rtt_exact: known(times.rtt_exact),
            client_window_scale: known(negotiated.wscale_client),
            server_window_scale: known(negotiated.wscale_server),
            icmp_type: known(icmp.map(|icmp| icmp.kind)),
            icmp_code: known(icmp.map(|icmp| icmp.code)),
            client_mss: known(negotiated.mss_client),
            server_mss: known(negotiated.mss_server),
            syn_count: verdict.syn_count,
            synack_count: verdict.synack_count,
            segments: connection.packets(),
            first_ns: connection.first_ns(),
            last_ns: connection.last_ns(),
            setup_time_ns: nanoseconds(times.setup_time_ns),
            rtt_server_ns: nanoseconds(times.rtt_server_ns),
            rtt_client_ns: nanoseconds(times.rtt_client_ns),
            rtt_total_ns: nanoseconds(times.rtt_total_ns),
            syn_frame: frames.syn.unwrap_or(0),
            synack_frame: frames.synack.unwrap_or(0),
            final_ack_frame: frames.final_ack.unwrap_or(0),
            rst_frame: frames.rst.unwrap_or(0),
            icmp_frame: frames.icmp.unwrap_or(0),
            findings: bits(verdict.findings),
            cause_evidence: verdict.cause_evidence.iter().fold([0; 2], |mut bits, evidence| {
                bits[usize::from(evidence.number() / 64)] |= 1 << (evidence.number() % 64);
                bits
            }),
        }
    }
}

fn known<T: Into<N>, N: From<i8>>(number: Option<T>) -> N {
    number.map_or(N::from(TCPHS_UNKNOWN as i8), Into::into)
}

fn nanoseconds(time_ns: Option<u64>) -> i64 {
    time_ns.map_or(TCPHS_UNKNOWN.into(), |time_ns| i64::try_from(time_ns).unwrap_or(i64::MAX))
}

/// A set of findings with bit n for number n.
pub(crate) fn bits(findings: FindingSet) -> u64 {
    findings.iter().fold(0, |bits, finding| bits | 1 << finding.number())
}
