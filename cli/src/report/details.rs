//! The second reading: the ladder and the explanation of each connection that the page lists.

use std::collections::HashMap;

use dissector_core::{FollowEvent, follow_packets};

use super::chunks::{Chunks, Place};
use super::html::{Escaped, escaped, section};
use super::redact::Redaction;
use super::survey::Survey;
use crate::Failure;
use crate::args::Source;
use crate::explain::Explainer;
use crate::ladder::svg;
use crate::output::document::Document;
use crate::reading::input::{Ending, Input};
use crate::timeline::{Event, Recorder, Timeline};

/// Octets that ladders and explanations may take in the page.
pub const MOST_OCTETS: usize = 18_000_000;
/// Sections that come before the ladder, by their names, beside the checks: what it is, and what to do.
const FIRST: &[&str] = &["means", "causes", "end"];

/// The chunks, the place of each connection in them, and the connections that are shown on paper.
#[derive(Default)]
pub struct Details {
    pub chunks: Vec<String>,
    pub places: HashMap<u32, Place>,
    pub examples: Vec<(u32, String)>,
}

impl Details {
    /// Puts together those of connections that failed and of others, the first ones first, as far as they
    /// fit.
    pub fn new(failed: Chunks, others: Chunks, examples: Vec<(u32, String)>) -> Self {
        let mut details = Self { examples, ..Self::default() };
        let mut octets = 0;
        for (chunks, places) in [failed.finish(), others.finish()] {
            let before = details.chunks.len() as u32;
            let fitting = chunks.into_iter().take_while(|chunk| {
                octets += chunk.len();
                octets <= MOST_OCTETS
            });
            details.chunks.extend(fitting);
            let fitting = details.chunks.len() as u32;
            for (conn, Place { chunk, item }) in places {
                if before + chunk < fitting {
                    details.places.insert(conn, Place { chunk: before + chunk, item });
                }
            }
        }
        details
    }
}

/// What a reading needs besides the captures.
pub struct Wanted<'a> {
    pub survey: &'a Survey,
    /// The names of the files as the page shows them.
    pub files: &'a [String],
    /// Connections that are shown on paper.
    pub examples: &'a [u32],
    pub redaction: Option<&'a mut Redaction>,
}

/// Reads the captures again.
pub fn read(source: &Source, wanted: Wanted<'_>) -> Result<(Details, Ending), Failure> {
    let Wanted { survey, files, examples, mut redaction } = wanted;
    let failed: HashMap<u32, bool> =
        survey.rows.iter().map(|row| (row.conn, row.outcome.failed())).collect();
    let mut recorders: HashMap<u32, Recorder> = HashMap::new();
    let (mut of_failed, mut of_others) = (Chunks::default(), Chunks::default());
    let mut shown = Vec::new();
    let command: Vec<&str> = files.iter().map(String::as_str).collect();
    let explainer = Explainer {
        files: &command,
        readable: true,
        neighbours: &survey.neighbours,
        counted: None,
    };
    let input = Input::open(source, true)?;
    let on_event = |event: FollowEvent<'_>| {
        match event {
            FollowEvent::Packet(packet) => {
                let (id, file) = (packet.connection.id(), &files[packet.capture]);
                if failed.contains_key(&id) {
                    let recorder = recorders.entry(id).or_insert_with(|| Recorder::new(file));
                    recorder.record(file, &packet);
                }
            }
            FollowEvent::Closed(closed) => {
                let id = closed.connection.id();
                let Some(recorder) = recorders.remove(&id) else { return Ok(()) };
                let is_failed = failed.get(&id).copied().unwrap_or_default();
                let chunks = if is_failed { &mut of_failed } else { &mut of_others };
                if chunks.octets() > MOST_OCTETS {
                    return Ok(());
                }
                let mut timeline = recorder.finish(closed.connection, closed.now_ns);
                if let Some(redaction) = redaction.as_deref_mut() {
                    redact(&mut timeline, redaction);
                }
                let document = explainer.explain(&timeline).document;
                let svg = svg::draw(&timeline);
                chunks.add(id, &detail(&document, &svg, 3));
                if examples.contains(&id) {
                    let ends = format!("{} → {}", timeline.client, timeline.server);
                    shown.push((id, paper(id, &ends, &document, &svg)));
                }
            }
            _ => {}
        }
        Ok::<(), Failure>(())
    };
    let ending = input.follow(|captures, options| follow_packets(captures, options, on_event))?;
    shown.sort_unstable_by_key(|(conn, _)| examples.iter().position(|example| example == conn));
    Ok((Details::new(of_failed, of_others, shown), ending))
}

/// Puts stand-ins in place of addresses, and takes texts away.
pub fn redact(timeline: &mut Timeline, redaction: &mut Redaction) {
    timeline.client.set_ip(redaction.host(timeline.client.ip()));
    timeline.server.set_ip(redaction.host(timeline.server.ip()));
    timeline.called = [timeline.client, timeline.server].map(|end| end.to_string());
    for event in &mut timeline.events {
        match event {
            Event::Segment(segment) => segment.text = None,
            Event::Icmp(error) => error.by = redaction.host(error.by),
            Event::Run(_) | Event::File(_) => {}
        }
    }
}

/// Explanation and ladder of a connection; headings are of this level.
pub fn detail(document: &Document, svg: &str, level: u8) -> String {
    let [mut verdict, mut first, mut checks, mut rest] = [const { String::new() }; 4];
    for part in document.sections.iter().filter(|section| section.name != "ladder") {
        let body = section(part);
        if part.title.is_empty() {
            verdict.push_str(&body);
            continue;
        }
        let to = match part.name {
            "checks" => &mut checks,
            name if FIRST.contains(&name) => &mut first,
            _ => &mut rest,
        };
        to.push_str(&format!(
            "<section class=\"{}\"><h{level}>{}</h{level}>{body}</section>",
            part.name,
            Escaped(&part.title)
        ));
    }
    format!(
        "<div class=\"verdict\">{verdict}</div><div class=\"two\"><div>{first}</div><div>{checks}</div></div>\
         <figure class=\"ladder\" tabindex=\"0\" role=\"region\" aria-label=\"Ladder\">{}</figure>{rest}",
        without_style(svg)
    )
}

/// The same for paper, and for browsers that run no scripts.
pub fn paper(conn: u32, ends: &str, document: &Document, svg: &str) -> String {
    format!(
        "<article class=\"example\"><h3>Connection {conn}: {}</h3>{}</article>",
        escaped(ends),
        detail(document, svg, 4)
    )
}

/// A picture without its own style sheet: that of the page has its rules.
fn without_style(svg: &str) -> String {
    let parts = svg.split_once("<style>").and_then(|(before, after)| {
        let (_, after) = after.split_once("</style>")?;
        Some([before, after].concat())
    });
    parts.unwrap_or_else(|| svg.into())
}
