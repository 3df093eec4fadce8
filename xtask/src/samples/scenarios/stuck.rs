//! Handshakes that stop half-way, and recordings that show half of one.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use super::Prepare::{Filter, Mangle, Run, Set, Slow};
use super::{
    CLIENT, DOCUMENTATION, DOUBLE_TIMEOUTS, PLAIN, SERVER, Scenario, beat, beat_from, connect,
    expect, nap, plain_server, ready, say_hello,
};
use crate::samples::lab::Side;
use testkit::socket;

/// The fourth part of `samples/README.md`.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "cut-short",
        shows: "A capture that ends right after the SYN",
        prepare: &[Filter(Side::Server, "tcp dport 7000 drop")],
        client: || give_up_after(500),
        flags: "S",
        ..PLAIN
    },
    Scenario {
        name: "synack-dropped",
        shows: "The SYN/ACK is dropped before it reaches the client, which gives up; the server \
                keeps retransmitting it",
        prepare: &[Filter(Side::Client, "tcp flags & (syn|ack) == syn|ack drop")],
        server: Some(|| listen_for(4000)),
        client: synack_dropped_client,
        flags: "S S. S. S.",
        ..PLAIN
    },
    Scenario {
        name: "given-up",
        shows: "The client gives up before the SYN/ACK arrives, and answers it with an RST",
        prepare: &[Slow(Side::Server)],
        server: Some(given_up_server),
        client: given_up_client,
        flags: "S S. R",
        ..PLAIN
    },
    Scenario {
        name: "challenge-unanswered",
        shows: "The client's host crashes and reuses the port; a firewall in front of the client \
                drops the server's challenge ACK",
        prepare: &[
            DOUBLE_TIMEOUTS,
            // SYNs at 0, 1 and 3 seconds, the end at 7.
            Set(Side::Client, "ipv4/tcp_syn_retries", "2"),
            // The server sends no such segment of the first connection.
            Filter(Side::Client, "tcp flags & (fin|syn|rst|ack) == ack drop"),
        ],
        server: Some(challenge_unanswered_server),
        client: challenge_unanswered_client,
        flags: "S S. . S . S . S .",
        ..PLAIN
    },
    Scenario {
        name: "renumbered-synack",
        shows: "A device on the path changes the acknowledgment number of the SYN/ACK, and the \
                client answers with an RST",
        prepare: &[Mangle(
            "postrouting",
            "tcp flags & (syn|ack) == syn|ack tcp ackseq set 1000000",
        )],
        server: Some(|| listen_for(700)),
        client: || give_up_after(500),
        flags: "S S. R S S. R",
        ..PLAIN
    },
    Scenario {
        name: "one-direction",
        shows: "A whole connection, captured in the client's direction only",
        server: Some(plain_server),
        client: || say_hello(connect("10.77.0.2:7000")?),
        filter: "tcp and src host 10.77.0.1",
        flags: "S . P. F. .",
        ..PLAIN
    },
    Scenario {
        name: "backscatter",
        shows: "A SYN with a forged source address: the owner of the address gets a SYN/ACK it \
                never asked for, and answers with an RST",
        prepare: &[
            Run(Side::Client, "ip address add 10.77.0.9/24 dev eth0"),
            Run(
                Side::Server,
                "ip neighbour add 10.77.0.9 lladdr 02:00:00:00:00:01 dev eth0 nud permanent",
            ),
            Mangle("prerouting", "ip saddr 10.77.0.1 tcp dport 7000 ip saddr set 10.77.0.9"),
        ],
        server: Some(|| listen_for(1000)),
        client: || give_up_after(500),
        filter: "tcp and host 10.77.0.9",
        addresses: &[("10.77.0.9", "192.0.2.9"), DOCUMENTATION[1]],
        flags: "S. R",
        ..PLAIN
    },
];

/// Connects and waits in vain for so many milliseconds.
fn give_up_after(milliseconds: u64) -> io::Result<()> {
    let limit = Duration::from_millis(milliseconds);
    expect(TcpStream::connect_timeout(&SocketAddr::V4(SERVER), limit), ErrorKind::TimedOut)
}

/// Listens for so many milliseconds; the kernel answers.
fn listen_for(milliseconds: u64) -> io::Result<()> {
    let _listener = TcpListener::bind(SERVER)?;
    ready();
    nap(milliseconds);
    Ok(())
}

fn synack_dropped_client() -> io::Result<()> {
    give_up_after(500)?;
    // SYN/ACKs again after 1 and 3 seconds.
    nap(3200);
    Ok(())
}

fn given_up_server() -> io::Result<()> {
    let signals = UdpSocket::bind(SERVER)?;
    let _listener = TcpListener::bind(SERVER)?;
    ready();
    beat_from(&signals)?;
    nap(1000);
    Ok(())
}

fn given_up_client() -> io::Result<()> {
    beat()?;
    // Closed while the SYN/ACK is under way.
    drop(socket::start_from(SocketAddrV4::new(*CLIENT.ip(), 40001), SERVER)?);
    nap(500);
    Ok(())
}

fn challenge_unanswered_server() -> io::Result<()> {
    let listener = TcpListener::bind(SERVER)?;
    ready();
    let (first, _) = listener.accept()?;
    nap(8500);
    socket::vanish(first)
}

fn challenge_unanswered_client() -> io::Result<()> {
    let first = socket::connect_from(CLIENT, SERVER)?;
    nap(200);
    socket::vanish(first)?;
    nap(200);
    expect(socket::connect_from(CLIENT, SERVER), ErrorKind::TimedOut)
}
