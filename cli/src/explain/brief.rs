//! The explanation of a connection in a few sentences: its first cause, the best evidence, the first check.

use dissector_core::connection::{Advice, Cause, CheckTarget, Close, Evidence, EvidenceSet};

use super::causes::Weighed;
use super::neighbours::Neighbours;

/// A brief explanation.
pub struct Brief {
    /// The meaning of the outcome or the end.
    pub means: &'static str,
    /// The cause that an explanation names first.
    pub cause: Option<Cause>,
    /// Whether the evidence decides on it.
    pub decided: bool,
    /// The other causes that the evidence leaves.
    pub others: Vec<Cause>,
    /// The evidence that bears most on it, and what it says.
    pub evidence: Option<(Evidence, String)>,
    /// The first check that helps with it, and its command.
    pub check: Option<(&'static str, Option<String>)>,
}

/// The connection to explain: its number, and what its own packets show.
#[derive(Clone, Copy)]
pub struct Explained {
    pub id: u32,
    pub advice: &'static Advice,
    pub evidence: EvidenceSet,
    pub close: Close,
}

/// Explains a connection briefly, by the same weighing as the whole explanation.
pub fn brief(explained: &Explained, neighbours: &Neighbours, target: &CheckTarget<'_>) -> Brief {
    let Explained { id, advice, evidence, close } = *explained;
    let weighed = Weighed::new(advice, evidence, &neighbours.witness_of(id, evidence, close));
    let first = weighed.first();
    let named: Vec<_> = first.iter().map(|(cause, _)| *cause).collect();
    let check = advice.checks.iter().find(|check| check.helps_with(&named));
    Brief {
        means: advice.means,
        cause: first.map(|(cause, _)| cause),
        decided: first.is_some_and(|(_, decided)| decided),
        others: weighed.rest().collect(),
        evidence: first.and_then(|(cause, _)| {
            let (evidence, text) = weighed.best_evidence(cause)?;
            Some((evidence, text.to_owned()))
        }),
        check: check.map(|check| (check.what, check.command_line(target))),
    }
}
