//! The explanation of a connection in a few sentences: its first cause, the best evidence, the first check.

use std::net::IpAddr;

use dissector_core::connection::{
    Advice, Bearing, Cause, Check, CheckTarget, Close, Evidence, EvidenceSet, Outcome, Side,
};

use super::causes::Weighed;
use super::neighbours::{Neighbours, Witnessed};
use super::resets;
use crate::timeline::{Event, Timeline};

/// A brief explanation.
pub struct Brief {
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

/// What only a look at each packet of a connection shows.
#[derive(Clone, Default)]
pub struct Closer {
    witnessed: Vec<Witnessed>,
    /// The server had the final ACK, and waited for data before it accepted.
    pub deferred: bool,
    /// A timestamp shows that the server's host had got the final ACK.
    pub ack_arrived: bool,
    /// The router that answered the client with an ICMP error.
    error_by: Option<IpAddr>,
}

impl Closer {
    pub fn new(timeline: &Timeline) -> Self {
        let witnessed = resets::origin(timeline).into_iter().chain(resets::unasked(timeline));
        Self {
            witnessed: witnessed.collect(),
            deferred: timeline.is_deferred(),
            ack_arrived: timeline.ack_arrived(),
            error_by: timeline.events.iter().find_map(|event| match event {
                Event::Icmp(error) if error.to == Side::Client && !error.by_receiver => {
                    Some(error.by)
                }
                _ => None,
            }),
        }
    }
}

impl Explained {
    fn is_unreachable(&self) -> bool {
        *self.advice == *Outcome::Unreachable.advice()
    }

    /// Whether a closer look may show more of the cause: where an RST or an ICMP error came from.
    pub fn needs_a_look(&self) -> bool {
        let shown = [Evidence::RstIdDiffers, Evidence::RstIdFits, Evidence::RstUnasked];
        let mut causes = self.advice.causes.iter();
        self.is_unreachable()
            || causes
                .any(|cause| shown.iter().any(|evidence| evidence.bearing_on(*cause).is_some()))
    }
}

/// Explains a connection briefly, by the same weighing as the whole explanation.
pub fn brief(
    explained: &Explained,
    neighbours: &Neighbours,
    closer: Option<&Closer>,
    target: &CheckTarget<'_>,
) -> Brief {
    let Explained { id, advice, evidence, close } = *explained;
    let mut others = neighbours.witness_of(id, evidence, close);
    others.extend(closer.into_iter().flat_map(|closer| closer.witnessed.iter().cloned()));
    let weighed = Weighed::new(advice, evidence, &others);
    let (cause, decided) = weighed.first().unzip();
    let (named, decided): (Vec<_>, _) = (cause.into_iter().collect(), decided == Some(true));
    let best = cause.and_then(|cause| weighed.best_evidence(cause));
    // What only excludes other causes says little as long as several are left.
    let speaks = |(evidence, _): &(Evidence, &str)| {
        cause.is_some_and(|cause| {
            matches!(evidence.bearing_on(cause), Some(Bearing::Proves | Bearing::SpeaksFor))
        })
    };
    let best = best.filter(|best| decided || speaks(best));
    // Where something speaks for the cause, a check on that cause comes before one that only asks how far
    // packets get.
    let mut checks = advice.checks.iter().filter(|check| check.helps_with(&named));
    let of_cause = |check: &&Check| !check.causes.is_empty() && !check.told_by_points;
    let pointed = checks.clone().find(of_cause).filter(|_| best.is_some());
    let check = pointed.or_else(|| checks.next());
    Brief {
        cause,
        decided,
        others: weighed.rest().collect(),
        evidence: best.map(|(evidence, text)| match closer.and_then(|closer| closer.error_by) {
            Some(by) if explained.is_unreachable() => {
                (evidence, format!("{text} It came from {by}."))
            }
            _ => (evidence, text.to_owned()),
        }),
        check: check.map(|check| (check.what, check.command_line(target))),
    }
}
