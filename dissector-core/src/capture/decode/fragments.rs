//! Putting fragmented datagrams together (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! Not with etherparse's pool: that has no limit, and refuses fragments that overlap. Here the
//! payload comes out as Wireshark shows it: with the frame that completes it, and where fragments
//! overlap, the one that begins further in front counts, of equals the first that came.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// Octets of fragments that are kept at most; beyond that the oldest datagrams are let go.
const MAX_OCTETS: usize = 16 * 1024 * 1024;
/// What a waiting datagram costs besides the octets of its fragments, about.
const DATAGRAM_OCTETS: usize = 256;
/// What a fragment costs besides its octets.
const FRAGMENT_OCTETS: usize = size_of::<Part>();
/// Fragments of one datagram; more come from an attack only, for 65,535 octets in the smallest
/// fragments that a link may ask for are fewer.
const MAX_FRAGMENTS: usize = 2048;

/// What the fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct DatagramId {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// Zero for IPv6, as in Wireshark.
    pub(crate) protocol: u8,
    pub(crate) vlan: u16,
    pub(crate) identification: u32,
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment {
    pub(crate) id: DatagramId,
    /// Octets of the payload in front of it.
    pub(crate) offset: usize,
    /// Whether others follow.
    pub(crate) more: bool,
}

/// A payload put together.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) octets: Vec<u8>,
    /// Fragments that were waiting for the one that completed it.
    pub(crate) waiting: u64,
}

/// Fragments of datagrams that are not complete yet.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    waiting: HashMap<DatagramId, Waiting>,
    /// Datagrams in the order in which they began, with the number of the beginning: one that is
    /// complete leaves its entry behind.
    begun: VecDeque<(DatagramId, u64)>,
    beginnings: u64,
    octets: usize,
}

#[derive(Debug)]
struct Waiting {
    beginning: u64,
    /// The octets of all fragments, in the order in which they came.
    octets: Vec<u8>,
    parts: Vec<Part>,
    /// Length of the whole, once the last fragment has come; the first one that says so counts.
    length: Option<usize>,
    /// Octets of all fragments, those that overlap counted twice.
    received: usize,
}

/// One fragment of a datagram.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// In the datagram.
    offset: u32,
    length: u32,
    /// In the octets received.
    start: u32,
}

impl Fragments {
    /// Takes a fragment; the whole payload if this completes it.
    pub(crate) fn add(&mut self, fragment: &Fragment, octets: &[u8]) -> Option<Whole> {
        let Fragment { id, offset, more } = *fragment;
        let known = self.waiting.contains_key(&id);
        if !known {
            self.beginnings += 1;
            self.begun.push_back((id, self.beginnings));
            self.octets += DATAGRAM_OCTETS;
        }
        let datagram = self.waiting.entry(id).or_insert_with(|| Waiting {
            beginning: self.beginnings,
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
            let octets = datagram.put_together();
            self.forget(&id);
            return Some(Whole { octets, waiting });
        }
        self.let_go();
        None
    }

    fn forget(&mut self, id: &DatagramId) {
        if let Some(datagram) = self.waiting.remove(id) {
            self.octets -=
                DATAGRAM_OCTETS + datagram.octets.len() + datagram.parts.len() * FRAGMENT_OCTETS;
        }
        // Entries of datagrams that are gone, where most are.
        if self.begun.len() > 64 && self.begun.len() > 2 * self.waiting.len() {
            let waiting = &self.waiting;
            self.begun.retain(|(id, number)| {
                waiting.get(id).is_some_and(|datagram| datagram.beginning == *number)
            });
        }
    }

    /// Keeps within the limit.
    fn let_go(&mut self) {
        while self.octets > MAX_OCTETS
            && let Some((id, number)) = self.begun.pop_front()
        {
            if self.waiting.get(&id).is_some_and(|datagram| datagram.beginning == number) {
                self.forget(&id);
            }
        }
    }
}

impl Waiting {
    fn add(&mut self, offset: usize, more: bool, octets: &[u8]) {
        let start = self.octets.len() as u32;
        let part = Part { offset: offset as u32, length: octets.len() as u32, start };
        // In the order of their offsets, equal ones in the order in which they came.
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

    fn put_together(&self) -> Vec<u8> {
        let length = self.length.unwrap_or(0);
        let mut whole = Vec::with_capacity(length);
        for part in &self.parts {
            let received = &self.octets[part.start as usize..][..part.length as usize];
            let known = whole.len().saturating_sub(part.offset as usize);
            whole.extend_from_slice(received.get(known..).unwrap_or_default());
        }
        // What lies beyond the end that the last fragment gives is no part of it.
        whole.truncate(length);
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(identification: u32) -> DatagramId {
        let source = [10, 0, 0, 1].into();
        DatagramId { source, destination: source, protocol: 6, vlan: 0, identification }
    }

    /// What comes of fragments of one datagram: offset, whether more follow, octets.
    fn whole(fragments: &[(usize, bool, &[u8])]) -> Option<Vec<u8>> {
        let mut pool = Fragments::default();
        let mut wholes = fragments.iter().filter_map(|&(offset, more, octets)| {
            pool.add(&Fragment { id: id(1), offset, more }, octets)
        });
        wholes.next().map(|whole| whole.octets)
    }

    #[test]
    fn in_any_order() {
        let parts: [(usize, bool, &[u8]); 3] =
            [(0, true, b"AAAAAAAA"), (8, true, b"BBBBBBBB"), (16, false, b"CC")];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let whole = whole(&order.map(|at| parts[at]));
            assert_eq!(whole.as_deref(), Some(&b"AAAAAAAABBBBBBBBCC"[..]), "{order:?}");
        }
        assert_eq!(whole(&parts[..2]), None);
        assert_eq!(whole(&parts[1..]), None);
    }

    #[test]
    fn of_two_that_overlap_the_one_in_front_counts() {
        let late = whole(&[(8, true, b"BBBBBBBB"), (0, true, b"AAAAAAAAAAAA"), (16, false, b"C")]);
        assert_eq!(late.as_deref(), Some(&b"AAAAAAAAAAAABBBBC"[..]));
        let twice = whole(&[(0, true, b"AAAAAAAA"), (0, true, b"BBBBBBBB"), (8, false, b"C")]);
        assert_eq!(twice.as_deref(), Some(&b"AAAAAAAAC"[..]));
        let inside = whole(&[(8, true, b"B"), (16, false, b"D"), (0, true, b"AAAAAAAAAAAAAAAA")]);
        assert_eq!(inside.as_deref(), Some(&b"AAAAAAAAAAAAAAAAD"[..]));
        let beyond = whole(&[(8, false, b"B"), (0, true, b"AAAAAAAAAAAAAAAA")]);
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
        assert!(pool.begun.len() <= 2 * pool.waiting.len() + 64);
        // One datagram without end, and the last one still complete.
        for number in 0..3 * MAX_FRAGMENTS {
            let fragment = Fragment { id: id(u32::MAX), offset: 8 * number, more: true };
            assert!(pool.add(&fragment, &[0; 8]).is_none());
        }
        let end = Fragment { id: id(99_999), offset: 0, more: true };
        assert!(pool.add(&end, &[1; 8]).is_none());
        let end = Fragment { id: id(99_999), offset: 1408, more: false };
        assert_eq!(pool.add(&end, &[1; 8]).map(|whole| whole.octets.len()), Some(1416));
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
        assert!(pool.begun.len() <= 65);
    }
}
