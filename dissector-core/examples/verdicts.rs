//! Prints whether each connection in a capture was established, and if not, why.
//!
//! ```sh
//! cargo run --example verdicts -- samples/accept-queue-full.pcapng
//! ```

use std::env;
use std::io::{self, Write};

use dissector_core::capture::Captures;
use dissector_core::{ClosedConnection, FollowOptions, follow};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<_> = env::args().skip(1).collect();
    if files.is_empty() {
        return Err("usage: verdicts FILE…".into());
    }
    // Several files are one stream, in order of time.
    let mut captures = Captures::open(files.iter().map(String::as_str))?;
    let mut out = io::stdout();
    let summary = follow(&mut captures, FollowOptions::new(), |closed| say(&closed, &mut out))?;
    for error in &summary.errors {
        eprintln!("{}: {}", files[error.index], error.error);
    }
    for (index, file) in files.iter().enumerate() {
        if let Some(warning) = captures.warning(index) {
            eprintln!("{file}: {warning}");
        }
    }
    Ok(())
}

fn say(closed: &ClosedConnection<'_>, out: &mut impl Write) -> io::Result<()> {
    let (connection, verdict) = (closed.connection, closed.verdict());
    writeln!(
        out,
        "{:>5}  {} → {}  {}",
        connection.id(),
        connection.client(),
        connection.server(),
        verdict.outcome
    )?;
    if verdict.outcome.failed() {
        writeln!(out, "       {}", verdict.outcome.advice().means)?;
    }
    if let Some(setup_time) = verdict.times.setup_time() {
        writeln!(out, "       set up in {setup_time:?}, closed: {}", verdict.close)?;
    }
    Ok(())
}
