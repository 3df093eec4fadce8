//! Captures of a pair that begin later, end earlier, have frames missing, or are no pair at all: nothing
//! untrue is said of them.

use dissector_core::compare::{Comparison, Fate, Observer, Path, compare};

use super::pair::{Done, Frame, Pair, all, compared, compared_with_one_clock, observe};

/// No segment is called lost, or appeared, that is not so by the whole captures.
fn assert_nothing_untrue(pair: &Pair, whole: &Comparison, damaged: &Comparison, what: &str) {
    let with = |comparison: &Comparison, fate: Fate| -> Vec<Done> {
        let all = (0..comparison.len()).flat_map(|conn| comparison.crossings(conn));
        all.filter(|it| it.fate == fate).map(|it| Done::of_crossing(&it)).collect()
    };
    for fate in [Fate::Lost, Fate::Appeared] {
        let truly = with(whole, fate);
        for said in with(damaged, fate) {
            assert!(truly.contains(&said), "{} {what}: {said:?} {fate}", pair.name);
        }
    }
}

/// Frames of one point are left out at its beginning or its end.
fn cut_anywhere(point: usize, at_end: bool) {
    for pair in all() {
        let [first, second] = &pair.points;
        let whole = compared([first, second]);
        if whole.connections().any(|row| row.path == Path::Proxied) {
            // Its halves are two connections, and what is left of one may be of the other.
            continue;
        }
        let frames = &pair.points[point];
        let step = frames.len().div_ceil(12).max(1);
        for count in (0..frames.len()).step_by(step) {
            let cut = if at_end { &frames[..count] } else { &frames[count..] };
            let points: [&[Frame]; 2] = if point == 0 { [cut, second] } else { [first, cut] };
            let damaged = compared(points);
            assert_nothing_untrue(&pair, &whole, &damaged, &format!("{point} {at_end} {count}"));
        }
    }
}

#[test]
fn a_capture_that_begins_later_shows_no_loss() {
    cut_anywhere(0, false);
    cut_anywhere(1, false);
}

#[test]
fn a_capture_that_ends_earlier_shows_no_loss() {
    cut_anywhere(0, true);
    cut_anywhere(1, true);
}

#[test]
fn what_a_capture_says_it_dropped_is_not_lost() {
    for pair in all() {
        let [first, second] = &pair.points;
        let whole = compared([first, second]);
        // Every fifth frame is missing, and the capture says so.
        let rest: Vec<_> = second
            .iter()
            .enumerate()
            .filter(|(n, _)| n % 5 != 3)
            .map(|(_, it)| it.clone())
            .collect();
        let dropped = (second.len() - rest.len()) as u64;
        let one = observe(first, Observer::new().keeping_all(), 0);
        let two = observe(&rest, Observer::new().keeping_all(), dropped);
        let damaged = compare(one, two);
        let truly = |fate: Fate| -> Vec<Done> {
            let all = (0..whole.len()).flat_map(|conn| whole.crossings(conn));
            all.filter(|it| it.fate == fate).map(|it| Done::of_crossing(&it)).collect()
        };
        let lost = truly(Fate::Lost);
        for conn in 0..damaged.len() {
            for it in damaged.crossings(conn).iter().filter(|it| it.fate == Fate::Lost) {
                let done = Done::of_crossing(it);
                // Its sender has repeated it: then the one that is missing was lost.
                let again =
                    first.iter().filter(|frame| frame.sequence() == done.sequence).count() > 1;
                assert!(lost.contains(&done) || again, "{} {done:?}", pair.name);
            }
        }
    }
}

#[test]
fn a_capture_beside_itself_is_clean() {
    for pair in all() {
        for frames in &pair.points {
            let comparison = compared([frames, frames]);
            for row in comparison.connections() {
                let clean = matches!(row.path, Path::Clean | Path::Ambiguous);
                assert!(clean, "{}: {row:#?}", pair.name);
                // With offload, it cannot be counted.
                let lost = row.totals.iter().any(|it| it.lost.is_some_and(|lost| lost > 0));
                assert!(!lost && !row.is_lossy(), "{}: {row:#?}", pair.name);
            }
            let one = compared_with_one_clock([frames, frames]);
            assert!(one.connections().all(|row| row.offset_ns == Some(0)), "{}", pair.name);
        }
    }
}

#[test]
fn captures_of_other_connections_have_nothing_in_common() {
    let pairs = all();
    for (one, other) in pairs.iter().zip(&pairs[1..]) {
        let comparison = compared([&one.points[0], &other.points[1]]);
        for row in comparison.connections() {
            let name = format!("{} and {}: {row:#?}", one.name, other.name);
            assert_eq!((row.joined_by, row.path), (None, Path::OnePoint), "{name}");
            assert_eq!(row.totals.map(|it| it.lost), [None; 2], "{name}");
        }
    }
}

#[test]
fn a_point_that_saw_nothing_was_not_capturing() {
    let pair = Pair::read("clean");
    let comparison = compared([&pair.points[0], &[]]);
    assert!(comparison.connections().all(|row| row.path == Path::OnePoint));
    assert!(compared([&[], &[]]).is_empty());
}
