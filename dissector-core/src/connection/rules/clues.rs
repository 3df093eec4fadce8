//! Facts that tell a cause: they change no state, and no rule depends on them.

use crate::compact::SegmentView;
use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::clues::{Clue, Clues, TimeWait, Unanswered};
use crate::connection::state::endpoint::Facts;
use crate::connection::state::handshake::Handshake;
use crate::connection::state::timestamps::Timestamp;
use crate::vocabulary::{Close, Side};
use crate::wire::{OptionKind, SeqNumber, TcpFlags, TcpOption, TcpOptions};

/// Options of this many octets and less have no room for a signature: one of TCP-AO takes 16, and other
/// options of a SYN that has timestamps take 12.
const MOST_UNSIGNED: [usize; 2] = [15, 27];
/// Subtype of an MPTCP option that gives the reason of an RST (RFC 8684 §3.6).
const MP_TCPRST: u8 = 8;

impl Connection {
    /// A SYN or SYN/ACK that counts.
    #[inline(always)]
    pub(crate) fn note_syn(&mut self, event: &Event<'_>) {
        let closed = event.segment.window == 0 && event.has(TcpFlags::ACK);
        let most = MOST_UNSIGNED[usize::from(event.timestamps.is_some())];
        if event.options.len() > most || closed {
            self.note_unusual_syn(event, closed);
        }
    }

    #[inline(never)]
    fn note_unusual_syn(&mut self, event: &Event<'_>, closed: bool) {
        if closed && event.sender == Side::Server {
            self.add_clue(Clue::WINDOW_ZERO);
        }
        // Looked up as octets first: hardly any SYN is signed.
        let may_be = |kind: &u8| [OptionKind::MD5.0, OptionKind::AO.0].contains(kind);
        if !event.options.iter().any(may_be) {
            return;
        }
        let is_signature =
            |option: TcpOption<'_>| matches!(option, TcpOption::Md5(_) | TcpOption::Ao { .. });
        if TcpOptions::new(event.options, 0).map_while(Result::ok).any(is_signature) {
            self.add_clue(Clue::signed_by(event.sender));
        }
    }

    /// A SYN/ACK repeated after the final ACK.
    pub(crate) fn note_repeated_synack(&mut self, event: &Event<'_>) {
        let client = self.client_end();
        let (sent, with_data) = (client.sent, client.has(Facts::PAYLOAD));
        let since_ns = event.time_ns.saturating_sub(self.time_of(Timestamp::SynAck));
        let extra = self.extra_mut();
        let first = extra.repeats <= 1;
        let clues = extra.clues_mut();
        if first {
            (clues.first_repeat_ns, clues.sent_before_repeat) = (since_ns, sent);
        } else if clues.sent_before_repeat != sent {
            clues.facts |= Clue::ANSWERED_IN_BETWEEN;
        }
        clues.facts.set(Clue::DATA_NOT_TAKEN, with_data);
    }

    /// The final ACK lacks the timestamps that were negotiated, and so does the client from there on.
    pub(crate) fn note_missing_timestamps(&mut self) {
        self.add_clue(Clue::TIMESTAMPS_GONE);
    }

    /// The client sends timestamps again.
    pub(crate) fn forget_missing_timestamps(&mut self) {
        if self.clues().contains(Clue::TIMESTAMPS_GONE) {
            self.extra_mut().clues_mut().facts -= Clue::TIMESTAMPS_GONE;
        }
    }

    /// The RST that is believed, before it is counted.
    pub(crate) fn note_reset(&mut self, event: &Event<'_>) {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        let bare = !event.has(TcpFlags::ACK);
        let is_reason = |option| matches!(option, TcpOption::Mptcp { subtype: MP_TCPRST, .. });
        let mut facts = Clue::empty();
        facts.set(Clue::RST_TEXT, event.payload > 0);
        facts.set(
            Clue::RST_MPTCP,
            TcpOptions::new(event.options, 0).map_while(Result::ok).any(is_reason),
        );
        facts.set(Clue::RST_TIMESTAMPS, event.timestamps.is_some());
        facts.set(Clue::RST_FROM_ZERO, event.sequence() == SeqNumber(0));
        let reflex = bare && receiver.has(Facts::ACK) && event.sequence() == receiver.ack;
        facts.set(Clue::RST_REFLEX, reflex);
        if sender.has(Facts::TTL) {
            let fits = sender.ttl == event.segment.ttl;
            facts |= if fits { Clue::RST_TTL_FITS } else { Clue::RST_TTL_DIFFERS };
        }
        let unread = sender.has(Facts::FIN | Facts::ACK) && receiver.nxt.is_after(sender.ack);
        let only_fin = receiver.has(Facts::FIN) && receiver.nxt == sender.ack + 1;
        let data = receiver.has(Facts::PAYLOAD) && !only_fin;
        // Linux answers such data without ACK, others with.
        facts.set(Clue::RST_TO_DATA_AFTER_FIN, unread && data);
        facts.set(Clue::RST_TO_FIN_AFTER_FIN, bare && unread && only_fin);
        facts.set(Clue::RST_AFTER_SILENCE, sender.has(Facts::AWAITED));
        let silence_ns = event.time_ns.saturating_sub(self.last_ns);
        let before_rst = self.unanswered(event.sender);
        let clues = self.extra_mut().clues_mut();
        clues.before_rst = before_rst;
        clues.facts = clues.facts.difference(Clue::OF_RST) | facts;
        clues.silence_ns = silence_ns;
    }

    /// A segment that does not begin where its sender had got: it may repeat data, or be a keep-alive. RFC 9293 §3.8.4: a
    /// keep-alive has SEG.SEQ = SND.NXT-1, and "may or may not contain one garbage octet of data".
    #[cold]
    #[inline(never)]
    pub(crate) fn note_behind(&mut self, event: &Event<'_>) {
        let (sender, receiver) = (self.end(event.sender), self.end(event.receiver));
        let is_keep_alive = event.payload <= 1
            && event.sequence() == sender.nxt - 1
            && receiver.has(Facts::ACK)
            && receiver.ack == sender.nxt
            && !event.segment.flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST)
            && self.handshake.has(Handshake::COMPLETE)
            && !sender.has(Facts::FIN);
        let received = receiver.sent;
        let repeats = event.payload > 0 && !is_keep_alive;
        if !is_keep_alive && !repeats {
            return;
        }
        let known = &mut self.extra_mut().clues_mut().unanswered[event.sender as usize];
        if known.received != received {
            *known = Unanswered { received, ..Unanswered::default() };
        }
        let number = if repeats { &mut known.repetitions } else { &mut known.keep_alives };
        *number = number.saturating_add(1);
    }

    /// The unanswered segments, before the RST, of the end that sent the believed RST.
    pub(crate) fn unanswered_before_rst(&self) -> Unanswered {
        self.all_clues().map(|clues| clues.before_rst).unwrap_or_default()
    }

    /// Whether `side` has sent data again, and nothing of the other end has come since.
    pub(crate) fn is_repeating(&self, side: Side) -> bool {
        self.unanswered(side).repetitions > 0
    }

    /// The unanswered segments of `side`.
    fn unanswered(&self, side: Side) -> Unanswered {
        let unanswered = self.all_clues().map(|clues| clues.unanswered[side as usize]);
        let received = self.end(side.other()).sent;
        unanswered.filter(|unanswered| unanswered.received == received).unwrap_or_default()
    }

    /// The error that answers the SYN comes from the server's own address.
    pub(crate) fn note_error_of_server(&mut self) {
        self.add_clue(Clue::ICMP_FROM_SERVER);
    }

    /// The memory that the other end of `sender` has of this connection, if it holds it in TIME-WAIT.
    pub(crate) fn time_wait(&self, sender: Side) -> Option<TimeWait> {
        let waits = match self.close() {
            Close::Fin => self.first_closer() == Some(sender.other()),
            Close::Simultaneous => true,
            _ => false,
        };
        let end = self.end(sender);
        let timestamp = end.has(Facts::COPY | Facts::COPY_TIMESTAMP).then_some(end.copy_timestamp);
        waits.then_some(TimeWait { next: end.nxt, timestamp })
    }

    /// Takes in what the server still knows of the connection before: it takes no SYN that looks like
    /// an old duplicate.
    ///
    /// RFC 9293 §3.6.1 wants an initial number "larger than the largest sequence number it used on the
    /// previous connection incarnation"; RFC 6191 §2 lets a newer timestamp do instead, and RFC 7323
    /// §5.3 drops a segment with an older one.
    pub(crate) fn note_time_wait(&mut self, before: &TimeWait, first: &SegmentView<'_>) {
        let tsval = first.timestamps().map(|(value, _)| SeqNumber(value));
        let known = before.timestamp.map(SeqNumber);
        let newer = known.zip(tsval).map(|(known, tsval)| tsval.is_after(known));
        let older = known.zip(tsval).is_some_and(|(known, tsval)| known.is_after(tsval));
        if older {
            self.add_clue(Clue::TSVAL_BEHIND);
        }
        if newer != Some(true) && !first.segment.sequence.is_after(before.next - 1) {
            self.add_clue(Clue::NUMBER_BEHIND);
        }
    }

    /// Remembers the timestamp of a FIN in place of that of the first SYN, which nothing asks for once
    /// the server has taken the connection: in TIME-WAIT, the server compares with the last one it got.
    pub(crate) fn note_fin(&mut self, event: &Event<'_>) {
        let Some((value, _)) = event.timestamps else { return };
        let settled = self.handshake.has(Handshake::COMPLETE | Handshake::CONFIRMED);
        let end = self.end_mut(event.sender);
        if settled && end.has(Facts::COPY | Facts::COPY_TIMESTAMP | Facts::COPY_ANSWERED) {
            end.copy_timestamp = value;
        }
    }

    pub(crate) fn clues(&self) -> Clue {
        self.all_clues().map_or(Clue::empty(), |clues| clues.facts)
    }

    pub(crate) fn all_clues(&self) -> Option<&Clues> {
        self.extra.as_ref()?.clues()
    }

    fn add_clue(&mut self, clue: Clue) {
        self.extra_mut().clues_mut().facts |= clue;
    }
}
