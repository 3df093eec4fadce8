//! Handshakes that come up, but not in three plain steps.

use std::io::{self, Write};
use std::net::{TcpListener, UdpSocket};

use super::Prepare::{self, Filter, Set, Slow};
use super::{
    CLIENT, PLAIN, SERVER, Scenario, beat, beat_from, connect, finish, hear_out, nap, patient,
    plain_server, ready, say_hello,
};
use crate::samples::lab::Side;
use testkit::socket;

/// Lets clients use Fast Open, 1, and servers that ask for it, 2.
const FAST_OPEN: Prepare = Set(Side::Server, "ipv4/tcp_fastopen", "3");

/// The second part of `samples/README.md`.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "final-ack-lost",
        shows: "The final ACK does not reach the server, which retransmits its SYN/ACK",
        // The first of each hundred bare ACKs is dropped.
        prepare: &[Filter(
            Side::Server,
            "tcp flags & (fin|syn|rst|psh|ack) == ack numgen inc mod 100 < 1 drop",
        )],
        server: Some(plain_server),
        client: patient_client,
        flags: "S S. . S. . P. . F. . F. .",
        ..PLAIN
    },
    Scenario {
        name: "defer-accept",
        shows: "A server with `TCP_DEFER_ACCEPT` waits for data, ignores the bare final ACK and \
                retransmits its SYN/ACK",
        server: Some(defer_accept_server),
        client: patient_client,
        flags: "S S. . S. . P. . F. . F. .",
        ..PLAIN
    },
    Scenario {
        name: "syn-cookies",
        shows: "A server that keeps no state before the final ACK because it uses SYN cookies",
        // 1, the default, would use them only when too many handshakes are unfinished.
        prepare: &[Set(Side::Server, "ipv4/tcp_syncookies", "2")],
        server: Some(plain_server),
        client: || say_hello(connect("10.77.0.2:7000")?),
        flags: "S S. . P. . F. . F. .",
        ..PLAIN
    },
    Scenario {
        name: "fast-open",
        shows: "Fast Open: the first connection fetches the cookie; the second sends data in its \
                SYN, and the server accepts it",
        prepare: &[FAST_OPEN],
        server: Some(fast_open_server),
        client: fast_open_client,
        flags: "S S. P. . F. . F. . S S. . F. . F. .",
        ..PLAIN
    },
    Scenario {
        name: "fast-open-ignored",
        shows: "Data in the SYN with a valid cookie, but the server acknowledges only the SYN, \
                and the client sends the data again",
        prepare: &[FAST_OPEN],
        server: Some(fast_open_ignored_server),
        client: fast_open_ignored_client,
        filter: "tcp port 7001",
        flags: "S S. P. . F. . F. .",
        ..PLAIN
    },
    Scenario {
        name: "simultaneous-open",
        shows: "Both sides connect to each other at the same time; their SYNs cross",
        prepare: &[Slow(Side::Server)],
        server: Some(simultaneous_open_server),
        client: simultaneous_open_client,
        flags: "S S S. S. . . P. . F. . F. .",
        ..PLAIN
    },
];

/// Sends nothing until the server has retransmitted its SYN/ACK.
fn patient_client() -> io::Result<()> {
    let stream = connect("10.77.0.2:7000")?;
    nap(4000);
    say_hello(stream)
}

fn defer_accept_server() -> io::Result<()> {
    let listener = TcpListener::bind(SERVER)?;
    socket::set(&listener, socket::DeferAccept, 2)?;
    ready();
    hear_out(listener.accept()?.0)
}

fn fast_open_server() -> io::Result<()> {
    let listener = fast_open_listener()?;
    ready();
    for _ in 0..2 {
        hear_out(listener.accept()?.0)?;
    }
    Ok(())
}

fn fast_open_listener() -> io::Result<TcpListener> {
    let listener = TcpListener::bind(SERVER)?;
    socket::set(&listener, socket::FastOpen, 5)?;
    Ok(listener)
}

fn fast_open_client() -> io::Result<()> {
    for line in ["hello\r\n", "hello again\r\n"] {
        let mut stream = socket::connect_with(line.as_bytes(), SERVER)?;
        patient(&stream)?;
        nap(200);
        finish(&mut stream)?;
        nap(200);
    }
    Ok(())
}

fn fast_open_ignored_server() -> io::Result<()> {
    let listener = fast_open_listener()?;
    // A client knows the cookie of a host, not of a port.
    let without = TcpListener::bind("10.77.0.2:7001")?;
    ready();
    hear_out(listener.accept()?.0)?;
    hear_out(without.accept()?.0)
}

fn fast_open_ignored_client() -> io::Result<()> {
    for port in [7000, 7001] {
        let mut server = SERVER;
        server.set_port(port);
        let mut stream = socket::connect_with(b"hello\r\n", server)?;
        patient(&stream)?;
        nap(200);
        finish(&mut stream)?;
        nap(200);
    }
    Ok(())
}

fn simultaneous_open_server() -> io::Result<()> {
    let signals = UdpSocket::bind(SERVER)?;
    ready();
    beat_from(&signals)?;
    hear_out(socket::connect_from(SERVER, CLIENT)?)
}

fn simultaneous_open_client() -> io::Result<()> {
    beat()?;
    // The server's SYN is on its way now, and takes longer.
    nap(20);
    let mut stream = socket::connect_from(CLIENT, SERVER)?;
    patient(&stream)?;
    nap(500);
    stream.write_all(b"hello\r\n")?;
    nap(500);
    finish(&mut stream)
}
