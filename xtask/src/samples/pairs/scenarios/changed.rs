//! Segments that arrive with another content.

use testkit::kernel::Side;

use super::super::router::{
    self, Does, ECN, Edit, Kind, Orders, Rule, SACK_PERMITTED, TIMESTAMPS, WINDOW_SCALE,
};
use super::super::talk::fetch;
use super::{PLAIN, Pair};
use crate::samples::scenarios::Prepare;

const fn editing(rules: &'static [Rule]) -> Orders {
    Orders { rules, ..router::PLAIN }
}

/// The fifth part.
pub(super) const PAIRS: &[Pair] = &[
    Pair {
        name: "mss-clamped",
        shows: "A router lowers the maximum segment size in both directions",
        orders: editing(&[
            Rule::all(Side::Server, Kind::Syn, Does::Edit(Edit::Mss(1100))),
            Rule::all(Side::Client, Kind::SynAck, Does::Edit(Edit::Mss(1100))),
        ]),
        client: fetch,
        ahead_ms: -6_000_000,
        on_the_way: "→ changed mss, ← changed mss",
        ..PLAIN
    },
    Pair {
        name: "sack-stripped",
        shows: "SACK permitted is taken out of the SYN",
        orders: editing(&[Rule::all(
            Side::Server,
            Kind::Syn,
            Does::Edit(Edit::Strip(&[SACK_PERMITTED])),
        )]),
        ahead_ms: 11_000,
        on_the_way: "→ changed sack",
        ..PLAIN
    },
    Pair {
        name: "timestamps-stripped",
        shows: "The timestamps option is taken out of the SYN",
        orders: editing(&[Rule::all(
            Side::Server,
            Kind::Syn,
            Does::Edit(Edit::Strip(&[TIMESTAMPS])),
        )]),
        ahead_ms: -11_000,
        on_the_way: "→ changed timestamps",
        ..PLAIN
    },
    Pair {
        name: "wscale-stripped",
        shows: "The window scale option is taken out of the SYN/ACK",
        orders: editing(&[Rule::all(
            Side::Client,
            Kind::SynAck,
            Does::Edit(Edit::Strip(&[WINDOW_SCALE])),
        )]),
        ahead_ms: 1,
        on_the_way: "← changed wscale",
        ..PLAIN
    },
    Pair {
        name: "options-stripped",
        shows: "Window scale, SACK permitted and timestamps are taken out of SYN and SYN/ACK",
        orders: editing(&[
            Rule::all(
                Side::Server,
                Kind::Syn,
                Does::Edit(Edit::Strip(&[WINDOW_SCALE, SACK_PERMITTED, TIMESTAMPS])),
            ),
            Rule::all(
                Side::Client,
                Kind::SynAck,
                Does::Edit(Edit::Strip(&[WINDOW_SCALE, SACK_PERMITTED, TIMESTAMPS])),
            ),
        ]),
        ahead_ms: -70_000,
        on_the_way: "→ changed sack timestamps wscale",
        ..PLAIN
    },
    Pair {
        name: "window-changed",
        shows: "A router writes another window into each segment to the server",
        orders: editing(&[Rule::all(Side::Server, Kind::Any, Does::Edit(Edit::Window(500)))]),
        ahead_ms: 20_000,
        on_the_way: "→ changed window",
        ..PLAIN
    },
    Pair {
        name: "ecn-cleared",
        shows: "A router clears the flags ECE and CWR in the SYN",
        prepare: &[Prepare::Set(Side::Client, "ipv4/tcp_ecn", "1")],
        orders: editing(&[Rule::all(Side::Server, Kind::Syn, Does::Edit(Edit::Clear(ECN)))]),
        ahead_ms: -20_000,
        on_the_way: "→ changed flags",
        ..PLAIN
    },
    Pair {
        name: "payload-changed",
        shows: "A device on the way writes other data of the same length",
        orders: editing(&[Rule::nth(1, Side::Server, Kind::Data, Does::Edit(Edit::Shout))]),
        ahead_ms: 600,
        on_the_way: "→ changed payload",
        ..PLAIN
    },
];
