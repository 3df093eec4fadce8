//! What a comparison says of each segment and of each half.

use std::ops::Range;

use dissector_core::compare::{ChangeSet, Comparison, Crossing, Fate, Path, Sighting};
use dissector_core::connection::Side;

use super::halves::Halves;

/// What became of a segment between two points.
#[derive(Clone, Copy, Debug)]
pub struct Crossed {
    /// The serial numbers of the sightings at the point nearer the sender, and at the other; `NOTHING`
    /// for none.
    sightings: [u32; 2],
    /// These points.
    points: [u8; 2],
    pub fate: Fate,
    pub changes: ChangeSet,
    /// How it was at both points, where it changed.
    pub values: [Values; 2],
    delay_ns: i64,
    /// `u64::MAX` if it is not known.
    uncertainty_ns: u64,
}

/// Stands for no sighting.
const NOTHING: u32 = u32::MAX;

impl Crossed {
    /// The serial numbers of the sightings at the point nearer the sender, and at the other.
    pub fn sightings(&self) -> [Option<u32>; 2] {
        self.sightings.map(|serial| (serial != NOTHING).then_some(serial))
    }

    /// The point nearer the sender, and the other.
    pub fn points(&self) -> [usize; 2] {
        self.points.map(usize::from)
    }

    /// The time on the way, in nanoseconds, where both points saw it.
    pub fn delay_ns(&self) -> Option<i64> {
        let seen = self.sightings.iter().all(|serial| *serial != NOTHING);
        seen.then_some(self.delay_ns)
    }

    /// How far that may be from the truth; `None` if that is not known.
    pub fn uncertainty_ns(&self) -> Option<u64> {
        (self.uncertainty_ns != u64::MAX).then_some(self.uncertainty_ns)
    }
}

/// The values of a segment that are shown where they changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Values {
    pub mss: Option<u16>,
    pub window_scale: Option<u8>,
    pub ttl: u8,
    pub window: u16,
}

impl Values {
    fn of(sighting: &Sighting) -> Self {
        let offer = sighting.offer().unwrap_or_default();
        Self {
            mss: offer.mss,
            window_scale: offer.window_scale,
            ttl: sighting.ttl,
            window: sighting.window,
        }
    }
}

/// What happened to a connection between two points.
#[derive(Clone, Copy, Debug)]
pub struct WayOf {
    half: u32,
    pub path: Path,
}

/// The results of all comparisons of a file.
#[derive(Default)]
pub struct Compared {
    crossed: Vec<Crossed>,
    /// Serial numbers with the indices of their crossings, in order.
    by_serial: Vec<(u32, u32)>,
    /// In the order of halves.
    ways: Vec<WayOf>,
    /// By half.
    numbers: Vec<u32>,
    counted: Vec<u32>,
}

impl Compared {
    pub fn number(&self, half: u32) -> Option<u32> {
        self.numbers.get(half as usize).copied()
    }

    pub fn counted(&self, half: u32) -> Option<u32> {
        self.counted.get(half as usize).copied()
    }

    pub fn crossings(&self, serial: u32) -> impl Iterator<Item = &Crossed> {
        let start = self.by_serial.partition_point(|(other, _)| *other < serial);
        let these = self.by_serial[start..].iter().take_while(move |(other, _)| *other == serial);
        these.filter_map(|(_, index)| self.crossed.get(*index as usize))
    }

    pub fn ways(&self, half: u32) -> impl Iterator<Item = &WayOf> {
        let start = self.ways.partition_point(|way| way.half < half);
        self.ways[start..].iter().take_while(move |way| way.half == half)
    }
}

/// The results so far.
pub struct Build<'a> {
    halves: &'a Halves,
    merged: bool,
    crossed: Vec<Crossed>,
    joined: Vec<Joined>,
}

/// A connection between two points.
struct Joined {
    halves: [Option<u32>; 2],
    path: Path,
    nearer_client: usize,
    /// Its crossings.
    crossed: Range<usize>,
}

impl<'a> Build<'a> {
    pub fn new(halves: &'a Halves, merged: bool) -> Self {
        Self { halves, merged, crossed: Vec::new(), joined: Vec::new() }
    }

    /// Takes in the comparison of two points. `half` is that of a connection of a point's table.
    pub fn add(
        &mut self,
        points: [usize; 2],
        comparison: &Comparison,
        half: impl Fn(usize, u32) -> Option<u32>,
    ) {
        for connection in comparison.connections() {
            let half = |place: usize| half(points[place], connection.ids[place]?);
            let from = self.crossed.len();
            let conn = connection.conn as usize;
            for crossing in comparison.crossings(conn) {
                self.crossed.push(crossed(points, comparison, conn, &crossing));
            }
            self.joined.push(Joined {
                halves: [half(0), half(1)],
                path: connection.path,
                nearer_client: connection.nearer_client.unwrap_or(0),
                crossed: from..self.crossed.len(),
            });
        }
    }

    pub fn finish(self) -> Compared {
        let Self { halves, merged, crossed, joined } = self;
        let mut group: Vec<u32> = (0..halves.len() as u32).collect();
        for joined in &joined {
            if let [Some(one), Some(two)] = joined.halves {
                let [one, two] = [one, two].map(|half| root(&mut group, half));
                // The first half stands for the group.
                group[one.max(two) as usize] = one.min(two);
            }
        }
        let roots: Vec<u32> = (0..group.len() as u32).map(|half| root(&mut group, half)).collect();
        let numbers = numbers(&roots);
        let counted = counted(&roots, &joined);
        let mut compared = Compared { crossed, numbers, counted, ..Compared::default() };
        let course = Course::new(halves, &roots, &joined);
        for joined in joined.iter().filter(|joined| merged || course.goes_along(joined)) {
            let these = joined.halves.iter().flatten();
            compared.ways.extend(these.map(|half| WayOf { half: *half, path: joined.path }));
            for index in joined.crossed.clone() {
                let serials = compared.crossed[index].sightings().into_iter().flatten();
                compared.by_serial.extend(serials.map(|serial| (serial, index as u32)));
            }
        }
        compared.ways.sort_by_key(|way| way.half);
        compared.by_serial.sort_unstable();
        compared.by_serial.shrink_to_fit();
        compared
    }
}

/// The half that stands for the group of a half.
fn root(group: &mut [u32], half: u32) -> u32 {
    let mut at = half;
    while group[at as usize] != at {
        let next = group[at as usize];
        group[at as usize] = group[next as usize];
        at = next;
    }
    at
}

/// The numbers of the groups, in order of their first halves.
fn numbers(roots: &[u32]) -> Vec<u32> {
    let mut numbers = vec![0; roots.len()];
    let mut next = 0;
    for (half, root) in (0..).zip(roots) {
        // The root is the first of its group.
        if *root == half {
            numbers[half as usize] = next;
            next += 1;
        } else {
            numbers[half as usize] = numbers[*root as usize];
        }
    }
    numbers
}

/// For each half the one of its group that is nearest the client, or the first.
fn counted(roots: &[u32], joined: &[Joined]) -> Vec<u32> {
    // By group.
    let mut nearest: Vec<u32> = roots.to_vec();
    for joined in joined {
        let [Some(one), Some(two)] = joined.halves else { continue };
        let (near, far) = if joined.nearer_client == 0 { (one, two) } else { (two, one) };
        let nearest = &mut nearest[roots[near as usize] as usize];
        if *nearest == far {
            *nearest = near;
        }
    }
    roots.iter().map(|root| nearest[*root as usize]).collect()
}

/// Which points each connection passed, where the points have no order: what other points than those on
/// its way did not see says nothing.
struct Course<'a> {
    halves: &'a Halves,
    roots: &'a [u32],
    /// The points that saw a group, as bits, by its root.
    seen_at: Vec<u64>,
    /// How many pairs of points take a half for lost on the way, or for new.
    claims: Vec<u32>,
}

impl<'a> Course<'a> {
    fn new(halves: &'a Halves, roots: &'a [u32], joined: &[Joined]) -> Self {
        let mut seen_at = vec![0; roots.len()];
        for (half, root) in (0..).zip(roots) {
            let point = halves.get(half).map_or(0, |half| half.point);
            seen_at[*root as usize] |= 1 << point;
        }
        let mut claims = vec![0; roots.len()];
        for joined in joined.iter().filter(|joined| joined.path != Path::OnePoint) {
            if let [Some(half), None] | [None, Some(half)] = joined.halves {
                claims[half as usize] += 1;
            }
        }
        Self { halves, roots, seen_at, claims }
    }

    fn goes_along(&self, joined: &Joined) -> bool {
        let point = |half: u32| self.halves.get(half).map_or(0, |half| half.point);
        match joined.halves {
            [Some(one), Some(two)] => {
                let (first, last) = (point(one).min(point(two)), point(one).max(point(two)));
                let between = (first + 1..last).fold(0, |bits, point| bits | 1_u64 << point);
                self.seen_at[self.roots[one as usize] as usize] & between == 0
            }
            [Some(half), None] | [None, Some(half)] => {
                let alone = self.seen_at[self.roots[half as usize] as usize].count_ones() == 1;
                alone && self.claims[half as usize] <= 1
            }
            [None, None] => false,
        }
    }
}

fn crossed(
    points: [usize; 2],
    comparison: &Comparison,
    conn: usize,
    crossing: &Crossing,
) -> Crossed {
    let sightings = [&crossing.near, &crossing.far];
    let way = comparison.way_time(conn, crossing);
    let values = |place: usize| sightings[place].as_ref().map_or_else(Values::default, Values::of);
    Crossed {
        sightings: sightings.map(|it| it.as_ref().map_or(NOTHING, |it| it.frame as u32)),
        points: [crossing.to.other(), crossing.to]
            .map(|side: Side| points[comparison.point_near(conn, side)] as u8),
        fate: crossing.fate,
        changes: crossing.changes,
        values: [values(0), values(1)],
        delay_ns: way.map_or(0, |way| way.delay_ns),
        uncertainty_ns: way.and_then(|way| way.uncertainty_ns).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_small() {
        assert!(size_of::<Crossed>() <= 56, "{}", size_of::<Crossed>());
    }
}
