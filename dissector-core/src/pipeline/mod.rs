//! From capture files to closed connections: reading, following and handing out, in several threads.

pub(crate) mod batch;
#[cfg(feature = "capture")]
mod follow;
#[cfg(feature = "capture")]
mod live;
#[cfg(feature = "capture")]
mod plan;
#[cfg(feature = "capture")]
mod reader;
#[cfg(all(test, feature = "capture"))]
mod tests;
#[cfg(feature = "capture")]
mod workers;

#[cfg(feature = "capture")]
pub use follow::{
    ClosedConnection, FollowEvent, FollowOptions, FollowSummary, FollowedPacket, follow,
    follow_map, follow_packets,
};
#[cfg(feature = "capture")]
pub(crate) use follow::{Exceptions, each_packet};
#[cfg(feature = "capture")]
pub use live::LiveTable;
