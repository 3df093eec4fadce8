//! The table of segments, of which each line is written at once.

use std::collections::VecDeque;
use std::net::SocketAddr;

use dissector_core::Segment;
use dissector_core::connection::{Annotation, Connection, Repeat, Role};

use crate::output::files::Files;
use crate::output::names::HostNames;
use crate::output::style::{FAINT, stage_style};
use crate::output::time::Times;

/// Least width of the addresses of a segment, in columns.
const ADDRESSES: usize = 48;
/// The addresses of a connection are told again after so many lines, when they have left the screen.
const SCREEN: usize = 20;

/// The table, of which each line is written at once.
pub struct Table {
    files: Files,
    hosts: HostNames,
    times: Times,
    form: Form,
    /// Whether the titles are written.
    begun: bool,
}

/// How much of a segment a line shows.
enum Form {
    /// All of it, the addresses too; those have been so wide until now.
    Wide { addresses: usize, columns: Option<usize> },
    /// As much as fits. Addresses have lines of their own.
    Narrow(Narrow),
}

impl Table {
    pub fn new(files: Files, hosts: HostNames, times: Times, columns: Option<usize>) -> Self {
        let form = Form::Wide { addresses: ADDRESSES, columns };
        let mut table = Self { files, hosts, times, form, begun: false };
        if columns.is_some_and(|columns| width(&table.titles()) > columns) {
            table.form = Form::Narrow(Narrow::new(columns.unwrap_or_default()));
        }
        table
    }

    /// The line of a segment, and the titles before the first one.
    pub fn lines(
        &mut self,
        file: usize,
        segment: &Segment<'_>,
        annotation: &Annotation,
        connection: &Connection,
    ) -> String {
        let time = self.times.text(segment.packet.time_ns);
        if let Form::Wide { addresses, columns } = &mut self.form {
            let before = *addresses;
            let shown = self.files.are_several().then(|| self.files.of(file));
            let line = wide(segment, annotation, &time, addresses, (shown, &self.hosts));
            let columns = *columns;
            if columns.is_none_or(|columns| width(&line) <= columns) {
                let begun = std::mem::replace(&mut self.begun, true);
                let titles = if begun { String::new() } else { self.titles() };
                return titles + &line;
            }
            // From this line on, there is no room for addresses like these.
            *addresses = before;
            self.form = Form::Narrow(Narrow::new(columns.unwrap_or_default()));
            self.begun = false;
        }
        let begun = std::mem::replace(&mut self.begun, true);
        let mut lines = if begun { String::new() } else { self.titles() };
        if let Form::Narrow(narrow) = &mut self.form {
            let file = self.files.are_several().then(|| (file, self.files.of(file)));
            let ends = [connection.client(), connection.server()].map(|end| self.hosts.end(end));
            lines.push_str(&narrow.lines(file, segment, annotation, &ends, &time));
        }
        lines
    }

    /// The rest, to be written at the end: without rows, the titles.
    pub fn end(&self) -> String {
        if self.begun { String::new() } else { self.titles() }
    }

    fn titles(&self) -> String {
        match &self.form {
            Form::Wide { addresses, .. } => {
                let titles = format!(
                    "{:>6} {:>12} {:>5}  {:<addresses$} {:<5} {:<5} {:<28} {:<14} ",
                    "Frame", "Time", "Conn", "Segment", "Flags", "Step", "Stage", "Client"
                );
                let last = if self.files.are_several() { "Server         File" } else { "Server" };
                format!("{titles}{last}\n")
            }
            Form::Narrow(narrow) => narrow.titles(),
        }
    }
}

/// The width of a line, whose styles take none.
fn width(line: &str) -> usize {
    anstream::adapter::strip_str(line.trim_end()).map(|part| part.chars().count()).sum()
}

fn wide(
    segment: &Segment<'_>,
    annotation: &Annotation,
    time: &str,
    widest: &mut usize,
    (file, hosts): (Option<&str>, &HostNames),
) -> String {
    let (packet, tcp) = (&segment.packet, &segment.tcp);
    let source = SocketAddr::new(packet.source, tcp.source_port);
    let destination = SocketAddr::new(packet.destination, tcp.destination_port);
    let addresses = format!("{} → {}", hosts.end(source), hosts.end(destination));
    *widest = (*widest).max(addresses.chars().count());
    let copy = match annotation.copy {
        Repeat::Original => String::new(),
        copy => format!(" ({copy})"),
    };
    let (stage, width) = (stage_style(annotation.stage), *widest);
    let server = match file {
        Some(file) => format!("{:<14} {file}", annotation.server.to_string()),
        None => annotation.server.to_string(),
    };
    format!(
        "{:>6} {time:>12} {:>5}  {addresses:<width$} {:<5} {stage}{:<5} {:<28}{stage:#} {FAINT}{:<14} \
         {server}{FAINT:#}\n",
        packet.frame,
        annotation.connection,
        tcp.flags.tcpdump().to_string(),
        annotation.stage.step().unwrap_or(""),
        format!("{}{copy}", annotation.stage.name()),
        annotation.client,
    )
}

/// Lines for a narrow terminal.
struct Narrow {
    columns: usize,
    /// The connections whose addresses were told in the last lines, with the line and the file.
    told: VecDeque<(u32, usize, Option<usize>)>,
    /// Number of lines so far.
    line: usize,
}

/// Widths of the columns in front of the stage: frame, time, number and step.
const FRAME: usize = 5;
const TIME: usize = 10;
const CONN: usize = 4;
const STEP: usize = 5;
/// Width of a stage that is not cut, and of the states of client and server.
const STAGE: usize = 22;
const CLIENT: usize = 12;
const SERVER: usize = 13;

impl Narrow {
    fn new(columns: usize) -> Self {
        Self { columns, told: VecDeque::new(), line: 0 }
    }

    fn titles(&self) -> String {
        let head = format!(
            "{:>FRAME$} {:>TIME$} {:>CONN$}    {:<STEP$} ",
            "Frame", "Time", "Conn", "Step"
        );
        self.with_states(&head, "Stage", "Client", "Server", &anstyle::Style::new())
    }

    /// The line of a segment; before it, one with the addresses, unless they are on the screen.
    fn lines(
        &mut self,
        file: Option<(usize, &str)>,
        segment: &Segment<'_>,
        annotation: &Annotation,
        ends: &[String; 2],
        time: &str,
    ) -> String {
        let mut lines = self.addresses(file, annotation.connection, ends);
        let copy = match annotation.copy {
            Repeat::Original => "",
            Repeat::Retransmission => ", again",
            _ => ", copy",
        };
        let arrow = if annotation.sender == Role::Server { '←' } else { '→' };
        let (frame, conn) = (segment.packet.frame, annotation.connection);
        let step = annotation.stage.step().unwrap_or("");
        let head = format!("{frame:>FRAME$} {time:>TIME$} {conn:>CONN$}  {arrow} {step:<STEP$} ");
        let stage = format!("{}{copy}", annotation.stage.name());
        let [client, server] = [annotation.client, annotation.server].map(|it| it.to_string());
        let style = stage_style(annotation.stage);
        lines.push_str(&self.with_states(&head, &stage, &client, &server, &style));
        self.line += 1;
        lines
    }

    /// A line up to the stage, and the states of both ends as far as there is room.
    fn with_states(
        &self,
        head: &str,
        stage: &str,
        client: &str,
        server: &str,
        style: &anstyle::Style,
    ) -> String {
        let room = self.columns.saturating_sub(head.chars().count());
        // A long state of the client takes from the space in front of it.
        let states = CLIENT.max(client.len()) + 1 + SERVER;
        // Long times and numbers take the room of the states.
        let (width, shown) = match room.checked_sub(states + 1) {
            Some(width) if width >= STAGE => (STAGE, true),
            Some(width) if width >= stage.chars().count() => (width, true),
            _ => (room, false),
        };
        let cut: String = match stage.chars().count() > width {
            true => stage.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
            false => stage.into(),
        };
        if !shown {
            return format!("{head}{style}{cut}{style:#}\n");
        }
        let states = format!("{client:<CLIENT$} {server}");
        format!("{head}{style}{cut:<width$}{style:#} {FAINT}{states}{FAINT:#}\n")
    }

    /// Client, server and file of the connection, unless they were told in the last lines.
    fn addresses(&mut self, file: Option<(usize, &str)>, id: u32, ends: &[String; 2]) -> String {
        let index = file.map(|(index, _)| index);
        while self.told.front().is_some_and(|(_, line, _)| line + SCREEN <= self.line) {
            self.told.pop_front();
        }
        if self.told.iter().any(|(conn, _, told)| (*conn, *told) == (id, index)) {
            return String::new();
        }
        self.told.retain(|(conn, ..)| *conn != id);
        self.told.push_back((id, self.line, index));
        let ends = ends.join(" → ");
        let indent = FRAME + 1 + TIME + 1;
        // The name stays behind its word.
        let in_file = file.map_or_else(String::new, |(_, name)| format!(" in\u{a0}{name}"));
        let text = format!("{id:>CONN$}  {ends}{in_file}");
        let more = format!("{:1$}", "", indent + CONN + 2);
        let first = format!("{:indent$}", "");
        let options = textwrap::Options::new(self.columns)
            .initial_indent(&first)
            .subsequent_indent(&more)
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        let lines = textwrap::wrap(&text, options);
        lines.iter().fold(String::new(), |all, line| format!("{all}{FAINT}{line}{FAINT:#}\n"))
    }
}
