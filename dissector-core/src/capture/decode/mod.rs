//! Frames: through all layers between the first octet and TCP.

pub(super) mod ethernet;
mod fragments;
pub(super) mod ip;
pub(super) mod layers;
pub(super) mod link;
mod mpls;
mod next;
mod ppp;
mod tunnel;
mod udp;
mod wlan;
