//! The one buffer that a capture is read through.

use std::io::{ErrorKind, Read, Result};

/// Octets the buffer starts with: it stays in a core's own cache, which reads twice as fast as a
/// buffer of several megaoctets does.
const INITIAL_OCTETS: usize = 512 * 1024;

/// Octets read from `R` but not yet consumed.
#[derive(Debug)]
pub(super) struct Buffer<R> {
    reader: R,
    octets: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
}

impl<R: Read> Buffer<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, octets: vec![0; INITIAL_OCTETS], start: 0, end: 0, at_end: false }
    }

    /// The octets that are there.
    #[inline]
    pub(super) fn filled(&self) -> &[u8] {
        &self.octets[self.start..self.end]
    }

    /// Position in the buffer of `filled()[0]`; valid until the next [`fill`](Self::fill).
    #[inline]
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Octets from `start` on, consumed or not; valid as long as `start` is.
    #[inline]
    pub(super) fn from(&self, start: usize) -> &[u8] {
        &self.octets[start..self.end]
    }

    /// Steps over the first `octets` of [`filled`](Self::filled).
    #[inline]
    pub(super) fn consume(&mut self, octets: usize) {
        self.start = self.end.min(self.start + octets);
    }

    /// Reads until `required` octets are there, and as many more as fit; `false` where the input
    /// ends before that.
    ///
    /// The buffer only grows when it is full, so a length field that lies costs no memory.
    #[cold]
    pub(super) fn fill(&mut self, required: usize) -> Result<bool> {
        self.octets.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < required && !self.at_end {
            if self.end == self.octets.len() {
                self.octets.resize(required.min(self.octets.len() * 2), 0);
            }
            match self.reader.read(&mut self.octets[self.end..]) {
                Ok(0) => self.at_end = true,
                Ok(octets) => self.end += octets,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.end >= required)
    }
}
