//! Frames of captures, to be changed and written again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tests::open_to_all;

/// One frame with its own octets.
#[derive(Clone)]
pub struct Frame {
    pub seconds: u32,
    pub nanoseconds: u32,
    /// How many octets there were on the wire.
    pub wire: u32,
    pub octets: Vec<u8>,
}

/// Frames of one link type.
#[derive(Clone)]
pub struct Frames {
    pub link: u32,
    pub frames: Vec<Frame>,
}

/// Little endian with nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;

impl Frames {
    /// Reads a capture of any format; `None` where editcap cannot make a pcap of it, because it
    /// holds several link types, or is no capture.
    pub fn read(capture: &Path) -> Option<Self> {
        let mut editcap = Command::new("editcap");
        editcap.args(["-F", "nsecpcap"]).arg(capture).arg("-");
        // One that is damaged at its end gives what is in front of that.
        let output = editcap.stderr(Stdio::null()).output().expect("editcap starts");
        Self::parse(&output.stdout)
    }

    fn parse(octets: &[u8]) -> Option<Self> {
        let word = |octets: &[u8], at: usize| {
            let four = octets.get(at..at + 4)?;
            Some(u32::from_le_bytes(four.try_into().ok()?))
        };
        if word(octets, 0)? != MAGIC {
            return None;
        }
        let link = word(octets, 20)?;
        let mut frames = Vec::new();
        let mut rest = &octets[24..];
        while let (Some(seconds), Some(nanoseconds), Some(captured), Some(wire)) =
            (word(rest, 0), word(rest, 4), word(rest, 8), word(rest, 12))
        {
            let end = 16 + captured as usize;
            let Some(octets) = rest.get(16..end) else { break };
            frames.push(Frame { seconds, nanoseconds, wire, octets: octets.to_vec() });
            rest = &rest[end..];
        }
        Some(Self { link, frames })
    }

    /// All frames of `captures` that are of one link type, the most frequent one.
    pub fn read_all(captures: &[PathBuf]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for capture in captures {
            let Some(read) = Self::read(capture) else { continue };
            match all.iter_mut().find(|other| other.link == read.link) {
                Some(same) => same.frames.extend(read.frames),
                None => all.push(read),
            }
        }
        all
    }

    pub fn write(&self, file: &Path) {
        let mut octets = Vec::new();
        octets.extend(MAGIC.to_le_bytes());
        octets.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        octets.extend(0x0004_0000_u32.to_le_bytes());
        octets.extend(self.link.to_le_bytes());
        for frame in &self.frames {
            let captured = frame.octets.len() as u32;
            for word in [frame.seconds, frame.nanoseconds, captured, frame.wire.max(captured)] {
                octets.extend(word.to_le_bytes());
            }
            octets.extend(&frame.octets);
        }
        fs::write(file, octets).expect("the file can be written");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(file, open).expect("the file is ours");
    }
}

/// A folder that whoever runs tshark can read.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    open_to_all(folder.path());
    folder
}
