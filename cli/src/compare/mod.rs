//! `tcphs compare`: what happened to each connection between the points of capture.

mod chain;
mod head;
pub mod reading;
mod row;
mod table;
mod warnings;

use std::path::PathBuf;

use dissector_core::compare::{Comparison, Observation, Observer, compare, observe};

use self::chain::Rows;
use self::reading::read_points;
use self::row::CompareRow;
use crate::args::{CompareArgs, FailOnWay};
use crate::output::Sink;
use crate::{Done, Failure, input, warn};

pub fn run(arguments: &CompareArgs) -> Result<Done, Failure> {
    let points = reading::named(&arguments.files);
    let files: Vec<PathBuf> = points.iter().flat_map(|it| it.source.files.clone()).collect();
    let output = arguments.output.as_deref();
    input::keep_apart(output, &files)?;
    let mut sink = Sink::open::<CompareRow<'_>>(arguments.format.of_rows(), output)?;
    let read = read_points(&points, |_, _, captures, options| {
        Ok(observe(captures, options, Observer::new()))
    })?;
    let (observations, endings): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    let comparisons = neighbours(observations);
    let rows = Rows::new(&comparisons);
    let chosen: Vec<_> = rows.list.iter().filter(|row| arguments.selects(row)).copied().collect();
    let names: Vec<_> = points.iter().map(|point| &point.name[..]).collect();
    match &mut sink {
        Sink::Rows(writer) => {
            for row in &chosen {
                let names = [names[row.pair], names[row.pair + 1]];
                writer.write(&CompareRow::new(row.conn, names, row.joined))?;
            }
        }
        Sink::Table(output) => {
            let head = head::text(&names, &comparisons);
            let table = table::text(&names, &chosen, output.columns());
            output.text(&format!("{head}\n{table}"))?;
        }
    }
    match sink {
        Sink::Rows(writer) => writer.finish()?,
        Sink::Table(mut output) => output.flush()?,
    }
    for (pair, comparison) in comparisons.iter().enumerate() {
        let names = [names[pair], names[pair + 1]];
        warnings::of(names, comparison).iter().for_each(|warning| warn(warning));
    }
    for ending in endings {
        ending.report()?;
    }
    arguments.select.check_numbers(u64::from(rows.connections))?;
    Ok(Done::on(arguments.fails(&chosen)))
}

/// Compares each point with the next one.
pub fn neighbours(observations: Vec<Observation>) -> Vec<Comparison> {
    let mut rest = observations.into_iter();
    let Some(mut first) = rest.next() else { return Vec::new() };
    let mut comparisons = Vec::with_capacity(rest.len());
    while let Some(second) = rest.next() {
        // The last one is not copied, for it may be large.
        let next = (rest.len() > 0).then(|| second.clone());
        comparisons.push(compare(first, second));
        let Some(next) = next else { break };
        first = next;
    }
    comparisons
}

impl CompareArgs {
    fn selects(&self, row: &chain::Row<'_>) -> bool {
        let ends: Vec<_> = row.joined.ends.iter().flatten().flatten().copied().collect();
        self.select.matches_joined(row.conn, row.joined.outcome, &ends)
            && (self.path.is_empty() || self.path.contains(&row.joined.path))
    }

    fn fails(&self, rows: &[chain::Row<'_>]) -> bool {
        rows.iter().any(|row| {
            self.fail_on.iter().any(|what| match what {
                FailOnWay::Failed => row.joined.outcome.failed(),
                FailOnWay::Lost => row.joined.is_lossy(),
            })
        })
    }
}
