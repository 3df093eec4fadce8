//! Follows one connection of a capture: what each segment is, and the states it leads to.
//!
//! ```sh
//! cargo run --example follow -- samples/telnet-dns.pcapng 0
//! ```

use std::env;
use std::error::Error;

use dissector_core::ConnectionTable;
use dissector_core::capture::Capture;
use dissector_core::connection::Stage;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let file = arguments.next().ok_or("usage: follow FILE [CONNECTION]")?;
    let wanted: u32 = arguments.next().unwrap_or_else(|| "0".into()).parse()?;

    let mut table = ConnectionTable::new();
    let mut capture = Capture::open(&file)?;
    // Each segment borrows from the read buffer and is gone with the next one.
    while let Some(segment) = capture.next_segment()? {
        let seen = table.observe(&segment);
        if seen.connection != wanted {
            continue;
        }
        let step = seen.stage.step().unwrap_or("");
        let name = if seen.stage == Stage::None { "" } else { seen.stage.name() };
        println!(
            "frame {:>4}  {:<6} {:<4} {:<20} client {:<14} server {}",
            segment.packet.frame,
            seen.sender,
            step,
            format!("{name} [{}]", seen.flags.tcpdump()),
            seen.client.to_string(),
            seen.server
        );
    }
    if let Some(warning) = capture.warning() {
        eprintln!("{file}: {warning}");
    }
    Ok(())
}
