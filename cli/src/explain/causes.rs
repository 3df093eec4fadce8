//! The likely causes, in the order that the evidence gives, and why.

use dissector_core::connection::{Advice, Bearing, Cause, Evidence, EvidenceSet, WeighedCause};

use dissector_core::counters::Agreement;

use super::neighbours::Witnessed;
use crate::counted::Heard;
use crate::output::document::{Part, Section};

/// The evidence on the causes of one advice, and the causes that it leaves.
pub struct Weighed {
    causes: Vec<WeighedCause>,
    decided: Option<Cause>,
    /// The causes that the counters confirm or refute, and a note that says so.
    counted: Vec<(Cause, Agreement, String)>,
    /// All evidence, shown or not.
    all: EvidenceSet,
    /// The evidence that makes a difference, as sentences.
    shown: Vec<(Evidence, String)>,
}

impl Weighed {
    /// Weighs the causes by the connection's own evidence and by what other connections show.
    pub fn new(advice: &Advice, own: EvidenceSet, others: &[Witnessed]) -> Self {
        let of_others: EvidenceSet = others.iter().map(|witnessed| witnessed.evidence).collect();
        let mut all = own.union(of_others);
        if all.contains(Evidence::RstUnasked) {
            // It has the number of an answer, and answers nothing.
            all.remove(Evidence::RstReflex);
        }
        let (causes, decided) = (advice.causes_given(all), advice.cause_given(all));
        let named = |cause: &Cause| match decided {
            Some(decided) => *cause == decided,
            None => causes.iter().any(|left| left.cause == *cause),
        };
        let matters = |evidence: &Evidence| {
            let mut bearings = evidence.bearings().iter();
            bearings.any(|(bearing, concerned)| match bearing {
                Bearing::Excludes => {
                    // Otherwise the cause would have been named.
                    let excluded = |cause: &&Cause| {
                        let listed = advice.causes.contains(cause);
                        listed && (!cause.needs_evidence() || speaks_for(all, **cause))
                    };
                    concerned.iter().any(|cause| excluded(&cause))
                }
                Bearing::SpeaksAgainst if decided.is_some() => false,
                _ => concerned.iter().any(named),
            })
        };
        let sentence = |evidence: Evidence| {
            let witnessed = others.iter().find(|witnessed| witnessed.evidence == evidence);
            let text = witnessed.map_or(evidence.text(), |witnessed| &witnessed.sentence);
            (evidence, text.to_owned())
        };
        // Evidence that proves or excludes comes first.
        let decides = |evidence: &Evidence| {
            let mut bearings = evidence.bearings().iter();
            bearings.any(|(bearing, _)| matches!(bearing, Bearing::Proves | Bearing::Excludes))
        };
        let mut shown: Vec<_> = all.iter().filter(matters).collect();
        let is_proven =
            |cause: &Cause| causes.iter().any(|left| left.cause == *cause && left.proven);
        let proven = decided.filter(is_proven);
        shown.retain(|evidence| proven.is_none_or(|cause| bears(*evidence, cause)));
        shown.sort_by_key(|evidence| !decides(evidence));
        let shown = shown.into_iter().map(sentence).collect();
        Self { causes, decided, counted: Vec::new(), all, shown }
    }

    /// Without these causes, which something else excludes.
    pub fn without(mut self, excluded: &[Cause]) -> Self {
        self.causes.retain(|weighed| !excluded.contains(&weighed.cause));
        self.decided = self.decided.filter(|cause| !excluded.contains(cause));
        let causes = &self.causes;
        self.shown.retain(|(evidence, _)| {
            causes.iter().any(|left| evidence.bearing_on(left.cause).is_some())
        });
        self
    }

    /// Orders the causes by what the counters of client and server say of them: those that they refute stand
    /// last.
    pub fn heed(&mut self, heard: &[&Heard], advice: &Advice) {
        let heard: Vec<_> =
            heard.iter().filter_map(|heard| Some((heard.testimony()?, heard.whose()))).collect();
        for (&cause, (testimony, whose)) in
            advice.causes.iter().flat_map(|cause| heard.iter().map(move |heard| (cause, heard)))
        {
            let Some(said) = testimony.on(cause) else { continue };
            let verb = match said.agreement {
                Agreement::Agrees => "agree",
                Agreement::DoesNotAgree => "do not agree",
                _ => continue,
            };
            let note = format!(" [the {whose} counters {verb}]");
            self.counted.push((cause, said.agreement, note));
            let is_left = self.causes.iter().any(|left| left.cause == cause);
            let excludes =
                |evidence: Evidence| evidence.bearing_on(cause) == Some(Bearing::Excludes);
            let agrees = said.agreement == Agreement::Agrees;
            if agrees && !is_left && cause.needs_evidence() && !self.all.iter().any(excludes) {
                self.causes.push(WeighedCause::without_evidence(cause));
                self.decided = None;
            }
        }
        self.causes.sort_by_key(|weighed| {
            let said = heard.iter().filter_map(|(testimony, _)| testimony.on(weighed.cause));
            let ranks = said.map(|said| match said.agreement {
                Agreement::Agrees => 0,
                Agreement::DoesNotAgree => 3,
                _ if said.leans => 1,
                _ => 2,
            });
            let ranks: Vec<_> = ranks.collect();
            match (ranks.contains(&3), ranks.contains(&0)) {
                // One confirms what the other refutes.
                (true, true) => 2,
                (true, false) => 3,
                _ => ranks.into_iter().min().unwrap_or(2),
            }
        });
    }

    /// The cause that stands first, and whether the evidence decides on it.
    pub fn first(&self) -> Option<(Cause, bool)> {
        let first = self.causes.first().map(|weighed| (weighed.cause, false));
        self.decided.map(|cause| (cause, true)).or(first)
    }

    /// The other causes that are left, in order.
    pub fn rest(&self) -> impl Iterator<Item = Cause> {
        let rest = if self.decided.is_some() { 0 } else { self.causes.len() };
        self.causes.iter().take(rest).skip(1).map(|weighed| weighed.cause)
    }

    /// The best evidence for a cause: what proves it, then what other connections show; or else what
    /// excludes other causes.
    pub fn best_evidence(&self, cause: Cause) -> Option<(Evidence, &str)> {
        let rank = |evidence: Evidence| match evidence.bearing_on(cause) {
            Some(Bearing::Proves) => 0,
            Some(Bearing::SpeaksFor) if evidence.is_of_others() => 1,
            Some(Bearing::SpeaksFor) => 2,
            Some(_) => 4,
            None => 3,
        };
        let best = self.shown.iter().filter(|(evidence, _)| rank(*evidence) < 4);
        best.min_by_key(|(evidence, _)| rank(*evidence))
            .map(|(evidence, text)| (*evidence, &**text))
    }

    /// Whether the capture or the counters leave the cause.
    pub fn lists(&self, cause: Cause) -> bool {
        self.causes.iter().any(|left| left.cause == cause)
    }

    fn note(&self, cause: Cause) -> String {
        let found = self.counted.iter().filter(|(counted, ..)| *counted == cause);
        found.map(|(_, _, note)| note.as_str()).collect()
    }

    /// The causes to look into: the one that the evidence decides on, or all that it and the counters leave.
    pub fn named(&self) -> Vec<Cause> {
        match self.decided {
            Some(cause) => vec![cause],
            None => {
                let refuted = |cause: &Cause| {
                    self.counted.iter().any(|(counted, agreement, _)| {
                        counted == cause && *agreement == Agreement::DoesNotAgree
                    })
                };
                let causes = self.causes.iter().map(|weighed| weighed.cause);
                causes.filter(|cause| !refuted(cause)).collect()
            }
        }
    }

    /// The causes and the evidence on them; without parts if there is none.
    pub fn section(&self) -> Section {
        let Some(cause) = self.decided else {
            let mut section = Section::new("causes", "Likely causes");
            section.parts.extend(self.causes.iter().map(|weighed| {
                let references = [self.references(weighed), self.note(weighed.cause)].concat();
                self.part(weighed.cause, references, false)
            }));
            if !section.parts.is_empty() {
                self.put_evidence(&mut section, "What the capture shows of them:");
            }
            return section;
        };
        let mut section = Section::new("causes", "The cause");
        section.parts.push(self.part(cause, self.note(cause), true));
        self.put_evidence(&mut section, "What shows it:");
        section
    }

    fn part(&self, cause: Cause, references: String, decided: bool) -> Part {
        let names = |wanted: &dyn Fn(Bearing) -> bool| {
            let shown = self.shown.iter().map(|(evidence, _)| evidence);
            let bearing = shown.filter(|evidence| evidence.bearing_on(cause).is_some_and(wanted));
            bearing.map(|evidence| evidence.label()).collect()
        };
        Part::Cause {
            name: cause.label(),
            text: cause.text().into(),
            speaks_for: names(&|it| matches!(it, Bearing::Proves | Bearing::SpeaksFor)),
            speaks_against: names(&|it| it == Bearing::SpeaksAgainst),
            references,
            decided,
        }
    }

    fn put_evidence(&self, section: &mut Section, introduction: &str) {
        if self.shown.is_empty() {
            return;
        }
        section.paragraph(introduction);
        for (letter, (evidence, sentence)) in ('a'..).zip(&self.shown) {
            let (name, text) = (evidence.label(), sentence.clone());
            let mark = self.decided.is_none().then_some(letter);
            section.parts.push(Part::Evidence { mark, name, text });
        }
    }

    /// ` [for it: a, c; against it: b]`
    fn references(&self, weighed: &WeighedCause) -> String {
        let letters = |set: EvidenceSet| {
            let shown = ('a'..).zip(&self.shown);
            let letters = shown.filter(|(_, (evidence, _))| set.contains(*evidence));
            letters.map(|(letter, _)| letter.to_string()).collect::<Vec<_>>().join(", ")
        };
        let parts = [("for it: ", weighed.speaks_for), ("against it: ", weighed.speaks_against)];
        let parts = parts.map(|(what, set)| (what, letters(set)));
        let parts: Vec<_> = parts
            .iter()
            .filter(|(_, letters)| !letters.is_empty())
            .map(|(what, letters)| format!("{what}{letters}"))
            .collect();
        if parts.is_empty() { String::new() } else { format!(" [{}]", parts.join("; ")) }
    }
}

fn bears(evidence: Evidence, cause: Cause) -> bool {
    matches!(evidence.bearing_on(cause), Some(Bearing::Proves | Bearing::SpeaksFor))
}

fn speaks_for(evidence: EvidenceSet, cause: Cause) -> bool {
    evidence.iter().any(|evidence| bears(evidence, cause))
}
