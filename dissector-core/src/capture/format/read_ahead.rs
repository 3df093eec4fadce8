//! Reading a file in one thread while another walks through the records read before.
//!
//! With long frames, the kernel's copy of the file takes as long as everything else. The octets
//! therefore come in blocks, which are handed over whole from a thread that reads to the one that
//! walks. Room in front of each block takes the start of the record that the block before has cut;
//! nothing else is copied again.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::compression::{Octets, Source};

/// Octets of a block.
const BLOCK_OCTETS: usize = 256 * 1024;
/// Octets of room in front of a block, at least.
pub(crate) const HEADROOM: usize = 64 * 1024;
/// Blocks begin with a page, in memory and in the file: the kernel takes three times as long to copy
/// to an address a little behind the start of a page.
const PAGE_OCTETS: usize = 4096;
const ALL_OCTETS: usize = HEADROOM + PAGE_OCTETS + BLOCK_OCTETS;
/// Blocks that have been read or are being read, at most.
const MOST: usize = 3;
/// Threads that may read a file at once, each its own block.
const READERS: usize = 2;

/// Reads a capture ahead in other threads: see
/// [`Captures::read_ahead`](crate::capture::Captures::read_ahead). Clones read the same capture.
pub(crate) struct ReadAhead<R = Box<dyn Read + Send>>(Arc<Shared<R>>);

struct Shared<R> {
    /// Locked while it is read from; `blocks` is only locked for moments.
    source: Mutex<Source<R>>,
    /// The file that is read instead of `source`, if it can be read at any offset.
    file: Option<Arc<File>>,
    blocks: Mutex<Blocks>,
    arrived: Condvar,
}

#[derive(Default)]
struct Blocks {
    /// In order; `None` for a block that a thread is reading.
    read: VecDeque<Option<Piece>>,
    /// Number of the first block in `read`.
    first: u64,
    /// Where the next block begins, in octets from the start of the input.
    offset: u64,
    empty: Vec<Vec<u8>>,
    ended: bool,
}

/// The result of reading a block.
pub(crate) enum Piece {
    Block {
        octets: Vec<u8>,
        /// Position of the octets read, behind [`HEADROOM`] octets or more.
        filled: Range<usize>,
        /// Octets taken from the reader so far.
        octets_read: u64,
    },
    /// The end of the input, or the error that ended it.
    Ended(io::Result<Octets>),
}

impl<R: Read> ReadAhead<R> {
    /// Continues a source from which `octets_read` octets were read. If the source is `file`, several
    /// threads can read it at once.
    pub(crate) fn new(source: Source<R>, octets_read: u64, file: Option<Arc<File>>) -> Self {
        let file = file.filter(|_| cfg!(unix) && matches!(source, Source::Plain(_)));
        let source = Mutex::new(source);
        let blocks = Mutex::new(Blocks { offset: octets_read, ..Blocks::default() });
        Self(Arc::new(Shared { source, file, blocks, arrived: Condvar::new() }))
    }

    /// True if the next block is there, or the end: the thread that walks need not wait.
    pub fn is_ready(&self) -> bool {
        let blocks = self.blocks();
        blocks.read.front().map_or(blocks.ended, Option::is_some)
    }

    /// True if [`read`](Self::read) would read a block.
    pub fn has_room(&self) -> bool {
        let blocks = self.blocks();
        !blocks.ended && blocks.read.len() < MOST
    }

    /// Number of threads that can read at once; more would wait for each other.
    pub fn readers(&self) -> usize {
        if self.0.file.is_some() { READERS } else { 1 }
    }

    /// Reads a block. An error is reported by the call that gets to it, such as
    /// [`Captures::fill`](crate::capture::Captures::fill).
    pub fn read(&self) {
        match &self.0.file {
            Some(file) => self.read_block(
                |into, offset| read_at(file, into, offset).map(Octets::Read),
                |octets_read| octets_read,
            ),
            None => {
                // The lock keeps the blocks in order: no other thread begins one meanwhile.
                let source = RefCell::new(lock(&self.0.source));
                self.read_block(
                    |into, _| source.borrow_mut().read(into),
                    |octets_read| source.borrow().compressed_octets().unwrap_or(octets_read),
                );
            }
        }
    }

    /// Reads the next block while other threads may still read those before it. `octets_read` turns
    /// an offset in the input into the octets taken from the reader.
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
        // A block before it may have been the last.
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

    /// The next block. Waits until a thread has read it, or reads it if none is doing so.
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

    /// Takes back the memory of a block, to be filled again.
    pub(crate) fn take_back(&self, octets: Vec<u8>) {
        // A long record may have made it grow, and the first buffer is smaller.
        if octets.len() == ALL_OCTETS {
            self.blocks().empty.push(octets);
        }
    }

    fn blocks(&self) -> MutexGuard<'_, Blocks> {
        lock(&self.0.blocks)
    }
}

/// Octets of a block that begins at `offset` of the file: it ends with a page.
fn octets_at(offset: u64) -> usize {
    BLOCK_OCTETS - (offset % PAGE_OCTETS as u64) as usize
}

/// Fills a block with the octets at `offset` of the file. Returns their position in the block, and the
/// result that ended the reading if the block is not full.
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

impl<R> Clone for ReadAhead<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> fmt::Debug for ReadAhead<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadAhead")
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;
    use std::thread;

    use super::*;

    /// Numbers in order, so that each octet tells its position.
    fn numbers(octets: usize) -> Vec<u8> {
        (0..octets.div_ceil(4) as u32).flat_map(u32::to_le_bytes).take(octets).collect()
    }

    fn file(octets: usize) -> File {
        let mut file = tempfile::tempfile().expect("a file can be made");
        file.write_all(&numbers(octets)).expect("it can be written");
        file
    }

    /// Reads a file from `offset` on in this thread and two more.
    fn read(file: File, offset: u64) -> (Vec<u8>, Piece) {
        let source = Source::Plain(io::empty());
        let read_ahead = ReadAhead::new(source, offset, Some(Arc::new(file)));
        assert_eq!(read_ahead.readers(), READERS);
        let mut all = Vec::new();
        let last = thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !read_ahead.blocks().ended {
                        if read_ahead.has_room() {
                            read_ahead.read();
                        }
                        thread::yield_now();
                    }
                });
            }
            loop {
                match read_ahead.next() {
                    Piece::Block { octets, filled, octets_read } => {
                        all.extend_from_slice(&octets[filled]);
                        assert_eq!(octets_read, offset + all.len() as u64);
                        read_ahead.take_back(octets);
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
        let read_ahead = ReadAhead::new(source, 0, Some(Arc::new(folder)));
        read_ahead.read();
        assert!(matches!(read_ahead.next(), Piece::Ended(Err(_))));
        assert!(matches!(read_ahead.next(), Piece::Ended(Ok(Octets::Read(0)))));
    }
}
