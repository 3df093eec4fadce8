//! Sets what the kernel counted beside what the capture has.

use super::difference::Rises;
use super::rules::RULES;
use super::tally::{Counts, HostTally};
use super::weigh::{Weighed, short};
use crate::vocabulary::enumeration::enumeration;
use crate::vocabulary::{Cause, Outcome, Side};

enumeration! {
    /// Whether the counters of a host agree with what is said of a connection.
    Agreement as "agreement" {
        /// The counters rose as the capture lets expect.
        Agrees = 0, AGREES, "agrees";
        /// The counters rose by less than the capture lets expect, or as they would not.
        DoesNotAgree = 1, DOES_NOT_AGREE, "does not agree";
        /// The counters decide nothing, for they are of the whole host, or are missing.
        NotDecidable = 2, NOT_DECIDABLE, "not decidable";
    }
}

/// The statement that counters confirm or refute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum About {
    /// The outcome of the connection: that this host had part in it.
    Outcome,
    /// A cause of the outcome.
    Cause(Cause),
    /// The copies of SYN and SYN/ACK: that this host sent those which the capture has.
    Copies,
}

/// What counters say of one statement.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Said {
    /// The statement.
    pub about: About,
    /// Whether they agree.
    pub agreement: Agreement,
    /// Whether they speak for it, without deciding: what it would raise rose, however much.
    pub leans: bool,
    /// The numbers in words: `ListenOverflows rose by 12, as many as SYNs stayed unanswered (12).`
    pub sentence: String,
    /// The counters, by the names of `nstat`.
    pub counters: &'static [&'static str],
    /// The events that the counters count, to read behind “It counts”; empty if none are concerned.
    pub counted: &'static str,
}

/// What the counters of one host say of a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Testimony {
    /// Why the counters cannot be of this host during the whole capture, if so: then they decide nothing.
    pub not_of_host: Option<String>,
    /// What they say, those that agree first, those that do not last.
    pub said: Vec<Said>,
}

impl Testimony {
    /// The same by counters that may be of another host: then what did not rise refutes nothing.
    #[must_use]
    pub fn doubted(mut self) -> Self {
        let refuting = self.said.iter_mut().filter(|said| said.agreement != Agreement::Agrees);
        refuting.for_each(|said| said.agreement = Agreement::NotDecidable);
        self
    }

    /// What they say of a cause.
    pub fn on(&self, cause: Cause) -> Option<&Said> {
        self.said.iter().find(|said| said.about == About::Cause(cause))
    }
}

/// Whether the counters of a side tell something about connections with this outcome.
pub const fn can_tell(outcome: Outcome, side: Side) -> bool {
    match outcome {
        Outcome::NoReply | Outcome::Refused | Outcome::NoFinalAck | Outcome::AbortedByClient => {
            true
        }
        Outcome::NotAccepted
        | Outcome::Deferred
        | Outcome::AbortedByServer
        | Outcome::Challenged => matches!(side, Side::Server),
        _ => false,
    }
}

/// Judges a connection by the counters of the host that is this side of it. `own` are the counts of the
/// connection, `host` those of all connections of the host in the capture, this one among them, and
/// `causes` those in question, such as those of the [`Advice`](crate::connection::Advice).
pub fn judge(
    rises: &Rises,
    side: Side,
    (own, host): (&Counts, &HostTally),
    causes: &[Cause],
) -> Testimony {
    let concerned = |about: &About| match about {
        About::Cause(cause) => causes.contains(cause),
        About::Outcome | About::Copies => true,
    };
    let not_of_host = misfit(rises, host);
    let mut said: Vec<_> = RULES
        .iter()
        .filter(|rule| rule.side == side && (rule.own)(own) > 0)
        .flat_map(|rule| {
            let Weighed { agreement, leans, sentence } = Weighed::new(rule, rises, own, host);
            rule.about.iter().filter(|about| concerned(about)).map(move |about| Said {
                about: *about,
                agreement,
                leans,
                sentence: sentence.clone(),
                counters: rule.counters,
                counted: rule.counted,
            })
        })
        .collect();
    if not_of_host.is_some() {
        said.iter_mut().for_each(|said| said.agreement = Agreement::NotDecidable);
    }
    said.sort_by_key(|said| match said.agreement {
        Agreement::Agrees => 0,
        Agreement::NotDecidable if said.leans => 1,
        Agreement::NotDecidable => 2,
        Agreement::DoesNotAgree => 3,
    });
    Testimony { not_of_host, said }
}

/// Counters that only a host raises which accepts connections.
const OF_SERVERS: &[&str] = &[
    "TcpPassiveOpens",
    "TcpExtListenOverflows",
    "TcpExtListenDrops",
    "TcpExtEmbryonicRsts",
    "TcpExtSyncookiesSent",
    "TcpExtTCPDeferAcceptDrop",
    "TcpExtTCPReqQFullDrop",
];

/// The side of the capture whose counters these are, if they tell; `None` if they may be of either.
pub fn fitting_side(rises: &Rises, client: &HostTally, server: &HostTally) -> Option<Side> {
    let rise = |counter| rises.of(counter).unwrap_or(0);
    let (opens, asked) = (rise("TcpActiveOpens"), client.as_client.attempts);
    // A scanner's SYNs are not counted.
    if opens < client.as_client.attempts_of_os || misfit(rises, client).is_some() {
        let never = rises.of("TcpActiveOpens").is_none() || misfit(rises, server).is_some();
        return (!never).then_some(Side::Server);
    }
    if misfit(rises, server).is_some() {
        return Some(Side::Client);
    }
    let serves = OF_SERVERS.iter().any(|counter| rise(counter) > 0);
    let repeats = rise("TcpExtTCPSynRetrans") >= client.as_client.syn_copies;
    match (serves, opens == asked && repeats && asked > 0) {
        (true, false) => Some(Side::Server),
        (false, true) => Some(Side::Client),
        _ => None,
    }
}

/// Why the counters cannot be of this host during the whole capture, if so.
fn misfit(rises: &Rises, host: &HostTally) -> Option<String> {
    let fewer = |counter: &str, what: &str, opened: u64| {
        let rise = rises.of(counter).filter(|rise| *rise < opened)?;
        Some(format!(
            "{} rose by {rise}, and {what} in the capture: the outputs were not taken before and after it, \
             or they are of another host or network namespace.",
            short(counter)
        ))
    };
    let (accepted, opened) = (host.as_server.opened, host.as_client.opened);
    fewer("TcpPassiveOpens", &format!("this host accepted {accepted} connections"), accepted)
        .or_else(|| {
            fewer("TcpActiveOpens", &format!("this host opened {opened} connections"), opened)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Counters;

    const EVERY: &[&str] = &[
        "TcpActiveOpens",
        "TcpPassiveOpens",
        "TcpInSegs",
        "TcpOutRsts",
        "TcpAttemptFails",
        "TcpExtListenOverflows",
        "TcpExtListenDrops",
        "TcpExtTCPSynRetrans",
        "TcpExtSyncookiesSent",
        "TcpExtTCPReqQFullDrop",
    ];

    fn rises(risen: &[(&str, u64)]) -> Rises {
        let output = |value: &dyn Fn(&str) -> u64| {
            let lines: String =
                EVERY.iter().map(|name| format!("{name} {} 0.0\n", value(name))).collect();
            Counters::parse(&lines).unwrap()
        };
        let rise = |name: &str| {
            risen.iter().find(|(risen, _)| *risen == name).map_or(0, |(_, rise)| *rise)
        };
        Rises::between(&output(&|_| 0), &output(&rise)).unwrap()
    }

    /// Two SYNs without an answer, of a connection like `others` more.
    fn silent(others: u64) -> (Counts, HostTally) {
        let mut own = Counts::default();
        (own.attempts, own.attempts_of_os, own.unanswered, own.repeating) = (1, 1, 1, 1);
        (own.unanswered_syns, own.syn_copies, own.unanswered_copies) = (2, 1, 1);
        let mut host = HostTally::default();
        (0..=others).for_each(|_| host.add(Side::Server, own));
        (own, host)
    }

    fn on(cause: Cause, risen: &[(&str, u64)], others: u64) -> Agreement {
        let (own, host) = silent(others);
        let causes = Outcome::NoReply.advice().causes;
        judge(&rises(risen), Side::Server, (&own, &host), causes).on(cause).unwrap().agreement
    }

    #[test]
    fn counters_of_a_host_that_got_nothing_leave_what_is_before_it() {
        assert_eq!(on(Cause::AcceptQueueFull, &[], 0), Agreement::DoesNotAgree);
        assert_eq!(on(Cause::FirewallDrops, &[], 0), Agreement::Agrees);
        let (own, host) = silent(0);
        let testimony =
            judge(&rises(&[]), Side::Server, (&own, &host), Outcome::NoReply.advice().causes);
        let agreements: Vec<_> = testimony.said.iter().map(|said| said.agreement).collect();
        assert_eq!(agreements[0], Agreement::Agrees);
        assert_eq!(agreements.last(), Some(&Agreement::DoesNotAgree));
        // Unless they may be of another host.
        let doubted = testimony.doubted();
        assert!(doubted.said.iter().all(|said| said.agreement != Agreement::DoesNotAgree));
    }

    #[test]
    fn drops_that_are_counted_together_with_others_excuse_the_queue() {
        let drops = [("TcpExtListenDrops", 2), ("TcpInSegs", 2)];
        assert_eq!(on(Cause::RequestQueueFull, &drops, 0), Agreement::NotDecidable);
        assert_eq!(on(Cause::AcceptQueueFull, &drops, 0), Agreement::DoesNotAgree);
        let overflows = [drops[0], ("TcpExtListenOverflows", 2)];
        assert_eq!(on(Cause::RequestQueueFull, &overflows, 0), Agreement::DoesNotAgree);
    }

    #[test]
    fn counters_of_another_host_decide_nothing() {
        let (own, mut host) = silent(0);
        host.as_server.opened = 3;
        let risen = rises(&[("TcpPassiveOpens", 2)]);
        let testimony =
            judge(&risen, Side::Server, (&own, &host), Outcome::NoReply.advice().causes);
        assert!(testimony.not_of_host.is_some());
        assert!(testimony.said.iter().all(|said| said.agreement == Agreement::NotDecidable));
    }

    #[test]
    fn the_side_is_found_where_only_one_fits() {
        let (own, server) = silent(2);
        let mut client = HostTally::default();
        (0..3).for_each(|_| client.add(Side::Client, own));
        let fits = |risen: &[(&str, u64)]| fitting_side(&rises(risen), &client, &server);
        // The client's kernel would have opened three, and repeated their SYNs.
        assert_eq!(fits(&[]), Some(Side::Server));
        assert_eq!(fits(&[("TcpExtListenOverflows", 6)]), Some(Side::Server));
        let opened = [("TcpActiveOpens", 3), ("TcpExtTCPSynRetrans", 3)];
        assert_eq!(fits(&opened), Some(Side::Client));
        // A server opens connections too.
        assert_eq!(fits(&[opened[0], opened[1], ("TcpPassiveOpens", 1)]), None);
        assert_eq!(fits(&[("TcpActiveOpens", 9)]), None);
    }

    #[test]
    fn without_the_counter_nothing_is_said() {
        let (own, host) = silent(0);
        let output = Counters::parse("TcpInSegs 0").unwrap();
        let rises = Rises::between(&output, &output).unwrap();
        let testimony = judge(&rises, Side::Server, (&own, &host), &[Cause::AcceptQueueFull]);
        let said = testimony.on(Cause::AcceptQueueFull).unwrap();
        assert_eq!(said.agreement, Agreement::NotDecidable);
        assert!(
            said.sentence.starts_with("ListenOverflows is not in both outputs"),
            "{}",
            said.sentence
        );
    }
}
