//! Texts about what became of a segment between two points of capture.

use std::fmt::{self, Display, Formatter};

use dissector_core::compare::{Change, Fate};

use crate::session::PointFacts;
use crate::session::points::Crossed;

/// What is worth saying of a segment in the Info column: `lost before server`. Empty if it arrived as it
/// was sent, or if that is not known.
pub struct FateText<'a>(pub PointFacts<'a>);

impl Display for FateText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let told =
            self.0.crossings().filter(|it| !matches!(it.fate, Fate::Arrived | Fate::Unknown));
        for (nth, crossed) in told.enumerate() {
            f.write_str(if nth > 0 { ", " } else { "" })?;
            let far = self.0.name_of(crossed.points()[1]);
            match crossed.fate {
                Fate::NotCaptured => write!(f, "not captured at {}", missed_by(self.0, crossed))?,
                Fate::Changed => write!(f, "changed before {far}: {}", Changes(crossed))?,
                fate => write!(f, "{} before {far}", fate.label())?,
            }
        }
        Ok(())
    }
}

/// The same in a word or two, without the points: `lost`.
pub struct FateWord<'a>(pub PointFacts<'a>);

impl Display for FateWord<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let told = |fate: &Fate| !matches!(fate, Fate::Arrived | Fate::Unknown);
        match self.0.crossings().map(|crossed| crossed.fate).find(told) {
            Some(Fate::NotCaptured) => f.write_str("not captured"),
            Some(fate) => f.write_str(fate.label()),
            None => Ok(()),
        }
    }
}

/// The line of the packet details: `From client to server: lost`.
pub struct FateLine<'a> {
    pub point: PointFacts<'a>,
    pub crossed: &'a Crossed,
}

impl Display for FateLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { point, crossed } = *self;
        let [near, far] = crossed.points().map(|it| point.name_of(it));
        write!(f, "From {near} to {far}: ")?;
        match crossed.fate {
            Fate::NotCaptured => {
                return write!(f, "passed, but not captured at {}", missed_by(point, crossed));
            }
            Fate::Changed => write!(f, "changed ({})", Changes(crossed))?,
            Fate::Unknown => f.write_str("not known what became of it")?,
            fate => f.write_str(fate.label())?,
        }
        let Some(delay_ns) = crossed.delay_ns() else { return Ok(()) };
        write!(f, " in {:.3} ms", delay_ns as f64 / 1e6)?;
        match crossed.uncertainty_ns() {
            Some(0) => Ok(()),
            Some(uncertainty_ns) => write!(f, " ± {:.3} ms", uncertainty_ns as f64 / 1e6),
            None => f.write_str(", as far as the clocks are known"),
        }
    }
}

/// The point that did not capture a segment that passed there.
fn missed_by<'a>(point: PointFacts<'a>, crossed: &Crossed) -> &'a str {
    let missing = crossed.sightings().iter().position(Option::is_none).unwrap_or(1);
    point.name_of(crossed.points()[missing])
}

/// What changed, with the values: `mss 1460 → 1100, ttl 63 → 50`.
struct Changes<'a>(&'a Crossed);

impl Display for Changes<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [before, after] = self.0.values;
        for (nth, change) in self.0.changes.iter().enumerate() {
            f.write_str(if nth > 0 { ", " } else { "" })?;
            f.write_str(change.label())?;
            match change {
                Change::Mss => write_values(f, before.mss, after.mss)?,
                Change::WindowScale => write_values(f, before.window_scale, after.window_scale)?,
                Change::Ttl => write_values(f, Some(before.ttl), Some(after.ttl))?,
                Change::Window => write_values(f, Some(before.window), Some(after.window))?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Writes ` 1460 → 1100`; an option that is not there is `none`.
fn write_values<T: Display>(
    f: &mut Formatter<'_>,
    before: Option<T>,
    after: Option<T>,
) -> fmt::Result {
    for (sign, value) in [(" ", before), (" → ", after)] {
        f.write_str(sign)?;
        match value {
            Some(value) => write!(f, "{value}")?,
            None => f.write_str("none")?,
        }
    }
    Ok(())
}
