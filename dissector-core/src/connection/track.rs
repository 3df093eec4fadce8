//! Following one connection, segment by segment.
//!
//! A sender's state is proven by its segment. What the segment does to the receiver is assumed:
//! the capture point cannot know that it arrives, until the receiver answers.

use std::net::{IpAddr, SocketAddr};

use super::endpoint::{Endpoint, Facts};
use super::names::{Role, RoleBasis, Stage, State};
use super::{Annotation, RstReason, States};
use crate::Segment;
use crate::wire::{SeqNumber, TcpFlags, TcpOption};

/// One end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// How the handshake stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
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
}

/// The frames that the steps of a connection were in; 0 where the step was not seen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Frames {
    pub syn: u64,
    pub synack: u64,
    pub final_ack: u64,
    pub rst: u64,
}

/// One connection: an incarnation of two addresses and ports.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) id: u32,
    pub(super) attempt: u16,
    pub(super) basis: RoleBasis,
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
    pub(crate) fn new(id: u32, attempt: u16, segment: &Segment<'_>, now_ns: i64) -> Self {
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
        }
    }

    /// Takes in the next segment and says what it was.
    pub(crate) fn observe(&mut self, segment: &Segment<'_>, now_ns: i64) -> Annotation {
        let (sender, receiver, role) = self.direction(segment);
        let event = Event {
            segment,
            flags: segment.tcp.flags,
            payload: segment.payload_octets(),
            now_ns,
            sender,
            receiver,
        };
        for end in &mut self.ends {
            if let Some(state) = end.upcoming.take() {
                end.assume(state);
            }
        }
        let before = self.ends.map(|end| end.state);
        let mut seen = Annotation::new(self.id, event.flags, role);

        if illegal(event.flags) {
            seen.stage = Stage::IllegalFlags;
        } else if event.has(TcpFlags::RST) {
            self.on_rst(&event, &mut seen);
        } else {
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
            self.account(&event);
        }
        self.end_mut(sender).facts |= Facts::SENT;
        self.packets += 1;
        self.last_ns = now_ns;
        if self.is_self_connect() {
            self.ends[1] = self.ends[0];
        }
        let [client, server] = [0, 1].map(|side| {
            let end = &self.ends[side];
            States::new(before[side], end.state, end.proven)
        });
        (seen.client, seen.server) = (client, server);
        seen
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
        if event.sender != Side::Server || event.has(TcpFlags::SYN) || !self.saw_syn() {
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
        if first || event.end().is_after(end.nxt) {
            end.nxt = event.end();
        }
        if event.has(TcpFlags::ACK) {
            if !end.has(Facts::ACK) || event.acknowledgment().is_after(end.ack) {
                end.ack = event.acknowledgment();
            }
            end.window = event.segment.tcp.window;
            end.facts |= Facts::ACK;
        }
        if !event.has(TcpFlags::SYN) {
            end.facts |= Facts::MORE;
        }
    }

    /// The window scale that `event`'s SYN offers.
    pub(super) fn window_scale(event: &Event<'_>) -> Option<u8> {
        event.segment.tcp.options().map_while(Result::ok).find_map(|option| match option {
            TcpOption::WindowScale(shift) => Some(shift.min(14)),
            _ => None,
        })
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
        self.addresses[0] == self.addresses[1] && self.ports[0] == self.ports[1]
    }

    /// Whether a SYN of either side is in the capture.
    pub(super) fn saw_syn(&self) -> bool {
        self.ends.iter().any(|end| end.has(Facts::SYN))
    }
}

/// Where one incarnation ends and the next begins.
impl Connection {
    /// Whether `segment`, of the same addresses and ports, opens a new connection.
    ///
    /// A SYN does after the close, or where its sender is known to count from elsewhere. It does
    /// not where it meets the other side's SYN, or is recorded after the SYN/ACK that answers it.
    pub(crate) fn is_succeeded_by(&self, segment: &Segment<'_>) -> bool {
        let flags = segment.tcp.flags;
        if !flags.contains(TcpFlags::SYN) || illegal(flags) {
            return false;
        }
        let (sender, receiver, _) = self.direction(segment);
        let (sender, receiver) = (self.end(sender), self.end(receiver));
        let sequence = segment.tcp.sequence;
        let elsewhere = sender.has(Facts::ISS_KNOWN) && sender.iss != sequence;
        if flags.contains(TcpFlags::ACK) {
            // Its SYN was not captured, but the connection before it is over.
            return self.is_closed() && elsewhere;
        }
        if self.is_closed() {
            return true;
        }
        if sender.has(Facts::ISS_KNOWN) {
            return elsewhere;
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

    /// Whether the connection may leave the table after a silence: closed, or failed.
    pub(crate) fn is_finished(&self, now_ns: i64) -> bool {
        self.is_closed() || self.outcome(now_ns).failed()
    }
}
