//! Connections that the router ends.

use std::io::{self, Read, Write};

use testkit::kernel::Side;

use super::super::router::{self, Does, Kind, Orders, Rule};
use super::super::talk::{Client, connected, hear, say};
use super::{IPV6, PLAIN, Pair};
use crate::samples::scenarios::nap;

const fn resetting(rules: &'static [Rule]) -> Orders {
    Orders { rules, ..router::PLAIN }
}

const TO_CLIENT: &[Rule] = &[Rule::nth(1, Side::Server, Kind::Data, Does::Reset(&[Side::Client]))];

/// The sixth part.
pub(super) const PAIRS: &[Pair] = &[
    Pair {
        name: "reset-to-client",
        shows: "A device on the way sends the client an RST in the server's name",
        path: "rst_injected",
        orders: resetting(TO_CLIENT),
        client: ended,
        ahead_ms: -7_200_000,
        on_the_way: "← injected R",
        ..PLAIN
    },
    Pair {
        name: "reset-to-client-ipv6",
        shows: "The same over IPv6",
        path: "rst_injected",
        orders: resetting(TO_CLIENT),
        target: IPV6,
        client: ended,
        ahead_ms: 40_000,
        on_the_way: "← injected R",
        ..PLAIN
    },
    Pair {
        name: "reset-to-server",
        shows: "A device on the way sends the server an RST in the client's name",
        path: "rst_injected",
        orders: resetting(&[Rule::nth(1, Side::Server, Kind::Data, Does::Reset(&[Side::Server]))]),
        client: ended,
        ahead_ms: -33_000,
        on_the_way: "→ injected R",
        ..PLAIN
    },
    Pair {
        name: "reset-to-both",
        shows: "A device on the way sends an RST to both ends",
        path: "rst_injected",
        orders: resetting(&[Rule::nth(
            1,
            Side::Server,
            Kind::Data,
            Does::Reset(&[Side::Client, Side::Server]),
        )]),
        client: ended,
        ahead_ms: 100,
        on_the_way: "→ injected R, ← injected R",
        ..PLAIN
    },
    Pair {
        name: "forgotten-reset",
        shows: "After the second line the router knows nothing of the connection, and answers each \
                segment of it with an RST",
        path: "rst_injected",
        orders: resetting(&[Rule::nth(2, Side::Server, Kind::Data, Does::ForgetAndReset)]),
        client: forgotten,
        ahead_ms: -600_000,
        on_the_way: "→ taken P., → answered R, ← taken P., ← answered R",
        ..PLAIN
    },
];

/// Goes on until the connection is reset.
fn ended(client: &Client) -> io::Result<()> {
    let mut stream = connected(client)?;
    nap(100);
    say(&mut stream)?;
    nap(100);
    let again = say(&mut stream);
    nap(100);
    again.and_then(|()| until_reset(&mut stream)).or_else(expected)
}

fn forgotten(client: &Client) -> io::Result<()> {
    let mut stream = connected(client)?;
    nap(100);
    say(&mut stream)?;
    hear(&mut stream)?;
    nap(100);
    say(&mut stream)?;
    nap(100);
    stream.write_all(b"anybody there?\r\n")?;
    nap(100);
    until_reset(&mut stream).or_else(expected)
}

fn until_reset(stream: &mut std::net::TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 100])? > 0 {}
    Err(io::Error::other("the connection was closed, not reset"))
}

fn expected(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    }
}
