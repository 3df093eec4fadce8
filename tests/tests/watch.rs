//! `tcpdump | tcphs watch` on the loopback interface: what the kernel does is told while it happens.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use testkit::{kernel, socket};
use tests::tcphs;

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// The lines of a stream, as they come.
fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The next line that says something of this connection.
fn line_about(lines: &Receiver<String>, server: SocketAddr) -> String {
    let end = format!(" → {server} ");
    loop {
        let line = lines.recv_timeout(LONG).expect("a line");
        if line.contains(&end) {
            return line;
        }
    }
}

fn interrupt(process: &Child) {
    let sent = Command::new("kill").args(["-INT", &process.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

#[test]
fn what_the_kernel_does_is_told_while_it_happens() {
    if let Some(lacking) = kernel::lacking() {
        testkit::skip!("what_the_kernel_does_is_told_while_it_happens", lacking);
        return;
    }
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let (open, full, closed) = (listen(), listen(), listen());
    let [open_end, full_end, closed_end] =
        [&open, &full, &closed].map(|it| it.local_addr().expect("it has one"));
    drop(closed);
    socket::set_backlog(&full, 0).expect("it is ours");

    let ports = [open_end, full_end, closed_end].map(|end| format!("port {}", end.port()));
    let filter = format!("tcp and ({})", ports.join(" or "));
    let mut tcpdump = Command::new("tcpdump");
    tcpdump.args(["-i", "lo", "--immediate-mode", "-U", "-w", "-", &filter]);
    tcpdump.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tcpdump = tcpdump.spawn().expect("tcpdump is there");
    let packets = tcpdump.stdout.take().expect("a pipe");
    let said = lines(tcpdump.stderr.take().expect("a pipe"));
    while !said.recv_timeout(LONG).expect("it begins to listen").contains("listening on") {}
    let mut watch = tcphs();
    watch.args(["watch", "-"]).stdin(packets).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watch = watch.spawn().expect("tcphs starts");
    let told = lines(watch.stdout.take().expect("a pipe"));

    let stream = TcpStream::connect(open_end).expect("it is open");
    let line = line_about(&told, open_end);
    assert!(line.contains("  complete  "), "{line}");
    assert!(TcpStream::connect(closed_end).is_err());
    let line = line_about(&told, closed_end);
    assert!(line.contains("  refused  "), "{line}");

    // The first one waits to be accepted; for the second there is no room, and then the link is quiet.
    let SocketAddr::V4(full_v4) = full_end else { unreachable!("it is IPv4") };
    let local = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let waiting: Vec<_> =
        (0..2).map(|_| socket::start_from(local, full_v4).expect("a socket")).collect();
    let lines: Vec<_> = (0..2).map(|_| line_about(&told, full_end)).collect();
    assert!(lines[0].contains("  complete  ") && lines[1].contains("  no_reply"), "{lines:?}");
    // As soon as there is room, it comes up after all.
    drop(full.accept().expect("the first one"));
    let line = line_about(&told, full_end);
    assert!(line.contains("  complete  ") && line.ends_with(", was no_reply"), "{line}");

    drop((stream, waiting));
    interrupt(&watch);
    interrupt(&tcpdump);
    let triage: Vec<String> = told.iter().collect();
    assert!(triage.iter().any(|line| line.contains("of 4 connections")), "{triage:?}");
    assert_eq!(watch.wait().expect("it ends").code(), Some(0));
    tcpdump.wait().expect("it ends");
}
