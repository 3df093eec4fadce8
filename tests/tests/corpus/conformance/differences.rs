//! Which rule of `docs/DIFFERENCES.md` explains which difference from Zeek's answers.

/// A pair for which ours and Zeek's row differ, and the rule that explains it.
pub struct Listed {
    pub rule: &'static str,
    pub capture: &'static str,
    /// Zeek's originator and responder.
    pub pair: &'static str,
}

const fn listed(rule: &'static str, capture: &'static str, pair: &'static str) -> Listed {
    Listed { rule, capture, pair }
}

pub const ZEEK: &[Listed] = &[
    listed("Z1", "tcpdump/mptcp-dss-oobr.pcap", "127.0.0.1 57370 127.0.0.1 23"),
    listed("Z2", "zeek/modbus__fuzz-72.pcap", "192.168.66.235 2582 166.161.16.230 502"),
    listed("Z3", "tcpdump/timestamp_invalid_micro.pcap", "131.155.215.69 46656 137.116.81.94 80"),
];

/// Rules that need no list: the test knows them when it sees them.
const BY_NATURE: &[&str] =
    &["Z4", "Z5", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12", "T13"];

/// Captures with fractions of a second that are more than one.
pub const STRANGE_CLOCKS: &[&str] = &["tcpdump/timestamp_invalid_nano.pcap"];

/// Every rule that the tests lean on.
pub fn rules() -> impl Iterator<Item = &'static str> {
    ZEEK.iter().map(|listed| listed.rule).chain(BY_NATURE.iter().copied())
}
