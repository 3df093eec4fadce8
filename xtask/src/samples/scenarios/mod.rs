//! What can be recorded: one entry and its two small programs for each sample.
//!
//! A new sample is a new entry in one of the tables: what to prepare in the laboratory, what the
//! server and the client do, which flags tcpdump must see, and the addresses to write into the
//! file. What an entry does not say is as in [`PLAIN`].

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

use super::lab::{Lab, Side};

/// One sample.
pub(super) struct Scenario {
    /// The file's name without its ending.
    pub(super) name: &'static str,
    /// One line for `samples/README.md`.
    pub(super) shows: &'static str,
    /// What the laboratory needs beyond two hosts that reach each other.
    pub(super) prepare: fn(&Lab) -> Result<(), String>,
    /// Runs on the server's side: binds, then says [`ready`], then serves.
    pub(super) server: Option<fn() -> io::Result<()>>,
    /// Runs on the client's side, to its end.
    pub(super) client: fn() -> io::Result<()>,
    /// Recording begins only when the client too has said [`ready`].
    pub(super) late: bool,
    /// What tcpdump records.
    pub(super) filter: &'static str,
    /// Addresses in the laboratory, and what the file says instead.
    pub(super) addresses: &'static [(&'static str, &'static str)],
    /// The flags of all segments in tcpdump's letters, and `ICMP` for each message of it; a
    /// recording that differs is made again.
    pub(super) flags: &'static str,
}

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

/// What most have in common.
const PLAIN: Scenario = Scenario {
    name: "",
    shows: "",
    prepare: nothing,
    server: None,
    client: || Ok(()),
    late: false,
    filter: "tcp",
    addresses: DOCUMENTATION,
    flags: "",
};

/// The networks of RFC 5737, one for each side.
const DOCUMENTATION: &[(&str, &str)] = &[("10.77.0.1", "192.0.2.1"), ("10.77.0.2", "198.51.100.2")];

/// The client's address with a port for those who choose it, and where most servers listen.
const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 1), 40000);
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 2), 7000);

fn nothing(_: &Lab) -> Result<(), String> {
    Ok(())
}

/// Makes what a side sends slow, so that segments of both sides can meet under way: 8000 bit/s,
/// after 100 octets at once. [`busy`] uses those up; the next segment then takes 0.06 seconds and
/// more. tcpdump sees what the client sends when it leaves, and what the server sends when it
/// arrives.
fn slow(lab: &Lab, side: Side) -> Result<(), String> {
    lab.run(side, "tc qdisc add dev eth0 root tbf rate 8kbit burst 100 limit 20000")
}

/// Keeps the line of the sender, who is [`slow`], busy for a moment.
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

/// Adds a rule for what reaches a side, which tcpdump on the other side has seen by then.
fn filter(lab: &Lab, side: Side, rule: &str) -> Result<(), String> {
    // Adding what is there already does nothing.
    lab.run(side, "nft add table inet lab")?;
    lab.run(side, "nft add chain inet lab in { type filter hook input priority 0 ; }")?;
    lab.run(side, &format!("nft add rule inet lab in {rule}"))
}

/// Adds a rule that changes what enters (`prerouting`) or leaves (`postrouting`) the server's side.
fn mangle(lab: &Lab, hook: &str, rule: &str) -> Result<(), String> {
    let side = Side::Server;
    lab.run(side, "nft add table inet lab")?;
    let chain = format!("{{ type filter hook {hook} priority -300 ; }}");
    lab.run(side, &format!("nft add chain inet lab {hook} {chain}"))?;
    lab.run(side, &format!("nft add rule inet lab {hook} {rule}"))
}

/// Newer kernels send the first SYNs again each second; the doubling of RFC 6298 is what most do.
fn double_timeouts(lab: &Lab) -> Result<(), String> {
    lab.set_if_known(Side::Client, "ipv4/tcp_syn_linear_timeouts", "0")
}

/// Listens, tells the recorder so, and takes one client.
fn accept(address: &str) -> io::Result<TcpStream> {
    let listener = TcpListener::bind(address)?;
    ready();
    Ok(listener.accept()?.0)
}

/// What the recorder waits for before it goes on.
fn ready() {
    println!("ready");
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    patient(&stream)?;
    Ok(stream)
}

/// A side that waits for the other for ever would leave the recording hanging.
fn patient(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))
}

/// A server for one client that only says something.
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

/// Says one line and closes; takes its time, so that each step is a segment of its own.
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
fn expect<T>(result: io::Result<T>, wanted: io::ErrorKind) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == wanted => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::other(format!("succeeded instead of: {wanted}"))),
    }
}

fn nap(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds));
}
