//! The table of what is equal, and the differences.

use std::collections::{BTreeMap, BTreeSet};

use super::differences::Listed;

/// The number of rows that agree in connection state, history and roles.
#[derive(Clone, Copy, Default)]
pub struct Score {
    pub rows: usize,
    pub state: usize,
    pub history: usize,
    pub roles: usize,
}

impl Score {
    pub fn add(&mut self, state: bool, history: bool, roles: bool) {
        self.rows += 1;
        self.state += usize::from(state);
        self.history += usize::from(history);
        self.roles += usize::from(roles);
    }

    /// `part` of all rows, 1 where there are none.
    pub fn share(self, part: usize) -> f64 {
        if self.rows == 0 { 1.0 } else { part as f64 / self.rows as f64 }
    }

    fn line(self, name: &str) {
        let Self { rows, state, history, roles } = self;
        println!(
            "  {name:12} {rows:6} {state:6} {:6.2} % {history:6} {:6.2} % {roles:6} {:6.2} %",
            100.0 * self.share(state),
            100.0 * self.share(history),
            100.0 * self.share(roles)
        );
    }
}

/// A pair of addresses and ports whose row differs.
pub struct Difference {
    pub capture: String,
    pub pair: String,
    pub what: String,
}

pub struct Report {
    title: &'static str,
    pub opened: Score,
    pub by_state: BTreeMap<String, Score>,
    /// Rows of pairs that the command does not open, by encapsulation.
    pub unopened: BTreeMap<String, usize>,
    /// Rows with the roles exchanged, by the rule that explains it.
    pub roles_by_rule: BTreeMap<&'static str, usize>,
    pub differences: Vec<Difference>,
}

impl Report {
    pub fn new(title: &'static str) -> Self {
        Self {
            title,
            opened: Score::default(),
            by_state: BTreeMap::new(),
            unopened: BTreeMap::new(),
            roles_by_rule: BTreeMap::new(),
            differences: Vec::new(),
        }
    }

    pub fn print(&self) {
        println!("\n{}", self.title);
        println!("  conn_state     rows  state            history           roles");
        for (state, score) in &self.by_state {
            score.line(state);
        }
        self.opened.line("all opened");
        let unopened: usize = self.unopened.values().sum();
        println!("  roles exchanged by rule: {:?}", self.roles_by_rule);
        println!("  not opened {unopened}: {:?}", self.unopened);
        for Difference { capture, pair, what } in &self.differences {
            println!("  {capture} {pair}: {what}");
        }
    }

    /// Differences that are not listed, and listed ones that are gone.
    pub fn unexplained(&self, listed: &[Listed]) -> Vec<String> {
        let known: BTreeSet<_> =
            listed.iter().map(|listed| (listed.capture, listed.pair)).collect();
        let found: BTreeMap<_, _> = self
            .differences
            .iter()
            .map(|found| ((&*found.capture, &*found.pair), &found.what))
            .collect();
        let new = found.iter().filter(|(place, _)| !known.contains(*place));
        let gone = known.iter().filter(|place| !found.contains_key(*place));
        new.map(|((capture, pair), what)| format!("{capture} {pair}: {what}"))
            .chain(gone.map(|(capture, pair)| format!("{capture} {pair}: no longer differs")))
            .collect()
    }
}
