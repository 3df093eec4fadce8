//! Reading on in one thread while another one walks through what was read before.
//!
//! For a file of long frames, the kernel's copy of it takes as long as everything else: in the thread
//! that walks from record to record, others would wait for both. So the octets come in blocks that are
//! handed over whole. In front of each there is room for the record that the block before has cut, so
//! that nothing but this is copied once more.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::compression::{Octets, Source};

/// Octets that are read at a time.
const BLOCK_OCTETS: usize = 256 * 1024;
/// Room in front of them, at least.
pub(crate) const HEADROOM: usize = 64 * 1024;
/// Blocks begin with a page, in memory and in the file: where the kernel copies to something that lies
/// a little further behind the beginning of a page, it takes three times as long.
const PAGE_OCTETS: usize = 4096;
const ALL_OCTETS: usize = HEADROOM + PAGE_OCTETS + BLOCK_OCTETS;
/// Blocks that may wait, or be on their way.
const MOST: usize = 3;
/// How many threads may read a file at once: each its own part.
const READERS: usize = 2;

/// Reads a capture ahead, in whatever thread: see [`Captures::ahead`](crate::capture::Captures::ahead).
pub(crate) struct Ahead<R = Box<dyn Read + Send>>(Arc<Shared<R>>);

struct Shared<R> {
    /// Locked while it is read from; the other one only for moments.
    source: Mutex<Source<R>>,
    /// The file that is read instead, if it can be read from anywhere.
    file: Option<Arc<File>>,
    blocks: Mutex<Blocks>,
    arrived: Condvar,
}

#[derive(Default)]
struct Blocks {
    /// In order; `None` where a thread is reading.
    read: VecDeque<Option<Piece>>,
    /// The number of the first of them.
    first: u64,
    /// Where the next one begins, in octets from the start of what is read.
    offset: u64,
    empty: Vec<Vec<u8>>,
    ended: bool,
}

/// What reading has come to.
pub(crate) enum Piece {
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
    /// Goes on with a source that so many octets were read from. If it is a file, and that is given,
    /// several threads can read it at once.
    pub(crate) fn new(source: Source<R>, octets_read: u64, file: Option<Arc<File>>) -> Self {
        let file = file.filter(|_| cfg!(unix) && matches!(source, Source::Plain(_)));
        let source = Mutex::new(source);
        let blocks = Mutex::new(Blocks { offset: octets_read, ..Blocks::default() });
        Self(Arc::new(Shared { source, file, blocks, arrived: Condvar::new() }))
    }

    /// Whether something is there for whoever walks on.
    pub fn is_ready(&self) -> bool {
        let blocks = self.blocks();
        blocks.read.front().map_or(blocks.ended, Option::is_some)
    }

    /// Whether [`read`](Self::read) would read something.
    pub fn has_room(&self) -> bool {
        let blocks = self.blocks();
        !blocks.ended && blocks.read.len() < MOST
    }

    /// How many threads can read at once; of more, one waits for the other.
    pub fn readers(&self) -> usize {
        if self.0.file.is_some() { READERS } else { 1 }
    }

    /// Reads some more octets. What goes wrong is told to whoever gets there.
    pub fn read(&self) {
        match &self.0.file {
            Some(file) => self.read_block(
                |into, offset| read_at(file, into, offset).map(Octets::Read),
                |octets_read| octets_read,
            ),
            None => {
                // Until the block is filled, nobody else begins with one.
                let source = RefCell::new(lock(&self.0.source));
                self.read_block(
                    |into, _| source.borrow_mut().read(into),
                    |octets_read| source.borrow().compressed_octets().unwrap_or(octets_read),
                );
            }
        }
    }

    /// Reads the next block, whoever is reading those before it. `octets_read` knows how many octets
    /// were taken from the reader when so many were read.
    fn read_block(
        &self,
        read: impl FnMut(&mut [u8], u64) -> io::Result<Octets>,
        octets_read: impl Fn(u64) -> u64,
    ) {
        let (mut octets, offset, number) = {
            let mut blocks = self.blocks();
            if blocks.ended {
                return;
            }
            let (offset, number) = (blocks.offset, blocks.first + blocks.read.len() as u64);
            blocks.offset += octets_at(offset) as u64;
            blocks.read.push_back(None);
            let octets = blocks.empty.pop().unwrap_or_else(|| vec![0; ALL_OCTETS]);
            (octets, offset, number)
        };
        let (filled, last) = fill(&mut octets, offset, read);
        let octets_read = octets_read(offset + filled.len() as u64);
        let mut blocks = self.blocks();
        // A block before it may have turned out to be the last.
        let place = number.wrapping_sub(blocks.first) as usize;
        if !matches!(blocks.read.get(place), Some(None)) {
            return;
        }
        let block = (!filled.is_empty()).then_some(Piece::Block { octets, filled, octets_read });
        if let Some(last) = last {
            blocks.ended = true;
            blocks.read.truncate(place);
            blocks.read.extend(block.map(Some));
            blocks.read.push_back(Some(Piece::Ended(last)));
        } else {
            blocks.read[place] = block;
        }
        drop(blocks);
        self.0.arrived.notify_all();
    }

    /// What was read next; waits for it, or reads it, if it is not there.
    pub(crate) fn next(&self) -> Piece {
        let mut blocks = self.blocks();
        loop {
            blocks = match blocks.read.front() {
                Some(Some(_)) => {
                    blocks.first += 1;
                    let piece = blocks.read.pop_front().flatten();
                    return piece.unwrap_or(Piece::Ended(Ok(Octets::Read(0))));
                }
                Some(None) => self.0.arrived.wait(blocks).unwrap_or_else(PoisonError::into_inner),
                None if blocks.ended => return Piece::Ended(Ok(Octets::Read(0))),
                None => {
                    drop(blocks);
                    self.read();
                    self.blocks()
                }
            };
        }
    }

    /// Takes a block back, to be filled again.
    pub(crate) fn take_back(&self, octets: Vec<u8>) {
        // It may have grown, or be of another kind.
        if octets.len() == ALL_OCTETS {
            self.blocks().empty.push(octets);
        }
    }

    fn blocks(&self) -> MutexGuard<'_, Blocks> {
        lock(&self.0.blocks)
    }
}

/// How many octets a block has that begins here in the file: it ends with a page.
fn octets_at(offset: u64) -> usize {
    BLOCK_OCTETS - (offset % PAGE_OCTETS as u64) as usize
}

/// Fills a block with what begins at `offset` of the file: where in the block that is, and what came
/// last if it is not full.
fn fill(
    octets: &mut [u8],
    offset: u64,
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<Octets>,
) -> (Range<usize>, Option<io::Result<Octets>>) {
    let page = octets[HEADROOM..].as_ptr().align_offset(PAGE_OCTETS);
    let start = HEADROOM + page.min(PAGE_OCTETS);
    let most = start + octets_at(offset);
    let mut end = start;
    while end < most {
        match read(&mut octets[end..most], offset + (end - start) as u64) {
            Ok(Octets::Read(octets)) if octets > 0 => end += octets,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            last => return (start..end, Some(last)),
        }
    }
    (start..end, None)
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, offset)
}

#[cfg(not(unix))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(ErrorKind::Unsupported.into())
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

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;
    use std::thread;

    use super::*;

    /// So many octets, which tell where they are.
    fn numbers(octets: usize) -> Vec<u8> {
        (0..octets.div_ceil(4) as u32).flat_map(u32::to_le_bytes).take(octets).collect()
    }

    fn file(octets: usize) -> File {
        let mut file = tempfile::tempfile().expect("a file can be made");
        file.write_all(&numbers(octets)).expect("it can be written");
        file
    }

    /// What comes of reading a file from `offset` on in this thread and two more.
    fn read(file: File, offset: u64) -> (Vec<u8>, Piece) {
        let source = Source::Plain(io::empty());
        let ahead = Ahead::new(source, offset, Some(Arc::new(file)));
        assert_eq!(ahead.readers(), READERS);
        let mut all = Vec::new();
        let last = thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !ahead.blocks().ended {
                        if ahead.has_room() {
                            ahead.read();
                        }
                        thread::yield_now();
                    }
                });
            }
            loop {
                match ahead.next() {
                    Piece::Block { octets, filled, octets_read } => {
                        all.extend_from_slice(&octets[filled]);
                        assert_eq!(octets_read, offset + all.len() as u64);
                        ahead.take_back(octets);
                    }
                    last @ Piece::Ended(_) => return last,
                }
            }
        });
        (all, last)
    }

    #[test]
    fn several_threads_read_a_file_in_order() {
        let block = BLOCK_OCTETS;
        for octets in [0, 1, 5000, block - 1, block, block + 1, 20 * block, 20 * block + 77] {
            for offset in [0, 1, 4095, 4096, 5000, octets].into_iter().filter(|it| *it <= octets) {
                let (all, last) = read(file(octets), offset as u64);
                assert!(all == numbers(octets)[offset..], "{octets} octets from {offset}");
                assert!(matches!(last, Piece::Ended(Ok(Octets::Read(0)))));
            }
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_after_what_could() {
        // A folder opens, and cannot be read.
        let folder = File::open(std::env::temp_dir()).expect("it can be opened");
        let source = Source::Plain(io::empty());
        let ahead = Ahead::new(source, 0, Some(Arc::new(folder)));
        ahead.read();
        assert!(matches!(ahead.next(), Piece::Ended(Err(_))));
        assert!(matches!(ahead.next(), Piece::Ended(Ok(Octets::Read(0)))));
    }
}
