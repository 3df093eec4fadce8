//! Errors of reading captures, and warnings about captures that were not read to their end.

use std::io;

/// The reason why a capture cannot be read, or why reading it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The reader itself failed.
    #[error("cannot read the capture")]
    Io(#[from] io::Error),
    /// The file is empty.
    #[error("not a capture file: it is empty")]
    Empty,
    /// The first octets are not those of a pcap or pcapng file.
    #[error("not a pcap or pcapng file: it starts with {}", Magic(*.magic))]
    NotACapture {
        /// The first four octets, filled with zeros where there are fewer.
        magic: [u8; 4],
    },
    /// The file ends inside its own header.
    #[error("the file header needs {required} octets, but the file has {available}")]
    HeaderCut {
        /// Octets that the header needs.
        required: usize,
        /// Octets in the file.
        available: usize,
    },
    /// The file is compressed, and damaged at its start.
    #[error("the compressed data is damaged from its start")]
    Compressed,
    /// The header of a pcapng file is damaged, or of an unknown version.
    #[error("the pcapng section header cannot be read: {problem}")]
    SectionHeader {
        /// The defect.
        problem: Problem,
    },
}

/// Why reading stopped before the end of the file. All results up to there are valid.
///
/// ```
/// use dissector_core::capture::CaptureWarning;
///
/// let warning = CaptureWarning::CutShort { frames: 3 };
/// assert_eq!(warning.to_string(), "the capture is cut short after 3 frames");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureWarning {
    /// The file ends inside a record.
    #[error("the capture is cut short after {frames} frames")]
    CutShort {
        /// Frames read before that.
        frames: u64,
    },
    /// The file is compressed, and damaged or cut short.
    #[error("the compressed data is damaged or cut short after {frames} frames")]
    Compressed {
        /// Frames read before that.
        frames: u64,
    },
    /// A record is damaged, so that the next one cannot be found.
    #[error("the capture is damaged after {frames} frames: {problem}")]
    Damaged {
        /// Frames read before that.
        frames: u64,
        /// The defect of the record.
        problem: Problem,
    },
    /// A record says it is longer than [`MAX_RECORD_OCTETS`](super::MAX_RECORD_OCTETS).
    #[error("reading stopped after {frames} frames: a record of {octets} octets is over the limit")]
    TooLong {
        /// Frames read before that.
        frames: u64,
        /// Length that the record gives for itself.
        octets: u64,
    },
}

/// A defect of a record.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The length of a pcapng block is too small, unaligned, or differs between its two ends.
    #[error("a block has an impossible length")]
    BlockLength,
    /// The body of a block ends before its fixed fields or its packet do.
    #[error("a block is too short for what it holds")]
    BlockContent,
    /// A section starts with no byte-order magic number.
    #[error("unknown byte-order magic")]
    ByteOrder,
    /// A section of a version other than 1.0.
    #[error("unknown version {major}.{minor}")]
    Version {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// A packet names an interface that its section has not described.
    #[error("a packet of interface {id}, which is not described")]
    Interface {
        /// Index of the interface in its section.
        id: u32,
    },
    /// A section describes more than [`MAX_INTERFACES`](super::MAX_INTERFACES) interfaces.
    #[error("a section has too many interfaces")]
    TooManyInterfaces,
}

/// Four octets in hexadecimal, with the format's name where it is a known one.
struct Magic([u8; 4]);

impl std::fmt::Display for Magic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a:02x} {b:02x} {c:02x} {d:02x}")?;
        let format = match self.0 {
            [0x04, 0x22, 0x4d, 0x18] => "LZ4",
            [0xfd, b'7', b'z', b'X'] => "xz",
            [b'B', b'Z', b'h', _] => "bzip2",
            [b'P', b'K', 3, 4] => "zip",
            [b's', b'n', b'o', b'o'] => "snoop",
            [0xa1, 0xb2, 0xcd, 0x34] | [0x34, 0xcd, 0xb2, 0xa1] => "modified pcap",
            _ => return Ok(()),
        };
        write!(f, " ({format})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_what_they_are_about() {
        let bzip2 = CaptureError::NotACapture { magic: *b"BZh9" };
        assert_eq!(
            bzip2.to_string(),
            "not a pcap or pcapng file: it starts with 42 5a 68 39 (bzip2)"
        );
        let unknown = CaptureError::NotACapture { magic: *b"\0\0\0\x01" };
        assert_eq!(unknown.to_string(), "not a pcap or pcapng file: it starts with 00 00 00 01");
        let damaged = CaptureWarning::Damaged { frames: 2, problem: Problem::Interface { id: 7 } };
        assert_eq!(
            damaged.to_string(),
            "the capture is damaged after 2 frames: a packet of interface 7, which is not described"
        );
    }
}
