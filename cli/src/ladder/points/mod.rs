//! The ladder with several points of capture: a lane for each of them between client and server.

pub mod mermaid;
mod said;
pub mod svg;
mod text;

pub use self::svg::LANES as STYLE;
use crate::args::{Drawing, LadderArgs, PointFiles};
use crate::output::Output;
use crate::output::time::Times;
use crate::reading::input;
use crate::reading::points::Points;
use crate::reading::start;
use crate::{Done, Failure, journey, warn};

pub fn run(arguments: &LadderArgs, points: &PointFiles) -> Result<Done, Failure> {
    input::keep_apart(arguments.output.as_deref(), &Points::of(points)?.files())?;
    let max = match arguments.format {
        Drawing::Text => arguments.max,
        Drawing::Mermaid | Drawing::Svg => 1,
    };
    let (journeys, endings) = journey::collect(points, &arguments.select, max, None)?;
    // Times are those of the first point's clock.
    let start_ns = start::of_files(&points.of_one_clock()).unwrap_or(0);
    let mut output = Output::open(arguments.output.as_deref())?;
    for (place, journey) in journeys.list.iter().enumerate() {
        match arguments.format {
            Drawing::Text => {
                if place > 0 {
                    output.text("\n")?;
                }
                let times = Times::new(arguments.time, start_ns);
                output.text(&text::draw(journey, times, output.columns()))?;
            }
            Drawing::Mermaid => output.text(&mermaid::draw(journey))?,
            Drawing::Svg => output.text(&svg::draw(journey))?,
        }
    }
    if arguments.format == Drawing::Text && !journeys.list.is_empty() {
        output.text(&format!("\n{}", text::legend(&journeys.list, output.columns())))?;
    }
    output.flush()?;
    if let Some(note) = journeys.note("draws") {
        warn(&note);
    }
    endings.into_iter().try_for_each(input::Ending::report)?;
    Ok(Done::on(arguments.fail_on.is_some() && journeys.failed))
}
