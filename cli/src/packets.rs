//! `tcphs packets`: one row a TCP segment.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use dissector_core::capture::Packet;
use dissector_core::connection::{Annotation, Copy};
use dissector_core::{ConnectionTable, Segment};

use crate::input::Input;
use crate::output::{Output, json_line, stdout};
use crate::rows::PacketRow;
use crate::{Failure, Format};

pub fn run(file: &Path, format: Format) -> Result<(), Failure> {
    let mut input = Input::open(file)?;
    let name = file.to_string_lossy();
    let mut output = stdout();
    let mut table = ConnectionTable::new();
    let mut start_ns = None;
    if matches!(format, Format::Table) {
        header(&mut output)?;
    }
    while let Some(packet) = input.next_packet()? {
        let segment = match packet {
            Packet::Segment(segment) => segment,
            Packet::IcmpError(error) => {
                // No row, but what comes after may depend on it.
                table.observe_icmp(&error);
                continue;
            }
            _ => continue,
        };
        let seen = table.observe(&segment);
        // Nobody asks for them here.
        drop(table.take_left());
        match format {
            Format::Table => {
                let start_ns = *start_ns.get_or_insert(segment.packet.time_ns);
                line(&mut output, &segment, &seen, start_ns)?;
            }
            Format::Jsonl => {
                if let Some(connection) = table.latest() {
                    let row = PacketRow::new(&name, &segment, &seen, connection);
                    json_line(&mut output, &row)?;
                }
            }
        }
    }
    output.flush()?;
    input.report();
    Ok(())
}

fn header(output: &mut Output) -> Result<(), Failure> {
    writeln!(
        output,
        "{:>6} {:>12} {:>5}  {:<48} {:<5} {:<5} {:<28} {:<14} Server",
        "Frame", "Time", "Conn", "Segment", "Flags", "Step", "Stage", "Client"
    )?;
    Ok(())
}

fn line(
    output: &mut Output,
    segment: &Segment<'_>,
    seen: &Annotation,
    start_ns: i64,
) -> Result<(), Failure> {
    let (packet, tcp) = (&segment.packet, &segment.tcp);
    let source = SocketAddr::new(packet.source, tcp.source_port);
    let destination = SocketAddr::new(packet.destination, tcp.destination_port);
    let copy = match seen.copy {
        Copy::Original => String::new(),
        copy => format!(" ({copy})"),
    };
    let text = format!(
        "{:>6} {:>12.6} {:>5}  {:<48} {:<5} {:<5} {:<28} {:<14} {}",
        packet.frame,
        packet.time_ns.saturating_sub(start_ns) as f64 / 1e9,
        seen.connection,
        format!("{source} → {destination}"),
        tcp.flags.tcpdump().to_string(),
        seen.stage.step().unwrap_or(""),
        format!("{}{copy}", seen.stage.name()),
        seen.client,
        seen.server,
    );
    writeln!(output, "{}", text.trim_end())?;
    Ok(())
}
