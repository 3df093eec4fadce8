//! Nothing lost, nothing made up.

use std::io;

use testkit::kernel::Side;

use super::super::router::{self, Does, Edit, Kind, Orders, Rule, Ttl};
use super::super::talk::{Client, close, connected, fetch, for_a_while, hear, refused, say};
use super::{IPV6, PLAIN, Pair};
use crate::samples::scenarios::nap;

/// The first of the pairs in `samples/README.md`.
pub(super) const PAIRS: &[Pair] = &[
    Pair {
        name: "clean",
        shows: "Three whole connections; the server's clock is two hours behind",
        ahead_ms: -7_200_000,
        ..PLAIN
    },
    Pair {
        name: "clean-ipv6",
        shows: "The same over IPv6; the server's clock is 40 seconds ahead",
        target: IPV6,
        ahead_ms: 40_000,
        ..PLAIN
    },
    Pair {
        name: "drift",
        shows: "Connections for 13 seconds; the server's clock is too fast by 80 millionths",
        client: for_a_while,
        ahead_ms: 1_234,
        drift_ppm: 80,
        ..PLAIN
    },
    Pair {
        name: "refused",
        shows: "The server itself refuses: its RST passes",
        target: "10.77.0.2:8080",
        client: |client| refused(client, io::ErrorKind::ConnectionRefused),
        around: false,
        ahead_ms: -61_000,
        ..PLAIN
    },
    Pair {
        name: "asymmetric-delay",
        shows: "20 milliseconds to the server, 60 back; the server's clock is too slow by 80 millionths",
        orders: Orders { delay_ms: [60, 20], ..router::PLAIN },
        client: for_a_while,
        ahead_ms: 12_500,
        drift_ppm: -80,
        ..PLAIN
    },
    Pair {
        name: "doubled",
        shows: "A segment with data is doubled in each direction, with the same IP identification",
        orders: Orders {
            rules: &[
                Rule::nth(1, Side::Server, Kind::Data, Does::Double),
                Rule::nth(1, Side::Client, Kind::Data, Does::Double),
            ],
            ..router::PLAIN
        },
        ahead_ms: 3_000,
        on_the_way: "→ doubled P., ← doubled P.",
        ..PLAIN
    },
    Pair {
        name: "offload",
        shows: "The server leaves it to its network card to cut its data: one frame there, three at the \
                client; checksums of what a host sends are not computed yet",
        client: fetch,
        offload: true,
        ahead_ms: -15_000,
        on_the_way: "← cut . P.",
        ..PLAIN
    },
    Pair {
        name: "reordered",
        shows: "The second of two segments overtakes the first",
        orders: Orders {
            rules: &[Rule::nth(1, Side::Server, Kind::Data, Does::Late(3))],
            delay_ms: [20, 20],
            ..router::PLAIN
        },
        client: two_at_once,
        ahead_ms: -3_600_000,
        on_the_way: "→ reordered P.",
        ..PLAIN
    },
    Pair {
        name: "held-up",
        shows: "One segment waits in the router for 120 milliseconds",
        orders: Orders {
            rules: &[Rule::nth(2, Side::Server, Kind::Data, Does::Hold(120))],
            ..router::PLAIN
        },
        ahead_ms: 7,
        on_the_way: "→ delayed P.",
        ..PLAIN
    },
    Pair {
        name: "same-ttl",
        shows: "A hop gives each segment the time to live 64: it does not tell which point is nearer",
        orders: Orders { ttl: Ttl::Always(64), delay_ms: [5, 5], ..router::PLAIN },
        ahead_ms: -250,
        ..PLAIN
    },
    Pair {
        name: "other-route",
        shows: "From the second segment with data on, the way to the server is three hops longer",
        orders: Orders {
            rules: &[Rule::from(2, Side::Server, Kind::Data, Does::Edit(Edit::Hops(3)))],
            ..router::PLAIN
        },
        ahead_ms: 900,
        on_the_way: "→ changed ttl",
        ..PLAIN
    },
];

fn two_at_once(client: &Client) -> io::Result<()> {
    let mut stream = connected(client)?;
    nap(100);
    say(&mut stream)?;
    say(&mut stream)?;
    hear(&mut stream)?;
    hear(&mut stream)?;
    nap(100);
    close(stream)
}
