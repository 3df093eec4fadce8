//! `tcphs packets`: one row per TCP segment.

use std::net::{IpAddr, SocketAddr};

use dissector_core::capture::Packet;
use dissector_core::connection::{
    Annotation, Connection, FindingSet, Repeat, Role, RstReason, Stage, State,
};
use dissector_core::wire::TcpFlags;
use dissector_core::{FollowEvent, FollowedPacket, Segment, follow_packets};

use crate::args::RowArgs;
use crate::output::Sink;
use crate::output::row::{Tcpdump, row};
use crate::output::style::{FAINT, stage_style};
use crate::reading::input::Input;
use crate::reading::selection::Selection;
use crate::{Done, Failure};

pub fn run(arguments: &RowArgs) -> Result<Done, Failure> {
    let select = &arguments.select;
    let selection = Selection::new(&arguments.source, select)?;
    let mut sink = Sink::open::<PacketRow<'_>>(arguments.row_format(), arguments.output()?)?;
    let input = Input::open(&arguments.source, !arguments.writes_to_terminal())?;
    if input.is_live() {
        sink.row_by_row();
    }
    let mut table = Table { start_ns: None, addresses: ADDRESSES };
    let (mut failed, mut connections) = (false, 0);
    let names = input.names();
    let on_event = |event: FollowEvent<'_>| match event {
        FollowEvent::Packet(FollowedPacket { capture, packet, annotation, connection, .. }) => {
            match (&mut sink, packet) {
                _ if !selection.contains(connection) => Ok(()),
                (Sink::Rows(rows), Packet::Segment(segment)) => {
                    rows.write(&PacketRow::new(&names[capture], segment, annotation, connection))
                }
                (Sink::Table(output), Packet::Segment(segment)) => {
                    Ok(output.text(&table.lines(segment, annotation))?)
                }
                _ => Ok(()),
            }
        }
        FollowEvent::Closed(closed) => {
            connections += 1;
            let outcome = closed.outcome();
            failed |= outcome.failed() && select.matches(closed.connection, outcome);
            Ok(())
        }
        _ => Ok(()),
    };
    let ending = input.follow(|captures, options| follow_packets(captures, options, on_event))?;
    match sink {
        Sink::Rows(rows) => rows.finish()?,
        Sink::Table(mut output) => {
            if table.start_ns.is_none() {
                output.text(&table.header())?;
            }
            output.flush()?;
        }
    }
    ending.report()?;
    select.check_numbers(connections)?;
    Ok(Done::on(arguments.fail_on.is_some() && failed))
}

row! {
/// One TCP segment.
PacketRow<'a>(
    file: &'a str, segment: &Segment<'_>, annotation: &Annotation, connection: &Connection
) {
    file: &'a str = file,
    frame: u64 = segment.packet.frame,
    time_ns: i64 = segment.packet.time_ns,
    conn: u32 = annotation.connection,
    attempt: u16 = connection.attempt(),
    src_addr: IpAddr = segment.packet.source,
    src_port: u16 = segment.tcp.source_port,
    dst_addr: IpAddr = segment.packet.destination,
    dst_port: u16 = segment.tcp.destination_port,
    seq: u32 = segment.tcp.sequence.0,
    ack: Option<u32> = acknowledgment(segment),
    len: u32 = segment.payload_octets(),
    flags: TcpFlags = segment.tcp.flags,
    flags_tcpdump: Tcpdump = Tcpdump(segment.tcp.flags),
    role: Role = annotation.sender,
    stage: Stage = annotation.stage,
    copy: Repeat = annotation.copy,
    final_ack: bool = annotation.final_ack,
    client_state: State = annotation.client.after(),
    server_state: State = annotation.server.after(),
    client_state_before: State = annotation.client.before(),
    server_state_before: State = annotation.server.before(),
    client_state_proven: bool = annotation.client.proven(),
    server_state_proven: bool = annotation.server.proven(),
    retry: Option<u8> = annotation.counts_copies().then_some(annotation.retry),
    rto_ns: Option<u64> = annotation.rto_ns(),
    rst_reason: Option<RstReason> = annotation.rst_reason,
    anomalies: FindingSet = annotation.findings.anomalies(),
}}

fn acknowledgment(segment: &Segment<'_>) -> Option<u32> {
    segment.tcp.flags.contains(TcpFlags::ACK).then_some(segment.tcp.acknowledgment.0)
}

/// Least width of the addresses of a segment, in columns.
const ADDRESSES: usize = 48;

/// The table, of which each line is written at once.
struct Table {
    /// Time of the first segment.
    start_ns: Option<i64>,
    /// Width of the widest addresses so far.
    addresses: usize,
}

impl Table {
    /// The line of a segment, after the header if it is the first.
    fn lines(&mut self, segment: &Segment<'_>, annotation: &Annotation) -> String {
        let (packet, tcp) = (&segment.packet, &segment.tcp);
        let source = SocketAddr::new(packet.source, tcp.source_port);
        let destination = SocketAddr::new(packet.destination, tcp.destination_port);
        let addresses = format!("{source} → {destination}");
        self.addresses = self.addresses.max(addresses.chars().count());
        let header = if self.start_ns.is_none() { self.header() } else { String::new() };
        let start_ns = *self.start_ns.get_or_insert(packet.time_ns);
        let copy = match annotation.copy {
            Repeat::Original => String::new(),
            copy => format!(" ({copy})"),
        };
        let (stage, width) = (stage_style(annotation.stage), self.addresses);
        format!(
            "{header}{:>6} {:>12.6} {:>5}  {addresses:<width$} {:<5} {stage}{:<5} {:<28}{stage:#} \
             {FAINT}{:<14} {}{FAINT:#}\n",
            packet.frame,
            packet.time_ns.saturating_sub(start_ns) as f64 / 1e9,
            annotation.connection,
            tcp.flags.tcpdump().to_string(),
            annotation.stage.step().unwrap_or(""),
            format!("{}{copy}", annotation.stage.name()),
            annotation.client,
            annotation.server,
        )
    }

    fn header(&self) -> String {
        let width = self.addresses;
        format!(
            "{:>6} {:>12} {:>5}  {:<width$} {:<5} {:<5} {:<28} {:<14} Server\n",
            "Frame", "Time", "Conn", "Segment", "Flags", "Step", "Stage", "Client"
        )
    }
}
