//! Groups connections by what they have in common: few groups, in each of which nearly all fare alike.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::net::IpAddr;

use foldhash::HashMap;

use super::keys::Key;
use super::record::Record;

/// From this share of failures on, nearly all with something in common fail.
const NEARLY_ALL: f64 = 0.8;
/// Where not nearly all fail, so many servers with less than two failures each are scattered.
const SCATTERED: usize = 4;

/// What became of a connection, as numbers: only connections with equal ones are in one group.
pub type Fate = (u8, u8);

/// Connections of one fate that have something in common.
pub struct Alike<'a> {
    pub key: Key,
    pub members: Vec<&'a Record>,
    /// All with the key, whatever became of them.
    pub with_key: Tally,
}

/// How those with a key went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Those to be grouped, of whatever fate.
    pub bad: u64,
    /// The others.
    pub good: u64,
    /// First segments of the first and the last to be grouped.
    bad_ns: Option<(i64, i64)>,
    /// The same of the others.
    good_ns: Option<(i64, i64)>,
    /// The others that begin between the first and the last to be grouped.
    good_between: u64,
}

/// How the bad and the good with one key follow each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Course {
    /// There is no good one.
    Always,
    /// All good ones are earlier; with the time of the first bad one.
    SinceThen(i64),
    /// All good ones are later; with the time of the last bad one.
    UntilThen(i64),
    /// All good ones are earlier or later; with the times of the first and the last bad one.
    Between(i64, i64),
    /// There are good ones in between.
    Mixed,
}

impl Tally {
    fn add(&mut self, record: &Record, is_bad: bool, weight: u64) {
        let (count, times) = match is_bad {
            true => (&mut self.bad, &mut self.bad_ns),
            false => (&mut self.good, &mut self.good_ns),
        };
        *count += weight;
        let time_ns = record.neighbour.first_ns;
        let (first, last) = times.unwrap_or((time_ns, time_ns));
        *times = Some((first.min(time_ns), last.max(time_ns)));
    }

    pub fn all(&self) -> u64 {
        self.bad + self.good
    }

    pub fn course(&self) -> Course {
        let (Some((first, last)), Some((good_first, good_last))) = (self.bad_ns, self.good_ns)
        else {
            return Course::Always;
        };
        match self.bad {
            // One alone is no course, and two in a row may be an accident.
            0 | 1 => Course::Mixed,
            _ if self.good_between > 0 => Course::Mixed,
            _ if good_last < first => Course::SinceThen(first),
            _ if good_first > last => Course::UntilThen(last),
            2 => Course::Mixed,
            _ => Course::Between(first, last),
        }
    }

    fn share(&self) -> f64 {
        match self.course() {
            Course::Mixed => self.bad as f64 / self.all().max(1) as f64,
            _ => 1.0,
        }
    }
}

/// Groups the `bad` ones; each of the `good` ones counts as so many as its weight.
pub fn group<'a>(bad: &[(&'a Record, Fate)], good: &[&Record], weight: u64) -> Vec<Alike<'a>> {
    let mut tallies: HashMap<Key, Tally> = HashMap::default();
    let mut members: HashMap<(Key, Fate), Vec<u32>> = HashMap::default();
    for (place, (record, fate)) in (0..).zip(bad) {
        for key in Key::all(record) {
            tallies.entry(key).or_default().add(record, true, 1);
            members.entry((key, *fate)).or_default().push(place);
        }
    }
    for record in good {
        for key in Key::all(record) {
            if let Some(tally) = tallies.get_mut(&key) {
                tally.add(record, false, weight);
            }
        }
    }
    for record in good {
        let time_ns = record.neighbour.first_ns;
        for key in Key::all(record) {
            if let Some(tally) = tallies.get_mut(&key)
                && tally.bad_ns.is_some_and(|(first, last)| (first..=last).contains(&time_ns))
            {
                tally.good_between += weight;
            }
        }
    }
    let mut taken = vec![false; bad.len()];
    let free = |places: &[u32], taken: &[bool]| -> Vec<usize> {
        let places = places.iter().map(|place| *place as usize);
        places.filter(|place| !taken[*place]).collect()
    };
    let score = |key: &Key, free: &[usize]| {
        let records: Vec<_> = free.iter().map(|place| bad[*place].0).collect();
        tallies.get(key).map_or(0, |tally| score(*key, tally, &records))
    };
    // The score of a group falls when others take its members: the highest is looked at again.
    let mut heap: BinaryHeap<_> = members
        .iter()
        .map(|(common, places)| (score(&common.0, &free(places, &taken)), Reverse(*common)))
        .filter(|(score, _)| *score > 0)
        .collect();
    let mut groups = Vec::new();
    while let Some((before, Reverse(common))) = heap.pop() {
        let (key, free) = (common.0, free(&members[&common], &taken));
        let now = score(&key, &free);
        if now < before {
            heap.extend((now > 0).then_some((now, Reverse(common))));
            continue;
        }
        free.iter().for_each(|place| taken[*place] = true);
        let members = free.iter().map(|place| bad[*place].0).collect();
        groups.push(Alike { key, members, with_key: tallies[&key] });
    }
    groups
}

/// How much a group explains, in thousandths of a connection; 0 if it explains nothing.
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
    let share = tally.share();
    // Two that fail at the end, at different servers, may be an accident.
    let too_few = !key.is_narrow() && tally.bad < 3 && tally.good > 0;
    if share >= NEARLY_ALL && !too_few {
        // Where none came up, what they share tells more than a time or a share.
        return count * if tally.good == 0 { 1000 } else { 990 };
    }
    // Where others come up, a narrow group explains half, and a wide one only what is scattered.
    match key {
        Key::Server(_) => count * 500,
        Key::Pair(..) => 0,
        _ => {
            let servers: HashSet<_> = members.iter().map(|it| it.neighbour.server).collect();
            let scattered = servers.len() >= SCATTERED && members.len() < 2 * servers.len();
            if scattered { count * 400 } else { 0 }
        }
    }
}
