//! The buffer that a capture is read through.

use std::fs::File;
use std::io::{ErrorKind, Read, Result};
use std::ops::Range;
use std::sync::Arc;

use super::compression::{self, Octets, Source};
use super::read_ahead::{HEADROOM, Piece, ReadAhead};

/// Octets of the buffer at first: it stays in a core's own cache, which makes reading twice as fast as
/// with a buffer of several megaoctets.
const INITIAL_OCTETS: usize = 256 * 1024;

/// Octets read from `R` but not yet consumed.
#[derive(Debug)]
pub(crate) struct Buffer<R> {
    source: Source<R>,
    /// Replaces `source` once other threads read ahead.
    read_ahead: Option<ReadAhead<R>>,
    octets: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    damaged: bool,
    /// Octets read so far, if they are plain or read ahead.
    read: u64,
}

impl<R: Read> Buffer<R> {
    pub(crate) fn new(reader: R) -> Self {
        let octets = vec![0; INITIAL_OCTETS];
        Self {
            source: Source::Plain(reader),
            read_ahead: None,
            octets,
            start: 0,
            end: 0,
            at_end: false,
            damaged: false,
            read: 0,
        }
    }

    /// Continues with the decompressed octets if the octets so far are compressed.
    pub(crate) fn decompress(&mut self) {
        if compression::is_compressed(self.filled()) {
            let start = self.filled().to_vec();
            self.source = std::mem::replace(&mut self.source, Source::Ended(0)).decompressed(start);
            (self.start, self.end, self.at_end) = (0, 0, false);
        }
    }

    /// Gets all further octets from a [`ReadAhead`], and returns it; `file` is the input, if it is a
    /// file.
    pub(crate) fn read_ahead(&mut self, file: Option<&Arc<File>>) -> ReadAhead<R> {
        if let Some(read_ahead) = &self.read_ahead {
            return read_ahead.clone();
        }
        self.read = self.octets_read();
        let source = std::mem::replace(&mut self.source, Source::Ended(0));
        self.read_ahead.insert(ReadAhead::new(source, self.read, file.cloned())).clone()
    }

    /// True if the next record may not be there until another thread has read a block.
    pub(crate) fn waits(&self) -> bool {
        let Some(read_ahead) = &self.read_ahead else { return false };
        self.filled().len() < HEADROOM && !read_ahead.is_ready()
    }

    /// Octets taken from the reader.
    pub(crate) fn octets_read(&self) -> u64 {
        match self.read_ahead {
            Some(_) => self.read,
            None => self.source.compressed_octets().unwrap_or(self.read),
        }
    }

    /// True if compressed data is damaged or ended too early.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// The octets not yet consumed.
    #[inline]
    pub(crate) fn filled(&self) -> &[u8] {
        &self.octets[self.start..self.end]
    }

    /// Position in the buffer of `filled()[0]`; valid until the next [`fill`](Self::fill).
    #[inline]
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// All octets, consumed or not. Positions are valid until the next [`fill`](Self::fill).
    #[inline]
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Steps over the first `octets` of [`filled`](Self::filled).
    #[inline]
    pub(crate) fn consume(&mut self, octets: usize) {
        self.start = self.end.min(self.start + octets);
    }

    /// Reads until `required` octets are there, and as many more as fit; `false` if the input ends
    /// before that.
    ///
    /// The buffer only grows when it is full, so a length field that lies costs no memory.
    #[cold]
    pub(crate) fn fill(&mut self, required: usize) -> Result<bool> {
        if let Some(read_ahead) = self.read_ahead.clone() {
            return self.fill_from(&read_ahead, required);
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

    /// Does the same with the blocks that were read ahead.
    fn fill_from(&mut self, read_ahead: &ReadAhead<R>, required: usize) -> Result<bool> {
        while self.filled().len() < required && !self.at_end {
            match read_ahead.next() {
                Piece::Block { octets, filled, octets_read } => {
                    self.read = octets_read;
                    self.continue_with(read_ahead, octets, filled);
                }
                Piece::Ended(Ok(last)) => {
                    (self.at_end, self.damaged) = (true, matches!(last, Octets::Damaged));
                }
                Piece::Ended(Err(error)) => return Err(error),
            }
        }
        Ok(self.filled().len() >= required)
    }

    /// Makes the block the buffer. The octets not yet consumed go in front of it, if there is room.
    fn continue_with(
        &mut self,
        read_ahead: &ReadAhead<R>,
        mut block: Vec<u8>,
        filled: Range<usize>,
    ) {
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
        read_ahead.take_back(block);
    }
}
