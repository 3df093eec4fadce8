//! The same addresses and ports again, and a recording that begins too late.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;

use super::{
    CLIENT, PLAIN, SERVER, Scenario, connect, expect, finish, hear_out, nap, patient, plain_server,
    ready, say_hello,
};
use testkit::socket;

/// The last part of `samples/README.md`.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "port-reuse",
        shows: "The client resets a connection and opens another from the same port",
        server: Some(reset_then_hear_out),
        client: port_reuse_client,
        flags: "S S. . P. . R. S S. . P. . F. . F. .",
        ..PLAIN
    },
    Scenario {
        name: "time-wait-reuse",
        shows: "The client opens a connection from a port that the server still holds in \
                TIME-WAIT",
        server: Some(time_wait_reuse_server),
        client: time_wait_reuse_client,
        flags: "S S. . F. . F. . S S. . P. . F. . F. .",
        ..PLAIN
    },
    Scenario {
        name: "challenge-ack",
        shows: "The client's host crashes and reuses the port: the server still has the old \
                connection and challenges the SYN; an RST clears it, and the next SYN succeeds",
        server: Some(reset_then_hear_out),
        client: challenge_ack_client,
        flags: "S S. . P. . S . R S S. . P. . F. . F. .",
        ..PLAIN
    },
    Scenario {
        name: "midstream",
        shows: "A capture that begins after the handshake",
        server: Some(plain_server),
        client: midstream_client,
        late: true,
        flags: "P. . F. . F. .",
        ..PLAIN
    },
];

/// Serves a client that resets its connection, and then one that closes it.
fn reset_then_hear_out() -> io::Result<()> {
    let listener = TcpListener::bind(SERVER)?;
    ready();
    let (mut first, _) = listener.accept()?;
    patient(&first)?;
    first.read_exact(&mut [0; 7])?;
    expect(first.read(&mut [0]), ErrorKind::ConnectionReset)?;
    hear_out(listener.accept()?.0)
}

fn port_reuse_client() -> io::Result<()> {
    let mut first = socket::connect_from(CLIENT, SERVER)?;
    nap(200);
    first.write_all(b"hello\r\n")?;
    nap(200);
    socket::abort(first)?;
    nap(200);
    say_hello(socket::connect_from(CLIENT, SERVER)?)
}

fn challenge_ack_client() -> io::Result<()> {
    let mut first = socket::connect_from(CLIENT, SERVER)?;
    nap(200);
    first.write_all(b"hello\r\n")?;
    nap(200);
    socket::vanish(first)?;
    nap(200);
    say_hello(socket::connect_from(CLIENT, SERVER)?)
}

fn time_wait_reuse_server() -> io::Result<()> {
    let listener = TcpListener::bind(SERVER)?;
    ready();
    let (mut first, _) = listener.accept()?;
    patient(&first)?;
    // The side that closes first is the one in TIME-WAIT.
    nap(200);
    finish(&mut first)?;
    hear_out(listener.accept()?.0)
}

fn time_wait_reuse_client() -> io::Result<()> {
    hear_out(socket::connect_from(CLIENT, SERVER)?)?;
    nap(200);
    say_hello(socket::connect_from(CLIENT, SERVER)?)
}

fn midstream_client() -> io::Result<()> {
    let stream = connect("10.77.0.2:7000")?;
    ready();
    // tcpdump needs a moment to start.
    nap(1500);
    say_hello(stream)
}
