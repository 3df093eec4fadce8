//! A file that several points were merged into: what the plugin says of each frame is what the library
//! says of the captures of the points themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::{Path, PathBuf};

use dissector_core::FollowOptions;
use dissector_core::capture::{Captures, Input};
use dissector_core::compare::{Comparison, Coverage, Observation, Observer, PointLabel, compare};
use testkit::capture::{Frame, Frames, Pcap};
use testkit::packet::ETHERNET;
use testkit::pcapng::LITTLE;
use testkit::random::{Rng, chance};
use testkit::way::{Extent, Origin, Way};
use tests::{fields, made_once, tshark};

/// Fields of the plugin that are compared.
const FIELDS: [&str; 7] = [
    "frame.number",
    "tcphs.point",
    "tcphs.fate_str",
    "tcphs.other.frame",
    "tcphs.changed",
    "tcphs.path_delay",
    "tcphs.path_str",
];

/// What several points captured, by one clock.
pub struct Points {
    name: String,
    /// Time and octets of each frame of a point, in order of time.
    frames: Vec<Vec<(i64, Vec<u8>)>>,
    /// When each was capturing.
    spans_ns: Vec<(i64, i64)>,
}

impl Points {
    /// The points of a way, in the order of the way from the clients.
    fn of_way(seed: u64, extent: Extent) -> Self {
        let way = Way::with(seed, extent);
        let order = [way.nearer_client, 1 - way.nearer_client];
        let frames = order.map(|point| {
            let frames = way.points[point].iter();
            frames.map(|it| (it.true_ns, it.packet.ethernet())).collect()
        });
        // The second point's clock is the one that is wrong.
        let spans_ns = order.map(|point| match (way.spans_ns[point], point) {
            (span, 0) => span,
            ((from, to), _) => {
                let offset = way.offset_at(from);
                (from - offset, to - way.offset_at(to - offset))
            }
        });
        Self { name: format!("{seed}"), frames: frames.into(), spans_ns: spans_ns.into() }
    }

    /// One more point behind the last: a tenth is lost on the way to it.
    fn with_another(mut self) -> Self {
        const WAY_NS: i64 = 3_000_000;
        let random = &mut Rng::with_seed(1);
        let last = self.frames.last().cloned().unwrap_or_default();
        let mut frames = Vec::new();
        for (time_ns, mut octets) in last {
            // The servers have the well-known ports.
            let port = |at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
            let to_server = port(36) < 10_000;
            if chance(random, 10) && to_server {
                continue;
            }
            let hops = if to_server { 1_u8.wrapping_neg() } else { 1 };
            octets[22] = octets[22].wrapping_add(hops);
            frames.push((time_ns + if to_server { WAY_NS } else { -WAY_NS }, octets));
        }
        frames.sort();
        self.frames.push(frames);
        self.spans_ns.extend(self.spans_ns.last().copied());
        self.name += "-three";
        self
    }

    fn coverage(&self, point: usize) -> Coverage {
        let (from, to) = self.spans_ns[point];
        Coverage::default().with_span(from, to)
    }

    /// The point and the number there, from 1, of each frame of the merged file.
    fn order(&self) -> Vec<(usize, u64)> {
        let points = self.frames.iter().enumerate();
        let frames = points.flat_map(|(point, frames)| {
            frames.iter().zip(1..).map(move |((time_ns, _), number)| (*time_ns, point, number))
        });
        let mut frames: Vec<_> = frames.collect();
        frames.sort_unstable();
        frames.into_iter().map(|(_, point, number)| (point, number)).collect()
    }

    /// The merged file; its interfaces say that they are points if it is `labelled`.
    pub fn merged(&self, labelled: bool) -> PathBuf {
        let plain = if labelled { "" } else { "-plain" };
        made_once(&format!("points-{}{plain}.pcapng", self.name), |file| {
            let mut octets = LITTLE.section();
            for point in 0..self.frames.len() {
                let name = format!("p{}", point + 1);
                let (number, coverage) = (point as u32 + 1, self.coverage(point));
                let label = PointLabel { number, name: &name, coverage }.to_string();
                let mut options = LITTLE.option(2, name.as_bytes());
                if labelled {
                    options.extend(LITTLE.option(3, label.as_bytes()));
                }
                options.extend(LITTLE.option(9, &[9]));
                octets.extend(LITTLE.interface(1, &options));
            }
            for (point, number) in self.order() {
                let (time_ns, frame) = &self.frames[point][number as usize - 1];
                octets.extend(LITTLE.packet(point as u32, *time_ns as u64, frame));
            }
            std::fs::write(file, octets).expect("there is room");
        })
    }

    /// The capture of a point alone.
    fn capture(&self, point: usize) -> Frames {
        let frames = self.frames[point].iter();
        let frames = frames.map(|(time_ns, octets)| Frame::whole(*time_ns as u64, octets.clone()));
        Frames { link_type: ETHERNET, frames: frames.collect() }
    }

    fn observation(&self, point: usize) -> Observation {
        let file = Cursor::new(self.capture(point).pcap(Pcap::Nanoseconds));
        let mut captures = Captures::open([Input::Reader(Box::new(file))]).expect("a capture");
        let observer = Observer::new().keeping_all();
        let (observed, _) =
            dissector_core::compare::observe(&mut captures, FollowOptions::new(), observer);
        observed.resume().finish(self.coverage(point))
    }
}

/// What is expected of each frame of the merged file, by frame: each field's values, sorted.
type Rows = BTreeMap<u64, Vec<BTreeSet<String>>>;

/// What the library says of two neighbouring points, for the frames of the merged file.
fn expect(all: &Points, points: [usize; 2], comparison: &Comparison, rows: &mut Rows) {
    let numbers: BTreeMap<(usize, u64), u64> = all.order().into_iter().zip(1..).collect();
    for connection in comparison.connections() {
        let conn = connection.conn as usize;
        for crossing in comparison.crossings(conn) {
            let sides = [crossing.to.other(), crossing.to];
            let sightings = [&crossing.near, &crossing.far];
            let frame = |place: usize| {
                let point = points[comparison.point_near(conn, sides[place])];
                sightings[place].as_ref().map(|it| numbers[&(point, it.frame)])
            };
            let frames = [frame(0), frame(1)];
            for (own, other) in [(frames[0], frames[1]), (frames[1], frames[0])] {
                let Some(own) = own else { continue };
                let row = rows.get_mut(&own).expect("a frame of the file");
                row[1].insert(crossing.fate.label().to_owned());
                row[2].extend(other.map(|frame| frame.to_string()));
                row[3].extend(crossing.changes.iter().map(|change| change.label().to_owned()));
                let way = comparison.way_time(conn, &crossing);
                row[4].extend(way.map(|way| seconds(way.delay_ns)));
                row[5].insert(connection.path.label().to_owned());
            }
        }
    }
}

/// Nanoseconds as tshark prints a time.
fn seconds(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    format!("{sign}{}.{:09}", ns.abs() / 1_000_000_000, ns.abs() % 1_000_000_000)
}

/// The rows of the plugin.
fn rows(arguments: &[&str], names: &[&str]) -> Rows {
    let rows = fields(&[arguments, &["-E", "aggregator=;"]].concat(), names);
    let values = |cell: &String| {
        cell.split(';').filter(|value| !value.is_empty()).map(str::to_owned).collect()
    };
    rows.iter()
        .map(|row| {
            let number = row[0].parse().expect("a frame number");
            let mut cells: Vec<BTreeSet<String>> = row[1..].iter().map(values).collect();
            cells.resize(names.len() - 1, BTreeSet::new());
            (number, cells)
        })
        .collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name of ours")
}

#[test]
fn every_frame_has_the_fate_that_the_library_tells() {
    let mut fates = BTreeSet::new();
    let ways = (1..=8).map(|seed| Points::of_way(seed, Extent::Whole));
    let cut = (9..=12).map(|seed| Points::of_way(seed, Extent::Cut));
    let three = (13..=14).map(|seed| Points::of_way(seed, Extent::Whole).with_another());
    // An interface without frames is none to the plugin.
    let all = ways.chain(cut).chain(three);
    for points in all.filter(|it| it.frames.iter().all(|frames| !frames.is_empty())) {
        let file = points.merged(true);
        let mut expected: Rows = BTreeMap::new();
        for ((point, _), number) in points.order().into_iter().zip(1..) {
            let mut row = vec![BTreeSet::new(); FIELDS.len() - 1];
            row[0].insert(format!("p{}", point + 1));
            expected.insert(number, row);
        }
        for second in 1..points.frames.len() {
            let pair = [second - 1, second];
            let [one, two] = pair.map(|point| points.observation(point));
            expect(&points, pair, &compare(one, two), &mut expected);
        }
        let found = rows(&["-n", "-2", "-r", text(&file)], &FIELDS);
        assert_eq!(found.len(), expected.len());
        for (frame, row) in &found {
            let expected = &expected[frame];
            // The path is that of the whole connection, the rest that of the segment.
            assert_eq!(row[..5], expected[..5], "frame {frame} of {}", file.display());
            assert!(row[5].is_superset(&expected[5]), "frame {frame} of {}", file.display());
        }
        fates.extend(found.into_values().flat_map(|row| row[1].clone()));
    }
    for fate in ["arrived", "lost", "appeared", "doubled", "changed", "unknown"] {
        assert!(fates.contains(fate), "no {fate} in the ways: {fates:?}");
    }
}

/// Points between which much is lost, addresses are translated, and the MSS is clamped.
pub fn eventful() -> Points {
    let wanted = |seed: &u64| {
        let way = Way::random(*seed);
        let count = |origin: fn(&Origin) -> bool| {
            way.points.iter().flatten().filter(|it| origin(&it.origin)).count()
        };
        let is_doubled = |origin: &Origin| matches!(origin, Origin::Doubled(_));
        let is_made = |origin: &Origin| matches!(origin, Origin::Made);
        let clamps = way.connections.iter().all(|it| it.middle.clamp.is_some());
        let told = count(is_doubled) > 0 && count(is_made) > 0 && clamps;
        let lost =
            way.connections.iter().filter(|it| it.sent.iter().any(|it| it.arrived.is_none()));
        let translated = way.connections.iter().all(|it| it.ends[0][0] != it.ends[1][0]);
        told && lost.count() > 5
            && translated
            && way.connections.iter().all(|it| it.middle.proxy.is_none())
    };
    let seed = (100..100_000).find(wanted).expect("one of them");
    Points::of_way(seed, Extent::Whole)
}

/// On the first pass the point is known, and which halves are one connection, also behind a translator;
/// nothing that the whole capture has to tell.
#[test]
fn one_pass_knows_the_point_and_the_connection() {
    let points = eventful();
    let file = points.merged(true);
    let first = ["frame.number", "tcphs.conn", "tcphs.stage_str", "tcphs.copy_str"];
    let names = [&first[..], &FIELDS[1..]].concat();
    let [one, two] = [&["-n"][..], &["-n", "-2"]]
        .map(|passes| rows(&[passes, &["-r", text(&file)]].concat(), &names));
    assert_eq!(one.len(), two.len());
    for (frame, row) in &one {
        assert_eq!(row[1..4], two[frame][1..4], "frame {frame}");
        assert!(row[4..].iter().all(BTreeSet::is_empty), "frame {frame}: {row:?}");
    }
    // Most halves find each other by their SYNs at once; the comparison finds the rest.
    let both = |rows: &Rows| {
        let mut points: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
        for row in rows.values() {
            let number = row[0].first().expect("a number");
            points.entry(number).or_default().extend(&row[3]);
        }
        points.values().filter(|points| points.len() == 2).count()
    };
    let [at_once, in_the_end] = [&one, &two].map(both);
    assert!(at_once * 10 >= in_the_end * 8, "{at_once} of {in_the_end}");
    // Both halves have one number, the same as the row of the command.
    let [a, b] = [0, 1].map(|point| points.observation(point));
    let comparison = compare(a, b);
    let numbers: BTreeMap<(usize, u64), u64> = points.order().into_iter().zip(1..).collect();
    let mut joined = 0;
    for connection in comparison.connections() {
        let conn = connection.conn as usize;
        joined += usize::from(connection.ids.iter().all(Option::is_some));
        for crossing in comparison.crossings(conn) {
            for (side, sighting) in
                [(crossing.to.other(), &crossing.near), (crossing.to, &crossing.far)]
            {
                let Some(sighting) = sighting else { continue };
                let point = comparison.point_near(conn, side);
                let row = &two[&numbers[&(point, sighting.frame)]];
                assert!(row[0].contains(&conn.to_string()), "{conn}: {row:?}");
            }
        }
    }
    assert!(joined > 5);
}

/// What another point sees is no copy, and changes no state: stages, copies, states and outcomes are those
/// of the point's own capture.
#[test]
fn a_point_is_followed_by_itself() {
    let points = eventful();
    let names = [
        "frame.number",
        "tcphs.stage_str",
        "tcphs.copy_str",
        "tcphs.retry",
        "tcphs.rto",
        "tcphs.client.state_str",
        "tcphs.server.state_str",
        "tcphs.server.state.proven",
        "tcphs.outcome_str",
        "tcphs.syn.count",
        "tcphs.setup_time",
    ];
    let merged = rows(&["-n", "-2", "-r", text(&points.merged(true))], &names);
    let numbers: BTreeMap<(usize, u64), u64> = points.order().into_iter().zip(1..).collect();
    for point in 0..points.frames.len() {
        let name = format!("points-{}-p{}.pcap", points.name, point + 1);
        let file = made_once(&name, |file| {
            points.capture(point).write(file).expect("there is room");
        });
        for (frame, row) in rows(&["-n", "-2", "-r", text(&file)], &names) {
            assert_eq!(row, merged[&numbers[&(point, frame)]], "frame {frame} of {name}");
        }
    }
}

#[test]
fn statistics_count_a_connection_once() {
    let points = eventful();
    let file = points.merged(true);
    let one = tshark(&["-n", "-q", "-r", text(&file), "-z", "tcphs,connections"]);
    let two = tshark(&["-n", "-q", "-2", "-r", text(&file), "-z", "tcphs,connections"]);
    assert_eq!(one, two);
    let [a, b] = [0, 1].map(|point| points.observation(point));
    let rows = one.lines().filter(|line| line.contains(":443 ") || line.contains(":8443 "));
    assert_eq!(rows.clone().count(), compare(a, b).len(), "{one}");
    // By the point nearest the client, where addresses are those of the client.
    let untranslated = rows.filter(|line| line.contains("|10.0.0.")).count();
    assert!(untranslated > 5, "{one}");
}

#[test]
fn the_info_column_names_the_point_and_filters_find_it() {
    let points = eventful();
    let file = points.merged(true);
    let list = |passes: &[&str], filter: &str| {
        let column = "gui.column.format:\"No.\",\"%m\",\"Info\",\"%i\"";
        let more = ["-r", text(&file), "-o", column, "-Y", filter];
        tshark(&[&["-n"], passes, &more].concat())
    };
    let lost = list(&["-2"], "tcphs.fate == \"lost\"");
    assert!(lost.lines().count() > 5);
    for line in lost.lines() {
        assert!(line.contains("lost before p1") || line.contains("lost before p2"), "{line}");
    }
    let arrived = list(&["-2"], "tcphs.fate == \"arrived\"");
    assert!(!arrived.is_empty() && !arrived.contains("before p"));
    let one_pass = list(&[], "tcp");
    assert!(!one_pass.contains("before p"));
}

/// Without a mark in the file, or with the preference off, everything is as it was.
#[test]
fn other_files_have_no_points_unless_the_user_says_so() {
    let points = eventful();
    let (marked, plain) = (points.merged(true), points.merged(false));
    let names = ["frame.number", "tcphs.point", "tcphs.fate_str", "tcphs.conn", "tcphs.copy_str"];
    let of = |file: &Path, more: &[&str]| {
        rows(&[&["-n", "-2", "-r", text(file)], more].concat(), &names)
    };
    let off = of(&marked, &["-o", "tcphs.points:off"]);
    assert_eq!(off, of(&plain, &[]));
    assert!(off.values().all(|row| row[0].is_empty() && row[1].is_empty()));
    let interfaces = of(&plain, &["-o", "tcphs.points:interfaces"]);
    let found: BTreeSet<_> = interfaces.values().flat_map(|row| &row[0]).cloned().collect();
    assert_eq!(found, BTreeSet::from(["p1".to_owned(), "p2".to_owned()]));
    assert!(interfaces.values().any(|row| row[1].contains("lost")));
}

/// Client, points and server are the lines of the flow graph.
#[test]
fn the_flow_graph_has_a_line_for_each_point() {
    let points = eventful();
    let file = points.merged(true);
    let flow = tshark(&["-n", "-q", "-2", "-r", text(&file), "-z", "flow,tcphs,standard"]);
    let title: Vec<_> = flow.lines().take(2).collect();
    for line in ["10.0.0.1", "p1", "p2"] {
        assert!(title.iter().any(|title| title.contains(line)), "{line}: {title:?}");
    }
    // The translated address is that of no end.
    assert!(!title.iter().any(|title| title.contains("203.0.113.7")), "{title:?}");
    assert!(flow.contains("lost before p"), "{flow}");
}
