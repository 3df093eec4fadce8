//! `tcphs ladder`: a diagram of the segments between client and server, and of their states.

pub mod mermaid;
pub mod points;
pub mod svg;
mod text;

use crate::args::{Drawing, LadderArgs};
use crate::output::Output;
use crate::output::time::Times;
use crate::reading::input;
use crate::timeline;
use crate::{Done, Failure, warn};

/// The rules of all pictures, for pages that hold several.
pub fn style() -> String {
    [svg::STYLE, points::STYLE].concat()
}

pub fn run(arguments: &LadderArgs) -> Result<Done, Failure> {
    if let Some(points) = arguments.captures.points() {
        return points::run(arguments, &points);
    }
    let source = arguments.captures.source();
    input::keep_apart(arguments.output.as_deref(), &source.files)?;
    let max = match arguments.format {
        Drawing::Text => arguments.max,
        Drawing::Mermaid | Drawing::Svg => 1,
    };
    let (timelines, ending) = timeline::collect(&source, &arguments.select, max, |_| ())?;
    let mut output = Output::open(arguments.output.as_deref())?;
    for (place, timeline) in timelines.list.iter().enumerate() {
        match arguments.format {
            Drawing::Text => {
                if place > 0 {
                    output.text("\n")?;
                }
                let times = Times::new(arguments.time, timelines.start_ns);
                output.text(&text::draw(timeline, times, output.columns()))?;
            }
            Drawing::Mermaid => output.text(&mermaid::draw(timeline))?,
            Drawing::Svg => output.text(&svg::draw(timeline))?,
        }
    }
    output.flush()?;
    if let Some(note) = timelines.note("draws") {
        warn(&note);
    }
    ending.report()?;
    Ok(Done::on(arguments.fail_on.is_some() && timelines.failed))
}
