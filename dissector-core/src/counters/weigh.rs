//! Compares a rise with the events of a rule, and says it in words.

use std::cmp::Ordering;

use super::difference::Rises;
use super::judge::Agreement::{self, Agrees, DoesNotAgree, NotDecidable};
use super::rules::{Kind, Rule};
use super::tally::{Counts, HostTally};

/// What the counters of one rule say.
pub(super) struct Weighed {
    pub agreement: Agreement,
    /// They speak for it, without deciding.
    pub leans: bool,
    pub sentence: String,
}

/// The numbers that a rule compares.
struct Numbers<'a> {
    /// `ListenOverflows rose by 12`
    raised: String,
    /// The rise that the events have to account for.
    rise: u64,
    /// The events: those of the connection, those of the host, and what may raise the counters at most.
    events: &'a str,
    own: u64,
    least: u64,
    most: u64,
    /// Why it says nothing that the counters did not rise.
    excuse: Option<&'static str>,
}

impl Weighed {
    pub fn new(rule: &Rule, rises: &Rises, own: &Counts, host: &HostTally) -> Self {
        if let Kind::Never(sentence) = rule.kind {
            return Self { agreement: DoesNotAgree, leans: false, sentence: sentence.into() };
        }
        let first = rule.counters[0];
        if rises.of(first).is_none() {
            let sentence = format!(
                "{} is not in both outputs: this kernel does not count it, or they were taken without -z.",
                short(first)
            );
            return Self { agreement: NotDecidable, leans: false, sentence };
        }
        let listed: Vec<_> =
            rule.counters.iter().filter_map(|name| Some((*name, rises.of(name)?))).collect();
        let all = listed.iter().fold(0_u64, |sum, (_, rise)| sum.saturating_add(*rise));
        let known = (rule.known)(host);
        let besides = match (known, &rule.kind) {
            (0, _) | (_, Kind::Same) => String::new(),
            _ => format!(", {known} of it for what the capture has"),
        };
        let least = (rule.own)(host.on(rule.side));
        let numbers = Numbers {
            raised: raised(&listed, all) + &besides,
            rise: if let Kind::Same = rule.kind { all } else { all.saturating_sub(known) },
            events: rule.events,
            own: (rule.own)(own),
            least: if let Kind::Same = rule.kind { known } else { least },
            most: (rule.most)(host),
            excuse: (rule.unless)(rises),
        };
        let (agreement, sentence) = numbers.compare(rule.kind);
        let leans = numbers.rise > 0 && matches!(rule.kind, Kind::Each | Kind::Some);
        Self { agreement, leans, sentence: sentence + "." }
    }
}

impl Numbers<'_> {
    fn compare(&self, kind: Kind) -> (Agreement, String) {
        let Self { raised, rise, events, own, least, most, .. } = self;
        let open = || (NotDecidable, format!("{raised}, which leaves it open"));
        match kind {
            Kind::Each => self.compare_each(),
            Kind::Some if *rise == 0 => (NotDecidable, format!("{raised}, and need not")),
            Kind::Some if rise >= own && rise <= most => {
                let as_many = if rise == least { "as many as" } else { "and" };
                (Agrees, format!("{raised}, {as_many} {events} ({least})"))
            }
            Kind::Some => {
                (NotDecidable, format!("{raised}, and {events} ({least}), which leaves it open"))
            }
            Kind::Same => self.compare_same(),
            Kind::Without { fewer, .. } if rise < own => {
                (Agrees, format!("{raised}, fewer than {events} ({own}), {fewer}"))
            }
            Kind::Without { as_many: Some(conclusion), .. }
                if rise >= least && *rise <= (*most).max(*least) =>
            {
                (DoesNotAgree, format!("{raised}, and {events} ({least}), {conclusion}"))
            }
            Kind::Needs if rise < own => {
                (DoesNotAgree, format!("{raised}, fewer than {events} ({own})"))
            }
            Kind::Without { .. } | Kind::Needs | Kind::Never(_) => open(),
        }
    }

    fn compare_each(&self) -> (Agreement, String) {
        let Self { raised, rise, events, own, least, most, excuse } = self;
        match (*rise, excuse) {
            (0, Some(excuse)) => (NotDecidable, format!("{raised}, but {excuse}")),
            (0, None) => (DoesNotAgree, format!("{raised}, although {events} ({least})")),
            (rise, _) if rise < *own => {
                (DoesNotAgree, format!("{raised}, and {events} on this connection alone ({own})"))
            }
            (rise, _) if rise < *least => {
                let at_most = format!("it accounts for {rise} of them at most");
                (NotDecidable, format!("{raised}, and {events} ({least}): {at_most}"))
            }
            (rise, _) if rise == *least => {
                (Agrees, format!("{raised}, as many as {events} ({least})"))
            }
            (rise, _) if rise <= *most => {
                let segments = format!("up to {most} segments of this capture can raise it");
                (Agrees, format!("{raised}, which fits: {events} ({least}), and {segments}"))
            }
            _ => {
                let others = "others have raised it, too, and it does not tell which";
                (
                    NotDecidable,
                    format!("{raised}, more than {events} in this capture ({least}): {others}"),
                )
            }
        }
    }

    fn compare_same(&self) -> (Agreement, String) {
        let Self { raised, events, least, excuse, .. } = self;
        let (agreement, comparison, conclusion) = match (self.rise.cmp(least), excuse) {
            (Ordering::Less, Some(excuse)) => (NotDecidable, "fewer than", *excuse),
            (Ordering::Less, None) => (
                DoesNotAgree,
                "fewer than",
                "some were made on the way, past this host's TCP, or not between the two outputs",
            ),
            (Ordering::Equal, _) => {
                (Agrees, "as many as", "by number, none is missing and none was made on the way")
            }
            (Ordering::Greater, _) => (
                NotDecidable,
                "more than",
                "the capture lacks some, or they are of connections outside it",
            ),
        };
        (agreement, format!("{raised}, {comparison} {events} ({least}): {conclusion}"))
    }
}

/// `ListenOverflows rose by 12`
fn raised(listed: &[(&str, u64)], all: u64) -> String {
    let names = |some: &[&(&str, u64)]| {
        let names: Vec<_> = some.iter().map(|(name, _)| short(name)).collect();
        match &names[..] {
            [first, _, _, _, ..] => format!("{first} and {} others of its kind", names.len() - 1),
            [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            names => names.concat(),
        }
    };
    let rose: Vec<_> = listed.iter().filter(|(_, rise)| *rise > 0).collect();
    match rose.len() {
        0 => format!("{} did not rise", names(&listed.iter().collect::<Vec<_>>())),
        1 => format!("{} rose by {all}", names(&rose)),
        _ => format!("{} together rose by {all}", names(&rose)),
    }
}

/// The name without the group that `nstat` puts before it.
pub(super) fn short(counter: &str) -> &str {
    counter.strip_prefix("TcpExt").unwrap_or(counter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(
        rise: u64,
        [own, least, most]: [u64; 3],
        excuse: Option<&'static str>,
    ) -> (Agreement, String) {
        let (raised, events) = (format!("X rose by {rise}"), "SYNs stayed unanswered");
        Numbers { raised, rise, events, own, least, most, excuse }.compare(Kind::Each)
    }

    #[test]
    fn fewer_refute_as_many_agree_and_more_decide_nothing() {
        // Two SYNs of this connection, twelve of the host, fifteen that might be counted.
        let numbers = [2, 12, 15];
        let said = |rise| each(rise, numbers, None).0;
        assert_eq!([0, 1].map(said), [DoesNotAgree; 2]);
        assert_eq!([2, 11].map(said), [NotDecidable; 2]);
        assert_eq!([12, 13, 15].map(said), [Agrees; 3]);
        assert_eq!([16, u64::MAX].map(said), [NotDecidable; 2]);
        let sentence = each(12, numbers, None).1;
        assert_eq!(sentence, "X rose by 12, as many as SYNs stayed unanswered (12)");
    }

    #[test]
    fn an_excuse_keeps_zero_from_refuting_and_nothing_else() {
        let numbers = [2, 2, 2];
        assert_eq!(each(0, numbers, Some("it need not")).0, NotDecidable);
        assert_eq!(each(1, numbers, Some("it need not")).0, DoesNotAgree);
        assert_eq!(each(2, numbers, Some("it need not")).0, Agrees);
    }

    #[test]
    fn a_cause_that_goes_past_the_host_agrees_with_fewer() {
        let without = |rise, as_many| {
            let (raised, events) = (format!("X rose by {rise}"), "RSTs refused a SYN");
            let numbers = Numbers { raised, rise, events, own: 1, least: 3, most: 0, excuse: None };
            numbers.compare(Kind::Without { fewer: "so it sent none", as_many }).0
        };
        let sent = Some("so it sent them");
        assert_eq!([0, 1, 2].map(|rise| without(rise, sent)), [Agrees, NotDecidable, NotDecidable]);
        assert_eq!([3, 4].map(|rise| without(rise, sent)), [DoesNotAgree, NotDecidable]);
        assert_eq!(without(3, None), NotDecidable);
    }

    #[test]
    fn names_of_counters_are_those_that_rose() {
        let said = |rises: &[u64]| {
            let listed: Vec<_> = ["TcpExtA", "TcpB", "TcpExtC", "D"]
                .into_iter()
                .zip(rises.iter().copied())
                .collect();
            let all = rises.iter().sum();
            raised(&listed, all)
        };
        assert_eq!(said(&[0, 0]), "A and TcpB did not rise");
        assert_eq!(said(&[0, 0, 0, 0]), "A and 3 others of its kind did not rise");
        assert_eq!(said(&[0, 2]), "TcpB rose by 2");
        assert_eq!(said(&[1, 2, 0]), "A and TcpB together rose by 3");
    }
}
