//! Every capture there is, asked of tshark, of the command, and of the tools that people know.
//!
//! One program, so that each capture is read once by each of them, whatever is compared
//! ([`tool_output`]).

mod agreement;
mod conformance;
mod flags;
mod tool_output;
