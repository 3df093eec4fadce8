//! Counts and times over many connections.

use std::time::Duration;

use crate::connection::{FailureColumn, Outcome, OutcomeClass, Verdict};

/// Counts and times over many connections, of one server for instance.
///
/// ```
/// use dissector_core::{ConnectionTable, PacketInfo, Segment, ServerTally};
///
/// // A SYN from port 1024 to port 80, sent twice.
/// let syn = [4, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0];
/// let mut table = ConnectionTable::new();
/// for time_ns in [0, 1_000_000_000] {
///     let packet = PacketInfo::new([10, 0, 0, 1], [10, 0, 0, 2], time_ns);
///     table.observe(&Segment::parse(packet, &syn)?);
/// }
/// let mut tally = ServerTally::default();
/// table.connections().for_each(|connection| tally.add(&table.verdict(connection)));
/// assert_eq!((tally.attempts(), tally.complete_percent()), (1, Some(0.0)));
/// assert_eq!((tally.syn_retries_per_attempt(), tally.rtt_mean()), (Some(1.0), None));
/// # Ok::<(), dissector_core::wire::HeaderError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ServerTally {
    outcomes: [u32; Outcome::ALL.len()],
    syn_retries: u64,
    rtts: u64,
    rtt_sum_ns: u128,
    rtt_min_ns: Option<u64>,
    rtt_max_ns: Option<u64>,
    slowest_setup_ns: Option<u64>,
}

impl ServerTally {
    /// Counts one connection.
    pub fn add(&mut self, verdict: &Verdict) {
        let count = &mut self.outcomes[usize::from(verdict.outcome.number())];
        *count = count.saturating_add(1);
        self.syn_retries += u64::from(verdict.syn_count.saturating_sub(1));
        if let Some(rtt_ns) = verdict.times.rtt_server_ns {
            self.rtts += 1;
            self.rtt_sum_ns += u128::from(rtt_ns);
            self.rtt_min_ns = Some(self.rtt_min_ns.map_or(rtt_ns, |min| min.min(rtt_ns)));
            self.rtt_max_ns = self.rtt_max_ns.max(Some(rtt_ns));
        }
        self.slowest_setup_ns = self.slowest_setup_ns.max(verdict.times.setup_time_ns);
    }

    /// How many connections had this outcome.
    pub fn count(&self, outcome: Outcome) -> u32 {
        self.outcomes[usize::from(outcome.number())]
    }

    /// How many connections were attempted during the capture: all but
    /// [`Midstream`](Outcome::Midstream) and [`UnsolicitedSynAck`](Outcome::UnsolicitedSynAck).
    pub fn attempts(&self) -> u32 {
        self.sum(|class| class != OutcomeClass::NoAttempt)
    }

    /// How many attempts completed the handshake.
    pub fn complete(&self) -> u32 {
        self.sum(|class| class == OutcomeClass::Open)
    }

    /// How many did not come up, in the order of [`FailureColumn::ALL`].
    pub fn failures(&self) -> [u32; FailureColumn::ALL.len()] {
        std::array::from_fn(|column| {
            self.sum(|class| class == OutcomeClass::Failed(FailureColumn::ALL[column]))
        })
    }

    /// The share of attempts that completed the handshake, in per cent; `None` without an attempt.
    pub fn complete_percent(&self) -> Option<f64> {
        self.per_attempt(f64::from(self.complete()) * 100.0)
    }

    /// SYN retransmissions per attempt; `None` without an attempt.
    pub fn syn_retries_per_attempt(&self) -> Option<f64> {
        self.per_attempt(self.syn_retries as f64)
    }

    /// Shortest round trip to the server, in nanoseconds; `None` if none was measured.
    pub fn rtt_min_ns(&self) -> Option<u64> {
        self.rtt_min_ns
    }

    /// Mean round trip to the server, in nanoseconds; `None` if none was measured.
    pub fn rtt_mean_ns(&self) -> Option<u64> {
        let mean = self.rtt_sum_ns.checked_div(u128::from(self.rtts))?;
        u64::try_from(mean).ok()
    }

    /// Longest round trip to the server, in nanoseconds; `None` if none was measured.
    pub fn rtt_max_ns(&self) -> Option<u64> {
        self.rtt_max_ns
    }

    /// Longest time from the first SYN to the final ACK, in nanoseconds; `None` if no handshake was
    /// complete.
    pub fn slowest_setup_ns(&self) -> Option<u64> {
        self.slowest_setup_ns
    }

    /// [`rtt_min_ns`](Self::rtt_min_ns) as a duration.
    pub fn rtt_min(&self) -> Option<Duration> {
        self.rtt_min_ns.map(Duration::from_nanos)
    }

    /// [`rtt_mean_ns`](Self::rtt_mean_ns) as a duration.
    pub fn rtt_mean(&self) -> Option<Duration> {
        self.rtt_mean_ns().map(Duration::from_nanos)
    }

    /// [`rtt_max_ns`](Self::rtt_max_ns) as a duration.
    pub fn rtt_max(&self) -> Option<Duration> {
        self.rtt_max_ns.map(Duration::from_nanos)
    }

    /// [`slowest_setup_ns`](Self::slowest_setup_ns) as a duration.
    pub fn slowest_setup(&self) -> Option<Duration> {
        self.slowest_setup_ns.map(Duration::from_nanos)
    }

    fn per_attempt(&self, value: f64) -> Option<f64> {
        let attempts = self.attempts();
        (attempts > 0).then(|| value / f64::from(attempts))
    }

    fn sum(&self, counts: impl Fn(OutcomeClass) -> bool) -> u32 {
        let outcomes = Outcome::ALL.iter().filter(|outcome| counts(outcome.class()));
        outcomes.fold(0, |sum, outcome| sum.saturating_add(self.count(*outcome)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConnectionTable, PacketInfo, Segment};

    /// A segment between 10.0.0.1 and 10.0.0.2; from the server if `back`.
    fn observe(table: &mut ConnectionTable, ms: i64, back: bool, port: u16, flags: u8) {
        let [client, server] = [[10, 0, 0, 1], [10, 0, 0, 2]];
        let mut octets = [0; 20];
        let ports = if back { [80, port] } else { [port, 80] };
        octets[..2].copy_from_slice(&ports[0].to_be_bytes());
        octets[2..4].copy_from_slice(&ports[1].to_be_bytes());
        // Both initial numbers are 0; after its SYN an end goes on at 1.
        octets[7] = u8::from(flags == 0x10);
        octets[11] = u8::from(flags & 0x10 != 0);
        (octets[12], octets[13]) = (0x50, flags);
        let packet = PacketInfo::new(
            if back { server } else { client },
            if back { client } else { server },
            ms * 1_000_000,
        )
        .with_frame(1)
        .with_ttl(64)
        .with_tcp_octets(20);
        table.observe(&Segment::parse(packet, &octets).unwrap());
    }

    #[test]
    fn counts_and_times_of_three_attempts() {
        let mut table = ConnectionTable::new();
        observe(&mut table, 0, false, 1000, 0x02);
        observe(&mut table, 20, true, 1000, 0x12);
        observe(&mut table, 21, false, 1000, 0x10);
        observe(&mut table, 100, false, 1001, 0x02);
        observe(&mut table, 110, true, 1001, 0x14);
        observe(&mut table, 200, false, 1002, 0x02);
        observe(&mut table, 1200, false, 1002, 0x02);
        observe(&mut table, 9000, true, 1003, 0x10);
        let mut tally = ServerTally::default();
        for connection in table.connections() {
            tally.add(&table.verdict(connection));
        }
        assert_eq!(tally.attempts(), 3);
        assert_eq!((tally.complete(), tally.count(Outcome::Refused)), (1, 1));
        assert_eq!(tally.count(Outcome::NoReply), 1);
        assert_eq!(tally.failures(), [1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(tally.complete_percent(), Some(100.0 / 3.0));
        assert_eq!(tally.syn_retries_per_attempt(), Some(1.0 / 3.0));
        assert_eq!(tally.rtt_min_ns(), Some(20_000_000));
        assert_eq!(tally.rtt_mean_ns(), tally.rtt_max_ns());
        assert_eq!(tally.slowest_setup_ns(), Some(21_000_000));
    }
}
