//! `tcphs explain`: what happened to a connection, what it means, and what to check next.

mod brief;
mod causes;
mod circumstances;
mod explanation;
mod narration;
mod neighbours;
mod points;
mod resets;
mod strays;

use dissector_core::ClosedConnection;
use dissector_core::connection::Outcome;

pub use self::brief::{Brief, Closer, Explained, brief};
pub use self::explanation::{Explainer, Explanation};
pub use self::neighbours::{Neighbour, Neighbours};
pub use self::points::explanation as explanation_of_points;
use crate::args::{ExplainArgs, Prose};
use crate::counted::Counted;
use crate::output::Output;
use crate::output::document::{Part, Section};
use crate::reading::input;
use crate::timeline;
use crate::{Done, Failure, warn};

pub fn run(arguments: &ExplainArgs) -> Result<Done, Failure> {
    if let Some(points) = arguments.captures.points() {
        return points::run(arguments, &points);
    }
    let source = arguments.captures.source();
    let read: Vec<_> = source.files.iter().chain(&arguments.nstat).cloned().collect();
    input::keep_apart(arguments.output.as_deref(), &read)?;
    let mut counted = Counted::read(arguments)?;
    let mut neighbours = Neighbours::default();
    let on_closed = |closed: &ClosedConnection<'_>| {
        neighbours.add(closed.connection, &closed.verdict());
        if let Some(counted) = &mut counted {
            counted.add(closed);
        }
    };
    let (timelines, ending) =
        timeline::collect(&source, &arguments.select, arguments.max, on_closed)?;
    neighbours.sort();
    let mut output = Output::open(arguments.output.as_deref())?;
    let files: Vec<_> = source.files.iter().map(|file| file.to_string_lossy()).collect();
    let explainer = Explainer {
        files: &files.iter().map(AsRef::as_ref).collect::<Vec<_>>(),
        readable: input::can_be_read_again(&source.files),
        neighbours: &neighbours,
        counted: counted.as_ref(),
    };
    let explanations = timelines.list.iter().map(|timeline| explainer.explain(timeline));
    write(&mut output, arguments, explanations)?;
    output.flush()?;
    if let Some(note) = timelines.note("explains") {
        warn(&note);
    }
    ending.report()?;
    Ok(Done::on(arguments.fail_on.is_some() && timelines.failed))
}

fn write(
    output: &mut Output,
    arguments: &ExplainArgs,
    explanations: impl Iterator<Item = Explanation>,
) -> Result<(), Failure> {
    let columns = output.prose_columns();
    if arguments.format == Prose::Json {
        let explanations: Vec<_> = explanations.collect();
        let json = serde_json::to_string_pretty(&explanations);
        let json = json.map_err(|error| Failure::Write(error.into()))?;
        return Ok(output.text(&format!("{json}\n"))?);
    }
    for (place, explanation) in explanations.enumerate() {
        if place > 0 {
            output.text("\n")?;
        }
        output.text(&match arguments.format {
            Prose::Markdown => explanation.document.markdown(),
            _ => explanation.document.text(columns),
        })?;
    }
    Ok(())
}

/// The outcome in a sentence.
fn outcome_section(outcome: Outcome) -> Section {
    let mut section = Section::new("outcome", "");
    section.parts.push(Part::Verdict {
        of: "Outcome".into(),
        label: outcome.label(),
        colour: outcome.colour(),
        text: outcome.doc().into(),
    });
    section
}
