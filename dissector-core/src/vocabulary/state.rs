//! The states of RFC 9293, and what other tools call them.

use crate::vocabulary::enumeration::enumeration;

enumeration! {
    /// State of one endpoint (RFC 9293 §3.3.2); numbers as in TCP-MIB (RFC 4022), 0 is ours.
    State as "state" {
        /// The capture began too late to tell.
        Unknown = 0, UNKNOWN, "UNKNOWN";
        /// No connection.
        Closed = 1, CLOSED, "CLOSED";
        /// Waiting for a connection request.
        Listen = 2, LISTEN, "LISTEN";
        /// SYN sent, waiting for the peer's.
        SynSent = 3, SYN_SENT, "SYN-SENT";
        /// Both SYNs exchanged, waiting for the acknowledgment of the own one.
        SynReceived = 4, SYN_RECEIVED, "SYN-RECEIVED";
        /// Open: data can flow both ways.
        Established = 5, ESTABLISHED, "ESTABLISHED";
        /// Closed here first, FIN not acknowledged yet.
        FinWait1 = 6, FIN_WAIT_1, "FIN-WAIT-1";
        /// Own FIN acknowledged, waiting for the peer's.
        FinWait2 = 7, FIN_WAIT_2, "FIN-WAIT-2";
        /// The peer has closed, this end has not.
        CloseWait = 8, CLOSE_WAIT, "CLOSE-WAIT";
        /// Closed after the peer, FIN not acknowledged yet.
        LastAck = 9, LAST_ACK, "LAST-ACK";
        /// Both closed at once, own FIN not acknowledged yet.
        Closing = 10, CLOSING, "CLOSING";
        /// Both FINs exchanged; waits so that late segments die out.
        TimeWait = 11, TIME_WAIT, "TIME-WAIT";
    }
}

enumeration! {
    /// Whose names the states are shown by.
    StateNames as "state_names" {
        /// Those of RFC 9293.
        Rfc9293 = 0, RFC9293, "rfc9293";
        /// Those of `netstat`, which conntrack shares.
        Netstat = 1, NETSTAT, "netstat";
        /// Those of `ss`.
        Ss = 2, SS, "ss";
    }
}

struct Names {
    state: State,
    netstat: &'static str,
    ss: &'static str,
    /// Of Windows, and spellings that are in use elsewhere.
    others: &'static [&'static str],
}

const fn row(
    state: State,
    netstat: &'static str,
    ss: &'static str,
    others: &'static [&'static str],
) -> Names {
    Names { state, netstat, ss, others }
}

/// In the order of their numbers.
const NAMES: [Names; State::ALL.len()] = [
    row(State::Unknown, "UNKNOWN", "UNKNOWN", &[]),
    row(State::Closed, "CLOSE", "UNCONN", &[]),
    row(State::Listen, "LISTEN", "LISTEN", &["LISTENING"]),
    row(State::SynSent, "SYN_SENT", "SYN-SENT", &[]),
    row(State::SynReceived, "SYN_RECV", "SYN-RECV", &["SYN_RECEIVED"]),
    row(State::Established, "ESTABLISHED", "ESTAB", &[]),
    row(State::FinWait1, "FIN_WAIT1", "FIN-WAIT-1", &["FIN_WAIT_1"]),
    row(State::FinWait2, "FIN_WAIT2", "FIN-WAIT-2", &["FIN_WAIT_2"]),
    row(State::CloseWait, "CLOSE_WAIT", "CLOSE-WAIT", &[]),
    row(State::LastAck, "LAST_ACK", "LAST-ACK", &[]),
    row(State::Closing, "CLOSING", "CLOSING", &[]),
    row(State::TimeWait, "TIME_WAIT", "TIME-WAIT", &[]),
];

impl State {
    /// The state as `names` has it.
    ///
    /// ```
    /// use dissector_core::connection::{State, StateNames};
    ///
    /// assert_eq!(State::SynReceived.name_in(StateNames::Netstat), "SYN_RECV");
    /// assert_eq!(State::Established.name_in(StateNames::Ss), "ESTAB");
    /// ```
    pub const fn name_in(self, names: StateNames) -> &'static str {
        let row = &NAMES[self as usize];
        match names {
            StateNames::Rfc9293 => self.label(),
            StateNames::Netstat => row.netstat,
            StateNames::Ss => row.ss,
        }
    }

    /// Every further name of the state, each once. No name belongs to two states: `CLOSE` is
    /// CLOSED, not CLOSE-WAIT.
    pub fn aliases(self) -> impl Iterator<Item = &'static str> {
        let Names { state, netstat, ss, others } = NAMES[self as usize];
        let label = state.label();
        let netstat = (netstat != label).then_some(netstat);
        let ss = (ss != label && Some(ss) != netstat).then_some(ss);
        netstat.into_iter().chain(ss).chain(others.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn rows_stand_at_their_numbers() {
        for state in State::ALL {
            assert_eq!(NAMES[*state as usize].state, *state);
        }
    }

    #[test]
    fn no_name_belongs_to_two_states() {
        let mut names = HashSet::new();
        for state in State::ALL {
            for name in [state.label()].into_iter().chain(state.aliases()) {
                assert!(names.insert(name), "{name}");
            }
        }
        assert!(names.contains("ESTAB") && names.contains("LISTENING"));
    }
}
