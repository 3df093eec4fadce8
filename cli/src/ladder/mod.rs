//! `tcphs ladder`: who sent what when, and the states it led to.

mod mermaid;
mod svg;
mod text;

use crate::args::{Drawing, LadderArgs};
use crate::output::Output;
use crate::stories;
use crate::{Done, Failure, input, warn};

pub fn run(arguments: &LadderArgs) -> Result<Done, Failure> {
    let source = &arguments.source;
    input::keep_apart(arguments.output.as_deref(), &source.files)?;
    let max = match arguments.format {
        Drawing::Text => arguments.max,
        Drawing::Mermaid | Drawing::Svg => 1,
    };
    let (stories, ending) = stories::collect(source, &arguments.select, max)?;
    let mut output = Output::open(arguments.output.as_deref())?;
    for (place, story) in stories.list.iter().enumerate() {
        match arguments.format {
            Drawing::Text => {
                if place > 0 {
                    output.text("\n")?;
                }
                output.text(&text::draw(story))?;
            }
            Drawing::Mermaid => output.text(&mermaid::draw(story))?,
            Drawing::Svg => output.text(&svg::draw(story))?,
        }
    }
    output.flush()?;
    if let Some(note) = stories.note("draws", "--max") {
        warn(&note);
    }
    ending.report()?;
    Ok(Done::unless(arguments.select.fail_on.is_some() && stories.failed))
}
