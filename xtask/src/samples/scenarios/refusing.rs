//! Handshakes that do not come up.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use super::Prepare::{self, Filter, Set, Slow};
use super::{
    CLIENT, DOUBLE_TIMEOUTS, PLAIN, SERVER, Scenario, beat, beat_from, busy, connect, expect, nap,
    patient, ready,
};
use crate::samples::lab::Side;
use testkit::socket;

const ICMP_REJECT: &[Prepare] = &[
    Filter(Side::Server, "tcp dport 7000 reject with icmpx port-unreachable"),
    Filter(Side::Server, "tcp dport 7001 reject with icmpx admin-prohibited"),
    // The kernel does not believe an error that comes back while it is still in connect().
    Slow(Side::Client),
    Filter(Side::Server, "meta l4proto udp drop"),
];

/// The third part of `samples/README.md`.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "accept-queue-full",
        shows: "The server does not accept connections: two wait in its queue, and the SYNs of \
                the third are dropped silently",
        prepare: &[DOUBLE_TIMEOUTS],
        server: Some(accept_queue_full_server),
        client: accept_queue_full_client,
        flags: "S S. . S S. . S S S S",
        ..PLAIN
    },
    Scenario {
        name: "not-accepted",
        shows: "The server's accept queue is full when the final ACK arrives: it drops the ACK \
                and keeps retransmitting its SYN/ACK",
        prepare: &[Slow(Side::Server)],
        server: Some(not_accepted_server),
        client: not_accepted_client,
        filter: "tcp port 40002",
        flags: "S S. . S. . S. .",
        ..PLAIN
    },
    Scenario {
        name: "abort-on-overflow",
        shows: "The same with `tcp_abort_on_overflow`: the server answers the final ACK with an \
                RST",
        prepare: &[Slow(Side::Server), Set(Side::Server, "ipv4/tcp_abort_on_overflow", "1")],
        server: Some(not_accepted_server),
        client: abort_on_overflow_client,
        filter: "tcp port 40002",
        flags: "S S. . R",
        ..PLAIN
    },
    Scenario {
        name: "icmp-reject",
        shows: "A firewall rejects with ICMP errors: port unreachable, then administratively \
                prohibited",
        prepare: ICMP_REJECT,
        client: || icmp_reject("10.77.0.2", ErrorKind::HostUnreachable),
        filter: "tcp or icmp",
        flags: "S ICMP S ICMP",
        ..PLAIN
    },
    Scenario {
        name: "icmp-reject-ipv6",
        shows: "The same over IPv6",
        prepare: ICMP_REJECT,
        client: || icmp_reject("[fd77::2]", ErrorKind::PermissionDenied),
        // The only ICMPv6 type recorded is destination unreachable: the others are neighbour
        // discovery.
        filter: "tcp or (icmp6 and ip6[40] == 1)",
        addresses: &[("fd77::1", "2001:db8:1::1"), ("fd77::2", "2001:db8:2::2")],
        flags: "S ICMP S ICMP",
        ..PLAIN
    },
];

fn accept_queue_full_server() -> io::Result<()> {
    let listener = short_queue()?;
    ready();
    nap(10_000);
    let waiting = [listener.accept()?.0, listener.accept()?.0];
    waiting.into_iter().try_for_each(socket::vanish)
}

/// A listener with room for two connections that have not been accepted yet.
fn short_queue() -> io::Result<TcpListener> {
    let listener = TcpListener::bind(SERVER)?;
    socket::set_backlog(&listener, 1)?;
    Ok(listener)
}

fn accept_queue_full_client() -> io::Result<()> {
    let mut waiting = Vec::new();
    for _ in 0..2 {
        waiting.push(connect("10.77.0.2:7000")?);
        nap(200);
    }
    // SYNs at 0, 1, 3 and 7 seconds.
    let limit = Duration::from_secs(9);
    let third = TcpStream::connect_timeout(&SocketAddr::V4(SERVER), limit);
    expect(third, ErrorKind::TimedOut)?;
    waiting.into_iter().try_for_each(socket::vanish)
}

/// The queue holds one connection already, so that only one of the two that begin together finds
/// room. The filter leaves the other two connections out of the recording.
fn not_accepted_server() -> io::Result<()> {
    let signals = UdpSocket::bind(SERVER)?;
    let listener = short_queue()?;
    ready();
    beat_from(&signals)?;
    nap(5000);
    let waiting = [listener.accept()?.0, listener.accept()?.0];
    waiting.into_iter().try_for_each(socket::vanish)
}

fn not_accepted_client() -> io::Result<()> {
    let three = three_at_a_short_queue()?;
    // SYN/ACKs again after 1 and 3 seconds, the next would come after 7.
    nap(4000);
    three.into_iter().try_for_each(socket::vanish)
}

fn abort_on_overflow_client() -> io::Result<()> {
    let [first, second, mut third] = three_at_a_short_queue()?;
    nap(500);
    third.set_nonblocking(false)?;
    patient(&third)?;
    expect(third.read(&mut [0]), ErrorKind::ConnectionReset)?;
    [first, second].into_iter().try_for_each(socket::vanish)
}

/// The last two are under way together: both have their SYN/ACK before one is in the queue.
fn three_at_a_short_queue() -> io::Result<[TcpStream; 3]> {
    let from = |port| SocketAddrV4::new(*CLIENT.ip(), port);
    let first = socket::connect_from(from(40000), SERVER)?;
    beat()?;
    let second = socket::start_from(from(40001), SERVER)?;
    let third = socket::start_from(from(40002), SERVER)?;
    Ok([first, second, third])
}

fn icmp_reject(server: &str, prohibited: ErrorKind) -> io::Result<()> {
    let line = UdpSocket::bind(CLIENT)?;
    busy(&line, SERVER.into())?;
    expect(TcpStream::connect(format!("{server}:7000")), ErrorKind::ConnectionRefused)?;
    nap(200);
    busy(&line, SERVER.into())?;
    expect(TcpStream::connect(format!("{server}:7001")), prohibited)
}
