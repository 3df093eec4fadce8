//! How the connections of two points were joined, and what is wrong with their captures as a pair.

use dissector_core::compare::{Comparison, JoinedBy, JoinedConnection, Path};
use dissector_core::connection::Side;

use super::head::short;
use crate::output::units::count;

/// Counts of two points' connections.
pub struct Pairing<'a> {
    names: [&'a str; 2],
    /// Connections that each point has seen.
    pub seen: [u64; 2],
    /// Those of one point only, and those of them that fit several of the other.
    only: [u64; 2],
    ambiguous: [u64; 2],
    /// By number of the rule.
    joined: [u64; JoinedBy::ALL.len()],
    /// Every segment is at both points, and takes no time between them.
    same: bool,
    /// The time between them is known.
    timed: bool,
    /// The least and the largest uncertainty of the clocks, in nanoseconds.
    uncertainties: Option<[u64; 2]>,
}

impl<'a> Pairing<'a> {
    pub fn new(names: [&'a str; 2]) -> Self {
        let joined = [0; JoinedBy::ALL.len()];
        Self {
            names,
            seen: [0; 2],
            only: [0; 2],
            ambiguous: [0; 2],
            joined,
            same: true,
            timed: false,
            uncertainties: None,
        }
    }

    pub fn add(&mut self, it: &JoinedConnection) {
        for point in [0, 1] {
            self.seen[point] += u64::from(it.ids[point].is_some());
            let only = it.ids[point].is_some() && it.ids[1 - point].is_none();
            self.only[point] += u64::from(only);
            self.ambiguous[point] += u64::from(only && it.path == Path::Ambiguous);
        }
        if let Some(rule) = it.joined_by {
            self.joined[usize::from(rule.number())] += 1;
        }
        self.timed |= it.delays_ns.iter().any(Option::is_some);
        self.note_uncertainties(it.uncertainty_ns.map(|ns| [ns, ns]));
        self.same &= it.joined_by.is_some()
            && it.delays_ns.iter().flatten().all(|delay| *delay == 0)
            && Side::BOTH.iter().all(|side| {
                let totals = it.totals[*side as usize];
                totals.lost.unwrap_or(0) == 0 && totals.appeared.unwrap_or(0) == 0
            });
    }

    /// Adds the counts of other connections of the same points.
    pub fn merge(&mut self, other: &Self) {
        let add = |sums: &mut [u64], more: &[u64]| {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        };
        add(&mut self.seen, &other.seen);
        add(&mut self.only, &other.only);
        add(&mut self.ambiguous, &other.ambiguous);
        add(&mut self.joined, &other.joined);
        self.timed |= other.timed;
        self.same &= other.same;
        self.note_uncertainties(other.uncertainties);
    }

    fn note_uncertainties(&mut self, more: Option<[u64; 2]>) {
        let both = self.uncertainties.zip(more).map(|([a, b], [c, d])| [a.min(c), b.max(d)]);
        self.uncertainties = both.or(self.uncertainties).or(more);
    }

    /// The least and the largest uncertainty of the clocks, where it differs by more than a quarter from time to time.
    pub fn uncertainties(&self) -> Option<[String; 2]> {
        let [least, most] = self.uncertainties?;
        (most / 5 > least / 4).then(|| [least, most].map(short))
    }

    fn pairs(&self) -> u64 {
        self.joined.iter().sum()
    }

    /// `58 by sequence numbers, 2 through NAT; 1 only at client`
    pub fn text(&self) -> String {
        let rules = JoinedBy::ALL.iter().zip(self.joined).filter(|(_, number)| *number > 0);
        let rules: Vec<_> = rules.map(|(rule, number)| format!("{number} {}", by(*rule))).collect();
        let mut parts = vec![if rules.is_empty() { "none".into() } else { rules.join(", ") }];
        for point in [0, 1] {
            let (only, ambiguous) = (self.only[point], self.ambiguous[point]);
            let which = match ambiguous {
                0 => String::new(),
                _ if ambiguous == only => ", where several of the other point fit".into(),
                _ => format!(" ({ambiguous} of them fit several of the other point)"),
            };
            if only > 0 {
                parts.push(format!("{only} only at {}{which}", self.names[point]));
            }
        }
        parts.join("; ")
    }

    pub fn warnings(&self, comparison: &Comparison) -> Vec<String> {
        let [first, second] = self.names;
        let mut warnings = Vec::new();
        if self.pairs() == 0 && self.seen.iter().all(|number| *number > 0) {
            warnings.push(format!(
                "{first} and {second} have no connection in common. Were both capturing at the same \
                 time, and the same traffic (filter, interface, route)? Translated addresses are no \
                 obstacle; a proxy that ends TCP in between is one"
            ));
        }
        for (name, seen) in self.names.into_iter().zip(self.seen) {
            if seen == 0 {
                warnings.push(format!("{name}: there is no TCP connection in its capture"));
            }
        }
        if self.same && self.timed {
            warnings.push(format!(
                "{first} and {second} look like the same capture twice: every segment is in both, and \
                 takes no time from one to the other"
            ));
        }
        for (name, coverage) in self.names.into_iter().zip(comparison.coverage()) {
            if coverage.dropped() > 0 {
                warnings.push(format!(
                    "{name}: the capture says that it dropped {}. A segment that is missing there is \
                     called lost only where its sender sent it again",
                    count(coverage.dropped(), "packet")
                ));
            }
        }
        warnings
    }
}

/// The rule in a few words, after a number of connections.
fn by(rule: JoinedBy) -> &'static str {
    match rule {
        JoinedBy::Numbers => "by addresses and sequence numbers",
        JoinedBy::Nat => "through NAT, by sequence numbers",
        JoinedBy::Timestamps => "with other sequence numbers, by timestamps",
        JoinedBy::Payload => "with other sequence numbers, by payload",
        JoinedBy::Time => "by addresses and time only: likely, not certain",
        _ => rule.label(),
    }
}
