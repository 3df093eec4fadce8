//! The rows: names and order of the columns, for every format.
//!
//! A column is named as the filter field is in Wireshark, without `tcphs.` and with underscores.

use std::net::IpAddr;

use dissector_core::Segment;
use dissector_core::connection::{Annotation, Connection, FindingSet, Verdict};
use dissector_core::wire::TcpFlags;

use crate::cell::{Label, Tcpdump, row};

/// One of the engine's own labels.
type Name = Label<&'static str>;

row! {
/// One TCP segment.
PacketRow<'a> {
    file: &'a str,
    frame: u64,
    time_ns: i64,
    conn: u32,
    attempt: u16,
    src_addr: IpAddr,
    src_port: u16,
    dst_addr: IpAddr,
    dst_port: u16,
    seq: u32,
    ack: Option<u32>,
    len: u32,
    flags: TcpFlags,
    flags_tcpdump: Tcpdump,
    role: Name,
    stage: Name,
    copy: Name,
    final_ack: bool,
    client_state: Name,
    server_state: Name,
    client_state_before: Name,
    server_state_before: Name,
    client_state_proven: bool,
    server_state_proven: bool,
    retry: Option<u8>,
    rto_ns: Option<u64>,
    rst_reason: Option<Name>,
    anomalies: FindingSet,
}}

impl<'a> PacketRow<'a> {
    pub fn new(
        file: &'a str,
        segment: &Segment<'_>,
        seen: &Annotation,
        connection: &Connection,
    ) -> Self {
        let (packet, tcp) = (&segment.packet, &segment.tcp);
        Self {
            file,
            frame: packet.frame,
            time_ns: packet.time_ns,
            conn: seen.connection,
            attempt: connection.attempt(),
            src_addr: packet.source,
            src_port: tcp.source_port,
            dst_addr: packet.destination,
            dst_port: tcp.destination_port,
            seq: tcp.sequence.0,
            ack: tcp.flags.contains(TcpFlags::ACK).then_some(tcp.acknowledgment.0),
            len: segment.payload_octets(),
            flags: tcp.flags,
            flags_tcpdump: Tcpdump(tcp.flags),
            role: Label(seen.sender.label()),
            stage: Label(seen.stage.label()),
            copy: Label(seen.copy.label()),
            final_ack: seen.final_ack,
            client_state: Label(seen.client.after().label()),
            server_state: Label(seen.server.after().label()),
            client_state_before: Label(seen.client.before().label()),
            server_state_before: Label(seen.server.before().label()),
            client_state_proven: seen.client.proven(),
            server_state_proven: seen.server.proven(),
            retry: seen.counts_copies().then_some(seen.retry),
            rto_ns: seen.rto_ns(),
            rst_reason: seen.rst_reason.map(|reason| Label(reason.label())),
            anomalies: seen.findings,
        }
    }
}

row! {
/// One connection.
ConnectionRow<'a> {
    file: &'a str,
    conn: u32,
    attempt: u16,
    client_addr: IpAddr,
    client_port: u16,
    server_addr: IpAddr,
    server_port: u16,
    first_ns: i64,
    last_ns: i64,
    packets: u64,
    outcome: Name,
    failed: bool,
    established: bool,
    open_type: Name,
    close: Name,
    close_by: Option<Name>,
    role_basis: Name,
    seen: Name,
    vantage: Name,
    ecn: Name,
    history: Label<String>,
    conn_state: Name,
    client_state: Name,
    server_state: Name,
    syn_count: u16,
    synack_count: u16,
    rtt_server_ns: Option<u64>,
    rtt_client_ns: Option<u64>,
    rtt_total_ns: Option<u64>,
    rtt_exact: Option<bool>,
    setup_time_ns: Option<u64>,
    syn_frame: Option<u64>,
    synack_frame: Option<u64>,
    final_ack_frame: Option<u64>,
    rst_frame: Option<u64>,
    rst_reason: Option<Name>,
    icmp_frame: Option<u64>,
    icmp_type: Option<u8>,
    icmp_code: Option<u8>,
    neg_mss_client: Option<u16>,
    neg_mss_server: Option<u16>,
    neg_wscale_client: Option<i8>,
    neg_wscale_server: Option<i8>,
    neg_sack: Option<bool>,
    neg_ts: Option<bool>,
    anomalies: FindingSet,
}}

impl<'a> ConnectionRow<'a> {
    /// The row of `connection`, which came to `verdict`.
    pub fn new(file: &'a str, connection: &Connection, verdict: &Verdict) -> Self {
        let (client, server) = (connection.client(), connection.server());
        let (times, frames, negotiated) = (verdict.times, verdict.frames, verdict.negotiated);
        Self {
            file,
            conn: connection.id(),
            attempt: connection.attempt(),
            client_addr: client.ip(),
            client_port: client.port(),
            server_addr: server.ip(),
            server_port: server.port(),
            first_ns: connection.first_ns(),
            last_ns: connection.last_ns(),
            packets: connection.packets(),
            outcome: Label(verdict.outcome.label()),
            failed: verdict.outcome.failed(),
            established: verdict.established,
            open_type: Label(verdict.open_type.label()),
            close: Label(verdict.close.label()),
            close_by: verdict.closed_by.map(|by| Label(by.label())),
            role_basis: Label(connection.role_basis().label()),
            seen: Label(verdict.seen.label()),
            vantage: Label(verdict.vantage.label()),
            ecn: Label(verdict.ecn.label()),
            history: Label(connection.history()),
            conn_state: Label(connection.conn_state()),
            client_state: Label(connection.client_state().after().label()),
            server_state: Label(connection.server_state().after().label()),
            syn_count: verdict.syn_count,
            synack_count: verdict.synack_count,
            rtt_server_ns: times.rtt_server_ns,
            rtt_client_ns: times.rtt_client_ns,
            rtt_total_ns: times.rtt_total_ns,
            rtt_exact: times.rtt_exact,
            setup_time_ns: times.setup_time_ns,
            syn_frame: frames.syn,
            synack_frame: frames.synack,
            final_ack_frame: frames.final_ack,
            rst_frame: frames.rst,
            rst_reason: verdict.rst_reason.map(|reason| Label(reason.label())),
            icmp_frame: frames.icmp,
            icmp_type: verdict.icmp.map(|icmp| icmp.kind),
            icmp_code: verdict.icmp.map(|icmp| icmp.code),
            neg_mss_client: negotiated.mss_client,
            neg_mss_server: negotiated.mss_server,
            neg_wscale_client: negotiated.wscale_client,
            neg_wscale_server: negotiated.wscale_server,
            neg_sack: negotiated.sack,
            neg_ts: negotiated.ts,
            anomalies: verdict.findings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Row;
    use dissector_core::schema::{FIELDS, Known};

    /// The columns that only rows have: position, addresses by sender, and what needs no filter.
    const ROW_ONLY: &[&str] = &[
        "file",
        "frame",
        "time_ns",
        "src_addr",
        "src_port",
        "dst_addr",
        "dst_port",
        "seq",
        "ack",
        "len",
        "anomalies",
    ];

    /// What of a connection needs no filter: other fields say it of each packet.
    const CONNECTION_ONLY: &[&str] = &["first", "last", "packets"];

    #[test]
    fn columns_are_named_as_the_fields_are() {
        let columns = [PacketRow::COLUMNS, ConnectionRow::COLUMNS];
        for column in columns.into_iter().flatten().map(|column| column.name) {
            let field = column.trim_end_matches("_ns");
            let known = FIELDS.iter().any(|f| f.row_name() == field);
            let only = ROW_ONLY.contains(&column) || CONNECTION_ONLY.contains(&field);
            assert!(known || only, "{column}");
        }
        // And what is known of a connection has its column.
        for field in FIELDS.iter().filter(|field| field.known != Known::EachPacket) {
            let name = field.row_name();
            if name.ends_with("_state_proven_frame") {
                // Of each segment, though it takes later ones to know.
                continue;
            }
            let column = name.trim_end_matches("_str");
            let mut columns = ConnectionRow::COLUMNS.iter();
            assert!(columns.any(|c| c.name.trim_end_matches("_ns") == column), "{name}");
        }
    }
}
