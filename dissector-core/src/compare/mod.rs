//! Captures of two points on the way, compared: what was lost, changed or answered in between.
//!
//! Each point has a [`ConnectionTable`](crate::ConnectionTable) of its own and an [`Observer`] beside it.
//! [`compare`] joins the connections of both, finds out how far the [clocks](Clocks) are apart, and says of
//! each connection [what happened on the way](JoinedConnection::path), and of each segment
//! [what became of it](Crossing).

mod again;
mod clocks;
mod company;
mod comparison;
mod crossing;
mod joined;
mod joining;
mod label;
mod matching;
mod measure;
mod nearness;
mod observer;
mod octets;
mod path;
mod sighting;
mod timing;
mod totals;
mod trace;
#[cfg(feature = "capture")]
mod watch;

/// Maps and sets whose keys come from captures, so that the hash has to be seeded.
type Map<K, V> = std::collections::HashMap<K, V, foldhash::quality::RandomState>;
type Set<K> = std::collections::HashSet<K, foldhash::quality::RandomState>;

pub use again::WayTime;
pub use clocks::{
    Bound, Bounds, ClockKind, ClockPiece, ClockStep, Clocks, Offset, RATE_LIMIT_PPM, RATE_PPM, Way,
};
pub use comparison::{Comparison, compare, compare_with_one_clock};
pub use crossing::Crossing;
pub use joined::JoinedConnection;
pub use label::PointLabel;
pub use observer::{Coverage, Observation, Observer};
pub use path::StepFates;
pub use sighting::{Sighting, SynOffer};
pub use totals::Totals;
pub use trace::IcmpSighting;
#[cfg(feature = "capture")]
pub use watch::{InterfaceObservation, observe, observe_interfaces};

#[doc(no_inline)]
pub use crate::vocabulary::{Change, ChangeSet, Fate, JoinedBy, Path, Translated, TranslatedSet};
