//! Finding the connections that are to be told, and collecting their stories.

use std::collections::BTreeMap;

use dissector_core::connection::Connection;

use crate::args::{Select, Source};
use crate::filter::Filter;
use crate::input::{Ending, Input};
use crate::story::{Recorder, Story};
use crate::{Failure, choose, follow};

/// The stories that were asked for.
pub struct Stories {
    /// By number of the connection.
    pub list: Vec<Story>,
    /// How many connections were asked for, told or not.
    pub matching: u64,
    /// Whether one of those failed.
    pub failed: bool,
}

impl Stories {
    /// What to say on standard error where less was told than asked for.
    pub fn note(&self, verb: &str, option: &str) -> Option<String> {
        let told = self.list.len() as u64;
        match (told, self.matching) {
            (0, 0) => Some("no connection is like that".into()),
            (_, matching) if matching > told => {
                let (count, more) = match told {
                    1 => (String::new(), String::new()),
                    _ => (format!(" {told}"), format!(", or more with {option}")),
                };
                let told_failed = self.list.iter().any(|story| story.verdict.outcome.failed());
                let failed = match self.failed && !told_failed {
                    true => "Some of the others have failed: --failed. ",
                    false => "",
                };
                Some(format!(
                    "{matching} connections are like that; this {verb} the first{count}. {failed}\
                     Choose others with --conn, --host, --port or --outcome{more}"
                ))
            }
            _ => None,
        }
    }
}

/// Collects up to `max` of the connections that `select` asks for.
pub fn collect(source: &Source, select: &Select, max: usize) -> Result<(Stories, Ending), Failure> {
    let filter = Filter::new(select);
    let by_outcome = match filter.needs_the_outcome() {
        true => Some(choose::by_outcome(source, &filter)?),
        false => None,
    };
    let mut collected = Collected { recorders: BTreeMap::new(), list: Vec::new(), next: 0 };
    let (mut matching, mut failed, mut connections) = (0, false, 0_u64);
    let ending = follow::steps(
        Input::open(source, true)?,
        &mut collected,
        |collected, step| {
            let connection = step.connection;
            let id = connection.id();
            if id >= collected.next {
                collected.next = id + 1;
                let wanted = match &by_outcome {
                    Some(numbers) => numbers.contains(id),
                    None => filter.takes_ends(id, [connection.client(), connection.server()]),
                };
                if wanted && collected.list.len() + collected.recorders.len() < max {
                    collected.recorders.insert(id, Recorder::new(step.file));
                }
            }
            if let Some(recorder) = collected.recorders.get_mut(&id) {
                recorder.record(&step);
            }
            Ok(())
        },
        |collected, connection: &Connection, now_ns| {
            connections += 1;
            let outcome = connection.verdict_at(now_ns).outcome;
            if filter.takes(connection, outcome) {
                matching += 1;
                failed |= outcome.failed();
            }
            if let Some(recorder) = collected.recorders.remove(&connection.id()) {
                collected.list.push(recorder.finish(connection, now_ns));
            }
            Ok(())
        },
    )?;
    let mut list = collected.list;
    list.sort_unstable_by_key(|story| story.id);
    choose::known(select, connections)?;
    Ok((Stories { list, matching, failed }, ending))
}

/// Stories on their way.
struct Collected {
    recorders: BTreeMap<u32, Recorder>,
    list: Vec<Story>,
    /// The number of the next connection.
    next: u32,
}
