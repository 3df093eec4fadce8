//! Compares the captures of two points: a line for each connection. With `all` behind the captures, also
//! a line for each segment.
//!
//! ```sh
//! cargo run --example compare -- samples/pairs/syn-lost.client.pcapng samples/pairs/syn-lost.server.pcapng
//! ```

use std::env;
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::thread;

use dissector_core::FollowOptions;
use dissector_core::capture::Captures;
use dissector_core::compare::{Comparison, JoinedConnection, Observer, Sighting, compare, observe};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [client, server, all @ ..] = &arguments[..] else {
        return Err("usage: compare CLIENT SERVER [all]".into());
    };
    let open = |file: &str| Captures::open([file]);
    let mut captures = [open(client)?, open(server)?];
    // Each point is read in a thread of its own.
    let [one, two] = thread::scope(|scope| {
        let threads = captures.each_mut().map(|captures| {
            let observer = Observer::new();
            let observer = if all.is_empty() { observer } else { observer.keeping_all() };
            scope.spawn(|| {
                let (observation, summary) = observe(captures, FollowOptions::new(), observer);
                summary.errors.iter().for_each(|error| eprintln!("{error}"));
                observation
            })
        });
        threads.map(|thread| thread.join().expect("it does not panic"))
    });
    let comparison = compare(one, two);
    let mut out = BufWriter::new(io::stdout().lock());
    for connection in comparison.connections() {
        print_connection(&mut out, &connection)?;
        if !all.is_empty() {
            print_segments(&mut out, &comparison, connection.conn as usize)?;
        }
    }
    out.flush()?;
    Ok(())
}

/// `192.0.2.1:1025 → 198.51.100.2:80  lossy  lost ← 0 → 1  clocks +2.000000 s ± 30 µs`
fn print_connection(out: &mut impl Write, connection: &JoinedConnection) -> io::Result<()> {
    let ends = connection.ends.iter().flatten().next();
    let [client, server] = ends.expect("one of the points saw it");
    // Where offload hides the segments, the octets are known.
    let [to_client, to_server] = connection.totals.map(|it| match (it.lost, it.lost_octets) {
        (Some(segments), _) => segments.to_string(),
        (None, Some(octets)) => format!("{octets} octets"),
        (None, None) => "?".into(),
    });
    let offset = match (connection.offset_ns, connection.uncertainty_ns) {
        (Some(offset), Some(uncertainty)) => {
            format!("{:+.6} s ± {} µs", offset as f64 / 1e9, uncertainty.div_ceil(1_000))
        }
        (Some(bound), None) => format!("{:+.6} s, a bound", bound as f64 / 1e9),
        (None, _) => "unknown".into(),
    };
    let path = connection.path.to_string();
    writeln!(
        out,
        "{client} → {server}  {path:<20} lost ← {to_client} → {to_server}  clocks {offset}"
    )
}

/// `   to server    11 →     -  SYN            0 octets  lost`
fn print_segments(out: &mut impl Write, comparison: &Comparison, conn: usize) -> io::Result<()> {
    let frame = |it: &Option<Sighting>| it.map_or("-".to_owned(), |it| it.frame.to_string());
    for crossing in comparison.crossings(conn) {
        let any = crossing.any();
        let flags = any.flags.to_string();
        let [near, far] = [frame(&crossing.near), frame(&crossing.far)];
        let changed = crossing.changes.iter().map(|change| format!(" {}", change.label()));
        writeln!(
            out,
            "   to {} {near:>5} → {far:>5}  {flags:<10} {:>5} octets  {}{}",
            crossing.to,
            any.payload_octets,
            crossing.fate,
            changed.collect::<String>()
        )?;
    }
    Ok(())
}
