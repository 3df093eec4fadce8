//! Hostile captures: cut, damaged, shuffled and made up. For each, the exit status, messages and
//! output of tshark are the same as without the plugin.
//!
//! All captures are made from the samples with fixed random seeds, so that a failure can be
//! repeated. Thousands of frames go into one file: starting tshark takes longer than reading them.

mod broken_files;
mod compare;
mod faults;
mod frame_mutations;
mod frames;
mod limits;
mod memory;
mod mutated_captures;
mod sharkd;
