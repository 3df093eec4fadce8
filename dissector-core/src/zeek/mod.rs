//! The connection in the terms of Zeek's conn.log: `conn_state` and `history`.
//!
//! Zeek has endpoint rules of its own: it looks at flags, never at sequence numbers, and its
//! originator is not always our client. They are followed here beside ours, for people who know
//! `S0`, `REJ` and `SF` by heart. Gaps (`G`), checksums (`C`) and analyzer limits (`X`) are not
//! produced.

mod letters;

use letters::*;

use crate::Segment;
use crate::compact::Digest;
use crate::connection::state::extra::Rare;
use crate::key;
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
    /// Letters that an endpoint has in the history already.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    struct Letters: u8 {
        const SYN = 1 << 0;
        const FIN = 1 << 1;
        const RST = 1 << 2;
        const DATA = 1 << 3;
        const ACK = 1 << 4;
        const FIN_AND_RST = 1 << 5;
        const SYN_AND_MORE = 1 << 6;
        /// No letter: it has sent a FIN.
        const SENT_FIN = 1 << 7;
    }
}

#[derive(Clone, Copy, Debug)]
struct Endpoint {
    state: State,
    previous: State,
    letters: Letters,
}

/// The sequence numbers that Zeek has of an endpoint. Usually they follow from ours, and are kept
/// only where they do not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Numbers {
    pub start: SeqNumber,
    pub last: SeqNumber,
    /// Highest acknowledgment of its octets.
    pub acked: SeqNumber,
    /// End of its last FIN, counted from the start; 0 if it has sent none.
    pub last_fin: SeqNumber,
}

impl Numbers {
    /// Of an end that has sent nothing but an RST.
    pub fn of_first_rst(sequence: SeqNumber) -> Self {
        let mut numbers = Self::default();
        numbers.begin(sequence - 1, sequence);
        numbers
    }

    fn begin(&mut self, start: SeqNumber, last: SeqNumber) {
        (self.start, self.last, self.acked) = (start, last, start);
    }

    /// The other end has said how far it has got.
    #[inline]
    fn acknowledge(&mut self, number: SeqNumber) {
        if number.is_after(self.acked) {
            self.acked = number;
        }
    }
}

impl Endpoint {
    const NEW: Self = Self { state: Inactive, previous: Inactive, letters: Letters::empty() };

    fn enter(&mut self, state: State) {
        self.previous = self.state;
        self.state = state;
    }

    fn quiet(&self) -> bool {
        matches!(self.state, Inactive | Partial)
    }

    /// Octets of payload, as the sequence numbers tell.
    fn size(&self, numbers: &Numbers, peer: &Self) -> u32 {
        let Numbers { start, last, acked, .. } = *numbers;
        let top = if acked.is_after(last) { acked } else { last };
        let octets = top.0.wrapping_sub(start.0);
        let guessed = self.previous == SynSent
            && self.state == Reset
            && peer.state == Inactive
            && acked.since(start) > 1;
        if guessed {
            return 0;
        }
        let octets = octets.saturating_sub(1);
        if self.letters.contains(Letters::SENT_FIN) { octets.saturating_sub(1) } else { octets }
    }
}

/// What most connections need no count of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    ends: [EndpointCounts; 2],
    /// Letters of the history after the first twelve.
    letters: Vec<Letter>,
}

#[derive(Clone, Copy, Debug, Default)]
struct EndpointCounts {
    last_syn: SeqNumber,
    last_rst: SeqNumber,
    retransmissions: u32,
    zero_windows: u32,
}

/// Zeek's view of one connection. Sides are told apart as the caller does: 0 and 1.
#[derive(Clone, Debug)]
pub(crate) struct Zeek {
    ends: [Endpoint; 2],
    originator: u8,
    /// Further letters are in [`Counts`].
    history: Letters12,
}

impl Zeek {
    /// The view before the first segment, which `sender` sent.
    pub fn new(sender: usize, first: &Digest) -> Self {
        let flags = first.flags;
        let plain_syn = flags & (TcpFlags::SYN | TcpFlags::ACK) == TcpFlags::SYN;
        let [from, to] = key::of_ports(first.ports);
        let likely = |port| LIKELY_SERVER_PORTS.contains(&port);
        let flip = !plain_syn
            && likely(from)
            && (!likely(to) || !flags.contains(TcpFlags::SYN) && from < to);
        let mut history = Letters12::default();
        if flip {
            history.push(FLIP);
        }
        let originator = if flip { 1 - sender } else { sender };
        Self { ends: [Endpoint::NEW; 2], originator: originator as u8, history }
    }

    #[inline]
    pub fn observe(
        &mut self,
        sender: usize,
        segment: &Segment<'_>,
        digest: &Digest,
        numbers: &mut [Numbers; 2],
        rare: &mut Option<Box<Rare>>,
    ) {
        if !self.go_on(sender, digest, segment.payload_octets(), numbers, rare) {
            self.observe_closely(sender, segment, numbers, rare);
        }
    }

    /// Takes in a segment of a connection that just goes on; whether it does.
    pub fn go_on(
        &mut self,
        sender: usize,
        digest: &Digest,
        payload: u32,
        numbers: &mut [Numbers; 2],
        rare: &mut Option<Box<Rare>>,
    ) -> bool {
        if !self.goes_on(sender, digest) {
            return false;
        }
        let (kind, letter) = match (payload, digest.flags.contains(TcpFlags::ACK)) {
            (1.., _) => (Letters::DATA, DATA),
            (0, true) => (Letters::ACK, ACK),
            (0, false) => return false,
        };
        if !self.ends[sender].letters.contains(kind) {
            if self.history == ONLY_SYN_ACK {
                return false;
            }
            self.ends[sender].letters |= kind;
            self.push(sender, letter, rare);
        }
        if digest.flags.contains(TcpFlags::ACK) {
            numbers[1 - sender].acknowledge(digest.acknowledgment);
        }
        self.advance(sender, digest.flags, payload, digest.sequence + payload, numbers, rare);
        true
    }

    /// Takes in a plain SYN, the first segment; whether there is nothing special about it.
    pub fn usual_syn(&mut self, digest: &Digest) -> bool {
        self.begin_usual(0, digest, SYN) && {
            self.ends[0].enter(SynSent);
            true
        }
    }

    /// Takes in the SYN/ACK that answers it, the second segment.
    pub fn usual_synack(&mut self, digest: &Digest) -> bool {
        self.begin_usual(1, digest, SYN_ACK + OF_RESPONDER) && {
            self.ends.iter_mut().for_each(|end| end.enter(Established));
            true
        }
    }

    /// Takes in the RST that refuses it instead, without payload; whether there is nothing special
    /// about it. [`keep_rst`](Self::keep_rst) has to follow if anything else does.
    pub fn usual_refusal(&mut self, digest: &Digest, rare: &mut Option<Box<Rare>>) -> bool {
        if !digest.is_whole() {
            return false;
        }
        self.ends[1].letters = Letters::RST;
        self.push(1, RST, rare);
        self.ends[1].enter(Reset);
        true
    }

    /// Keeps what later RSTs are compared with.
    pub fn keep_rst(numbers: &Numbers, rare: &mut Rare) {
        rare.zeek.get_or_insert_default().ends[1].last_rst =
            SeqNumber(numbers.last.0.wrapping_sub(numbers.start.0));
    }

    /// Whether a SYN that is sent again leaves no trace.
    pub fn ignores_repeated_syn(digest: &Digest) -> bool {
        digest.window > 0 && digest.is_whole()
    }

    fn begin_usual(&mut self, sender: usize, digest: &Digest, letter: Letter) -> bool {
        if digest.window == 0 || !digest.is_whole() {
            return false;
        }
        let own = &mut self.ends[sender];
        own.letters = Letters::SYN;
        self.history.push(letter);
        true
    }

    /// Takes in a segment of a connection that just goes on, where Zeek's numbers follow from ours;
    /// whether it does. `further`: whether it takes its sender further.
    #[inline(always)]
    pub fn usual_go_on(
        &mut self,
        sender: usize,
        digest: &Digest,
        payload: u32,
        further: bool,
        rare: &mut Option<Box<Rare>>,
    ) -> bool {
        if !self.goes_on(sender, digest) {
            return false;
        }
        let (kind, letter) = match payload {
            0 => (Letters::ACK, ACK),
            _ => (Letters::DATA, DATA),
        };
        let own = &mut self.ends[sender];
        if !own.letters.contains(kind) {
            if self.history == ONLY_SYN_ACK {
                return false;
            }
            own.letters |= kind;
            self.push(sender, letter, rare);
        }
        if payload > 0 && !further && self.ends[sender].state != Reset {
            self.retransmit(sender, rare);
        }
        true
    }

    #[cold]
    fn retransmit(&mut self, sender: usize, rare: &mut Option<Box<Rare>>) {
        let times = &mut counts(rare).ends[sender].retransmissions;
        *times += 1;
        let times = *times;
        self.count(sender, RETRANSMISSION, times, rare);
    }

    /// Takes in the first FIN of an end, in its place in the stream.
    pub fn usual_fin(
        &mut self,
        sender: usize,
        digest: &Digest,
        rare: &mut Option<Box<Rare>>,
    ) -> bool {
        let (own, peer) = (&self.ends[sender], &self.ends[1 - sender]);
        let usual = own.state == Established
            && matches!(peer.state, Established | Closed)
            && !own.letters.contains(Letters::FIN)
            && digest.window > 0
            && digest.is_whole();
        if !usual {
            return false;
        }
        self.push(sender, FIN, rare);
        let own = &mut self.ends[sender];
        own.letters |= Letters::FIN | Letters::SENT_FIN;
        own.enter(Closed);
        true
    }

    fn observe_closely(
        &mut self,
        sender: usize,
        segment: &Segment<'_>,
        numbers: &mut [Numbers; 2],
        rare: &mut Option<Box<Rare>>,
    ) {
        let peer = 1 - sender;
        let tcp = &segment.tcp;
        let flags = tcp.flags;
        let payload = segment.payload_octets();
        let [syn, fin, rst, ack] =
            [TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST, TcpFlags::ACK].map(|f| flags.contains(f));
        let sequence = tcp.sequence;

        // A header that reaches past the segment, or past what was captured, leaves no trace.
        let header_octets = tcp.header_octets();
        let captured = tcp.option_octets.len() + 20;
        if header_octets > segment.packet.tcp_octets as usize || header_octets > captured {
            return;
        }
        let own = &self.ends[sender];
        let anew = syn
            && match own.state {
                SynSent | SynAckSent => numbers[sender].start != sequence,
                Established | Partial => true,
                Reset => own.previous == Inactive,
                Inactive | Closed => false,
            };
        if own.state == Inactive || anew {
            let (start, last) = if syn { (sequence, sequence) } else { (sequence - 1, sequence) };
            numbers[sender].begin(start, last);
        }
        let counted = if rst { 0 } else { payload };
        let end = sequence + counted + u32::from(syn) + u32::from(fin);

        self.letter(sender, segment, payload, end, &mut numbers[sender], rare);
        let other = self.ends[peer].state;
        let own = self.ends[sender].state;
        if tcp.window == 0 && !rst && other != Closed && own != Reset {
            let times = &mut counts(rare).ends[sender].zero_windows;
            *times += 1;
            let times = *times;
            self.count(sender, ZERO_WINDOW, times, rare);
        }
        self.ends[sender]
            .letters
            .set(Letters::SENT_FIN, fin || self.ends[sender].letters.contains(Letters::SENT_FIN));
        if ack && self.ends[peer].state == Inactive {
            let start = tcp.acknowledgment - 1;
            numbers[peer].begin(start, start);
        }
        if ack && !rst {
            numbers[peer].acknowledge(tcp.acknowledgment);
        }
        self.advance(sender, flags, payload, end, numbers, rare);
        self.step(sender, peer, [syn, fin, rst, ack], payload, rare);
    }

    /// Whether a connection just goes on: no state changes.
    #[inline]
    fn goes_on(&self, sender: usize, digest: &Digest) -> bool {
        // Each of them nearly always holds: to ask for all at once costs one branch.
        !digest.flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST)
            & (self.ends[sender].state != Inactive)
            & (self.ends[1 - sender].state != Inactive)
            & (digest.window > 0)
            & digest.is_whole()
    }

    /// The history letter of a segment.
    fn letter(
        &mut self,
        sender: usize,
        segment: &Segment<'_>,
        payload: u32,
        end: SeqNumber,
        numbers: &mut Numbers,
        rare: &mut Option<Box<Rare>>,
    ) {
        let flags = segment.tcp.flags;
        let kinds = flags & (TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
        let own = &mut self.ends[sender];
        let start = numbers.start.0;
        let relative = SeqNumber(segment.tcp.sequence.0.wrapping_sub(start));
        let mut first = |kind| {
            let first = !own.letters.contains(kind);
            own.letters |= kind;
            first
        };
        let letter = if kinds.is_empty() {
            let (kind, letter) = match (payload, flags.contains(TcpFlags::ACK)) {
                (1.., _) => (Letters::DATA, DATA),
                (0, true) => (Letters::ACK, ACK),
                (0, false) => return,
            };
            let letter = first(kind).then_some(letter);
            // A capture that began with the SYN/ACK: its sender was not the originator after all.
            if self.history == ONLY_SYN_ACK {
                self.history = Letters12::default();
                self.flip(rare);
                self.history.push(SYN_ACK + OF_RESPONDER);
            }
            letter
        } else if kinds == TcpFlags::SYN {
            let again = changes(rare, relative, |counts| &mut counts.ends[sender].last_syn);
            let letter = if flags.contains(TcpFlags::ACK) { SYN_ACK } else { SYN };
            (first(Letters::SYN) || again).then_some(letter)
        } else if kinds == TcpFlags::FIN {
            let first = first(Letters::FIN);
            let relative_end = SeqNumber(end.0.wrapping_sub(start));
            let again = std::mem::replace(&mut numbers.last_fin, relative_end) != relative_end;
            (first || again).then_some(FIN)
        } else if kinds == TcpFlags::RST {
            let again = changes(rare, relative, |counts| &mut counts.ends[sender].last_rst);
            (first(Letters::RST) || again).then_some(RST)
        } else {
            let both = kinds.contains(TcpFlags::FIN | TcpFlags::RST);
            let (kind, letter) = match both {
                true => (Letters::FIN_AND_RST, FIN_AND_RST),
                false => (Letters::SYN_AND_MORE, SYN_AND_MORE),
            };
            first(kind).then_some(letter)
        };
        if let Some(letter) = letter {
            self.push(sender, letter, rare);
        }
    }

    /// How far the sender has got; what does not take it further was sent before.
    fn advance(
        &mut self,
        sender: usize,
        flags: TcpFlags,
        payload: u32,
        end: SeqNumber,
        numbers: &mut [Numbers; 2],
        rare: &mut Option<Box<Rare>>,
    ) {
        let own = self.ends[sender];
        let sent = &mut numbers[sender];
        let ahead = end.since(sent.last);
        let jumps =
            flags.intersects(TcpFlags::SYN | TcpFlags::RST) && ahead.unsigned_abs() > 1 << 20;
        let lone_fin = flags.contains(TcpFlags::FIN) && sent.last == sent.start + 1;
        if payload > 0 && ahead <= 0 && own.state != Reset && !jumps && !lone_fin {
            self.retransmit(sender, rare);
        } else if ahead > 0 {
            sent.last = end;
        }
    }

    fn step(
        &mut self,
        sender: usize,
        peer: usize,
        [syn, fin, rst, ack]: [bool; 4],
        payload: u32,
        rare: &mut Option<Box<Rare>>,
    ) {
        let is_originator = usize::from(self.originator) == sender;
        let (own, other) = (self.ends[sender].state, self.ends[peer].state);
        match own {
            Inactive => {
                if syn && is_originator {
                    self.ends[sender].enter(if ack { SynAckSent } else { SynSent });
                } else if syn {
                    if !ack && other == SynAckSent {
                        self.flip(rare);
                        self.ends[peer].enter(Established);
                    } else if other == SynSent {
                        self.ends[peer].enter(Established);
                    }
                    self.ends[sender].enter(Established);
                }
                if fin {
                    self.ends[sender].enter(Closed);
                }
                if rst {
                    self.ends[sender].enter(Reset);
                }
                if self.ends[sender].state == Inactive {
                    let instead_of_synack = !is_originator && payload == 0 && other == SynSent;
                    if !instead_of_synack {
                        let answered = ack && other == Established;
                        self.ends[sender].enter(if answered { Established } else { Partial });
                    }
                }
            }
            SynSent | SynAckSent => {
                if rst {
                    self.ends[sender].enter(Reset);
                } else if fin {
                    self.ends[sender].enter(Closed);
                }
            }
            Established | Partial => {
                if syn && !ack && own == Partial && other == Inactive {
                    self.ends[sender].enter(SynSent);
                }
                if rst {
                    self.ends[sender].enter(Reset);
                } else if fin {
                    self.ends[sender].enter(Closed);
                    if other == Reset && self.ends[peer].previous == Closed {
                        self.ends[peer].enter(Closed);
                    }
                }
            }
            Closed => {
                if rst && other != Closed {
                    self.ends[sender].enter(Reset);
                }
            }
            Reset => {}
        }
    }

    fn flip(&mut self, rare: &mut Option<Box<Rare>>) {
        self.originator = 1 - self.originator;
        self.push_letter(FLIP, rare);
    }

    fn push(&mut self, sender: usize, letter: Letter, rare: &mut Option<Box<Rare>>) {
        let originator = usize::from(self.originator) == sender;
        self.push_letter(if originator { letter } else { letter + OF_RESPONDER }, rare);
    }

    fn push_letter(&mut self, letter: Letter, rare: &mut Option<Box<Rare>>) {
        if self.history.is_full() {
            let further = &mut counts(rare).letters;
            if further.len() < MOST_FURTHER {
                further.push(letter);
            }
        } else {
            self.history.push(letter);
        }
    }

    /// Letters of things that happen often: the first, the tenth, the hundredth time.
    #[cold]
    fn count(&mut self, sender: usize, letter: Letter, times: u32, rare: &mut Option<Box<Rare>>) {
        if 10u32.checked_pow(times.ilog10()) == Some(times) {
            self.push(sender, letter, rare);
        }
    }

    /// Which side Zeek takes for the originator.
    pub fn originator(&self) -> usize {
        self.originator.into()
    }

    fn letters(&self, rare: Option<&Rare>) -> impl Iterator<Item = u8> {
        let further =
            rare.and_then(|rare| rare.zeek.as_ref()).map_or(&[][..], |counts| &counts.letters);
        self.history.letters().chain(further.iter().map(|letter| ALPHABET[usize::from(*letter)]))
    }

    /// The history; empty where nothing left a letter.
    pub fn history(&self, rare: Option<&Rare>) -> String {
        self.letters(rare).map(char::from).collect()
    }

    /// A SYN, then an RST, and nothing in between that an answer would have brought.
    fn is_syn_then_rst(&self, rare: Option<&Rare>) -> bool {
        let mut letters = self.letters(rare).peekable();
        letters.next_if_eq(&b'^');
        letters.next() == Some(b'S')
            && letters.find(|letter| b"RHAFIQ".contains(letter)) == Some(b'R')
    }

    /// The state of the connection as conn.log has it.
    pub fn conn_state(&self, numbers: &[Numbers; 2], rare: Option<&Rare>) -> &'static str {
        let originator = &self.ends[self.originator()];
        let responder = &self.ends[1 - self.originator()];
        let (os, rs) = (originator.state, responder.state);
        let [of_originator, of_responder] =
            [self.originator(), 1 - self.originator()].map(|side| &numbers[side]);
        let no_payload = || {
            originator.size(of_originator, responder) == 0
                && responder.size(of_responder, originator) == 0
        };
        match (os, rs) {
            (SynSent | SynAckSent, Reset) => "REJ",
            (Reset, Reset) if no_payload() => "REJ",
            (_, Reset) if originator.quiet() => "RSTRH",
            (_, Reset) => "RSTR",
            (Reset, _) if responder.quiet() && self.is_syn_then_rst(rare) => "RSTOS0",
            (Reset, _) if responder.quiet() => "OTH",
            (Reset, _) => "RSTO",
            (Closed, Closed) => "SF",
            (Closed, _) => {
                if responder.quiet() {
                    "SH"
                } else {
                    "S2"
                }
            }
            (_, Closed) => {
                if originator.quiet() {
                    "SHR"
                } else {
                    "S3"
                }
            }
            (SynSent, Inactive) => "S0",
            (Established, Established) => "S1",
            _ => "OTH",
        }
    }
}

fn counts(rare: &mut Option<Box<Rare>>) -> &mut Counts {
    rare.get_or_insert_default().zeek.get_or_insert_default()
}

/// Replaces a number, which is 0 at first; whether it was another.
fn changes(
    rare: &mut Option<Box<Rare>>,
    number: SeqNumber,
    place: impl FnOnce(&mut Counts) -> &mut SeqNumber,
) -> bool {
    let counted = rare.as_ref().is_some_and(|rare| rare.zeek.is_some());
    if number == SeqNumber(0) && !counted {
        return false;
    }
    std::mem::replace(place(counts(rare)), number) != number
}
