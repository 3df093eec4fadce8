//! Reassembly of fragmented datagrams (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! As in Wireshark, a datagram belongs to the frame that completes it. Of fragments that overlap, the
//! one with the lower offset counts, and of equal offsets the first that came. etherparse's pool has
//! no limit of memory, and refuses fragments that overlap.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// Octets of fragments that are kept at most; the oldest datagrams are dropped beyond that.
const MAX_OCTETS: usize = 16 * 1024 * 1024;
/// Memory of an incomplete datagram besides its fragments, about.
const DATAGRAM_OCTETS: usize = 256;
/// Memory of a fragment besides its octets.
const FRAGMENT_OCTETS: usize = size_of::<Part>();
/// Fragments of one datagram at most: 65,535 octets in the smallest fragments that a link may ask for
/// are fewer, so more are an attack.
const MAX_FRAGMENTS: usize = 2048;

/// The fields that the fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct DatagramId {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// Zero for IPv6, as in Wireshark.
    pub(crate) protocol: u8,
    pub(crate) vlan: u16,
    pub(crate) identification: u32,
}

/// The place of a fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment {
    pub(crate) id: DatagramId,
    /// Octets of the datagram in front of it.
    pub(crate) offset: usize,
    /// True if other fragments follow.
    pub(crate) more: bool,
}

/// The payload of a datagram that is complete.
#[derive(Debug)]
pub(crate) struct Reassembled {
    pub(crate) octets: Vec<u8>,
    /// Fragments that had waited for the one that completed it.
    pub(crate) waiting: u64,
}

/// Fragments of datagrams that are not complete yet.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    waiting: HashMap<DatagramId, Waiting>,
    /// Datagrams in the order of their first fragments, each with its serial number. Entries of
    /// complete datagrams stay behind.
    started: VecDeque<(DatagramId, u64)>,
    last_serial: u64,
    octets: usize,
}

#[derive(Debug)]
struct Waiting {
    serial: u64,
    /// The octets of all fragments, in the order of their arrival.
    octets: Vec<u8>,
    parts: Vec<Part>,
    /// Length of the datagram, once the last fragment has come. The first one that says so counts.
    length: Option<usize>,
    /// Octets of all fragments; those that overlap count twice.
    received: usize,
}

/// One fragment of a datagram.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// Position in the datagram.
    offset: u32,
    length: u32,
    /// Position in [`Waiting::octets`].
    start: u32,
}

impl Fragments {
    /// Takes a fragment; returns the datagram if it is complete now.
    pub(crate) fn add(&mut self, fragment: &Fragment, octets: &[u8]) -> Option<Reassembled> {
        let Fragment { id, offset, more } = *fragment;
        let known = self.waiting.contains_key(&id);
        if !known {
            self.last_serial += 1;
            self.started.push_back((id, self.last_serial));
            self.octets += DATAGRAM_OCTETS;
        }
        let datagram = self.waiting.entry(id).or_insert_with(|| Waiting {
            serial: self.last_serial,
            octets: Vec::new(),
            parts: Vec::new(),
            length: None,
            received: 0,
        });
        if datagram.parts.len() == MAX_FRAGMENTS {
            self.forget(&id);
            return None;
        }
        self.octets += octets.len() + FRAGMENT_OCTETS;
        datagram.add(offset, more, octets);
        if datagram.is_complete() {
            let waiting = datagram.parts.len() as u64 - 1;
            let octets = datagram.reassemble();
            self.forget(&id);
            return Some(Reassembled { octets, waiting });
        }
        self.drop_oldest();
        None
    }

    fn forget(&mut self, id: &DatagramId) {
        if let Some(datagram) = self.waiting.remove(id) {
            self.octets -=
                DATAGRAM_OCTETS + datagram.octets.len() + datagram.parts.len() * FRAGMENT_OCTETS;
        }
        // Remove the entries of datagrams that are gone, once most are.
        if self.started.len() > 64 && self.started.len() > 2 * self.waiting.len() {
            let waiting = &self.waiting;
            self.started.retain(|(id, number)| {
                waiting.get(id).is_some_and(|datagram| datagram.serial == *number)
            });
        }
    }

    /// Drops the oldest datagrams beyond the limit of memory.
    fn drop_oldest(&mut self) {
        while self.octets > MAX_OCTETS
            && let Some((id, number)) = self.started.pop_front()
        {
            if self.waiting.get(&id).is_some_and(|datagram| datagram.serial == number) {
                self.forget(&id);
            }
        }
    }
}

impl Waiting {
    fn add(&mut self, offset: usize, more: bool, octets: &[u8]) {
        let start = self.octets.len() as u32;
        let part = Part { offset: offset as u32, length: octets.len() as u32, start };
        // In the order of offsets, and of arrival if those are equal.
        let place = self.parts.partition_point(|other| other.offset <= part.offset);
        self.parts.insert(place, part);
        self.octets.extend_from_slice(octets);
        self.received += octets.len();
        if !more {
            self.length.get_or_insert(offset + octets.len());
        }
    }

    fn is_complete(&self) -> bool {
        let Some(length) = self.length.filter(|length| self.received >= *length) else {
            return false;
        };
        let mut reached = 0;
        for part in &self.parts {
            if part.offset > reached {
                break;
            }
            reached = reached.max(part.offset + part.length);
        }
        reached as usize >= length
    }

    fn reassemble(&self) -> Vec<u8> {
        let length = self.length.unwrap_or(0);
        let mut octets = Vec::with_capacity(length);
        for part in &self.parts {
            let received = &self.octets[part.start as usize..][..part.length as usize];
            let known = octets.len().saturating_sub(part.offset as usize);
            octets.extend_from_slice(received.get(known..).unwrap_or_default());
        }
        // Fragments may reach beyond the end that the last one gives.
        octets.truncate(length);
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(identification: u32) -> DatagramId {
        let source = [10, 0, 0, 1].into();
        DatagramId { source, destination: source, protocol: 6, vlan: 0, identification }
    }

    /// Reassembles fragments of one datagram: offset, whether more follow, octets.
    fn reassembled(fragments: &[(usize, bool, &[u8])]) -> Option<Vec<u8>> {
        let mut pool = Fragments::default();
        let mut datagrams = fragments.iter().filter_map(|&(offset, more, octets)| {
            pool.add(&Fragment { id: id(1), offset, more }, octets)
        });
        datagrams.next().map(|datagram| datagram.octets)
    }

    #[test]
    fn in_any_order() {
        let parts: [(usize, bool, &[u8]); 3] =
            [(0, true, b"AAAAAAAA"), (8, true, b"BBBBBBBB"), (16, false, b"CC")];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let octets = reassembled(&order.map(|at| parts[at]));
            assert_eq!(octets.as_deref(), Some(&b"AAAAAAAABBBBBBBBCC"[..]), "{order:?}");
        }
        assert_eq!(reassembled(&parts[..2]), None);
        assert_eq!(reassembled(&parts[1..]), None);
    }

    #[test]
    fn of_two_that_overlap_the_one_in_front_counts() {
        let late =
            reassembled(&[(8, true, b"BBBBBBBB"), (0, true, b"AAAAAAAAAAAA"), (16, false, b"C")]);
        assert_eq!(late.as_deref(), Some(&b"AAAAAAAAAAAABBBBC"[..]));
        let twice =
            reassembled(&[(0, true, b"AAAAAAAA"), (0, true, b"BBBBBBBB"), (8, false, b"C")]);
        assert_eq!(twice.as_deref(), Some(&b"AAAAAAAAC"[..]));
        let inside =
            reassembled(&[(8, true, b"B"), (16, false, b"D"), (0, true, b"AAAAAAAAAAAAAAAA")]);
        assert_eq!(inside.as_deref(), Some(&b"AAAAAAAAAAAAAAAAD"[..]));
        let beyond = reassembled(&[(8, false, b"B"), (0, true, b"AAAAAAAAAAAAAAAA")]);
        assert_eq!(beyond.as_deref(), Some(&b"AAAAAAAAA"[..]));
    }

    #[test]
    fn a_flood_of_fragments_stays_within_the_limit() {
        let mut pool = Fragments::default();
        for number in 0..100_000 {
            let fragment = Fragment { id: id(number), offset: 8, more: true };
            assert!(pool.add(&fragment, &[0; 1400]).is_none());
            assert!(pool.octets <= MAX_OCTETS + 2048);
        }
        assert!(pool.started.len() <= 2 * pool.waiting.len() + 64);
        // A datagram without end does not keep the last one from being completed.
        for number in 0..3 * MAX_FRAGMENTS {
            let fragment = Fragment { id: id(u32::MAX), offset: 8 * number, more: true };
            assert!(pool.add(&fragment, &[0; 8]).is_none());
        }
        let end = Fragment { id: id(99_999), offset: 0, more: true };
        assert!(pool.add(&end, &[1; 8]).is_none());
        let end = Fragment { id: id(99_999), offset: 1408, more: false };
        assert_eq!(pool.add(&end, &[1; 8]).map(|datagram| datagram.octets.len()), Some(1416));
    }

    #[test]
    fn counts_go_back_to_nothing() {
        let mut pool = Fragments::default();
        for number in 0..1000 {
            let fragment = |offset, more| Fragment { id: id(number), offset, more };
            assert!(pool.add(&fragment(0, true), &[0; 8]).is_none());
            assert!(pool.add(&fragment(8, false), &[0; 8]).is_some());
        }
        assert_eq!((pool.octets, pool.waiting.len()), (0, 0));
        assert!(pool.started.len() <= 65);
    }
}
