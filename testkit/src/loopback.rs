//! Live traffic for captures on the loopback interface: short connections on 127.0.0.1, thousands a
//! second, most of them complete, some refused or reset.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The number of servers. Each is connected to from all of the ephemeral ports.
const SERVERS: usize = 4;
const CLIENTS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(2);

const REQUEST: &[u8] = b"hello\r\n";

/// The server's answer. A client that closes before it has read all of it resets the connection.
const ANSWER: &[u8] = b"good day\r\n";

/// Servers and clients, each on a thread of its own, until [`Connections::end`].
pub struct Connections {
    /// The ports of the servers, and one that refuses connections.
    ports: Vec<u16>,
    stop: Arc<AtomicBool>,
    made: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Connections {
    /// Opens the servers. The clients connect from [`Self::begin`] on.
    pub fn listen() -> io::Result<(Self, Vec<TcpListener>)> {
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let servers = (0..SERVERS).map(|_| listen()).collect::<io::Result<Vec<_>>>()?;
        let ports = servers.iter().map(|server| Ok(server.local_addr()?.port()));
        let mut ports = ports.collect::<io::Result<Vec<_>>>()?;
        // The listener is closed at once, so connections to its port are refused.
        ports.push(listen()?.local_addr()?.port());
        let [made, failed] = [Arc::default(), Arc::default()];
        let stop = Arc::default();
        Ok((Self { ports, stop, made, failed, threads: Vec::new() }, servers))
    }

    /// A capture filter for these connections.
    pub fn filter(&self) -> String {
        let ports = self.ports.iter().map(|port| format!("port {port}"));
        format!("tcp and ({})", ports.collect::<Vec<_>>().join(" or "))
    }

    /// Begins to make `rate` connections per second, at most `most` in all.
    pub fn begin(&mut self, servers: Vec<TcpListener>, rate: u64, most: u64) {
        for server in servers {
            let stop = Arc::clone(&self.stop);
            self.threads.push(thread::spawn(move || serve(&server, &stop)));
        }
        for client in 0..CLIENTS as u64 {
            let (stop, made) = (Arc::clone(&self.stop), Arc::clone(&self.made));
            let (failed, ports) = (Arc::clone(&self.failed), self.ports.clone());
            let clients = CLIENTS as u64;
            self.threads.push(thread::spawn(move || {
                let start = Instant::now();
                for number in 0..most / clients {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    // A connection that is behind schedule is made at once.
                    let due = Duration::from_micros(number * clients * 1_000_000 / rate);
                    thread::sleep(due.saturating_sub(start.elapsed()));
                    match connect(&ports, number * clients + client) {
                        Ok(()) => made.fetch_add(1, Ordering::Relaxed),
                        Err(_) => failed.fetch_add(1, Ordering::Relaxed),
                    };
                }
            }));
        }
    }

    /// How many connections were made as intended, and how many failed.
    pub fn counts(&self) -> (u64, u64) {
        (self.made.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    /// Ends the clients, then the servers.
    pub fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for port in &self.ports {
            // A server checks the flag when a client connects.
            let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, *port));
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Makes one connection; its number decides of which kind.
fn connect(ports: &[u16], number: u64) -> io::Result<()> {
    let (servers, refusing) = ports.split_at(SERVERS);
    if number % 16 == 7 {
        let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, refusing[0]));
        return match refused {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            _ => Err(io::ErrorKind::Other.into()),
        };
    }
    let port = servers[number as usize % SERVERS];
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST)?;
    let mut octets = [0; 4];
    if number % 16 == 11 {
        // Closing with octets unread resets the connection.
        stream.read_exact(&mut octets)?;
        return Ok(());
    }
    if number.is_multiple_of(2) {
        stream.shutdown(Shutdown::Write)?;
    }
    stream.read_to_end(&mut Vec::new()).map(|_| ())
}

fn serve(server: &TcpListener, stop: &AtomicBool) {
    for stream in server.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // The client counts a connection that fails.
        let _ = stream.and_then(answer);
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.read_exact(&mut [0; REQUEST.len()])?;
    stream.write_all(ANSWER)
}
