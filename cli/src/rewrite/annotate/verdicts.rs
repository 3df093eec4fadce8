//! The verdicts on connections, kept until their first packets are written.

use std::collections::HashMap;
use std::net::SocketAddr;

use dissector_core::ClosedConnection;
use dissector_core::connection::{
    Advice, Check, CheckTarget, Evidence, EvidenceSet, Finding, Outcome, OutcomeClass, Verdict,
};

use crate::explain::{Explained, Neighbours, brief};
use crate::output::units::duration;
use crate::timeline::labels;

/// Different verdicts that are kept. Those of further connections say the outcome only.
const MOST: usize = 1 << 18;
/// Connections that are explained by what the others show, too: it takes time to look through those.
const MOST_WITNESSED: usize = 2_000;
/// Causes that are named where the evidence does not decide.
const MOST_CAUSES: usize = 3;

/// What is said with the first packet of a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    /// The outcome, and how the connection went: `complete, set-up 21.0 ms, closed by the client`.
    pub outcome: String,
    /// The outcome in a sentence, if it is not that all went well.
    pub meaning: &'static str,
    /// Cause and evidence, a comment each.
    pub reasons: Vec<String>,
    /// What to check next.
    pub next: Option<Next>,
}

/// What to check next, and the command for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Next {
    /// Which still needs the addresses.
    Check(Check),
    Found(&'static str, Option<String>),
}

/// The verdicts on the connections that are asked for. Equal ones are kept once.
#[derive(Default)]
pub struct Verdicts {
    /// The place of a verdict and 1, by connection; 0 if the connection is not asked for.
    places: Vec<u32>,
    told: Vec<Told>,
    known: HashMap<(String, Vec<String>), u32>,
    /// Those that are explained again once all others are known, with the index of their capture.
    witnessed: Vec<(Explained, [SocketAddr; 2], usize)>,
}

impl Verdicts {
    pub fn add(&mut self, closed: &ClosedConnection<'_>, verdict: &Verdict) {
        let (connection, told) = (closed.connection.id(), told(verdict));
        if let Some(advice) = advice(verdict)
            && self.witnessed.len() < MOST_WITNESSED
        {
            let (evidence, close) = (verdict.cause_evidence, verdict.close);
            let explained = Explained { id: connection, advice, evidence, close };
            let ends = [closed.connection.client(), closed.connection.server()];
            self.witnessed.push((explained, ends, closed.capture));
        }
        let place = match self.place(told) {
            Some(place) => place,
            // There are not more of these than outcomes.
            None => self.place_anyway(only_outcome(verdict.outcome)),
        };
        let connection = connection as usize;
        if self.places.len() <= connection {
            self.places.resize(connection + 1, 0);
        }
        self.places[connection] = place + 1;
    }

    /// Explains connections by what all others show as well.
    pub fn witness(&mut self, neighbours: &Neighbours, files: &[&str]) {
        for (explained, [client, server], capture) in std::mem::take(&mut self.witnessed) {
            let Some(told) = self.of(explained.id) else { continue };
            let mut told = told.clone();
            let target = CheckTarget::new(client, server, files[capture]).with_files(files);
            let brief = brief(&explained, neighbours, None, &target);
            let Some((_, sentence)) = &brief.evidence else { continue };
            let evidence = format!("evidence: {sentence}");
            if told.reasons.contains(&evidence) {
                continue;
            }
            // What no packet shows stays; the causes are those that are left now.
            told.reasons.retain(|reason| reason.starts_with("note: "));
            let named = brief.cause.iter().chain(&brief.others).take(MOST_CAUSES);
            for (place, cause) in named.enumerate() {
                let word = match place {
                    0 if brief.decided => "cause",
                    0 => "likely",
                    _ => "or",
                };
                told.reasons.push(format!("{word}: {}", cause.text()));
                if brief.decided {
                    break;
                }
            }
            told.reasons.push(evidence);
            told.next = brief.check.map(|(what, command)| Next::Found(what, command));
            let place = self.place_anyway(told);
            self.places[explained.id as usize] = place + 1;
        }
    }

    /// The verdict on a connection, if it is asked for.
    pub fn of(&self, connection: u32) -> Option<&Told> {
        let place = self.places.get(connection as usize)?.checked_sub(1)?;
        self.told.get(place as usize)
    }

    /// The place of a verdict; `None` if it is new and there are too many.
    fn place(&mut self, told: Told) -> Option<u32> {
        let key = (told.outcome.clone(), told.reasons.clone());
        match self.known.get(&key) {
            Some(place) => Some(*place),
            None if self.told.len() >= MOST => None,
            None => Some(self.place_anyway(told)),
        }
    }

    fn place_anyway(&mut self, told: Told) -> u32 {
        let key = (told.outcome.clone(), told.reasons.clone());
        let new = self.told.len() as u32;
        let place = *self.known.entry(key).or_insert(new);
        if place == new {
            self.told.push(told);
        }
        place
    }
}

fn only_outcome(outcome: Outcome) -> Told {
    let meaning = meaning(outcome);
    Told { outcome: outcome.label().into(), meaning, reasons: Vec::new(), next: None }
}

fn meaning(outcome: Outcome) -> &'static str {
    if outcome == Outcome::Complete { "" } else { outcome.doc() }
}

fn told(verdict: &Verdict) -> Told {
    let outcome = verdict.outcome;
    let setup = verdict.times.setup_time_ns.map(|ns| format!("set-up {}", duration(ns)));
    let came_up = [setup.unwrap_or_default(), labels::close(verdict)];
    let came_up = came_up.into_iter().filter(|_| !outcome.failed());
    let parts = [outcome.label().into()].into_iter().chain(came_up);
    let parts: Vec<_> = parts.filter(|part: &String| !part.is_empty()).collect();
    let mut told = Told { outcome: parts.join(", "), ..only_outcome(outcome) };
    // Findings that no packet has, and that are not the outcome itself.
    let findings = verdict.findings.anomalies();
    let later = findings.iter().filter(|finding| finding.needs_the_future());
    let later = later.filter(|finding| finding.label() != outcome.label());
    told.reasons.extend(later.map(|finding: Finding| format!("note: {}", finding.text())));
    if let Some(advice) = advice(verdict) {
        weigh(advice, verdict.cause_evidence, &mut told);
    }
    told
}

/// The advice on what went wrong; `None` if nothing did, or if nothing can be said.
fn advice(verdict: &Verdict) -> Option<&'static Advice> {
    match verdict.outcome.class() {
        OutcomeClass::NoAttempt if verdict.outcome == Outcome::Midstream => verdict.end_advice(),
        OutcomeClass::Open if verdict.outcome != Outcome::Complete => verdict.end_advice(),
        _ => verdict.advice(),
    }
}

/// Adds the cause, or those that the evidence leaves, the evidence, and the first check that helps.
fn weigh(advice: &Advice, evidence: EvidenceSet, told: &mut Told) {
    let left = advice.causes_given(evidence);
    let decided = advice.cause_given(evidence);
    let mut shown = Vec::new();
    let mut named = Vec::new();
    let is_named = |cause| decided.is_none_or(|decided| cause == decided);
    for weighed in left.iter().filter(|it| is_named(it.cause)).take(MOST_CAUSES) {
        let word = match named.is_empty() {
            _ if decided.is_some() => "cause",
            true if weighed.speaks_for.is_empty() => "possible",
            true => "likely",
            false => "or",
        };
        told.reasons.push(format!("{word}: {}", weighed.cause.text()));
        shown
            .extend(weighed.speaks_for.iter().filter(|it| !shown.contains(it)).collect::<Vec<_>>());
        named.push(weighed.cause);
    }
    // What excludes all other causes shows the one that is left.
    if shown.is_empty() && decided.is_some() {
        shown.extend(evidence.iter());
    }
    told.reasons.extend(shown.iter().map(|it: &Evidence| format!("evidence: {}", it.text())));
    let check = advice.checks.iter().find(|check| check.helps_with(&named));
    told.next = check.copied().map(Next::Check);
}
