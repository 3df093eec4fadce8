//! Other addresses, ports and sequence numbers at the two points.

use std::net::Ipv4Addr;

use testkit::kernel::Side;

use super::super::router::{self, Does, Kind, Orders, Rule, Translation};
use super::super::talk::{fetch, five};
use super::{PLAIN, Pair};
use crate::samples::scenarios::Prepare;

const CLIENT: Option<Ipv4Addr> = Some(Ipv4Addr::new(10, 77, 0, 4));
const SERVER: Option<(Ipv4Addr, Ipv4Addr)> =
    Some((Ipv4Addr::new(10, 77, 0, 3), Ipv4Addr::new(10, 77, 0, 2)));
const VIRTUAL: &str = "10.77.0.3:7000";

const fn translating(
    client: Option<Ipv4Addr>,
    port: u16,
    server: Option<(Ipv4Addr, Ipv4Addr)>,
) -> Orders {
    Orders { translation: Translation { client, port, server }, ..router::PLAIN }
}

/// Adds to the client's numbers and to the server's; some pass their highest value by it.
const fn adding(client: u32, server: u32) -> Orders {
    Orders { renumber: [client, server], ..router::PLAIN }
}

/// The fourth part.
pub(super) const PAIRS: &[Pair] = &[
    Pair {
        name: "source-nat",
        shows: "The server sees another address and another port of the client",
        orders: translating(CLIENT, 1000, None),
        ahead_ms: -7_200_000,
        ..PLAIN
    },
    Pair {
        name: "source-nat-same-port",
        shows: "The server sees another address of the client, and the same port",
        orders: translating(CLIENT, 0, None),
        ahead_ms: 40_000,
        ..PLAIN
    },
    Pair {
        name: "virtual-address",
        shows: "The client connects to a virtual address, the server has another",
        orders: translating(None, 0, SERVER),
        target: VIRTUAL,
        ahead_ms: -500,
        ..PLAIN
    },
    Pair {
        name: "both-translated",
        shows: "A virtual address, and another address of the client",
        orders: translating(CLIENT, 7, SERVER),
        target: VIRTUAL,
        ahead_ms: 33_000,
        ..PLAIN
    },
    Pair {
        name: "syn-lost-behind-nat",
        shows: "One SYN of a translated client is lost",
        path: "lossy",
        orders: Orders {
            rules: &[Rule::nth(1, Side::Server, Kind::Syn, Does::Lose)],
            ..translating(CLIENT, 1000, None)
        },
        ahead_ms: -130_000,
        on_the_way: "→ lost S",
        ..PLAIN
    },
    Pair {
        name: "source-nat-many",
        shows: "Five connections of a translated client at the same time",
        orders: translating(CLIENT, 321, None),
        client: five,
        ahead_ms: -4_000_000,
        ..PLAIN
    },
    Pair {
        name: "firewall",
        shows: "A firewall translates the client and loses a SYN and a segment with data; recorded at \
                its own two interfaces too: `firewall.router.pcapng`, `firewall.router-any.pcap`",
        path: "lossy",
        orders: Orders {
            rules: &[
                Rule::nth(1, Side::Server, Kind::Syn, Does::Lose),
                Rule::nth(1, Side::Client, Kind::Data, Does::Lose),
            ],
            ..translating(CLIENT, 1000, None)
        },
        inside: true,
        ahead_ms: 38_000,
        on_the_way: "→ lost S, ← lost P.",
        ..PLAIN
    },
    Pair {
        name: "renumbered-client",
        shows: "A firewall adds a number to the client's sequence numbers",
        orders: adding(0x9000_0000, 0),
        client: fetch,
        ahead_ms: 2_000,
        on_the_way: "→ changed sequence, ← changed sequence",
        ..PLAIN
    },
    Pair {
        name: "renumbered-server",
        shows: "The same with the server's sequence numbers",
        orders: adding(0, 0x7654_3210),
        client: fetch,
        ahead_ms: -2_000,
        on_the_way: "→ changed sequence, ← changed sequence",
        ..PLAIN
    },
    Pair {
        name: "renumbered-both",
        shows: "The same with both, and a segment is lost: the numbers in SACK blocks are others too",
        path: "lossy",
        orders: Orders {
            rules: &[Rule::nth(2, Side::Client, Kind::Data, Does::Lose)],
            ..adding(0x1234_5678, 0xfedc_ba98)
        },
        client: fetch,
        ahead_ms: -3_000_000,
        on_the_way: "→ changed sequence, ← lost ., ← changed sequence",
        ..PLAIN
    },
    Pair {
        name: "renumbered-no-timestamps",
        shows: "Both sides' numbers are others, and no timestamps tell which connection is which: only \
                the data does",
        prepare: &[Prepare::Set(Side::Client, "ipv4/tcp_timestamps", "0")],
        orders: adding(0x4000_0001, 0xbfff_fffe),
        client: fetch,
        ahead_ms: 19_000,
        on_the_way: "→ changed sequence, ← changed sequence",
        ..PLAIN
    },
    Pair {
        name: "renumbered-translated",
        shows: "Other numbers of the client, and another address and port",
        orders: Orders { renumber: [0x0bad_cafe, 0], ..translating(CLIENT, 55, None) },
        ahead_ms: -19_000,
        on_the_way: "→ changed sequence, ← changed sequence",
        ..PLAIN
    },
    Pair {
        name: "indistinguishable",
        shows: "Five connections at the same time with the same data, other numbers and ports at the \
                server and no timestamps: nothing tells which is which",
        path: "ambiguous",
        prepare: &[Prepare::Set(Side::Client, "ipv4/tcp_timestamps", "0")],
        orders: Orders {
            renumber: [0x2222_2222, 0x3333_3333],
            delay_ms: [20, 20],
            ..translating(CLIENT, 77, None)
        },
        client: five,
        around: false,
        ahead_ms: 4_321,
        on_the_way: "→ changed sequence, ← changed sequence",
        ..PLAIN
    },
];
