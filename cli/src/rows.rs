//! The rows: names and order of the columns, for every format.
//!
//! A column is named as the filter field is in Wireshark, without `tcphs.` and with underscores.

use std::net::IpAddr;

use dissector_core::Segment;
use dissector_core::connection::{Annotation, Connection, Outcome};
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
    pub anomalies: &'static [&'static str],
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
            client_state: seen.client.after.label(),
            server_state: seen.server.after.label(),
            client_state_before: seen.client.before.label(),
            server_state_before: seen.server.before.label(),
            client_state_proven: seen.client.proven,
            server_state_proven: seen.server.proven,
            retry: seen.counts_copies().then_some(seen.retry),
            rto_ns: seen.rto_ns(),
            rst_reason: seen.rst_reason.map(|reason| reason.label()),
            anomalies: &[],
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
    pub client_state: &'static str,
    pub server_state: &'static str,
    pub syn_count: u16,
    pub synack_count: u16,
    pub setup_time_ns: Option<u64>,
    pub syn_frame: Option<u64>,
    pub synack_frame: Option<u64>,
    pub final_ack_frame: Option<u64>,
    pub rst_frame: Option<u64>,
    pub rst_reason: Option<&'static str>,
}

impl<'a> ConnectionRow<'a> {
    /// The row of `connection` as things stand at `now_ns`.
    pub fn new(file: &'a str, connection: &Connection, now_ns: i64) -> Self {
        let (client, server) = (connection.client(), connection.server());
        let outcome: Outcome = connection.outcome(now_ns);
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
            outcome: outcome.label(),
            failed: outcome.failed(),
            established: connection.established(now_ns),
            open_type: connection.open_type().label(),
            close: connection.close().label(),
            close_by: connection.closed_by().map(|by| by.label()),
            role_basis: connection.role_basis().label(),
            seen: connection.seen().label(),
            client_state: connection.client_state().after.label(),
            server_state: connection.server_state().after.label(),
            syn_count: connection.syn_count(),
            synack_count: connection.synack_count(),
            setup_time_ns: connection.setup_time_ns(),
            syn_frame: connection.syn_frame(),
            synack_frame: connection.synack_frame(),
            final_ack_frame: connection.final_ack_frame(),
            rst_frame: connection.rst_frame(),
            rst_reason: connection.rst_reason().map(|reason| reason.label()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dissector_core::connection::FIELDS;
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

    #[test]
    fn packet_columns_are_named_as_the_fields_are() {
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
        let row = PacketRow::new("f", &segment, &seen, table.latest().unwrap());
        let row = serde_json::to_value(row).unwrap();
        for column in row.as_object().unwrap().keys() {
            let field = column.trim_end_matches("_ns");
            let known = FIELDS.iter().any(|f| f.row_name() == field);
            assert!(known || ROW_ONLY.contains(&column.as_str()), "{column}");
        }
    }
}
