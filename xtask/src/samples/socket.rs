//! What the scenarios do with sockets and `std::net` does not offer: a port of one's own choice on
//! the client's side, a connect that does not wait, and a few options.
//!
//! xtask has no dependencies, so the handful of functions of the C library, which `std` is linked
//! to anyway, are declared here; and the numbers are those of Linux on the usual machines.

use std::ffi::{c_int, c_uint, c_void};
use std::io::{self, ErrorKind};
use std::net::{SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

unsafe extern "C" {
    fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn bind(socket: c_int, address: *const c_void, length: c_uint) -> c_int;
    fn connect(socket: c_int, address: *const c_void, length: c_uint) -> c_int;
    fn listen(socket: c_int, backlog: c_int) -> c_int;
    fn setsockopt(
        socket: c_int,
        level: c_int,
        name: c_int,
        value: *const c_void,
        length: c_uint,
    ) -> c_int;
    fn sendto(
        socket: c_int,
        octets: *const c_void,
        count: usize,
        flags: c_int,
        address: *const c_void,
        length: c_uint,
    ) -> isize;
}

const AF_INET: u16 = 2;
const SOCK_STREAM: c_int = 1;
const SOCK_CLOEXEC: c_int = 0o2_000_000;
const MSG_FASTOPEN: c_int = 0x2000_0000;
const EINPROGRESS: c_int = 115;

/// An option of a socket: its level and its number there.
#[derive(Clone, Copy)]
pub(super) struct SocketOption(c_int, c_int);

/// Lets a socket have a port that is in TIME-WAIT.
const REUSE_ADDRESS: SocketOption = SocketOption(1, 2);
/// What closing does with the connection.
const LINGER: SocketOption = SocketOption(1, 13);
/// Takes the socket out of the kernel's hands: it closes without a segment.
const REPAIR: SocketOption = SocketOption(6, 19);
/// For a listener: wait for data, for about so many seconds, before a connection counts as open.
pub(super) const DEFER_ACCEPT: SocketOption = SocketOption(6, 9);
/// For a listener: how many connections may be open that began with data on the SYN.
pub(super) const FAST_OPEN: SocketOption = SocketOption(6, 23);

/// Sets an option that is one number.
pub(super) fn set(socket: &impl AsRawFd, option: SocketOption, value: i32) -> io::Result<()> {
    set_octets(socket, option, &value.to_ne_bytes())
}

fn set_octets(socket: &impl AsRawFd, option: SocketOption, value: &[u8]) -> io::Result<()> {
    let (octets, count) = (value.as_ptr().cast(), value.len() as c_uint);
    // SAFETY: the pointer and the count are those of one slice, which is only read.
    done(unsafe { setsockopt(socket.as_raw_fd(), option.0, option.1, octets, count) })
}

/// Closes as a crash of the whole host does: the peer hears nothing of it.
pub(super) fn vanish(stream: TcpStream) -> io::Result<()> {
    set(&stream, REPAIR, 1)
}

/// Closes with an RST.
pub(super) fn abort(stream: TcpStream) -> io::Result<()> {
    // struct linger: on, for 0 seconds.
    set_octets(&stream, LINGER, &[1_i32, 0].map(i32::to_ne_bytes).concat())
}

/// Lets no more than `connections` + 1 wait to be accepted.
pub(super) fn set_backlog(listener: &TcpListener, connections: i32) -> io::Result<()> {
    // SAFETY: takes two numbers. A socket that listens already gets the new limit.
    done(unsafe { listen(listener.as_raw_fd(), connections) })
}

/// Connects from a port of one's own choice.
pub(super) fn connect_from(local: SocketAddrV4, remote: SocketAddrV4) -> io::Result<TcpStream> {
    let stream = bound(local)?;
    connect_to(&stream, remote)?;
    Ok(stream)
}

/// Sends the SYN and does not wait for what comes of it.
pub(super) fn start_from(local: SocketAddrV4, remote: SocketAddrV4) -> io::Result<TcpStream> {
    let stream = bound(local)?;
    stream.set_nonblocking(true)?;
    match connect_to(&stream, remote) {
        Err(error) if error.raw_os_error() == Some(EINPROGRESS) => Ok(stream),
        other => other.map(|()| stream),
    }
}

/// Connects with `data` on the SYN where the server's cookie is known, else with a request for it.
pub(super) fn connect_with(data: &[u8], remote: SocketAddrV4) -> io::Result<TcpStream> {
    let stream = unconnected()?;
    let address = sockaddr(remote);
    let (at, length) = (address.as_ptr().cast(), address.len() as c_uint);
    let socket = stream.as_raw_fd();
    // SAFETY: each pointer and the count after it are those of one slice or array, only read.
    let sent =
        unsafe { sendto(socket, data.as_ptr().cast(), data.len(), MSG_FASTOPEN, at, length) };
    match usize::try_from(sent) {
        Ok(count) if count == data.len() => Ok(stream),
        Ok(_) => Err(ErrorKind::WriteZero.into()),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

fn unconnected() -> io::Result<TcpStream> {
    // SAFETY: takes three numbers.
    let socket = unsafe { socket(AF_INET.into(), SOCK_STREAM | SOCK_CLOEXEC, 0) };
    done(socket)?;
    // SAFETY: the socket is new, so nobody else closes it.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) }.into())
}

fn bound(local: SocketAddrV4) -> io::Result<TcpStream> {
    let stream = unconnected()?;
    set(&stream, REUSE_ADDRESS, 1)?;
    let address = sockaddr(local);
    let (at, length) = (address.as_ptr().cast(), address.len() as c_uint);
    // SAFETY: the pointer and the length are those of one array, which is only read.
    done(unsafe { bind(stream.as_raw_fd(), at, length) })?;
    Ok(stream)
}

fn connect_to(stream: &TcpStream, remote: SocketAddrV4) -> io::Result<()> {
    let address = sockaddr(remote);
    let (at, length) = (address.as_ptr().cast(), address.len() as c_uint);
    // SAFETY: the pointer and the length are those of one array, which is only read.
    done(unsafe { connect(stream.as_raw_fd(), at, length) })
}

/// `struct sockaddr_in`.
fn sockaddr(address: SocketAddrV4) -> [u8; 16] {
    let mut octets = [0; 16];
    octets[..2].copy_from_slice(&AF_INET.to_ne_bytes());
    octets[2..4].copy_from_slice(&address.port().to_be_bytes());
    octets[4..8].copy_from_slice(&address.ip().octets());
    octets
}

fn done(status: c_int) -> io::Result<()> {
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
