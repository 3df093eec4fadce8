//! `tcphs annotate`: the capture with the verdicts as packet comments.

mod comments;
mod steps;
mod verdicts;

use std::io;

use dissector_core::capture::{Annotate, Packet};
use dissector_core::{FollowEvent, FollowedPacket, follow_packets};

use self::comments::MARK;
use self::steps::{Step, Steps};
use self::verdicts::Verdicts;
use crate::args::AnnotateArgs;
use crate::explain::Neighbours;
use crate::reading::input::{self, Ending, Input, can_be_read_again};
use crate::reading::interrupt;
use crate::reading::progress::Progress;
use crate::rewrite::{failure, failures, output, result};
use crate::{Done, Failure};

/// The name that the output gives for what wrote it.
const APPLICATION: &str = concat!("tcphs ", env!("CARGO_PKG_VERSION"), " annotate");

pub fn run(arguments: &AnnotateArgs) -> Result<Done, Failure> {
    if !arguments.remove && !can_be_read_again(&arguments.files) {
        return Err(Failure::Usage(
            "this command reads the captures twice, since how a connection went is known at its end; \
             standard input and pipes can be read only once: write them to a file first"
                .into(),
        ));
    }
    input::keep_apart(arguments.output.as_deref(), &arguments.files)?;
    input::read_stdin_once(&arguments.files)?;
    if arguments.remove {
        result(write(arguments, false, |_, _, _| Ok(()))?)?;
        return Ok(Done::Well);
    }
    let names: Vec<_> = arguments.files.iter().map(|file| file.to_string_lossy()).collect();
    let files: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let (mut found, ending) = read(arguments, &files)?;
    if ending.is_interrupted() {
        return ending.report().map(|()| Done::Well);
    }
    arguments.select.check_numbers(found.connections)?;
    let mut failures = write(arguments, true, |capture, frame, texts| {
        for step in found.steps.of_frame(capture, frame)? {
            if let Some(verdict) = found.verdicts.of(step.connection) {
                comments::add(&step, verdict, &files, capture, texts);
            }
        }
        Ok(())
    })?;
    if !ending.is_whole() {
        // The reading failed the second time as it did the first.
        failures.retain(|failure| matches!(failure, Failure::Interrupted));
    }
    let ending = ending.report();
    result(failures)?;
    ending?;
    Ok(Done::Well)
}

/// Everything that is said in comments.
struct Found {
    connections: u64,
    verdicts: Verdicts,
    steps: Steps,
}

/// Reads the captures once, for the steps of all connections and the verdicts on those that are asked for.
fn read(arguments: &AnnotateArgs, files: &[&str]) -> Result<(Found, Ending), Failure> {
    let input = Input::open(&arguments.source(), true)?;
    let mut steps = Steps::new(arguments.files.len());
    let (mut verdicts, mut connections) = (Verdicts::default(), 0);
    let mut neighbours = Neighbours::default();
    // Connections are numbered by their first packets.
    let mut next = 0;
    let on_event = |event: FollowEvent<'_>| {
        match event {
            FollowEvent::Packet(followed) => {
                let FollowedPacket { capture, packet, annotation, connection, .. } = followed;
                let is_first = annotation.connection >= next;
                next = next.max(annotation.connection.saturating_add(1));
                let text = comments::step(packet, annotation);
                let ends = is_first.then(|| [connection.client(), connection.server()]);
                if ends.is_some() || !text.is_empty() {
                    let step = Step { connection: annotation.connection, ends, text };
                    steps.add(capture, frame(packet), &step).map_err(unkept)?;
                }
            }
            FollowEvent::Closed(closed) => {
                connections += 1;
                let verdict = closed.verdict();
                neighbours.add(closed.connection, &verdict);
                if arguments.select.matches(closed.connection, verdict.outcome) {
                    verdicts.add(&closed, &verdict);
                }
            }
            _ => {}
        }
        Ok(())
    };
    let ending = input.follow(|captures, options| follow_packets(captures, options, on_event))?;
    verdicts.witness(&neighbours, files);
    Ok((Found { connections, verdicts, steps }, ending))
}

fn frame(packet: &Packet<'_>) -> u64 {
    match packet {
        Packet::Segment(segment) => segment.packet.frame,
        Packet::IcmpError(error) => error.packet.frame,
        _ => 0,
    }
}

fn unkept(error: io::Error) -> Failure {
    Failure::Create(format!("a temporary file: {error}"))
}

/// Writes the captures with these comments; returns why they could not be read. What is missing of them is
/// said unless it is `told`.
fn write(
    arguments: &AnnotateArgs,
    told: bool,
    comments: impl FnMut(usize, u64, &mut Vec<String>) -> io::Result<()>,
) -> Result<Vec<Failure>, Failure> {
    let files = &arguments.files;
    let names: Vec<_> = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    let mut progress = Progress::new(input::octets(files), true);
    let mut annotate = Annotate::new(APPLICATION, MARK);
    for file in files {
        annotate = annotate.input(input::input(file)?);
    }
    if let Some(stop) = interrupt::flag() {
        annotate = annotate.with_stop(stop);
    }
    if progress.is_wanted() {
        annotate = annotate.with_progress(|octets| progress.show(octets));
    }
    let written = annotate.write(output(arguments.output.as_deref())?, comments);
    progress.clear();
    let written = written.map_err(|error| failure(&names, error))?;
    Ok(failures(&names, written, told))
}
