//! Statistics with one row for each connection.

use std::net::SocketAddr;

use dissector_core::connection::{Close, ClosedBy, Connection, OpenType, Outcome, Verdict};

use super::Table;
use super::cell::{Cells, Column, count, number, text};

pub const COLUMNS: &[Column] = &[
    count("Conn"),
    text("Client"),
    text("Server"),
    text("Outcome"),
    text("Opened as"),
    text("Close"),
    text("Closed by"),
    count("SYNs"),
    count("SYN/ACKs"),
    count("Segments"),
    number("Set-up ms"),
    number("RTT server ms"),
    number("RTT client ms"),
    text("Zeek"),
];

/// The values of a row. The connection itself may leave the table.
struct Row {
    number: u32,
    client: SocketAddr,
    server: SocketAddr,
    segments: u64,
    outcome: Outcome,
    open_type: OpenType,
    close: Close,
    closed_by: Option<ClosedBy>,
    syns: u16,
    synacks: u16,
    setup_time_ns: Option<u64>,
    rtt_server_ns: Option<u64>,
    rtt_client_ns: Option<u64>,
    zeek: &'static str,
}

#[derive(Default)]
pub struct Connections {
    rows: Vec<Row>,
}

impl Table for Connections {
    fn add(&mut self, number: u32, connection: &Connection, now_ns: i64) -> usize {
        let verdict = connection.verdict_at(now_ns);
        let Verdict { outcome, open_type, close, closed_by, times, .. } = verdict;
        self.rows.push(Row {
            number,
            client: connection.client(),
            server: connection.server(),
            segments: connection.packets(),
            outcome,
            open_type,
            close,
            closed_by,
            syns: verdict.syn_count,
            synacks: verdict.synack_count,
            setup_time_ns: times.setup_time_ns,
            rtt_server_ns: times.rtt_server_ns,
            rtt_client_ns: times.rtt_client_ns,
            zeek: connection.conn_state(),
        });
        self.rows.len() - 1
    }

    fn sort(&mut self) {
        self.rows.sort_by_key(|row| row.number);
    }

    fn clear(&mut self) {
        self.rows.clear();
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn write(&self, nth: usize, cells: &mut Cells<'_>) {
        let row = &self.rows[nth];
        cells.count(row.number);
        cells.text(row.client);
        cells.text(row.server);
        cells.text(row.outcome);
        cells.text(match row.open_type {
            OpenType::Unknown => "-",
            open_type => open_type.label(),
        });
        cells.text(row.close);
        cells.text(row.closed_by.map_or("-", |by| by.label()));
        cells.count(row.syns.into());
        cells.count(row.synacks.into());
        cells.count(u32::try_from(row.segments).unwrap_or(u32::MAX));
        cells.time(row.setup_time_ns);
        cells.time(row.rtt_server_ns);
        cells.time(row.rtt_client_ns);
        cells.text(row.zeek);
    }
}
