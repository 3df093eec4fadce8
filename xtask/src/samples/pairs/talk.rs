//! The programs of the two hosts.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use testkit::socket;

use super::Pair;
use crate::samples::scenarios::{expect, nap, ready};

/// The size of a client's part, for scenarios that make as many connections as they are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) connections: usize,
    /// How many octets the server sends on each of them.
    pub(crate) octets: usize,
}

impl Job {
    /// As arguments of the hidden command.
    pub(super) fn words(self) -> [String; 2] {
        [self.connections.to_string(), self.octets.to_string()]
    }

    fn of(words: &[String]) -> Result<Self> {
        let [connections, octets] = words else { bail!("the client takes two numbers") };
        Ok(Self { connections: connections.parse()?, octets: octets.parse()? })
    }
}

/// A client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    /// The server's address and port.
    target: &'static str,
    job: Job,
}

impl Client {
    /// The same with another server.
    pub(super) fn to(self, target: &'static str) -> Self {
        Self { target, ..self }
    }
}

/// Plays the client of a pair.
pub(super) fn play(pair: &'static Pair, words: &[String]) -> Result<()> {
    let client = Client { target: pair.target, job: Job::of(words)? };
    if pair.around {
        whole(&client)?;
        nap(100);
    }
    (pair.client)(&client)?;
    if pair.around {
        nap(100);
        whole(&client)?;
    }
    Ok(())
}

/// Serves each client until it is ended: a greeting for each line, `give N` for N octets.
pub(super) fn serve() -> Result<()> {
    let mut listeners = Vec::new();
    for address in ["10.77.0.2:7000", "[fd77::2]:7000"] {
        let listener = TcpListener::bind(address)?;
        socket::set_backlog(&listener, 1000)?;
        listeners.push(listener);
    }
    ready();
    thread::scope(|scope| {
        for listener in &listeners {
            scope.spawn(|| {
                for stream in listener.incoming().flatten() {
                    thread::spawn(|| answer(stream));
                }
            });
        }
    });
    Ok(())
}

fn answer(stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        match line.trim().strip_prefix("give ").and_then(|number| number.parse::<usize>().ok()) {
            Some(octets) => stream.write_all(&vec![b'x'; octets])?,
            None => stream.write_all(b"good day\r\n")?,
        }
        line.clear();
    }
    Ok(())
}

/// Connects; waits for the server no longer than the recording can.
pub(super) fn connected(client: &Client) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(client.target)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a line.
pub(super) fn say(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"hello\r\n")
}

/// Waits for the server's greeting.
pub(super) fn hear(stream: &mut TcpStream) -> io::Result<()> {
    stream.read_exact(&mut [0; 10])
}

/// Sends FIN, and waits for the server's.
pub(super) fn close(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::sink()).map(|_| ())
}

/// A whole connection.
pub(super) fn whole(client: &Client) -> io::Result<()> {
    let mut stream = connected(client)?;
    say(&mut stream)?;
    hear(&mut stream)?;
    close(stream)
}

/// The same with pauses, so that each ACK is a segment of its own.
pub(super) fn slowly(client: &Client) -> io::Result<()> {
    let mut stream = connected(client)?;
    nap(100);
    for _ in 0..2 {
        say(&mut stream)?;
        hear(&mut stream)?;
        nap(100);
    }
    close(stream)
}

/// A connection over which a few segments of the largest size come.
pub(super) fn fetch(client: &Client) -> io::Result<()> {
    let mut stream = connected(client)?;
    nap(100);
    stream.write_all(b"give 4000\r\n")?;
    stream.read_exact(&mut [0; 4000])?;
    nap(100);
    close(stream)
}

/// As many connections as the job says, a few at the same time.
pub(super) fn many(client: &Client) -> io::Result<()> {
    const AT_ONCE: usize = 30;
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let work = || -> io::Result<()> {
            while next.fetch_add(1, Ordering::Relaxed) < client.job.connections {
                let mut stream = connected(client)?;
                say(&mut stream)?;
                hear(&mut stream)?;
                writeln!(stream, "give {}", client.job.octets)?;
                let mut answer = (&stream).take(client.job.octets as u64);
                io::copy(&mut answer, &mut io::sink())?;
                nap(50);
                say(&mut stream)?;
                hear(&mut stream)?;
                close(stream)?;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
        })
    })?;
    // The servers' last segments may have to be sent again.
    nap(2000);
    Ok(())
}

/// Five connections at the same time.
pub(super) fn five(client: &Client) -> io::Result<()> {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..5).map(|_| scope.spawn(|| whole(client))).collect();
        clients.into_iter().try_for_each(|client| {
            client.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
        })
    })
}

/// Connections for a while, so that a clock can drift.
pub(super) fn for_a_while(client: &Client) -> io::Result<()> {
    for _ in 0..5 {
        whole(client)?;
        nap(2500);
    }
    Ok(())
}

/// Connects in vain for so many milliseconds.
pub(super) fn in_vain(client: &Client, milliseconds: u64) -> io::Result<()> {
    let target: SocketAddr = client.target.parse().map_err(io::Error::other)?;
    let limit = Duration::from_millis(milliseconds);
    expect(TcpStream::connect_timeout(&target, limit), io::ErrorKind::TimedOut)
}

/// Connects, and is refused.
pub(super) fn refused(client: &Client, kind: io::ErrorKind) -> io::Result<()> {
    expect(TcpStream::connect(client.target), kind)
}
