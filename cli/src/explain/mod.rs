//! `tcphs explain`: what happened to a connection, what it means, and what to check next.

mod sentence;

use std::fmt::Write;
use std::path::PathBuf;

use dissector_core::connection::{
    Advice, Finding, Outcome, RstReason, Seen, State, States, Vantage,
};
use terminal_size::{Width, terminal_size};

use crate::args::ExplainArgs;
use crate::output::{Output, duration, octets};
use crate::stories;
use crate::story::{Event, Story};
use crate::style::{FAINT, STRONG, outcome_style};
use crate::{Done, Failure, input, warn, words};

/// Lines are at most this long: longer ones are hard to read.
const MOST_COLUMNS: usize = 100;
/// Columns where there is no terminal.
const COLUMNS: usize = 80;

pub fn run(arguments: &ExplainArgs) -> Result<Done, Failure> {
    let source = &arguments.source;
    input::keep_apart(arguments.output.as_deref(), &source.files)?;
    let (stories, ending) = stories::collect(source, &arguments.select, arguments.max)?;
    let mut output = Output::open(arguments.output.as_deref())?;
    let columns = match (&arguments.output, terminal_size()) {
        (None, Some((Width(columns), _))) => usize::from(columns).clamp(40, MOST_COLUMNS),
        _ => COLUMNS,
    };
    for (place, story) in stories.list.iter().enumerate() {
        if place > 0 {
            output.text("\n")?;
        }
        output.text(&tell(story, &source.files, columns))?;
    }
    output.flush()?;
    if let Some(note) = stories.note("explains", "--max") {
        warn(&note);
    }
    ending.report()?;
    Ok(Done::unless(arguments.select.fail_on.is_some() && stories.failed))
}

/// The whole text, in lines of so many columns. The number of the connection is that in `files`.
fn tell(story: &Story, files: &[PathBuf], columns: usize) -> String {
    let mut text = Text { text: String::new(), columns };
    let (outcome, style) = (story.verdict.outcome, outcome_style(story.verdict.outcome));
    let _ = writeln!(
        text.text,
        "{STRONG}Connection {} of {}: {}{STRONG:#}",
        story.id,
        input::shown(&story.file),
        words::ends(story)
    );
    text.paragraph(&format!("Outcome: {style}{outcome}{style:#}. {}", outcome.doc()));

    text.heading("What happened");
    for (when, sentence) in sentence::all(story) {
        text.item(&format!("{FAINT}{when}{FAINT:#}"), &sentence);
    }
    text.paragraph(&at_the_end(story));

    text.heading("What it means");
    let advice = outcome.advice();
    text.paragraph(advice.means);
    for remark in remarks(story) {
        text.paragraph(&remark);
    }
    text.advice(story, advice);
    // A failed handshake leaves nothing to say of the close.
    if story.verdict.established
        && !was_cleared(story)
        && let Some(close) = story.verdict.close.advice()
    {
        text.heading("How it ended");
        text.paragraph(close.means);
        text.advice(story, close);
    }

    text.heading("To look closer");
    let (client, server) = (story.client, story.server);
    if files.len() == 1 {
        text.item("in Wireshark with tcphs:", &format!("tcphs.conn == {}", story.id));
    }
    let ip = if client.is_ipv4() { "ip" } else { "ipv6" };
    text.item(
        "in any Wireshark:",
        &format!(
            "{ip}.addr == {} && tcp.port == {} && {ip}.addr == {} && tcp.port == {}",
            client.ip(),
            client.port(),
            server.ip(),
            server.port()
        ),
    );
    if input::can_be_read_again(files) {
        let files: Vec<_> =
            files.iter().map(|file| for_the_shell(&file.to_string_lossy())).collect();
        let files = files.join(" ");
        text.item("as a picture:", &format!("tcphs ladder --conn {} {files}", story.id));
    }
    text.text
}

/// A name as it has to be written in a command: in quotes if a shell would make something else of it.
fn for_the_shell(name: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "/._-+:@%,=".contains(char);
    match name.chars().all(is_plain) && !name.is_empty() {
        true => name.to_owned(),
        false => format!("'{}'", name.replace('\'', r"'\''")),
    }
}

/// How things stood when nothing more came.
fn at_the_end(story: &Story) -> String {
    let state = |states: States| match (states.after(), states.proven()) {
        (State::Unknown, _) => "a state that the capture does not show".into(),
        (state, true) => format!("{state}"),
        (state, false) => format!("{state} (assumed)"),
    };
    let times = story.events.iter().filter_map(Event::times);
    let last_ns = times.map(|(_, last_ns)| last_ns).max().unwrap_or(story.last_ns);
    let lasted = last_ns.saturating_sub(story.first_ns).max(0) as u64;
    let after = match lasted {
        0 => "Nothing more of it is in the capture:".into(),
        _ => format!("{} after it began, nothing more comes:", duration(lasted)),
    };
    let client = state(story.client_state);
    let server = match story.verdict.outcome {
        _ if story.server_state.proven() => {
            format!(", the server in {}", story.server_state.after())
        }
        Outcome::NoReply => "; whether the SYN has reached the server cannot be seen".into(),
        Outcome::Unreachable => "; the server holds nothing of it, as far as can be seen".into(),
        Outcome::Challenged => "; the server holds the older connection".into(),
        Outcome::NotAccepted if story.server_state.after() == State::Established => {
            ", the server still in SYN-RECEIVED, unless it has taken the last ACK".into()
        }
        _ => format!(", the server in {}", state(story.server_state)),
    };
    let mut text = format!("{after} the client is in {client}{server}.");
    if was_cleared(story)
        && let Some(frame) = story.verdict.frames.rst
    {
        text.push_str(&format!(
            " The RST of frame {frame}, which belongs to the next attempt on these ports, cleared it."
        ));
    }
    text
}

/// Whether an RST of a later connection ended it.
fn was_cleared(story: &Story) -> bool {
    story.verdict.rst_reason == Some(RstReason::HalfOpenDiscovery)
}

/// What of the circumstances bears on the meaning.
fn remarks(story: &Story) -> Vec<String> {
    let verdict = &story.verdict;
    let times = &verdict.times;
    let mut remarks = Vec::new();
    if let (Some(setup_ns), Some(total_ns)) = (times.setup_time_ns, times.rtt_total_ns) {
        let waited_ns = setup_ns.saturating_sub(total_ns);
        let challenged = verdict.findings.contains(Finding::ChallengeAck);
        if waited_ns > 0 && verdict.syn_count > 1 && !challenged {
            remarks.push(format!(
                "Of the {} that the set-up took, {} went by until a SYN was sent that got an \
                 answer: the earlier ones, or their answers, were lost or dropped.",
                duration(setup_ns),
                duration(waited_ns)
            ));
        }
    }
    if verdict.outcome == Outcome::Complete
        && verdict.findings.contains(Finding::SynAckRetxAfterAck)
    {
        remarks.push(
            "The server did not take the final ACK at first. A lost ACK, a full accept queue and \
             TCP_DEFER_ACCEPT look alike from here; on the server, `nstat -az \
             TcpExtListenOverflows` tells whether it was the queue."
                .into(),
        );
    }
    if verdict.outcome == Outcome::Complete
        && verdict.synack_count == 1
        && !story.server_went_on
        && story.client_again > 0
    {
        remarks.push(format!(
            "The server has sent nothing since its SYN/ACK, not even an acknowledgment of what the \
             client has sent since ({}, and again). It may never have taken the final ACK: \
             a server that works with SYN cookies and whose accept queue is full drops it and does not \
             repeat its SYN/ACK; or what the client sends is lost on the way. On the server, `nstat \
             -az TcpExtListenOverflows TcpExtSyncookiesRecv` and `ss -ltn 'sport = :{}'` tell.",
            octets(story.client_octets),
            story.server.port()
        ));
    }
    let lost = verdict.outcome == Outcome::NotAccepted
        || verdict.syn_count > 1
        || verdict.synack_count > 1;
    match (verdict.vantage, times.rtt_server_ns, times.rtt_client_ns) {
        (Vantage::NearClient, Some(server), Some(client)) if lost => remarks.push(format!(
            "The capture was taken near the client ({} away and back, the server {}): what gets lost \
             does so beyond this point, towards the server.",
            duration(client),
            duration(server)
        )),
        (Vantage::NearServer, Some(server), Some(client)) if lost => remarks.push(format!(
            "The capture was taken near the server ({} away and back, the client {}): what gets lost \
             does so beyond this point, towards the client.",
            duration(server),
            duration(client)
        )),
        _ => {}
    }
    if story.attempt > 1 {
        remarks.push(format!(
            "It is attempt {} on these addresses and ports in the capture; the others are \
             connections of their own.",
            story.attempt
        ));
    }
    match verdict.seen {
        _ if verdict.outcome.failed() => {}
        Seen::ClientOnly => remarks.push("Nothing of the server is in the capture.".into()),
        Seen::ServerOnly => remarks.push("Nothing of the client is in the capture.".into()),
        _ => {}
    }
    if verdict.findings.contains(Finding::HalfClosedLong) {
        remarks.push(Finding::HalfClosedLong.text().into());
    }
    remarks
}

/// Text in lines of so many columns.
struct Text {
    text: String,
    columns: usize,
}

impl Text {
    fn heading(&mut self, heading: &str) {
        let _ = writeln!(self.text, "\n{STRONG}{heading}{STRONG:#}");
    }

    fn paragraph(&mut self, paragraph: &str) {
        self.wrapped("", "", paragraph);
    }

    /// Something that begins with where or when, and hangs below it.
    fn item(&mut self, first: &str, rest: &str) {
        self.wrapped("  ", "    ", &format!("{first} {rest}"));
    }

    fn numbered(&mut self, number: usize, text: &str) {
        self.wrapped(&format!("  {number}. "), "     ", text);
    }

    fn wrapped(&mut self, first: &str, others: &str, text: &str) {
        let options = textwrap::Options::new(self.columns)
            .initial_indent(first)
            .subsequent_indent(others)
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in textwrap::wrap(text, options) {
            let _ = writeln!(self.text, "{line}");
        }
    }

    fn advice(&mut self, story: &Story, advice: &Advice) {
        if !advice.causes.is_empty() {
            self.heading("Likely causes");
            for (place, cause) in advice.causes.iter().enumerate() {
                self.numbered(place + 1, cause);
            }
        }
        if advice.checks.is_empty() {
            return;
        }
        self.heading("What to check next");
        for (place, check) in advice.checks.iter().enumerate() {
            self.numbered(place + 1, check.what);
            if !check.command.is_empty() {
                let command = filled_in(story, check.command);
                let _ = writeln!(self.text, "       {command}");
            }
        }
    }
}

/// `command` for this connection.
fn filled_in(story: &Story, command: &str) -> String {
    let file = for_the_shell(&story.file);
    command
        .replace("{client}", &story.client.ip().to_string())
        .replace("{server}", &story.server.ip().to_string())
        .replace("{port}", &story.server.port().to_string())
        .replace("FILE", &file)
        .replace(&format!("EARLIER-{file}"), "EARLIER-FILE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(for_the_shell("/tmp/a-1.pcap"), "/tmp/a-1.pcap");
        assert_eq!(for_the_shell("über.pcap"), "über.pcap");
        assert_eq!(for_the_shell("a b$(x).pcap"), "'a b$(x).pcap'");
        assert_eq!(for_the_shell("it's"), r"'it'\''s'");
    }
}
