//! What can be recorded: one entry of [`SCENARIOS`] and its two small programs for each sample.
//!
//! A new sample is a new entry: what to prepare in the laboratory, what the server and the client
//! do with `std::net`, which flags tcpdump must see, and the addresses to write into the file.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
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
    /// Runs on the server's side: binds, then says [`ready`], then serves one client.
    pub(super) server: Option<fn() -> io::Result<()>>,
    /// Runs on the client's side, to its end.
    pub(super) client: fn() -> io::Result<()>,
    /// What tcpdump records.
    pub(super) filter: &'static str,
    /// Addresses in the laboratory, and what the file says instead.
    pub(super) addresses: &'static [(&'static str, &'static str)],
    /// The flags of all segments in tcpdump's letters; a recording that differs is made again.
    pub(super) flags: &'static str,
}

/// All samples, in the order of `samples/README.md`.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "telnet-dns",
        shows: "Telnet to port 53: handshake, two typed lines, a close in four segments",
        prepare: nothing,
        server: Some(telnet_server),
        client: telnet_client,
        filter: "tcp",
        addresses: &[("10.77.0.1", "192.168.210.102"), ("10.77.0.2", "168.126.63.1")],
        flags: "S S. . P. . P. . F. . F. .",
    },
    Scenario {
        name: "refused",
        shows: "A SYN to a port where nobody listens, answered by a reset",
        prepare: nothing,
        server: None,
        client: refused_client,
        filter: "tcp",
        addresses: DOCUMENTATION,
        flags: "S R.",
    },
    Scenario {
        name: "no-reply",
        shows: "A SYN that nobody answers, sent again after 1, 2 and 4 seconds",
        prepare: no_reply_prepare,
        server: None,
        client: no_reply_client,
        filter: "tcp or icmp",
        addresses: &[("10.77.0.1", "192.0.2.1"), ("10.77.0.3", "198.51.100.3")],
        flags: "S S S S",
    },
    Scenario {
        name: "reset",
        shows: "An open connection that the server resets, because it closes with octets unread",
        prepare: nothing,
        server: Some(reset_server),
        client: reset_client,
        filter: "tcp",
        addresses: DOCUMENTATION,
        flags: "S S. . P. . P. . P. . R.",
    },
    Scenario {
        name: "ipv6",
        shows: "A whole connection over IPv6, closed by the server first",
        prepare: nothing,
        server: Some(ipv6_server),
        client: ipv6_client,
        filter: "tcp",
        addresses: &[("fd77::1", "2001:db8:1::1"), ("fd77::2", "2001:db8:2::2")],
        flags: "S S. . P. . P. . F. . F. .",
    },
];

/// The networks of RFC 5737, one for each side.
const DOCUMENTATION: &[(&str, &str)] = &[("10.77.0.1", "192.0.2.1"), ("10.77.0.2", "198.51.100.2")];

fn nothing(_: &Lab) -> Result<(), String> {
    Ok(())
}

fn telnet_server() -> io::Result<()> {
    let mut stream = accept("10.77.0.2:53")?;
    // A DNS server takes `he` for a length and waits for the rest.
    io::copy(&mut stream, &mut io::sink())?;
    // Long enough for the kernel to acknowledge the client's FIN before ours goes out.
    nap(200);
    Ok(())
}

fn telnet_client() -> io::Result<()> {
    let mut stream = connect("10.77.0.2:53")?;
    // The pauses of somebody who types; without the first, the data would ride on the third step.
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

fn no_reply_prepare(lab: &Lab) -> Result<(), String> {
    // The client believes that 10.77.0.3 is at the server's Ethernet address; the server does not
    // own that address, does not forward, and is silent. Nobody sends ICMP.
    lab.set(Side::Server, "ipv4/ip_forward", "0")?;
    lab.run(
        Side::Client,
        &format!("ip neighbour add 10.77.0.3 lladdr {} dev eth0 nud permanent", Side::Server.mac()),
    )?;
    // Newer kernels send the first SYNs again each second; the doubling of RFC 6298 is what most do.
    lab.set_if_known(Side::Client, "ipv4/tcp_syn_linear_timeouts", "0")
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

/// Listens, tells the recorder so, and takes one client.
fn accept(address: &str) -> io::Result<TcpStream> {
    let listener = TcpListener::bind(address)?;
    ready();
    Ok(listener.accept()?.0)
}

/// What the recorder waits for before it starts the client.
fn ready() {
    println!("ready");
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    // A side that waits for the other for ever would leave the recording hanging.
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(stream)
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
