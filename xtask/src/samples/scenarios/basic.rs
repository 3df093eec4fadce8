//! The ordinary: a connection, none, and one that is reset.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::Prepare::{Run, Set};
use super::{DOUBLE_TIMEOUTS, PLAIN, Scenario, accept, connect, expect, finish, hear_out, nap};
use crate::samples::lab::Side;

/// The first of `samples/README.md`.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "telnet-dns",
        shows: "Telnet to port 53: handshake, two typed lines, a close in four segments",
        server: Some(telnet_server),
        client: telnet_client,
        addresses: &[("10.77.0.1", "192.168.210.102"), ("10.77.0.2", "168.126.63.1")],
        flags: "S S. . P. . P. . F. . F. .",
        ..PLAIN
    },
    Scenario {
        name: "refused",
        shows: "A SYN to a closed port, answered by an RST",
        client: refused_client,
        flags: "S R.",
        ..PLAIN
    },
    Scenario {
        name: "no-reply",
        shows: "A SYN without an answer, retransmitted after 1, 2 and 4 seconds",
        // The client believes that 10.77.0.3 is at the server's Ethernet address. The server does not
        // own that address, does not forward, and sends no ICMP.
        prepare: &[
            Set(Side::Server, "ipv4/ip_forward", "0"),
            Run(
                Side::Client,
                "ip neighbour add 10.77.0.3 lladdr 02:00:00:00:00:02 dev eth0 nud permanent",
            ),
            DOUBLE_TIMEOUTS,
        ],
        client: no_reply_client,
        filter: "tcp or icmp",
        addresses: &[("10.77.0.1", "192.0.2.1"), ("10.77.0.3", "198.51.100.3")],
        flags: "S S S S",
        ..PLAIN
    },
    Scenario {
        name: "reset",
        shows: "An open connection that the server resets because it closes its socket with \
                unread data",
        server: Some(reset_server),
        client: reset_client,
        flags: "S S. . P. . P. . P. . R.",
        ..PLAIN
    },
    Scenario {
        name: "ipv6",
        shows: "A whole connection over IPv6, closed by the server first",
        server: Some(ipv6_server),
        client: ipv6_client,
        addresses: &[("fd77::1", "2001:db8:1::1"), ("fd77::2", "2001:db8:2::2")],
        flags: "S S. . P. . P. . F. . F. .",
        ..PLAIN
    },
];

fn telnet_server() -> io::Result<()> {
    // A DNS server takes `he` for a length and waits for the rest.
    hear_out(accept("10.77.0.2:53")?)
}

fn telnet_client() -> io::Result<()> {
    let mut stream = connect("10.77.0.2:53")?;
    // Pauses as in typing. Without the first, the final ACK would carry the data.
    for line in ["hello\r\n", "quit\r\n"] {
        nap(300);
        stream.write_all(line.as_bytes())?;
    }
    nap(300);
    finish(&mut stream)
}

fn refused_client() -> io::Result<()> {
    expect(TcpStream::connect("10.77.0.2:8080"), io::ErrorKind::ConnectionRefused)
}

fn no_reply_client() -> io::Result<()> {
    let server = ([10, 77, 0, 3], 443).into();
    // Sent at 0, 1, 3 and 7 seconds; the next would come at 15.
    let limit = Duration::from_secs(9);
    expect(TcpStream::connect_timeout(&server, limit), io::ErrorKind::TimedOut)
}

fn reset_server() -> io::Result<()> {
    let mut stream = accept("10.77.0.2:7000")?;
    stream.read_exact(&mut [0; 7])?;
    nap(200);
    stream.write_all(b"one moment\r\n")?;
    // The client's second line has arrived by then; closing without reading it resets.
    nap(800);
    Ok(())
}

fn reset_client() -> io::Result<()> {
    let mut stream = connect("10.77.0.2:7000")?;
    nap(200);
    stream.write_all(b"hello\r\n")?;
    stream.read_exact(&mut [0; 12])?;
    nap(200);
    stream.write_all(b"anybody there?\r\n")?;
    expect(stream.read(&mut [0; 1]), io::ErrorKind::ConnectionReset)
}

fn ipv6_server() -> io::Result<()> {
    let mut stream = accept("[fd77::2]:7000")?;
    stream.read_exact(&mut [0; 7])?;
    nap(200);
    stream.write_all(b"good day\r\n")?;
    nap(200);
    finish(&mut stream)
}

fn ipv6_client() -> io::Result<()> {
    let mut stream = connect("[fd77::2]:7000")?;
    nap(200);
    stream.write_all(b"hello\r\n")?;
    io::copy(&mut stream, &mut io::sink())?;
    nap(200);
    Ok(())
}
