//! The rows: names and order of the columns, for every format.
//!
//! A column is named as the filter field is in Wireshark, without `tcphs.` and with underscores.

use std::net::IpAddr;

use dissector_core::Segment;
use dissector_core::connection::{Annotation, AnomalySet, Connection};
use dissector_core::wire::TcpFlags;
use serde::Serialize;

/// One TCP segment.
#[derive(Serialize)]
pub struct PacketRow<'a> {
    pub file: &'a str,
    pub frame: u64,
    pub time_ns: i64,
    pub conn: u32,
    pub attempt: u16,
    pub src_addr: IpAddr,
    pub src_port: u16,
    pub dst_addr: IpAddr,
    pub dst_port: u16,
    pub seq: u32,
    pub ack: Option<u32>,
    pub len: u32,
    pub flags: String,
    pub flags_tcpdump: String,
    pub role: &'static str,
    pub stage: &'static str,
    pub copy: &'static str,
    pub final_ack: bool,
    pub client_state: &'static str,
    pub server_state: &'static str,
    pub client_state_before: &'static str,
    pub server_state_before: &'static str,
    pub client_state_proven: bool,
    pub server_state_proven: bool,
    pub retry: Option<u8>,
    pub rto_ns: Option<u64>,
    pub rst_reason: Option<&'static str>,
    pub anomalies: Vec<&'static str>,
}

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
            flags: tcp.flags.to_string(),
            flags_tcpdump: tcp.flags.tcpdump().to_string(),
            role: seen.sender.label(),
            stage: seen.stage.label(),
            copy: seen.copy.label(),
            final_ack: seen.final_ack,
            client_state: seen.client.after().label(),
            server_state: seen.server.after().label(),
            client_state_before: seen.client.before().label(),
            server_state_before: seen.server.before().label(),
            client_state_proven: seen.client.proven(),
            server_state_proven: seen.server.proven(),
            retry: seen.counts_copies().then_some(seen.retry),
            rto_ns: seen.rto_ns(),
            rst_reason: seen.rst_reason.map(|reason| reason.label()),
            anomalies: ids(seen.anomalies),
        }
    }
}

/// One connection.
#[derive(Serialize)]
pub struct ConnectionRow<'a> {
    pub file: &'a str,
    pub conn: u32,
    pub attempt: u16,
    pub client_addr: IpAddr,
    pub client_port: u16,
    pub server_addr: IpAddr,
    pub server_port: u16,
    pub first_ns: i64,
    pub last_ns: i64,
    pub packets: u64,
    pub outcome: &'static str,
    pub failed: bool,
    pub established: bool,
    pub open_type: &'static str,
    pub close: &'static str,
    pub close_by: Option<&'static str>,
    pub role_basis: &'static str,
    pub seen: &'static str,
    pub vantage: &'static str,
    pub ecn: &'static str,
    pub history: String,
    pub conn_state: &'static str,
    pub client_state: &'static str,
    pub server_state: &'static str,
    pub syn_count: u16,
    pub synack_count: u16,
    pub rtt_server_ns: Option<u64>,
    pub rtt_client_ns: Option<u64>,
    pub rtt_total_ns: Option<u64>,
    pub rtt_exact: Option<bool>,
    pub setup_time_ns: Option<u64>,
    pub syn_frame: Option<u64>,
    pub synack_frame: Option<u64>,
    pub final_ack_frame: Option<u64>,
    pub rst_frame: Option<u64>,
    pub rst_reason: Option<&'static str>,
    pub icmp_frame: Option<u64>,
    pub icmp_type: Option<u8>,
    pub icmp_code: Option<u8>,
    pub neg_mss_client: Option<u16>,
    pub neg_mss_server: Option<u16>,
    pub neg_wscale_client: Option<i8>,
    pub neg_wscale_server: Option<i8>,
    pub neg_sack: Option<bool>,
    pub neg_ts: Option<bool>,
    pub anomalies: Vec<&'static str>,
}

impl<'a> ConnectionRow<'a> {
    /// The row of `connection` as things stand at `now_ns`.
    pub fn new(file: &'a str, connection: &Connection, now_ns: i64) -> Self {
        let (client, server) = (connection.client(), connection.server());
        let verdict = connection.verdict(now_ns);
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
            outcome: verdict.outcome.label(),
            failed: verdict.outcome.failed(),
            established: verdict.established,
            open_type: verdict.open_type.label(),
            close: verdict.close.label(),
            close_by: verdict.closed_by.map(|by| by.label()),
            role_basis: connection.role_basis().label(),
            seen: verdict.seen.label(),
            vantage: verdict.vantage.label(),
            ecn: verdict.ecn.label(),
            history: connection.history(),
            conn_state: connection.conn_state(),
            client_state: connection.client_state().after().label(),
            server_state: connection.server_state().after().label(),
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
            rst_reason: verdict.rst_reason.map(|reason| reason.label()),
            icmp_frame: frames.icmp,
            icmp_type: verdict.icmp.map(|icmp| icmp.kind),
            icmp_code: verdict.icmp.map(|icmp| icmp.code),
            neg_mss_client: negotiated.mss_client,
            neg_mss_server: negotiated.mss_server,
            neg_wscale_client: negotiated.wscale_client,
            neg_wscale_server: negotiated.wscale_server,
            neg_sack: negotiated.sack,
            neg_ts: negotiated.ts,
            anomalies: ids(verdict.anomalies),
        }
    }
}

/// The names of anomalies, by number.
fn ids(anomalies: AnomalySet) -> Vec<&'static str> {
    anomalies.iter().map(|anomaly| anomaly.label()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dissector_core::connection::{FIELDS, Known};
    use dissector_core::wire::TcpHeader;
    use dissector_core::{ConnectionTable, PacketInfo};

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
        let packet = PacketInfo {
            frame: 1,
            time_ns: 0,
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
            ttl: 64,
            ip_id: None,
            tcp_octets: 20,
        };
        let mut bytes = [0; 20];
        (bytes[12], bytes[13]) = (0x50, 0x02);
        let tcp = TcpHeader::parse(&bytes).unwrap();
        let mut table = ConnectionTable::new();
        let segment = Segment { packet, tcp };
        let seen = table.observe(&segment);
        let connection = table.latest().unwrap();
        let packet = PacketRow::new("f", &segment, &seen, connection);
        let packet = serde_json::to_value(packet).unwrap();
        let connection = serde_json::to_value(ConnectionRow::new("f", connection, 0)).unwrap();
        let columns = [&packet, &connection].map(|row| row.as_object().unwrap().keys());
        for column in columns.into_iter().flatten() {
            let field = column.trim_end_matches("_ns");
            let known = FIELDS.iter().any(|f| f.row_name() == field);
            let only = ROW_ONLY.contains(&column.as_str()) || CONNECTION_ONLY.contains(&field);
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
            let row = connection.as_object().unwrap();
            let there = row.contains_key(column) || row.contains_key(&format!("{column}_ns"));
            assert!(there, "{name}");
        }
    }
}
