//! The result of triage: what a capture shows at first sight.

use std::cmp::Reverse;
use std::collections::HashSet;

use dissector_core::connection::{Cause, Evidence, Outcome, OutcomeClass};

use super::beyond::Beyond;
use super::capture::CaptureFacts;
use super::closer::Looks;
use super::collector::Collector;
use super::limits::{self, Directions, Limit};
use super::record::Record;
use super::{failures, patterns, silent, slow};
use crate::args::Select;
use crate::explain::Neighbours;
use crate::reading::input;

/// Connections of a group that are listed by number.
pub const LISTED: usize = 1000;

/// The triage of captures: to be shown as [text](Self::text) or [JSON](Self::json).
pub struct Triage {
    /// The captures as they were named.
    pub files: Vec<String>,
    /// Whether commands can read them again.
    pub readable: bool,
    pub facts: CaptureFacts,
    /// What limits the answers.
    pub limits: Vec<Limit>,
    pub counts: Counts,
    /// Connections by outcome, in the order of the vocabulary.
    pub outcomes: Vec<(Outcome, u64)>,
    /// In order: failures, patterns, what came up slowly, what came up and stayed silent.
    pub groups: Vec<Group>,
    /// The command line asks for some of the connections.
    pub restricted: bool,
    /// Nothing that came up was captured in both directions.
    pub one_sided: bool,
    /// The slowest set-up of those that came up, in nanoseconds, and the connection.
    pub slowest: Option<(u64, u32)>,
}

/// Every connection counts once in `failed`, `came_up`, `undecided`, `patterns`, `not_opened`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// All connections, or those that the command line asks for.
    pub connections: u64,
    /// Those that did not come up, patterns aside.
    pub failed: u64,
    /// Those that came up, patterns aside.
    pub came_up: u64,
    /// Those that may still come up, or of which the capture cannot show whether they did.
    pub undecided: u64,
    /// Those of scans, floods, backscatter and probes.
    pub patterns: u64,
    /// Those of which the capture shows no attempt to open them.
    pub not_opened: u64,
    /// Of those that came up: slowly.
    pub slow: u64,
    /// Of those that came up: nothing came back afterwards, or they were turned away.
    pub silent: u64,
    /// Of those that came up: ended by an RST.
    pub reset: u64,
    /// Failures that are in no group, because there were too many to keep.
    pub not_kept: u64,
}

impl Counts {
    /// Counts a connection among the patterns, and no longer where its outcome put it.
    fn move_to_patterns(&mut self, record: &Record, hidden: bool, weight: u64) {
        let (bucket, weight) = match record.outcome().class() {
            OutcomeClass::Failed(_) if hidden => (&mut self.undecided, 1),
            OutcomeClass::Failed(_) => (&mut self.failed, 1),
            OutcomeClass::Open => (&mut self.came_up, weight),
            OutcomeClass::Undecided => (&mut self.undecided, 1),
            _ => (&mut self.not_opened, 1),
        };
        let weight = weight.min(*bucket);
        *bucket -= weight;
        self.patterns += weight;
    }
}

/// The part of triage that a group belongs to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Section {
    Failed,
    Pattern,
    Silent,
    Slow,
    Reset,
}

impl Section {
    /// The name for programs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Pattern => "pattern",
            Self::Silent => "silent",
            Self::Slow => "slow",
            Self::Reset => "reset",
        }
    }
}

/// Connections that have something in common.
pub struct Group {
    pub section: Section,
    /// What they have in common, or the name of the pattern, for programs.
    pub kind: &'static str,
    /// One line that says what happens to which.
    pub title: String,
    /// One or two sentences.
    pub explanation: String,
    /// What the explanation rests on most.
    pub evidence: Option<(Option<Evidence>, String)>,
    /// The first thing to check, and its command.
    pub check: Option<(&'static str, Option<String>)>,
    /// The command that says more.
    pub next: Option<String>,
    pub outcome: Option<Outcome>,
    pub cause: Option<Cause>,
    /// Whether the evidence decides on the cause.
    pub decided: bool,
    /// The connection that the explanation is of.
    pub example: u32,
    /// Numbers of connections, at most [`LISTED`].
    pub connections: Vec<u32>,
    /// How many there are.
    pub count: u64,
    /// How many attempts there were with the same in common, whatever became of them.
    pub attempts: Option<u64>,
    /// It is said in one line.
    pub is_minor: bool,
    /// First segments of the first and the last, in nanoseconds since 1970 UTC.
    pub span_ns: (i64, i64),
}

impl Group {
    /// A group of these connections, to be filled in.
    pub fn new(section: Section, kind: &'static str, members: &[&Record]) -> Self {
        let mut connections: Vec<_> = members.iter().map(|record| record.id()).collect();
        connections.sort_unstable();
        let example = connections.first().copied().unwrap_or(0);
        connections.truncate(LISTED);
        let times = members.iter().map(|record| record.neighbour.first_ns);
        let span_ns = (times.clone().min().unwrap_or(0), times.max().unwrap_or(0));
        Self {
            section,
            kind,
            title: String::new(),
            explanation: String::new(),
            evidence: None,
            check: None,
            next: None,
            outcome: None,
            cause: None,
            decided: false,
            example,
            connections,
            count: members.len() as u64,
            attempts: None,
            is_minor: false,
            span_ns,
        }
    }
}

/// What the makers of groups look at.
pub struct Scene<'a> {
    pub files: &'a [&'a str],
    pub readable: bool,
    pub neighbours: &'a Neighbours,
    pub closer: Looks,
    pub beyond: Beyond,
    /// One of so many connections that came up was kept.
    pub weight: u64,
    pub span_ns: Option<(i64, i64)>,
}

impl Triage {
    /// Judges what was collected.
    pub(super) fn new(
        collector: Collector,
        facts: CaptureFacts,
        files: &[String],
        select: &Select,
    ) -> Self {
        let asked = collector.outcomes.iter().sum::<u64>();
        let restricted = select.failed || !select.outcome.is_empty() || asked < collector.total();
        let Collector { odd, open, beyond, stride_bits, outcomes, .. } = collector;
        let weight = 1 << stride_bits;
        let mut neighbours = Neighbours::default();
        let mut all: Vec<_> = odd.iter().chain(&open).collect();
        all.sort_unstable_by_key(|record| record.id());
        all.iter().for_each(|record| neighbours.push(record.neighbour));
        // What the command line does not ask for is evidence all the same.
        let up: Vec<_> = all.iter().copied().filter(|record| record.is_open()).collect();
        all.retain(|record| record.selected);
        let paths: Vec<_> = files.iter().map(Into::into).collect();
        let names: Vec<_> = files.iter().map(String::as_str).collect();
        let readable = input::can_be_read_again(&paths);
        let mut scene = Scene {
            files: &names,
            readable,
            neighbours: &neighbours,
            closer: Looks::default(),
            beyond,
            weight,
            span_ns: facts.span_ns,
        };
        let count = |class: &dyn Fn(OutcomeClass) -> bool| -> u64 {
            let matching = Outcome::ALL.iter().filter(|outcome| class(outcome.class()));
            matching.map(|outcome| outcomes[usize::from(outcome.number())]).sum()
        };
        let mut counts = Counts {
            connections: asked,
            failed: count(&|class| matches!(class, OutcomeClass::Failed(_))),
            came_up: count(&|class| class == OutcomeClass::Open),
            undecided: count(&|class| class == OutcomeClass::Undecided),
            not_opened: count(&|class| class == OutcomeClass::NoAttempt),
            ..Counts::default()
        };

        let directions = Directions::of(&all);
        let hidden = |record: &Record| directions.hide(record);
        let hidden_failures = all.iter().filter(|it| it.failed() && hidden(it)).count() as u64;
        counts.failed = counts.failed.saturating_sub(hidden_failures);
        counts.undecided += hidden_failures;

        let legs = patterns::legs(&all, &scene);
        let found = patterns::find(&all, &legs, &directions, &scene);
        let of_patterns: HashSet<u32> =
            found.iter().flat_map(|found| &found.members).copied().collect();
        for record in all.iter().filter(|record| of_patterns.contains(&record.id())) {
            counts.move_to_patterns(record, hidden(record), weight);
        }
        for further in found.iter().map(|found| found.further) {
            counts.failed = counts.failed.saturating_sub(further.failed);
            counts.undecided = counts.undecided.saturating_sub(further.undecided);
            counts.patterns += further.failed + further.undecided;
        }
        let rest: Vec<_> = all
            .iter()
            .copied()
            .filter(|it| !(of_patterns.contains(&it.id()) || it.failed() && hidden(it)))
            .collect();
        let kept_failures = rest.iter().filter(|record| record.failed()).count() as u64;
        counts.not_kept = counts.failed.saturating_sub(kept_failures);
        // Without the ACKs, times and answers are not those of the connections.
        let of_open = if directions.lack_plain() { &[] } else { &rest[..] };
        let described = |scene: &Scene<'_>| {
            (
                failures::groups(&rest, &up, scene),
                silent::groups(of_open, scene),
                slow::groups(of_open, scene),
            )
        };
        let mut parts = described(&scene);
        if scene.closer.take(&paths) {
            parts = described(&scene);
        }
        let (mut groups, (silent, of_silent), (slow, of_slow)) = parts;
        for group in groups.iter().filter(|group| group.section == Section::Pattern) {
            counts.failed = counts.failed.saturating_sub(group.count);
            counts.patterns += group.count;
        }
        groups.extend(found.into_iter().map(|found| found.group).chain(silent).chain(slow));
        [counts.silent, counts.reset] = of_silent.map(|count| count * weight);
        counts.slow = of_slow * weight;
        groups.sort_by_key(|group| group.section);
        let times = of_open.iter().filter_map(|record| Some((record.setup.ns()?, record.id())));
        let slowest = times.max_by_key(|(setup_ns, id)| (*setup_ns, Reverse(*id)));
        let limits = limits::of(
            &facts,
            &all,
            |it| of_patterns.contains(&it.id()),
            &legs,
            &counts,
            &directions,
            weight,
        );
        let outcomes = Outcome::ALL.iter().copied().zip(outcomes);
        Self {
            files: files.to_vec(),
            readable,
            facts,
            limits,
            counts,
            outcomes: outcomes.filter(|(_, count)| *count > 0).collect(),
            groups,
            restricted,
            one_sided: !directions.has_both() || directions.lack_plain(),
            slowest,
        }
    }
}
