//! `tcphs connections`: one row a connection.

use std::io::Write;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use dissector_core::ConnectionTable;
use dissector_core::capture::Packet;
use dissector_core::connection::Connection;

use crate::input::Input;
use crate::output::{duration, json_line, stdout};
use crate::rows::ConnectionRow;
use crate::{Failure, Format};

pub fn run(file: &Path, format: Format) -> Result<(), Failure> {
    let mut input = Input::open(file)?;
    let name = file.to_string_lossy();
    let mut output = stdout();
    let mut table = ConnectionTable::new();
    match format {
        Format::Jsonl => {
            while let Some(packet) = input.next_packet()? {
                observe(&mut table, &packet);
                for connection in table.take_left() {
                    let row = ConnectionRow::new(&name, &connection, table.now_ns());
                    json_line(&mut output, &row)?;
                }
            }
            for connection in table.connections() {
                json_line(&mut output, &ConnectionRow::new(&name, connection, table.now_ns()))?;
            }
        }
        Format::Table => {
            let mut rows = Vec::new();
            while let Some(packet) = input.next_packet()? {
                observe(&mut table, &packet);
                let now_ns = table.now_ns();
                rows.extend(table.take_left().iter().map(|left| cells(left, now_ns)));
            }
            rows.extend(table.connections().map(|open| cells(open, table.now_ns())));
            rows.sort_by_key(|(id, _)| *id);
            writeln!(output, "{}", render(rows))?;
        }
    }
    output.flush()?;
    input.report();
    Ok(())
}

fn observe(table: &mut ConnectionTable, packet: &Packet<'_>) {
    match packet {
        Packet::Segment(segment) => {
            table.observe(segment);
        }
        Packet::IcmpError(error) => {
            table.observe_icmp(error);
        }
        _ => {}
    }
}

const COLUMNS: [&str; 10] = [
    "Conn",
    "Client",
    "Server",
    "Outcome",
    "Set-up",
    "SYNs",
    "Close",
    "Client state",
    "Server state",
    "Packets",
];
/// Numbers, aligned right.
const NUMBERS: [usize; 4] = [0, 4, 5, 9];

fn cells(connection: &Connection, now_ns: i64) -> (u32, Vec<String>) {
    let close = match connection.closed_by() {
        Some(by) => format!("{} by {by}", connection.close()),
        None => connection.close().to_string(),
    };
    let cells = vec![
        connection.id().to_string(),
        connection.client().to_string(),
        connection.server().to_string(),
        connection.outcome(now_ns).to_string(),
        connection.setup_time_ns().map_or_else(|| "-".into(), duration),
        connection.syn_count().to_string(),
        close,
        connection.client_state().to_string(),
        connection.server_state().to_string(),
        connection.packets().to_string(),
    ];
    (connection.id(), cells)
}

fn render(rows: Vec<(u32, Vec<String>)>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(COLUMNS);
    table.add_rows(rows.into_iter().map(|(_, cells)| cells));
    for number in NUMBERS {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
