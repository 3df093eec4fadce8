//! What the kernels of the hosts counted, beside what the capture has.

mod points;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use dissector_core::ClosedConnection;
use dissector_core::connection::{Advice, Cause, Side};
use dissector_core::counters::{
    About, Agreement, Counters, Counts, HostTally, NotComparable, Rises, Said, Testimony, can_tell,
    fitting_side, judge,
};

use crate::args::{CountedOf, ExplainArgs};
use crate::output::document::{Part, Section};
use crate::timeline::Timeline;
use crate::{Failure, Unreadable};

pub use points::{Tally, Witnesses};

/// Hosts whose connections are counted.
const MOST: usize = 100_000;

/// Two outputs of one host's counters, and how often the capture has what they count.
pub struct Counted {
    rises: Result<Rises, NotComparable>,
    of: Option<Side>,
    hosts: Hosts,
}

/// How often a capture has what the kernel of each host counts.
#[derive(Default)]
struct Hosts(HashMap<IpAddr, HostTally>);

impl Hosts {
    /// Counts a connection for both of its ends.
    fn add(&mut self, closed: &ClosedConnection<'_>, counts: Counts) {
        let connection = closed.connection;
        for (side, end) in
            [(Side::Client, connection.client()), (Side::Server, connection.server())]
        {
            if self.0.len() < MOST || self.0.contains_key(&end.ip()) {
                self.0.entry(end.ip()).or_default().add(side, counts);
            }
        }
    }

    fn get(&self, host: IpAddr) -> Option<&HostTally> {
        self.0.get(&host)
    }
}

/// What the outputs decide of a connection whose end on this side is `host`.
fn testify(
    rises: &Result<Rises, NotComparable>,
    side: Side,
    own: &Counts,
    host: Option<&HostTally>,
    causes: &[Cause],
) -> Result<Testimony, String> {
    match (rises, host) {
        (Err(error), _) => Err(format!("They decide nothing: {error}.")),
        (Ok(rises), Some(host)) => Ok(judge(rises, side, (own, host), causes)),
        (Ok(_), None) => {
            Err("They decide nothing: the capture has too many hosts to count for each.".into())
        }
    }
}

/// An output of `nstat -az` has some tens of thousands of octets.
const LONGEST: u64 = 1 << 20;

/// The judgement on one connection.
pub struct Heard {
    side: Side,
    /// How it is known whose counters they are, where that has to be said.
    known: Option<String>,
    result: Result<Testimony, String>,
}

impl Counted {
    /// Reads the outputs that the command line names.
    pub fn read(arguments: &ExplainArgs) -> Result<Option<Self>, Failure> {
        let Some([before, after]) = arguments.outputs().map_err(Failure::Usage)? else {
            return Ok(None);
        };
        let rises = rises(before, after)?;
        let of = arguments.nstat_of.map(|of| match of {
            CountedOf::Client => Side::Client,
            CountedOf::Server => Side::Server,
        });
        Ok(Some(Self { rises, of, hosts: Hosts::default() }))
    }

    pub fn add(&mut self, closed: &ClosedConnection<'_>) {
        self.hosts.add(closed, Counts::of(closed.connection, &closed.verdict()));
    }

    /// What the counters say of a connection and the causes of its advice.
    pub fn hear(&self, timeline: &Timeline, advice: Option<&Advice>) -> Heard {
        let ends = [timeline.client.ip(), timeline.server.ip()];
        let [client, server] = ends.map(|end| self.hosts.get(end));
        let fitting = || match (&self.rises, client, server) {
            (Ok(rises), Some(client), Some(server)) => fitting_side(rises, client, server),
            _ => None,
        };
        let said = |side: Side, how: &dyn Fn(&str, &str) -> String| {
            let host = ends[side as usize];
            let roles = [side, side.other()].map(|side| side.role().to_string());
            how(&format!("{host}, the {}", roles[0]), &roles[1])
        };
        let (side, known, doubted) = match (self.of, fitting()) {
            (Some(side), _) => (side, None, false),
            // One host is both ends.
            (None, _) if ends[0] == ends[1] => (Side::Server, None, false),
            (None, Some(side)) => {
                let known = said(side, &|host, other| {
                    format!("By their numbers, the outputs are of {host}, and not of the {other}.")
                });
                (side, Some(known), false)
            }
            (None, None) => {
                let known = said(Side::Server, &|host, other| {
                    format!(
                        "The outputs are taken for those of {host}, but they may as well be of the {other}. \
                         With --nstat-of server or --nstat-of {other}, they say more."
                    )
                });
                (Side::Server, Some(known), true)
            }
        };
        let causes = advice.map_or(&[][..], |advice| advice.causes);
        let tally = if side == Side::Client { client } else { server };
        let result = testify(&self.rises, side, &timeline.counts, tally, causes);
        let result = if doubted { result.map(Testimony::doubted) } else { result };
        Heard { side, known, result }
    }
}

impl Heard {
    pub fn testimony(&self) -> Option<&Testimony> {
        self.result.as_ref().ok()
    }

    /// `server's`
    pub fn whose(&self) -> &'static str {
        whose(self.side)
    }

    /// `outcome` is its label; of the causes that are not listed, only those are told that some counter speaks
    /// for.
    pub fn section(&self, outcome: &str, is_listed: impl Fn(Cause) -> bool) -> Section {
        let mut section =
            Section::new("counters", format!("What the {} kernel counted", self.whose()));
        if let Some(known) = &self.known {
            section.paragraph(known);
        }
        let testimony = match &self.result {
            Ok(testimony) => testimony,
            Err(error) => {
                section.paragraph(error);
                return section;
            }
        };
        if let Some(reason) = &testimony.not_of_host {
            section.paragraph(format!("They decide nothing: {reason}"));
            return section;
        }
        let matters = |said: &&Said| matters(said, &is_listed);
        let mut told = testimony.said.iter().filter(matters).peekable();
        if told.peek().is_none() {
            section.paragraph("No counter of this host tells anything about this connection.");
            return section;
        }
        let mut explained = Vec::new();
        while let Some(said) = told.next() {
            let mut subjects = vec![subject(said.about, outcome)];
            let alike = |other: &&Said| {
                (other.agreement, &other.sentence) == (said.agreement, &said.sentence)
            };
            while let Some(other) = told.next_if(alike) {
                subjects.push(subject(other.about, outcome));
            }
            let aside = match (said.counted, said.counters) {
                (counted, _) if counted.is_empty() || explained.contains(&counted) => String::new(),
                (counted, [_]) => format!(" It counts {counted}."),
                (counted, _) => format!(" They count {counted}."),
            };
            explained.push(said.counted);
            let what = format!("{}, {}:", subjects.join(", "), said.agreement);
            let text = said.sentence.to_string();
            section.parts.push(Part::Item { what, text, aside });
        }
        if testimony.said.iter().any(|said| said.agreement != Agreement::Agrees) {
            section.paragraph(OF_A_WHOLE_HOST);
        }
        section
    }
}

const OF_A_WHOLE_HOST: &str = "A counter is that of a whole host or container (network namespace): \
     connections outside this capture raise it, too, and where several hosts answer for one address, the \
     others count apart.";

fn whose(side: Side) -> &'static str {
    match side {
        Side::Client => "client's",
        Side::Server => "server's",
    }
}

/// Of the causes that are not listed, only those matter that some counter speaks for.
fn matters(said: &Said, is_listed: &dyn Fn(Cause) -> bool) -> bool {
    match said.about {
        About::Cause(cause) => {
            is_listed(cause) || said.leans || said.agreement == Agreement::Agrees
        }
        _ => true,
    }
}

fn subject(about: About, outcome: &str) -> String {
    match about {
        About::Cause(cause) => cause.to_string(),
        About::Copies => "copies of SYN and SYN/ACK".into(),
        _ => outcome.to_owned(),
    }
}

/// How to take the counters, where they could tell; otherwise without parts.
pub fn advise(timeline: &Timeline) -> Section {
    let mut section = Section::new("counters", "What the server's kernel can tell");
    let outcome = timeline.verdict.outcome;
    let open = timeline.counts.swallowed > 0;
    if !(can_tell(outcome, Side::Server) || open) {
        return section;
    }
    section.paragraph(
        "Linux counts what a capture only suggests. On the server, take its counters before and after a \
         capture of all its TCP, in the network namespace of the service (a container's: `nsenter -t PID \
         -n COMMAND`; one with a name: `ip netns exec NAME COMMAND`), and let tcphs compare them:",
    );
    let which = if open { "" } else { &format!("--outcome {outcome} ") };
    for command in [
        "nstat -az > before; timeout 60 tcpdump -ni any -s 128 -w again.pcap tcp; nstat -az > after",
        &format!("tcphs explain {which}--nstat before after again.pcap"),
    ] {
        section.parts.push(Part::Command { what: String::new(), command: command.to_owned() });
    }
    section
}

/// The differences of two outputs, or why they give none.
fn rises(before: &Path, after: &Path) -> Result<Result<Rises, NotComparable>, Failure> {
    Ok(Rises::between(&counters(before)?, &counters(after)?))
}

fn counters(file: &Path) -> Result<Counters, Failure> {
    let failure =
        |error: &dyn std::fmt::Display| Unreadable::told(format!("{}: {error}", file.display()));
    let mut octets = Vec::new();
    let opened = File::open(file).map_err(|error| failure(&error))?;
    opened.take(LONGEST).read_to_end(&mut octets).map_err(|error| failure(&error))?;
    Counters::parse(&String::from_utf8_lossy(&octets)).map_err(|error| failure(&error))
}
