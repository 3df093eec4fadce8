//! The router answers in place of the server.

use std::io;

use testkit::kernel::Side;

use super::super::router::{self, Answer, Does, Kind, Orders, Proxy, Rule};
use super::super::talk::{fetch, refused};
use super::{IPV6, PLAIN, Pair};

/// A firewall. The kernel does not believe an ICMP error that comes back while it is still in
/// connect(), hence the delay.
const fn rejecting(rules: &'static [Rule]) -> Orders {
    Orders { rules, delay_ms: [10, 10], ..router::PLAIN }
}

const ICMP: &[Rule] = &[Rule::all(Side::Server, Kind::Syn, Does::Reject(Answer::AdminProhibited))];

/// The third part.
pub(super) const PAIRS: &[Pair] = &[
    Pair {
        name: "rejected-rst",
        shows: "A firewall answers the SYN with an RST in the server's name",
        path: "answered_on_the_way",
        orders: rejecting(&[Rule::all(Side::Server, Kind::Syn, Does::Reject(Answer::Rst))]),
        client: |client| refused(client, io::ErrorKind::ConnectionRefused),
        ahead_ms: -7_199_500,
        on_the_way: "→ taken S, ← answered R.",
        ..PLAIN
    },
    Pair {
        name: "rejected-icmp",
        shows: "A firewall answers the SYN with ICMP, administratively prohibited",
        path: "answered_on_the_way",
        orders: rejecting(ICMP),
        client: |client| refused(client, io::ErrorKind::HostUnreachable),
        ahead_ms: 8_000,
        on_the_way: "→ taken S, ← answered ICMP",
        ..PLAIN
    },
    Pair {
        name: "rejected-icmp-ipv6",
        shows: "The same over IPv6",
        path: "answered_on_the_way",
        orders: rejecting(ICMP),
        target: IPV6,
        client: |client| refused(client, io::ErrorKind::PermissionDenied),
        ahead_ms: -8_000,
        on_the_way: "→ taken S, ← answered ICMP",
        ..PLAIN
    },
    Pair {
        name: "path-mtu",
        shows: "Segments too large for the rest of the way: the router tells the server so by ICMP, and \
                it sends smaller ones",
        path: "lossy",
        orders: rejecting(&[Rule::all(
            Side::Client,
            Kind::Longer(1248),
            Does::Reject(Answer::TooBig(1300)),
        )]),
        client: fetch,
        ahead_ms: 14_000,
        on_the_way: "→ answered ICMP ICMP, ← taken . P.",
        ..PLAIN
    },
    Pair {
        name: "syn-proxy",
        shows: "A SYN proxy answers the client and opens a connection of its own to the server, \
                with other numbers on both sides",
        path: "proxied",
        orders: Orders { proxy: Some(Proxy::OwnNumber), ..router::PLAIN },
        around: false,
        ahead_ms: 25_000,
        on_the_way: "→ taken S ., → injected S ., ← taken S., ← answered S., ← injected .",
        ..PLAIN
    },
    Pair {
        name: "syn-proxy-linux",
        shows: "The same as Linux does it: with the client's own initial sequence number",
        path: "proxied",
        orders: Orders { proxy: Some(Proxy::ClientsNumber), delay_ms: [5, 5], ..router::PLAIN },
        around: false,
        ahead_ms: -1_000_000,
        on_the_way: "→ taken S ., → injected S ., ← taken S., ← answered S., ← injected .",
        ..PLAIN
    },
];
