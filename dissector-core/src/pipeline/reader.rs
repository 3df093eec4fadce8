//! Reads captures until it is told to stop, collects errors, and notes the capture in which each
//! connection began.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::capture::{Captures, FileError};
use crate::pipeline::batch::Batch;
use crate::pipeline::follow::FollowOptions;

/// Packets between two calls of the progress callback.
const PACKETS_PER_REPORT: u32 = 1 << 12;

/// The captures that are read, and the errors and the progress of reading.
pub(super) struct Reader<'c, 'o> {
    pub captures: &'c mut Captures,
    stop: Option<&'o AtomicBool>,
    progress: Option<Box<dyn FnMut(u64) + Send + 'o>>,
    /// Packets until the next call of the progress callback.
    countdown: u32,
    pub errors: Vec<FileError>,
    pub stopped: bool,
}

impl<'c, 'o> Reader<'c, 'o> {
    pub fn new(captures: &'c mut Captures, options: FollowOptions<'o>) -> Self {
        let FollowOptions { stop, progress, .. } = options;
        let countdown = PACKETS_PER_REPORT;
        Self { captures, stop, progress, countdown, errors: Vec::new(), stopped: false }
    }

    /// Whether reading was not told to stop.
    #[inline]
    pub fn goes_on(&mut self) -> bool {
        self.stopped = self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        !self.stopped
    }

    /// Counts packets for the progress callback.
    #[inline]
    pub fn count(&mut self, packets: u32) {
        if let Some(progress) = &mut self.progress {
            self.countdown = self.countdown.saturating_sub(packets);
            if self.countdown == 0 {
                self.countdown = PACKETS_PER_REPORT;
                progress(self.captures.octets_read());
            }
        }
    }

    /// Reads until there are `packets` more in `batch`, or all is walked through that was read
    /// [ahead](Captures::ahead); `false` at the end.
    pub fn fill(&mut self, batch: &mut Batch, packets: usize) -> bool {
        let start = batch.len();
        loop {
            if !self.goes_on() {
                return false;
            }
            match self.captures.fill(batch, start + packets - batch.len()) {
                Ok(true) => break,
                Ok(false) => return false,
                Err(error) => self.errors.push(error),
            }
        }
        self.count((batch.len() - start) as u32);
        true
    }
}

/// The capture in which each connection began. Connections are numbered in order, so that only the
/// changes from one capture to another are stored.
#[derive(Default)]
pub(super) struct Origins {
    changes: Vec<(u32, u32)>,
    next: u32,
}

impl Origins {
    /// A packet in `capture` belongs to connection number `connection`.
    #[inline]
    pub fn note(&mut self, connection: u32, capture: u32) {
        if connection >= self.next {
            self.next = connection + 1;
            if self.changes.last().is_none_or(|(_, last)| *last != capture) {
                self.changes.push((connection, capture));
            }
        }
    }

    pub fn of(&self, connection: u32) -> usize {
        let place = self.changes.partition_point(|(first, _)| *first <= connection);
        place.checked_sub(1).map_or(0, |place| self.changes[place].1 as usize)
    }
}
