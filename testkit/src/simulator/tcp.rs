//! One end of a connection as RFC 9293 §3.10 has it, with the checks of RFC 5961. Slow and plain:
//! everything sent and not acknowledged is sent again as one segment.

use dissector_core::connection::State;

/// The receive window of an end, in octets.
const WINDOW: i32 = 1000;

/// A segment. Numbers are those on the wire.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Segment {
    /// The end that sent it, 0 or 1.
    pub from: usize,
    /// SYN.
    pub syn: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// The acknowledgment number, if ACK is set.
    pub ack: Option<u32>,
    /// The sequence number.
    pub seq: u32,
    /// Octets of payload.
    pub payload: u32,
}

impl Segment {
    /// The sequence number after it.
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(self.payload + u32::from(self.syn) + u32::from(self.fin))
    }

    /// Whether it acknowledges everything before `number`.
    pub fn acks(&self, number: u32) -> bool {
        self.ack.is_some_and(|ack| at_least(ack, number))
    }
}

/// Whether sequence number `a` is `b` or comes after it.
pub fn at_least(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) as i32 >= 0
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub struct Tcp {
    side: usize,
    /// Its state.
    pub state: State,
    /// It was opened passively.
    passive: bool,
    /// The initial send sequence number, ISS.
    iss: u32,
    /// SND.UNA, SND.NXT and RCV.NXT.
    una: u32,
    nxt: u32,
    rcv: u32,
    /// The number of its FIN, once sent.
    fin: Option<u32>,
}

impl Tcp {
    /// End `side` in the state CLOSED or LISTEN, with its initial sequence number.
    pub fn new(side: usize, state: State, iss: u32) -> Self {
        let passive = state == State::Listen;
        Self { side, state, passive, iss, una: iss, nxt: iss, rcv: 0, fin: None }
    }

    /// End `side` of a connection that is open: the next numbers that it sends and expects.
    pub fn established(side: usize, nxt: u32, rcv: u32) -> Self {
        let passive = side == 1;
        // Everything sent so far is acknowledged.
        let iss = nxt.wrapping_sub(1);
        Self { side, state: State::Established, passive, iss, una: nxt, nxt, rcv, fin: None }
    }

    fn bare(&self) -> Segment {
        Segment { from: self.side, ack: Some(self.rcv), seq: self.nxt, ..Segment::default() }
    }

    fn reset(&self, seq: u32, ack: Option<u32>) -> Segment {
        Segment { from: self.side, rst: true, seq, ack, ..Segment::default() }
    }

    /// All sent and unacknowledged octets as one segment, for retransmission.
    pub fn again(&self) -> Option<Segment> {
        if self.una == self.nxt || matches!(self.state, State::Closed | State::Listen) {
            return None;
        }
        if self.una == self.iss {
            let ack = (self.state != State::SynSent).then_some(self.rcv);
            // A FIN behind the SYN follows once that is acknowledged.
            return Some(Segment { syn: true, seq: self.iss, ack, payload: 0, ..self.bare() });
        }
        let fin = self.fin.is_some();
        let payload = self.nxt.wrapping_sub(self.una) - u32::from(fin);
        Some(Segment { fin, seq: self.una, payload, ..self.bare() })
    }

    /// OPEN, actively (RFC 9293 §3.10.1).
    pub fn open(&mut self) -> Option<Segment> {
        if self.state != State::Closed {
            return None;
        }
        (self.state, self.passive) = (State::SynSent, false);
        self.nxt = self.iss.wrapping_add(1);
        Some(Segment { syn: true, ack: None, seq: self.iss, ..self.bare() })
    }

    /// SEND (RFC 9293 §3.10.2).
    pub fn send(&mut self, payload: u32) -> Option<Segment> {
        if !matches!(self.state, State::Established | State::CloseWait) {
            return None;
        }
        let segment = Segment { payload, ..self.bare() };
        self.nxt = segment.end();
        Some(segment)
    }

    /// CLOSE (RFC 9293 §3.10.4).
    pub fn close(&mut self) -> Option<Segment> {
        self.state = match self.state {
            State::SynReceived | State::Established => State::FinWait1,
            State::CloseWait => State::LastAck,
            _ => return None,
        };
        let segment = Segment { fin: true, ..self.bare() };
        self.fin = Some(self.nxt);
        self.nxt = segment.end();
        Some(segment)
    }

    /// ABORT (RFC 9293 §3.10.5).
    pub fn abort(&mut self) -> Option<Segment> {
        let segment = match self.state {
            State::Closed | State::Listen | State::SynSent => return None,
            _ => self.reset(self.nxt, Some(self.rcv)),
        };
        self.state = State::Closed;
        Some(segment)
    }

    /// A segment arrives; the answer. With `synack_again`, a SYN in SYN-RECEIVED brings the SYN/ACK
    /// again, as in real stacks, and not the bare ACK of RFC 9293; in a simultaneous open it always
    /// does.
    pub fn receive(&mut self, segment: &Segment, synack_again: bool) -> Option<Segment> {
        match self.state {
            State::Closed => self.in_closed(segment),
            State::Listen => self.in_listen(segment),
            State::SynSent => self.in_syn_sent(segment),
            _ => self.in_other_states(segment, synack_again),
        }
    }

    /// SEGMENT ARRIVES in CLOSED (RFC 9293 §3.10.7.1).
    fn in_closed(&self, segment: &Segment) -> Option<Segment> {
        match (segment.rst, segment.ack) {
            (true, _) => None,
            (false, Some(ack)) => Some(self.reset(ack, None)),
            (false, None) => Some(self.reset(0, Some(segment.end()))),
        }
    }

    /// SEGMENT ARRIVES in LISTEN (RFC 9293 §3.10.7.2).
    fn in_listen(&mut self, segment: &Segment) -> Option<Segment> {
        match segment.ack {
            _ if segment.rst => None,
            Some(ack) => Some(self.reset(ack, None)),
            None if segment.syn => {
                self.rcv = segment.seq.wrapping_add(1);
                self.nxt = self.iss.wrapping_add(1);
                self.state = State::SynReceived;
                self.again()
            }
            None => None,
        }
    }

    /// SEGMENT ARRIVES in SYN-SENT (RFC 9293 §3.10.7.3).
    fn in_syn_sent(&mut self, segment: &Segment) -> Option<Segment> {
        let acceptable = segment.ack == Some(self.nxt);
        if segment.ack.is_some() && !acceptable {
            return segment.ack.filter(|_| !segment.rst).map(|ack| self.reset(ack, None));
        }
        if segment.rst {
            if acceptable {
                self.state = State::Closed;
            }
            return None;
        }
        if !segment.syn {
            return None;
        }
        self.rcv = segment.seq.wrapping_add(1);
        if acceptable {
            self.una = self.nxt;
            self.state = State::Established;
            Some(self.bare())
        } else {
            self.state = State::SynReceived;
            self.again()
        }
    }

    /// SEGMENT ARRIVES in the other states (RFC 9293 §3.10.7.4).
    fn in_other_states(&mut self, segment: &Segment, synack_again: bool) -> Option<Segment> {
        let from = segment.seq.wrapping_sub(self.rcv) as i32;
        let to = segment.end().wrapping_sub(self.rcv) as i32;
        let acceptable = if from == to {
            (0..WINDOW).contains(&from)
        } else {
            (0..WINDOW).contains(&from) || (1..=WINDOW).contains(&to)
        };
        // Figure 7 of RFC 9293: the SYN/ACK of a simultaneous open is accepted, though its number was taken.
        let crossing = segment.syn && segment.ack == Some(self.nxt);
        if self.state == State::SynReceived && crossing && from == -1 {
            self.una = self.nxt;
            self.state = State::Established;
            return Some(self.bare());
        }
        if !acceptable {
            let again = segment.syn && segment.ack.is_none() && self.state == State::SynReceived;
            return match segment.rst {
                true => None,
                false if again && (synack_again || !self.passive) => self.again(),
                false => Some(self.bare()),
            };
        }
        if segment.rst {
            if from != 0 {
                return Some(self.bare());
            }
            let back = self.state == State::SynReceived && self.passive;
            self.state = if back { State::Listen } else { State::Closed };
            (self.una, self.nxt, self.fin) = (self.iss, self.iss, None);
            return None;
        }
        if segment.syn {
            return Some(self.bare());
        }
        let ack = segment.ack?;
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
        self.take(segment, from)
    }

    /// Payload and FIN; a segment that is not the next in order is acknowledged and dropped.
    fn take(&mut self, segment: &Segment, from: i32) -> Option<Segment> {
        if segment.payload == 0 && !segment.fin {
            return None;
        }
        let takes = matches!(self.state, State::Established | State::FinWait1 | State::FinWait2);
        if from > 0 || !takes {
            return Some(self.bare());
        }
        self.rcv = segment.end();
        if segment.fin {
            self.state = match self.state {
                State::Established => State::CloseWait,
                State::FinWait1 => State::Closing,
                _ => State::TimeWait,
            };
        }
        Some(self.bare())
    }
}
