//! Long runs of segments that arrived unchanged are summed up.

use super::passage::Step;
use crate::timeline::{Event, Run};

/// Segments at the start of a run that are shown.
const HEAD: usize = 3;
/// A run of at most this many more segments is not summed up.
const LEAST: usize = 4;

/// Sums up the runs among these steps.
pub fn sum_up(steps: Vec<Step>) -> Vec<Step> {
    let mut summed = Vec::new();
    let mut plain = Vec::new();
    for step in steps {
        if matches!(&step, Step::Segment(passage) if passage.is_plain()) {
            plain.push(step);
        } else {
            end_run(&mut summed, &mut plain);
            summed.push(step);
        }
    }
    end_run(&mut summed, &mut plain);
    summed
}

/// Adds the first and the last of these steps, and what is between them as one.
fn end_run(summed: &mut Vec<Step>, plain: &mut Vec<Step>) {
    if plain.len() <= HEAD + LEAST {
        summed.append(plain);
        return;
    }
    let last = plain.pop();
    let mut run: Option<Run> = None;
    for (place, step) in plain.drain(..).enumerate() {
        match step {
            Step::Segment(passage) if place >= HEAD => {
                let (frame, time_ns) = (passage.event.frame, passage.time_ns);
                let run = run.get_or_insert_with(|| Run::new(frame, time_ns));
                run.add(&Event::Segment(passage.event));
                // The event has the time of its point.
                run.last_ns = time_ns;
            }
            step => summed.push(step),
        }
    }
    summed.extend(run.map(Step::Run));
    summed.extend(last);
}
