//! Following one connection, segment by segment.
//!
//! A sender's state is proven by its segment. What the segment does to the receiver is assumed:
//! the capture point cannot know that it arrives, until the receiver answers.

use std::net::{IpAddr, SocketAddr};

use super::duplicate::{self, Identity};
use super::endpoint::{Endpoint, Facts};
use super::names::{Role, RoleBasis, Stage, State};
use super::offer::Offer;
use super::zeek::Zeek;
use super::{Annotation, Anomaly, AnomalySet, Copy, IcmpSeen, RstReason, States};
use crate::wire::{SeqNumber, TcpFlags};
use crate::{IcmpError, Segment};

/// One end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// How the handshake stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Handshake {
    /// Both SYNs were acknowledged.
    pub complete: bool,
    /// The final ACK was taken for one although the server sent nothing.
    pub synack_missing: bool,
    /// After the final ACK, the server repeats its SYN/ACK or knows of no connection.
    pub refuted: bool,
    /// The peer's SYN was met by an own one.
    pub simultaneous: bool,
    /// The responder acknowledged the SYN before sending its own.
    pub split: bool,
    /// The SYN carried data, and the SYN/ACK acknowledges some of it.
    pub fast_open: bool,
    /// SYN/ACKs repeated after the final ACK.
    pub repeats: u8,
    /// When the first SYN/ACK came.
    pub synack_ns: Option<i64>,
    /// When the answered SYN/ACK was sent, and whether that is certain.
    pub answered: Option<super::times::Answered>,
    /// The server has shown that it took the final ACK.
    pub confirmed: bool,
    /// Both SYNs carry timestamps.
    pub timestamps: bool,
    /// Both SYNs join an MPTCP connection.
    pub join: bool,
    /// The server has confirmed an MPTCP join.
    pub join_confirmed: bool,
}

/// The frames that the steps of a connection were in; 0 where the step was not seen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Frames {
    pub syn: u64,
    pub synack: u64,
    pub final_ack: u64,
    pub rst: u64,
    pub icmp: u64,
}

/// One connection: an incarnation of two addresses and ports.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) id: u32,
    pub(super) attempt: u16,
    pub(super) basis: RoleBasis,
    reuse: Reuse,
    self_connect: bool,
    /// Which side's RST was believed, and why it was sent.
    pub(super) reset: Option<Reset>,
    /// Client, server.
    pub(super) addresses: [IpAddr; 2],
    pub(super) ports: [u16; 2],
    pub(super) ends: [Endpoint; 2],
    pub(super) handshake: Handshake,
    pub(super) frames: Frames,
    pub(super) first_ns: i64,
    pub(super) last_ns: i64,
    pub(super) final_ack_ns: i64,
    /// First SYN to SYN/ACK.
    pub(super) synack_delay_ns: i64,
    pub(super) packets: u64,
    /// Who sent the first FIN.
    pub(super) first_closer: Option<Side>,
    pub(super) zeek: Zeek,
    /// The first ICMP error that quotes it.
    pub(super) icmp: Option<IcmpSeen>,
    /// What its segments gave rise to.
    pub(super) anomalies: AnomalySet,
    /// When the first FIN of the side that closed first was seen.
    pub(super) first_fin_ns: i64,
    /// When it left its table.
    pub(super) left_ns: Option<i64>,
}

/// An RST that its receiver has to believe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Reset {
    pub by: Side,
    pub reason: RstReason,
    /// It carried no ACK.
    pub bare: bool,
    /// The server had proved before it that it accepted the connection.
    pub after_confirmation: bool,
    pub time_ns: i64,
    /// States before it: it may turn out that nobody believed it.
    pub before: [(State, bool); 2],
}

/// Whether the addresses and ports of a connection were in use before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reuse {
    No,
    /// By a connection that was closed.
    AfterClose,
    /// By one that was not.
    WhileAlive,
}

/// A segment in the terms of its connection.
pub(super) struct Event<'a> {
    pub segment: &'a Segment<'a>,
    pub flags: TcpFlags,
    /// Octets of payload sent.
    pub payload: u32,
    /// Capture time, but never before that of an earlier segment.
    pub now_ns: i64,
    pub sender: Side,
    pub receiver: Side,
    /// Of a SYN, with or without ACK.
    pub offer: Offer,
    pub identity: Identity,
}

impl Event<'_> {
    pub fn has(&self, flags: TcpFlags) -> bool {
        self.flags.contains(flags)
    }

    pub fn sequence(&self) -> SeqNumber {
        self.segment.tcp.sequence
    }

    pub fn acknowledgment(&self) -> SeqNumber {
        self.segment.tcp.acknowledgment
    }

    /// Sequence number after the segment: payload, SYN and FIN count (RFC 9293 §3.4).
    pub fn end(&self) -> SeqNumber {
        let syn = u32::from(self.has(TcpFlags::SYN));
        let fin = u32::from(self.has(TcpFlags::FIN));
        self.sequence() + self.payload + syn + fin
    }
}

/// Whether no TCP sends these flags together: SYN with FIN or RST, or neither SYN, RST nor ACK.
fn illegal(flags: TcpFlags) -> bool {
    flags.contains(TcpFlags::SYN) && flags.intersects(TcpFlags::FIN | TcpFlags::RST)
        || !flags.intersects(TcpFlags::SYN | TcpFlags::RST | TcpFlags::ACK)
}

impl Connection {
    /// The connection that `segment`, its first one, belongs to; it still has to be observed.
    pub(crate) fn new(
        id: u32,
        attempt: u16,
        reuse: Reuse,
        segment: &Segment<'_>,
        now_ns: i64,
    ) -> Self {
        let packet = &segment.packet;
        let sender = SocketAddr::new(packet.source, segment.tcp.source_port);
        let receiver = SocketAddr::new(packet.destination, segment.tcp.destination_port);
        let flags = segment.tcp.flags;
        let syn = flags.contains(TcpFlags::SYN) && !illegal(flags);
        let (client, basis) = if syn && !flags.contains(TcpFlags::ACK) {
            (sender, RoleBasis::Syn)
        } else if syn {
            (receiver, RoleBasis::SynAck)
        } else if sender.port() == receiver.port() {
            (sender, RoleBasis::None)
        } else if sender.port() > receiver.port() {
            (sender, RoleBasis::Port)
        } else {
            (receiver, RoleBasis::Port)
        };
        let server = if client == sender { receiver } else { sender };
        let (client_state, server_state) = match basis {
            RoleBasis::Syn => (State::Closed, State::Listen),
            _ => (State::Unknown, State::Unknown),
        };
        Self {
            id,
            attempt,
            basis,
            reuse,
            self_connect: client == server,
            reset: None,
            addresses: [client.ip(), server.ip()],
            ports: [client.port(), server.port()],
            ends: [Endpoint::new(client_state), Endpoint::new(server_state)],
            handshake: Handshake::default(),
            frames: Frames::default(),
            first_ns: now_ns,
            last_ns: now_ns,
            final_ack_ns: now_ns,
            synack_delay_ns: 0,
            packets: 0,
            first_closer: None,
            zeek: Zeek::new(usize::from(client != sender), segment),
            icmp: None,
            anomalies: AnomalySet::EMPTY,
            first_fin_ns: now_ns,
            left_ns: None,
        }
    }

    /// Its table lets it go.
    pub(crate) fn leave(&mut self, now_ns: i64) {
        self.left_ns = Some(now_ns);
    }

    /// Takes in the next segment and says what it was.
    pub(crate) fn observe(&mut self, segment: &Segment<'_>, now_ns: i64) -> Annotation {
        let (sender, receiver, role) = self.direction(segment);
        self.zeek.observe(sender as usize, segment);
        let (offer, timestamps) = if segment.tcp.flags.contains(TcpFlags::SYN) {
            Offer::of(&segment.tcp)
        } else {
            (Offer::default(), duplicate::timestamps(segment))
        };
        let event = Event {
            segment,
            flags: segment.tcp.flags,
            payload: segment.payload_octets(),
            now_ns,
            sender,
            receiver,
            offer,
            identity: Identity::with_timestamps(segment, timestamps),
        };
        if let Some(stage) = self.end(sender).recent.duplicated_by(segment, &event.identity, now_ns)
        {
            return self.duplicate(&event, role, stage);
        }
        for end in &mut self.ends {
            if let Some(state) = end.upcoming.take() {
                end.assume(state);
            }
        }
        let before = self.states();
        let mut seen = Annotation::new(self.id, event.flags, role);
        if self.packets == 0 {
            self.begin(&event, &mut seen);
        }

        if illegal(event.flags) {
            seen.stage = Stage::IllegalFlags;
            seen.note(Anomaly::IllegalFlags);
        } else if event.has(TcpFlags::RST) {
            self.on_rst(&event, &mut seen);
        } else {
            self.refute_rst(&event, &mut seen);
            self.leave_unknown(&event);
            if event.has(TcpFlags::ACK) {
                self.on_ack(&event, &mut seen);
            }
            if event.has(TcpFlags::SYN) {
                self.on_syn(&event, &mut seen);
            }
            self.confirm(&event);
            if event.has(TcpFlags::FIN) {
                self.on_fin(&event, &mut seen);
            }
            self.check_data(&event, &mut seen);
            self.account(&event);
        }
        let end = self.end_mut(sender);
        end.facts |= Facts::SENT;
        end.recent.remember(segment, &event.identity, now_ns, seen.stage);
        self.packets += 1;
        self.last_ns = now_ns;
        self.anomalies = self.anomalies.union(seen.anomalies);
        if self.is_self_connect() {
            self.ends[1] = self.ends[0].clone();
        }
        self.tell_states(&mut seen, before);
        seen
    }

    /// A segment that was captured before: it changes nothing.
    #[cold]
    fn duplicate(&mut self, event: &Event<'_>, role: Role, stage: Stage) -> Annotation {
        let mut seen = Annotation::new(self.id, event.flags, role);
        seen.stage = stage;
        seen.copy = Copy::Duplicate;
        seen.note(Anomaly::DuplicateFrame);
        self.anomalies.insert(Anomaly::DuplicateFrame);
        self.last_ns = event.now_ns;
        self.tell_states(&mut seen, self.states());
        seen
    }

    /// Whether one end has sent the segment that `error` quotes.
    pub(crate) fn sent(&self, error: &IcmpError) -> bool {
        let end = self.end(self.side_of(error.quoted.source));
        end.has(Facts::SENT) && end.nxt.since(error.quoted.sequence).unsigned_abs() <= MOST_APART
    }

    /// Takes in an error that quotes a segment of this connection. It moves no state: TCP retries
    /// after most of them, and whether it gave up is seen by what follows.
    pub(crate) fn observe_icmp(&mut self, error: &IcmpError) -> Annotation {
        let mut seen = Annotation::new(self.id, TcpFlags::empty(), Role::Unknown);
        seen.stage = Stage::IcmpError;
        if !self.handshake.complete {
            seen.note(Anomaly::Unreachable);
            self.anomalies.insert(Anomaly::Unreachable);
        }
        if self.icmp.is_none() {
            self.icmp = Some(IcmpSeen { kind: error.kind, code: error.code });
            self.frames.icmp = error.packet.frame;
        }
        self.tell_states(&mut seen, self.states());
        seen
    }

    fn side_of(&self, address: SocketAddr) -> Side {
        let client = self.addresses[0] == address.ip() && self.ports[0] == address.port();
        if client { Side::Client } else { Side::Server }
    }

    fn states(&self) -> [State; 2] {
        [self.ends[0].state, self.ends[1].state]
    }

    fn tell_states(&self, seen: &mut Annotation, before: [State; 2]) {
        let [client, server] = [0, 1].map(|side| {
            let end = &self.ends[side];
            States::new(before[side], end.state, end.proven)
        });
        (seen.client, seen.server) = (client, server);
    }

    /// What the first segment says of the connection as a whole.
    #[inline(never)]
    fn begin(&self, event: &Event<'_>, seen: &mut Annotation) {
        if self.is_self_connect() {
            seen.note(Anomaly::SelfConnect);
        }
        match self.reuse {
            Reuse::No => {}
            Reuse::AfterClose => seen.note(Anomaly::PortReused),
            Reuse::WhileAlive => seen.note(Anomaly::SynInEstablished),
        }
        if self.basis == RoleBasis::SynAck && event.has(TcpFlags::SYN) {
            seen.note(Anomaly::SynNotCaptured);
        }
    }

    /// Sender, receiver and the sender's role. A connection to itself is one end talking to itself.
    fn direction(&self, segment: &Segment<'_>) -> (Side, Side, Role) {
        if self.is_self_connect() {
            return (Side::Client, Side::Client, Role::Unknown);
        }
        let client =
            self.addresses[0] == segment.packet.source && self.ports[0] == segment.tcp.source_port;
        if client {
            (Side::Client, Side::Server, Role::Client)
        } else {
            (Side::Server, Side::Client, Role::Server)
        }
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
        let confirmed =
            server.proven && server.state != State::SynReceived && !self.handshake.refuted;
        let silent = event.sender != Side::Server || event.has(TcpFlags::SYN);
        if silent || confirmed || !self.saw_syn() {
            return;
        }
        let [client, server] = &self.ends;
        // What answers an older connection says nothing of this one.
        let fits = !client.has(Facts::SENT) || client.syn_acknowledged_by(event.acknowledgment());
        let goes_on = event.payload > 0
            || event.has(TcpFlags::FIN)
            || server.has(Facts::SYN) && event.sequence().is_after(server.iss + 1)
            || client.has(Facts::ISS_KNOWN) && event.acknowledgment().is_after(client.iss + 1);
        let early_data = !self.handshake.complete && self.handshake.fast_open;
        if goes_on && fits && !early_data {
            self.handshake.refuted = false;
            self.handshake.confirmed = true;
            if matches!(
                self.server_end().state,
                State::SynReceived | State::Listen | State::Unknown
            ) {
                self.server_end_mut().prove(State::Established);
            } else if self.server_end().state == State::Established {
                self.server_end_mut().proven = true;
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
        end.ttl = Some(event.segment.packet.ttl);
        if first || event.end().is_after(end.nxt) {
            end.nxt = event.end();
        }
        if event.has(TcpFlags::ACK) {
            if !end.has(Facts::ACK) || event.acknowledgment().is_after(end.ack) {
                end.ack = event.acknowledgment();
            }
            end.window = event.segment.tcp.window;
            end.window_scaled = !event.has(TcpFlags::SYN);
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
            && !handshake.complete
            && !handshake.fast_open;
        if early && event.payload > 0 {
            seen.note(Anomaly::DataBeforeEstablished);
        }
        if event.payload > 0 {
            self.end_mut(event.sender).facts |= Facts::PAYLOAD;
        }
        if self.handshake.timestamps
            && !self.end(event.sender).has(Facts::TS_DROPPED)
            && event.identity.timestamps.is_none()
        {
            seen.note(Anomaly::TsDropped);
            self.end_mut(event.sender).facts |= Facts::TS_DROPPED;
        }
        if self.handshake.join && self.handshake.complete && !self.handshake.join_confirmed {
            // RFC 8684 §3.2: the fourth segment confirms the third, which proved the client.
            let confirms = event.sender == Side::Server && event.payload == 0;
            if confirms && seen.stage == Stage::None {
                seen.stage = Stage::MpJoinAck;
                self.handshake.join_confirmed = true;
            }
        }
    }

    pub(super) fn end(&self, side: Side) -> &Endpoint {
        &self.ends[side as usize]
    }

    pub(super) fn end_mut(&mut self, side: Side) -> &mut Endpoint {
        &mut self.ends[side as usize]
    }

    pub(super) fn client_end(&self) -> &Endpoint {
        &self.ends[0]
    }

    pub(super) fn client_end_mut(&mut self) -> &mut Endpoint {
        &mut self.ends[0]
    }

    pub(super) fn server_end(&self) -> &Endpoint {
        &self.ends[1]
    }

    pub(super) fn server_end_mut(&mut self) -> &mut Endpoint {
        &mut self.ends[1]
    }

    pub(super) fn is_self_connect(&self) -> bool {
        self.self_connect
    }

    /// Whether a SYN of either side is in the capture.
    pub(super) fn saw_syn(&self) -> bool {
        self.ends.iter().any(|end| end.has(Facts::SYN))
    }
}

/// Octets by which a segment of a live connection may be ahead or behind: a large window.
const MOST_APART: u32 = 1 << 20;

/// Where one incarnation ends and the next begins.
impl Connection {
    /// Whether `segment`, of the same addresses and ports, opens a new connection.
    ///
    /// A SYN does after the close, or where its sender is known to count from elsewhere. It does
    /// not where it meets the other side's SYN, or is recorded after the SYN/ACK that answers it.
    pub(crate) fn is_succeeded_by(&self, segment: &Segment<'_>, now_ns: i64) -> bool {
        let flags = segment.tcp.flags;
        if !flags.contains(TcpFlags::SYN) || illegal(flags) {
            return false;
        }
        let (sender, receiver, _) = self.direction(segment);
        self.starts_anew(segment, sender, receiver) && {
            let recent = &self.end(sender).recent;
            recent.duplicated_by(segment, &Identity::of(segment), now_ns).is_none()
        }
    }

    fn starts_anew(&self, segment: &Segment<'_>, sender: Side, receiver: Side) -> bool {
        let flags = segment.tcp.flags;
        let (sender, receiver) = (self.end(sender), self.end(receiver));
        let sequence = segment.tcp.sequence;
        let elsewhere = sender.has(Facts::ISS_KNOWN) && sender.iss != sequence;
        if flags.contains(TcpFlags::ACK) {
            // Its SYN was not captured, but the connection before it is over. A second responder's
            // SYN/ACK still acknowledges the old SYN.
            let answers_old_syn =
                receiver.has(Facts::ISS_KNOWN) && segment.tcp.acknowledgment == receiver.iss + 1;
            return self.is_closed() && elsewhere && !answers_old_syn;
        }
        if self.is_closed() {
            return true;
        }
        if sender.has(Facts::ISS_KNOWN) {
            return elsewhere;
        }
        if self.handshake.split && receiver.has(Facts::SYN) {
            // The responder's own SYN, after its ACK of the other.
            return false;
        }
        if sender.has(Facts::MORE) {
            // Mid-stream so far. Only the SYN that its first segment followed belongs to it.
            return !sender.has(Facts::ACK) || sender.nxt.since(sequence) != 1;
        }
        // The sender was silent so far.
        let crosses = receiver.has(Facts::SYN) && !receiver.has(Facts::SYN_ACK);
        let answered = receiver.has(Facts::ACK) && receiver.ack == sequence + 1;
        let only_server_spoke = receiver.has(Facts::SENT);
        only_server_spoke && !crosses && !answered
    }

    /// What a successor that begins with `segment` means for the addresses and ports.
    pub(crate) fn reuse_by(&self, segment: &Segment<'_>) -> Reuse {
        let plain_syn = !segment.tcp.flags.contains(TcpFlags::ACK);
        // An attempt that was never answered is no live connection.
        let was_open = self.handshake.complete || !self.client_end().has(Facts::SYN);
        if plain_syn && was_open && !self.is_closed() {
            Reuse::WhileAlive
        } else {
            Reuse::AfterClose
        }
    }

    /// Whether the SYN has had its answer: an acceptable SYN/ACK, or an RST.
    pub(crate) fn is_answered(&self) -> bool {
        self.server_end().has(Facts::SYN_ACK) || self.reset.is_some()
    }

    /// The peer has cleared the connection, which it knew nothing of.
    pub(crate) fn clear(&mut self, frame: u64, now_ns: i64) {
        self.frames.rst = frame;
        let before = [0, 1].map(|side| (self.ends[side].state, self.ends[side].proven));
        self.reset.get_or_insert(Reset {
            by: Side::Client,
            reason: RstReason::HalfOpenDiscovery,
            bare: true,
            after_confirmation: true,
            time_ns: now_ns,
            before,
        });
        self.ends.iter_mut().for_each(|end| end.assume(State::Closed));
    }

    /// Of two connections on the same addresses and ports, this is the newer, still unanswered:
    /// whether `segment` is its own. So are the challenge ACK and the RST that answers it.
    pub(crate) fn takes(&self, segment: &Segment<'_>) -> bool {
        let tcp = &segment.tcp;
        let (sender, receiver, _) = self.direction(segment);
        if tcp.flags.contains(TcpFlags::SYN) {
            // A SYN/ACK that does not answer this SYN may repeat the older connection's.
            return !tcp.flags.contains(TcpFlags::ACK)
                || self.end(receiver).syn_acknowledged_by(tcp.acknowledgment);
        }
        let rst = tcp.flags.contains(TcpFlags::RST);
        let (own, other) = (self.end(sender), self.end(receiver));
        if own.has(Facts::SYN) {
            let answers_challenge = other.has(Facts::ACK) && tcp.sequence == other.ack;
            return if rst { answers_challenge } else { tcp.sequence == own.iss + 1 };
        }
        let bare = segment.payload_octets() == 0 && !tcp.flags.contains(TcpFlags::FIN);
        let answers_syn =
            tcp.flags.contains(TcpFlags::ACK) && other.syn_acknowledged_by(tcp.acknowledgment);
        answers_syn || bare && !rst
    }

    /// Whether `segment` goes on where its sender was.
    pub(crate) fn fits(&self, segment: &Segment<'_>) -> bool {
        let (sender, ..) = self.direction(segment);
        let end = self.end(sender);
        end.has(Facts::SENT) && segment.tcp.sequence.since(end.nxt).unsigned_abs() <= MOST_APART
    }

    /// Whether the connection may leave the table after a silence: closed, or failed.
    pub(crate) fn is_finished(&self, now_ns: i64) -> bool {
        self.is_closed() || self.outcome(now_ns).failed()
    }
}
