//! The pairs: an entry for each, in tables by what the router does. [`PLAIN`] has what most have in
//! common.

mod answered;
mod changed;
mod linux;
mod lost;
mod passed;
mod reset;
mod translated;

use std::net::IpAddr;

use anyhow::Result;
use testkit::kernel::Side;

use super::Pair;
use super::router::{self, Does, Orders, Rule};
use super::talk;
use crate::samples::scenarios::Prepare;

/// All that are committed, in the order of `samples/README.md`.
pub(crate) fn all() -> impl Iterator<Item = &'static Pair> {
    let tables = [
        passed::PAIRS,
        lost::PAIRS,
        answered::PAIRS,
        translated::PAIRS,
        changed::PAIRS,
        reset::PAIRS,
        linux::PAIRS,
    ];
    tables.into_iter().flatten()
}

/// Losses in both directions, by chance.
pub(crate) const RANDOM_LOSS: Pair = Pair {
    name: "random-loss",
    shows: "Connections of whose segments 5 % are lost in each direction",
    path: "",
    orders: Orders {
        rules: &[
            Rule::everywhere(Side::Server, Does::LosePercent(5)),
            Rule::everywhere(Side::Client, Does::LosePercent(5)),
        ],
        ..router::PLAIN
    },
    client: talk::many,
    around: false,
    ahead_ms: -654_321,
    drift_ppm: 80,
    ..PLAIN
};

const PLAIN: Pair = Pair {
    name: "",
    shows: "",
    path: "clean",
    prepare: &[],
    orders: router::PLAIN,
    kernel: &[],
    target: "10.77.0.2:7000",
    client: talk::slowly,
    around: true,
    ahead_ms: 0,
    drift_ppm: 0,
    offload: false,
    inside: false,
    statistics: false,
    on_the_way: "",
};

/// As [`Prepare`] has it for other samples.
const DOUBLE_TIMEOUTS: Prepare =
    Prepare::SetIfKnown(Side::Client, "ipv4/tcp_syn_linear_timeouts", "0");

const IPV6: &str = "[fd77::2]:7000";

/// The addresses of the laboratory, and those of RFC 5737 and RFC 3849 that replace them.
pub(super) fn addresses() -> Result<Vec<(IpAddr, IpAddr)>> {
    let pairs = [
        ("10.77.0.1", "192.0.2.1"),
        ("10.77.0.2", "198.51.100.2"),
        // Known to the router alone: the virtual server and the translated client.
        ("10.77.0.3", "203.0.113.3"),
        ("10.77.0.4", "203.0.113.4"),
        ("10.77.0.254", "203.0.113.254"),
        ("fd77::1", "2001:db8:1::1"),
        ("fd77::2", "2001:db8:2::2"),
        ("fd77::fe", "2001:db8:3::fe"),
    ];
    pairs.into_iter().map(|(inside, outside)| Ok((inside.parse()?, outside.parse()?))).collect()
}
