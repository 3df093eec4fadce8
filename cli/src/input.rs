//! Reading the capture that was asked for.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use dissector_core::capture::{Capture, Packet};

use crate::Failure;

/// A capture with its name, for messages.
pub struct Input {
    name: String,
    capture: Capture<Box<dyn Read>>,
}

impl Input {
    /// Opens `file`; `-` is standard input.
    pub fn open(file: &Path) -> Result<Self, Failure> {
        let standard_input = file.as_os_str() == "-";
        let name =
            if standard_input { "standard input".into() } else { file.display().to_string() };
        let reader: Box<dyn Read> = if standard_input {
            Box::new(io::stdin().lock())
        } else {
            let file = File::open(file).map_err(|e| Failure::Read(format!("{name}: {e}")))?;
            Box::new(file)
        };
        let capture = Capture::new(reader).map_err(|e| Failure::Read(format!("{name}: {e}")))?;
        Ok(Self { name, capture })
    }

    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, Failure> {
        self.capture.next_packet().map_err(|e| Failure::Read(format!("{}: {e}", self.name)))
    }

    /// Says on standard error what of the capture could not be used.
    pub fn report(&self) {
        if let Some(warning) = self.capture.warning() {
            eprintln!("tcphs: {}: {warning}", self.name);
        }
        let lost = self.capture.skipped().filter(|(reason, _)| reason.may_hold_tcp());
        let lost: Vec<_> = lost.map(|(reason, frames)| format!("{reason} ({frames})")).collect();
        if !lost.is_empty() {
            eprintln!("tcphs: {}: frames not opened: {}", self.name, lost.join(", "));
        }
    }
}
