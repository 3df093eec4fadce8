//! The IP identification of an RST beside those of its sender's other packets.

/// An RST comes at most so many packets after the last one that was captured.
const NEXT: u16 = 256;
/// A host that counts all its packets has not sent so many others in between.
const FAR: u16 = 4096;
/// After so long, a host that counts all its packets may be at any number, in nanoseconds.
const SOON_NS: i64 = 1_000_000_000;
/// RSTs that are remembered.
const MOST: usize = 16;

/// The origin of an RST, as its identification shows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// It goes on from `last`, the last one before it.
    Same { last: u16, number: u16 },
    /// It does not, although the host counts its packets, or has 0 in all of them.
    Other { last: u16, number: u16 },
}

/// The identifications of the packets of one end. Those of SYNs and SYN/ACKs tell nothing: Linux sends
/// SYN/ACKs with 0 whatever it does afterwards.
#[derive(Clone, Debug, Default)]
pub struct Identifications {
    /// The last two.
    last: [Option<u16>; 2],
    last_ns: i64,
    /// Frames of RSTs, and what they show.
    resets: Vec<(u64, Origin)>,
}

impl Identifications {
    /// Takes in a packet that is neither SYN nor RST.
    pub fn add(&mut self, number: Option<u16>, time_ns: i64) {
        self.last = [self.last[1], number];
        self.last_ns = time_ns;
    }

    /// Takes in an RST.
    pub fn add_rst(&mut self, frame: u64, number: Option<u16>, time_ns: i64, bare: bool) {
        let ([Some(before), Some(last)], Some(number)) = (self.last, number) else { return };
        let soon = time_ns.saturating_sub(self.last_ns) < SOON_NS;
        let counts = before != 0 && (1..=NEXT).contains(&last.wrapping_sub(before));
        let ahead = number.wrapping_sub(last);
        let origin = match (before, last, number) {
            // An answer of Linux's kernel, without a socket, has 0 whatever its sockets send.
            (_, _, 0) if bare => None,
            (0, 0, 0) => Some(Origin::Same { last, number }),
            (0, 0, _) => Some(Origin::Other { last, number }),
            _ if !counts => None,
            (_, _, 0) => Some(Origin::Other { last, number }),
            _ if (1..=NEXT).contains(&ahead) => Some(Origin::Same { last, number }),
            _ if soon && !(1..=FAR).contains(&ahead) => Some(Origin::Other { last, number }),
            _ => None,
        };
        if let Some(origin) = origin.filter(|_| self.resets.len() < MOST) {
            self.resets.push((frame, origin));
        }
    }

    /// The origin of the RST in this frame.
    pub fn of_rst(&self, frame: u64) -> Option<Origin> {
        let found = self.resets.iter().find(|(it, _)| *it == frame);
        found.map(|(_, origin)| *origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The origin of an RST after packets with these identifications, `later_ms` after the last.
    fn origin(numbers: &[u16], number: u16, later_ms: i64, bare: bool) -> Option<Origin> {
        let mut known = Identifications::default();
        numbers.iter().for_each(|number| known.add(Some(*number), 0));
        known.add_rst(9, Some(number), later_ms * 1_000_000, bare);
        known.of_rst(9)
    }

    #[test]
    fn a_host_that_counts_goes_on_counting() {
        let same = Some(Origin::Same { last: 101, number: 102 });
        assert_eq!(origin(&[100, 101], 102, 5, false), same);
        assert_eq!(origin(&[100, 101], 102, 60_000, true), same);
        let round = Some(Origin::Same { last: 0xffff, number: 1 });
        assert_eq!(origin(&[0xfffe, 0xffff], 1, 5, false), round);
    }

    #[test]
    fn another_machine_has_numbers_of_its_own() {
        let other = |number| Some(Origin::Other { last: 101, number });
        assert_eq!(origin(&[100, 101], 54_321, 5, false), other(54_321));
        assert_eq!(origin(&[100, 101], 99, 5, true), other(99));
        assert_eq!(origin(&[100, 101], 0, 5, false), other(0));
        assert_eq!(origin(&[0, 0], 7, 5, false), Some(Origin::Other { last: 0, number: 7 }));
    }

    #[test]
    fn nothing_is_shown_where_it_could_be_either() {
        // Linux answers without a socket; the host may have sent others since; it does not count.
        assert_eq!(origin(&[100, 101], 0, 5, true), None);
        assert_eq!(origin(&[100, 101], 9_000, 5_000, false), None);
        assert_eq!(origin(&[100, 101], 3_000, 5, false), None);
        assert_eq!(origin(&[100, 44_000], 7, 5, false), None);
        assert_eq!(origin(&[101], 7, 5, false), None);
    }
}
