//! The addresses and ports of a connection.

use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use foldhash::fast::RandomState;

use super::event::Side;

/// Addresses and ports of client and server.
#[derive(Clone, Debug)]
pub(crate) enum Ends {
    V4 { addresses: [u32; 2], ports: [u16; 2] },
    V6 { addresses: Box<[u128; 2]>, ports: [u16; 2] },
}

/// Addresses and ports of a segment: sender and receiver.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Direction {
    V4 { addresses: [u32; 2], ports: [u16; 2] },
    V6 { addresses: [u128; 2], ports: [u16; 2] },
}

impl Ends {
    pub fn new(client: SocketAddr, server: SocketAddr) -> Self {
        match Direction::new(client, server) {
            Direction::V4 { addresses, ports } => Self::V4 { addresses, ports },
            Direction::V6 { addresses, ports } => {
                Self::V6 { addresses: Box::new(addresses), ports }
            }
        }
    }

    pub fn client(&self) -> SocketAddr {
        self.end(0)
    }

    pub fn server(&self) -> SocketAddr {
        self.end(1)
    }

    fn end(&self, place: usize) -> SocketAddr {
        match self {
            Self::V4 { addresses, ports } => {
                SocketAddr::new(Ipv4Addr::from_bits(addresses[place]).into(), ports[place])
            }
            Self::V6 { addresses, ports } => {
                SocketAddr::new(Ipv6Addr::from_bits(addresses[place]).into(), ports[place])
            }
        }
    }

    pub const fn are_ipv6(&self) -> bool {
        matches!(self, Self::V6 { .. })
    }

    /// Client to server.
    pub fn direction(&self) -> Direction {
        match self {
            Self::V4 { addresses, ports } => Direction::V4 { addresses: *addresses, ports: *ports },
            Self::V6 { addresses, ports } => {
                Direction::V6 { addresses: **addresses, ports: *ports }
            }
        }
    }

    /// Who has sent a segment of this direction; `None` if it is not of this connection.
    #[inline]
    pub fn sender(&self, direction: &Direction) -> Option<Side> {
        match (self, direction) {
            (Self::V4 { addresses, ports }, Direction::V4 { addresses: others, ports: their }) => {
                sender((addresses, ports), (others, their))
            }
            (Self::V6 { addresses, ports }, Direction::V6 { addresses: others, ports: their }) => {
                sender((addresses, ports), (others, their))
            }
            _ => None,
        }
    }
}

#[inline]
fn sender<A: Copy + Eq>(
    (addresses, ports): (&[A; 2], &[u16; 2]),
    (others, their): (&[A; 2], &[u16; 2]),
) -> Option<Side> {
    if addresses == others && ports == their {
        return Some(Side::Client);
    }
    let turned = [others[1], others[0]] == *addresses && [their[1], their[0]] == *ports;
    turned.then_some(Side::Server)
}

impl Direction {
    pub fn new(sender: SocketAddr, receiver: SocketAddr) -> Self {
        Self::of(sender.ip(), sender.port(), receiver.ip(), receiver.port())
    }

    #[inline]
    pub fn of(sender: IpAddr, from: u16, receiver: IpAddr, to: u16) -> Self {
        let ports = [from, to];
        match (sender, receiver) {
            (IpAddr::V4(sender), IpAddr::V4(receiver)) => {
                Self::V4 { addresses: [sender.to_bits(), receiver.to_bits()], ports }
            }
            // The two ends of a segment are of one family; where a caller mixes them, both are
            // mapped.
            (sender, receiver) => Self::V6 { addresses: [to_v6(sender), to_v6(receiver)], ports },
        }
    }

    /// The same for both directions of a connection.
    #[inline]
    pub fn hash(&self, state: &RandomState) -> u32 {
        let hash = match *self {
            Self::V4 { addresses, ports } => {
                let [a, b] = [0, 1].map(|at| u64::from(addresses[at]) << 16 | u64::from(ports[at]));
                state.hash_one((a.min(b), a.max(b)))
            }
            Self::V6 { addresses, ports } => {
                let [a, b] = [0, 1].map(|at| (addresses[at], ports[at]));
                state.hash_one((a.min(b), a.max(b)))
            }
        };
        (hash ^ hash >> 32) as u32
    }
}

fn to_v6(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => Ipv6Addr::to_bits(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => Ipv6Addr::to_bits(v6),
    }
}
