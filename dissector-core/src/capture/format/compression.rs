//! Compressed files: gzip (RFC 1952) and zstd (RFC 8878).
//!
//! Several members or frames in a row are one file, as for `gzip -d` and `zstd -d`. Damaged data ends
//! the input, and the source reports it. All octets decompressed before the damage come first, however
//! the reader cuts the input into pieces.

use std::fmt;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Octets of compressed input that are read at a time.
const INPUT_OCTETS: usize = 64 * 1024;

/// The source of the octets of a capture.
pub(crate) enum Source<R> {
    Plain(R),
    Gzip(Box<Gzip<R>>),
    Zstd(Box<Zstd<R>>),
    /// Decompression failed, after so many octets.
    Ended(u64),
}

type Input<R> = BufReader<Noting<io::Chain<Cursor<Vec<u8>>, R>>>;

/// A reader that keeps the error of the one it wraps: a decoder reports it as it reports damage.
pub(crate) struct Noting<R> {
    reader: R,
    error: Option<io::Error>,
    octets: u64,
}

/// Decompresses gzip. flate2's own reader drops the octets decompressed in the call that finds damage.
pub(crate) struct Gzip<R> {
    input: Input<R>,
    /// The decoder of the current member.
    member: Option<Decompress>,
}

pub(crate) struct Zstd<R> {
    input: Input<R>,
    decoder: FrameDecoder,
    in_frame: bool,
    /// Damage found in the frame, to be reported after the octets decompressed before it.
    damage: Option<io::Error>,
}

/// The base-2 logarithm of the window of gzip (RFC 1951 §2).
const GZIP_WINDOW_BITS: u8 = 15;
/// A last block without content, and a checksum, which is not verified (RFC 8878 §3.1.1). After it, the
/// decoder gives out the octets that it holds back for later blocks to refer to.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// The result of reading.
pub(crate) enum Octets {
    Read(usize),
    /// The compressed data is damaged, or ends too early.
    Damaged,
}

/// True if these are the first octets of a compressed file.
pub(crate) fn is_compressed(start: &[u8]) -> bool {
    is_gzip(start) || is_zstd(start)
}

fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b])
}

/// A frame, or a skippable frame.
fn is_zstd(start: &[u8]) -> bool {
    matches!(start, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

impl<R: Read> Source<R> {
    /// Decompresses an input that is plain so far; `start` holds the octets already read.
    pub(crate) fn decompressed(self, start: Vec<u8>) -> Self {
        let Self::Plain(reader) = self else { return self };
        let zstd = is_zstd(&start);
        let reader = Noting { reader: Cursor::new(start).chain(reader), error: None, octets: 0 };
        let input = BufReader::with_capacity(INPUT_OCTETS, reader);
        if zstd {
            let decoder = FrameDecoder::new();
            Self::Zstd(Box::new(Zstd { input, decoder, in_frame: false, damage: None }))
        } else {
            Self::Gzip(Box::new(Gzip { input, member: None }))
        }
    }

    /// Octets read so far from the reader itself; `None` if they are not compressed.
    pub(crate) fn compressed_octets(&self) -> Option<u64> {
        match self {
            Self::Plain(_) => None,
            Self::Gzip(decoder) => Some(decoder.input.get_ref().octets),
            Self::Zstd(decoder) => Some(decoder.input.get_ref().octets),
            Self::Ended(octets) => Some(*octets),
        }
    }

    /// Reads some octets, zero at the end.
    ///
    /// # Errors
    /// Those of the reader itself.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<Octets> {
        let (result, noted) = match self {
            Self::Plain(reader) => return reader.read(into).map(Octets::Read),
            Self::Gzip(decoder) => {
                let result = decoder.read(into);
                (result, &mut decoder.input.get_mut().error)
            }
            Self::Zstd(decoder) => {
                let result = decoder.read(into);
                (result, &mut decoder.input.get_mut().error)
            }
            Self::Ended(_) => return Ok(Octets::Read(0)),
        };
        if let Ok(octets) = result {
            return Ok(Octets::Read(octets));
        }
        match noted.take() {
            Some(error) => Err(error),
            None => {
                *self = Self::Ended(self.compressed_octets().unwrap_or(0));
                Ok(Octets::Damaged)
            }
        }
    }
}

impl<R: Read> Gzip<R> {
    /// Reading on after damage reports the damage again.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let input = self.input.fill_buf()?;
            let at_end = input.is_empty();
            let member = match &mut self.member {
                None if at_end => return Ok(0),
                None => self.member.insert(Decompress::new_gzip(GZIP_WINDOW_BITS)),
                Some(member) => member,
            };
            let before = (member.total_in(), member.total_out());
            let result = member.decompress(input, into, FlushDecompress::None);
            let taken = (member.total_in() - before.0) as usize;
            let given = (member.total_out() - before.1) as usize;
            self.input.consume(taken);
            if let Ok(Status::StreamEnd) = result {
                self.member = None;
            }
            if given > 0 {
                return Ok(given);
            }
            match result {
                Err(error) => return Err(error.into()),
                Ok(Status::StreamEnd) => {}
                Ok(_) if at_end => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) if taken == 0 => return Err(io::ErrorKind::InvalidData.into()),
                Ok(_) => {}
            }
        }
    }
}

impl<R: Read> Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame {
                if self.input.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                match self.decoder.init(&mut self.input) {
                    Ok(()) => self.in_frame = true,
                    Err(FrameDecoderError::ReadFrameHeaderError(
                        ReadFrameHeaderError::SkipFrame { length, .. },
                    )) => {
                        io::copy(&mut self.input.by_ref().take(length.into()), &mut io::sink())?;
                        continue;
                    }
                    Err(error) => return Err(io::Error::other(error)),
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let some = || BlockDecodingStrategy::UptoBlocks(1);
                if let Err(error) = self.decoder.decode_blocks(&mut self.input, some()) {
                    let error = io::Error::other(error);
                    if self.decoder.decode_blocks(&LAST_BLOCK[..], some()).is_err() {
                        return Err(error);
                    }
                    self.damage = Some(error);
                }
            }
            match (self.decoder.read(into)?, self.damage.take()) {
                (0, None) => self.in_frame = false,
                (0, Some(damage)) => return Err(damage),
                (octets, damage) => {
                    self.damage = damage;
                    return Ok(octets);
                }
            }
        }
    }
}

impl<R: Read> Read for Noting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.error = Some(error);
                    return Err(kind.into());
                }
                octets => {
                    self.octets += *octets.as_ref().unwrap_or(&0) as u64;
                    return octets;
                }
            }
        }
    }
}

impl<R> fmt::Debug for Source<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Gzip(_) => "Gzip",
            Self::Zstd(_) => "Zstd",
            Self::Ended(_) => "Ended",
        })
    }
}
