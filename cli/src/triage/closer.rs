//! A closer look at the connections that groups are explained by: each packet of theirs is read again.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use crate::args::{Select, Source};
use crate::explain::Closer;
use crate::reading::input;
use crate::timeline;

/// Captures up to this size are read again, in octets: that takes about a second.
const SMALL: u64 = 100_000_000;

/// What was seen from close by, and what else is to be looked at.
#[derive(Default)]
pub struct Looks {
    seen: HashMap<u32, Closer>,
    wanted: RefCell<BTreeSet<u32>>,
}

impl Looks {
    /// What a closer look at a connection showed; if there was none yet, it is wanted.
    pub fn look_at(&self, id: u32) -> Option<&Closer> {
        let seen = self.seen.get(&id);
        if seen.is_none() {
            self.wanted.borrow_mut().insert(id);
        }
        seen
    }

    /// Looks at the connections that are wanted, if the captures are small and can be read again. Returns
    /// whether there is more to tell.
    pub fn take(&mut self, files: &[PathBuf]) -> bool {
        let wanted = self.wanted.take();
        let is_small = input::octets(files).is_some_and(|octets| octets <= SMALL);
        if wanted.is_empty() || !is_small || !input::can_be_read_again(files) {
            return false;
        }
        #[allow(clippy::useless_conversion, reason = "numbers may be ranges")]
        let conn = wanted.iter().map(|id| (*id).into()).collect();
        let select = Select { conn, ..Select::default() };
        let source = Source { files: files.to_vec(), threads: None };
        // Errors were reported when the captures were read first.
        let Ok((timelines, _)) = timeline::collect(&source, &select, wanted.len(), |_| {}) else {
            return false;
        };
        let seen = timelines.list.iter().map(|timeline| (timeline.id, Closer::new(timeline)));
        self.seen.extend(seen);
        !self.seen.is_empty()
    }
}
