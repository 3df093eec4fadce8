//! Following one connection, segment by segment.
//!
//! A sender's state is proven by its segment. What the segment does to the receiver is assumed:
//! the capture point cannot know that it arrives, until the receiver answers.

use crate::compact::{Digest, Digested, number_of_32_bits};
use crate::connection::event::{Event, Side, illegal};
use crate::connection::predict::Course;
use crate::connection::rules::incarnation::{MOST_APART, Origin, Reuse, is_within};
use crate::connection::state::copies::{self, Answer, Answered, Content, FirstCopy, FurtherCopies};
use crate::connection::state::endpoint::{Endpoint, Facts};
use crate::connection::state::extra::Rare;
use crate::connection::state::handshake::Handshake;
use crate::connection::state::offer::{Offer, Offers};
use crate::connection::state::timestamps::{Higher, Moment, Near};
use crate::connection::{Annotation, Finding, FindingSet, IcmpSeen, Repeat, States};
use crate::key::{self, Direction, Ends};
use crate::table::recent::{self, Before, Identity, Recent};
use crate::vocabulary::{Close, Role, RoleBasis, Stage, State};
use crate::wire::TcpFlags;
use crate::zeek::Zeek;
use crate::{IcmpError, Segment};

/// The frames that the steps of a connection were in; 0 where the step was not seen, or its frame
/// has a number of more than 32 bits.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Frames {
    pub syn: u32,
    /// Of the SYN/ACK; of the RST, with [`Facts::REFUSED`].
    pub answer: u32,
    pub final_ack: u32,
}

/// One connection: an incarnation of two addresses and ports.
///
/// Kept small, for millions of them: what few connections need is apart, and what follows from the
/// rest is not kept at all.
///
/// ```
/// use dissector_core::connection::{Outcome, State};
/// use dissector_core::{ConnectionTable, PacketInfo, Segment};
///
/// let [client, server] = [[10, 0, 0, 1], [10, 0, 0, 2]];
/// let syn = b"\x9c\x40\0\x50\0\0\0\x07\0\0\0\0\x50\x02\xff\xff\0\0\0\0";
/// let syn_ack = b"\0\x50\x9c\x40\0\0\0\x09\0\0\0\x08\x50\x12\xff\xff\0\0\0\0";
/// let ack = b"\x9c\x40\0\x50\0\0\0\x08\0\0\0\x0a\x50\x10\xff\xff\0\0\0\0";
/// let sent = [(0, client, server, syn), (20, server, client, syn_ack), (21, client, server, ack)];
///
/// let mut table = ConnectionTable::new();
/// for (frame, (ms, source, destination, octets)) in (1..).zip(sent) {
///     let packet = PacketInfo::new(source, destination, ms * 1_000_000).with_frame(frame);
///     table.observe(&Segment::parse(packet, octets)?);
/// }
/// let connection = table.latest().expect("the one of the last segment");
/// assert_eq!(connection.client().to_string(), "10.0.0.1:40000");
/// assert_eq!(connection.server().to_string(), "10.0.0.2:80");
/// assert_eq!((connection.id(), connection.attempt(), connection.packets()), (0, 1, 3));
/// assert_eq!(connection.client_state().after(), State::Established);
/// assert_eq!(connection.server_state().to_string(), "ESTABLISHED?");
/// assert_eq!(table.verdict(connection).outcome, Outcome::Complete);
/// # Ok::<(), dissector_core::wire::HeaderError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Connection {
    pub(crate) addresses: Ends,
    pub(crate) ends: [Endpoint; 2],
    pub(crate) first_ns: i64,
    pub(crate) last_ns: i64,
    /// When the first FIN of the side that closed first was seen.
    pub(crate) first_fin_ns: i64,
    /// When the other steps were.
    pub(crate) near: Near,
    pub(crate) higher: Higher,
    /// Segments of both sides, as far as 32 bits tell.
    pub(crate) packets: u32,
    /// What its segments gave rise to.
    pub(crate) findings: FindingSet,
    pub(crate) rare: Option<Box<Rare>>,
    pub(crate) zeek: Zeek,
    pub(crate) id: u32,
    pub(crate) frames: Frames,
    pub(crate) attempt: u16,
    pub(crate) handshake: Handshake,
    pub(crate) origin: Origin,
    pub(crate) course: Course,
}

impl Connection {
    /// The connection that `first` belongs to, its first segment, which still has to be observed.
    pub(crate) fn new(
        id: u32,
        attempt: u16,
        reuse: Reuse,
        first: &Digest,
        direction: &Direction,
        now_ns: i64,
    ) -> Self {
        let (flags, [source_port, destination_port]) = (first.flags, key::of_ports(first.ports));
        let syn = flags.contains(TcpFlags::SYN) && !illegal(flags);
        let (by_client, basis) = if syn && !flags.contains(TcpFlags::ACK) {
            (true, RoleBasis::Syn)
        } else if syn {
            (false, RoleBasis::SynAck)
        } else if source_port == destination_port {
            (true, RoleBasis::None)
        } else {
            (source_port > destination_port, RoleBasis::Port)
        };
        let to_itself = direction.is_to_itself();
        let sender = if by_client || to_itself { Side::Client } else { Side::Server };
        let (client_state, server_state) = match basis {
            RoleBasis::Syn => (State::Closed, State::Listen),
            _ => (State::Unknown, State::Unknown),
        };
        let usual = basis == RoleBasis::Syn && reuse == Reuse::No && !to_itself;
        Self {
            addresses: Ends::new(direction, sender),
            ends: [Endpoint::new(client_state), Endpoint::new(server_state)],
            first_ns: now_ns,
            last_ns: now_ns,
            first_fin_ns: now_ns,
            near: Near::default(),
            higher: Higher::default(),
            packets: 0,
            findings: FindingSet::EMPTY,
            rare: None,
            zeek: Zeek::new(first, sender),
            id,
            frames: Frames::default(),
            attempt,
            handshake: if to_itself { Handshake::SELF_CONNECT } else { Handshake::empty() },
            origin: Origin::new(basis, reuse),
            course: if usual { Course::Syn } else { Course::Left },
        }
    }

    /// Its number is known only now.
    pub(crate) fn renumber(&mut self, id: u32) {
        self.id = id;
    }

    /// Its table lets it go: it is judged as it stands now.
    pub(crate) fn leave(&mut self, now_ns: i64) {
        if self.close() == Close::HalfClosed && self.closed_long_ago(now_ns) {
            self.findings.insert(Finding::HalfClosedLong);
        }
        self.course = Course::Over(self.outcome_at(now_ns));
    }

    /// Takes in the next segment, which comes from end `sender`, and says what it was.
    #[inline(always)]
    pub(crate) fn observe(
        &mut self,
        seen: &Digested<'_>,
        segment: &Segment<'_>,
        sender: Side,
        now_ns: i64,
        recent: &mut Recent,
    ) -> Annotation {
        self.zeek.observe(seen.digest, sender);
        let before = self.states();
        match self.take_usual(seen, sender, now_ns, recent) {
            Some(stage) => self.usual_annotation(stage, seen.digest.flags, sender, before),
            None => self.observe_closely(segment, seen, sender, now_ns, recent),
        }
    }

    /// The same where nobody asks for more than the stage; `segment` is put together if need be.
    #[inline(always)]
    pub(crate) fn follow<'s>(
        &mut self,
        digested: &Digested<'_>,
        segment: impl FnOnce() -> Segment<'s>,
        sender: Side,
        now_ns: i64,
        recent: &mut Recent,
    ) -> Stage {
        self.zeek.observe(digested.digest, sender);
        match self.take_usual(digested, sender, now_ns, recent) {
            Some(stage) => stage,
            None => self.observe_closely(&segment(), digested, sender, now_ns, recent).stage,
        }
    }

    #[inline(never)]
    fn observe_closely(
        &mut self,
        segment: &Segment<'_>,
        digested: &Digested<'_>,
        sender: Side,
        now_ns: i64,
        recent: &mut Recent,
    ) -> Annotation {
        if let Some(seen) = self.take_repeated_syn(digested, sender, now_ns, recent) {
            return seen;
        }
        self.keep_refusal_in_full();
        let flags = segment.tcp.flags;
        let digest = digested.digest;
        let (offer, timestamps) = if flags.contains(TcpFlags::SYN) {
            Offer::of(digested)
        } else {
            (Offer::default(), recent::timestamps(digested.options))
        };
        let event = Event {
            segment,
            flags,
            payload: segment.payload_octets(),
            now_ns,
            sender,
            receiver: if self.is_self_connect() { sender } else { sender.other() },
            offer,
            timestamps,
        };
        let identity = Identity::of(digest, timestamps, self.before(sender));
        let role = if self.is_self_connect() { Role::Unknown } else { sender.role() };
        let mut seen = Annotation::new(self.id, flags, role);
        if let Some((stage, ttl)) = recent.first_capture(digest, &identity, now_ns) {
            self.duplicate(&event, stage, ttl, &mut seen);
        } else {
            self.take_in(&event, &mut seen);
            let end = self.end_mut(sender);
            end.sent = end.sent.wrapping_add(1);
            recent.remember(digest, &identity, now_ns, seen.stage);
        }
        seen
    }

    /// A server that takes the data of a Fast Open SYN may answer and close at once
    /// (RFC 7413 §4.2.2).
    #[cold]
    fn opens_and_closes(&self, event: &Event<'_>) -> bool {
        let client = self.client_end();
        let flags = TcpFlags::SYN | TcpFlags::ACK | TcpFlags::FIN;
        event.has(flags)
            && !event.has(TcpFlags::RST)
            && event.sender == Side::Server
            && client.has(Facts::SYN | Facts::SYN_PAYLOAD)
            && client.offer.has(Offers::COOKIE)
            && client.syn_acknowledged_by(event.acknowledgment())
            && event.acknowledgment().is_after(client.iss + 1)
    }

    /// Takes in a segment that was not captured before.
    #[inline]
    fn take_in(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        for end in &mut self.ends {
            end.arrive();
        }
        let before = self.states();
        if self.packets == 0 {
            self.begin(event, seen);
        }

        if illegal(event.flags) && !self.opens_and_closes(event) {
            seen.stage = Stage::IllegalFlags;
            seen.note(Finding::IllegalFlags);
        } else if event.has(TcpFlags::RST) {
            self.on_rst(event, seen);
        } else {
            self.refute_rst(event, seen);
            self.leave_unknown(event);
            let acks_fin = event.has(TcpFlags::ACK) && self.on_ack(event, seen);
            if event.has(TcpFlags::SYN) {
                self.on_syn(event, seen);
            }
            self.confirm(event);
            if event.has(TcpFlags::FIN) {
                self.on_fin(event, seen, acks_fin);
            }
            self.check_data(event, seen);
            self.account(event);
        }
        self.end_mut(event.sender).facts |= Facts::SENT;
        self.count_packet();
        self.last_ns = event.now_ns;
        self.findings = self.findings.union(seen.findings);
        if self.is_self_connect() {
            self.mirror();
        }
        self.course = self.find_course();
        self.tell_states(seen, before);
    }

    /// A segment that was captured before: it changes nothing.
    #[cold]
    fn duplicate(&mut self, event: &Event<'_>, stage: Stage, ttl: u8, seen: &mut Annotation) {
        seen.set_ttls(event.segment.packet.ttl, ttl);
        seen.stage = stage;
        seen.copy = Repeat::Duplicate;
        seen.note(Finding::DuplicateFrame);
        self.findings.insert(Finding::DuplicateFrame);
        self.last_ns = event.now_ns;
        self.tell_states(seen, self.states());
    }

    /// One end talks to itself: what is known of the client is known of the server.
    #[cold]
    fn mirror(&mut self) {
        self.pin(Moment::SynAck);
        self.ends[1] = self.ends[0].clone();
        if let Some(rare) = &mut self.rare {
            rare.mirror();
        }
        self.set_time_of(Moment::ServerCopy, self.time_of(Moment::ClientCopy));
        self.set_time_of(Moment::LastOfServer, self.last_copy_ns(Side::Client));
    }

    /// Whether one end has sent the segment that `error` quotes.
    pub(crate) fn sent(&self, error: &IcmpError) -> bool {
        let client = self.addresses.client() == error.quoted.source;
        let end = self.end(if client { Side::Client } else { Side::Server });
        end.has(Facts::SENT) && end.nxt.since(error.quoted.sequence).unsigned_abs() <= MOST_APART
    }

    /// Takes in an error that quotes a segment of this connection. It moves no state: TCP retries
    /// after most of them, and whether it gave up is seen by what follows. Only an error about a SYN
    /// or SYN/ACK says anything of the handshake; one about data (path MTU discovery) does not.
    pub(crate) fn observe_icmp(&mut self, error: &IcmpError) -> Annotation {
        let mut seen = Annotation::new(self.id, TcpFlags::empty(), Role::Unknown);
        seen.stage = Stage::IcmpError;
        let client = self.addresses.client() == error.quoted.source;
        let end = self.end(if client { Side::Client } else { Side::Server });
        let about_syn = end.has(Facts::SYN) && end.iss == error.quoted.sequence;
        let answers_syn = about_syn && end.syns[0] > 0;
        if about_syn
            && !self.handshake.has(Handshake::COMPLETE)
            && !self.handshake.has(Handshake::CONFIRMED)
        {
            seen.note(Finding::Unreachable);
            self.findings.insert(Finding::Unreachable);
        }
        if answers_syn && self.icmp().is_none() {
            let rare = self.rare_mut();
            rare.icmp = Some(IcmpSeen { kind: error.kind, code: error.code });
            rare.icmp_frame = number_of_32_bits(error.packet.frame);
        }
        self.tell_states(&mut seen, self.states());
        seen
    }

    pub(crate) fn states(&self) -> [State; 2] {
        [self.ends[0].state, self.ends[1].state]
    }

    pub(crate) fn tell_states(&self, seen: &mut Annotation, before: [State; 2]) {
        let [client, server] = [0, 1].map(|side| {
            let end = &self.ends[side];
            States::new(before[side], end.state, end.proven())
        });
        (seen.client, seen.server) = (client, server);
    }

    /// What the first segment says of the connection as a whole.
    #[inline(never)]
    fn begin(&self, event: &Event<'_>, seen: &mut Annotation) {
        if self.is_self_connect() {
            seen.note(Finding::SelfConnect);
        }
        match self.origin.reuse() {
            Reuse::No => {}
            Reuse::AfterClose | Reuse::AfterCloseBehind => seen.note(Finding::PortReused),
            Reuse::WhileAlive => seen.note(Finding::SynInEstablished),
        }
        if self.origin.basis() == RoleBasis::SynAck && event.has(TcpFlags::SYN) {
            seen.note(Finding::SynNotCaptured);
        }
    }

    /// Which end has sent a segment of this direction; `None` if it is not of this connection. A
    /// connection to itself has only one end, the client.
    #[inline]
    pub(crate) fn sender(&self, direction: &Direction) -> Option<Side> {
        self.addresses.sender(direction)
    }

    /// The direction from client to server.
    pub(crate) fn direction(&self) -> Direction {
        self.addresses.direction()
    }

    /// Mid-stream: a segment with ACK shows that the connection exists, no more.
    fn leave_unknown(&mut self, event: &Event<'_>) {
        if event.has(TcpFlags::SYN) || self.saw_syn() {
            return;
        }
        for end in &mut self.ends {
            if end.state == State::Unknown {
                end.assume(State::Established);
            }
        }
    }

    /// The handshake is complete, and the server shows that it took the final ACK: it goes on in
    /// the stream instead of repeating its SYN/ACK.
    fn confirm(&mut self, event: &Event<'_>) {
        let server = self.server_end();
        let confirmed = server.proven()
            && server.state != State::SynReceived
            && !self.handshake.has(Handshake::REFUTED);
        let silent = event.sender != Side::Server || event.has(TcpFlags::SYN);
        if silent || confirmed || !self.saw_syn() {
            return;
        }
        let [client, server] = &self.ends;
        // What answers an older connection says nothing of this one.
        let fits = !client.has(Facts::SENT)
            || client.syn_acknowledged_by(event.acknowledgment())
            || server.has(Facts::SYN_ACK)
                && is_within(client, event.acknowledgment())
                && is_within(server, event.sequence());
        let goes_on = event.payload > 0
            || event.has(TcpFlags::FIN)
            || server.has(Facts::SYN) && event.sequence().is_after(server.iss + 1)
            || client.has(Facts::ISS_KNOWN) && event.acknowledgment().is_after(client.iss + 1);
        let early_data =
            !self.handshake.has(Handshake::COMPLETE) && self.handshake.has(Handshake::FAST_OPEN);
        if goes_on && fits && !early_data {
            self.handshake -= Handshake::REFUTED;
            self.handshake |= Handshake::CONFIRMED;
            if matches!(
                self.server_end().state,
                State::SynReceived | State::Listen | State::Unknown
            ) {
                self.server_end_mut().prove(State::Established);
            } else if self.server_end().state == State::Established {
                self.server_end_mut().facts |= Facts::PROVEN;
            }
            if matches!(self.client_end().state, State::SynSent | State::Unknown) {
                self.client_end_mut().assume(State::Established);
            }
        }
    }

    /// Remembers how far the sender has got.
    fn account(&mut self, event: &Event<'_>) {
        let first = !self.end(event.sender).has(Facts::SENT);
        let end = self.end_mut(event.sender);
        end.ttl = event.segment.packet.ttl;
        end.facts |= Facts::TTL;
        if first || event.end().is_after(end.nxt) {
            match event.has(TcpFlags::FIN) {
                // It ends with that FIN, which is taken in already.
                true => end.nxt = event.end(),
                false => self.set_nxt(event.sender, event.end()),
            }
        }
        let end = self.end_mut(event.sender);
        if event.has(TcpFlags::ACK) {
            if !end.has(Facts::ACK) || event.acknowledgment().is_after(end.ack) {
                end.ack = event.acknowledgment();
            }
            end.window = event.segment.tcp.window;
            end.facts.set(Facts::SCALED, !event.has(TcpFlags::SYN));
            end.facts |= Facts::ACK;
        }
        if !event.has(TcpFlags::SYN) {
            end.facts |= Facts::MORE;
        }
    }

    /// What payload and options of a segment after the SYNs give rise to.
    fn check_data(&mut self, event: &Event<'_>, seen: &mut Annotation) {
        if event.has(TcpFlags::SYN) {
            return;
        }
        let handshake = &self.handshake;
        let early = event.sender == Side::Server
            && self.server_end().has(Facts::SYN_ACK)
            && self.client_end().has(Facts::SENT)
            && !handshake.has(Handshake::COMPLETE)
            && !handshake.has(Handshake::FAST_OPEN);
        if early && event.payload > 0 {
            seen.note(Finding::DataBeforeEstablished);
        }
        if event.payload > 0 {
            self.end_mut(event.sender).facts |= Facts::PAYLOAD;
        }
        if self.handshake.has(Handshake::TIMESTAMPS)
            && !self.end(event.sender).has(Facts::TS_DROPPED)
            && event.timestamps.is_none()
        {
            seen.note(Finding::TsDropped);
            self.end_mut(event.sender).facts |= Facts::TS_DROPPED;
        }
        if self.awaits_join() {
            // RFC 8684 §3.2: the fourth segment confirms the third, which proved the client.
            let confirms = event.sender == Side::Server && event.payload == 0;
            if confirms && seen.stage == Stage::None {
                seen.stage = Stage::MpJoinAck;
                self.handshake |= Handshake::JOIN_CONFIRMED;
            }
        }
    }

    pub(crate) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    pub(crate) fn icmp(&self) -> Option<IcmpSeen> {
        self.rare.as_ref()?.icmp
    }

    /// Takes note of a copy of a SYN or SYN/ACK.
    pub(crate) fn push_copy(&mut self, event: &Event<'_>) {
        let (time_ns, timestamp) = (event.now_ns, event.timestamps.map(|(value, _)| value));
        if self.end(event.sender).has(Facts::COPY) {
            let content = Content {
                offer: event.offer,
                payload: event.payload > 0,
                synack: event.has(TcpFlags::ACK),
            };
            let copy = copies::Copy { time_ns, timestamp, content };
            self.rare_mut().copies_mut(event.sender).push(copy);
        } else {
            self.set_first_copy(event.sender, FirstCopy::new(time_ns, timestamp));
        }
    }

    /// The SYN or SYN/ACK of `side` has its first answer. What the answered copy says is what the
    /// end has said.
    pub(crate) fn answer_copy(&mut self, side: Side, event: &Event<'_>) {
        if self.end(side).has(Facts::COPY_ANSWERED) {
            return;
        }
        let further = self.rare.as_ref().and_then(|rare| rare.copies(side));
        if further.is_none_or(FurtherCopies::is_empty) {
            self.end_mut(side).answer_copy();
            return;
        }
        let echo = event.timestamps.map(|(_, echo)| echo);
        let offer = event.has(TcpFlags::SYN).then_some(event.offer);
        let (first, content) = (self.first_copy(side), self.end(side).content());
        let copies = self.rare_mut().copies_mut(side);
        if let Some(content) = copies.answer(&first, content, &Answer { echo, offer }) {
            let end = self.end_mut(side);
            end.offer = content.offer;
            end.facts.set(Facts::SYN_PAYLOAD, content.payload);
            self.agree();
        }
    }

    /// What the last copy of the SYN of `side` says.
    pub(crate) fn last_content(&self, side: Side) -> Content {
        let copies = self.rare.as_ref().and_then(|rare| rare.copies(side));
        let last = copies.and_then(FurtherCopies::last).map(|copy| copy.content);
        last.unwrap_or_else(|| self.end(side).content())
    }

    /// Which copy of the SYN or SYN/ACK of `side` was answered.
    pub(crate) fn answered_copy(&self, side: Side) -> Option<Answered> {
        let first = self.first_copy(side).answered();
        first.or_else(|| self.rare.as_ref()?.copies(side)?.answered())
    }

    pub(crate) fn end(&self, side: Side) -> &Endpoint {
        &self.ends[side as usize]
    }

    pub(crate) fn end_mut(&mut self, side: Side) -> &mut Endpoint {
        &mut self.ends[side as usize]
    }

    /// What was sent before the next segment of `sender`.
    pub(crate) fn before(&self, sender: Side) -> Before {
        Before { sent: self.end(sender).sent, received: self.end(sender.other()).sent }
    }

    pub(crate) fn client_end(&self) -> &Endpoint {
        &self.ends[0]
    }

    pub(crate) fn client_end_mut(&mut self) -> &mut Endpoint {
        &mut self.ends[0]
    }

    pub(crate) fn server_end(&self) -> &Endpoint {
        &self.ends[1]
    }

    pub(crate) fn server_end_mut(&mut self) -> &mut Endpoint {
        &mut self.ends[1]
    }

    pub(crate) fn is_self_connect(&self) -> bool {
        self.handshake.has(Handshake::SELF_CONNECT)
    }

    /// Who has sent the first FIN.
    pub(crate) fn first_closer(&self) -> Option<Side> {
        self.handshake.first_closer()
    }

    /// Whether a SYN of either side is in the capture.
    pub(crate) fn saw_syn(&self) -> bool {
        self.ends.iter().any(|end| end.has(Facts::SYN))
    }
}
