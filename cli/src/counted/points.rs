//! The counters of the hosts next to the points of capture.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use dissector_core::ClosedConnection;
use dissector_core::compare::{Comparison, JoinedConnection, Path};
use dissector_core::connection::{Advice, Cause, EvidenceSet, Outcome, Side};
use dissector_core::counters::{About, Agreement, Counts, NotComparable, Rises, Said, Testimony};

use super::{Heard, Hosts, OF_A_WHOLE_HOST, matters, rises, testify, whose};
use crate::Failure;
use crate::args::PointCounters;
use crate::output::page::Page;
use crate::output::style::FAINT;
use crate::output::units::count;

/// The counters of all hosts that are known.
pub struct Witnesses {
    list: Vec<Witness>,
    /// Number of points.
    points: usize,
}

/// The counters of the host next to one point, and what its capture has of what they count.
pub struct Witness {
    /// The place of the point among all.
    pub point: usize,
    name: String,
    rises: Result<Rises, NotComparable>,
    hosts: Hosts,
    /// What the point saw of its connections, by number; those that came up without trouble are left out.
    own: HashMap<u32, Own>,
    /// The addresses next to the point, by side.
    near: [BTreeSet<IpAddr>; 2],
}

/// What the point saw of a connection.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
struct Own {
    ends: [IpAddr; 2],
    outcome: Outcome,
    established: bool,
    evidence: EvidenceSet,
    counts: Counts,
}

impl Witnesses {
    /// Reads the outputs of the hosts next to the points with these names.
    pub fn read(named: &[PointCounters], points: &[&str]) -> Result<Self, Failure> {
        let mut list: Vec<Witness> = Vec::new();
        for PointCounters { name, before, after } in named {
            let Some(point) = points.iter().position(|point| point == name) else {
                return Err(Failure::Usage(format!(
                    "--nstat {name}: there is no point of this name; the points are {}",
                    points.join(", ")
                )));
            };
            if point > 0 && point + 1 < points.len() {
                return Err(Failure::Usage(format!(
                    "--nstat {name}: this point lies between others; client and server are next to {} and {}",
                    points[0],
                    points[points.len() - 1]
                )));
            }
            if list.iter().any(|witness| witness.point == point) {
                return Err(Failure::Usage(format!(
                    "--nstat {name}: given twice; a point has one host next to it"
                )));
            }
            list.push(Witness {
                point,
                name: format!("[{name}]"),
                rises: rises(before, after)?,
                hosts: Hosts::default(),
                own: HashMap::new(),
                near: [BTreeSet::new(), BTreeSet::new()],
            });
        }
        list.sort_by_key(|witness| witness.point);
        Ok(Self { list, points: points.len() })
    }

    /// The witness at this point.
    pub fn at(&self, point: usize) -> Option<&Witness> {
        self.list.iter().find(|witness| witness.point == point)
    }

    /// A tally for each point whose host has counters, to be filled in while its captures are read.
    pub fn tallies(&self) -> Vec<Option<Tally>> {
        (0..self.points).map(|point| self.at(point).map(|_| Tally::default())).collect()
    }

    /// Takes in what the points' captures have, and which hosts are next to them.
    pub fn take(&mut self, tallies: Vec<Option<Tally>>, comparisons: &[Comparison]) {
        for (point, tally) in tallies.into_iter().enumerate() {
            let witness = self.list.iter_mut().find(|witness| witness.point == point);
            if let (Some(witness), Some(tally)) = (witness, tally) {
                (witness.hosts, witness.own) = (tally.hosts, tally.own);
            }
        }
        for witness in &mut self.list {
            let Some(comparison) = comparisons.get(witness.pair()) else { continue };
            for joined in comparison.connections() {
                let (at, side) = (witness.place(), witness.side(&joined));
                let Some(ends) = joined.ends[at] else { continue };
                witness.near[side as usize].insert(ends[side as usize].ip());
            }
        }
    }

    /// Writes what each kernel counted for these connections, each with the place of its comparison.
    pub fn write<'a>(
        &self,
        page: &mut Page,
        lines: impl Iterator<Item = (usize, &'a JoinedConnection)> + Clone,
    ) {
        for witness in &self.list {
            let pair = witness.pair();
            let here = lines.clone().filter(|(place, _)| *place == pair).map(|(_, joined)| joined);
            witness.write(page, here);
        }
    }
}

/// What the capture of one point has.
#[derive(Default)]
pub struct Tally {
    hosts: Hosts,
    own: HashMap<u32, Own>,
}

impl Tally {
    /// Counts a connection.
    pub fn add(&mut self, closed: &ClosedConnection<'_>) {
        let (connection, verdict) = (closed.connection, closed.verdict());
        let counts = Counts::of(connection, &verdict);
        self.hosts.add(closed, counts);
        let repeats = counts.syn_copies + counts.synack_copies + counts.swallowed > 0;
        if verdict.outcome.failed() || repeats {
            let own = Own {
                ends: [connection.client().ip(), connection.server().ip()],
                outcome: verdict.outcome,
                established: verdict.established,
                evidence: verdict.cause_evidence,
                counts,
            };
            self.own.insert(connection.id(), own);
        }
    }
}

/// Connections of which the same is said.
struct Group<'a> {
    said: Said,
    outcome: Option<Outcome>,
    host: IpAddr,
    connections: u64,
    counted: &'a str,
}

impl Witness {
    /// The place of the comparison that the point is at the end of.
    const fn pair(&self) -> usize {
        self.point.saturating_sub(1)
    }

    /// The place of the point in it.
    const fn place(&self) -> usize {
        if self.point == 0 { 0 } else { 1 }
    }

    /// The end of the connection that the point is next to.
    fn side(&self, joined: &JoinedConnection) -> Side {
        match joined.nearer_client.unwrap_or(0) == self.place() {
            true => Side::Client,
            false => Side::Server,
        }
    }

    /// Why it is not sure which host's counters these are, if so.
    fn doubt(&self, side: Side, host: IpAddr, is_known: bool) -> Option<String> {
        let name = &self.name;
        if !is_known {
            return Some(format!(
                "Nothing tells which end {name} is next to: the outputs are taken for the {}.",
                whose(side)
            ));
        }
        // A host has an address of each family.
        let alike = self.near[side as usize].iter().filter(|it| it.is_ipv4() == host.is_ipv4());
        match alike.count() {
            0 | 1 => None,
            number => Some(format!(
                "{number} addresses are next to {name}, and the outputs may be of another host than {host}: \
                 what did not rise refutes nothing."
            )),
        }
    }

    fn judge(
        &self,
        side: Side,
        own: (&Counts, IpAddr),
        causes: &[Cause],
    ) -> Result<Testimony, String> {
        testify(&self.rises, side, own.0, self.hosts.get(own.1), causes)
    }

    /// What the counters say of a connection that the point saw: its client and server, what it has of it,
    /// and the causes in question.
    pub fn hear(
        &self,
        joined: &JoinedConnection,
        ends: [IpAddr; 2],
        counts: &Counts,
        advice: Option<&Advice>,
    ) -> Heard {
        let side = self.side(joined);
        let host = ends[side as usize];
        let known = self.doubt(side, host, joined.nearer_client.is_some());
        let causes = advice.map_or(&[][..], |advice| advice.causes);
        let result = self.judge(side, (counts, host), causes);
        let result = if known.is_some() { result.map(Testimony::doubted) } else { result };
        Heard { side, known, result }
    }

    /// Agreement and words on a connection of which nothing came to the point.
    pub fn unseen(&self, joined: &JoinedConnection) -> Option<(Agreement, String)> {
        let (side, place) = (self.side(joined), self.place());
        let is_lost = matches!(joined.path, Path::SynLost | Path::AnsweredOnTheWay);
        if side == Side::Client || joined.ids[place].is_some() || !is_lost {
            return None;
        }
        let name = &self.name;
        let (counters, did, conclusion): (&[&str], _, _) = match (joined.path, joined.outcome) {
            (Path::SynLost, _) => (
                &["TcpExtListenOverflows", "TcpExtTCPReqQFullDrop"],
                "no queue of this host dropped it",
                "for others",
            ),
            (_, Outcome::Refused) => {
                (&["TcpOutRsts"], "the RST is not of this host", "for others, or for no connection")
            }
            _ => return None,
        };
        let came = format!("its SYN did not come to {name}");
        let rises = match &self.rises {
            Ok(rises) => rises,
            Err(error) => return Some((Agreement::NotDecidable, format!("{came}; {error}."))),
        };
        let short = |name: &str| name.strip_prefix("TcpExt").unwrap_or(name).to_owned();
        let names: Vec<_> = counters.iter().map(|name| short(name)).collect();
        let rise = |name: &&str| rises.of(name);
        if counters.iter().map(rise).all(|rise| rise == Some(0)) {
            let names = names.join(" and ");
            let words = format!("{names} did not rise, and {came}: {did}.");
            // Other hosts may be next to the point, too.
            return Some(match self.near[Side::Server as usize].len() {
                0 | 1 => (Agreement::Agrees, words),
                _ => (Agreement::NotDecidable, words),
            });
        }
        let rose = counters.iter().zip(&names).filter_map(|(counter, name)| {
            let rise = rises.of(counter).filter(|rise| *rise > 0)?;
            Some(format!("{name} rose by {rise}"))
        });
        let rose: Vec<_> = rose.collect();
        Some((
            Agreement::NotDecidable,
            match &rose[..] {
                [] => format!("{} is not in both outputs; {came}.", names.join(" or ")),
                rose => format!("{}, {conclusion}: {came}.", rose.join(" and ")),
            },
        ))
    }

    /// Writes what the counters say of all these connections, a line for each outcome and cause.
    fn write<'a>(
        &self,
        page: &mut Page,
        joined: impl Iterator<Item = &'a JoinedConnection> + Clone,
    ) {
        for side in [Side::Server, Side::Client] {
            let here = joined.clone().filter(|it| self.side(it) == side);
            if here.clone().next().is_some() {
                page.heading(&format!("What the {} kernel counted, at {}", whose(side), self.name));
                self.write_side(page, side, here);
            }
        }
    }

    fn write_side<'a>(
        &self,
        page: &mut Page,
        side: Side,
        joined: impl Iterator<Item = &'a JoinedConnection>,
    ) {
        if let Err(error) = &self.rises {
            return page.paragraph(&format!("They decide nothing: {error}."));
        }
        let mut alike: HashMap<(Own, bool), u64> = HashMap::new();
        let mut unseen: BTreeMap<(u8, u8, String), (Agreement, u64, &JoinedConnection)> =
            BTreeMap::new();
        for it in joined {
            if let Some((agreement, words)) = self.unseen(it) {
                let key = (it.path.number(), it.outcome.number(), words);
                unseen.entry(key).or_insert((agreement, 0, it)).1 += 1;
            }
            let own = it.ids[self.place()].and_then(|id| self.own.get(&id));
            if let Some(own) = own {
                *alike.entry((*own, it.nearer_client.is_some())).or_insert(0) += 1;
            }
        }
        let mut remarks: BTreeSet<String> = BTreeSet::new();
        let mut groups: Vec<Group<'_>> = Vec::new();
        for ((own, is_known), connections) in alike {
            let host = own.ends[side as usize];
            let advice = if own.established { None } else { Some(own.outcome.advice()) };
            let causes = advice.map_or(&[][..], |advice| advice.causes);
            let doubt = self.doubt(side, host, is_known);
            let doubted = doubt.is_some();
            remarks.extend(doubt);
            let testimony = match self.judge(side, (&own.counts, host), causes) {
                Ok(testimony) if doubted => testimony.doubted(),
                Ok(testimony) => testimony,
                Err(error) => {
                    remarks.insert(error);
                    continue;
                }
            };
            if let Some(reason) = &testimony.not_of_host {
                remarks.insert(format!("{host}: they decide nothing. {reason}"));
                continue;
            }
            let left = advice.map(|advice| advice.causes_given(own.evidence)).unwrap_or_default();
            let is_left = |cause| left.iter().any(|it| it.cause == cause);
            for said in testimony.said.into_iter().filter(|said| matters(said, &is_left)) {
                let outcome = (said.about != About::Copies).then_some(own.outcome);
                let is_same = |group: &&mut Group<'_>| {
                    (group.outcome, group.host) == (outcome, host)
                        && (group.said.about, group.said.agreement) == (said.about, said.agreement)
                };
                match groups.iter_mut().find(is_same) {
                    Some(group) => {
                        group.connections += connections;
                        // Whichever came first, the same one is shown.
                        if said.sentence < group.said.sentence {
                            group.said = said;
                        }
                    }
                    None => {
                        let counted = said.counted;
                        groups.push(Group { said, outcome, host, connections, counted });
                    }
                }
            }
        }
        remarks.iter().for_each(|remark| page.paragraph(remark));
        for ((_, _, words), (agreement, connections, it)) in &unseen {
            let connections = count(*connections, "connection");
            let (path, outcome) = (it.path, it.outcome);
            page.item(&format!("{path}, {agreement} ({outcome}, {connections}):"), words);
        }
        let rank = |group: &Group<'_>| match group.said.agreement {
            Agreement::Agrees => 0,
            Agreement::NotDecidable if group.said.leans => 1,
            Agreement::NotDecidable => 2,
            _ => 3,
        };
        groups.sort_by_key(|group| {
            let about = match group.said.about {
                About::Outcome => (0, 0),
                About::Cause(cause) => (1, cause.number()),
                _ => (2, 0),
            };
            (group.outcome.map(Outcome::number), rank(group), about, group.host)
        });
        if groups.is_empty() && unseen.is_empty() && remarks.is_empty() {
            return page
                .paragraph("No counter of this host tells anything about these connections.");
        }
        let hosts: BTreeSet<_> = groups.iter().map(|group| group.host).collect();
        let mut explained = BTreeSet::new();
        for group in &groups {
            let (said, connections) = (&group.said, count(group.connections, "connection"));
            let subject = super::subject(said.about, group.outcome.map_or("", Outcome::label));
            let of = group.outcome.filter(|_| said.about != About::Outcome);
            let of = of.map_or_else(String::new, |outcome| format!("{outcome}, "));
            let host = if hosts.len() > 1 { format!("{}, ", group.host) } else { String::new() };
            let counted = match (group.counted, said.counters) {
                (counted, _) if counted.is_empty() || !explained.insert(counted) => String::new(),
                (counted, [_]) => format!(" It counts {counted}."),
                (counted, _) => format!(" They count {counted}."),
            };
            page.item(
                &format!("{subject}, {} ({host}{of}{connections}):", said.agreement),
                &format!("{}{FAINT}{counted}{FAINT:#}", said.sentence),
            );
        }
        if groups.iter().any(|group| group.said.agreement != Agreement::Agrees) {
            page.paragraph(OF_A_WHOLE_HOST);
        }
    }
}
