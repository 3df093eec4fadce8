//! Compressed files, opened on the way: gzip (RFC 1952) and zstd (RFC 8878).
//!
//! Several members or frames one after the other are one file, as they are for `gzip -d` and
//! `zstd -d`. What cannot be decompressed ends the input; the reader says that it did.

use std::fmt;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Octets of compressed input that are read at a time.
const INPUT_OCTETS: usize = 64 * 1024;

/// Where the octets of a capture come from.
pub(super) enum Source<R> {
    Plain(R),
    Gzip(Box<MultiGzDecoder<Input<R>>>),
    Zstd(Box<Zstd<R>>),
    /// Decompression failed, after so many octets.
    Ended(u64),
}

type Input<R> = BufReader<Noting<io::Chain<Cursor<Vec<u8>>, R>>>;

/// A reader that keeps the error of another one: a decoder does not tell it from damage.
pub(super) struct Noting<R> {
    reader: R,
    error: Option<io::Error>,
    octets: u64,
}

pub(super) struct Zstd<R> {
    input: Input<R>,
    decoder: FrameDecoder,
    in_frame: bool,
}

/// What reading comes to.
pub(super) enum Octets {
    Read(usize),
    /// The compressed data is damaged, or ends too early.
    Damaged,
}

/// Whether a file that starts so is compressed.
pub(super) fn is_compressed(start: &[u8]) -> bool {
    is_gzip(start) || is_zstd(start)
}

fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b])
}

/// A frame, or one to skip.
fn is_zstd(start: &[u8]) -> bool {
    matches!(start, [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

impl<R: Read> Source<R> {
    /// The same input decompressed, where it is plain so far; `start` is what was read of it.
    pub(super) fn decompressed(self, start: Vec<u8>) -> Self {
        let Self::Plain(reader) = self else { return self };
        let zstd = is_zstd(&start);
        let reader = Noting { reader: Cursor::new(start).chain(reader), error: None, octets: 0 };
        let input = BufReader::with_capacity(INPUT_OCTETS, reader);
        if zstd {
            let decoder = FrameDecoder::new();
            Self::Zstd(Box::new(Zstd { input, decoder, in_frame: false }))
        } else {
            Self::Gzip(Box::new(MultiGzDecoder::new(input)))
        }
    }

    /// Octets read so far from the reader itself; `None` where nothing is compressed.
    pub(super) fn compressed_octets(&self) -> Option<u64> {
        match self {
            Self::Plain(_) => None,
            Self::Gzip(decoder) => Some(decoder.get_ref().get_ref().octets),
            Self::Zstd(decoder) => Some(decoder.input.get_ref().octets),
            Self::Ended(octets) => Some(*octets),
        }
    }

    /// Reads some octets, zero at the end.
    ///
    /// # Errors
    /// Those of the reader itself.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<Octets> {
        let (result, noted) = match self {
            Self::Plain(reader) => return reader.read(into).map(Octets::Read),
            Self::Gzip(decoder) => {
                let result = decoder.read(into);
                (result, &mut decoder.get_mut().get_mut().error)
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
                let some = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.input, some).map_err(io::Error::other)?;
            }
            match self.decoder.read(into)? {
                0 => self.in_frame = false,
                octets => return Ok(octets),
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
