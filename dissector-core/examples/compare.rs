//! Compares the captures of two points: `cargo run --example compare CLIENT SERVER`.

use std::env::args_os;
use std::path::PathBuf;
use std::thread;

use dissector_core::FollowOptions;
use dissector_core::capture::Captures;
use dissector_core::compare::{Observer, compare, observe};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<PathBuf> = args_os().skip(1).map(PathBuf::from).collect();
    let [first, second] = &files[..] else { return Err("two captures, please".into()) };
    let mut captures = [
        Captures::open([dissector_core::capture::Input::from(first.clone())])?,
        Captures::open([dissector_core::capture::Input::from(second.clone())])?,
    ];
    let [one, two] = thread::scope(|scope| {
        let threads = captures.each_mut().map(|captures| {
            let options = FollowOptions::new();
            scope.spawn(move || observe(captures, options, Observer::new().keeping_all()).0)
        });
        threads.map(|thread| thread.join().expect("it does not panic"))
    });
    let comparison = compare(one, two);
    println!("clocks: {:?}", comparison.clocks().pieces().collect::<Vec<_>>());
    println!(
        "{:?}",
        comparison.clocks().at(comparison.connections().first().map_or(0, |c| c.first_ns))
    );
    for connection in comparison.connections() {
        println!("{connection:?}");
        for crossing in comparison.crossings(connection) {
            let frame = |it: &Option<dissector_core::compare::Sighting>| {
                it.map_or("-".to_owned(), |it| it.frame.to_string())
            };
            println!(
                "  to {:7} {:5} {:5} {:12} len {} {} {:?}",
                crossing.to.to_string(),
                frame(&crossing.near),
                frame(&crossing.far),
                crossing.any().flags.to_string(),
                crossing.any().payload_octets,
                crossing.fate,
                crossing.changes.iter().map(|c| c.label()).collect::<Vec<_>>()
            );
        }
    }
    Ok(())
}
