//! `tcphs connections`: one row per connection.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use dissector_core::connection::{
    Cause, Close, ClosedBy, Connection, Ecn, EvidenceSet, FindingSet, OpenType, Outcome, RoleBasis,
    RstReason, Seen, State, States, Vantage, Verdict,
};
use dissector_core::{ClosedConnection, follow_map};

use crate::args::{ConnectionArgs, Select};
use crate::output::files::Files;
use crate::output::names::HostNames;
use crate::output::row::{Elapsed, Instant, Label, row};
use crate::output::style::outcome_style;
use crate::output::table::{Align, Layout, Shown, Title};
use crate::output::time::Times;
use crate::output::units::{count, duration};
use crate::output::{MadeRows, RowFormat, Sink};
use crate::reading::input::Input;
use crate::{Done, Failure};

pub fn run(arguments: &ConnectionArgs) -> Result<Done, Failure> {
    let rows = &arguments.rows;
    let (select, format) = (&rows.select, rows.row_format(arguments.timestamps)?);
    // The table comes at the end; rows on a terminal would run into the progress bar.
    let progress = format.is_none() || !rows.writes_to_terminal();
    // Only the table tells how long after the first frame something came.
    let (input, start_ns) = match format {
        Some(_) => (Input::open(&rows.source, progress)?, None),
        None => Input::open_with_start(&rows.source, progress)?,
    };
    let names = input.names();
    let mut sink = Sink::open::<ConnectionRow<'_>>(format, rows.output()?)?;
    if input.is_live() {
        sink.row_by_row();
    }
    let (mut failed, mut connections, mut matching, mut lines) = (false, 0, 0, Vec::new());
    let ending = input.follow(|captures, options| {
        follow_map(
            captures,
            options,
            |closed, made: &mut Made<'_>| made.add(select, format, &names, closed),
            |made| {
                failed |= made.failed;
                connections += std::mem::take(&mut made.connections);
                matching += std::mem::take(&mut made.matching);
                lines.append(&mut made.lines);
                match &mut sink {
                    Sink::Rows(rows) => rows.write_made(&mut made.rows),
                    Sink::Table(_) => Ok(()),
                }
            },
        )
    })?;
    match sink {
        Sink::Rows(rows) => rows.finish()?,
        Sink::Table(mut output) => {
            lines.sort_unstable_by_key(|line| line.conn);
            let times = Times::new(arguments.time, start_ns.unwrap_or(0));
            let table = table(&lines, times, &Files::new(&names), &ending.hosts, output.columns());
            output.text(&table)?;
            output.flush()?;
        }
    }
    ending.report()?;
    select.check_numbers(connections)?;
    select.tell_of_none(matching, connections);
    Ok(Done::on(rows.fail_on.is_some() && failed))
}

/// The rows that one thread has made.
#[derive(Default)]
struct Made<'n> {
    /// Number of connections, matching or not.
    connections: u64,
    matching: u64,
    /// Rows or lines of the matching ones.
    rows: MadeRows<ConnectionRow<'n>>,
    lines: Vec<Line>,
    /// Whether one of the matching ones failed.
    failed: bool,
}

impl<'n> Made<'n> {
    fn add(
        &mut self,
        select: &Select,
        format: Option<RowFormat>,
        names: &'n [String],
        closed: ClosedConnection<'_>,
    ) {
        let (connection, verdict) = (closed.connection, closed.verdict());
        self.connections += 1;
        if !select.matches(connection, verdict.outcome) {
            return;
        }
        self.matching += 1;
        self.failed |= verdict.outcome.failed();
        match format {
            Some(format) => self
                .rows
                .add(format, &ConnectionRow::new(&names[closed.capture], connection, &verdict)),
            None => self.lines.push(Line::new(closed.capture, connection, &verdict)),
        }
    }
}

row! {
/// One connection.
ConnectionRow<'a>(file: &'a str, connection: &Connection, verdict: &Verdict) {
    file: &'a str = file,
    conn: u32 = connection.id(),
    attempt: u16 = connection.attempt(),
    client_addr: IpAddr = connection.client().ip(),
    client_port: u16 = connection.client().port(),
    server_addr: IpAddr = connection.server().ip(),
    server_port: u16 = connection.server().port(),
    first_ns: Instant = Instant(connection.first_ns()),
    last_ns: Instant = Instant(connection.last_ns()),
    packets: u64 = connection.packets(),
    outcome: Outcome = verdict.outcome,
    failed: bool = verdict.outcome.failed(),
    established: bool = verdict.established,
    cause: Option<Cause> = verdict.cause,
    cause_evidence: EvidenceSet = verdict.cause_evidence,
    open_type: OpenType = verdict.open_type,
    close: Close = verdict.close,
    close_by: Option<ClosedBy> = verdict.closed_by,
    role_basis: RoleBasis = connection.role_basis(),
    seen: Seen = verdict.seen,
    vantage: Vantage = verdict.vantage,
    ecn: Ecn = verdict.ecn,
    history: Label<String> = Label(connection.history()),
    conn_state: Label<&'static str> = Label(connection.conn_state()),
    client_state: State = connection.client_state().after(),
    server_state: State = connection.server_state().after(),
    syn_count: u16 = verdict.syn_count,
    synack_count: u16 = verdict.synack_count,
    rtt_server_ns: Option<Elapsed> = verdict.times.rtt_server_ns.map(Elapsed),
    rtt_client_ns: Option<Elapsed> = verdict.times.rtt_client_ns.map(Elapsed),
    rtt_total_ns: Option<Elapsed> = verdict.times.rtt_total_ns.map(Elapsed),
    rtt_exact: Option<bool> = verdict.times.rtt_exact,
    setup_time_ns: Option<Elapsed> = verdict.times.setup_time_ns.map(Elapsed),
    syn_frame: Option<u64> = verdict.frames.syn,
    synack_frame: Option<u64> = verdict.frames.synack,
    final_ack_frame: Option<u64> = verdict.frames.final_ack,
    rst_frame: Option<u64> = verdict.frames.rst,
    rst_reason: Option<RstReason> = verdict.rst_reason,
    icmp_frame: Option<u64> = verdict.frames.icmp,
    icmp_type: Option<u8> = verdict.icmp.map(|icmp| icmp.kind),
    icmp_code: Option<u8> = verdict.icmp.map(|icmp| icmp.code),
    neg_mss_client: Option<u16> = verdict.negotiated.mss_client,
    neg_mss_server: Option<u16> = verdict.negotiated.mss_server,
    neg_wscale_client: Option<i8> = verdict.negotiated.wscale_client,
    neg_wscale_server: Option<i8> = verdict.negotiated.wscale_server,
    neg_sack: Option<bool> = verdict.negotiated.sack,
    neg_ts: Option<bool> = verdict.negotiated.ts,
    anomalies: FindingSet = verdict.findings.anomalies(),
}}

/// A line of the table. All of them are kept until the end, so it is small.
struct Line {
    /// Index of the file of its first segment.
    file: u32,
    conn: u32,
    client: SocketAddr,
    server: SocketAddr,
    outcome: Outcome,
    close: Close,
    closed_by: Option<ClosedBy>,
    client_state: States,
    server_state: States,
    syn_count: u16,
    setup_time_ns: Option<u64>,
    first_ns: i64,
    packets: u64,
}

impl Line {
    fn new(file: usize, connection: &Connection, verdict: &Verdict) -> Self {
        Self {
            file: u32::try_from(file).unwrap_or(u32::MAX),
            conn: connection.id(),
            client: connection.client(),
            server: connection.server(),
            outcome: verdict.outcome,
            close: verdict.close,
            closed_by: verdict.closed_by,
            client_state: connection.client_state(),
            server_state: connection.server_state(),
            syn_count: verdict.syn_count,
            setup_time_ns: verdict.times.setup_time_ns,
            first_ns: connection.first_ns(),
            packets: connection.packets(),
        }
    }

    fn cells(&self, time: String, files: &Files, hosts: &HostNames) -> Vec<Shown> {
        let close = match self.closed_by {
            Some(by) => format!("{} by {by}", self.close),
            None => self.close.to_string(),
        };
        vec![
            self.conn.into(),
            time.into(),
            hosts.end(self.client).into(),
            hosts.end(self.server).into(),
            Shown::styled(self.outcome, outcome_style(self.outcome)),
            self.setup_time_ns.map_or_else(|| "-".into(), duration).into(),
            self.syn_count.into(),
            close.into(),
            self.client_state.into(),
            self.server_state.into(),
            self.packets.into(),
            files.of(self.file as usize).into(),
        ]
    }
}

const TITLES: &[Title] = &[
    Title("Conn", Align::Right),
    Title("Time", Align::Right),
    Title("Client", Align::Left),
    Title("Server", Align::Left),
    Title("Outcome", Align::Left),
    Title("Set-up", Align::Right),
    Title("SYNs", Align::Right),
    Title("Close", Align::Left),
    Title("Client state", Align::Left),
    Title("Server state", Align::Left),
    Title("Packets", Align::Right),
    // Only where there are several.
    FILE,
];

const FILE: Title = Title("File", Align::Left);

/// Columns to leave out on a narrow terminal, in this order.
const DISPENSABLE: &[&str] =
    &["Packets", "Client state", "Server state", "Time", "SYNs", "Close", "Set-up", "File"];

/// The table, and a line with the number of connections for each outcome.
fn table(
    lines: &[Line],
    mut times: Times,
    files: &Files,
    hosts: &HostNames,
    columns: Option<usize>,
) -> String {
    let several = files.are_several();
    let shown = if several { TITLES } else { &TITLES[..TITLES.len() - 1] };
    let rows = lines.iter().map(|line| {
        let mut cells = line.cells(times.text(line.first_ns), files, hosts);
        cells.truncate(shown.len());
        cells
    });
    let rows: Vec<_> = rows.collect();
    let mut by_outcome = BTreeMap::new();
    for line in lines {
        by_outcome.entry(line.outcome.number()).or_insert((line.outcome, 0_u64)).1 += 1;
    }
    let parts: Vec<_> =
        by_outcome.values().map(|(outcome, number)| format!("{number} {outcome}")).collect();
    let sum = count(lines.len() as u64, "connection");
    let colon = if parts.is_empty() { "" } else { ": " };
    let sum = format!("{sum}{colon}{}", parts.join(", "));
    let sum = textwrap::fill(&sum, columns.unwrap_or(usize::MAX));
    let foldable = Some(["Client", "Server"]);
    let rows = Layout { columns, dispensable: DISPENSABLE, foldable }.text(shown, &rows);
    let ends = lines.iter().flat_map(|line| [line.client.ip(), line.server.ip()]);
    format!("{rows}\n{sum}\n{}", hosts.legend(ends))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::row::Row;
    use crate::rows::packets::PacketRow;
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

    /// Columns of a connection without a field: other fields say the same of each packet.
    const CONNECTION_ONLY: &[&str] = &["first", "last", "packets", "cause_evidence"];

    /// Fields of what is between two points of capture: `compare` has the rows of it.
    const BETWEEN_POINTS: &[&str] =
        &["fate", "other_frame", "changed", "path_delay", "path_delay_uncertainty", "path"];

    /// Fields that depend on a preference of Wireshark's: rows have the time itself.
    const BY_PREFERENCE: &[&str] = &["slow"];

    #[test]
    fn columns_are_named_as_the_fields_are() {
        let columns = [PacketRow::COLUMNS, ConnectionRow::COLUMNS];
        for column in columns.into_iter().flatten().map(|column| column.name) {
            let field = column.trim_end_matches("_ns");
            let known = FIELDS.iter().any(|f| f.row_name() == field);
            let only = ROW_ONLY.contains(&column) || CONNECTION_ONLY.contains(&field);
            assert!(known || only, "{column}");
        }
        // Every field that is known of a whole connection has a column.
        for field in FIELDS.iter().filter(|field| field.known != Known::EachPacket) {
            let name = field.row_name();
            if name.ends_with("_state_proven_frame") {
                // A field of segments, though later segments decide it.
                continue;
            }
            let column = name.trim_end_matches("_str");
            if BETWEEN_POINTS.contains(&column) || BY_PREFERENCE.contains(&column) {
                continue;
            }
            let mut columns = ConnectionRow::COLUMNS.iter();
            assert!(columns.any(|c| c.name.trim_end_matches("_ns") == column), "{name}");
        }
    }
}
