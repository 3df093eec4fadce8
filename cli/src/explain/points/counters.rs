//! What the kernels of the hosts next to the points counted for one connection.

use dissector_core::connection::{Advice, Cause, Side};
use dissector_core::counters::Agreement;

use crate::counted::{Heard, Witnesses};
use crate::journey::Journey;
use crate::output::document::{Part, Section};

/// What the counters of one host say.
pub struct Told {
    side: Side,
    /// The label of the outcome at the point.
    outcome: &'static str,
    /// Of what the point saw; of a connection that did not come to it, agreement and words.
    pub heard: Result<Heard, (String, Option<(Agreement, String)>)>,
}

/// What the counters say of the connection, by the points next to server and client. `advice` is that of
/// its outcome, if the way is not to blame.
pub fn hear(
    journey: &Journey,
    witnesses: Option<&Witnesses>,
    advice: Option<&'static Advice>,
) -> Vec<Told> {
    let Some(witnesses) = witnesses else { return Vec::new() };
    let told = [Side::Server, Side::Client].into_iter().filter_map(|side| {
        let (station, hop) = match side {
            Side::Client => (journey.stations.first()?, journey.hops.first()?),
            Side::Server => (journey.stations.last()?, journey.hops.last()?),
        };
        let witness = witnesses.at(station.point)?;
        let joined = hop.joined.as_ref()?;
        let outcome = joined.outcome.label();
        let Some(timeline) = &station.timeline else {
            let heard = Err((station.shown(), witness.unseen(joined)));
            return Some(Told { side, outcome, heard });
        };
        let ends = [timeline.client.ip(), timeline.server.ip()];
        let advice = advice.or_else(|| timeline.verdict.advice());
        let heard = Ok(witness.hear(joined, ends, &timeline.counts, advice));
        Some(Told { side, outcome: timeline.verdict.outcome.label(), heard })
    });
    told.collect()
}

impl Told {
    /// Of the causes that are not listed, only those are told that some counter speaks for.
    pub fn section(&self, is_listed: impl Fn(Cause) -> bool) -> Section {
        let (point, unseen) = match &self.heard {
            Ok(heard) => return heard.section(self.outcome, is_listed),
            Err(unseen) => unseen,
        };
        let title = format!("What the {}'s kernel counted", self.side.role());
        let mut section = Section::new("counters", title);
        match unseen {
            Some((agreement, words)) => section.parts.push(Part::Item {
                what: format!("{}, {agreement}:", self.outcome),
                text: words.clone(),
                aside: String::new(),
            }),
            None => section.paragraph(format!(
                "Nothing of the connection came to {point}: the counters of the host next to it tell nothing \
                 of it."
            )),
        }
        section
    }
}
