//! Sockets in ways that `std::net` does not offer: a port of one's own choice on the client's side, a
//! connect that does not wait, and a few options of Linux.

use std::io::{self, ErrorKind};
use std::net::{SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{
    self, AddressFamily, Backlog, MsgFlags, SetSockOpt, SockFlag, SockType, SockaddrIn, sockopt,
};

nix::setsockopt_impl!(DeferAccept, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, u32, Number<'_>);
nix::setsockopt_impl!(FastOpen, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, u32, Number<'_>);
type Number<'a> = sockopt::SetStruct<'a, u32>;

/// An option of listeners: the seconds to wait for data before a connection counts as open.
#[derive(Clone, Copy, Debug)]
pub struct DeferAccept;

/// An option of listeners: the number of connections that may be open with data on the SYN.
#[derive(Clone, Copy, Debug)]
pub struct FastOpen;

/// Sets an option of a listener.
pub fn set(listener: &impl AsFd, option: impl SetSockOpt<Val = u32>, value: u32) -> io::Result<()> {
    Ok(socket::setsockopt(listener, option, &value)?)
}

/// Sends an octet of urgent data.
///
/// # Errors
/// The kernel's error.
pub fn send_urgent(stream: &TcpStream) -> io::Result<()> {
    socket::send(stream.as_raw_fd(), b"!", MsgFlags::MSG_OOB)?;
    Ok(())
}

/// Closes as a crash of the whole host does: the peer gets no segment.
pub fn vanish(stream: TcpStream) -> io::Result<()> {
    Ok(socket::setsockopt(&stream, sockopt::TcpRepair, &1)?)
}

/// Closes with an RST.
pub fn abort(stream: TcpStream) -> io::Result<()> {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    Ok(socket::setsockopt(&stream, sockopt::Linger, &at_once)?)
}

/// Lets no more than `connections` + 1 wait to be accepted.
pub fn set_backlog(listener: &TcpListener, connections: i32) -> io::Result<()> {
    // A socket that listens already gets the new limit.
    Ok(socket::listen(listener, Backlog::new(connections)?)?)
}

/// Connects from the port of `local`.
pub fn connect_from(local: SocketAddrV4, remote: SocketAddrV4) -> io::Result<TcpStream> {
    let stream = bound(local)?;
    socket::connect(stream.as_raw_fd(), &SockaddrIn::from(remote))?;
    Ok(stream)
}

/// Sends the SYN and does not wait for an answer.
pub fn start_from(local: SocketAddrV4, remote: SocketAddrV4) -> io::Result<TcpStream> {
    let stream = bound(local)?;
    stream.set_nonblocking(true)?;
    match socket::connect(stream.as_raw_fd(), &SockaddrIn::from(remote)) {
        Ok(()) | Err(nix::Error::EINPROGRESS) => Ok(stream),
        Err(error) => Err(error.into()),
    }
}

/// Connects with `data` on the SYN if the server's cookie is known, else with a request for it.
///
/// # Errors
/// The kernel's error, and one of a connection that did not come up.
pub fn connect_with(data: &[u8], remote: SocketAddrV4) -> io::Result<TcpStream> {
    let stream = unconnected()?;
    let flags = MsgFlags::from_bits_retain(libc::MSG_FASTOPEN);
    let sent = socket::sendto(stream.as_raw_fd(), data, &SockaddrIn::from(remote), flags)?;
    if sent == data.len() { Ok(stream) } else { Err(ErrorKind::WriteZero.into()) }
}

/// Sends the SYN, with `data` on it if the server's cookie is known, else with a request for the
/// cookie, and does not wait for an answer.
///
/// # Errors
/// The kernel's error.
pub fn start_with(local: SocketAddrV4, remote: SocketAddrV4, data: &[u8]) -> io::Result<TcpStream> {
    let stream = bound(local)?;
    stream.set_nonblocking(true)?;
    let flags = MsgFlags::from_bits_retain(libc::MSG_FASTOPEN);
    match socket::sendto(stream.as_raw_fd(), data, &SockaddrIn::from(remote), flags) {
        Ok(_) | Err(nix::Error::EINPROGRESS) => Ok(stream),
        Err(error) => Err(error.into()),
    }
}

/// Has the kernel probe a peer that is silent for `idle`, then as often again, `count` times.
///
/// # Errors
/// The kernel's error.
pub fn keep_alive(stream: &TcpStream, idle: Duration, count: u32) -> io::Result<()> {
    let seconds = idle.as_secs() as u32;
    socket::setsockopt(stream, sockopt::KeepAlive, &true)?;
    socket::setsockopt(stream, sockopt::TcpKeepIdle, &seconds)?;
    socket::setsockopt(stream, sockopt::TcpKeepInterval, &seconds)?;
    Ok(socket::setsockopt(stream, sockopt::TcpKeepCount, &count)?)
}

fn unconnected() -> io::Result<TcpStream> {
    let flags = SockFlag::SOCK_CLOEXEC;
    Ok(socket::socket(AddressFamily::Inet, SockType::Stream, flags, None)?.into())
}

fn bound(local: SocketAddrV4) -> io::Result<TcpStream> {
    let stream = unconnected()?;
    // The port may be in TIME-WAIT.
    socket::setsockopt(&stream, sockopt::ReuseAddr, &true)?;
    socket::bind(stream.as_raw_fd(), &SockaddrIn::from(local))?;
    Ok(stream)
}
