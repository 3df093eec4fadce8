//! Later frames that prove or refute the states assumed in earlier ones.
//!
//! Collected on later passes only, when details are shown. Each record is read once, in the order of
//! the capture; a state that lasts long costs no more than any other.

use std::collections::BTreeMap;

use dissector_core::connection::{Annotation, Side, State, States};

use crate::show::text::Evidence;

/// The evidence for assumed states in the records so far.
#[derive(Default)]
pub struct Proofs {
    /// Number of records that were read.
    read: usize,
    /// For each connection, the state that each side is assumed to be in, and the place of the
    /// first record with that state.
    open: Vec<[Option<(State, u32)>; 2]>,
    /// For each side and place of a deciding record, the place of the first record with the assumed
    /// state, and the evidence.
    settled: BTreeMap<(u64, u32), (u32, Evidence)>,
}

impl Proofs {
    /// Reads the records since the last call. `records` returns those from a place on, each with its
    /// frame and place; there are `count` in all.
    pub fn update<I>(&mut self, count: usize, records: impl FnOnce(usize) -> I)
    where
        I: Iterator<Item = (u32, u32, Annotation)>,
    {
        if count < self.read {
            // The places of frames that a read filter rejected are used again.
            *self = Self::default();
        }
        if count == self.read {
            return;
        }
        for (frame, place, annotation) in records(self.read) {
            let index = annotation.connection as usize;
            if index >= self.open.len() {
                self.open.resize(index + 1, [None; 2]);
            }
            self.follow(Side::Client, &annotation.client, annotation.connection, frame, place);
            self.follow(Side::Server, &annotation.server, annotation.connection, frame, place);
        }
        self.read = count;
    }

    fn follow(&mut self, side: Side, states: &States, connection: u32, frame: u32, place: u32) {
        let open = &mut self.open[connection as usize][side as usize];
        let after = states.after();
        let assumed = !states.proven() && after != State::Unknown;
        match *open {
            Some((state, _)) if assumed && state == after => return,
            Some((state, since)) => {
                let evidence = if state == after {
                    Some(Evidence::Proof(frame))
                } else {
                    goes_back(state, after).then_some(Evidence::Refutation(frame))
                };
                if let Some(evidence) = evidence {
                    self.settled.insert((key(connection, side), place), (since, evidence));
                }
            }
            None => {}
        }
        *open = assumed.then_some((after, place));
    }

    /// The evidence for the state that a side was assumed to be in at `place`.
    pub fn of(&self, connection: u32, side: Side, place: u32) -> Option<Evidence> {
        let key = key(connection, side);
        let mut after = self.settled.range((key, place.checked_add(1)?)..=(key, u32::MAX));
        let (_, &(since, evidence)) = after.next()?;
        (since <= place).then_some(evidence)
    }
}

fn key(connection: u32, side: Side) -> u64 {
    u64::from(connection) << 1 | side as u64
}

/// Whether a side in state `then` cannot have been in state `assumed` before, because no segment
/// leads from one to the other.
fn goes_back(assumed: State, then: State) -> bool {
    let order = |state| match state {
        State::SynSent => 1,
        State::SynReceived => 2,
        State::Established => 3,
        State::FinWait1 | State::CloseWait => 4,
        State::FinWait2 | State::Closing | State::LastAck => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::Unknown | State::Listen => 0,
        _ => 0,
    };
    // A reset returns a server to LISTEN, and nothing leads to UNKNOWN.
    order(then) > 0 && order(assumed) > order(then)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::session::tests::{handshake, octets, segment};

    fn evidence(session: &mut Session, frame: u32) -> [Option<Evidence>; 2] {
        session.update_proofs();
        session.segment(frame, 0).unwrap().evidence
    }

    #[test]
    fn an_assumed_state_becomes_certain() {
        let mut session = Session::default();
        handshake(&mut session);
        assert_eq!(evidence(&mut session, 1), [None, Some(Evidence::Proof(2))]);
        assert_eq!(evidence(&mut session, 2), [Some(Evidence::Proof(3)), None]);
        // The server's states are not proven by anything that follows.
        assert_eq!(evidence(&mut session, 3), [None, None]);
        assert_eq!(evidence(&mut session, 4), [None, None]);
    }

    #[test]
    fn later_segments_are_read_later() {
        let mut session = Session::default();
        handshake(&mut session);
        assert_eq!(evidence(&mut session, 4), [None, None]);
        // The server acknowledges the FIN.
        let octets = octets(0x10, true, 701, 102);
        let mut ack = segment(&octets);
        std::mem::swap(&mut ack.packet.source, &mut ack.packet.destination);
        session.learn(5, &ack);
        session.end_frame(5, None);
        assert_eq!(evidence(&mut session, 4), [None, Some(Evidence::Proof(5))]);
    }

    #[test]
    fn an_assumed_state_is_refuted() {
        let mut session = Session::default();
        let syn = octets(0x02, false, 100, 0);
        let syn_ack = octets(0x12, true, 700, 101);
        for (frame, octets) in [(1, &syn), (2, &syn_ack), (3, &syn)] {
            let mut segment = segment(octets);
            if segment.tcp.source_port == 80 {
                std::mem::swap(&mut segment.packet.source, &mut segment.packet.destination);
            }
            segment.packet.time_ns = i64::from(frame) * 1_000_000_000;
            session.learn(frame, &segment);
            session.end_frame(frame, None);
        }
        assert_eq!(evidence(&mut session, 2), [Some(Evidence::Refutation(3)), None]);
    }

    #[test]
    fn nothing_goes_back_to_where_it_leads() {
        assert!(goes_back(State::FinWait2, State::FinWait1));
        assert!(goes_back(State::Closed, State::LastAck));
        assert!(!goes_back(State::SynReceived, State::Listen));
        assert!(!goes_back(State::Established, State::Closed));
        assert!(!goes_back(State::CloseWait, State::LastAck));
    }
}
