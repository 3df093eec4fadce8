//! `tcphs packets`: one row per TCP segment.

mod table;

use std::net::IpAddr;

use dissector_core::capture::Packet;
use dissector_core::connection::{
    Annotation, Connection, FindingSet, Repeat, Role, RstReason, Stage, State,
};
use dissector_core::wire::TcpFlags;
use dissector_core::{FollowEvent, FollowedPacket, Segment, follow_packets};

use self::table::Table;
use crate::args::PacketArgs;
use crate::output::Sink;
use crate::output::files::Files;
use crate::output::names::HostNames;
use crate::output::row::{Elapsed, Instant, Tcpdump, row};
use crate::output::time::Times;
use crate::reading::input::Input;
use crate::reading::names;
use crate::reading::selection::Selection;
use crate::{Done, Failure};

pub fn run(arguments: &PacketArgs) -> Result<Done, Failure> {
    let rows = &arguments.rows;
    let select = &rows.select;
    let format = rows.row_format(arguments.timestamps)?;
    let selection = Selection::new(&rows.source, select)?;
    // Names may stand behind the packets.
    let hosts = match (rows.source.names, format) {
        (true, None) => names::read(&rows.source.files)?,
        _ => HostNames::default(),
    };
    let mut sink = Sink::open::<PacketRow<'_>>(format, rows.output()?)?;
    let progress = !rows.writes_to_terminal();
    // Only the table tells how long after the first frame something came.
    let (input, start_ns) = match &sink {
        Sink::Rows(_) => (Input::open(&rows.source, progress)?, None),
        Sink::Table(_) => Input::open_with_start(&rows.source, progress)?,
    };
    if input.is_live() {
        sink.row_by_row();
    }
    let files = input.names();
    let columns = match &sink {
        Sink::Table(output) => output.columns(),
        Sink::Rows(_) => None,
    };
    let times = Times::new(arguments.time, start_ns.unwrap_or(0));
    let mut table = Table::new(Files::new(&files), hosts, times, columns);
    let (mut failed, mut connections, mut matching) = (false, 0, 0);
    let on_event = |event: FollowEvent<'_>| match event {
        FollowEvent::Packet(FollowedPacket { capture, packet, annotation, connection, .. }) => {
            match (&mut sink, packet) {
                _ if !selection.contains(connection) => Ok(()),
                _ if arguments.handshake && annotation.stage == Stage::None => Ok(()),
                (Sink::Rows(rows), Packet::Segment(segment)) => {
                    rows.write(&PacketRow::new(&files[capture], segment, annotation, connection))
                }
                (Sink::Table(output), Packet::Segment(segment)) => {
                    Ok(output.text(&table.lines(capture, segment, annotation, connection))?)
                }
                _ => Ok(()),
            }
        }
        FollowEvent::Closed(closed) => {
            connections += 1;
            let outcome = closed.outcome();
            if select.matches(closed.connection, outcome) {
                matching += 1;
                failed |= outcome.failed();
            }
            Ok(())
        }
        _ => Ok(()),
    };
    let ending = input.follow(|captures, options| follow_packets(captures, options, on_event))?;
    match sink {
        Sink::Rows(rows) => rows.finish()?,
        Sink::Table(mut output) => {
            output.text(&table.end())?;
            output.flush()?;
        }
    }
    ending.report()?;
    select.check_numbers(connections)?;
    select.tell_of_none(matching, connections);
    Ok(Done::on(rows.fail_on.is_some() && failed))
}

row! {
/// One TCP segment.
PacketRow<'a>(
    file: &'a str, segment: &Segment<'_>, annotation: &Annotation, connection: &Connection
) {
    file: &'a str = file,
    frame: u64 = segment.packet.frame,
    time_ns: Instant = Instant(segment.packet.time_ns),
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
    rto_ns: Option<Elapsed> = annotation.rto_ns().map(Elapsed),
    rst_reason: Option<RstReason> = annotation.rst_reason,
    anomalies: FindingSet = annotation.findings.anomalies(),
}}

fn acknowledgment(segment: &Segment<'_>) -> Option<u32> {
    segment.tcp.flags.contains(TcpFlags::ACK).then_some(segment.tcp.acknowledgment.0)
}
