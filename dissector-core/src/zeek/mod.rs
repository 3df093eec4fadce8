//! The connection in the terms of Zeek's conn.log: `conn_state` and `history`.
//!
//! Zeek has endpoint rules of its own: they look at flags, hardly at sequence numbers, and Zeek's
//! originator is not always our client. This follower applies them to the same segments, for readers
//! who know `S0`, `REJ` and `SF` by heart. Gaps (`G`), checksums (`C`) and analyzer limits (`X`) are
//! not produced.

mod history;

use history::History;

use crate::compact::CompactSegment;
use crate::key;
use crate::vocabulary::Side;
use crate::wire::{SeqNumber, TcpFlags};

/// Ports that Zeek takes for a server's: those of the protocols it analyses.
const LIKELY_SERVER_PORTS: [u16; 49] = [
    21, 22, 25, 53, 79, 80, 81, 88, 135, 139, 143, 389, 443, 445, 465, 502, 514, 563, 585, 587,
    614, 631, 636, 989, 990, 992, 993, 995, 1080, 1434, 1883, 2811, 3128, 3268, 3306, 3389, 5222,
    5223, 5269, 5432, 6379, 6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000,
];

/// State of an endpoint, in Zeek's words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Inactive,
    SynSent,
    SynAckSent,
    Partial,
    Established,
    Closed,
    Reset,
}

use State::{Closed, Established, Inactive, Partial, Reset, SynAckSent, SynSent};

bitflags::bitflags! {
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    struct Facts: u16 {
        // The letters that the endpoint has in the history already.
        const SYN = 1 << 0;
        const FIN = 1 << 1;
        const RST = 1 << 2;
        const DATA = 1 << 3;
        const ACK = 1 << 4;
        const FIN_AND_RST = 1 << 5;
        const SYN_AND_MORE = 1 << 6;
        /// It has sent a FIN, perhaps with other flags.
        const SENT_FIN = 1 << 7;
        /// Its last FIN ended at its highest number.
        const FIN_AT_LAST = 1 << 8;
        /// Its last RST was at its highest number.
        const RST_AT_LAST = 1 << 9;
        /// The other end has acknowledged two of its sequence numbers: more than the SYN.
        const TWO_ACKED = 1 << 10;
        /// The other end has acknowledged three of its sequence numbers: more than SYN and FIN.
        const THREE_ACKED = 1 << 11;
        /// Zeek takes it for the originator.
        const ORIGINATOR = 1 << 12;
    }
}

#[derive(Clone, Copy, Debug)]
struct Endpoint {
    /// The number before its first octet.
    start: SeqNumber,
    /// The highest number that it has sent.
    last: SeqNumber,
    state: State,
    previous: State,
    facts: Facts,
}

impl Endpoint {
    const NEW: Self = Self {
        start: SeqNumber(0),
        last: SeqNumber(0),
        state: Inactive,
        previous: Inactive,
        facts: Facts::empty(),
    };

    fn enter(&mut self, state: State) {
        self.previous = self.state;
        self.state = state;
    }

    const fn has(&self, facts: Facts) -> bool {
        self.facts.contains(facts)
    }

    const fn relative(&self, number: SeqNumber) -> SeqNumber {
        SeqNumber(number.0.wrapping_sub(self.start.0))
    }

    fn quiet(&self) -> bool {
        matches!(self.state, Inactive | Partial)
    }

    /// Whether it has sent payload, as the sequence numbers tell.
    fn has_payload(&self) -> bool {
        let (most, more_acked) = match self.has(Facts::SENT_FIN) {
            true => (2, Facts::THREE_ACKED),
            false => (1, Facts::TWO_ACKED),
        };
        self.relative(self.last).0 > most || self.has(more_acked)
    }

    /// The other end has acknowledged its octets up to `number`.
    #[inline(always)]
    fn acknowledged(&mut self, number: SeqNumber) {
        if self.has(Facts::THREE_ACKED) {
            return;
        }
        let octets = number.since(self.start);
        self.facts |= match octets {
            ..2 => Facts::empty(),
            2 => Facts::TWO_ACKED,
            3.. => Facts::TWO_ACKED | Facts::THREE_ACKED,
        };
    }
}

/// Follows one connection. Its two ends are told apart as in the engine.
#[derive(Clone, Debug)]
pub(crate) struct Zeek {
    ends: [Endpoint; 2],
    history: History,
}

/// The flags that decide the kind of a segment.
const KINDS: TcpFlags = TcpFlags::SYN.union(TcpFlags::FIN).union(TcpFlags::RST);
const FIN_AND_RST: TcpFlags = TcpFlags::FIN.union(TcpFlags::RST);

impl Zeek {
    /// The view before the first segment, which `sender` sent.
    pub fn new(first: &CompactSegment, sender: Side) -> Self {
        let flags = first.flags;
        let plain_syn = flags & (TcpFlags::SYN | TcpFlags::ACK) == TcpFlags::SYN;
        let [from, to] = key::split_ports(first.ports);
        let likely = |port| LIKELY_SERVER_PORTS.contains(&port);
        let flip = !plain_syn
            && likely(from)
            && (!likely(to) || !flags.contains(TcpFlags::SYN) && from < to);
        let mut zeek = Self { ends: [Endpoint::NEW; 2], history: History::EMPTY };
        let originator = if flip { sender.other() } else { sender };
        zeek.ends[originator as usize].facts = Facts::ORIGINATOR;
        if flip {
            zeek.history.push(b'^');
        }
        zeek
    }

    /// Takes in a segment with so many octets of payload, which may have been captured before.
    #[inline(always)]
    pub fn observe(&mut self, segment: &CompactSegment, payload: u32, sender: Side) {
        if !segment.has_whole_header() {
            // A header that reaches past the segment, or past what was captured, leaves no trace.
            return;
        }
        let is_active = self.ends[sender as usize].state != Inactive;
        if is_active && !segment.flags.intersects(KINDS) {
            // A segment that changes no state of its sender.
            self.add_stream_letter(sender as usize, segment, payload);
            self.advance(sender, segment, payload, segment.sequence + payload);
        } else {
            self.observe_control(segment, sender, payload);
        }
    }

    /// A segment with SYN, FIN or RST, or the first of its sender.
    #[inline(never)]
    fn observe_control(&mut self, segment: &CompactSegment, sender: Side, payload: u32) {
        let (own, sequence) = (sender as usize, segment.sequence);
        let kinds = segment.flags & KINDS;
        let syn = kinds.contains(TcpFlags::SYN);
        if self.ends[own].state == Inactive || syn && self.starts_anew(own, segment) {
            self.begin(own, if syn { sequence } else { sequence - 1 }, sequence);
        }
        if kinds == TcpFlags::SYN {
            self.add_syn_letter(own, segment);
            self.advance(sender, segment, payload, sequence + payload + 1);
        } else if kinds == TcpFlags::FIN {
            let end = sequence + payload + 1;
            let differs = || self.ends[own].relative(end) != self.last_fin(own);
            if !self.ends[own].has(Facts::FIN) || differs() {
                self.push(own, Facts::FIN, b'f');
            }
            self.advance(sender, segment, payload, end);
            self.keep_fin(own, end);
        } else if kinds == TcpFlags::RST {
            let differs = || self.ends[own].relative(sequence) != self.last_rst(own);
            if !self.ends[own].has(Facts::RST) || differs() {
                self.push(own, Facts::RST, b'r');
            }
            self.advance(sender, segment, payload, sequence);
            self.keep_rst(own, sequence);
        } else if kinds.is_empty() {
            self.add_stream_letter(own, segment, payload);
            self.advance(sender, segment, payload, sequence + payload);
        } else {
            let (fact, letter) = match kinds.contains(FIN_AND_RST) {
                true => (Facts::FIN_AND_RST, b'i'),
                false => (Facts::SYN_AND_MORE, b'q'),
            };
            if !self.ends[own].has(fact) {
                self.push(own, fact, letter);
            }
            let counted = if kinds.contains(TcpFlags::RST) { 0 } else { payload };
            let fin = u32::from(kinds.contains(TcpFlags::FIN));
            self.advance(sender, segment, payload, sequence + counted + u32::from(syn) + fin);
        }
        self.step(sender, segment, payload);
    }

    /// Whether a SYN of an end that has sent something begins its stream anew.
    fn starts_anew(&self, sender: usize, syn: &CompactSegment) -> bool {
        let own = &self.ends[sender];
        match own.state {
            SynSent | SynAckSent => own.start != syn.sequence,
            Established | Partial => true,
            Reset => own.previous == Inactive,
            Inactive | Closed => false,
        }
    }

    #[inline]
    fn begin(&mut self, end: usize, start: SeqNumber, last: SeqNumber) {
        self.pin_last(end);
        let end = &mut self.ends[end];
        (end.start, end.last) = (start, last);
        end.facts -= Facts::TWO_ACKED | Facts::THREE_ACKED;
    }

    /// Adds the letter of a segment without SYN, FIN and RST to the history, if it has one.
    #[inline(always)]
    fn add_stream_letter(&mut self, sender: usize, segment: &CompactSegment, payload: u32) {
        let (fact, letter) = match (payload, segment.flags.contains(TcpFlags::ACK)) {
            (1.., _) => (Facts::DATA, b'd'),
            (0, true) => (Facts::ACK, b'a'),
            (0, false) => return,
        };
        if !self.ends[sender].has(fact) {
            if self.history.letters() == b"H" {
                // The capture began with a SYN/ACK: its sender was not the originator after all.
                self.history.clear();
                self.flip();
                self.history.push(b'h');
            }
            self.push(sender, fact, letter);
        }
    }

    /// Adds the letter of a SYN or SYN/ACK to the history, unless it is as before.
    fn add_syn_letter(&mut self, sender: usize, segment: &CompactSegment) {
        let relative = self.ends[sender].relative(segment.sequence);
        let differs = relative != self.history.counts(sender).last_syn;
        if differs {
            self.history.counts_mut(sender).last_syn = relative;
        }
        if differs || !self.ends[sender].has(Facts::SYN) {
            let letter = if segment.flags.contains(TcpFlags::ACK) { b'h' } else { b's' };
            self.push(sender, Facts::SYN, letter);
        }
    }

    /// Updates the highest numbers of both ends; payload below the sender's highest number was sent
    /// before.
    #[inline(always)]
    fn advance(&mut self, from: Side, segment: &CompactSegment, payload: u32, end: SeqNumber) {
        let (sender, peer) = (from as usize, from.other() as usize);
        if segment.window == 0 {
            self.count_zero_window(from, segment.flags);
        }
        if segment.flags.contains(TcpFlags::ACK) {
            if self.ends[peer].state == Inactive {
                let start = segment.acknowledgment - 1;
                self.begin(peer, start, start);
            }
            if !segment.flags.contains(TcpFlags::RST) {
                self.ends[peer].acknowledged(segment.acknowledgment);
            }
        }
        let ahead = end.since(self.ends[sender].last);
        if ahead > 0 {
            self.pin_last(sender);
            self.ends[sender].last = end;
        } else if payload > 0 {
            self.count_retransmission(sender, segment.flags & KINDS, ahead);
        }
    }

    #[cold]
    fn count_zero_window(&mut self, sender: Side, flags: TcpFlags) {
        let (own, peer) = (&self.ends[sender as usize], &self.ends[sender.other() as usize]);
        if !flags.contains(TcpFlags::RST) && peer.state != Closed && own.state != Reset {
            let sender = sender as usize;
            let times = &mut self.history.counts_mut(sender).zero_windows;
            *times += 1;
            let times = *times;
            self.push_at_powers_of_ten(sender, b'w', times);
        }
    }

    #[cold]
    fn count_retransmission(&mut self, sender: usize, kinds: TcpFlags, ahead: i32) {
        let own = &self.ends[sender];
        let jumps =
            kinds.intersects(TcpFlags::SYN | TcpFlags::RST) && ahead.unsigned_abs() > 1 << 20;
        let lone_fin = kinds.contains(TcpFlags::FIN) && own.last == own.start + 1;
        if own.state != Reset && !jumps && !lone_fin {
            let times = &mut self.history.counts_mut(sender).retransmissions;
            *times += 1;
            let times = *times;
            self.push_at_powers_of_ten(sender, b't', times);
        }
    }

    /// End of the last FIN of an end, relative to its start.
    fn last_fin(&self, end: usize) -> SeqNumber {
        let own = &self.ends[end];
        match own.has(Facts::FIN_AT_LAST) {
            true => own.relative(own.last),
            false => self.history.counts(end).last_fin,
        }
    }

    /// Number of the last RST of an end, relative to its start.
    fn last_rst(&self, end: usize) -> SeqNumber {
        let own = &self.ends[end];
        match own.has(Facts::RST_AT_LAST) {
            true => own.relative(own.last),
            false => self.history.counts(end).last_rst,
        }
    }

    fn keep_fin(&mut self, end: usize, number: SeqNumber) {
        let own = &mut self.ends[end];
        own.facts.set(Facts::FIN_AT_LAST, number == own.last);
        if number != own.last {
            self.history.counts_mut(end).last_fin = self.ends[end].relative(number);
        }
    }

    fn keep_rst(&mut self, end: usize, number: SeqNumber) {
        let own = &mut self.ends[end];
        own.facts.set(Facts::RST_AT_LAST, number == own.last);
        if number != own.last {
            self.history.counts_mut(end).last_rst = self.ends[end].relative(number);
        }
    }

    /// Stores the numbers of FIN and RST before the number that they are at changes.
    #[inline(always)]
    fn pin_last(&mut self, end: usize) {
        if self.ends[end].facts.intersects(Facts::FIN_AT_LAST.union(Facts::RST_AT_LAST)) {
            self.store_last(end);
        }
    }

    #[cold]
    fn store_last(&mut self, end: usize) {
        let (last_fin, last_rst) = (self.last_fin(end), self.last_rst(end));
        self.ends[end].facts -= Facts::FIN_AT_LAST | Facts::RST_AT_LAST;
        let counts = self.history.counts_mut(end);
        (counts.last_fin, counts.last_rst) = (last_fin, last_rst);
    }

    /// The states that a segment with SYN, FIN or RST leads to, or the first one of its sender.
    fn step(&mut self, sender: Side, segment: &CompactSegment, payload: u32) {
        let (sender, peer) = (sender as usize, sender.other() as usize);
        let has = |flag| segment.flags.contains(flag);
        if has(TcpFlags::FIN) {
            self.ends[sender].facts |= Facts::SENT_FIN;
        }
        let (own, other) = (self.ends[sender].state, self.ends[peer].state);
        let next = match own {
            Inactive => return self.step_first(sender, peer, segment, payload),
            SynSent | SynAckSent | Established | Partial if has(TcpFlags::RST) => Reset,
            SynSent | SynAckSent if has(TcpFlags::FIN) => Closed,
            Established | Partial if has(TcpFlags::FIN) => {
                if other == Reset && self.ends[peer].previous == Closed {
                    self.ends[peer].enter(Closed);
                }
                Closed
            }
            Partial if has(TcpFlags::SYN) && !has(TcpFlags::ACK) && other == Inactive => SynSent,
            Closed if has(TcpFlags::RST) && other != Closed => Reset,
            _ => return,
        };
        self.ends[sender].enter(next);
    }

    /// The states that the first segment of its sender leads to.
    fn step_first(&mut self, sender: usize, peer: usize, segment: &CompactSegment, payload: u32) {
        let has = |flag| segment.flags.contains(flag);
        let is_originator = self.ends[sender].has(Facts::ORIGINATOR);
        let other = self.ends[peer].state;
        if has(TcpFlags::SYN) && is_originator {
            let next = if has(TcpFlags::ACK) { SynAckSent } else { SynSent };
            self.ends[sender].enter(next);
        } else if has(TcpFlags::SYN) {
            if !has(TcpFlags::ACK) && other == SynAckSent {
                self.flip();
                self.ends[peer].enter(Established);
            } else if other == SynSent {
                self.ends[peer].enter(Established);
            }
            self.ends[sender].enter(Established);
        }
        if has(TcpFlags::FIN) {
            self.ends[sender].enter(Closed);
        }
        if has(TcpFlags::RST) {
            self.ends[sender].enter(Reset);
        }
        let instead_of_synack = !is_originator && payload == 0 && other == SynSent;
        if self.ends[sender].state == Inactive && !instead_of_synack {
            let answered = has(TcpFlags::ACK) && other == Established;
            self.ends[sender].enter(if answered { Established } else { Partial });
        }
    }

    /// The other end is the originator after all.
    fn flip(&mut self) {
        self.ends.iter_mut().for_each(|end| end.facts.toggle(Facts::ORIGINATOR));
        self.history.push(b'^');
    }

    /// Adds a letter, in upper case for the originator, and the fact that the sender has it.
    #[inline]
    fn push(&mut self, sender: usize, fact: Facts, letter: u8) {
        let own = &mut self.ends[sender];
        own.facts |= fact;
        let upper = u8::from(own.has(Facts::ORIGINATOR)) << 5;
        self.history.push(letter & !upper);
    }

    /// A repeated event has a letter the first, the tenth, the hundredth time.
    fn push_at_powers_of_ten(&mut self, sender: usize, letter: u8, times: u32) {
        if 10u32.checked_pow(times.ilog10()) == Some(times) {
            self.push(sender, Facts::empty(), letter);
        }
    }

    /// The history; empty where nothing left a letter.
    pub fn history(&self) -> String {
        // The letters are ASCII.
        String::from_utf8_lossy(self.history.letters()).into_owned()
    }

    /// A SYN, then an RST, and nothing in between that an answer would have brought.
    fn is_syn_then_rst(&self) -> bool {
        let mut letters = self.history.letters().iter().peekable();
        letters.next_if(|letter| **letter == b'^');
        letters.next() == Some(&b'S')
            && letters.find(|letter| b"RHAFIQ".contains(letter)) == Some(&b'R')
    }

    /// The state of the connection as conn.log has it.
    pub fn conn_state(&self) -> &'static str {
        let [first, second] = &self.ends;
        let (originator, responder) = match first.has(Facts::ORIGINATOR) {
            true => (first, second),
            false => (second, first),
        };
        let no_payload = || self.ends.iter().all(|end| !end.has_payload());
        match (originator.state, responder.state) {
            (SynSent | SynAckSent, Reset) => "REJ",
            (Reset, Reset) if no_payload() => "REJ",
            (_, Reset) if originator.quiet() => "RSTRH",
            (_, Reset) => "RSTR",
            (Reset, _) if responder.quiet() && self.is_syn_then_rst() => "RSTOS0",
            (Reset, _) if responder.quiet() => "OTH",
            (Reset, _) => "RSTO",
            (Closed, Closed) => "SF",
            (Closed, _) if responder.quiet() => "SH",
            (Closed, _) => "S2",
            (_, Closed) if originator.quiet() => "SHR",
            (_, Closed) => "S3",
            (SynSent, Inactive) => "S0",
            (Established, Established) => "S1",
            _ => "OTH",
        }
    }
}
