//! The names of everything that is shown: states, stages, outcomes, findings, and the texts that
//! explain them. One table each; numbers and labels never change.

mod advice;
mod cause;
mod close;
pub(crate) mod enumeration;
pub(crate) mod evidence;
mod finding;
mod opening;
mod outcome;
mod path_advice;
mod side;
mod stage;
mod state;
mod way;

pub use advice::{Advice, Check, CheckTarget, shell_quoted};
pub use cause::Cause;
pub use close::{Close, RstReason};
pub(crate) use close::{UNANSWERED, UNUSED};
pub use enumeration::{Enumeration, EnumerationValue, UnknownLabel};
pub use evidence::{Bearing, Evidence, EvidenceIter, EvidenceSet};
pub use finding::{Finding, FindingIter, FindingSet, Group, Severity};
pub use opening::{Ecn, OpenType};
pub use outcome::{ColourRole, FailureColumn, Outcome, OutcomeClass};
pub use side::{ClosedBy, Role, RoleBasis, Seen, Side, Vantage};
pub use stage::{Repeat, Stage, StageClass};
pub use state::{State, StateNames};
pub use way::{
    Change, ChangeIter, ChangeSet, Fate, JoinedBy, Path, Translated, TranslatedIter, TranslatedSet,
};

/// Every enumeration, in the order of their first use in a row.
pub const ENUMERATIONS: &[&Enumeration] = &[
    State::TABLE,
    Stage::TABLE,
    Repeat::TABLE,
    Outcome::TABLE,
    OpenType::TABLE,
    Close::TABLE,
    ClosedBy::TABLE,
    RstReason::TABLE,
    Role::TABLE,
    RoleBasis::TABLE,
    Vantage::TABLE,
    Ecn::TABLE,
    Seen::TABLE,
    Severity::TABLE,
    Group::TABLE,
    Finding::TABLE,
    Cause::TABLE,
    Evidence::TABLE,
    Bearing::TABLE,
    StateNames::TABLE,
    Fate::TABLE,
    Path::TABLE,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn labels_and_constants_are_unique_and_numbers_rise() {
        for table in ENUMERATIONS {
            let labels: HashSet<_> = table.values.iter().map(|v| v.label).collect();
            let constants: HashSet<_> = table.values.iter().map(|v| v.constant).collect();
            assert_eq!(labels.len(), table.values.len(), "{}", table.name);
            assert_eq!(constants.len(), table.values.len(), "{}", table.name);
            assert!(table.values.is_sorted_by(|a, b| a.number < b.number), "{}", table.name);
        }
    }

    #[test]
    fn numbers_and_labels_lead_back_to_the_value() {
        for &stage in Stage::ALL {
            assert_eq!(Stage::from_number(stage.number()), Some(stage));
            assert_eq!(stage.label().parse::<Stage>().unwrap(), stage);
        }
        let error = "Syn".parse::<Role>().unwrap_err();
        assert_eq!(error.to_string(), "no such role; known are unknown, client, server");
    }

    #[test]
    fn documentation_is_a_sentence() {
        for value in ENUMERATIONS.iter().flat_map(|table| table.values) {
            assert!(value.doc.ends_with('.') && !value.doc.starts_with(' '), "{value:?}");
        }
    }
}
