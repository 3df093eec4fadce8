//! A server that repeats its SYN/ACK after the final ACK: has that arrived, and will the server accept
//! the connection?

use std::ops::RangeInclusive;

use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::extra::AfterAck;
use crate::connection::state::handshake::Handshake;
use crate::connection::state::timestamps::Timestamp;
use crate::vocabulary::{Side, State};
use crate::wire::TcpFlags;

const MS: i64 = 1_000_000;
/// A server that has the final ACK and repeats its SYN/ACK no sooner than this waits for data: Linux
/// leaves out the repetitions before (TCP_DEFER_ACCEPT).
const DEFERRED_NS: i64 = 2_500 * MS;
/// When Linux first repeats the SYN/ACK of a connection that it defers, as others never do.
const ONLY_DEFERRED_NS: [RangeInclusive<i64>; 3] =
    [around(7_000 * MS), around(15_000 * MS), around(31_000 * MS)];
/// When Linux may first repeat it, and others do too: the ACK may have been lost. After a second it has
/// been, as a rule: hardly any server defers for only that long.
const PERHAPS_DEFERRED_NS: RangeInclusive<i64> = around(3_000 * MS);
/// The least time after which a SYN/ACK would have been repeated once more.
const REPEATED_BY_NS: i64 = 3_000 * MS;
const fn around(time_ns: i64) -> RangeInclusive<i64> {
    time_ns - 500 * MS..=time_ns + 500 * MS
}

/// Whether a server that repeats its SYN/ACK has the final ACK, and waits for data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Deferral {
    No,
    /// The ACK may as well have been lost.
    Perhaps,
    Yes,
}

impl Connection {
    /// Stores the timestamp of the final ACK, if it is later than those of the SYN.
    #[inline]
    pub(crate) fn note_timestamp_of_final_ack(&mut self, event: &Event<'_>) {
        let Some((value, _)) = event.timestamps else { return };
        // The SYN's own timestamp may still tell which of its copies is answered.
        let is_answered = self.is_copy_answered(Side::Client);
        if event.sender == Side::Client && is_answered && self.is_newer_than_syns(value) {
            let client = self.client_end_mut();
            client.facts |= Facts::ACK_NEWER;
            client.copy_timestamp = value;
        }
    }

    /// Whether this timestamp of the client is later than those of all copies of its SYN.
    fn is_newer_than_syns(&self, timestamp: u32) -> bool {
        let newer = |syn: u32| (timestamp.wrapping_sub(syn) as i32) > 0;
        let client = self.client_end();
        let further = self.extra.as_ref().and_then(|extra| extra.copies(Side::Client));
        client.has(Facts::COPY_TIMESTAMP)
            && newer(client.copy_timestamp)
            && further.is_none_or(|copies| copies.timestamps().all(newer))
    }

    /// Whether the server echoes the final ACK, or a later segment: one of them has arrived. The converse
    /// shows nothing.
    pub(crate) fn echoes_final_ack(&self, event: &Event<'_>) -> bool {
        let client = self.client_end();
        let is_echo = |echo: u32| echo.wrapping_sub(client.copy_timestamp) as i32 >= 0;
        client.has(Facts::ACK_NEWER) && event.timestamps.is_some_and(|(_, echo)| is_echo(echo))
    }

    /// The server repeats its SYN/ACK although the client has acknowledged it.
    pub(crate) fn refute_final_ack(&mut self, event: &Event<'_>) {
        let (arrived, deferral) = (self.echoes_final_ack(event), self.deferral(event));
        self.handshake |= Handshake::REFUTED;
        self.end_mut(event.sender).prove(State::SynReceived);
        let extra = self.extra_mut();
        extra.repeats = extra.repeats.saturating_add(1);
        let after_ack = &mut extra.after_ack;
        after_ack.remove(AfterAck::ANSWERED);
        after_ack.set(AfterAck::DEFERRED, deferral == Deferral::Yes);
        after_ack.set(AfterAck::MAY_BE_DEFERRED, deferral == Deferral::Perhaps);
        if arrived {
            after_ack.insert(AfterAck::ARRIVED);
        }
    }

    /// Whether this repeated SYN/ACK shows that the server has the final ACK, and waits for data.
    ///
    /// An echo of the final ACK shows that it has; an echo of the SYN does not show that it has not: since
    /// 6.14, Linux stores the timestamp of an ACK only if that creates the connection.
    fn deferral(&self, event: &Event<'_>) -> Deferral {
        let [client, server] = &self.ends;
        let is_first = server.retries == 1 && self.repeats_after_ack() == 0;
        let has_nothing_else = !client.facts.intersects(Facts::PAYLOAD | Facts::FIN)
            && !self.handshake.has(Handshake::FAST_OPEN)
            && self.reset().is_none();
        if !is_first || !has_nothing_else || !self.handshake.acknowledged(Side::Server) {
            return Deferral::No;
        }
        let waited_ns = event.time_ns.saturating_sub(self.time_of(Timestamp::SynAck));
        let arrived = self.echoes_final_ack(event);
        let only_deferred = ONLY_DEFERRED_NS.iter().any(|times| times.contains(&waited_ns));
        if arrived && waited_ns >= DEFERRED_NS || only_deferred {
            Deferral::Yes
        } else if PERHAPS_DEFERRED_NS.contains(&waited_ns) {
            Deferral::Perhaps
        } else {
            Deferral::No
        }
    }

    /// Whether the server has shown by its silence until `now_ns` that it took the client's answer to the
    /// repeated SYN/ACK: otherwise, it would have repeated that once more. RFC 6298 §5.5: "The host MUST set
    /// RTO <- RTO * 2 ("back off the timer")", so that is due twice as long after the first copy as that came
    /// after the SYN/ACK. No system gives up before.
    pub(crate) fn accepts_silently(&self, now_ns: i64) -> bool {
        if self.repeats_after_ack() != 1 || !self.has_answered_repetition() {
            return false;
        }
        let last_ns = self.last_copy_ns(Side::Server);
        let took_ns = last_ns.saturating_sub(self.time_of(Timestamp::SynAck));
        let due_ns = took_ns.saturating_mul(5) / 2;
        let silent_ns = self.idle_until_ns(now_ns).saturating_sub(last_ns);
        silent_ns >= due_ns.max(REPEATED_BY_NS)
    }

    /// When the client sent something else than an empty ACK, or an end gave up: from then on, a server in
    /// SYN-RECEIVED need not repeat its SYN/ACK.
    fn idle_until_ns(&self, now_ns: i64) -> i64 {
        let reset = self.final_reset().map(|reset| reset.time_ns);
        [self.goes_on_ns(), reset].into_iter().flatten().fold(now_ns, i64::min)
    }

    /// When the client first sent data or a FIN, if it did.
    fn goes_on_ns(&self) -> Option<i64> {
        let client = self.client_end();
        let data = client.has(Facts::PAYLOAD).then(|| self.time_of(Timestamp::FirstData));
        let fin = client.has(Facts::FIN).then(|| self.time_of(Timestamp::FirstFin));
        data.into_iter().chain(fin).min()
    }

    /// Since when a server that has repeated its SYN/ACK once should have done something, if it has not taken
    /// the final ACK; `None` if it may have taken it, or the client's answer.
    pub(crate) fn owes_answer_since_ns(&self) -> Option<i64> {
        let last_ns = self.last_copy_ns(Side::Server);
        match self.goes_on_ns() {
            _ if self.may_be_deferred() => None,
            Some(goes_on_ns) => Some(goes_on_ns.max(last_ns)),
            None if self.has_answered_repetition() => None,
            None => Some(last_ns),
        }
    }

    /// The client answers a repeated SYN/ACK. Linux accepts a deferred connection with that answer.
    pub(crate) fn answer_repetition(&mut self) {
        let after_ack = &mut self.extra_mut().after_ack;
        after_ack.insert(AfterAck::ANSWERED);
        if after_ack.contains(AfterAck::DEFERRED) {
            self.handshake -= Handshake::REFUTED;
        }
    }

    /// How often the server has repeated its SYN/ACK after the final ACK.
    pub(crate) fn repeats_after_ack(&self) -> u8 {
        self.extra.as_ref().map_or(0, |extra| extra.repeats)
    }

    fn after_ack(&self) -> AfterAck {
        self.extra.as_ref().map_or(AfterAck::empty(), |extra| extra.after_ack)
    }

    /// Whether the server waits for data before it accepts the connection.
    pub(crate) fn is_deferred(&self) -> bool {
        self.after_ack().contains(AfterAck::DEFERRED)
    }

    /// Whether the server may wait for data, or may not have the final ACK.
    pub(crate) fn may_be_deferred(&self) -> bool {
        self.after_ack().contains(AfterAck::MAY_BE_DEFERRED)
    }

    /// Whether the client has answered the last repetition of the SYN/ACK.
    pub(crate) fn has_answered_repetition(&self) -> bool {
        self.after_ack().contains(AfterAck::ANSWERED)
    }

    /// Whether the final ACK is known to have arrived although the server repeated its SYN/ACK: the
    /// repetition echoes its timestamp. That it does not shows nothing.
    pub fn final_ack_arrived(&self) -> bool {
        self.after_ack().contains(AfterAck::ARRIVED)
    }

    /// Whether this RST of the server gives up a connection that it has never accepted: it has repeated
    /// its SYN/ACK after the final ACK, and has not gone on since.
    pub(crate) fn gives_up(&self, event: &Event<'_>) -> bool {
        event.sender == Side::Server
            && self.repeats_after_ack() > 0
            && self.reset().is_none()
            && !self.handshake.has(Handshake::CONFIRMED)
            && !self.takes_data(event)
    }

    /// Whether this RST of the server acknowledges more than the client's SYN: then the server has
    /// accepted the connection before.
    pub(crate) fn takes_data(&self, event: &Event<'_>) -> bool {
        let [client, server] = &self.ends;
        let number = event.acknowledgment();
        event.sender == Side::Server
            && event.has(TcpFlags::ACK)
            && self.repeats_after_ack() > 0
            && client.has(Facts::MORE)
            && number.is_after(server.ack)
            && !number.is_after(client.nxt)
    }
}
