//! What an outcome means to whoever has to do something about it.

/// What an outcome means, where it may come from and what to look at next: sentences to show.
///
/// In commands, `{client}`, `{server}` and `{port}` (the server's) stand for those of the connection.
///
/// ```
/// use dissector_core::connection::Outcome;
///
/// let advice = Outcome::NotAccepted.advice();
/// assert!(advice.checks.iter().any(|check| check.command.contains("ListenOverflows")));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Advice {
    /// What it means, in a short paragraph.
    pub means: &'static str,
    /// Where it may come from, the likely first.
    pub causes: &'static [&'static str],
    /// What to look at next.
    pub checks: &'static [Check],
}

/// Something to look at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Check {
    /// Where, and what it tells.
    pub what: &'static str,
    /// What to type there, for Linux; empty where there is nothing to type.
    pub command: &'static str,
}

pub(super) const fn check(what: &'static str, command: &'static str) -> Check {
    Check { what, command }
}

#[cfg(test)]
mod tests {
    use super::Advice;
    use crate::vocabulary::{Close, Outcome};

    fn all() -> impl Iterator<Item = (&'static str, &'static Advice)> {
        let outcomes = Outcome::ALL.iter().map(|outcome| (outcome.label(), outcome.advice()));
        let closes = Close::ALL.iter().filter_map(|close| Some((close.label(), close.advice()?)));
        outcomes.chain(closes)
    }

    #[test]
    fn sentences_are_whole() {
        for (label, advice) in all() {
            let sentences = advice.causes.iter().chain([&advice.means]);
            let checks = advice.checks.iter().map(|check| &check.what);
            for sentence in sentences.chain(checks) {
                let end = sentence.chars().last();
                assert!(matches!(end, Some('.' | '?')), "{label}: {sentence}");
                assert!(
                    !sentence.contains("  ") && !sentence.contains('\n'),
                    "{label}: {sentence}"
                );
            }
        }
    }

    #[test]
    fn every_failure_has_causes_and_checks_of_its_own() {
        for outcome in Outcome::ALL.iter().filter(|outcome| outcome.failed()) {
            let advice = outcome.advice();
            assert!(advice.causes.len() >= 2 && advice.checks.len() >= 2, "{outcome}");
            let alike = all().filter(|(_, other)| other.means == advice.means).count();
            assert_eq!(alike, 1, "{outcome}");
        }
    }

    #[test]
    fn commands_name_nothing_that_is_not_filled_in() {
        for command in all().flat_map(|(_, advice)| advice.checks).map(|check| check.command) {
            let mut rest = command;
            for name in ["{client}", "{server}", "{port}"] {
                rest = if rest.contains(name) { "" } else { rest };
            }
            assert!(!rest.contains('{'), "{command}");
        }
    }
}
