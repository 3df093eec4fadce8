//! One named case for each rule of the engine, told as a scripted capture.

mod boundaries;
mod causes;
mod closing;
mod clues;
mod duplicates;
mod icmp;
mod incomplete;
mod mixtures;
mod opening;
mod outcomes;
mod proofs;
mod reports;
mod simulated;
mod tables;
mod times;
mod unanswered_data;
