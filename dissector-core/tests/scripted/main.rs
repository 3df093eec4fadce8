//! One named case for each rule of the engine, told as a scripted capture.

mod boundaries;
mod closing;
mod duplicates;
mod icmp;
mod incomplete;
mod mixtures;
mod opening;
mod outcomes;
mod proofs;
mod simulated;
mod tables;
mod times;
