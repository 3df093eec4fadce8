//! Frames of captures, to be changed and written again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use testkit::capture::Frames;
use tests::open_to_all;

/// Reads a capture of any format; `None` if editcap cannot make a pcap file of it, because it has
/// several link types or is no capture.
pub fn read(capture: &Path) -> Option<Frames> {
    let mut editcap = Command::new("editcap");
    editcap.args(["-F", "nsecpcap"]).arg(capture).arg("-");
    // editcap writes the frames before the damage of a file and exits with an error.
    let output = editcap.stderr(Stdio::null()).output().expect("editcap starts");
    Frames::read(&output.stdout[..])
}

/// All frames of `captures`, by link type.
pub fn read_all(captures: &[PathBuf]) -> Vec<Frames> {
    let mut all: Vec<Frames> = Vec::new();
    for capture in captures {
        let Some(read) = read(capture) else { continue };
        match all.iter_mut().find(|other| other.link_type == read.link_type) {
            Some(same) => same.frames.extend(read.frames),
            None => all.push(read),
        }
    }
    all
}

/// Writes a capture in which no frame has fewer octets on the wire than were captured.
pub fn write(frames: &Frames, file: &Path) {
    let mut frames = frames.clone();
    for frame in &mut frames.frames {
        frame.wire = frame.wire.max(frame.octets.len() as u32);
    }
    frames.write(file).expect("the file can be written");
}

/// A temporary folder that tshark can read even if it runs as another user.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    open_to_all(folder.path());
    folder
}
