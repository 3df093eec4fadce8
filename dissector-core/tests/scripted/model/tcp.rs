//! One end of a connection as RFC 9293 §3.10 has it, with the checks of RFC 5961. Slow and plain:
//! what was sent and not acknowledged is sent again as one segment.

use dissector_core::connection::State;

/// Octets that an end is ready to take.
const WINDOW: i32 = 1000;

/// A segment. Numbers are those on the wire.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Packet {
    pub from: usize,
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
    pub ack: Option<u32>,
    pub seq: u32,
    pub payload: u32,
}

impl Packet {
    /// The number after it.
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(self.payload + u32::from(self.syn) + u32::from(self.fin))
    }

    /// Whether it acknowledges everything up to `number`.
    pub fn acks(&self, number: u32) -> bool {
        self.ack.is_some_and(|ack| at_least(ack, number))
    }
}

/// Whether `a` comes no earlier than `b`.
pub fn at_least(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) as i32 >= 0
}

pub struct Tcp {
    side: usize,
    pub state: State,
    passive: bool,
    pub iss: u32,
    /// SND.UNA, SND.NXT and RCV.NXT.
    pub una: u32,
    pub nxt: u32,
    rcv: u32,
    /// The number of its FIN, once sent.
    fin: Option<u32>,
}

impl Tcp {
    pub fn new(side: usize, state: State, iss: u32) -> Self {
        let passive = state == State::Listen;
        Self { side, state, passive, iss, una: iss, nxt: iss, rcv: 0, fin: None }
    }

    fn bare(&self) -> Packet {
        Packet { from: self.side, ack: Some(self.rcv), seq: self.nxt, ..Packet::default() }
    }

    fn reset(&self, seq: u32, ack: Option<u32>) -> Packet {
        Packet { from: self.side, rst: true, seq, ack, ..Packet::default() }
    }

    /// What was sent and not acknowledged.
    pub fn again(&self) -> Option<Packet> {
        if self.una == self.nxt || matches!(self.state, State::Closed | State::Listen) {
            return None;
        }
        if self.una == self.iss {
            let ack = (self.state != State::SynSent).then_some(self.rcv);
            // A FIN behind the SYN follows once that is acknowledged.
            return Some(Packet { syn: true, seq: self.iss, ack, payload: 0, ..self.bare() });
        }
        let fin = self.fin.is_some();
        let payload = self.nxt.wrapping_sub(self.una) - u32::from(fin);
        Some(Packet { fin, seq: self.una, payload, ..self.bare() })
    }

    pub fn open(&mut self) -> Packet {
        (self.state, self.passive) = (State::SynSent, false);
        self.nxt = self.iss.wrapping_add(1);
        Packet { syn: true, ack: None, seq: self.iss, ..self.bare() }
    }

    pub fn send(&mut self, payload: u32) -> Option<Packet> {
        if !matches!(self.state, State::Established | State::CloseWait) {
            return None;
        }
        let packet = Packet { payload, ..self.bare() };
        self.nxt = packet.end();
        Some(packet)
    }

    pub fn close(&mut self) -> Option<Packet> {
        self.state = match self.state {
            State::SynReceived | State::Established => State::FinWait1,
            State::CloseWait => State::LastAck,
            _ => return None,
        };
        let packet = Packet { fin: true, ..self.bare() };
        self.fin = Some(self.nxt);
        self.nxt = packet.end();
        Some(packet)
    }

    pub fn abort(&mut self) -> Option<Packet> {
        let packet = match self.state {
            State::Closed | State::Listen | State::SynSent => return None,
            _ => self.reset(self.nxt, Some(self.rcv)),
        };
        self.state = State::Closed;
        Some(packet)
    }

    /// A segment arrives; the answer. `repeats` says that a SYN in SYN-RECEIVED brings the SYN/ACK
    /// again, as stacks do, and not the bare ACK of RFC 9293; in a simultaneous open it always does.
    pub fn receive(&mut self, packet: &Packet, repeats: bool) -> Option<Packet> {
        match self.state {
            State::Closed => self.nobody(packet),
            State::Listen => self.first(packet),
            State::SynSent => self.answer(packet),
            _ => self.known(packet, repeats),
        }
    }

    /// RFC 9293 §3.10.7.1.
    fn nobody(&self, packet: &Packet) -> Option<Packet> {
        match (packet.rst, packet.ack) {
            (true, _) => None,
            (false, Some(ack)) => Some(self.reset(ack, None)),
            (false, None) => Some(self.reset(0, Some(packet.end()))),
        }
    }

    /// RFC 9293 §3.10.7.2.
    fn first(&mut self, packet: &Packet) -> Option<Packet> {
        match packet.ack {
            _ if packet.rst => None,
            Some(ack) => Some(self.reset(ack, None)),
            None if packet.syn => {
                self.rcv = packet.seq.wrapping_add(1);
                self.nxt = self.iss.wrapping_add(1);
                self.state = State::SynReceived;
                self.again()
            }
            None => None,
        }
    }

    /// RFC 9293 §3.10.7.3.
    fn answer(&mut self, packet: &Packet) -> Option<Packet> {
        let acceptable = packet.ack == Some(self.nxt);
        if packet.ack.is_some() && !acceptable {
            return packet.ack.filter(|_| !packet.rst).map(|ack| self.reset(ack, None));
        }
        if packet.rst {
            if acceptable {
                self.state = State::Closed;
            }
            return None;
        }
        if !packet.syn {
            return None;
        }
        self.rcv = packet.seq.wrapping_add(1);
        if acceptable {
            self.una = self.nxt;
            self.state = State::Established;
            Some(self.bare())
        } else {
            self.state = State::SynReceived;
            self.again()
        }
    }

    /// RFC 9293 §3.10.7.4.
    fn known(&mut self, packet: &Packet, repeats: bool) -> Option<Packet> {
        let from = packet.seq.wrapping_sub(self.rcv) as i32;
        let to = packet.end().wrapping_sub(self.rcv) as i32;
        let acceptable = if from == to {
            (0..WINDOW).contains(&from)
        } else {
            (0..WINDOW).contains(&from) || (1..=WINDOW).contains(&to)
        };
        // Figure 7 of RFC 9293: the SYN/ACK of a simultaneous open opens, though its number was taken.
        let crossing = packet.syn && packet.ack == Some(self.nxt);
        if self.state == State::SynReceived && crossing && from == -1 {
            self.una = self.nxt;
            self.state = State::Established;
            return Some(self.bare());
        }
        if !acceptable {
            let again = packet.syn && packet.ack.is_none() && self.state == State::SynReceived;
            return match packet.rst {
                true => None,
                false if again && (repeats || !self.passive) => self.again(),
                false => Some(self.bare()),
            };
        }
        if packet.rst {
            if from != 0 {
                return Some(self.bare());
            }
            let back = self.state == State::SynReceived && self.passive;
            self.state = if back { State::Listen } else { State::Closed };
            (self.una, self.nxt, self.fin) = (self.iss, self.iss, None);
            return None;
        }
        if packet.syn {
            return Some(self.bare());
        }
        let ack = packet.ack?;
        let new = at_least(ack, self.una.wrapping_add(1)) && at_least(self.nxt, ack);
        if self.state == State::SynReceived {
            if !new {
                return Some(self.reset(ack, None));
            }
            self.state = State::Established;
        }
        if !at_least(self.nxt, ack) {
            return Some(self.bare());
        }
        if new {
            self.una = ack;
        }
        if self.fin.is_some() && self.una == self.nxt {
            self.state = match self.state {
                State::FinWait1 => State::FinWait2,
                State::Closing => State::TimeWait,
                State::LastAck => State::Closed,
                other => other,
            };
        }
        self.take(packet, from)
    }

    /// Payload and FIN; what is not the next in order is acknowledged and dropped.
    fn take(&mut self, packet: &Packet, from: i32) -> Option<Packet> {
        if packet.payload == 0 && !packet.fin {
            return None;
        }
        let takes = matches!(self.state, State::Established | State::FinWait1 | State::FinWait2);
        if from > 0 || !takes {
            return Some(self.bare());
        }
        self.rcv = packet.end();
        if packet.fin {
            self.state = match self.state {
                State::Established => State::CloseWait,
                State::FinWait1 => State::Closing,
                _ => State::TimeWait,
            };
        }
        Some(self.bare())
    }
}
