//! Collects closed connections, in bounded memory.

use dissector_core::connection::{Outcome, OutcomeClass};

use super::beyond::Beyond;
use super::capture::CaptureFacts;
use super::record::Record;
use super::result::Triage;
use crate::args::Select;

/// Connections that are kept: that many which failed or have no open outcome, and that many others.
pub const MOST: usize = 100_000;

/// Takes closed connections, and gives the triage of all of them.
#[derive(Default)]
pub struct Collector {
    /// Those that did not come up.
    pub(super) odd: Vec<Record>,
    /// Those that did not come up and are not kept.
    pub(super) beyond: Beyond,
    /// Those that came up: all of them, or every `stride`th.
    pub(super) open: Vec<Record>,
    /// Every which one of those that came up is kept, as a power of two.
    pub(super) stride_bits: u32,
    /// All connections, by number of outcome; those that the command line asks for.
    pub(super) outcomes: [u64; Outcome::ALL.len()],
    /// All connections, asked for or not.
    total: u64,
    opened: u64,
}

impl Collector {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a closed connection that [`Record::of`] has made, in another thread for instance.
    pub fn put(&mut self, record: Record) {
        self.total += 1;
        let outcome = record.outcome();
        if record.selected {
            self.outcomes[usize::from(outcome.number())] += 1;
        }
        if outcome.class() != OutcomeClass::Open {
            match self.odd.len() < MOST {
                true => self.odd.push(record),
                false => self.beyond.add(&record),
            }
            return;
        }
        let place = self.opened;
        self.opened += 1;
        if place & ((1 << self.stride_bits) - 1) != 0 {
            return;
        }
        if self.open.len() == MOST {
            // Every second one stays, so that they are spread over the whole capture.
            let mut keep = false;
            self.open.retain(|_| {
                keep = !keep;
                keep
            });
            self.stride_bits += 1;
        }
        self.open.push(record);
    }

    /// How many connections were taken in, asked for or not.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The triage of all of them, asked for by `select`; `files` are the captures as they were named.
    pub fn finish(self, facts: CaptureFacts, files: &[String], select: &Select) -> Triage {
        Triage::new(self, facts, files, select)
    }
}
