//! The states that RFC 9293 allows each end of an exchange, as far as the segments captured at one
//! point of the path tell.
//!
//! Each captured segment may have arrived at its receiver or not, in any order. So an end may be in
//! many conditions; each segment that it sends rules out the conditions in which it would not have
//! sent it. The remaining conditions are all that a capture can show.

use std::collections::BTreeSet;

use dissector_core::connection::State;

use testkit::simulator::{Segment, at_least};

/// The segments that an end may have received by now.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
struct Condition {
    /// The peer's SYN.
    syn: bool,
    /// The acknowledgment of its own SYN.
    syn_acked: bool,
    /// The peer's FIN.
    fin: bool,
    /// The peer's FIN had arrived when it sent its own.
    fin_first: bool,
    /// The acknowledgment of its own FIN.
    fin_acked: bool,
    over: Over,
}

/// Whether an RST has ended the connection.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
enum Over {
    #[default]
    No,
    /// It sent an RST.
    Resets,
    /// It accepted an RST.
    Reset,
}

/// One end, as far as the capture shows it.
#[derive(Clone, Debug)]
struct End {
    opens: bool,
    iss: Option<u32>,
    nxt: u32,
    /// The number after its FIN.
    fin_end: Option<u32>,
    may_be: BTreeSet<Condition>,
    /// A segment that it sent was lost in front of the capture point, or it has sent an RST and the
    /// peer goes on.
    unknown: bool,
}

/// The numbers of the states that an end may be in; `None` where this model has no opinion: a
/// segment was lost in front of the capture point, or no end that follows the RFC would have sent
/// it.
pub type Opinion = Option<BTreeSet<u8>>;

pub struct Observer {
    ends: [End; 2],
    passed: Vec<Segment>,
    /// A segment passed that an end would have sent in no condition.
    lost: bool,
}

impl Observer {
    /// Before anything has passed; `client` sends the first SYN.
    pub fn new(client: usize) -> Self {
        let end = |side| End {
            opens: side == client,
            iss: None,
            nxt: 0,
            fin_end: None,
            may_be: BTreeSet::from([Condition::default()]),
            unknown: false,
        };
        Self { ends: [end(0), end(1)], passed: Vec::new(), lost: false }
    }

    /// Takes in a segment that passes the capture point. Returns the states of its sender once it
    /// was sent, and the states of both ends now, with or without the segments under way to them.
    pub fn pass(&mut self, segment: &Segment) -> (Opinion, [Opinion; 2]) {
        let from = segment.from;
        // An endpoint goes on after an RST: the RST was lost, or forged.
        let reset = self.passed.iter().any(|it| it.rst && it.from != from);
        self.ends[1 - from].unknown |= reset && !segment.rst;
        self.deliver(from);
        self.rule_out(segment);
        self.send(segment);
        self.lost |= self.ends[from].may_be.is_empty();
        let sent = self.opinion(from);
        self.passed.push(*segment);
        self.deliver(from);
        self.deliver(1 - from);
        (sent, [0, 1].map(|side| self.opinion(side)))
    }

    /// Both ends have opened.
    fn crossing(&self) -> bool {
        let bare = |side| {
            let mut syns =
                self.passed.iter().filter(move |segment| segment.from == side && segment.syn);
            syns.any(|segment| segment.ack.is_none())
        };
        bare(0) && bare(1)
    }

    fn opinion(&self, side: usize) -> Opinion {
        let end = &self.ends[side];
        if self.lost || end.unknown {
            return None;
        }
        Some(end.may_be.iter().flat_map(|it| end.states(it)).map(State::number).collect())
    }

    /// Anything that has passed towards `side` may have arrived by now.
    fn deliver(&mut self, side: usize) {
        let sent: Vec<_> = self.passed.iter().filter(|segment| segment.from != side).collect();
        let peer_fin = self.ends[1 - side].fin_end;
        let end = &mut self.ends[side];
        loop {
            let before = end.may_be.len();
            for condition in end.may_be.clone() {
                for segment in &sent {
                    let after = end.receive(condition, segment, peer_fin);
                    end.may_be.extend(after);
                }
            }
            if end.may_be.len() == before {
                return;
            }
        }
    }

    /// Removes the conditions in which the sender would not have sent this segment.
    fn rule_out(&mut self, segment: &Segment) {
        let crossing = self.crossing();
        let peer = &self.ends[1 - segment.from];
        let (peer_iss, peer_fin) = (peer.iss, peer.fin_end);
        let end = &mut self.ends[segment.from];
        let fin_again = segment.fin && end.fin_end.is_some();
        let (iss, sent_fin) = (end.iss, end.fin_end.is_some());
        end.may_be.retain(|it| {
            if segment.rst {
                return true;
            }
            if it.over != Over::No {
                return false;
            }
            if segment.syn {
                // A SYN is sent in SYN-SENT, a SYN/ACK in SYN-RECEIVED.
                return it.syn == segment.ack.is_some() && !it.syn_acked;
            }
            let Some(iss) = iss else { return false };
            // An endpoint that acknowledges a SYN or a FIN has received it; one that does not, has not.
            let has_fin = peer_fin.is_some_and(|fin| segment.acks(fin));
            // Payload is sent and taken once the own SYN is acknowledged.
            let sent = segment.payload > 0
                || !sent_fin && !segment.fin && segment.seq != iss.wrapping_add(1);
            let taken = peer_iss.is_some_and(|iss| !has_fin && segment.acks(iss.wrapping_add(2)));
            // In a simultaneous open, an end in SYN-RECEIVED repeats its SYN/ACK, and sends nothing else.
            let opens = sent || taken || crossing;
            it.syn && it.fin == has_fin && (it.syn_acked || !opens) && !(fin_again && it.fin_acked)
        });
    }

    /// The effect of a segment on its sender.
    fn send(&mut self, segment: &Segment) {
        let end = &mut self.ends[segment.from];
        if segment.rst {
            // An endpoint that answers for a connection it does not have, or drops it, has none now. But with a
            // number from elsewhere, it need not be the sender's.
            end.unknown |= end.iss.is_some() && segment.seq != end.nxt;
            end.may_be =
                end.may_be.iter().map(|it| Condition { over: Over::Resets, ..*it }).collect();
            return;
        }
        if segment.syn && end.iss.is_none() {
            (end.iss, end.nxt) = (Some(segment.seq), segment.seq);
        }
        if !at_least(end.nxt, segment.seq) {
            end.unknown = true;
        }
        if at_least(segment.end(), end.nxt) {
            end.nxt = segment.end();
        }
        if segment.fin && end.fin_end.is_none() {
            end.fin_end = Some(segment.end());
            end.may_be =
                end.may_be.iter().map(|it| Condition { fin_first: it.fin, ..*it }).collect();
        }
    }
}

impl End {
    /// The conditions after `segment` has arrived, in addition to `before`; none if the end drops
    /// it.
    fn receive(
        &self,
        before: Condition,
        segment: &Segment,
        peer_fin: Option<u32>,
    ) -> Vec<Condition> {
        let mut it = before;
        if it.over != Over::No {
            return vec![];
        }
        let acks_syn = self.iss.is_some_and(|iss| segment.acks(iss.wrapping_add(1)));
        if segment.rst {
            // In SYN-SENT an RST has to acknowledge the SYN; in LISTEN it is ignored.
            let believed = if it.syn { true } else { self.iss.is_some() && acks_syn };
            return if believed { vec![Condition { over: Over::Reset, ..it }] } else { vec![] };
        }
        if self.iss.is_none() {
            // LISTEN, or not open: a SYN without ACK opens.
            it.syn |= segment.syn && segment.ack.is_none() && !self.opens;
            return vec![it];
        }
        if !it.syn {
            if !segment.syn || segment.ack.is_some() && !acks_syn {
                return vec![];
            }
            (it.syn, it.syn_acked) = (true, acks_syn);
            return vec![it];
        }
        if segment.syn {
            // A repeated SYN or the SYN/ACK of a simultaneous open: only its ACK is new.
            it.syn_acked |= acks_syn;
            return vec![it];
        }
        it.syn_acked |= acks_syn;
        it.fin_acked |= self.fin_end.is_some_and(|fin| segment.acks(fin));
        let mut all = vec![it];
        if peer_fin.is_some_and(|fin| at_least(segment.end(), fin)) && segment.fin && it.syn_acked {
            all.push(Condition { fin: true, ..it });
        }
        all
    }

    /// The states of a condition (RFC 9293 §3.3.2).
    fn states(&self, it: &Condition) -> Vec<State> {
        let one = |state| vec![state];
        // A passive open returns to LISTEN if it is reset in SYN-RECEIVED.
        let back = !self.opens && !it.syn_acked && self.fin_end.is_none();
        match it.over {
            Over::No => {}
            Over::Reset if back => return one(State::Listen),
            Over::Reset | Over::Resets => return one(State::Closed),
        }
        match (self.iss.is_some(), it.syn, it.syn_acked) {
            (false, false, _) if self.opens => return one(State::Closed),
            (false, false, _) => return one(State::Listen),
            (false, true, _) => return one(State::SynReceived),
            (true, false, _) => return one(State::SynSent),
            (true, true, false) if self.fin_end.is_none() => return one(State::SynReceived),
            _ => {}
        }
        one(match (self.fin_end.is_some(), it.fin, it.fin_acked) {
            (false, false, _) => State::Established,
            (false, true, _) => State::CloseWait,
            (true, false, false) => State::FinWait1,
            (true, false, true) => State::FinWait2,
            (true, true, false) if it.fin_first => State::LastAck,
            (true, true, true) if it.fin_first => State::Closed,
            (true, true, false) => State::Closing,
            (true, true, true) => State::TimeWait,
        })
    }
}
