//! Whole captures of a pair against the log of the router.

use std::collections::BTreeSet;

use dissector_core::compare::{
    Change, Comparison, Fate, JoinedConnection, Observer, Path, Totals, compare,
};
use dissector_core::connection::Side;
use serde_json::Value;

use super::pair::{Done, Pair, all, compared, observe};

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// The row of a connection of the truth: its attempts are in order.
fn row<'c>(rows: &'c [JoinedConnection], pair: &Pair, number: usize) -> &'c JoinedConnection {
    let connection = &pair.connections()[number];
    let ends = |it: &Value| (text(it, "client").to_owned(), text(it, "server").to_owned());
    let before = pair.connections()[..number].iter().filter(|it| ends(it) == ends(connection));
    let is_it = |row: &&JoinedConnection| {
        let named = |point: usize, keys: [&str; 2]| {
            row.ends[point].is_some_and(|[client, server]| {
                [client.to_string(), server.to_string()] == keys.map(|key| text(connection, key))
            })
        };
        named(0, ["client", "server"]) || named(1, ["client_b", "server_b"])
    };
    rows.iter()
        .filter(is_it)
        .nth(before.count())
        .unwrap_or_else(|| panic!("{connection} in {rows:#?}"))
}

fn rows(pair: &Pair) -> (Comparison, Vec<JoinedConnection>) {
    let comparison = compared([&pair.points[0], &pair.points[1]]);
    let rows: Vec<_> = comparison.connections().collect();
    assert_eq!(rows.len(), pair.connections().len(), "{}: {rows:#?}", pair.name);
    (comparison, rows)
}

#[test]
fn paths_translations_and_changes_are_those_that_the_router_made() {
    for pair in all() {
        let (_, rows) = rows(&pair);
        for (number, connection) in pair.connections().iter().enumerate() {
            let row = row(&rows, &pair, number);
            let name = format!("{} {connection}", pair.name);
            if text(connection, "path") == "ambiguous" && row.joined_by.is_some() {
                // The identifications tell more than the router's log counts on.
                let [client, server] = row.ends[1].expect("it is joined");
                let truly = ["client_b", "server_b"].map(|key| text(connection, key));
                assert_eq!([client.to_string(), server.to_string()], truly, "{name}");
                continue;
            }
            assert_eq!(row.path.label(), text(connection, "path"), "{name}\n{row:#?}");
            let translated = connection["translated"].as_bool().unwrap();
            assert_eq!(!row.translated.is_empty(), translated, "{name}");
            let changed: BTreeSet<_> = row.changes.iter().map(Change::label).collect();
            let said = connection["changed"].as_array().unwrap();
            let truly: BTreeSet<_> = said.iter().map(|it| it.as_str().unwrap()).collect();
            assert_eq!(changed, truly, "{name}");
        }
    }
}

#[test]
fn the_offset_is_within_its_uncertainty() {
    for pair in all() {
        let (comparison, rows) = rows(&pair);
        let offset = pair.about["offset_ns"].as_i64().unwrap();
        let drift = pair.about["drift_ppm"].as_f64().unwrap();
        let start = rows[0].first_ns;
        for row in &rows {
            let truly = offset + ((row.first_ns - start) as f64 * drift / 1e6) as i64;
            let name = &pair.name;
            let Some(said) = row.offset_ns else {
                assert_eq!(row.path, Path::Proxied, "{name}: {row:#?}");
                continue;
            };
            // One segment and an RST: the offset is a bound of one side.
            let Some(uncertainty) = row.uncertainty_ns else {
                assert!(name == "refused" && truly <= said, "{name}: {row:#?}");
                continue;
            };
            assert!(said.abs_diff(truly) <= uncertainty, "{name}: {said} ± {uncertainty}, {truly}");
        }
        assert_eq!(comparison.clocks().steps().count(), 0, "{}", pair.name);
    }
}

#[test]
fn every_segment_that_the_router_lost_is_lost_and_no_other() {
    for pair in all() {
        let (comparison, rows) = rows(&pair);
        let no_fates = |row: &JoinedConnection| matches!(row.path, Path::Proxied | Path::OnePoint);
        let mut said = BTreeSet::new();
        for row in &rows {
            let crossings = comparison.crossings(row.conn as usize);
            let is_lost = crossings.iter().filter(|it| it.fate == Fate::Lost);
            said.extend(is_lost.map(Done::of_crossing));
        }
        if !rows.iter().any(no_fates) {
            // A large segment stands for those that went over the wire, one of which was lost.
            let inside = |done: &Done| {
                said.iter().any(|it| {
                    it.to == done.to
                        && it.octets >= done.octets
                        && done.sequence.wrapping_sub(it.sequence) <= it.octets - done.octets
                })
            };
            // What it took in order to answer it did not arrive, either.
            let lost = &pair.done("lost") | &pair.done("taken");
            let missing: Vec<_> = lost.iter().filter(|it| !inside(it)).collect();
            assert!(missing.is_empty(), "{}: {missing:?} not in {said:?}", pair.name);
            let more: Vec<_> = said
                .iter()
                .filter(|it| {
                    !lost.contains(it)
                        && !lost.iter().any(|done| {
                            done.to == it.to
                                && it.octets > done.octets
                                && done.sequence.wrapping_sub(it.sequence) < it.octets
                        })
                })
                .collect();
            assert!(more.is_empty(), "{}: {more:?} not in {lost:?}", pair.name);
        }
    }
}

#[test]
fn counts_are_the_same_whether_segments_are_kept_or_counted() {
    for pair in all() {
        let few = [0, 1].map(|point| observe(&pair.points[point], Observer::new(), 0));
        let [first, second] = few;
        let counted = compare(first, second);
        let (kept, rows) = rows(&pair);
        for (row, other) in rows.iter().zip(counted.connections()) {
            let name = format!("{}: {row:?}", pair.name);
            assert_eq!(
                (row.path, row.outcome, row.steps),
                (other.path, other.outcome, other.steps),
                "{name}"
            );
            let counts = |it: &[Totals; 2]| it.map(|it| (it.lost, it.appeared));
            let known = other.totals.iter().all(|it| it.lost.is_some());
            assert!(!known || counts(&row.totals) == counts(&other.totals), "{name}\n{other:?}");
        }
        assert_eq!(kept.len(), counted.len());
    }
}

#[test]
fn the_order_of_the_points_does_not_matter() {
    for pair in all() {
        let (_, rows) = rows(&pair);
        let swapped = compared([&pair.points[1], &pair.points[0]]);
        let others: Vec<_> = swapped.connections().collect();
        for row in &rows {
            let other = others.iter().find(|it| [it.ids[1], it.ids[0]] == row.ids);
            let name = format!("{}: {row:?}", pair.name);
            let other = other.unwrap_or_else(|| panic!("{name}\n{others:#?}"));
            assert_eq!(
                (row.path, row.outcome, row.steps),
                (other.path, other.outcome, other.steps),
                "{name}"
            );
            assert_eq!(row.totals, other.totals, "{name}");
            assert_eq!(row.changes, other.changes, "{name}");
        }
    }
}

#[test]
fn crossings_lead_to_the_end_that_their_frames_go_to() {
    let pair = Pair::read("clean");
    let (comparison, _) = rows(&pair);
    for conn in 0..comparison.len() {
        for crossing in comparison.crossings(conn) {
            let [near, far] = [crossing.near.unwrap(), crossing.far.unwrap()];
            assert_eq!(near.sender(), crossing.to.other());
            assert_eq!(far.sender(), crossing.to.other());
            assert!(Side::BOTH.contains(&crossing.to));
        }
    }
}
