//! `tcphs FILE`: what a capture shows at first sight: what failed, what it has in common, what to do first.

mod beyond;
mod capture;
mod closer;
mod collector;
mod failures;
mod groups;
mod json;
mod keys;
mod limits;
mod patterns;
mod record;
mod result;
mod silent;
mod slow;
mod text;
mod wording;

use dissector_core::{ClosedConnection, follow_map};

pub use self::capture::CaptureFacts;
pub use self::collector::Collector;
pub use self::record::Record;
pub use self::result::{Group, Section, Triage};
use crate::args::{Report, TriageArgs};
use crate::output::Output;
use crate::reading::input::{self, Input};
use crate::{Done, Failure};

pub fn run(arguments: &TriageArgs) -> Result<Done, Failure> {
    let (source, select) = (&arguments.source, &arguments.select);
    input::keep_apart(arguments.output.as_deref(), &source.files)?;
    let input = Input::open(source, true)?;
    let mut output = Output::open(arguments.output.as_deref())?;
    let names = input.names();
    let mut collector = Collector::new();
    let mut facts = CaptureFacts::default();
    let make = |closed: ClosedConnection<'_>, records: &mut Vec<Record>| {
        let verdict = closed.verdict();
        let selected = select.matches(closed.connection, verdict.outcome);
        records.push(Record { selected, ..Record::of(&closed, &verdict) });
    };
    let put = |records: &mut Vec<Record>| {
        records.drain(..).for_each(|record| collector.put(record));
        Ok::<_, Failure>(())
    };
    let ending = input.follow(|captures, options| {
        let summary = follow_map(captures, options, make, put)?;
        facts = CaptureFacts::of(captures, &names);
        Ok(summary)
    })?;
    select.check_numbers(collector.total())?;
    let triage = collector.finish(facts, &names, select);
    output.text(&match arguments.format {
        Report::Text => {
            let text = triage.text(output.prose_columns());
            let names = ending.hosts.legend_of(&text);
            let gap = if names.is_empty() { "" } else { "\n" };
            format!("{text}{gap}{names}")
        }
        Report::Json => format!("{:#}\n", triage.json()),
    })?;
    output.flush()?;
    ending.report_failures()?;
    let failed = triage.counts.failed > 0;
    Ok(Done::on(arguments.fail_on.is_some() && failed))
}
