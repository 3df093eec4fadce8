//! The one buffer that a capture is read through.

use std::fs::File;
use std::io::{ErrorKind, Read, Result};
use std::ops::Range;
use std::sync::Arc;

use super::compression::{self, Octets, Source};
use super::read_ahead::{Ahead, HEADROOM, Piece};

/// Octets the buffer starts with: it stays in a core's own cache, which reads twice as fast as a
/// buffer of several megaoctets does.
const INITIAL_OCTETS: usize = 256 * 1024;

/// Octets read from `R` but not yet consumed.
#[derive(Debug)]
pub(crate) struct Buffer<R> {
    source: Source<R>,
    /// Where the octets come from instead, once they are read ahead.
    ahead: Option<Ahead<R>>,
    octets: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    damaged: bool,
    /// Octets read so far, as long as they are plain or read ahead.
    read: u64,
}

impl<R: Read> Buffer<R> {
    pub(crate) fn new(reader: R) -> Self {
        let octets = vec![0; INITIAL_OCTETS];
        Self {
            source: Source::Plain(reader),
            ahead: None,
            octets,
            start: 0,
            end: 0,
            at_end: false,
            damaged: false,
            read: 0,
        }
    }

    /// Goes on with the decompressed octets, if those that are there are compressed ones.
    pub(crate) fn decompress(&mut self) {
        if compression::is_compressed(self.filled()) {
            let start = self.filled().to_vec();
            self.source = std::mem::replace(&mut self.source, Source::Ended(0)).decompressed(start);
            (self.start, self.end, self.at_end) = (0, 0, false);
        }
    }

    /// Who reads ahead from now on; `file` is what is read, if it is a file.
    pub(crate) fn ahead(&mut self, file: Option<&Arc<File>>) -> Ahead<R> {
        if let Some(ahead) = &self.ahead {
            return ahead.clone();
        }
        self.read = self.octets_read();
        let source = std::mem::replace(&mut self.source, Source::Ended(0));
        self.ahead.insert(Ahead::new(source, self.read, file.cloned())).clone()
    }

    /// Whether the next record may have to be waited for.
    pub(crate) fn waits(&self) -> bool {
        let Some(ahead) = &self.ahead else { return false };
        self.filled().len() < HEADROOM && !ahead.is_ready()
    }

    /// Octets taken from the reader.
    pub(crate) fn octets_read(&self) -> u64 {
        match self.ahead {
            Some(_) => self.read,
            None => self.source.compressed_octets().unwrap_or(self.read),
        }
    }

    /// Whether compressed data ended before its end, or could not be decompressed.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// The octets that are there.
    #[inline]
    pub(crate) fn filled(&self) -> &[u8] {
        &self.octets[self.start..self.end]
    }

    /// Position in the buffer of `filled()[0]`; valid until the next [`fill`](Self::fill).
    #[inline]
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Octets from `start` on, consumed or not; valid as long as `start` is.
    #[inline]
    pub(crate) fn from(&self, start: usize) -> &[u8] {
        &self.octets[start..self.end]
    }

    /// The octets at `place`, consumed or not; valid as long as `start` is.
    #[inline]
    pub(crate) fn at(&self, place: Range<usize>) -> &[u8] {
        &self.octets[place]
    }

    /// Steps over the first `octets` of [`filled`](Self::filled).
    #[inline]
    pub(crate) fn consume(&mut self, octets: usize) {
        self.start = self.end.min(self.start + octets);
    }

    /// Reads until `required` octets are there, and as many more as fit; `false` where the input
    /// ends before that.
    ///
    /// The buffer only grows when it is full, so a length field that lies costs no memory.
    #[cold]
    pub(crate) fn fill(&mut self, required: usize) -> Result<bool> {
        if let Some(ahead) = self.ahead.clone() {
            return self.fill_from(&ahead, required);
        }
        self.octets.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while self.end < required && !self.at_end {
            if self.end == self.octets.len() {
                self.octets.resize(required.min(self.octets.len() * 2), 0);
            }
            match self.source.read(&mut self.octets[self.end..]) {
                Ok(Octets::Read(0)) => self.at_end = true,
                Ok(Octets::Read(octets)) => {
                    self.end += octets;
                    self.read += octets as u64;
                }
                Ok(Octets::Damaged) => (self.at_end, self.damaged) = (true, true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.end >= required)
    }

    /// The same of what was read ahead.
    fn fill_from(&mut self, ahead: &Ahead<R>, required: usize) -> Result<bool> {
        while self.filled().len() < required && !self.at_end {
            match ahead.next() {
                Piece::Block { octets, filled, octets_read } => {
                    self.read = octets_read;
                    self.go_on_with(ahead, octets, filled);
                }
                Piece::Ended(Ok(last)) => {
                    (self.at_end, self.damaged) = (true, matches!(last, Octets::Damaged));
                }
                Piece::Ended(Err(error)) => return Err(error),
            }
        }
        Ok(self.filled().len() >= required)
    }

    /// What is left goes in front of the block, if there is room for it.
    fn go_on_with(&mut self, ahead: &Ahead<R>, mut block: Vec<u8>, filled: Range<usize>) {
        let left = self.filled();
        if left.len() <= HEADROOM {
            let start = filled.start - left.len();
            block[start..filled.start].copy_from_slice(left);
            (self.start, self.end) = (start, filled.end);
            std::mem::swap(&mut self.octets, &mut block);
        } else {
            self.octets.truncate(self.end);
            self.octets.drain(..self.start);
            self.octets.extend_from_slice(&block[filled]);
            (self.start, self.end) = (0, self.octets.len());
        }
        ahead.take_back(block);
    }
}
