//! Reading the captures of several points at the same time.

use std::convert::Infallible;
use std::sync::Mutex;
use std::thread;

use dissector_core::capture::{self, Captures, Packet};
use dissector_core::compare::{Coverage, Observation, Observer};
use dissector_core::{FollowEvent, FollowOptions, FollowSummary, follow_packets};

use crate::reading::input::{Ending, Input};
use crate::reading::points::Point;
use crate::reading::progress::Progress;
use crate::{Failure, Unreadable};

/// Calls `read` for each point, in a thread of its own, with the place of the point, the names of its
/// files and what is to be read.
pub fn read_points<T: Send>(
    points: &[Point],
    read: impl Fn(
        usize,
        &[String],
        &mut Captures,
        FollowOptions<'_>,
    ) -> Result<(T, FollowSummary), Failure>
    + Sync,
) -> Result<Vec<(T, Ending)>, Failure> {
    let inputs = points.iter().map(Point::open).collect::<Result<Vec<_>, _>>()?;
    let total = inputs.iter().map(Input::octets).sum();
    let together = Together {
        progress: Mutex::new(Progress::new(total, true)),
        octets: Mutex::new(vec![0; points.len()]),
    };
    let (read, shown) = (&read, &together);
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = inputs
            .into_iter()
            .enumerate()
            .map(|(place, input)| scope.spawn(move || read_point(place, input, read, shown)))
            .collect();
        // A panic goes on in this thread.
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    });
    if let Ok(mut progress) = together.progress.lock() {
        progress.clear();
    }
    results.into_iter().collect()
}

fn read_point<T>(
    place: usize,
    input: Input,
    read: impl Fn(
        usize,
        &[String],
        &mut Captures,
        FollowOptions<'_>,
    ) -> Result<(T, FollowSummary), Failure>,
    together: &Together,
) -> Result<(T, Ending), Failure> {
    let names = input.names();
    let mut result = None;
    let ending = input.follow(|captures, options| {
        let options = match together.is_wanted() {
            true => options.with_progress(|octets| together.show(place, octets)),
            false => options,
        };
        let (read, summary) = read(place, &names, captures, options)?;
        result = Some(read);
        Ok(summary)
    })?;
    let result = result.ok_or_else(|| Unreadable::told("nothing was read".into()))?;
    Ok((result, ending))
}

/// Observes a point, and hands each event on.
pub fn observe_with(
    captures: &mut Captures,
    options: FollowOptions<'_>,
    mut observer: Observer,
    mut on_event: impl FnMut(&FollowEvent<'_>),
) -> (Observation, FollowSummary) {
    let summary = follow_packets(captures, options, |event| {
        match &event {
            FollowEvent::Packet(followed) => {
                let (seen, connection) = (followed.annotation, followed.connection);
                match followed.packet {
                    Packet::Segment(segment) => observer.observe(segment, seen, connection),
                    Packet::IcmpError(error) => observer.observe_icmp(error, seen, connection),
                    _ => {}
                }
            }
            FollowEvent::Closed(closed) => observer.judge(closed.connection, closed.outcome()),
            _ => {}
        }
        on_event(&event);
        Ok::<(), Infallible>(())
    });
    let summary = match summary {
        Ok(summary) => summary,
        Err(never) => match never {},
    };
    let coverage = (0..captures.count())
        .fold(Coverage::default(), |coverage, file| with_file(coverage, &captures.coverage(file)));
    (observer.finish(coverage), summary)
}

fn with_file(coverage: Coverage, file: &capture::Coverage) -> Coverage {
    let coverage = match file.span() {
        Some((from_ns, to_ns)) => coverage.with_span(from_ns, to_ns),
        None => coverage,
    };
    coverage.with_dropped(file.dropped)
}

/// One bar for all points.
struct Together {
    progress: Mutex<Progress>,
    /// Octets read at each point.
    octets: Mutex<Vec<u64>>,
}

impl Together {
    fn is_wanted(&self) -> bool {
        self.progress.lock().is_ok_and(|progress| progress.is_wanted())
    }

    fn show(&self, place: usize, octets: u64) {
        let Ok(mut all) = self.octets.lock() else { return };
        all[place] = octets;
        if let Ok(mut progress) = self.progress.lock() {
            progress.show(all.iter().sum());
        }
    }
}
