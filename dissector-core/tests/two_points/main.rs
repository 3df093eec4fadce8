//! Two points on a simulated way: what is said of connections and segments against the truth.

#![allow(clippy::unwrap_used, reason = "a test")]

mod truth;

use std::collections::{BTreeMap, BTreeSet};

use dissector_core::ConnectionTable;
use dissector_core::compare::{
    Change, ChangeSet, Comparison, Coverage, Crossing, Fate, JoinedBy, JoinedConnection,
    Observation, Observer, Path, compare,
};
use dissector_core::connection::Side;
use dissector_core::wire::TcpFlags;
use testkit::way::{Captured, Extent, Origin, Way};

use truth::{expected_path, lost, made};

/// What is said wrongly: the kind of the mistake, and what it is.
type Mistakes = Vec<(&'static str, String)>;

/// What a point's table and observer make of its capture, and the true connections of each number.
fn observe(way: &Way, point: usize, keep_all: bool) -> (Observation, Vec<BTreeSet<usize>>) {
    let mut table = ConnectionTable::new();
    let observer = Observer::new();
    let mut observer = if keep_all { observer.keeping_all() } else { observer };
    let mut truly: Vec<BTreeSet<usize>> = Vec::new();
    for (frame, it) in (1..).zip(&way.points[point]) {
        it.packet.with_segment(frame, it.time_ns, |segment| {
            let seen = table.observe(segment);
            observer.observe(segment, &seen, table.latest().expect("that of the segment"));
            truly.resize(truly.len().max(seen.connection as usize + 1), BTreeSet::new());
            truly[seen.connection as usize].insert(it.connection);
        });
    }
    let closed = table.take_closed();
    for connection in closed.iter().chain(table.connections()) {
        observer.judge(connection, table.outcome(connection));
    }
    let (from_ns, to_ns) = way.spans_ns[point];
    (observer.finish(Coverage::default().with_span(from_ns, to_ns)), truly)
}

/// By kind, how many mistakes, and the first with their seeds.
type Kinds = BTreeMap<&'static str, (u64, Vec<(u64, String)>)>;

/// A comparison beside the truth.
struct Judge<'a> {
    way: &'a Way,
    extent: Extent,
    keep_all: bool,
    truly: [Vec<BTreeSet<usize>>; 2],
    mistakes: Mistakes,
}

impl Judge<'_> {
    fn note(&mut self, kind: &'static str, what: impl std::fmt::Debug) {
        self.mistakes.push((kind, format!("{what:?}")));
    }

    /// The true connection; `None` if its points saw several.
    fn truth_of(&mut self, joined: &JoinedConnection) -> Option<usize> {
        let mut all = BTreeSet::new();
        for point in [0, 1] {
            if let Some(id) = joined.ids[point] {
                all.extend(&self.truly[point][id as usize]);
            }
        }
        if all.len() != 1 {
            self.note("joined wrongly", (joined.joined_by, joined.ids, &all));
            return None;
        }
        let connection = all.pop_first()?;
        let numbers =
            |point: usize| self.truly[point].iter().filter(|it| it.contains(&connection)).count();
        // A table may have made two of it, which none of the rules is about.
        (numbers(0) <= 1 && numbers(1) <= 1).then_some(connection)
    }

    fn judge(&mut self, comparison: &Comparison) {
        for joined in comparison.connections() {
            let joined = &joined;
            let Some(number) = self.truth_of(joined) else { continue };
            let seen_by =
                |point: usize| self.way.points[point].iter().any(|it| it.connection == number);
            let both = seen_by(0) && seen_by(1);
            if both && joined.joined_by.is_none() {
                self.note(
                    "not joined",
                    (number, joined.path, &self.way.connections[number].middle),
                );
                continue;
            }
            self.clocks(joined, number);
            let nearer = joined.nearer_client.unwrap_or(0);
            if nearer != self.way.nearer_client {
                let kind = match joined.nearer_client {
                    Some(_) => "nearer wrongly",
                    None => "nearer not known",
                };
                self.note(kind, (number, both));
                continue;
            }
            self.path(joined, number);
            let no_fates = joined.joined_by == Some(JoinedBy::Time)
                || matches!(joined.path, Path::OnePoint | Path::Ambiguous | Path::Proxied);
            if no_fates {
                continue;
            }
            // The SYN of a proxy is the client's own in all that tells, were it not for the proxy.
            if self.way.connections[number].middle.proxy.is_some() {
                continue;
            }
            self.translated(joined, number, both);
            let crossings = comparison.crossings(joined.conn as usize);
            for crossing in &crossings {
                self.fate(crossing, number);
            }
            self.totals(joined, number);
            if self.keep_all {
                self.changes(joined, number);
                self.delays(joined, number);
            }
        }
    }

    fn clocks(&mut self, joined: &JoinedConnection, number: usize) {
        let (Some(offset), Some(uncertainty)) = (joined.offset_ns, joined.uncertainty_ns) else {
            return;
        };
        let truth = self.way.offset_at(joined.first_ns);
        if offset.abs_diff(truth) > uncertainty + 2 {
            self.note("offset", (number, offset, truth, uncertainty));
        }
    }

    fn path(&mut self, joined: &JoinedConnection, number: usize) {
        if self.extent != Extent::Whole {
            let injected =
                made(self.way, number).any(|it| it.packet.flags & testkit::packet::RST != 0);
            if joined.path == Path::RstInjected && !injected {
                self.note("path without cause", (number, joined.path));
            }
            return;
        }
        let expected = expected_path(self.way, number);
        if joined.path != expected {
            let middle = &self.way.connections[number].middle;
            let kind = match joined.path {
                Path::Unknown | Path::OnePoint | Path::Ambiguous => "path not known",
                _ => "path wrongly",
            };
            self.note(
                kind,
                (number, joined.path, expected, joined.joined_by, joined.steps, middle),
            );
        }
    }

    fn translated(&mut self, joined: &JoinedConnection, number: usize, both: bool) {
        let [[client, server], [client_there, server_there]] = self.way.connections[number].ends;
        let truly = [
            client.ip() != client_there.ip(),
            client.port() != client_there.port(),
            server.ip() != server_there.ip(),
            server.port() != server_there.port(),
        ];
        let said = truly.iter().filter(|it| both && **it).count();
        if joined.translated.iter().count() != said {
            self.note("translated", (number, joined.translated, truly));
        }
    }

    /// The packet that a point saw in this frame.
    fn captured(&self, point: usize, frame: u64) -> &Captured {
        &self.way.points[point][frame as usize - 1]
    }

    fn fate(&mut self, crossing: &Crossing, number: usize) {
        let to_client = usize::from(crossing.to == Side::Client);
        // The point nearer the sender: for the client's segments that nearer the client.
        let near_point = self.way.nearer_client ^ to_client;
        let near = crossing.near.map(|it| self.captured(near_point, it.frame).clone());
        let far = crossing.far.map(|it| self.captured(1 - near_point, it.frame).clone());
        let sent = &self.way.connections[number].sent;
        let arrived = |origin: Origin| match origin {
            Origin::Sent(id) | Origin::Doubled(id) => sent[id].arrived.is_some(),
            Origin::Made => false,
        };
        let about = (number, crossing.fate, crossing.near, crossing.far);
        let origins = (near.as_ref().map(|it| it.origin), far.as_ref().map(|it| it.origin));
        let kind = match (crossing.fate, origins) {
            (Fate::Lost, (Some(origin), None)) if !arrived(origin) => return,
            // Nothing tells which of two packets that are the same was lost.
            (Fate::Lost, (Some(Origin::Sent(id)), None))
                if self.has_lost_twin(near_point, number, id) =>
            {
                return;
            }
            (Fate::Lost, _) => "lost wrongly",
            (Fate::Appeared, (None, Some(Origin::Made))) => return,
            (Fate::Appeared, _) => "appeared wrongly",
            (Fate::Doubled, (None, Some(Origin::Made))) => "doubled wrongly",
            (Fate::Doubled, _) => return,
            (Fate::Arrived | Fate::Changed, (Some(Origin::Sent(a)), Some(b))) => match b {
                Origin::Sent(b) | Origin::Doubled(b) if a == b => return,
                Origin::Sent(b) | Origin::Doubled(b) => {
                    if self.twins(near_point, number, [a, b]) {
                        return;
                    }
                    "paired wrongly"
                }
                Origin::Made => "made, but arrived",
            },
            (Fate::NotCaptured, _) => "not captured wrongly",
            (Fate::Unknown, _) if self.extent == Extent::Whole && self.keep_all => "fate not known",
            (Fate::Unknown, _) => return,
            _ => "strange fate",
        };
        self.note(kind, (about, origins));
    }

    /// Whether two packets are the same in all that the point near their sender sees of them.
    fn twins(&self, point: usize, number: usize, ids: [usize; 2]) -> bool {
        let own = || self.way.points[point].iter().filter(|it| it.connection == number);
        let of = |id| own().find(|it| it.origin == Origin::Sent(id));
        let [Some(one), Some(two)] = ids.map(of) else { return false };
        one.packet.tcp() == two.packet.tcp() && one.packet.ip_id == two.packet.ip_id
    }

    /// Whether another packet was lost that is the same as this one.
    fn has_lost_twin(&self, point: usize, number: usize, id: usize) -> bool {
        let sent = self.way.connections[number].sent.iter().enumerate();
        let mut lost = sent.filter(|(_, it)| it.arrived.is_none());
        lost.any(|(other, _)| other != id && self.twins(point, number, [id, other]))
    }

    fn totals(&mut self, joined: &JoinedConnection, number: usize) {
        if self.extent != Extent::Whole {
            return;
        }
        for to in Side::BOTH {
            let totals = joined.totals[to as usize];
            let sender = usize::from(to == Side::Client);
            let truly = lost(self.way, number, sender).count() as u32;
            match totals.lost {
                Some(said) if said != truly => self.note(
                    "totals of lost",
                    (number, to, said, truly, joined.path, &self.way.connections[number].middle),
                ),
                None => self.note("totals not known", (number, to, truly)),
                _ => {}
            }
            let point = self.way.nearer_client ^ usize::from(to == Side::Server);
            let truly = made(self.way, number)
                .filter(|it| self.way.points[point].iter().any(|other| std::ptr::eq(*it, other)))
                .filter(|it| {
                    let ends = self.way.connections[number].ends;
                    let server = ends[usize::from(to == Side::Server)][1];
                    (it.packet.source == server) == (to == Side::Client)
                })
                .count() as u32;
            if totals.appeared.is_some_and(|said| said != truly) {
                self.note("totals of appeared", (number, to, totals.appeared, truly));
            }
        }
    }

    fn changes(&mut self, joined: &JoinedConnection, number: usize) {
        if self.extent != Extent::Whole {
            return;
        }
        let sent = &self.way.connections[number].sent;
        let arrived = sent.iter().filter(|it| it.arrived.is_some());
        let truly: ChangeSet = arrived.flat_map(|it| it.changes.iter().copied()).collect();
        if joined.changes != truly {
            let [said, truly] =
                [joined.changes, truly].map(|it| it.iter().collect::<Vec<Change>>());
            self.note("changes", (number, said, truly, joined.joined_by));
        }
    }

    fn delays(&mut self, joined: &JoinedConnection, number: usize) {
        let Some(uncertainty) = joined.uncertainty_ns else { return };
        if self.extent != Extent::Whole {
            return;
        }
        for to in Side::BOTH {
            let sender = usize::from(to == Side::Client);
            let point = self.way.nearer_client ^ sender;
            let left: BTreeMap<usize, i64> = self.way.points[point]
                .iter()
                .filter(|it| it.connection == number)
                .filter_map(|it| match it.origin {
                    Origin::Sent(id) => Some((id, it.true_ns)),
                    _ => None,
                })
                .collect();
            let sent = self.way.connections[number].sent.iter().enumerate();
            let delays = sent
                .filter(|(_, it)| it.from == sender)
                .filter_map(|(id, it)| Some(it.arrived? - left.get(&id)?));
            let truly = delays.min();
            // Drift within the connection.
            let slack = 2_000_000;
            let differ = match (joined.delays_ns[to as usize], truly) {
                (Some(said), Some(truly)) => said.abs_diff(truly) > uncertainty + slack,
                (said, truly) => said.is_some() != truly.is_some(),
            };
            if differ {
                self.note(
                    "delays",
                    (number, to, joined.delays_ns[to as usize], truly, uncertainty),
                );
            }
        }
    }
}

fn mistakes(seed: u64, extent: Extent) -> Mistakes {
    let way = Way::with(seed, extent);
    let keep_all = keeps_all(seed);
    let [(first, a), (second, b)] = [0, 1].map(|point| observe(&way, point, keep_all));
    let comparison = compare(first, second);
    let mut judge = Judge { way: &way, extent, keep_all, truly: [a, b], mistakes: Vec::new() };
    judge.judge(&comparison);
    judge.mistakes
}

/// Whether each segment is kept by itself: with every other way, unless `ALL` says it.
fn keeps_all(seed: u64) -> bool {
    std::env::var("ALL").map_or(seed.is_multiple_of(2), |it| it == "1")
}

/// Seeds of each kind of way. The environment's `SEEDS` asks for another number.
fn seeds() -> u64 {
    std::env::var("SEEDS").map_or(100, |count| count.parse().expect("a number"))
}

/// How often each kind of mistake was made, and the first of them with their seeds.
fn report(extent: Extent) -> Kinds {
    let mut kinds = Kinds::new();
    for seed in 0..seeds() {
        for (kind, what) in mistakes(seed, extent) {
            let (count, first) = kinds.entry(kind).or_default();
            *count += 1;
            if first.len() < 4 {
                first.push((seed, what));
            }
        }
    }
    kinds
}

/// What is not known is no untruth; all else is.
fn untruths(extent: Extent) -> Kinds {
    let mut kinds = report(extent);
    kinds.retain(|kind, _| !kind.contains("not known") && *kind != "not joined");
    kinds
}

/// A way has some thirty connections, under losses up to a third, with devices that double and rewrite, and
/// segments that nothing tells apart (no timestamps, no identification). So many of a thousand connections
/// may be judged wrongly: over the first 1,000 seeds it were 8, and less is better.
const PER_THOUSAND: u64 = 10;

fn assert_few(kinds: &Kinds) {
    let wrong: u64 = kinds.values().map(|(count, _)| count).sum();
    let most = seeds() * 30 * PER_THOUSAND / 1000;
    assert!(wrong <= most, "{wrong} wrong, {most} allowed: {kinds:#?}");
}

#[test]
fn rows_and_fates_are_the_truth() {
    assert_few(&untruths(Extent::Whole));
}

#[test]
fn cut_captures_say_nothing_untrue() {
    assert_few(&untruths(Extent::Cut));
}

/// Prints the mistakes of the way `SEED`, and of connection `CONN` all that passed and all that is said:
/// to look into one. `CUT` cuts the captures.
#[test]
#[ignore = "it prints, and asserts nothing"]
fn show() {
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse::<usize>().ok());
    let seed = number("SEED").unwrap_or(0) as u64;
    let extent = if std::env::var("CUT").is_ok() { Extent::Cut } else { Extent::Whole };
    let way = Way::with(seed, extent);
    let [(first, a), (second, b)] = [0, 1].map(|point| observe(&way, point, keeps_all(seed)));
    let comparison = compare(first, second);
    println!("client at {} spans {:?}", way.nearer_client, way.spans_ns);
    println!("{:?}", comparison.clocks().pieces().collect::<Vec<_>>());
    let Some(conn) = number("CONN") else {
        mistakes(seed, extent).iter().for_each(|(kind, what)| println!("{kind}: {what}"));
        return;
    };
    println!("{:?}", way.connections[conn].middle);
    let mut all: Vec<_> = (0..2)
        .flat_map(|point| way.points[point].iter().zip(1..).map(move |it| (point, it)))
        .filter(|(_, (it, _))| it.connection == conn)
        .collect();
    all.sort_by_key(|(_, (it, _))| it.true_ns);
    for (point, (it, frame)) in all {
        let lost = matches!(it.origin, Origin::Sent(id) if way.connections[conn].sent[id].arrived.is_none());
        let packet = &it.packet;
        println!(
            "{:>13.6} {} {frame:>4} {:?}{} {}->{} {} seq {} ack {} len {} ttl {} id {:?} win {} {:?}",
            (it.true_ns % 1_000_000_000_000) as f64 / 1e9,
            ["A", "    B"][point],
            it.origin,
            if lost { " LOST" } else { "" },
            packet.source,
            packet.destination,
            TcpFlags::from_bits(packet.flags),
            packet.sequence,
            packet.acknowledgment,
            packet.payload.len(),
            packet.ttl,
            packet.ip_id,
            packet.window,
            packet.options,
        );
    }
    for joined in comparison.connections() {
        let is = |truly: &[BTreeSet<usize>], id: Option<u32>| {
            id.is_some_and(|id| truly[id as usize].contains(&conn))
        };
        if is(&a, joined.ids[0]) || is(&b, joined.ids[1]) {
            println!("{joined:?}");
            for crossing in comparison.crossings(joined.conn as usize) {
                let frames = [crossing.near, crossing.far].map(|it| it.map(|it| it.frame));
                let changes: Vec<_> = crossing.changes.iter().collect();
                println!("to the {} {:?} {frames:?} {changes:?}", crossing.to, crossing.fate);
            }
        }
    }
}
