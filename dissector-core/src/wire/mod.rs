//! One TCP segment on the wire: flags, header, options, sequence numbers (RFC 9293 §3.1).
//!
//! Everything here borrows from the octets it is given, allocates nothing and never panics.
//! [`TcpHeader::parse`] checks the lengths once; no accessor fails after it.

mod error;
mod flags;
mod header;
mod layout;
mod options;
mod sequence;

pub use error::HeaderError;
pub use flags::TcpFlags;
pub use header::TcpHeader;
pub(crate) use header::{FIXED_OCTETS, MOST_OPTION_OCTETS};
pub use layout::{OptionsText, SynSignature};
pub use options::{OptionError, OptionKind, OptionProblem, SackBlocks, TcpOption, TcpOptions};
pub use sequence::SeqNumber;
