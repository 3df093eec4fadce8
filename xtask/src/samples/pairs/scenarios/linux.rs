//! Linux as the router.

use std::io;
use std::net::Ipv4Addr;

use super::super::router::{self, Orders, Translation};
use super::super::talk::{fetch, refused};
use super::{PLAIN, Pair};

/// The seventh part.
pub(super) const PAIRS: &[Pair] = &[
    Pair {
        name: "linux-source-nat",
        shows: "Linux translates the client's address",
        orders: Orders {
            translation: Translation {
                client: Some(Ipv4Addr::new(10, 77, 0, 4)),
                ..router::PLAIN.translation
            },
            ..router::PLAIN
        },
        kernel: &[
            "nft add table ip lab",
            "nft add chain ip lab post { type nat hook postrouting priority 100 ; }",
            "nft add rule ip lab post oif to-server snat to 10.77.0.4",
        ],
        ahead_ms: -7_100_000,
        ..PLAIN
    },
    Pair {
        name: "linux-virtual-address",
        shows: "Linux translates a virtual address to the server's",
        orders: Orders {
            translation: Translation {
                server: Some((Ipv4Addr::new(10, 77, 0, 3), Ipv4Addr::new(10, 77, 0, 2))),
                ..router::PLAIN.translation
            },
            ..router::PLAIN
        },
        kernel: &[
            "nft add table ip lab",
            "nft add chain ip lab pre { type nat hook prerouting priority -100 ; }",
            "nft add rule ip lab pre ip daddr 10.77.0.3 dnat to 10.77.0.2",
        ],
        target: "10.77.0.3:7000",
        ahead_ms: 36_000,
        ..PLAIN
    },
    Pair {
        name: "linux-rejected-rst",
        shows: "Linux rejects the second connection with an RST",
        path: "answered_on_the_way",
        kernel: &[
            "nft add table ip lab",
            "nft add chain ip lab on { type filter hook forward priority 0 ; }",
            "nft add rule ip lab on tcp flags & (syn|ack) == syn numgen inc mod 3 == 1 \
             reject with tcp reset",
        ],
        client: |client| refused(client, io::ErrorKind::ConnectionRefused),
        ahead_ms: -95_000,
        on_the_way: "→ taken S, ← answered R.",
        ..PLAIN
    },
    Pair {
        name: "linux-mss-clamped",
        shows: "Linux lowers the maximum segment size in both directions",
        kernel: &[
            "nft add table ip lab",
            "nft add chain ip lab on { type filter hook forward priority 0 ; }",
            "nft add rule ip lab on tcp flags syn tcp option maxseg size set 1200",
        ],
        client: fetch,
        ahead_ms: 22_000,
        on_the_way: "→ changed mss, ← changed mss",
        ..PLAIN
    },
    Pair {
        name: "linux-syn-proxy",
        shows: "Linux is a SYN proxy",
        path: "proxied",
        kernel: &[
            "sysctl -q -w net.netfilter.nf_conntrack_tcp_loose=0",
            "nft add table ip lab",
            "nft add chain ip lab pre { type filter hook prerouting priority -300 ; }",
            "nft add rule ip lab pre iif to-client tcp flags & (syn|ack) == syn notrack",
            "nft add chain ip lab on { type filter hook forward priority 0 ; }",
            "nft add rule ip lab on ct state invalid,untracked \
             synproxy mss 1460 wscale 7 timestamp sack-perm",
            "nft add rule ip lab on ct state invalid drop",
        ],
        around: false,
        ahead_ms: -12_345,
        on_the_way: "→ taken S ., → injected S ., ← taken S., ← answered S., ← injected .",
        ..PLAIN
    },
];
