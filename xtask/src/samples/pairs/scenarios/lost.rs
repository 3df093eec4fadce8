//! Segments that do not arrive.

use std::io;

use testkit::kernel::Side;
use testkit::socket;

use super::super::router::{self, Does, Kind, Orders, Rule};
use super::super::talk::{Client, connected, fetch, hear, in_vain, say};
use super::{DOUBLE_TIMEOUTS, IPV6, PLAIN, Pair};
use crate::samples::scenarios::nap;

const fn with(rules: &'static [Rule]) -> Orders {
    Orders { rules, ..router::PLAIN }
}

/// The second part.
pub(super) const PAIRS: &[Pair] = &[
    Pair {
        name: "syn-lost",
        shows: "No copy of the SYN arrives",
        path: "syn_lost",
        prepare: &[DOUBLE_TIMEOUTS],
        orders: with(&[Rule::all(Side::Server, Kind::Syn, Does::Lose)]),
        client: |client| in_vain(client, 3500),
        ahead_ms: -7_200_000,
        on_the_way: "→ lost S S S",
        ..PLAIN
    },
    Pair {
        name: "syn-lost-ipv6",
        shows: "The same over IPv6, in files that say when each capture began and ended",
        path: "syn_lost",
        prepare: &[DOUBLE_TIMEOUTS],
        orders: with(&[Rule::all(Side::Server, Kind::Syn, Does::Lose)]),
        target: IPV6,
        client: |client| in_vain(client, 3500),
        ahead_ms: 40_000,
        statistics: true,
        on_the_way: "→ lost S S S",
        ..PLAIN
    },
    Pair {
        name: "syn-lost-once",
        shows: "The first copy of the SYN is lost, the second arrives",
        path: "lossy",
        prepare: &[DOUBLE_TIMEOUTS],
        orders: with(&[Rule::nth(1, Side::Server, Kind::Syn, Does::Lose)]),
        ahead_ms: 250,
        on_the_way: "→ lost S",
        ..PLAIN
    },
    Pair {
        name: "synack-lost",
        shows: "No copy of the SYN/ACK arrives",
        path: "synack_lost",
        orders: with(&[Rule::all(Side::Client, Kind::SynAck, Does::Lose)]),
        client: synack_lost,
        ahead_ms: -3_599_000,
        on_the_way: "← lost S. S. S.",
        ..PLAIN
    },
    Pair {
        name: "synack-lost-once",
        shows: "The first copy of the SYN/ACK is lost, the second arrives",
        path: "lossy",
        prepare: &[DOUBLE_TIMEOUTS],
        orders: with(&[Rule::nth(1, Side::Client, Kind::SynAck, Does::Lose)]),
        ahead_ms: 17_000,
        on_the_way: "← lost S.",
        ..PLAIN
    },
    Pair {
        name: "synack-lost-twice",
        shows: "The second SYN crosses the server's second SYN/ACK, which is lost as the first was; the \
                third answers that SYN a moment later, and looks like the second",
        path: "lossy",
        prepare: &[DOUBLE_TIMEOUTS],
        orders: with(&[
            Rule::nth(1, Side::Client, Kind::SynAck, Does::Lose),
            Rule::nth(2, Side::Client, Kind::SynAck, Does::Lose),
        ]),
        ahead_ms: 6_500,
        on_the_way: "← lost S. S.",
        ..PLAIN
    },
    Pair {
        name: "final-ack-lost",
        shows: "No ACK of the client arrives, and it sends nothing else: the server repeats its SYN/ACK",
        path: "final_ack_lost",
        orders: with(&[Rule::all(Side::Server, Kind::BareAck, Does::Lose)]),
        client: silent,
        ahead_ms: -90_000,
        on_the_way: "→ lost . . .",
        ..PLAIN
    },
    Pair {
        name: "final-ack-lost-data-follows",
        shows: "The final ACK is lost, and the data behind it confirms the handshake",
        path: "lossy",
        orders: with(&[Rule::nth(1, Side::Server, Kind::BareAck, Does::Lose)]),
        ahead_ms: 31_000,
        on_the_way: "→ lost .",
        ..PLAIN
    },
    Pair {
        name: "data-lost-to-server",
        shows: "A segment with the client's data is lost and repeated",
        path: "lossy",
        orders: with(&[Rule::nth(1, Side::Server, Kind::Data, Does::Lose)]),
        ahead_ms: -5_400_000,
        on_the_way: "→ lost P.",
        ..PLAIN
    },
    Pair {
        name: "data-lost-to-client",
        shows: "A segment with the server's data is lost and repeated",
        path: "lossy",
        orders: with(&[Rule::nth(1, Side::Client, Kind::Data, Does::Lose)]),
        ahead_ms: 39_000,
        on_the_way: "← lost P.",
        ..PLAIN
    },
    Pair {
        name: "data-lost-sack",
        shows: "The second of three segments is lost; the client's SACK says so, and the server repeats it",
        path: "lossy",
        orders: with(&[Rule::nth(2, Side::Client, Kind::Data, Does::Lose)]),
        client: fetch,
        ahead_ms: -1_800_000,
        on_the_way: "← lost .",
        ..PLAIN
    },
    Pair {
        name: "data-lost-offload",
        shows: "The same where the three are one frame at the server",
        path: "lossy",
        orders: with(&[Rule::nth(2, Side::Client, Kind::Data, Does::Lose)]),
        client: fetch,
        offload: true,
        ahead_ms: -1_700_000,
        on_the_way: "← lost ., ← cut . P.",
        ..PLAIN
    },
    Pair {
        name: "bare-ack-lost",
        shows: "An ACK without data is lost; nobody notices",
        path: "lossy",
        orders: with(&[Rule::nth(2, Side::Server, Kind::BareAck, Does::Lose)]),
        ahead_ms: 5_000,
        on_the_way: "→ lost .",
        ..PLAIN
    },
    Pair {
        name: "fin-lost",
        shows: "The client's FIN is lost and repeated",
        path: "lossy",
        orders: with(&[Rule::nth(1, Side::Server, Kind::Fin, Does::Lose)]),
        ahead_ms: -777_000,
        on_the_way: "→ lost F.",
        ..PLAIN
    },
    Pair {
        name: "rst-lost",
        shows: "The client ends the connection with an RST, which is lost",
        path: "lossy",
        orders: with(&[Rule::all(Side::Server, Kind::Rst, Does::Lose)]),
        client: reset,
        ahead_ms: 1_500,
        on_the_way: "→ lost R.",
        ..PLAIN
    },
    Pair {
        name: "elsewhere",
        shows: "The client tries a server that the server's point knows nothing of",
        path: "one_point",
        prepare: &[DOUBLE_TIMEOUTS],
        orders: with(&[Rule::all(Side::Server, Kind::Syn, Does::Lose)]),
        client: |client| in_vain(&client.to("10.77.0.3:7000"), 3500),
        ahead_ms: -2_400_000,
        on_the_way: "→ lost S S S",
        ..PLAIN
    },
    Pair {
        name: "forgotten",
        shows: "After the second line nothing passes any more, in either direction",
        path: "cut_off",
        orders: with(&[Rule::nth(2, Side::Server, Kind::Data, Does::Forget)]),
        client: cut_off,
        ahead_ms: -42_000,
        on_the_way: "→ lost P. P. P. P., ← lost P. P. P. P. P.",
        ..PLAIN
    },
];

fn synack_lost(client: &Client) -> io::Result<()> {
    in_vain(client, 500)?;
    // SYN/ACKs again after 1 and 3 seconds.
    nap(3000);
    Ok(())
}

fn silent(client: &Client) -> io::Result<()> {
    let stream = connected(client)?;
    // SYN/ACKs again after 1 and 3 seconds.
    nap(3500);
    socket::vanish(stream)
}

fn reset(client: &Client) -> io::Result<()> {
    let mut stream = connected(client)?;
    nap(100);
    say(&mut stream)?;
    hear(&mut stream)?;
    nap(100);
    socket::abort(stream)
}

fn cut_off(client: &Client) -> io::Result<()> {
    let mut stream = connected(client)?;
    nap(100);
    say(&mut stream)?;
    hear(&mut stream)?;
    nap(100);
    say(&mut stream)?;
    nap(2500);
    socket::vanish(stream)
}
