//! Following the connections of captures from the first packet to the last.

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use crate::capture::{Captures, FileError, Origin, Packet};
use crate::connection::{Annotation, Connection, Outcome, Verdict};
use crate::pipeline::plan::CHUNK;
use crate::pipeline::reader::{Origins, Reader};
use crate::pipeline::workers;
use crate::table::batches::BatchClosed;
use crate::table::{ConnectionTable, DEFAULT_LIMIT, Remaining};

/// Packets that one thread reads before it follows them: few enough to stay in a core's own cache.
const BATCH: usize = 1 << 11;

/// Threads unless told otherwise, where there are as many cores: more were not measured.
const USUAL_THREADS: usize = 2;

/// How [`follow`] works. Each `with_` method changes one of the defaults.
pub struct FollowOptions<'a> {
    threads: usize,
    limit: usize,
    packet_by_packet: bool,
    pub(super) stop: Option<&'a AtomicBool>,
    pub(super) progress: Option<Box<dyn FnMut(u64) + Send + 'a>>,
}

impl Default for FollowOptions<'_> {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = cores.min(USUAL_THREADS);
        let (limit, packet_by_packet) = (DEFAULT_LIMIT, false);
        Self { threads, limit, packet_by_packet, stop: None, progress: None }
    }
}

impl<'a> FollowOptions<'a> {
    /// Two threads, or one on a machine with one core; up to [`DEFAULT_LIMIT`] connections at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of threads, the calling one included, at least one. The result does not depend
    /// on it.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads: threads.max(1), ..self }
    }

    /// How many connections are followed at once: see [`ConnectionTable::with_limit`].
    #[must_use]
    pub fn with_limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// Follows each packet, in the calling thread, before the next one is read. For live sources: a
    /// connection is handed out as soon as the packet is there that closes it. Otherwise thousands
    /// of packets are read at a time.
    #[must_use]
    pub fn packet_by_packet(self, packet_by_packet: bool) -> Self {
        Self { packet_by_packet, ..self }
    }

    /// Ends the reading once `stop` is true, as if the captures ended there.
    #[must_use]
    pub fn with_stop(self, stop: &'a AtomicBool) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// Calls `progress` every few thousand packets, in any of the threads, with the number of octets
    /// read so far: see [`Captures::octets_read`].
    #[must_use]
    pub fn with_progress(self, progress: impl FnMut(u64) + Send + 'a) -> Self {
        Self { progress: Some(Box::new(progress)), ..self }
    }

    pub(crate) fn table(&self) -> ConnectionTable {
        ConnectionTable::with_limit(self.limit)
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

/// A connection that nothing more belongs to: it was closed or evicted, or the captures have ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ClosedConnection<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// The index of the capture that its first packet is in.
    pub capture: usize,
    /// The time that its verdict is given at, in nanoseconds since 1970 UTC: at the end, the highest time
    /// of all frames of the captures.
    pub now_ns: i64,
}

impl ClosedConnection<'_> {
    /// The verdict on the connection.
    pub fn verdict(&self) -> Verdict {
        self.connection.verdict_at(self.now_ns)
    }

    /// The outcome of the connection: that of its verdict, which costs more.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.connection.outcome_at(self.now_ns)
    }
}

/// A packet or a closed connection, from [`follow_packets`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FollowEvent<'a> {
    /// A segment, or an ICMP error that quotes a segment.
    Packet(FollowedPacket<'a>),
    /// A connection that nothing more belongs to.
    Closed(ClosedConnection<'a>),
}

/// A packet of a connection.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FollowedPacket<'a> {
    /// The index of its capture.
    pub capture: usize,
    /// The number of its interface in the capture: see [`Captures::interfaces`].
    pub interface: u32,
    /// The segment or ICMP error.
    pub packet: &'a Packet<'a>,
    /// Its part in the connection.
    pub annotation: &'a Annotation,
    /// The connection, after the packet.
    pub connection: &'a Connection,
}

/// How following ended. What each capture could not give is told by [`Captures::warning`],
/// [`Captures::disorder`] and [`Captures::skipped`].
///
/// It owns the connections that were open at the end, which are freed with it. A program that is about
/// to end can [`forget`](std::mem::forget) it: freeing millions takes some tenths of a second.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct FollowSummary {
    /// Captures that could not be read to their end; the others were.
    pub errors: Vec<FileError>,
    /// Whether [`FollowOptions::with_stop`] ended the reading.
    pub stopped: bool,
    /// Connections evicted because too many were open at once: see [`ConnectionTable::evicted`].
    pub evicted: u64,
    /// Closed connections that left early for the same reason: see [`ConnectionTable::shortened`].
    pub shortened: u64,
    /// Segments that were forgotten too early to know their second captures: see
    /// [`ConnectionTable::forgotten_segments`].
    pub forgotten_segments: u64,
    _remaining: Arc<Connections>,
}

impl FollowSummary {
    pub(super) fn new(
        reader: Reader<'_, '_>,
        exceptions: Exceptions,
        remaining: Arc<Connections>,
    ) -> Self {
        let Reader { errors, stopped, .. } = reader;
        let Exceptions { evicted, shortened, forgotten_segments } = exceptions;
        Self { errors, stopped, evicted, shortened, forgotten_segments, _remaining: remaining }
    }

    /// The summary of a reading whose connections are kept elsewhere.
    pub(crate) fn of(ended: Ended, exceptions: Exceptions) -> Self {
        let nothing = ConnectionTable::new().into_remaining();
        let remaining = Arc::new(Connections::Remaining(nothing));
        let Ended { errors, stopped } = ended;
        let Exceptions { evicted, shortened, forgotten_segments } = exceptions;
        Self { errors, stopped, evicted, shortened, forgotten_segments, _remaining: remaining }
    }
}

/// How a reading has ended.
pub(crate) struct Ended {
    errors: Vec<FileError>,
    stopped: bool,
}

/// How often the limits of a table were reached.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Exceptions {
    evicted: u64,
    shortened: u64,
    forgotten_segments: u64,
}

impl Exceptions {
    pub(crate) fn add(&mut self, other: &Self) {
        self.evicted += other.evicted;
        self.shortened += other.shortened;
        self.forgotten_segments += other.forgotten_segments;
    }

    pub(crate) fn of(table: &ConnectionTable) -> Self {
        Self {
            evicted: table.evicted(),
            shortened: table.shortened(),
            forgotten_segments: table.forgotten_segments(),
        }
    }
}

/// Connections to be reported: those that left during a batch, or those at the end.
#[derive(Debug)]
pub(super) enum Connections {
    Batch(BatchClosed),
    Remaining(Remaining),
}

impl Connections {
    pub(super) fn get(&self, place: usize) -> Option<&Connection> {
        match self {
            Self::Batch(closed) => closed.get(place),
            Self::Remaining(remaining) => remaining.get(place),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Batch(closed) => closed.len(),
            Self::Remaining(remaining) => remaining.len(),
        }
    }
}

/// Reads captures to their end, as one stream in order of time, and follows their connections.
///
/// `on_closed` gets each connection exactly once: while the captures are read, those that are closed
/// or evicted, in the order in which they leave the [table](ConnectionTable); at the end all others,
/// by number. It is called for one connection after the other, in any of the threads.
///
/// A capture that cannot be read any further ends there; the others go on, and
/// [`FollowSummary::errors`] has the reason.
///
/// # Errors
/// The first error that `on_closed` returns, which ends the reading.
///
/// ```
/// use std::io::Write;
/// use std::sync::atomic::AtomicBool;
///
/// use dissector_core::capture::Captures;
/// use dissector_core::{FollowOptions, follow};
///
/// let mut captures = Captures::open(["../samples/accept-queue-full.pcapng"])?;
/// let mut text = Vec::new();
/// let stop = AtomicBool::new(false);
/// let options = FollowOptions::new().with_threads(4).with_limit(100_000).with_stop(&stop);
/// let summary = follow(&mut captures, options, |closed| {
///     writeln!(text, "{}: {}", closed.connection.client().port(), closed.outcome())
/// })?;
/// assert_eq!(text, b"37946: complete\n37954: complete\n37958: no_reply\n");
/// assert!(!summary.stopped && summary.errors.is_empty() && captures.warning(0).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn follow<E: Send>(
    captures: &mut Captures,
    options: FollowOptions<'_>,
    mut on_closed: impl FnMut(ClosedConnection<'_>) -> Result<(), E> + Send,
) -> Result<FollowSummary, E> {
    if options.packet_by_packet || options.threads == 1 {
        return in_this_thread(captures, options, on_closed);
    }
    // A copy costs little beside what a thread saves.
    let make = |closed: ClosedConnection<'_>, made: &mut Vec<_>| {
        made.push((closed.connection.clone(), closed.capture, closed.now_ns));
    };
    follow_map(captures, options, make, |made| {
        made.drain(..).try_for_each(|(connection, capture, now_ns)| {
            on_closed(ClosedConnection { connection: &connection, capture, now_ns })
        })
    })
}

/// Does what [`follow`] does, but splits the work on closed connections in two: `make` works on them
/// in all threads at once, `put` takes what `make` has added to an `M`, in order. For programs that
/// format a row for each of millions of connections.
///
/// `put` gets the connections some hundred at a time, and one at a time with
/// [`packet_by_packet`](FollowOptions::packet_by_packet).
///
/// `put` has to leave the `M` as good as new; it will be used again, with the memory that it has.
///
/// # Errors
/// The first error that `put` returns, which ends the reading.
///
/// ```
/// use std::fmt::Write;
/// use std::io::Error;
///
/// use dissector_core::capture::Captures;
/// use dissector_core::{ClosedConnection, FollowOptions, follow_map};
///
/// let make = |closed: ClosedConnection<'_>, rows: &mut String| {
///     let _ = writeln!(rows, "{},{}", closed.connection.id(), closed.outcome());
/// };
/// let mut file = String::new();
/// let mut captures = Captures::open(["../samples/accept-queue-full.pcapng"])?;
/// let summary = follow_map(&mut captures, FollowOptions::new(), make, |rows: &mut String| {
///     file.push_str(rows);
///     rows.clear();
///     Ok::<(), Error>(())
/// })?;
/// assert_eq!(file, "0,complete\n1,complete\n2,no_reply\n");
/// assert!(!summary.stopped);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn follow_map<M: Default + Send, E: Send>(
    captures: &mut Captures,
    options: FollowOptions<'_>,
    make: impl Fn(ClosedConnection<'_>, &mut M) + Sync,
    mut put: impl FnMut(&mut M) -> Result<(), E> + Send,
) -> Result<FollowSummary, E> {
    if options.packet_by_packet || options.threads == 1 {
        let most = if options.packet_by_packet { 1 } else { CHUNK };
        let (mut made, mut waiting) = (M::default(), 0);
        let summary = in_this_thread(captures, options, |closed| {
            make(closed, &mut made);
            waiting += 1;
            if waiting < most {
                return Ok(());
            }
            waiting = 0;
            put(&mut made)
        })?;
        if waiting > 0 {
            put(&mut made)?;
        }
        return Ok(summary);
    }
    let (threads, table) = (options.threads, options.table());
    workers::follow(threads, Reader::new(captures, options), table, make, put)
}

/// Does what [`follow`] does in the calling thread, and hands out each packet of a connection as well.
/// Connections that leave when a packet comes are handed out before it.
///
/// # Errors
/// The first error that `on_event` returns, which ends the reading.
///
/// ```
/// use dissector_core::capture::Captures;
/// use dissector_core::{FollowEvent, FollowOptions, follow_packets};
///
/// let mut captures = Captures::open(["../samples/no-reply.pcapng"])?;
/// let mut told = Vec::new();
/// let summary = follow_packets(&mut captures, FollowOptions::new(), |event| {
///     told.push(match event {
///         FollowEvent::Packet(followed) => followed.annotation.stage.to_string(),
///         FollowEvent::Closed(closed) => closed.outcome().to_string(),
///         _ => String::new(),
///     });
///     Ok::<(), std::io::Error>(())
/// })?;
/// assert_eq!(told.first().map(String::as_str), Some("SYN"));
/// assert_eq!(told.last().map(String::as_str), Some("no_reply"));
/// assert_eq!(summary.evicted, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn follow_packets<E>(
    captures: &mut Captures,
    options: FollowOptions<'_>,
    mut on_event: impl FnMut(FollowEvent<'_>) -> Result<(), E>,
) -> Result<FollowSummary, E> {
    let mut table = options.table();
    let mut origins = Origins::default();
    let mut reader = Reader::new(captures, options);
    while reader.goes_on() {
        reader.count(1);
        match reader.captures.next_with_clock() {
            // A packet is large, so it is borrowed and not moved.
            Ok(Some((Origin { capture, interface }, ref packet, now_ns))) => {
                table.turn_clock(now_ns);
                let annotation = match packet {
                    Packet::Segment(segment) => Some(table.observe(segment)),
                    Packet::IcmpError(error) => table.observe_icmp(error),
                };
                if let Some(annotation) = &annotation {
                    origins.note(annotation.connection, capture as u32);
                }
                if table.has_closed() {
                    let (closed, now_ns) = (table.take_closed(), table.now_ns());
                    report_closed(closed.iter(), now_ns, &origins, |it| {
                        on_event(FollowEvent::Closed(it))
                    })?;
                }
                if let (Some(annotation), Some(connection)) = (&annotation, table.latest()) {
                    let followed =
                        FollowedPacket { capture, interface, packet, annotation, connection };
                    on_event(FollowEvent::Packet(followed))?;
                }
            }
            Ok(None) => break,
            Err(error) => reader.errors.push(error),
        }
    }
    finish(table, &origins, reader, |closed| on_event(FollowEvent::Closed(closed)))
}

/// Reads packet by packet to the end, and hands out each packet with the time of the clock.
pub(crate) fn each_packet(
    captures: &mut Captures,
    options: FollowOptions<'_>,
    mut on_packet: impl FnMut(Origin, &Packet<'_>, i64),
) -> Ended {
    let mut reader = Reader::new(captures, options);
    while reader.goes_on() {
        reader.count(1);
        match reader.captures.next_with_clock() {
            Ok(Some((origin, ref packet, now_ns))) => on_packet(origin, packet, now_ns),
            Ok(None) => break,
            Err(error) => reader.errors.push(error),
        }
    }
    let Reader { errors, stopped, .. } = reader;
    Ended { errors, stopped }
}

fn in_this_thread<E>(
    captures: &mut Captures,
    options: FollowOptions<'_>,
    mut on_closed: impl FnMut(ClosedConnection<'_>) -> Result<(), E>,
) -> Result<FollowSummary, E> {
    if options.packet_by_packet {
        return follow_packets(captures, options, |event| match event {
            FollowEvent::Closed(closed) => on_closed(closed),
            FollowEvent::Packet(_) => Ok(()),
        });
    }
    // In a batch, several connections are looked up together, and the memory of a shard stays in
    // the cache meanwhile.
    let mut table = options.table();
    let mut origins = Origins::default();
    let mut reader = Reader::new(captures, options);
    let mut batch = table.new_batch();
    let mut more = true;
    while more {
        more = reader.fill(&mut batch, BATCH);
        let closed = table.observe_batch(&batch, |id, capture| origins.note(id, capture));
        batch.clear();
        report_closed(closed.iter(), table.now_ns(), &origins, &mut on_closed)?;
    }
    finish(table, &origins, reader, on_closed)
}

/// Reports the connections that are still in the table, judged by the clock at the end of the captures.
fn finish<E>(
    mut table: ConnectionTable,
    origins: &Origins,
    reader: Reader<'_, '_>,
    on_closed: impl FnMut(ClosedConnection<'_>) -> Result<(), E>,
) -> Result<FollowSummary, E> {
    table.turn_clock(reader.captures.now_ns());
    let (now_ns, exceptions) = (table.now_ns(), Exceptions::of(&table));
    let remaining = table.into_remaining();
    report_closed(remaining.iter(), now_ns, origins, on_closed)?;
    Ok(FollowSummary::new(reader, exceptions, Arc::new(Connections::Remaining(remaining))))
}

fn report_closed<'c, E>(
    connections: impl Iterator<Item = &'c Connection>,
    now_ns: i64,
    origins: &Origins,
    mut on_closed: impl FnMut(ClosedConnection<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for connection in connections {
        let capture = origins.of(connection.id());
        on_closed(ClosedConnection { connection, capture, now_ns })?;
    }
    Ok(())
}
