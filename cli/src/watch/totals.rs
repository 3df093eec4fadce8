//! Totals in a line.

use dissector_core::connection::{Outcome, OutcomeClass};

use super::decision::Decisions;

/// `340 came up, 7 failed (5 no_reply, 2 refused), 3 undecided`
pub fn totals(decisions: &Decisions) -> String {
    let of = |outcome: Outcome| decisions.outcomes[usize::from(outcome.number())];
    let sum = |is: fn(OutcomeClass) -> bool| -> u64 {
        Outcome::ALL.iter().filter(|it| is(it.class())).map(|it| of(*it)).sum()
    };
    let came_up = sum(|class| class == OutcomeClass::Open);
    let failed = sum(|class| matches!(class, OutcomeClass::Failed(_)));
    let mut kinds: Vec<_> = Outcome::ALL.iter().filter(|it| it.failed() && of(**it) > 0).collect();
    kinds.sort_by_key(|outcome| std::cmp::Reverse(of(**outcome)));
    let kinds: Vec<_> =
        kinds.iter().map(|outcome| format!("{} {outcome}", of(**outcome))).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    let waiting = match decisions.waiting() {
        0 => String::new(),
        waiting => format!(", {waiting} undecided"),
    };
    format!("{came_up} came up, {failed} failed{kinds}{waiting}")
}
