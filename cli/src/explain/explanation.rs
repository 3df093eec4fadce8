//! The explanation of one connection: what happened, what it means, and what to check next.

use std::net::SocketAddr;

use dissector_core::connection::{
    Advice, CheckTarget, Close, EvidenceSet, Outcome, RstReason, Side, State, States, shell_quoted,
};
use serde::Serialize;

use super::causes::Weighed;
use super::neighbours::{Neighbours, Witnessed};
use super::{circumstances, narration, resets, strays};
use crate::counted::{self, Counted, Heard};
use crate::ladder::mermaid;
use crate::output::document::{Document, Part, Section};
use crate::output::units::duration;
use crate::reading::input;
use crate::timeline::{Event, Timeline, labels};

/// Everything known besides the connection's own packets.
pub struct Explainer<'a> {
    /// The captures, as the command line names them.
    pub files: &'a [&'a str],
    /// Whether they can be read again, by the commands that an explanation ends with.
    pub readable: bool,
    /// The connections of the captures.
    pub neighbours: &'a Neighbours,
    /// The counters of a host.
    pub counted: Option<&'a Counted>,
}

/// An explanation, and what it is about.
#[derive(Debug, Serialize)]
pub struct Explanation {
    pub conn: u32,
    /// The points of capture, from the client's to the server's; absent with one capture.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<String>,
    pub file: Option<String>,
    pub client: Option<SocketAddr>,
    pub server: Option<SocketAddr>,
    pub outcome: Option<&'static str>,
    pub failed: bool,
    #[serde(flatten)]
    pub document: Document,
}

/// Evidence on a connection besides its own packets.
struct Found<'a> {
    /// The label of its outcome.
    outcome: &'a str,
    /// In other connections.
    others: &'a [Witnessed],
    /// In the counters of a host.
    heard: Option<&'a Heard>,
}

impl Explainer<'_> {
    /// Explains a connection, whose number is that in all of the captures.
    pub fn explain(&self, timeline: &Timeline) -> Explanation {
        let outcome = timeline.verdict.outcome;
        Explanation {
            conn: timeline.id,
            points: Vec::new(),
            file: Some(timeline.file.clone()),
            client: Some(timeline.client),
            server: Some(timeline.server),
            outcome: Some(outcome.label()),
            failed: outcome.failed(),
            document: Document::new(self.title(timeline), self.sections(timeline)),
        }
    }

    fn title(&self, timeline: &Timeline) -> String {
        let file = input::shown(&timeline.file);
        format!("Connection {} of {file}: {}", timeline.id, labels::addresses(timeline))
    }

    fn sections(&self, timeline: &Timeline) -> Vec<Section> {
        let mut others = self.neighbours.witness(timeline);
        others.extend(resets::origin(timeline));
        others.extend(resets::unasked(timeline));
        let heard = self.counted.map(|it| it.hear(timeline, timeline.verdict.advice()));
        let verdict = &timeline.verdict;
        let outcome = verdict.outcome;
        let found = Found { outcome: outcome.label(), others: &others, heard: heard.as_ref() };
        let (client, server) = (timeline.client, timeline.server);
        let target = CheckTarget::new(client, server, &timeline.file).with_files(self.files);
        let mut sections = vec![
            super::outcome_section(outcome),
            happened(timeline),
            ladder_section(mermaid::draw(timeline)),
            means(timeline),
        ];
        if strays::means(timeline).is_some() {
            // There was no connection to look into.
        } else if !verdict.established {
            advise(&mut sections, outcome.advice(), verdict.cause_evidence, &found, &target);
        } else if outcome != Outcome::Complete {
            // It came up; its outcome says how much of it was captured.
            let nothing = Found { outcome: outcome.label(), others: &[], heard: None };
            advise(&mut sections, outcome.advice(), EvidenceSet::EMPTY, &nothing, &target);
        }
        if let (Some(heard), None) = (found.heard, verdict.advice()) {
            sections.push(heard.section(outcome.label(), |_| true));
        }
        if let Some(end) = verdict.end_advice() {
            let open = verdict.close == Close::Open;
            let mut section =
                Section::new("end", if open { "What went wrong" } else { "How it ended" });
            section.paragraph(end.means);
            sections.push(section);
            advise(&mut sections, end, verdict.cause_evidence, &found, &target);
        }
        if found.heard.is_none() {
            sections.push(counted::advise(timeline));
        }
        sections.push(self.closer(timeline));
        sections
    }

    fn closer(&self, timeline: &Timeline) -> Section {
        let mut section = Section::new("closer", "To look closer");
        let filter = |what: &str, filter: String| Part::Filter { what: what.into(), filter };
        if self.files.len() == 1 {
            let own = format!("tcphs.conn == {}", timeline.id);
            section.parts.push(filter("in Wireshark with tcphs:", own));
        }
        let (client, server) = (timeline.client, timeline.server);
        let ip = if client.is_ipv4() { "ip" } else { "ipv6" };
        let ends = [client, server]
            .map(|end| format!("{ip}.addr == {} && tcp.port == {}", end.ip(), end.port()));
        section.parts.push(filter("in any Wireshark:", ends.join(" && ")));
        if self.readable {
            let files: Vec<_> = self.files.iter().map(|file| shell_quoted(file)).collect();
            section.parts.push(Part::Command {
                what: "as a picture:".into(),
                command: format!("tcphs ladder --conn {} {}", timeline.id, files.join(" ")),
            });
        }
        section
    }
}

/// The ladder, for the forms that can show it.
pub fn ladder_section(mermaid: String) -> Section {
    let mut section = Section::new("ladder", "Ladder");
    section.parts.push(Part::Diagram { mermaid });
    section
}

fn happened(timeline: &Timeline) -> Section {
    let mut section = Section::new("happened", "What happened");
    let sentences = narration::sentences(timeline).into_iter();
    section.parts.extend(sentences.map(|(when, text)| Part::Event { when, text }));
    section.paragraph(final_states(timeline));
    section
}

fn means(timeline: &Timeline) -> Section {
    let mut section = Section::new("means", "What it means");
    let no_connection = strays::means(timeline);
    match no_connection.or_else(|| resets::means(timeline)) {
        Some(means) => section.paragraph(means),
        None => section.paragraph(timeline.verdict.outcome.advice().means),
    }
    circumstances::remarks(timeline).into_iter().for_each(|remark| section.paragraph(remark));
    section
}

/// The causes that the capture leaves, and the checks that help with them.
fn advise(
    sections: &mut Vec<Section>,
    advice: &Advice,
    evidence: EvidenceSet,
    found: &Found<'_>,
    target: &CheckTarget<'_>,
) {
    let mut weighed = Weighed::new(advice, evidence, found.others);
    if let Some(heard) = found.heard {
        weighed.heed(&[heard], advice);
        sections.push(heard.section(found.outcome, |cause| weighed.lists(cause)));
    }
    sections.push(weighed.section());
    let named = weighed.named();
    let checks = advice.checks.iter().filter(|check| check.helps_with(&named));
    let mut section = Section::new("checks", "What to check next");
    section.parts.extend(
        checks.map(|check| Part::Check {
            text: check.what.into(),
            command: check.command_line(target),
        }),
    );
    sections.push(section);
}

/// The states of both sides after the last event.
fn final_states(timeline: &Timeline) -> String {
    let state = |states: States| match (states.after(), states.proven()) {
        (State::Unknown, _) => "a state that the capture does not show".into(),
        (state, true) => format!("{state}"),
        (state, false) => format!("{state} (assumed)"),
    };
    let times = timeline.events.iter().filter_map(Event::times);
    let last_ns = times.map(|(_, last_ns)| last_ns).max().unwrap_or(timeline.last_ns);
    let when = match last_ns.saturating_sub(timeline.first_ns).max(0) as u64 {
        0 => "Nothing more of it is in the capture".into(),
        lasted_ns => format!("The last segment came {} after the first", duration(lasted_ns)),
    };
    let client = state(timeline.client_state);
    let server = match timeline.verdict.outcome {
        _ if timeline.server_state.proven() => {
            format!(", the server in {}", timeline.server_state.after())
        }
        Outcome::NoReply => "; whether the SYN reached the server cannot be seen".into(),
        Outcome::Unreachable if came_from_server(timeline) => {
            "; the SYN got as far as the server's address, from which the error comes".into()
        }
        Outcome::Unreachable => "; as far as can be seen, the SYN never reached the server".into(),
        Outcome::Challenged if resets::was_answered(timeline) => {
            "; what the server held is cleared, if the RST has reached it".into()
        }
        Outcome::Challenged => "; the server still holds the older connection".into(),
        Outcome::NotAccepted if timeline.server_state.after() == State::Established => {
            ", the server still in SYN-RECEIVED, unless it has accepted the last ACK".into()
        }
        _ => format!(", the server in {}", state(timeline.server_state)),
    };
    let mut text = format!("{when}: the client is in {client}{server}.");
    if was_cleared(timeline)
        && let Some(frame) = timeline.verdict.frames.rst
    {
        text.push_str(&format!(
            " The RST in frame {frame}, which belongs to the next attempt on these ports, cleared it."
        ));
    }
    text
}

/// Whether an ICMP error about a segment of the client comes from the server's own address.
fn came_from_server(timeline: &Timeline) -> bool {
    timeline.events.iter().any(|event| match event {
        Event::Icmp(error) => error.by_receiver && error.to == Side::Client,
        _ => false,
    })
}

/// Whether the RST of a later connection ended this one.
fn was_cleared(timeline: &Timeline) -> bool {
    timeline.verdict.rst_reason == Some(RstReason::HalfOpenDiscovery)
}
