//! What the counters rose by between two outputs.

use std::collections::BTreeMap;

use super::parse::Counters;

/// Values that are no counters: they may fall.
const GAUGES: &[&str] = &[
    "IpDefaultTTL",
    "IpForwarding",
    "MPTcpExtMPCurrEstab",
    "TcpCurrEstab",
    "TcpMaxConn",
    "TcpRtoAlgorithm",
    "TcpRtoMax",
    "TcpRtoMin",
];

/// Two listings of increments hardly ever have a number of this size in common.
const LARGE: u64 = 100;

/// What each counter rose by between two outputs of one kernel and one network namespace.
#[derive(Clone, Debug)]
pub struct Rises(BTreeMap<Box<str>, u64>);

/// Why two outputs give no differences.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotComparable {
    /// One is of `nstat`, the other of `/proc/net`.
    #[error(
        "one output is of nstat and the other of /proc/net; take both in the same way, with `nstat -az`"
    )]
    DifferentSources,
    /// No counter is in both.
    #[error("the two outputs have no counter in common")]
    NothingInCommon,
    /// Counters fell and none rose.
    #[error(
        "the counters fell: {name} was {before} and then {after}; are the two outputs given in the wrong \
         order?"
    )]
    Swapped {
        /// One of them.
        name: Box<str>,
        /// Its value in the first output.
        before: u64,
        /// Its value in the second.
        after: u64,
    },
    /// Some counters rose, and others fell.
    #[error(
        "{name} was {before} and then {after}, and counters only rise: the host was restarted in between, \
         the outputs are of different network namespaces, or they are increments (nstat without -a)"
    )]
    Fell {
        /// One of those that fell.
        name: Box<str>,
        /// Its value in the first output.
        before: u64,
        /// Its value in the second.
        after: u64,
    },
    /// Nothing tells whether the numbers are absolute.
    #[error(
        "the outputs list no counter that is 0, so they may be increments (nstat without -a), which prove \
         nothing; take both with `nstat -az`"
    )]
    Increments,
}

impl Rises {
    /// The differences of two outputs.
    ///
    /// A counter that only one of them has is left out, as another kernel may have made that output. Where
    /// neither lists any counter that is 0 (`nstat -a`), a counter that is missing in the first was 0.
    ///
    /// # Errors
    /// If the outputs cannot be of the same kernel and network namespace, one after the other, or may be
    /// increments instead of counts.
    pub fn between(before: &Counters, after: &Counters) -> Result<Self, NotComparable> {
        if before.source != after.source {
            return Err(NotComparable::DifferentSources);
        }
        let all = before.lists_zeros() || after.lists_zeros();
        let missing = if all { None } else { Some(0) };
        let (mut rises, mut fell, mut rose) = (BTreeMap::new(), None, false);
        let mut common = 0_usize;
        for name in before.values.keys().chain(after.values.keys()) {
            if GAUGES.contains(&&**name) || rises.contains_key(name) {
                continue;
            }
            let both = [before, after].map(|output| output.get(name));
            common += usize::from(both.iter().all(Option::is_some));
            let [Some(before), Some(after)] = both.map(|value| value.or(missing)) else { continue };
            match after.checked_sub(before) {
                Some(rise) => {
                    rose |= rise > 0;
                    rises.insert(name.clone(), rise);
                }
                None => fell = fell.or(Some((name.clone(), before, after))),
            }
        }
        match fell {
            _ if common == 0 => Err(NotComparable::NothingInCommon),
            Some((name, before, after)) if rose => Err(NotComparable::Fell { name, before, after }),
            Some((name, before, after)) => Err(NotComparable::Swapped { name, before, after }),
            None if all || is_absolute(before, &rises) => Ok(Self(rises)),
            None => Err(NotComparable::Increments),
        }
    }

    /// What the counter rose by; `None` if it is not in both outputs.
    pub fn of(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// Whether not one counter rose.
    pub fn are_none(&self) -> bool {
        self.0.values().all(|rise| *rise == 0)
    }
}

/// Whether a listing without zeros shows that its numbers are no increments: a large one stayed as it was.
fn is_absolute(before: &Counters, rises: &BTreeMap<Box<str>, u64>) -> bool {
    rises.iter().any(|(name, rise)| *rise == 0 && before.get(name) >= Some(LARGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(before: &str, after: &str) -> Result<Rises, NotComparable> {
        Rises::between(&Counters::parse(before).unwrap(), &Counters::parse(after).unwrap())
    }

    #[test]
    fn a_counter_that_only_one_kernel_has_is_unknown() {
        let rises = between("TcpInSegs 1\nTcpExtA 0", "TcpInSegs 5\nTcpExtB 0").unwrap();
        let of = ["TcpInSegs", "TcpExtA", "TcpExtB"].map(|name| rises.of(name));
        assert_eq!(of, [Some(4), None, None]);
    }

    #[test]
    fn what_falls_is_no_counter_of_the_same_kernel() {
        let swapped = between("TcpInSegs 9\nTcpOutSegs 0", "TcpInSegs 2\nTcpOutSegs 0");
        assert!(matches!(swapped, Err(NotComparable::Swapped { before: 9, after: 2, .. })));
        let restarted = between("TcpInSegs 9\nTcpOutSegs 0", "TcpInSegs 2\nTcpOutSegs 4");
        assert!(matches!(restarted, Err(NotComparable::Fell { before: 9, after: 2, .. })));
        // What may fall says nothing.
        let fewer = "Tcp: CurrEstab InSegs\nTcp: 9 1\n";
        assert!(between(fewer, "Tcp: CurrEstab InSegs\nTcp: 0 5\n").is_ok());
    }

    #[test]
    fn different_sources_are_refused() {
        let mixed = between("TcpInSegs 1 0.0\nTcpOutSegs 0 0.0", "Tcp: InSegs OutSegs\nTcp: 2 0");
        assert_eq!(mixed.unwrap_err(), NotComparable::DifferentSources);
        let other = between("TcpInSegs 0", "TcpOutSegs 0");
        assert_eq!(other.unwrap_err(), NotComparable::NothingInCommon);
    }

    #[test]
    fn increments_are_not_taken_for_counts() {
        let increments = between("TcpInSegs 7\nTcpOutSegs 7", "TcpInSegs 9\nTcpOutSegs 7");
        assert_eq!(increments.unwrap_err(), NotComparable::Increments);
        // A counter that was raised before and not since is an absolute one.
        let counts = "TcpInSegs 7\nTcpActiveOpens 1234";
        let rises = between(counts, "TcpInSegs 9\nTcpActiveOpens 1234\nTcpOutRsts 3").unwrap();
        assert_eq!((rises.of("TcpInSegs"), rises.of("TcpOutRsts")), (Some(2), Some(3)));
        // A count does not go away, an increment does.
        let gone = between(counts, "TcpInSegs 9\nTcpActiveOpens 1");
        assert!(matches!(gone, Err(NotComparable::Fell { .. })));
    }
}
