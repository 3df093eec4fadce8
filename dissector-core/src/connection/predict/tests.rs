//! The short way and the long way, compared.

use super::*;
use crate::{ConnectionTable, PacketInfo, Segment};
use std::cell::Cell;

thread_local! {
    pub(crate) static ALWAYS_THE_LONG_WAY: Cell<bool> = const { Cell::new(false) };
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as u32 % limit
    }

    fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }
}

/// Both ends of an exchange that mostly goes as usual.
struct Exchange {
    port: u16,
    /// Of each end: what it sends next, and how far it has acknowledged.
    next: [u32; 2],
    acknowledged: [u32; 2],
    step: u32,
    timestamps: bool,
    last: Vec<u8>,
    last_sender: usize,
}

impl Exchange {
    fn new(numbers: &mut Numbers) -> Self {
        let next = [numbers.below(u32::MAX), numbers.below(u32::MAX)];
        Self {
            port: 1024 + numbers.below(40) as u16,
            next,
            acknowledged: [0, 0],
            step: 0,
            timestamps: !numbers.once_in(3),
            last: Vec::new(),
            last_sender: 0,
        }
    }

    /// The next segment, who sends it, and whether the exchange is over.
    fn segment(&mut self, numbers: &mut Numbers) -> (usize, Vec<u8>, bool) {
        if !self.last.is_empty() && numbers.once_in(12) {
            return (self.last_sender, self.last.clone(), false);
        }
        let (sender, mut flags) = match self.step {
            0 => (0, 0x02),
            1 if self.port.is_multiple_of(4) => (1, 0x14),
            1 => (1, 0x12),
            2 => (0, 0x10),
            3..8 => (numbers.below(2) as usize, 0x10),
            8 => (numbers.below(2) as usize, 0x11),
            9 => (1 - self.last_sender, 0x10 + numbers.below(2) as u8),
            10 => (self.last_sender, 0x11 - numbers.below(2) as u8),
            _ => (1 - self.last_sender, 0x10),
        };
        let data = (3..8).contains(&self.step) && !numbers.once_in(3) || numbers.once_in(10);
        let mut payload = if data { numbers.below(9) } else { 0 };
        let mut sequence = self.next[sender];
        let mut acknowledgment = self.next[1 - sender];
        let mut window = 1000u16;
        let mut options = match (flags & 2 != 0, self.timestamps) {
            (true, true) => {
                vec![2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7]
            }
            (true, false) => vec![2, 4, 5, 0xb4, 1, 3, 3, 7],
            (false, true) => vec![1, 1, 8, 10, 0, 0, 0, 8, 0, 0, 0, 7],
            (false, false) => vec![],
        };
        if flags == 0x14 {
            sequence = 0;
        }
        if numbers.once_in(9) {
            match numbers.below(12) {
                0 => flags = numbers.below(64) as u8,
                1 => flags |= 0x04,
                2 => sequence = sequence.wrapping_add(numbers.below(5)).wrapping_sub(2),
                3 => acknowledgment = acknowledgment.wrapping_add(numbers.below(5)).wrapping_sub(2),
                4 => window = 0,
                5 => options.clear(),
                6 => options = vec![2, 4, 0, 100],
                7 => options = vec![30, 4, numbers.below(3) as u8 * 16, 0],
                8 => flags |= 0xc0,
                9 => payload = 3,
                10 => flags ^= 0x01,
                _ => sequence = numbers.below(u32::MAX),
            }
        } else {
            self.step += 1;
            let counts = flags & 3;
            let taken = payload + u32::from(counts & 1 != 0) + u32::from(counts & 2 != 0);
            self.next[sender] = self.next[sender].wrapping_add(taken);
            self.acknowledged[sender] = acknowledgment;
        }
        if flags & 0x10 == 0 {
            acknowledgment = 0;
        }
        let mut octets = Vec::new();
        let ports = [self.port, 80];
        octets.extend(ports[sender].to_be_bytes());
        octets.extend(ports[1 - sender].to_be_bytes());
        octets.extend(sequence.to_be_bytes());
        octets.extend(acknowledgment.to_be_bytes());
        octets.extend([(5 + options.len() as u8 / 4) << 4, flags]);
        octets.extend(window.to_be_bytes());
        octets.extend([numbers.below(3) as u8, 0, 0, 0]);
        octets.extend(&options);
        octets.extend(vec![b'x'; payload as usize]);
        (self.last, self.last_sender) = (octets.clone(), sender);
        (sender, octets, self.step > 13 || numbers.once_in(60))
    }
}

/// What is known of the connection seen last, but for the way there.
fn latest(table: &ConnectionTable) -> String {
    let mut connection = table.latest().expect("a segment was observed").clone();
    connection.course = Course::Left;
    let verdicts = [table.now_ns(), i64::MAX].map(|now_ns| connection.verdict_at(now_ns));
    let closed = (connection.is_closed(), connection.is_answered(), connection.conn_state());
    connection.keep_refusal_in_full();
    format!("{connection:?} {verdicts:?} {closed:?}")
}

fn compare(seed: u64, segments: u32) -> (u32, u32) {
    let mut numbers = Numbers(seed);
    let (mut short, mut long) = (ConnectionTable::new(), ConnectionTable::new());
    let mut time_ns = 0;
    let mut exchanges: Vec<_> = (0..6).map(|_| Exchange::new(&mut numbers)).collect();
    let (mut usual, mut all) = (0, 0);
    for frame in 1..=u64::from(segments) {
        let which = numbers.below(6) as usize;
        let (sender, octets, over) = exchanges[which].segment(&mut numbers);
        time_ns += match numbers.below(400) {
            0 => 130_000_000_000,
            1 => 61_000_000_000,
            2 | 3 => 1_500_000_000,
            4..60 => 0,
            _ => i64::from(numbers.below(30_000_000)),
        };
        let ends = [[10, 0, 0, 1], [10, 0, 0, 2]];
        let packet = PacketInfo::new(ends[sender], ends[1 - sender], time_ns)
            .with_frame(frame)
            .with_ttl(64 - numbers.below(2) as u8)
            .with_ip_id(numbers.below(3) as u16);
        let segment = Segment::parse(packet, &octets).expect("a header");
        ALWAYS_THE_LONG_WAY.set(true);
        let expected = long.observe(&segment);
        ALWAYS_THE_LONG_WAY.set(false);
        let seen = short.observe(&segment);
        assert_eq!(seen, expected, "seed {seed}, frame {frame}");
        assert_eq!(latest(&short), latest(&long), "seed {seed}, frame {frame}");
        all += 1;
        let connection = short.latest().expect("a segment was observed");
        usual += u32::from(connection.course != Course::Left);
        if over {
            exchanges[which] = Exchange::new(&mut numbers);
        }
    }
    (usual, all)
}

#[test]
fn the_short_way_leads_to_the_same_place() {
    let (mut usual, mut all) = (0, 0);
    for seed in 1..=40 {
        let (one, of) = compare(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(seed), 1_000);
        usual += one;
        all += of;
    }
    // Both ways were gone often.
    assert!(usual > all / 4 && usual < all - all / 4, "{usual} of {all}");
}

#[test]
#[ignore = "takes half a minute, and minutes with TCPHS_LONG=1"]
fn the_short_way_leads_to_the_same_place_at_length() {
    let exchanges = if std::env::var_os("TCPHS_LONG").is_some() { 1_000 } else { 200 };
    for seed in 1..=exchanges {
        compare(0xbf58_476d_1ce4_e5b9u64.wrapping_mul(seed), 2_000);
    }
}
