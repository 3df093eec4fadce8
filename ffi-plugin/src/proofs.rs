//! Which frame made a state certain that was assumed in an earlier one.
//!
//! Made on later passes only, when somebody looks at the details: each record is taken in once, in
//! the order of the capture. A state that is held for longest costs no more than any other.

use std::collections::BTreeMap;

use dissector_core::connection::{Annotation, State, States};

use crate::text::Later;

/// One of the ends of a connection, the client first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    Client = 0,
    Server = 1,
}

/// What became of the states that were assumed, as far as the records were taken in.
#[derive(Default)]
pub struct Proofs {
    /// How many records were taken in.
    taken: usize,
    /// By connection: the state that each end is assumed to be in, and since which record.
    open: Vec<[Option<(State, u32)>; 2]>,
    /// By end and by the place of the record that settled it: since which record the state was
    /// assumed, and what became of it.
    settled: BTreeMap<(u64, u32), (u32, Later)>,
}

impl Proofs {
    /// Takes in the records that came since the last call. `records` gives those from a place on,
    /// with their frames and places; there are `count` in all.
    pub fn take_in<I>(&mut self, count: usize, records: impl FnOnce(usize) -> I)
    where
        I: Iterator<Item = (u32, u32, Annotation)>,
    {
        if count < self.taken {
            // Frames that a read filter rejected gave their places back.
            *self = Self::default();
        }
        if count == self.taken {
            return;
        }
        for (frame, place, said) in records(self.taken) {
            let index = said.connection as usize;
            if index >= self.open.len() {
                self.open.resize(index + 1, [None; 2]);
            }
            self.follow(End::Client, &said.client, said.connection, frame, place);
            self.follow(End::Server, &said.server, said.connection, frame, place);
        }
        self.taken = count;
    }

    fn follow(&mut self, end: End, states: &States, connection: u32, frame: u32, place: u32) {
        let open = &mut self.open[connection as usize][end as usize];
        let after = states.after();
        let assumed = !states.proven() && after != State::Unknown;
        match *open {
            Some((state, _)) if assumed && state == after => return,
            Some((state, since)) => {
                let later = match () {
                    () if state == after => Some(Later::Certain(frame)),
                    () if goes_back(state, after) => Some(Later::Refuted(frame)),
                    () => None,
                };
                if let Some(later) = later {
                    self.settled.insert((key(connection, end), place), (since, later));
                }
            }
            None => {}
        }
        *open = assumed.then_some((after, place));
    }

    /// What became of the state that an end was assumed to be in at `place`.
    pub fn of(&self, connection: u32, end: End, place: u32) -> Option<Later> {
        let key = key(connection, end);
        let mut after = self.settled.range((key, place.checked_add(1)?)..=(key, u32::MAX));
        let (_, &(since, later)) = after.next()?;
        (since <= place).then_some(later)
    }
}

fn key(connection: u32, end: End) -> u64 {
    u64::from(connection) << 1 | end as u64
}

/// Whether an end that is in `then` cannot have been in `assumed` before: no segment leads from one
/// to the other.
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
    // A reset takes a server back to LISTEN, and nothing leads to UNKNOWN.
    order(then) > 0 && order(assumed) > order(then)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::session::tests::{handshake, octets, segment};

    fn later(session: &mut Session, frame: u32) -> [Option<Later>; 2] {
        session.take_in_proofs();
        session.segment(frame, 0).unwrap().later
    }

    #[test]
    fn an_assumed_state_becomes_certain() {
        let mut session = Session::default();
        handshake(&mut session);
        assert_eq!(later(&mut session, 1), [None, Some(Later::Certain(2))]);
        assert_eq!(later(&mut session, 2), [Some(Later::Certain(3)), None]);
        // The server's states are not proven by anything that follows.
        assert_eq!(later(&mut session, 3), [None, None]);
        assert_eq!(later(&mut session, 4), [None, None]);
    }

    #[test]
    fn what_comes_later_is_taken_in_later() {
        let mut session = Session::default();
        handshake(&mut session);
        assert_eq!(later(&mut session, 4), [None, None]);
        // The server acknowledges the FIN.
        let octets = octets(0x10, true, 701, 102);
        let mut ack = segment(&octets);
        std::mem::swap(&mut ack.packet.source, &mut ack.packet.destination);
        session.learn(5, &ack);
        session.end_frame(5);
        assert_eq!(later(&mut session, 4), [None, Some(Later::Certain(5))]);
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
            session.end_frame(frame);
        }
        assert_eq!(later(&mut session, 2), [Some(Later::Refuted(3)), None]);
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
