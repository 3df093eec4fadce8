//! Hostile captures: cut, damaged, shuffled and made up. With each, tshark ends, says and shows what
//! it does without the plugin.
//!
//! All is made from the samples and from numbers that are the same each time, so that what fails
//! once fails again. Thousands of frames go into one file: starting tshark takes longer than reading
//! them.

mod broken_files;
mod compare;
mod faults;
mod frame_mutations;
mod frames;
mod limits;
mod memory;
mod mutated_captures;
mod sharkd;
