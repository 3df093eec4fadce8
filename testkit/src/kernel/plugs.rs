//! The two ends of a wire between hosts, as one packet socket that takes and sends whole frames.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    self, AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    sockopt,
};

use super::{Namespace, Side};

/// Room for the frames that wait while the wire is busy, in octets.
const ROOM: usize = 64 << 20;

/// A frame that a host has sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Arrived {
    /// Its sender.
    pub from: Side,
    /// When it left, in nanoseconds since 1970.
    pub time_ns: u64,
    /// The Ethernet frame.
    pub frame: Vec<u8>,
}

/// The interfaces of the namespace in the middle, [one a host](Side::plug).
#[derive(Debug)]
pub struct Plugs {
    socket: OwnedFd,
    /// By host.
    ends: [LinkAddr; 2],
    buffer: Vec<u8>,
}

impl Plugs {
    /// Opens both.
    ///
    /// # Errors
    /// If an interface is missing, or the kernel gives no packet socket.
    pub fn open(middle: &Namespace) -> Result<Self> {
        let (socket, ends) = middle.inside(|| {
            // Not bound, it gets the packets of all interfaces.
            let socket = socket::socket(
                AddressFamily::Packet,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
                SockProtocol::EthAll,
            )?;
            socket::setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
            socket::setsockopt(&socket, sockopt::RcvBufForce, &ROOM)?;
            let mut ends = Vec::new();
            for interface in getifaddrs()? {
                if let Some(link) = interface.address.and_then(|a| a.as_link_addr().copied()) {
                    ends.push((interface.interface_name, link));
                }
            }
            Ok((socket, ends))
        })?;
        let end = |side: Side| {
            let found = ends.iter().find(|(name, _)| *name == side.plug());
            found.map(|(_, link)| *link).context("the wire has two ends")
        };
        let ends = [end(Side::Client)?, end(Side::Server)?];
        Ok(Self { socket, ends, buffer: vec![0; 1 << 16] })
    }

    /// Waits for a frame, `limit` at most in whole milliseconds; says whether there is one.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn wait(&self, limit: Duration) -> Result<bool> {
        let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::try_from(limit)?) {
            Ok(count) => Ok(count > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the next frame that a host has sent, if there is one.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn take(&mut self) -> Result<Option<Arrived>> {
        const OUTGOING: u8 = 4;
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
        loop {
            let mut slices = [IoSliceMut::new(&mut self.buffer)];
            let socket = self.socket.as_raw_fd();
            let flags = MsgFlags::empty();
            let got = socket::recvmsg::<LinkAddr>(socket, &mut slices, Some(&mut control), flags);
            let got = match got {
                Err(Errno::EAGAIN) => return Ok(None),
                got => got?,
            };
            let interface = got.address.context("each packet has an interface")?;
            let mut time_ns = now_ns();
            for message in got.cmsgs()? {
                if let ControlMessageOwned::ScmTimestampns(time) = message {
                    time_ns = time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64;
                }
            }
            let octets = got.bytes;
            let end = self.ends.iter().position(|end| end.ifindex() == interface.ifindex());
            if let (Some(end), true) = (end, interface.pkttype() != OUTGOING) {
                let frame = self.buffer[..octets].to_vec();
                return Ok(Some(Arrived { from: Side::BOTH[end], time_ns, frame }));
            }
        }
    }

    /// Sends a frame to a host.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn send(&self, to: Side, frame: &[u8]) -> Result<()> {
        let end = &self.ends[to as usize];
        let sent = socket::sendto(self.socket.as_raw_fd(), frame, end, MsgFlags::empty())?;
        ensure!(sent == frame.len(), "a packet was cut");
        Ok(())
    }
}

/// The time in nanoseconds since 1970.
pub(super) fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}
