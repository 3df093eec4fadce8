//! The samples: an entry and two small programs for each.
//!
//! A new sample is a new entry in one of the tables: the preparation of the laboratory, the programs
//! of server and client, the flags that tcpdump must see, and the addresses to write into the file.
//! [`PLAIN`] has the rest.

mod basic;
mod closing;
mod opening;
mod refusing;
mod reuse;
mod stuck;

use std::io::{self, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use super::lab::{Lab, Side};

/// One sample.
pub(super) struct Scenario {
    /// The file's name without its ending.
    pub(super) name: &'static str,
    /// One line for `samples/README.md`.
    pub(super) shows: &'static str,
    /// Changes to two hosts that reach each other.
    pub(super) prepare: &'static [Prepare],
    /// Runs on the server's side: binds, then says [`ready`], then serves.
    pub(super) server: Option<fn() -> io::Result<()>>,
    /// Runs on the client's side, to its end.
    pub(super) client: fn() -> io::Result<()>,
    /// Recording begins only when the client too has said [`ready`].
    pub(super) late: bool,
    /// tcpdump's filter.
    pub(super) filter: &'static str,
    /// Addresses in the laboratory, and those that replace them in the file.
    pub(super) addresses: &'static [(&'static str, &'static str)],
    /// The flags of all segments in tcpdump's letters, and `ICMP` for each message of it; a
    /// recording that differs is made again.
    pub(super) flags: &'static str,
}

/// One change to the laboratory.
#[derive(Clone, Copy)]
pub(super) enum Prepare {
    /// Sets a value below `/proc/sys/net`.
    Set(Side, &'static str, &'static str),
    /// The same for a value that not every kernel has.
    SetIfKnown(Side, &'static str, &'static str),
    /// Runs a command.
    Run(Side, &'static str),
    /// Makes what a side sends slow, so that segments of both sides can meet under way: 8000 bit/s,
    /// after 100 octets at once. [`busy`] uses those up; the next segment then takes 0.06 seconds
    /// and more. tcpdump sees what the client sends when it leaves, and what the server sends when
    /// it arrives.
    Slow(Side),
    /// Adds a rule for packets that reach a side, which tcpdump on the other side has seen by then.
    Filter(Side, &'static str),
    /// Adds a rule that changes packets that enter (`prerouting`) or leave (`postrouting`) the
    /// server.
    Mangle(&'static str, &'static str),
}

impl Prepare {
    /// Makes the change.
    pub(super) fn apply(self, lab: &Lab) -> Result<()> {
        // Adding a table or a chain that is there already does nothing.
        let add_rule = |side, chain, hook, priority, rule| {
            lab.run(side, "nft add table inet lab")?;
            let kind = format!("{{ type filter hook {hook} priority {priority} ; }}");
            lab.run(side, &format!("nft add chain inet lab {chain} {kind}"))?;
            lab.run(side, &format!("nft add rule inet lab {chain} {rule}"))
        };
        match self {
            Self::Set(side, name, value) => lab.set(side, name, value),
            Self::SetIfKnown(side, name, value) => lab.set_if_known(side, name, value),
            Self::Run(side, line) => lab.run(side, line),
            Self::Slow(side) => {
                lab.run(side, "tc qdisc add dev eth0 root tbf rate 8kbit burst 100 limit 20000")
            }
            Self::Filter(side, rule) => add_rule(side, "in", "input", 0, rule),
            Self::Mangle(hook, rule) => add_rule(Side::Server, hook, hook, -300, rule),
        }
    }
}

/// Newer kernels retransmit the first SYNs each second. This has them double the time as RFC 6298
/// does.
const DOUBLE_TIMEOUTS: Prepare =
    Prepare::SetIfKnown(Side::Client, "ipv4/tcp_syn_linear_timeouts", "0");

/// All samples, in the order of `samples/README.md`.
pub(super) fn all() -> impl Iterator<Item = &'static Scenario> {
    let tables = [
        basic::SCENARIOS,
        opening::SCENARIOS,
        refusing::SCENARIOS,
        stuck::SCENARIOS,
        closing::SCENARIOS,
        reuse::SCENARIOS,
    ];
    tables.into_iter().flatten()
}

/// The values that most samples have in common.
const PLAIN: Scenario = Scenario {
    name: "",
    shows: "",
    prepare: &[],
    server: None,
    client: || Ok(()),
    late: false,
    filter: "tcp",
    addresses: DOCUMENTATION,
    flags: "",
};

/// The networks of RFC 5737, one for each side.
const DOCUMENTATION: &[(&str, &str)] = &[("10.77.0.1", "192.0.2.1"), ("10.77.0.2", "198.51.100.2")];

/// The client's address with a port for clients that choose it, and the address of most servers.
const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 1), 40000);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 2), 7000);

/// Keeps the line of a [slow](Prepare::Slow) sender busy for a moment.
fn busy(socket: &UdpSocket, to: SocketAddr) -> io::Result<()> {
    socket.send_to(&[0; 50], to).map(|_| ())
}

/// The server's part of a beat: both sides return at the same time, the server's line is busy.
fn beat_from(server: &UdpSocket) -> io::Result<()> {
    let (_, client) = server.recv_from(&mut [0; 1])?;
    busy(server, client)
}

/// The client's part of a beat.
fn beat() -> io::Result<()> {
    let socket = UdpSocket::bind(CLIENT)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.send_to(&[0], SERVER)?;
    socket.recv(&mut [0; 50]).map(|_| ())
}

/// Listens, tells the recorder so, and takes one client.
fn accept(address: &str) -> io::Result<TcpStream> {
    let listener = TcpListener::bind(address)?;
    ready();
    Ok(listener.accept()?.0)
}

/// Tells the recorder, which waits for it.
pub(super) fn ready() {
    println!("ready");
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    patient(&stream)?;
    Ok(stream)
}

/// Limits the time that a side waits for the other, so that the recording cannot hang.
fn patient(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))
}

/// A server for one client that sends a line and closes.
fn plain_server() -> io::Result<()> {
    hear_out(accept("10.77.0.2:7000")?)
}

/// Reads until the client has closed, and closes after it.
fn hear_out(mut stream: TcpStream) -> io::Result<()> {
    patient(&stream)?;
    io::copy(&mut stream, &mut io::sink())?;
    // Long enough for the kernel to acknowledge the client's FIN before ours goes out.
    nap(200);
    Ok(())
}

/// Sends one line and closes, with pauses, so that each step is a segment of its own.
fn say_hello(mut stream: TcpStream) -> io::Result<()> {
    patient(&stream)?;
    nap(200);
    stream.write_all(b"hello\r\n")?;
    nap(200);
    finish(&mut stream)
}

/// Sends FIN, and waits for the other side's.
fn finish(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    io::copy(stream, &mut io::sink()).map(|_| ())
}

/// Succeeds if `result` is the error that the scenario is about.
pub(super) fn expect<T>(result: io::Result<T>, wanted: io::ErrorKind) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == wanted => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other(format!("succeeded instead of: {wanted}"))),
    }
}

pub(super) fn nap(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds));
}
