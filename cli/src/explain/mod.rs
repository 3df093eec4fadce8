//! `tcphs explain`: what happened to a connection, what it means, and what to check next.

mod brief;
mod causes;
mod circumstances;
mod narration;
mod neighbours;
mod points;
mod resets;
mod strays;

use dissector_core::ClosedConnection;
use dissector_core::connection::{
    Advice, CheckTarget, Close, EvidenceSet, Outcome, RstReason, Side, State, States, shell_quoted,
};
use terminal_size::{Width, terminal_size};

pub use self::brief::{Brief, Closer, Explained, brief};
use self::causes::Weighed;
use self::neighbours::Witnessed;
pub use self::neighbours::{Neighbour, Neighbours};
use crate::args::ExplainArgs;
use crate::counted::{self, Counted, Heard};
use crate::output::Output;
use crate::output::page::Page;
use crate::output::style::{FAINT, outcome_style};
use crate::output::units::duration;
use crate::reading::input;
use crate::timeline::{self, Event, Timeline, labels};
use crate::{Done, Failure, warn};

/// Longest lines on a wide terminal: longer ones are hard to read.
const MOST_COLUMNS: usize = 100;
/// Columns if the output is no terminal.
const COLUMNS: usize = 80;

pub fn run(arguments: &ExplainArgs) -> Result<Done, Failure> {
    if let Some(points) = arguments.captures.points() {
        return points::run(arguments, &points);
    }
    let source = arguments.captures.source();
    let read: Vec<_> = source.files.iter().chain(&arguments.nstat).cloned().collect();
    input::keep_apart(arguments.output.as_deref(), &read)?;
    let mut counted = Counted::read(arguments)?;
    let mut neighbours = Neighbours::default();
    let on_closed = |closed: &ClosedConnection<'_>| {
        neighbours.add(closed.connection, &closed.verdict());
        if let Some(counted) = &mut counted {
            counted.add(closed);
        }
    };
    let (timelines, ending) =
        timeline::collect(&source, &arguments.select, arguments.max, on_closed)?;
    let mut output = Output::open(arguments.output.as_deref())?;
    let columns = columns(arguments);
    let files: Vec<_> = source.files.iter().map(|file| file.to_string_lossy()).collect();
    let files: Vec<&str> = files.iter().map(AsRef::as_ref).collect();
    let drawable = input::can_be_read_again(&source.files);
    for (place, timeline) in timelines.list.iter().enumerate() {
        if place > 0 {
            output.text("\n")?;
        }
        let mut others = neighbours.witness(timeline);
        others.extend(resets::origin(timeline));
        others.extend(resets::unasked(timeline));
        let heard =
            counted.as_ref().map(|counted| counted.hear(timeline, timeline.verdict.advice()));
        let found = Found {
            outcome: timeline.verdict.outcome.label(),
            others: &others,
            heard: heard.as_ref(),
        };
        output.text(&explanation(timeline, &found, &files, drawable, columns))?;
    }
    output.flush()?;
    if let Some(note) = timelines.note("explains") {
        warn(&note);
    }
    ending.report()?;
    Ok(Done::on(arguments.fail_on.is_some() && timelines.failed))
}

/// What bears on a connection besides its own packets.
struct Found<'a> {
    /// The label of its outcome.
    outcome: &'a str,
    /// In other connections.
    others: &'a [Witnessed],
    /// In the counters of a host.
    heard: Option<&'a Heard>,
}

/// The width of lines.
fn columns(arguments: &ExplainArgs) -> usize {
    match (&arguments.output, terminal_size()) {
        (None, Some((Width(columns), _))) => usize::from(columns).clamp(40, MOST_COLUMNS),
        _ => COLUMNS,
    }
}

/// The explanation of one connection, whose number is that in `files`.
fn explanation(
    timeline: &Timeline,
    found: &Found<'_>,
    files: &[&str],
    drawable: bool,
    columns: usize,
) -> String {
    let mut page = Page::new(columns);
    let outcome = timeline.verdict.outcome;
    let (client, server) = (timeline.client, timeline.server);
    page.title(&format!(
        "Connection {} of {}: {}",
        timeline.id,
        input::shown(&timeline.file),
        labels::addresses(timeline)
    ));
    let style = outcome_style(outcome);
    page.paragraph(&format!("Outcome: {style}{outcome}{style:#}. {}", outcome.doc()));

    page.heading("What happened");
    for (when, sentence) in narration::sentences(timeline) {
        page.item(&format!("{FAINT}{when}{FAINT:#}"), &sentence);
    }
    page.paragraph(&final_states(timeline));

    let target = CheckTarget::new(client, server, &timeline.file).with_files(files);
    page.heading("What it means");
    let no_connection = strays::means(timeline);
    match no_connection.or_else(|| resets::means(timeline)) {
        Some(means) => page.paragraph(&means),
        None => page.paragraph(outcome.advice().means),
    }
    circumstances::remarks(timeline).iter().for_each(|remark| page.paragraph(remark));
    let verdict = &timeline.verdict;
    if strays::means(timeline).is_some() {
        // There was no connection to look into.
    } else if !verdict.established {
        advice(&mut page, outcome.advice(), verdict.cause_evidence, found, &target);
    } else if outcome != Outcome::Complete {
        // It came up; its outcome says how much of it was captured.
        let nothing = Found { outcome: outcome.label(), others: &[], heard: None };
        advice(&mut page, outcome.advice(), EvidenceSet::EMPTY, &nothing, &target);
    }
    if let (Some(heard), None) = (found.heard, verdict.advice()) {
        heard.write(&mut page, outcome.label(), |_| true);
    }
    if let Some(end) = verdict.end_advice() {
        let open = verdict.close == Close::Open;
        page.heading(if open { "What went wrong" } else { "How it ended" });
        page.paragraph(end.means);
        advice(&mut page, end, verdict.cause_evidence, found, &target);
    }
    if found.heard.is_none() {
        counted::advise(&mut page, timeline);
    }

    page.heading("To look closer");
    if files.len() == 1 {
        page.item("in Wireshark with tcphs:", &format!("tcphs.conn == {}", timeline.id));
    }
    let ip = if client.is_ipv4() { "ip" } else { "ipv6" };
    let ends = [client, server]
        .map(|end| format!("{ip}.addr == {} && tcp.port == {}", end.ip(), end.port()));
    page.item("in any Wireshark:", &ends.join(" && "));
    if drawable {
        let files: Vec<_> = files.iter().map(|file| shell_quoted(file)).collect();
        let command = format!("tcphs ladder --conn {} {}", timeline.id, files.join(" "));
        page.item("as a picture:", &command);
    }
    page.finish()
}

/// The causes that the capture leaves, and the checks that help with them.
fn advice(
    page: &mut Page,
    advice: &Advice,
    evidence: EvidenceSet,
    found: &Found<'_>,
    target: &CheckTarget<'_>,
) {
    let mut weighed = Weighed::new(advice, evidence, found.others);
    if let Some(heard) = found.heard {
        weighed.heed(&[heard], advice);
        heard.write(page, found.outcome, |cause| weighed.lists(cause));
    }
    weighed.write(page);
    let named = weighed.named();
    let checks: Vec<_> = advice.checks.iter().filter(|check| check.helps_with(&named)).collect();
    if !checks.is_empty() {
        page.heading("What to check next");
    }
    for (number, check) in (1..).zip(checks) {
        page.numbered(number, check.what);
        if let Some(command) = check.command_line(target) {
            page.command(&command);
        }
    }
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
