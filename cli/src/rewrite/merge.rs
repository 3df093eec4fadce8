//! `tcphs merge`: the captures of several points as one.

use dissector_core::capture::Merge;
use dissector_core::compare::{
    ClockKind, ClockPiece, Comparison, Coverage, Observer, PointLabel, compare, observe,
};

use crate::args::{ClockCorrection, MergeArgs};
use crate::compare::clock;
use crate::compare::order::neighbours;
use crate::compare::reading::read_points;
use crate::reading::input::{self, can_be_read_again};
use crate::reading::interrupt;
use crate::reading::points::{Point, Points};
use crate::reading::progress::Progress;
use crate::rewrite::{failure, failures, output, result};
use crate::{Done, Failure, warn};

/// The name that the output gives for what wrote it.
const APPLICATION: &str = concat!("tcphs ", env!("CARGO_PKG_VERSION"), " merge");

pub fn run(arguments: &MergeArgs) -> Result<Done, Failure> {
    let Points::Captures(points) = Points::of(&arguments.points)? else {
        return Err(Failure::Usage(
            "the interfaces of one capture are merged already; name the captures of two points"
                .into(),
        ));
    };
    let comparisons = match arguments.clock {
        ClockCorrection::None => Vec::new(),
        ClockCorrection::First => compared(&points)?,
    };
    write(arguments, &points, &comparisons)
}

/// Compares each point with the next one, for the difference of their clocks.
fn compared(points: &[Point]) -> Result<Vec<Comparison>, Failure> {
    if !points.iter().all(|point| can_be_read_again(&point.files)) {
        return Err(Failure::Usage(
            "to put all times on one clock, the captures are read twice; standard input and pipes can \
             be read only once: use files, or --clock none"
                .into(),
        ));
    }
    let read = read_points(points, |_, _, captures, options| {
        Ok(observe(captures, options, Observer::new()))
    })?;
    // Problems of the files are reported when they are read again.
    let observations = read.into_iter().map(|(observation, _)| observation).collect();
    let comparisons = neighbours(observations, compare);
    for (pair, comparison) in points.windows(2).zip(&comparisons) {
        let unknown = |piece: &ClockPiece| piece.kind == ClockKind::Unknown;
        if comparison.clocks().pieces().any(|piece| unknown(&piece)) {
            let [first, second] = [&pair[0].name, &pair[1].name];
            warn(&format!(
                "nothing tells how far the clocks of {first} and {second} are apart: no connection is \
                 in both captures; the times of {second} stay as they are"
            ));
        }
    }
    Ok(comparisons)
}

/// When a point was capturing, by the clock of the first.
fn coverage(comparisons: &[Comparison], place: usize) -> Coverage {
    let own = match place.checked_sub(1) {
        None => comparisons.first().map(|comparison| comparison.coverage()[0]),
        Some(before) => comparisons.get(before).map(|comparison| comparison.coverage()[1]),
    };
    let Some(own) = own else { return Coverage::default() };
    let common = |time_ns: i64| clock::common(comparisons, place, time_ns);
    let spans = own.spans().map(|(from, to)| (common(from), common(to)));
    let coverage = spans.fold(Coverage::default(), |all, (from, to)| all.with_span(from, to));
    coverage.with_dropped(own.dropped())
}

/// Merges the captures, and puts the times on one clock as far as the comparisons tell.
fn write(
    arguments: &MergeArgs,
    points: &[Point],
    comparisons: &[Comparison],
) -> Result<Done, Failure> {
    let files: Vec<_> = points.iter().flat_map(|point| point.files.clone()).collect();
    let names: Vec<_> = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    input::keep_apart(arguments.output.as_deref(), &files)?;
    let mut progress = Progress::new(input::octets(&files), true);
    let mut merge = Merge::new(APPLICATION);
    for (place, point) in points.iter().enumerate() {
        let inputs = point.files.iter().map(|file| input::input(file));
        let coverage = coverage(comparisons, place);
        let label = PointLabel { number: place as u32 + 1, name: &point.name, coverage };
        merge = merge
            .point(&point.name, inputs.collect::<Result<Vec<_>, _>>()?)
            .described(label.to_string());
    }
    if let Some(stop) = interrupt::flag() {
        merge = merge.with_stop(stop);
    }
    if progress.is_wanted() {
        merge = merge.with_progress(|octets| progress.show(octets));
    }
    let correct = |place: usize, time_ns: i64| clock::common(comparisons, place, time_ns);
    let merged = merge.write(output(arguments.output.as_deref())?, correct);
    progress.clear();
    let merged = merged.map_err(|error| failure(&names, error))?;
    result(failures(&names, merged, false))?;
    Ok(Done::Well)
}
