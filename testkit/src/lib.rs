//! Shared by the tests and `cargo xtask`: Wireshark with the plugin, captures, packets and traffic.

pub mod c_library;
pub mod capture;
pub mod command;
pub mod debian;
pub mod folders;
pub mod kernel;
pub mod loopback;
pub mod packet;
pub mod pcapng;
pub mod random;
#[cfg(feature = "engine")]
pub mod script;
#[cfg(feature = "engine")]
pub mod simulator;
pub mod skip;
pub mod socket;
pub mod traffic;
#[cfg(feature = "engine")]
pub mod way;
pub mod wireshark;

pub use folders::{shared_captures, workspace_root};
