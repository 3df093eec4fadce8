//! The connections of all points, and which of them look like one on the first pass.
//!
//! A SYN has its number at each point, whatever a translator does to addresses and ports. What only the
//! whole capture tells is found by the comparison, and said on later passes.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

use dissector_core::Segment;
use dissector_core::wire::TcpFlags;

/// A connection as one point saw it.
#[derive(Clone, Copy, Debug)]
pub struct Half {
    pub point: usize,
    /// Its number in the point's table.
    pub id: u32,
    /// The number of the connection, as its first segment looks.
    pub number: u32,
}

/// Earlier halves that a new one is compared with, at most.
const MOST_ALIKE: usize = 8;

#[derive(Default)]
pub struct Halves {
    all: Vec<Half>,
    /// The points that saw each number, as bits.
    seen_at: Vec<u64>,
    /// The latest halves with an initial number of the client, or with addresses and ports.
    by_initial: HashMap<u32, Vec<u32>>,
    by_ends: HashMap<[SocketAddr; 2], Vec<u32>>,
}

impl Halves {
    pub fn get(&self, half: u32) -> Option<Half> {
        self.all.get(half as usize).copied()
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// A new connection at a point, which begins with `segment`.
    pub fn begin(&mut self, point: usize, id: u32, segment: &Segment<'_>) -> u32 {
        let half = self.all.len() as u32;
        let (packet, tcp) = (&segment.packet, &segment.tcp);
        let ends = [
            SocketAddr::new(packet.source, tcp.source_port),
            SocketAddr::new(packet.destination, tcp.destination_port),
        ];
        let ends = if ends[0] <= ends[1] { ends } else { [ends[1], ends[0]] };
        let initial = match (tcp.flags.contains(TcpFlags::SYN), tcp.flags.contains(TcpFlags::ACK)) {
            (true, false) => Some(tcp.sequence.0),
            (true, true) => Some(tcp.acknowledgment.0.wrapping_sub(1)),
            _ => None,
        };
        let here = 1_u64 << point;
        let none = Vec::new();
        let same_ends = self.by_ends.get(&ends).unwrap_or(&none);
        let begun_with = |number: u32| self.by_initial.get(&number.wrapping_sub(1));
        let alike = match initial {
            Some(initial) => self.by_initial.get(&initial).unwrap_or(&none),
            None if !same_ends.is_empty() => same_ends,
            // The SYN was lost before this point; the segment right behind it has the next number.
            None => begun_with(tcp.sequence.0)
                .or_else(|| begun_with(tcp.acknowledgment.0))
                .unwrap_or(&none),
        };
        // At other points only, and where this point does not have it yet.
        let fitting = alike.iter().copied().filter(|other| {
            let number = self.all[*other as usize].number;
            self.seen_at[number as usize] & here == 0
        });
        let fitting: Vec<u32> = fitting.collect();
        let mut same: Vec<u32> =
            fitting.iter().copied().filter(|other| same_ends.contains(other)).collect();
        if same.is_empty() {
            same = fitting;
        }
        let mut numbers: Vec<u32> =
            same.iter().map(|other| self.all[*other as usize].number).collect();
        numbers.dedup();
        let number = match (&numbers[..], initial) {
            ([number], _) => *number,
            // Without a SYN, the latest use of the ports.
            ([.., number], None) => *number,
            // Several fit, or none.
            _ => {
                self.seen_at.push(0);
                self.seen_at.len() as u32 - 1
            }
        };
        self.seen_at[number as usize] |= here;
        self.all.push(Half { point, id, number });
        note(self.by_ends.entry(ends).or_default(), half);
        if let Some(initial) = initial {
            note(self.by_initial.entry(initial).or_default(), half);
        }
        half
    }

    /// Points that follow each other in some connection.
    pub fn neighbours(&self) -> Vec<[usize; 2]> {
        let mut pairs = BTreeSet::new();
        for seen_at in self.seen_at.iter().collect::<BTreeSet<_>>() {
            let points: Vec<_> = (0..64).filter(|point| seen_at >> point & 1 == 1).collect();
            pairs.extend(points.windows(2).map(|pair| [pair[0], pair[1]]));
        }
        pairs.into_iter().collect()
    }
}

fn note(halves: &mut Vec<u32>, half: u32) {
    if halves.len() == MOST_ALIKE {
        halves.remove(0);
    }
    halves.push(half);
}
