//! The names of hosts, read before anything is shown.

use std::path::PathBuf;

use dissector_core::capture::Capture;

use super::input::can_be_read_again;
use crate::Failure;
use crate::output::names::HostNames;

/// Reads these files for the names that they bring along. What cannot be read is reported when they are read
/// again.
pub fn read(files: &[PathBuf]) -> Result<HostNames, Failure> {
    if !can_be_read_again(files) {
        return Err(Failure::Usage(
            "with --names, this command reads the captures twice; standard input and pipes can be read \
             only once"
                .into(),
        ));
    }
    let mut hosts = HostNames::default();
    for file in files {
        let Ok(mut capture) = Capture::open(file) else { continue };
        while let Ok(Some(_)) = capture.next_segment() {}
        capture.names().for_each(|(address, name)| hosts.add(address, name));
    }
    Ok(hosts)
}
