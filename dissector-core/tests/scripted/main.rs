//! One named case for each rule of the engine, told as a scripted capture.

mod boundaries;
mod closes;
mod duplicates;
mod gone_wrong;
mod handshakes;
mod icmp;
mod incarnations;
mod lost_resets;
mod mixtures;
mod model;
mod negotiation;
mod network;
mod network_close;
mod outcomes;
mod proofs;
mod resets;
mod script;
mod tables;
mod times;
