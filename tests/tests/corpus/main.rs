//! Every capture of the corpus, read by tshark with the plugin, by the command, and by well-known
//! tools.
//!
//! All comparisons are in one program, so that each tool reads each capture only once
//! ([`tool_output`]).

mod agreement;
mod conformance;
mod flags;
mod tool_output;
