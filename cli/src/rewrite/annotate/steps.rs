//! The steps of connections, kept from the first reading of the captures to the second.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;

use tempfile::SpooledTempFile;

/// Octets in memory; what is more goes to a temporary file.
const MEMORY_OCTETS: usize = 1 << 24;
/// Octets of a capture that are written at once.
const CHUNK_OCTETS: usize = 1 << 14;
/// Octets of a step in front of its text: frame, connection, length of the ends, length of the text.
const START_OCTETS: usize = 8 + 4 + 1 + 2;

/// A step of a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    pub connection: u32,
    /// Client and server, with the first packet of the connection.
    pub ends: Option<[SocketAddr; 2]>,
    /// The step in a few words; empty if it is none.
    pub text: String,
}

/// The steps of all captures, those of each in the order of its frames. They are written, and then read once.
pub struct Steps {
    /// Chunks of all captures.
    kept: SpooledTempFile,
    end: u64,
    captures: Vec<Capture>,
}

#[derive(Default)]
struct Capture {
    /// Where its chunks are, and how long they are.
    chunks: VecDeque<(u64, usize)>,
    /// What is not in a chunk yet.
    pending: Vec<u8>,
    /// The chunk that is being read, and how far.
    chunk: Vec<u8>,
    place: usize,
}

impl Steps {
    pub fn new(captures: usize) -> Self {
        let captures = (0..captures).map(|_| Capture::default()).collect();
        Self { kept: SpooledTempFile::new(MEMORY_OCTETS), end: 0, captures }
    }

    /// Adds a step of a frame, which is not before the last one of its capture.
    pub fn add(&mut self, capture: usize, frame: u64, step: &Step) -> io::Result<()> {
        let Capture { pending, chunks, .. } = &mut self.captures[capture];
        let ends = step.ends.map_or(String::new(), |[client, server]| format!("{client} {server}"));
        let text = &step.text[..step.text.floor_char_boundary(u16::MAX.into())];
        pending.extend(frame.to_le_bytes());
        pending.extend(step.connection.to_le_bytes());
        pending.push(ends.len() as u8);
        pending.extend((text.len() as u16).to_le_bytes());
        pending.extend(ends.as_bytes());
        pending.extend(text.as_bytes());
        if pending.len() < CHUNK_OCTETS {
            return Ok(());
        }
        self.kept.seek(SeekFrom::Start(self.end))?;
        self.kept.write_all(pending)?;
        chunks.push_back((self.end, pending.len()));
        self.end += pending.len() as u64;
        pending.clear();
        Ok(())
    }

    /// The steps of a frame. Those of frames before it are passed over.
    pub fn of_frame(&mut self, capture: usize, frame: u64) -> io::Result<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            let capture = &mut self.captures[capture];
            if capture.place == capture.chunk.len() && !next_chunk(capture, &mut self.kept)? {
                return Ok(steps);
            }
            let (of, step, octets) = step_at(&capture.chunk[capture.place..])
                .ok_or_else(|| io::Error::other("the temporary file has changed"))?;
            if of > frame {
                return Ok(steps);
            }
            capture.place += octets;
            if of == frame {
                steps.push(step);
            }
        }
    }
}

/// Goes on to the next chunk of a capture; `false` if there is none.
fn next_chunk(capture: &mut Capture, kept: &mut SpooledTempFile) -> io::Result<bool> {
    match capture.chunks.pop_front() {
        Some((place, octets)) => {
            kept.seek(SeekFrom::Start(place))?;
            capture.chunk.resize(octets, 0);
            kept.read_exact(&mut capture.chunk)?;
        }
        None => capture.chunk = std::mem::take(&mut capture.pending),
    }
    capture.place = 0;
    Ok(!capture.chunk.is_empty())
}

/// The frame of the step at the start of octets, the step, and the length of both.
fn step_at(octets: &[u8]) -> Option<(u64, Step, usize)> {
    let (start, rest) = octets.split_at_checked(START_OCTETS)?;
    let frame = u64::from_le_bytes(*start.first_chunk()?);
    let connection = u32::from_le_bytes(*start[8..].first_chunk()?);
    let text_octets = usize::from(u16::from_le_bytes(*start[13..].first_chunk()?));
    let (ends, rest) = rest.split_at_checked(start[12].into())?;
    let text = std::str::from_utf8(rest.get(..text_octets)?).ok()?.to_owned();
    let ends = match ends {
        [] => None,
        ends => {
            let (client, server) = std::str::from_utf8(ends).ok()?.split_once(' ')?;
            Some([client.parse().ok()?, server.parse().ok()?])
        }
    };
    let octets = START_OCTETS + usize::from(start[12]) + text_octets;
    Some((frame, Step { connection, ends, text }, octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_several_captures_come_back_in_order() {
        let mut steps = Steps::new(3);
        let ends = ["[2001:db8:1111:2222:3333:4444:5555:6666]:65535", "10.0.0.2:80"];
        let ends = ends.map(|end| end.parse().expect("an address"));
        let step = |capture: usize, frame: u64, place: u64| Step {
            connection: frame as u32,
            ends: frame.is_multiple_of(3).then_some(ends),
            text: format!("{capture}/{frame}/{place}").repeat((frame % 50) as usize),
        };
        let number = |frame: u64| frame % 3;
        for frame in 1..5_000 {
            for capture in [0, 2] {
                for place in 0..number(frame) {
                    let added = steps.add(capture, frame, &step(capture, frame, place));
                    added.expect("there is room");
                }
            }
        }
        for capture in [2, 1, 0] {
            // Every other frame is passed over.
            for frame in (1..5_001).step_by(2) {
                let expected: Vec<_> = (0..number(frame))
                    .filter(|_| capture != 1 && frame < 5_000)
                    .map(|place| step(capture, frame, place))
                    .collect();
                assert_eq!(steps.of_frame(capture, frame).expect("it is there"), expected);
            }
        }
    }
}
