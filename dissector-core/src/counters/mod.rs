//! The third witness: what the kernels of both hosts counted while a capture was made.
//!
//! Linux counts many of the events that a capture can only suggest, such as a SYN that it dropped because
//! the accept queue was full. Two outputs of `nstat -az`, taken around the capture, give
//! [`Rises`]; a [`HostTally`] says how often the capture has the events; [`judge`] sets them beside each
//! other.
//!
//! ```
//! use dissector_core::counters::{Counters, Rises};
//!
//! let before = Counters::parse("#kernel\nTcpExtListenOverflows 3 0.0\nTcpExtListenDrops 0 0.0\n")?;
//! let after = Counters::parse("#kernel\nTcpExtListenOverflows 15 0.0\nTcpExtListenDrops 12 0.0\n")?;
//! assert_eq!(Rises::between(&before, &after)?.of("TcpExtListenOverflows"), Some(12));
//! // The other way round, they prove nothing.
//! assert!(Rises::between(&after, &before).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The counts of a host are those of every connection that it is an end of, in the capture nearest to it:
//! add up [`Counts::of`] each in a [`HostTally`].
//!
//! A counter is that of a whole host, or rather of a network namespace: connections outside the capture
//! raise it, too. So a counter that rose by less than the capture shows refutes a cause, one that rose by
//! as much agrees with it, and one that rose by more decides nothing.

mod difference;
mod judge;
mod parse;
mod rules;
mod tally;
mod weigh;

pub use difference::{NotComparable, Rises};
pub use judge::{About, Agreement, Said, Testimony, can_tell, fitting_side, judge};
pub use parse::{Counters, NoCounters};
pub use rules::{RULES, Rule};
pub use tally::{Counts, HostTally};
