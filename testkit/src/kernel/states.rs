//! The states of sockets, as a kernel tells them: the netlink interface `sock_diag`, which `ss` uses too.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddrV4;

use nix::libc;
use nix::sys::socket::{self, AddressFamily, SockFlag, SockProtocol, SockType};

use super::{Namespace, Side};

/// The ports of a connection between the two hosts, the client's first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Connection {
    /// The client's port.
    pub client: u16,
    /// The server's port.
    pub server: u16,
}

impl Connection {
    /// The address and port of one end.
    pub fn end(self, side: Side) -> SocketAddrV4 {
        let port = if side == Side::Client { self.client } else { self.server };
        SocketAddrV4::new(side.address(), port)
    }
}

/// Asks one host for the states of its sockets.
#[derive(Debug)]
pub struct SocketStates {
    side: Side,
    netlink: File,
}

/// `struct nlmsghdr`, then `struct inet_diag_req_v2`.
const REQUEST: usize = 16 + 56;

impl SocketStates {
    /// For the sockets of the host `side`, which is in `namespace`.
    ///
    /// # Errors
    /// If the kernel does not have the interface.
    pub fn of(namespace: &Namespace, side: Side) -> io::Result<Self> {
        let protocol = SockProtocol::NetlinkSockDiag;
        let flags = SockFlag::SOCK_CLOEXEC;
        let open = || socket::socket(AddressFamily::Netlink, SockType::Raw, flags, protocol);
        let netlink = namespace.inside(|| Ok(open()?))?;
        Ok(Self { side, netlink: netlink.into() })
    }

    /// The state of the host's end of `connection`, by the name in RFC 9293. It is CLOSED where the
    /// host has no such socket, also if a listener would take a SYN.
    ///
    /// # Errors
    /// If the kernel does not answer as documented in `sock_diag(7)`.
    pub fn state(&mut self, connection: Connection) -> io::Result<&'static str> {
        const SOCK_DIAG_BY_FAMILY: u16 = 20;
        let mut request = Vec::with_capacity(REQUEST);
        request.extend((REQUEST as u32).to_ne_bytes());
        request.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        request.extend((libc::NLM_F_REQUEST as u16).to_ne_bytes());
        // Sequence number and port of the request.
        request.extend([0; 8]);
        request.extend([libc::AF_INET as u8, libc::IPPROTO_TCP as u8, 0, 0]);
        // All states.
        request.extend(u32::MAX.to_ne_bytes());
        let (own, peer) = (connection.end(self.side), connection.end(self.side.peer()));
        request.extend(own.port().to_be_bytes());
        request.extend(peer.port().to_be_bytes());
        for end in [own, peer] {
            request.extend(end.ip().octets());
            request.extend([0; 12]);
        }
        // Any interface, any cookie.
        request.extend([0; 4]);
        request.extend([0xff; 8]);
        self.netlink.write_all(&request)?;
        let mut answer = [0; 4096];
        let octets = self.netlink.read(&mut answer)?;
        let strange = || io::Error::new(ErrorKind::InvalidData, "a strange answer of sock_diag");
        let number =
            |at: usize| answer[..octets].get(at..at + 4).and_then(|four| four.try_into().ok());
        let kind = answer.get(4..6).and_then(|two| two.try_into().ok()).ok_or_else(strange)?;
        match u16::from_ne_bytes(kind) {
            SOCK_DIAG_BY_FAMILY => {
                // `struct inet_diag_msg`: family, state, timer, retransmissions, ports, …
                let ports: [u8; 4] = number(20).ok_or_else(strange)?;
                let listener = ports[2..] == [0; 2];
                let state = answer[17];
                if listener { Ok("CLOSED") } else { name(state).ok_or_else(strange) }
            }
            kind if i32::from(kind) == libc::NLMSG_ERROR => {
                let error = -i32::from_ne_bytes(number(16).ok_or_else(strange)?);
                if error == libc::ENOENT {
                    return Ok("CLOSED");
                }
                Err(io::Error::from_raw_os_error(error))
            }
            _ => Err(strange()),
        }
    }
}

/// The name in RFC 9293 of a state's number in `include/net/tcp_states.h`.
fn name(state: u8) -> Option<&'static str> {
    Some(match state {
        1 => "ESTABLISHED",
        2 => "SYN-SENT",
        // A socket with data from a SYN; and a request that is no socket yet.
        3 | 12 => "SYN-RECEIVED",
        4 => "FIN-WAIT-1",
        5 => "FIN-WAIT-2",
        6 => "TIME-WAIT",
        7 => "CLOSED",
        8 => "CLOSE-WAIT",
        9 => "LAST-ACK",
        10 => "LISTEN",
        11 => "CLOSING",
        _ => return None,
    })
}
