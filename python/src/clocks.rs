//! The clock of all files together, from what each file says of itself.
//!
//! Read as one stream, files have one clock: the highest time of all frames so far. On a cluster, no reader
//! sees the other files. So each file says when its own clock moved, as [`Spans`], and whoever has those of
//! all files finds out the common clock at any packet ([`Clocks::at`]).
//!
//! A time that is more than an hour ahead counts only once another frame confirms it. In the middle of a file,
//! its own next frame does; but the first frame of a file may also be confirmed by other files that were
//! running.

use std::collections::HashMap;

use dissector_core::LEAP_NS;

/// Spans of a file at most: of more, those with the shortest time between them become one.
const MOST_SPANS: usize = 256;

/// When a clock moved: from and to, without a leap in between. In order of time.
#[derive(Clone, Debug, Default)]
pub struct Spans(Vec<(i64, i64)>);

impl Spans {
    /// The clock is at `now_ns`, as high as before or higher.
    pub fn add(&mut self, now_ns: i64) {
        match self.0.last_mut() {
            Some((_, to_ns)) if now_ns <= to_ns.saturating_add(LEAP_NS) => {
                *to_ns = now_ns.max(*to_ns);
            }
            _ => self.0.push((now_ns, now_ns)),
        }
        if self.0.len() > MOST_SPANS {
            self.join_nearest();
        }
    }

    fn join_nearest(&mut self) {
        let between = |pair: &[(i64, i64)]| pair[1].0.saturating_sub(pair[0].1);
        let pairs = self.0.windows(2).enumerate();
        if let Some((place, _)) = pairs.min_by_key(|(_, pair)| between(pair)) {
            let (_, to_ns) = self.0.remove(place + 1);
            self.0[place].1 = to_ns;
        }
    }

    /// As octets, to travel with the row of a file.
    pub fn to_octets(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|(from, to)| [from.to_be_bytes(), to.to_be_bytes()].concat())
            .collect()
    }

    pub fn from_octets(octets: &[u8]) -> Self {
        let (pairs, _) = octets.as_chunks::<16>();
        let number = |octets: &[u8]| octets.first_chunk().map_or(0, |it| i64::from_be_bytes(*it));
        Self(pairs.iter().map(|pair| (number(pair), number(&pair[8..]))).collect())
    }
}

/// The clocks of all files.
#[derive(Default)]
pub struct Clocks {
    files: HashMap<i32, OfFile>,
    /// Every span in order of time, once all files are known.
    moves: Vec<Move>,
}

struct OfFile {
    spans: Spans,
    frames: u64,
    /// The time of its first frame, and its own clock at its end; `None` without a frame that has a time.
    start_ns: Option<i64>,
    end_ns: Option<i64>,
}

/// A span of a file; with the highest end of all spans up to this one, and of those of other files than that.
struct Move {
    from_ns: i64,
    index: i32,
    highest: (i64, i32),
    of_others_ns: i64,
}

impl Clocks {
    /// Adds a file, unless it is known.
    pub fn add(
        &mut self,
        index: i32,
        spans: Spans,
        frames: u64,
        [start_ns, end_ns]: [Option<i64>; 2],
    ) {
        self.files.entry(index).or_insert(OfFile { spans, frames, start_ns, end_ns });
    }

    /// To be called once all files are added.
    pub fn begin(&mut self) {
        let spans = self.files.iter().flat_map(|(index, file)| {
            file.spans.0.iter().map(|(from_ns, to_ns)| (*from_ns, *index, *to_ns))
        });
        let mut spans: Vec<_> = spans.collect();
        spans.sort_unstable();
        let (mut highest, mut of_others_ns) = ((i64::MIN, -1), i64::MIN);
        let moves = spans.into_iter().map(|(from_ns, index, to_ns)| {
            if to_ns > highest.0 {
                if index != highest.1 {
                    of_others_ns = highest.0;
                }
                highest = (to_ns, index);
            } else if index != highest.1 {
                of_others_ns = of_others_ns.max(to_ns);
            }
            Move { from_ns, index, highest, of_others_ns }
        });
        self.moves = moves.collect();
    }

    /// How far other files have turned the clock when the turn of a packet of this one comes.
    fn of_others_ns(&self, index: i32, order_ns: i64) -> i64 {
        let before = |it: &Move| (it.from_ns, it.index) < (order_ns, index);
        match self.moves.partition_point(before).checked_sub(1) {
            Some(last) => {
                let Move { highest, of_others_ns, .. } = &self.moves[last];
                if highest.1 == index { *of_others_ns } else { highest.0 }
            }
            None => i64::MIN,
        }
    }

    /// The common clock at a packet: `order_ns` is the highest time of the packets of its file so far, and
    /// `own_ns` the file's own clock.
    pub fn at(&self, index: i32, frame: u64, order_ns: i64, own_ns: i64) -> i64 {
        if frame > 1 && own_ns >= order_ns {
            return own_ns;
        }
        let others_ns = self.of_others_ns(index, order_ns);
        let confirmed_ns = if frame > 1 { own_ns } else { i64::MIN };
        let is_leap = others_ns > 0 && order_ns > others_ns.saturating_add(LEAP_NS);
        match (is_leap, others_ns) {
            // The first of all frames is no leap.
            (_, i64::MIN) => own_ns,
            (true, _) => confirmed_ns.max(others_ns),
            (false, _) => confirmed_ns.max(order_ns),
        }
    }

    /// The common clock at the end.
    pub fn end_ns(&self) -> i64 {
        let end_ns = |(index, file): (&i32, &OfFile)| {
            let end_ns = file.end_ns?;
            // Nothing of its own confirms the time of a single frame.
            Some(if file.frames > 1 {
                end_ns
            } else {
                self.at(*index, 1, file.start_ns.unwrap_or(end_ns), end_ns)
            })
        };
        self.files.iter().filter_map(end_ns).max().unwrap_or(i64::MIN)
    }
}
