//! Addresses and ports: of a segment, and of a connection.

use std::hash::BuildHasher;
use std::hint::select_unpredictable;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use foldhash::fast::RandomState;

use crate::Segment;
use crate::vocabulary::Side;

/// A finished connection leaves its table once it was silent for this long, in nanoseconds of
/// capture time: late duplicates still find it until then.
pub const LINGER_NS: i64 = 120_000_000_000;

/// The most shards that connections are spread over; a power of two.
pub(crate) const MOST_SHARDS: usize = 8;

/// Addresses and ports of a segment: the sender's in the upper half, the receiver's in the lower.
///
/// Kept in whole words: a load that spans several earlier stores waits until all of them have reached
/// the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FlowKey {
    V4 { addresses: u64, ports: u32 },
    V6 { addresses: [u128; 2], ports: u32 },
}

/// The key of a connection, from client to server, with IPv6 addresses on the heap.
#[derive(Clone, Debug)]
pub(crate) enum StoredKey {
    V4 { addresses: u64, ports: u32 },
    V6 { addresses: Box<[u128; 2]>, ports: u32 },
}

impl StoredKey {
    /// The key of the connection whose `sender` sends segments with `key`.
    pub fn new(key: &FlowKey, sender: Side) -> Self {
        let from_client = match sender {
            Side::Client => *key,
            Side::Server => key.reversed(),
        };
        match from_client {
            FlowKey::V4 { addresses, ports } => Self::V4 { addresses, ports },
            FlowKey::V6 { addresses, ports } => Self::V6 { addresses: Box::new(addresses), ports },
        }
    }

    pub fn client(&self) -> SocketAddr {
        self.key().sender()
    }

    pub fn server(&self) -> SocketAddr {
        self.key().reversed().sender()
    }

    pub const fn is_ipv6(&self) -> bool {
        matches!(self, Self::V6 { .. })
    }

    /// The key of a segment from client to server.
    pub fn key(&self) -> FlowKey {
        match self {
            Self::V4 { addresses, ports } => FlowKey::V4 { addresses: *addresses, ports: *ports },
            Self::V6 { addresses, ports } => FlowKey::V6 { addresses: **addresses, ports: *ports },
        }
    }

    /// Which end sends segments with this key; `None` if they are of another connection.
    #[inline]
    pub fn sender(&self, key: &FlowKey) -> Option<Side> {
        // The sender is unpredictable, so compare without a branch: 0 stands for equality with the
        // key of the client's segments, and of the server's.
        let (client, server) = match (self, key) {
            (Self::V4 { addresses, ports }, FlowKey::V4 { addresses: others, ports: their }) => (
                (addresses ^ others) | u64::from(ports ^ their),
                (addresses.rotate_left(32) ^ others) | u64::from(ports.rotate_left(16) ^ their),
            ),
            (Self::V6 { addresses, ports }, FlowKey::V6 { addresses: others, ports: their }) => {
                let differ = |[a, b]: [u128; 2], ports: u32| {
                    let bits = (a ^ others[0]) | (b ^ others[1]) | u128::from(ports ^ their);
                    bits as u64 | (bits >> 64) as u64
                };
                let [a, b] = **addresses;
                (differ([a, b], *ports), differ([b, a], ports.rotate_left(16)))
            }
            _ => return None,
        };
        let side = select_unpredictable(client == 0, Side::Client, Side::Server);
        (client.min(server) == 0).then_some(side)
    }
}

impl FlowKey {
    pub fn new(sender: SocketAddr, receiver: SocketAddr) -> Self {
        Self::of(&sender.ip(), sender.port(), &receiver.ip(), receiver.port())
    }

    /// The key of a segment.
    #[inline]
    pub fn of_segment(segment: &Segment<'_>) -> Self {
        let (packet, tcp) = (&segment.packet, &segment.tcp);
        Self::of(&packet.source, tcp.source_port, &packet.destination, tcp.destination_port)
    }

    #[inline(always)]
    pub fn of(sender: &IpAddr, from: u16, receiver: &IpAddr, to: u16) -> Self {
        match (sender, receiver) {
            (IpAddr::V4(sender), IpAddr::V4(receiver)) => {
                let (addresses, ports) = ipv4([sender.to_bits(), receiver.to_bits()], [from, to]);
                Self::V4 { addresses, ports }
            }
            // Both ends of a segment are of one family; where a caller mixes them, both are mapped.
            (sender, receiver) => {
                let ports = u32::from(from) << 16 | u32::from(to);
                Self::V6 { addresses: [to_v6(sender), to_v6(receiver)], ports }
            }
        }
    }

    /// Address and port of the sender.
    fn sender(&self) -> SocketAddr {
        let (address, ports) = match *self {
            Self::V4 { addresses, ports } => (ipv4_addresses(addresses)[0].into(), ports),
            Self::V6 { addresses: [sender, _], ports } => {
                (Ipv6Addr::from_bits(sender).into(), ports)
            }
        };
        SocketAddr::new(address, split_ports(ports)[0])
    }

    /// Whether the sender is the receiver.
    pub fn is_to_itself(&self) -> bool {
        match *self {
            Self::V4 { addresses, ports } => {
                addresses.rotate_left(32) == addresses && ports.rotate_left(16) == ports
            }
            Self::V6 { addresses: [sender, receiver], ports } => {
                sender == receiver && ports.rotate_left(16) == ports
            }
        }
    }

    /// The key of a segment from the receiver to the sender.
    fn reversed(&self) -> Self {
        match *self {
            Self::V4 { addresses, ports } => {
                Self::V4 { addresses: addresses.rotate_left(32), ports: ports.rotate_left(16) }
            }
            Self::V6 { addresses: [sender, receiver], ports } => {
                Self::V6 { addresses: [receiver, sender], ports: ports.rotate_left(16) }
            }
        }
    }

    /// Which of `shards` shards, 1 or [`MOST_SHARDS`], follows the connection: the same for both
    /// directions and in every run, so that results do not depend on it.
    #[inline(always)]
    pub fn shard(&self, shards: usize) -> usize {
        // Exclusive or is symmetric in sender and receiver.
        let either = |ports: u32| (ports ^ ports >> 16) << 16;
        let ends = match *self {
            Self::V4 { addresses, ports } => (addresses ^ addresses >> 32) as u32 ^ either(ports),
            Self::V6 { addresses: [a, b], ports } => {
                let addresses = a ^ b;
                let half = addresses as u64 ^ ((addresses >> 64) as u64).rotate_left(23);
                (half ^ half >> 32) as u32 ^ either(ports)
            }
        };
        // Every bit has a part in the highest bits of the product.
        (ends.wrapping_mul(0x9e37_79b9) >> (u32::BITS - MOST_SHARDS.ilog2())) as usize
            & (shards - 1)
    }

    /// The same hash for both directions of a connection.
    #[inline(always)]
    pub fn hash(&self, state: &RandomState) -> u32 {
        let hash = match *self {
            Self::V4 { addresses, ports } => {
                let a = addresses >> 32 << 16 | u64::from(ports >> 16);
                let b = (addresses & 0xffff_ffff) << 16 | u64::from(ports & 0xffff);
                state.hash_one((a.min(b), a.max(b)))
            }
            Self::V6 { addresses: [sender, receiver], ports } => {
                let (a, b) = ((sender, ports >> 16), (receiver, ports & 0xffff));
                state.hash_one((a.min(b), a.max(b)))
            }
        };
        (hash ^ hash >> 32) as u32
    }
}

/// Addresses and ports in the form of [`FlowKey::V4`].
#[inline(always)]
pub(crate) fn ipv4([sender, receiver]: [u32; 2], [from, to]: [u16; 2]) -> (u64, u32) {
    (u64::from(sender) << 32 | u64::from(receiver), u32::from(from) << 16 | u32::from(to))
}

/// The addresses of sender and receiver, from [`FlowKey::V4`].
#[inline(always)]
pub(crate) fn ipv4_addresses(addresses: u64) -> [Ipv4Addr; 2] {
    [(addresses >> 32) as u32, addresses as u32].map(Ipv4Addr::from_bits)
}

/// The ports of sender and receiver, from a [`FlowKey`].
#[inline(always)]
pub(crate) fn split_ports(ports: u32) -> [u16; 2] {
    [(ports >> 16) as u16, ports as u16]
}

fn to_v6(address: &IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => Ipv6Addr::to_bits(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => Ipv6Addr::to_bits(*v6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(a: &str, b: &str) -> FlowKey {
        FlowKey::new(a.parse().expect("an address"), b.parse().expect("an address"))
    }

    #[test]
    fn both_directions_are_in_one_shard_and_shards_are_of_a_size() {
        let mut counts = [0; MOST_SHARDS];
        for port in 1024..9216 {
            let ends = [
                (format!("10.0.0.1:{port}"), "10.0.0.2:80"),
                (format!("[2001:db8::1]:{port}"), "[2001:db8::2]:80"),
            ];
            for (a, b) in ends {
                let shard = between(&a, b).shard(MOST_SHARDS);
                assert_eq!(shard, between(b, &a).shard(MOST_SHARDS));
                counts[shard] += 1;
            }
        }
        assert!(counts.iter().all(|count| (1900..2200).contains(count)), "{counts:?}");
    }
}
