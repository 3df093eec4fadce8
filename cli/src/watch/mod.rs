//! `tcphs watch`: connections as they are decided, while the capture goes on.

mod decision;
mod line;
mod patient;
mod totals;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dissector_core::{ClosedConnection, FollowEvent, follow_packets};

use self::decision::{Decided, Decisions};
use self::line::Lines;
use self::patient::{Origin, patient};
use crate::args::{Select, WatchArgs, WatchFormat};
use crate::reading::input::{Input, is_stdin};
use crate::reading::interrupt;
use crate::triage::{CaptureFacts, Collector, Record};
use crate::{Done, Failure, Unreadable};

pub fn run(arguments: &WatchArgs) -> Result<Done, Failure> {
    let file = &arguments.file;
    let (origin, comes_live) = open(file, arguments.follow)?;
    let lines = Lines::open(arguments)?;
    let watch = Watch {
        decisions: Decisions::default(),
        lines,
        select: arguments.select.clone(),
        clock: Clock { comes_live, last: None },
        failure: None,
    };
    let watch = Arc::new(Mutex::new(watch));
    let ticking = Arc::clone(&watch);
    let on_tick = move || lock(&ticking).tick();
    let reader = Box::new(patient(origin, arguments.follow, on_tick));
    let input = match Input::live(file, reader) {
        // It was ended before anything came.
        Err(_) if interrupt::is_set() => return Ok(Done::Well),
        input => input?,
    };
    let names = input.names();
    let (mut collector, mut facts) = (Collector::new(), CaptureFacts::default());
    let on_event = |event: FollowEvent<'_>| lock(&watch).on_event(event, &mut collector);
    let ending = input.follow(|captures, options| {
        let summary = follow_packets(captures, options, on_event)?;
        facts = CaptureFacts::of(captures, &names);
        Ok(summary)
    })?;
    let mut watch = lock(&watch);
    if let Some(failure) = watch.failure.take() {
        return Err(failure);
    }
    if arguments.format == WatchFormat::Text {
        let triage = collector.finish(facts, &names, &all_outcomes(&arguments.select));
        watch.lines.end(|columns| triage.text(columns))?;
        ending.report_failures()?;
    } else {
        ending.report()?;
    }
    Ok(Done::Well)
}

/// Opens what is to be watched; and whether it comes while it is captured.
fn open(file: &Path, follow: bool) -> Result<(Origin, bool), Failure> {
    if is_stdin(file) {
        return Ok((Origin::Stdin, true));
    }
    let unreadable = |error| Unreadable::by_system(file, &error);
    let opened = File::open(file).map_err(unreadable)?;
    let is_file = opened.metadata().is_ok_and(|metadata| metadata.is_file());
    Ok((Origin::File(opened), follow || !is_file))
}

/// The same connections, whatever became of them: the triage says how many of all have failed.
fn all_outcomes(select: &Select) -> Select {
    Select { failed: false, outcome: Vec::new(), ..select.clone() }
}

/// What the one who reads and the ticks in between share.
struct Watch {
    decisions: Decisions,
    lines: Lines,
    select: Select,
    clock: Clock,
    /// Why a line could not be written.
    failure: Option<Failure>,
}

fn lock(watch: &Mutex<Watch>) -> MutexGuard<'_, Watch> {
    watch.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    fn on_event(
        &mut self,
        event: FollowEvent<'_>,
        collector: &mut Collector,
    ) -> Result<(), Failure> {
        match event {
            FollowEvent::Packet(followed) => {
                let now_ns = self.clock.tell(decision::time_ns(followed.packet));
                self.decisions.due(now_ns, true);
                self.decisions.on_packet(followed.annotation, followed.connection, now_ns);
            }
            FollowEvent::Closed(closed) => {
                // While no packet comes, time goes on all the same.
                let mut closed = closed;
                closed.now_ns = closed.now_ns.max(self.clock.now_ns().unwrap_or(i64::MIN));
                self.on_closed(closed, collector);
            }
            _ => {}
        }
        self.say()
    }

    fn on_closed(&mut self, closed: ClosedConnection<'_>, collector: &mut Collector) {
        let verdict = closed.verdict();
        let selected = all_outcomes(&self.select).matches(closed.connection, verdict.outcome);
        collector.put(Record { selected, ..Record::of(&closed, &verdict) });
        self.decisions.on_closed(closed.connection, closed.now_ns);
    }

    /// Says what silence has decided; `false` if that cannot be written.
    fn tick(&mut self) -> bool {
        if let Some(now_ns) = self.clock.now_ns() {
            self.decisions.due(now_ns, false);
        }
        let said = self.say();
        let shown = said.and_then(|()| self.lines.totals(&self.decisions));
        self.failure = shown.err();
        self.failure.is_none()
    }

    fn say(&mut self) -> Result<(), Failure> {
        for decided in self.decisions.take() {
            let Decided { connection, outcome, before, .. } = &decided;
            let was_shown = before.is_some_and(|before| before.shown);
            if was_shown || self.select.matches(connection, *outcome) {
                self.decisions.note_shown(connection.id());
                self.lines.write(&decided)?;
            }
        }
        Ok(())
    }
}

/// The time of the capture.
struct Clock {
    /// Whether it goes on while no packet comes.
    comes_live: bool,
    /// The highest time of a packet, and when that packet came.
    last: Option<(i64, Instant)>,
}

impl Clock {
    /// A packet of this time has come; returns the time by all packets.
    fn tell(&mut self, time_ns: i64) -> i64 {
        let now_ns = self.last.map_or(time_ns, |(last_ns, _)| last_ns.max(time_ns));
        self.last = Some((now_ns, Instant::now()));
        now_ns
    }

    /// The time now, as far as it can be known.
    fn now_ns(&self) -> Option<i64> {
        let (last_ns, at) = self.last?;
        let since = if self.comes_live { at.elapsed().as_nanos() } else { 0 };
        Some(last_ns.saturating_add(i64::try_from(since).unwrap_or(i64::MAX)))
    }
}
