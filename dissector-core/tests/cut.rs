//! A connection depends on its own segments and the clock, on nothing else in the capture.
//!
//! Each capture is cut by addresses and ports into four parts. Each part is told the time of every frame
//! of the whole capture. All that is said of each segment and of each connection has to be the same.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use dissector_core::capture::{Capture, Packet};
use dissector_core::connection::{Annotation, Connection};
use dissector_core::{ConnectionTable, DEFAULT_LIMIT, Segment};
use testkit::folders::{shared_captures, workspace_root};
use testkit::packet::{ACK, FIN, RST, SYN, TcpPacket};

const PARTS: usize = 4;

/// The part that the connections between these ends are in, in either direction.
fn part_of(one: SocketAddr, other: SocketAddr) -> usize {
    let mut hasher = DefaultHasher::new();
    (one.min(other), one.max(other)).hash(&mut hasher);
    hasher.finish() as usize % PARTS
}

/// A table, and all that was said of its connections.
struct Followed {
    table: ConnectionTable,
    /// Those that have left, with their rows at that moment.
    closed: Vec<(Connection, String)>,
}

impl Followed {
    fn new(limit: usize) -> Self {
        Self { table: ConnectionTable::with_limit(limit), closed: Vec::new() }
    }

    /// The clock is that of the whole capture.
    fn tell(&mut self, now_ns: i64) {
        // A leap that another frame has confirmed.
        self.table.tell_time(1, now_ns);
        self.table.tell_time(2, now_ns);
    }

    fn observe(&mut self, packet: &Packet<'_>) -> Option<Annotation> {
        let seen = match packet {
            Packet::Segment(segment) => Some(self.table.observe(segment)),
            Packet::IcmpError(error) => self.table.observe_icmp(error),
            _ => None,
        };
        let now_ns = self.table.now_ns();
        let closed = self.table.take_closed().into_iter();
        self.closed.extend(closed.map(|it| {
            let row = row(&it, now_ns);
            (it, row)
        }));
        seen
    }

    /// The row of each connection, by number. That of one that has left is as it was then.
    fn rows(&self) -> BTreeMap<u32, String> {
        let connections = self.closed.iter().map(|(it, _)| it).chain(self.table.connections());
        let rows: BTreeMap<_, _> =
            connections.map(|it| (it.id(), row(it, self.table.now_ns()))).collect();
        for (connection, then) in &self.closed {
            assert_eq!(rows[&connection.id()], *then);
        }
        rows
    }
}

/// All that is said of a connection but its number.
fn row(connection: &Connection, now_ns: i64) -> String {
    let ends = [connection.client(), connection.server()];
    let times = (connection.first_ns(), connection.last_ns(), connection.packets());
    let states = [connection.client_state(), connection.server_state()];
    let zeek = (connection.history(), connection.conn_state());
    let verdict = connection.verdict_at(now_ns);
    let (attempt, basis) = (connection.attempt(), connection.role_basis());
    format!("{ends:?} {attempt} {basis} {times:?} {states:?} {zeek:?} {verdict:?}")
}

/// The whole and its parts.
struct Cut {
    whole: Followed,
    parts: [Followed; PARTS],
    /// Part and number there of each connection of the whole.
    numbers: BTreeMap<u32, (usize, u32)>,
    different: Vec<String>,
}

impl Cut {
    fn new(limit: usize) -> Self {
        let parts = std::array::from_fn(|_| Followed::new(limit));
        let (whole, numbers) = (Followed::new(limit), BTreeMap::new());
        Self { whole, parts, numbers, different: Vec::new() }
    }

    fn observe(&mut self, packet: &Packet<'_>, now_ns: i64) {
        let (part, frame) = match packet {
            Packet::Segment(Segment { packet, tcp, .. }) => {
                let from = SocketAddr::new(packet.source, tcp.source_port);
                let to = SocketAddr::new(packet.destination, tcp.destination_port);
                (part_of(from, to), packet.frame)
            }
            Packet::IcmpError(error) => {
                (part_of(error.quoted.source, error.quoted.destination), error.packet.frame)
            }
            _ => return,
        };
        self.whole.tell(now_ns);
        self.parts.iter_mut().for_each(|part| part.tell(now_ns));
        let whole = self.whole.observe(packet);
        let own = self.parts[part].observe(packet);
        let (Some(mut whole), Some(own)) = (whole, own) else {
            if whole.is_some() != own.is_some() {
                self.different.push(format!("frame {frame}: {whole:?} and {own:?}"));
            }
            return;
        };
        let known = *self.numbers.entry(whole.connection).or_insert((part, own.connection));
        if known != (part, own.connection) {
            let number = own.connection;
            self.different.push(format!("frame {frame}: {known:?}, but {number} of part {part}"));
        }
        whole.connection = own.connection;
        if whole != own {
            self.different.push(format!("frame {frame}: {whole:?}, but cut {own:?}"));
        }
    }

    /// The differences, once the clock is at the end of the capture.
    fn end(mut self, now_ns: i64) -> Vec<String> {
        self.whole.tell(now_ns);
        self.parts.iter_mut().for_each(|part| part.tell(now_ns));
        let parts = self.parts.each_ref().map(Followed::rows);
        for (number, row) in self.whole.rows() {
            let cut = self.numbers.get(&number).and_then(|(part, own)| parts[*part].get(own));
            if cut != Some(&row) {
                self.different.push(format!("connection {number}: {row}, but cut {cut:?}"));
            }
        }
        self.different
    }
}

/// Cuts a capture; `None` if it is none.
fn cut(file: &Path, limit: usize) -> Option<(Vec<String>, u64)> {
    let mut clocks = Vec::new();
    let mut capture = Capture::open(file).ok()?;
    while let Ok(Some(_)) = capture.next_packet() {
        clocks.push(capture.now_ns());
    }
    let end_ns = capture.now_ns();
    let mut capture = Capture::open(file).ok()?;
    let mut cut = Cut::new(limit);
    for now_ns in clocks {
        let Ok(Some(packet)) = capture.next_packet() else { break };
        cut.observe(&packet, now_ns);
    }
    let told = cut.whole.table.evicted() + cut.whole.table.shortened();
    Some((cut.end(end_ns), told))
}

fn all_files(folder: PathBuf, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => all_files(path, found),
            path => found.push(path),
        }
    }
}

fn captures() -> Vec<PathBuf> {
    let mut files = Vec::new();
    all_files(workspace_root().join("samples"), &mut files);
    match shared_captures() {
        Some(folder) => all_files(folder, &mut files),
        None => testkit::skip!("cutting_a_capture_changes_no_row", "no ../shared/captures"),
    }
    files.sort();
    files
}

#[test]
fn cutting_a_capture_changes_no_row() {
    let (mut count, mut wrong) = (0, Vec::new());
    for file in captures() {
        let Some((different, _)) = cut(&file, DEFAULT_LIMIT) else { continue };
        count += 1;
        wrong.extend(different.into_iter().take(3).map(|it| format!("{}: {it}", file.display())));
    }
    println!("{count} captures cut");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// With less room than connections, rows may differ, but then connections were counted that left early.
#[test]
fn the_limit_of_the_table_is_an_exception_that_is_counted() {
    let mut wrong = Vec::new();
    for file in captures() {
        for limit in [2, 64] {
            let Some((different, told)) = cut(&file, limit) else { continue };
            if told == 0 && !different.is_empty() {
                wrong.push(format!("{} {limit}: {}", file.display(), different[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// Thousands of other segments in a millisecond between the two captures of one.
#[test]
fn a_second_capture_of_a_packet_is_known_whatever_comes_between() {
    for others in [0, 100, 3_000, 20_000] {
        let mut cut = Cut::new(DEFAULT_LIMIT);
        let mut send = |host: u32, ms: i64, sequence: u32| {
            let [_, b, c, d] = host.to_be_bytes();
            let ends = (([10, b, c, d], 40_000), ([10, 0, 0, 1], 80));
            let syn = TcpPacket {
                flags: SYN,
                sequence,
                ip_id: Some(7),
                ..TcpPacket::between(ends.0, ends.1)
            };
            syn.with_segment(1, 1_000_000 * ms, |segment| {
                cut.observe(&Packet::Segment(*segment), 1_000_000 * ms);
            });
        };
        send(1, 0, 100);
        (0..others).for_each(|host| send(host + 2, 1 + i64::from(host) * 900 / 20_000, 7));
        send(1, 990, 100);
        assert_eq!(cut.end(990_000_000), Vec::<String>::new(), "{others}");
    }
}

/// An unanswered SYN in a live connection leaves the table first, and takes nothing along.
#[test]
fn a_stray_syn_that_is_forgotten_leaves_the_connection_as_it_was() {
    let ends = [([10, 0, 0, 1], 40_000), ([10, 0, 0, 2], 80)];
    let mut table = ConnectionTable::new();
    let mut frame = 0;
    let mut send = |second: i64, from: usize, flags, sequence, acknowledgment, payload: &[u8]| {
        frame += 1;
        let packet = TcpPacket {
            flags,
            sequence,
            acknowledgment,
            payload: payload.to_vec(),
            ..TcpPacket::between(ends[from], ends[1 - from])
        };
        packet.with_segment(frame, second * 1_000_000_000, |segment| table.observe(segment))
    };
    send(1, 0, SYN, 100, 0, b"");
    send(1, 1, SYN | ACK, 500, 101, b"");
    send(1, 0, ACK, 101, 501, b"");
    assert_eq!(send(2, 0, SYN, 90_000, 0, b"").connection, 1);
    assert_eq!(send(200, 0, ACK, 101, 501, b"later").connection, 0);
    assert_eq!(send(201, 1, ACK | FIN, 501, 106, b"").connection, 0);
    assert_eq!(send(202, 0, RST, 106, 0, b"").connection, 0);
}
