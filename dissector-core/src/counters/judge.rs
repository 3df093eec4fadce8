//! Sets what the kernel counted beside what the capture has.

use super::difference::Rises;
use super::rules::{Kind, RULES, Rule};
use super::tally::{Counts, HostTally};
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
            let (agreement, leans, sentence) = weigh(rule, rises, own, host);
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

/// The side whose counters these are, if only one host can have them.
pub fn fitting_side(rises: &Rises, client: &HostTally, server: &HostTally) -> Option<Side> {
    match [client, server].map(|host| misfit(rises, host).is_none()) {
        [true, false] => Some(Side::Client),
        [false, true] => Some(Side::Server),
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

fn weigh(rule: &Rule, rises: &Rises, own: &Counts, host: &HostTally) -> (Agreement, bool, String) {
    use Agreement::{Agrees, DoesNotAgree, NotDecidable};

    if let Kind::Never(sentence) = rule.kind {
        return (DoesNotAgree, false, sentence.into());
    }
    let first = rule.counters[0];
    if rises.of(first).is_none() {
        let sentence = format!(
            "{} is not in both outputs: this kernel does not count it, or they were taken without -z.",
            short(first)
        );
        return (NotDecidable, false, sentence);
    }
    let known: Vec<_> =
        rule.counters.iter().filter_map(|name| Some((*name, rises.of(name)?))).collect();
    let all = known.iter().fold(0_u64, |sum, (_, rise)| sum.saturating_add(*rise));
    let raised = said_of(&known, all);
    let events = rule.events;
    let (own, least) = ((rule.own)(own), (rule.own)(host.on(rule.side)));
    let before = (rule.known)(host);
    if let Kind::Same = rule.kind {
        let (agreement, comparison) = match all.cmp(&before) {
            _ if all < before && excused(rule, rises) => {
                (NotDecidable, "fewer than, as SYN cookies are not counted,".to_owned())
            }
            std::cmp::Ordering::Less => (DoesNotAgree, "fewer than".to_owned()),
            std::cmp::Ordering::Equal => (Agrees, "as many as".to_owned()),
            std::cmp::Ordering::Greater => (NotDecidable, "more than".to_owned()),
        };
        let conclusion = match agreement {
            Agrees => "none is missing, and none was made on the way",
            DoesNotAgree => "some were made on the way, or past this host's TCP",
            NotDecidable => "the capture lacks some, or they are of connections outside it",
        };
        return (
            agreement,
            false,
            format!("{raised}, {comparison} {events} ({before}): {conclusion}."),
        );
    }
    // The rise that is left for these events.
    let rise = all.saturating_sub(before);
    let most = (rule.most)(host).max(least);
    let beside = match before {
        0 => String::new(),
        _ => format!(" besides the {before} that the capture has"),
    };
    let as_many = || format!("{raised}{beside}, as many as {events} ({least})");
    let more = || {
        format!(
            "{raised}{beside}, more than {events} in this capture ({least}): others have raised it, too, \
             and it does not tell which"
        )
    };
    let (agreement, sentence) = match rule.kind {
        Kind::Each if rise == 0 && excused(rule, rises) => (
            NotDecidable,
            format!("{raised}{beside}; but the host sent SYN cookies, and then it need not"),
        ),
        Kind::Each if rise == 0 => {
            (DoesNotAgree, format!("{raised}{beside}, although {events} ({least})"))
        }
        Kind::Each if rise < own => (
            DoesNotAgree,
            format!("{raised}{beside}, and {events} on this connection alone ({own})"),
        ),
        Kind::Each if rise < least => (
            NotDecidable,
            format!(
                "{raised}{beside}, and {events} ({least}): it accounts for {rise} of them at most"
            ),
        ),
        Kind::Each if rise == least => (Agrees, as_many()),
        Kind::Each if rise <= most => (
            Agrees,
            format!(
                "{raised}{beside}: {events} ({least}), and other segments of the capture may have raised \
                 it, too"
            ),
        ),
        Kind::Each => (NotDecidable, more()),
        Kind::Some if rise == 0 => (NotDecidable, format!("{raised}, and need not")),
        Kind::Some if rise <= (rule.most)(host) => {
            (Agrees, format!("{raised}, and {events} ({least})"))
        }
        Kind::Some => {
            (NotDecidable, format!("{raised}, and {events} ({least}): that leaves it open"))
        }
        Kind::Without { fewer, .. } if rise < own => {
            (Agrees, format!("{raised}, fewer than {events} ({own}), {fewer}"))
        }
        Kind::Without { as_many: Some(conclusion), .. } if rise >= least && rise <= most => {
            (DoesNotAgree, format!("{}, {conclusion}", as_many()))
        }
        Kind::Without { .. } => (NotDecidable, format!("{raised}, which leaves it open")),
        Kind::Needs if rise < own => {
            (DoesNotAgree, format!("{raised}, fewer than {events} ({own})"))
        }
        Kind::Needs => (NotDecidable, format!("{raised}, which leaves it open")),
        Kind::Same | Kind::Never(_) => (NotDecidable, raised.clone()),
    };
    let leans = rise > 0 && matches!(rule.kind, Kind::Each | Kind::Some);
    (agreement, leans, sentence + ".")
}

/// Whether what rose beside it takes the meaning from a counter that did not rise.
fn excused(rule: &Rule, rises: &Rises) -> bool {
    rule.unless.is_some_and(|counter| rises.of(counter).is_none_or(|rise| rise > 0))
}

/// `ListenOverflows rose by 12`
fn said_of(known: &[(&str, u64)], all: u64) -> String {
    let rose: Vec<_> = known.iter().filter(|(_, rise)| *rise > 0).collect();
    let names = |some: &[&str]| match some {
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
        [] => String::new(),
    };
    match &rose[..] {
        [] => {
            let known: Vec<_> = known.iter().map(|(name, _)| short(name)).collect();
            format!("{} did not rise", names(&known))
        }
        [(name, rise)] => format!("{} rose by {rise}", short(name)),
        several => {
            let several: Vec<_> = several.iter().map(|(name, _)| short(name)).collect();
            format!("{} together rose by {all}", names(&several))
        }
    }
}

/// The name without the group that `nstat` puts before it.
fn short(counter: &str) -> &str {
    counter.strip_prefix("TcpExt").unwrap_or(counter)
}
