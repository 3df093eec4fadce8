//! How the interface of a point is described in a file that several points were merged into.

use std::fmt::{self, Display, Formatter};

use super::observer::Coverage;

/// The description of an interface that stands for a point (`if_description`), by which a merged capture
/// is recognised. It tells what the merged packets do not: when the point was capturing.
///
/// ```
/// use dissector_core::compare::{Coverage, PointLabel};
///
/// let coverage = Coverage::default().with_span(5, 9_000).with_dropped(2);
/// let label = PointLabel { number: 1, name: "client", coverage };
/// let description = label.to_string();
/// assert_eq!(description, "tcphs point 1: client; captured from 5 to 9000 ns; 2 dropped");
/// assert_eq!(PointLabel::parse(&description), Some(label));
/// assert_eq!(PointLabel::parse("eth0"), None);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PointLabel<'a> {
    /// The place of the point on the way, from 1. Interfaces with the same number are of one point.
    pub number: u32,
    /// Name of the point.
    pub name: &'a str,
    /// When the point was capturing, by the clock of the merged capture.
    pub coverage: Coverage,
}

/// The beginning of the description, by which a dissector recognises it.
const MARK: &str = "tcphs point ";

impl<'a> PointLabel<'a> {
    /// Reads a description; `None` if it is that of an ordinary interface.
    pub fn parse(description: &'a str) -> Option<Self> {
        let (number, mut name) = description.strip_prefix(MARK)?.split_once(": ")?;
        let mut coverage = Coverage::default();
        // The name comes first, and may be any text.
        while let Some((before, part)) = name.rsplit_once("; ") {
            if let Some(dropped) = part.strip_suffix(" dropped") {
                let Ok(dropped) = dropped.parse() else { break };
                coverage = coverage.with_dropped(dropped);
            } else {
                let Some((from, to)) = parse_span(part) else { break };
                coverage = coverage.with_span(from, to);
            }
            name = before;
        }
        Some(Self { number: number.parse().ok()?, name, coverage })
    }
}

fn parse_span(part: &str) -> Option<(i64, i64)> {
    let times = part.strip_prefix("captured from ")?.strip_suffix(" ns")?;
    let (from, to) = times.split_once(" to ")?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to).then_some((from, to))
}

impl Display for PointLabel<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { number, name, coverage } = self;
        write!(f, "{MARK}{number}: {name}")?;
        for (from, to) in coverage.spans() {
            write!(f, "; captured from {from} to {to} ns")?;
        }
        if coverage.dropped() > 0 {
            write!(f, "; {} dropped", coverage.dropped())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_says_again_what_it_was_made_from() {
        for name in ["client", "", "a: b; c", "eth0; 3 things dropped", "서버"] {
            for spans in [&[][..], &[(i64::MIN, -1)], &[(0, 5), (2_000_000_000, i64::MAX)]] {
                for dropped in [0, 1, u64::MAX] {
                    let coverage = spans
                        .iter()
                        .fold(Coverage::default(), |all, (from, to)| all.with_span(*from, *to))
                        .with_dropped(dropped);
                    let label = PointLabel { number: 2, name, coverage };
                    assert_eq!(PointLabel::parse(&label.to_string()), Some(label));
                }
            }
        }
    }

    #[test]
    fn what_looks_like_a_label_is_none() {
        for text in ["", "tcphs", "tcphs point", "tcphs point x: a", "tcphs point 1", "point 1: a"]
        {
            assert_eq!(PointLabel::parse(text), None, "{text}");
        }
        let of_the_name = PointLabel::parse("tcphs point 1: a; captured from x to 3 ns");
        assert_eq!(of_the_name.map(|it| it.name), Some("a; captured from x to 3 ns"));
    }
}
