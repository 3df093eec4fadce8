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
        /// Both SYNs exchanged, its own not acknowledged yet.
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
    /// The convention for the names of states.
    StateNames as "state_names" {
        /// RFC 9293.
        Rfc9293 = 0, RFC9293, "rfc9293";
        /// `netstat`, also conntrack.
        Netstat = 1, NETSTAT, "netstat";
        /// `ss`.
        Ss = 2, SS, "ss";
    }
}

impl State {
    /// The names in `netstat` and `ss`; then those of Windows and spellings in use elsewhere.
    #[rustfmt::skip]
    const fn other_names(self) -> (&'static str, &'static str, &'static [&'static str]) {
        match self {
            Self::Unknown     => ("UNKNOWN",     "UNKNOWN",    &[]),
            Self::Closed      => ("CLOSE",       "UNCONN",     &[]),
            Self::Listen      => ("LISTEN",      "LISTEN",     &["LISTENING"]),
            Self::SynSent     => ("SYN_SENT",    "SYN-SENT",   &[]),
            Self::SynReceived => ("SYN_RECV",    "SYN-RECV",   &["SYN_RECEIVED"]),
            Self::Established => ("ESTABLISHED", "ESTAB",      &[]),
            Self::FinWait1    => ("FIN_WAIT1",   "FIN-WAIT-1", &["FIN_WAIT_1"]),
            Self::FinWait2    => ("FIN_WAIT2",   "FIN-WAIT-2", &["FIN_WAIT_2"]),
            Self::CloseWait   => ("CLOSE_WAIT",  "CLOSE-WAIT", &[]),
            Self::LastAck     => ("LAST_ACK",    "LAST-ACK",   &[]),
            Self::Closing     => ("CLOSING",     "CLOSING",    &[]),
            Self::TimeWait    => ("TIME_WAIT",   "TIME-WAIT",  &[]),
        }
    }

    /// The state's name in the convention `names`.
    ///
    /// ```
    /// use dissector_core::connection::{State, StateNames};
    ///
    /// assert_eq!(State::SynReceived.name_in(StateNames::Netstat), "SYN_RECV");
    /// assert_eq!(State::Established.name_in(StateNames::Ss), "ESTAB");
    /// ```
    pub const fn name_in(self, names: StateNames) -> &'static str {
        let (netstat, ss, _) = self.other_names();
        match names {
            StateNames::Rfc9293 => self.label(),
            StateNames::Netstat => netstat,
            StateNames::Ss => ss,
        }
    }

    /// Every further name of the state, each once. No name belongs to two states: `CLOSE` is
    /// CLOSED, not CLOSE-WAIT.
    pub fn aliases(self) -> impl Iterator<Item = &'static str> {
        let (label, (netstat, ss, others)) = (self.label(), self.other_names());
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
