//! Groups failures by what they have in common: few groups, in each of which nearly all fails.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::net::IpAddr;

use dissector_core::connection::{Cause, Outcome};

use super::keys::Key;
use super::record::Record;

/// From this share of failures on, nearly all with something in common fail.
const NEARLY_ALL: f64 = 0.8;
/// Where not nearly all fail, so many servers with less than two failures each are scattered.
const SCATTERED: usize = 4;

/// Failures that have something in common.
pub struct Failures<'a> {
    pub key: Key,
    pub outcome: Outcome,
    pub members: Vec<&'a Record>,
    /// All with the key, whatever became of them.
    pub with_key: Tally,
}

/// How those with a key went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub failed: u64,
    pub came_up: u64,
    /// The first and the last that failed, by their first segments.
    pub failed_ns: Option<(i64, i64)>,
    /// The first and the last that came up.
    pub came_up_ns: Option<(i64, i64)>,
}

/// How failures and successes with one key follow each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Course {
    /// None came up.
    Always,
    /// All that came up are earlier.
    SinceThen,
    /// All that came up are later.
    UntilThen,
    /// Some came up in between.
    Mixed,
}

impl Tally {
    fn add(&mut self, record: &Record, weight: u64) {
        let (count, times) = match record.failed() {
            true => (&mut self.failed, &mut self.failed_ns),
            false => (&mut self.came_up, &mut self.came_up_ns),
        };
        *count += weight;
        let time_ns = record.neighbour.first_ns;
        let (first, last) = times.unwrap_or((time_ns, time_ns));
        *times = Some((first.min(time_ns), last.max(time_ns)));
    }

    pub fn attempts(&self) -> u64 {
        self.failed + self.came_up
    }

    pub fn course(&self) -> Course {
        match (self.failed_ns, self.came_up_ns) {
            (_, None) => Course::Always,
            (Some((first, _)), Some((_, up))) if up < first => Course::SinceThen,
            (Some((_, last)), Some((up, _))) if up > last => Course::UntilThen,
            _ => Course::Mixed,
        }
    }

    fn share(&self) -> f64 {
        self.failed as f64 / self.attempts().max(1) as f64
    }
}

/// What a group has in common: the key, and the numbers of outcome and of the cause, if their own packets
/// decide it.
type Common = (Key, u8, Option<u8>);

/// Groups the failures among `attempts`, of which each counts as so many as its weight.
pub fn group<'a>(failed: &[&'a Record], others: &[&'a Record], weight: u64) -> Vec<Failures<'a>> {
    let mut tallies: HashMap<Key, Tally> = HashMap::new();
    let mut members: HashMap<Common, Vec<u32>> = HashMap::new();
    for (place, record) in (0..).zip(failed) {
        for key in Key::all(record) {
            tallies.entry(key).or_default().add(record, 1);
            let cause = record.cause.map(Cause::number);
            members.entry((key, record.outcome().number(), cause)).or_default().push(place);
        }
    }
    for record in others {
        for key in Key::all(record) {
            if let Some(tally) = tallies.get_mut(&key) {
                tally.add(record, weight);
            }
        }
    }
    let mut taken = vec![false; failed.len()];
    let score = |common: &Common, places: &[u32], taken: &[bool]| {
        let free: Vec<_> =
            places.iter().map(|place| *place as usize).filter(|place| !taken[*place]).collect();
        let records: Vec<_> = free.iter().map(|place| failed[*place]).collect();
        score(common.0, &tallies[&common.0], &records)
    };
    // The score of a group falls when others take its members, so the highest is looked at again.
    let mut heap: BinaryHeap<_> = members
        .iter()
        .map(|(common, places)| (score(common, places, &taken), Reverse(*common)))
        .filter(|(score, _)| *score > 0)
        .collect();
    let mut groups = Vec::new();
    while let Some((before, Reverse(common))) = heap.pop() {
        let places = &members[&common];
        let now = score(&common, places, &taken);
        if now < before {
            if now > 0 {
                heap.push((now, Reverse(common)));
            }
            continue;
        }
        let free: Vec<_> = places.iter().filter(|place| !taken[**place as usize]).collect();
        let free: Vec<_> = free.into_iter().map(|place| *place as usize).collect();
        let records: Vec<_> = free.iter().map(|place| failed[*place]).collect();
        free.iter().for_each(|place| taken[*place] = true);
        let Some(outcome) = records.first().map(|record| record.outcome()) else { continue };
        let key = common.0;
        groups.push(Failures { key, outcome, members: records, with_key: tallies[&key] });
    }
    groups
}

/// How much a group explains, in thousandths of a failure; 0 if it explains nothing.
fn score(key: Key, tally: &Tally, members: &[&Record]) -> u64 {
    let count = members.len() as u64;
    let has_parts = |parts: &dyn Fn(&Record) -> IpAddr| {
        let first = members.first().map(|record| parts(record));
        members.iter().any(|record| Some(parts(record)) != first)
    };
    let server = |record: &Record| record.neighbour.server.ip();
    let is_wide = match key {
        Key::Server(_) | Key::Pair(..) => true,
        Key::Host(_) => {
            let first = members.first().map(|record| record.neighbour.server.port());
            members.iter().any(|record| Some(record.neighbour.server.port()) != first)
        }
        Key::Port(_) | Key::ServerNet(_) => has_parts(&server),
        Key::Client(_) | Key::All => {
            let first = members.first().map(|record| record.neighbour.server);
            members.iter().any(|record| Some(record.neighbour.server) != first)
        }
        Key::ClientNet(_) => has_parts(&|record| record.neighbour.client.ip()),
    };
    if !is_wide || count == 0 {
        return 0;
    }
    let share = match tally.course() {
        Course::Always | Course::SinceThen | Course::UntilThen => 1.0,
        Course::Mixed => tally.share(),
    };
    let nearly_all = share >= NEARLY_ALL;
    // A wider group has to explain more than its parts do.
    if !key.is_narrow() && !nearly_all {
        let servers: HashSet<_> = members.iter().map(|record| record.neighbour.server).collect();
        if servers.len() < SCATTERED || members.len() >= 2 * servers.len() {
            return 0;
        }
    }
    let weight = if nearly_all { 1000.0 } else { (1000.0 * share * share).max(1.0) };
    count * weight as u64
}
