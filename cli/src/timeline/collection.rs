//! Collects the timelines of the connections that the command line asks for.

use std::collections::BTreeMap;

use dissector_core::{ClosedConnection, FollowEvent, follow_packets};

use super::Timeline;
use super::recorder::Recorder;
use crate::Failure;
use crate::args::{Select, Source};
use crate::reading::input::{Ending, Input};
use crate::reading::selection::Selection;

/// Timelines of the first matching connections.
pub struct Timelines {
    /// By number of connection.
    pub list: Vec<Timeline>,
    /// Number of matching connections, in the list or not.
    matching: u64,
    /// When the captures begin, in nanoseconds since 1970 UTC.
    pub start_ns: i64,
    /// Whether one of these failed.
    pub failed: bool,
}

impl Timelines {
    /// The text for standard error if the list is incomplete. `verb` says what the
    /// command does with a timeline.
    pub fn note(&self, verb: &str) -> Option<String> {
        let shown = self.list.len() as u64;
        if self.matching <= shown {
            return None;
        }
        let (first, max) = match shown {
            1 => ("the first".into(), ""),
            _ => (format!("the first {shown}"), ", or raise --max"),
        };
        let shown_failed = self.list.iter().any(|timeline| timeline.verdict.outcome.failed());
        let failed = match self.failed && !shown_failed {
            true => "; some of the others failed (--failed)",
            false => "",
        };
        Some(format!(
            "{} connections match, this {verb} {first}{failed}. To choose others, use --conn, \
             --host, --port or --outcome{max}",
            self.matching
        ))
    }
}

/// Collects the timelines of up to `max` matching connections. Every closed connection goes to
/// `on_closed`.
pub fn collect(
    source: &Source,
    select: &Select,
    max: usize,
    mut on_closed: impl FnMut(&ClosedConnection<'_>),
) -> Result<(Timelines, Ending), Failure> {
    let selection = Selection::new(source, select)?;
    let mut collected = Collected { recorders: BTreeMap::new(), list: Vec::new(), next: 0 };
    let (mut matching, mut failed, mut connections) = (0, false, 0_u64);
    let (input, start_ns) = Input::open_with_start(source, true)?;
    let names = input.names();
    let on_event = |event: FollowEvent<'_>| {
        match event {
            FollowEvent::Packet(packet) => {
                let (id, file) = (packet.connection.id(), &names[packet.capture]);
                if id >= collected.next {
                    collected.next = id + 1;
                    let room = collected.list.len() + collected.recorders.len() < max;
                    if room && selection.contains(packet.connection) {
                        collected.recorders.insert(id, Recorder::new(file));
                    }
                }
                if let Some(recorder) = collected.recorders.get_mut(&id) {
                    recorder.record(file, &packet);
                }
            }
            FollowEvent::Closed(closed) => {
                let (connection, outcome) = (closed.connection, closed.outcome());
                connections += 1;
                on_closed(&closed);
                if select.matches(connection, outcome) {
                    matching += 1;
                    failed |= outcome.failed();
                }
                if let Some(recorder) = collected.recorders.remove(&connection.id()) {
                    collected.list.push(recorder.finish(connection, closed.now_ns));
                }
            }
            _ => {}
        }
        Ok(())
    };
    let ending = input.follow(|captures, options| follow_packets(captures, options, on_event))?;
    let mut list = collected.list;
    list.sort_unstable_by_key(|timeline| timeline.id);
    for timeline in &mut list {
        timeline.called = [timeline.client, timeline.server].map(|end| ending.hosts.end(end));
    }
    select.check_numbers(connections)?;
    select.tell_of_none(matching, connections);
    let start_ns = start_ns.unwrap_or(0);
    Ok((Timelines { list, matching, start_ns, failed }, ending))
}

struct Collected {
    /// Timelines of open connections, by number.
    recorders: BTreeMap<u32, Recorder>,
    /// Timelines of connections that have ended.
    list: Vec<Timeline>,
    /// Number of the next new connection.
    next: u32,
}
