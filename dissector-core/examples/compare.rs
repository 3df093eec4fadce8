//! Compares the captures of two points: `cargo run --example compare CLIENT SERVER [all]`.

use std::env::args_os;
use std::error::Error;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;
use std::thread;

use dissector_core::FollowOptions;
use dissector_core::capture::{Captures, Input};
use dissector_core::compare::{Observer, Sighting, compare, observe};

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<PathBuf> = args_os().skip(1).map(PathBuf::from).collect();
    let [first, second, more @ ..] = &files[..] else { return Err("two captures, please".into()) };
    let mut captures = [
        Captures::open([Input::from(first.clone())])?,
        Captures::open([Input::from(second.clone())])?,
    ];
    // Each point is read in a thread of its own.
    let [one, two] = thread::scope(|scope| {
        let threads = captures.each_mut().map(|captures| {
            let observer = Observer::new();
            let observer = if more.is_empty() { observer } else { observer.keeping_all() };
            scope.spawn(|| observe(captures, FollowOptions::new(), observer).0)
        });
        threads.map(|thread| thread.join().expect("it does not panic"))
    });
    let comparison = compare(one, two);
    let mut out = BufWriter::new(stdout().lock());
    for connection in comparison.connections() {
        let ends = connection.ends.iter().flatten().next();
        let [client, server] = ends.expect("a point saw it");
        let lost = connection.totals.map(|totals| totals.lost);
        writeln!(
            out,
            "{client} {server} {} {} to client {:?}, to server {:?}, {:?} ± {:?} {:?} {:?} {:?} {:?}",
            connection.path,
            connection.outcome,
            lost[0],
            lost[1],
            connection.offset_ns,
            connection.uncertainty_ns,
            connection.joined_by,
            connection.steps,
            connection.delays_ns,
            connection.totals,
        )?;
        writeln!(
            out,
            "   {:?} {:?}",
            connection.changes.iter().map(|c| c.label()).collect::<Vec<_>>(),
            connection.translated.iter().map(|c| c.label()).collect::<Vec<_>>()
        )?;
        if more.is_empty() {
            continue;
        }
        for crossing in comparison.crossings(connection.conn as usize) {
            let frame = |it: &Option<Sighting>| {
                it.map_or_else(|| "-".to_owned(), |it| it.frame.to_string())
            };
            let (near, far) = (frame(&crossing.near), frame(&crossing.far));
            let any = crossing.any();
            writeln!(
                out,
                "  to {} {near:>5} → {far:>5} {:10} len {} {} {:?}",
                crossing.to,
                any.flags.to_string(),
                any.payload_octets,
                crossing.fate,
                crossing.changes.iter().map(|c| c.label()).collect::<Vec<_>>()
            )?;
        }
    }
    Ok(())
}
