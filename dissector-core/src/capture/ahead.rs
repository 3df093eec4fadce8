//! Reading on in one thread while another one walks through what was read before.
//!
//! For a file of long frames, the kernel's copy of it takes as long as everything else: in the thread
//! that walks from record to record, others would wait for both. So the octets come in blocks that are
//! handed over whole. In front of each there is room for the record that the block before has cut, so
//! that nothing but this is copied once more.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::compression::{Octets, Source};

/// Octets that are read at a time.
const BLOCK_OCTETS: usize = 256 * 1024;
/// Room in front of them, at least.
pub(super) const HEADROOM: usize = 64 * 1024;
/// Blocks begin with a page, in memory and in the file: where the kernel copies to something that lies
/// a little further behind the beginning of a page, it takes three times as long.
const PAGE_OCTETS: usize = 4096;
const ALL_OCTETS: usize = HEADROOM + PAGE_OCTETS + BLOCK_OCTETS;
/// Blocks that may wait.
const MOST: usize = 2;

/// Reads a capture ahead, in whatever thread: see [`Captures::ahead`](super::Captures::ahead).
pub struct Ahead<R = Box<dyn Read + Send>>(Arc<Shared<R>>);

struct Shared<R> {
    /// Locked while it is read from; the other one only for moments.
    reader: Mutex<Reader<R>>,
    blocks: Mutex<Blocks>,
}

struct Reader<R> {
    source: Source<R>,
    octets_read: u64,
}

#[derive(Default)]
struct Blocks {
    read: VecDeque<Piece>,
    empty: Vec<Vec<u8>>,
    ended: bool,
}

/// What reading has come to.
pub(super) enum Piece {
    Block {
        octets: Vec<u8>,
        /// Where they are; before that there are [`HEADROOM`] octets or more.
        filled: Range<usize>,
        /// Octets taken from the reader so far.
        octets_read: u64,
    },
    /// Nothing any more, and why.
    Ended(io::Result<Octets>),
}

impl<R: Read> Ahead<R> {
    /// Goes on with a source that so many octets were read from.
    pub(super) fn new(source: Source<R>, octets_read: u64) -> Self {
        let reader = Mutex::new(Reader { source, octets_read });
        Self(Arc::new(Shared { reader, blocks: Mutex::default() }))
    }

    /// Whether something is there for whoever walks on.
    pub fn is_ready(&self) -> bool {
        let blocks = self.blocks();
        blocks.ended || !blocks.read.is_empty()
    }

    /// Whether [`read`](Self::read) would read something.
    pub fn has_room(&self) -> bool {
        let blocks = self.blocks();
        !blocks.ended && blocks.read.len() < MOST
    }

    /// Reads some more octets. What goes wrong is told to whoever gets there.
    pub fn read(&self) {
        let mut reader = lock(&self.0.reader);
        let mut octets = {
            let mut blocks = self.blocks();
            if blocks.ended {
                return;
            }
            blocks.empty.pop().unwrap_or_else(|| vec![0; ALL_OCTETS])
        };
        let page = octets[HEADROOM..].as_ptr().align_offset(PAGE_OCTETS);
        let start = HEADROOM + page.min(PAGE_OCTETS);
        let behind = reader.octets_read % PAGE_OCTETS as u64;
        let most = start + BLOCK_OCTETS - behind as usize;
        let mut end = start;
        let mut ended = None;
        while end < most && ended.is_none() {
            match reader.source.read(&mut octets[end..most]) {
                Ok(Octets::Read(octets)) if octets > 0 => {
                    end += octets;
                    reader.octets_read += octets as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                last => ended = Some(last),
            }
        }
        let octets_read = reader.source.compressed_octets().unwrap_or(reader.octets_read);
        let mut blocks = self.blocks();
        if end > start {
            blocks.read.push_back(Piece::Block { octets, filled: start..end, octets_read });
        }
        if let Some(last) = ended {
            blocks.ended = true;
            blocks.read.push_back(Piece::Ended(last));
        }
    }

    /// What was read next; waits for it, or reads it, if it is not there.
    pub(super) fn next(&self) -> Piece {
        loop {
            let mut blocks = self.blocks();
            match blocks.read.pop_front() {
                Some(piece) => return piece,
                None if blocks.ended => return Piece::Ended(Ok(Octets::Read(0))),
                None => drop(blocks),
            }
            self.read();
        }
    }

    /// Takes a block back, to be filled again.
    pub(super) fn take_back(&self, octets: Vec<u8>) {
        // It may have grown, or be of another kind.
        if octets.len() == ALL_OCTETS {
            self.blocks().empty.push(octets);
        }
    }

    fn blocks(&self) -> MutexGuard<'_, Blocks> {
        lock(&self.0.blocks)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<R> Clone for Ahead<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> fmt::Debug for Ahead<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ahead")
    }
}
