//! Other ways to close.

use std::io::{self, Read, Write};
use std::net::{TcpListener, UdpSocket};

use super::Prepare::Slow;
use super::{
    PLAIN, SERVER, Scenario, accept, beat, beat_from, connect, finish, nap, patient, ready,
};
use crate::samples::lab::Side;

/// The fourth part of `samples/README.md`.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "half-close",
        shows: "The client closes its direction after the request; the response comes a second \
                later",
        server: Some(half_close_server),
        client: half_close_client,
        flags: "S S. . P. . F. . P. . P. . F. .",
        ..PLAIN
    },
    Scenario {
        name: "simultaneous-close",
        shows: "Both sides close at the same time; their FINs cross",
        prepare: &[Slow(Side::Server)],
        server: Some(simultaneous_close_server),
        client: simultaneous_close_client,
        flags: "S S. . P. . F. F. . .",
        ..PLAIN
    },
];

fn half_close_server() -> io::Result<()> {
    let mut stream = accept("10.77.0.2:7000")?;
    patient(&stream)?;
    let mut question = Vec::new();
    stream.read_to_end(&mut question)?;
    for line in ["forty\r\n", "two\r\n"] {
        nap(1000);
        stream.write_all(line.as_bytes())?;
    }
    nap(200);
    Ok(())
}

fn half_close_client() -> io::Result<()> {
    let mut stream = connect("10.77.0.2:7000")?;
    nap(200);
    stream.write_all(b"what is six times seven?\r\n")?;
    nap(200);
    finish(&mut stream)
}

fn simultaneous_close_server() -> io::Result<()> {
    let signals = UdpSocket::bind(SERVER)?;
    let listener = TcpListener::bind(SERVER)?;
    ready();
    let (mut stream, _) = listener.accept()?;
    patient(&stream)?;
    stream.read_exact(&mut [0; 7])?;
    beat_from(&signals)?;
    finish(&mut stream)
}

fn simultaneous_close_client() -> io::Result<()> {
    let mut stream = connect("10.77.0.2:7000")?;
    nap(300);
    stream.write_all(b"hello\r\n")?;
    nap(500);
    beat()?;
    // The server's FIN is on its way now, and takes longer.
    nap(20);
    finish(&mut stream)
}
