//! What the kernels of the hosts counted, beside what the capture has.

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

use super::page::Page;
use crate::Failure;
use crate::args::{CountedOf, ExplainArgs};
use crate::output::style::FAINT;
use crate::timeline::Timeline;

/// Hosts whose connections are counted.
const MOST: usize = 100_000;

/// Two outputs of one host's counters, and how often the capture has what they count.
pub struct Counted {
    rises: Result<Rises, NotComparable>,
    of: Option<Side>,
    hosts: HashMap<IpAddr, HostTally>,
}

/// An output of `nstat -az` has some tens of thousands of octets.
const LONGEST: u64 = 1 << 20;

/// The judgement on one connection.
pub struct Heard {
    side: Side,
    host: IpAddr,
    /// How the host is known.
    known: Known,
    result: Result<Testimony, String>,
}

/// How it is known whose counters they are.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Known {
    /// The command line says it.
    Told,
    /// They fit one end only.
    Found,
    /// They are taken for the server's.
    Assumed,
}

impl Counted {
    /// Reads the outputs that the command line names.
    pub fn read(arguments: &ExplainArgs) -> Result<Option<Self>, Failure> {
        let [before, after] = &arguments.nstat[..] else { return Ok(None) };
        let rises = Rises::between(&counters(before)?, &counters(after)?);
        let of = arguments.nstat_of.map(|of| match of {
            CountedOf::Client => Side::Client,
            CountedOf::Server => Side::Server,
        });
        Ok(Some(Self { rises, of, hosts: HashMap::new() }))
    }

    pub fn add(&mut self, closed: &ClosedConnection<'_>) {
        let connection = closed.connection;
        let counts = Counts::of(connection, &closed.verdict());
        for (side, end) in
            [(Side::Client, connection.client()), (Side::Server, connection.server())]
        {
            if self.hosts.len() < MOST || self.hosts.contains_key(&end.ip()) {
                self.hosts.entry(end.ip()).or_default().add(side, counts);
            }
        }
    }

    /// What the counters say of a connection and the causes of its advice.
    pub fn hear(&self, timeline: &Timeline, advice: Option<&Advice>) -> Heard {
        let ends = [timeline.client.ip(), timeline.server.ip()];
        let [client, server] = ends.map(|end| self.hosts.get(&end));
        let fitting = || match (&self.rises, client, server) {
            (Ok(rises), Some(client), Some(server)) => fitting_side(rises, client, server),
            _ => None,
        };
        let (side, known) = match (self.of, fitting()) {
            (Some(side), _) => (side, Known::Told),
            // One host is both ends.
            (None, _) if ends[0] == ends[1] => (Side::Server, Known::Told),
            (None, Some(side)) => (side, Known::Found),
            (None, None) => (Side::Server, Known::Assumed),
        };
        let own = &timeline.counts;
        let causes = advice.map_or(&[][..], |advice| advice.causes);
        let tally = if side == Side::Client { client } else { server };
        let result = match (&self.rises, tally) {
            (Err(error), _) => Err(format!("They decide nothing: {error}.")),
            (Ok(rises), Some(host)) => {
                let testimony = judge(rises, side, (own, host), causes);
                Ok(if known == Known::Assumed { testimony.doubted() } else { testimony })
            }
            (Ok(_), None) => {
                Err("They decide nothing: the capture has too many hosts to count for each.".into())
            }
        };
        Heard { side, host: ends[side as usize], known, result }
    }
}

impl Heard {
    pub fn testimony(&self) -> Option<&Testimony> {
        self.result.as_ref().ok()
    }

    /// `server's`
    pub fn whose(&self) -> &'static str {
        match self.side {
            Side::Client => "client's",
            Side::Server => "server's",
        }
    }

    /// `outcome` is its label; of the causes that are not listed, only those are told that some counter speaks
    /// for.
    pub fn write(&self, page: &mut Page, outcome: &str, is_listed: impl Fn(Cause) -> bool) {
        page.heading(&format!("What the {} kernel counted", self.whose()));
        let (host, role) = (self.host, self.side.role());
        let other = if self.side == Side::Server { "client" } else { "server" };
        match self.known {
            Known::Told => {}
            Known::Found => page.paragraph(&format!(
                "By their numbers, the outputs are of {host}, the {role}, and not of the {other}."
            )),
            Known::Assumed => page.paragraph(&format!(
                "The outputs are taken for those of {host}, the {role}, but they may as well be of the \
                 {other}. With --nstat-of {role} or --nstat-of {other}, they say more."
            )),
        }
        let testimony = match &self.result {
            Ok(testimony) => testimony,
            Err(error) => return page.paragraph(error),
        };
        if let Some(reason) = &testimony.not_of_host {
            return page.paragraph(&format!("They decide nothing: {reason}"));
        }
        let matters = |said: &&Said| match said.about {
            About::Cause(cause) => {
                is_listed(cause) || said.leans || said.agreement == Agreement::Agrees
            }
            _ => true,
        };
        let mut told = testimony.said.iter().filter(matters).peekable();
        if told.peek().is_none() {
            return page.paragraph("No counter of this host tells anything about this connection.");
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
            let counted = match (said.counted, said.counters) {
                (counted, _) if counted.is_empty() || explained.contains(&counted) => String::new(),
                (counted, [_]) => format!(" It counts {counted}."),
                (counted, _) => format!(" They count {counted}."),
            };
            explained.push(said.counted);
            let first = format!("{}, {}:", subjects.join(", "), said.agreement);
            page.item(&first, &format!("{}{FAINT}{counted}{FAINT:#}", said.sentence));
        }
        if testimony.said.iter().any(|said| said.agreement != Agreement::Agrees) {
            page.paragraph(
                "A counter is that of a whole host or container (network namespace): connections outside \
                 this capture raise it, too, and where several hosts answer for one address, the others \
                 count apart.",
            );
        }
    }
}

fn subject(about: About, outcome: &str) -> String {
    match about {
        About::Cause(cause) => cause.to_string(),
        About::Copies => "copies of SYN and SYN/ACK".into(),
        _ => outcome.to_owned(),
    }
}

/// How to take the counters, where they could tell.
pub fn advise(page: &mut Page, timeline: &Timeline) {
    let outcome = timeline.verdict.outcome;
    let open = timeline.counts.swallowed > 0;
    if !(can_tell(outcome, Side::Server) || open) {
        return;
    }
    page.heading("What the server's kernel can tell");
    page.paragraph(
        "Linux counts what a capture only suggests. On the server, take its counters before and after a \
         capture of all its TCP, in the network namespace of the service (a container's: `nsenter -t PID \
         -n COMMAND`; one with a name: `ip netns exec NAME COMMAND`), and let tcphs compare them:",
    );
    page.command("nstat -az > before; timeout 60 tcpdump -ni any -s 128 -w again.pcap tcp; nstat -az > after");
    let which = if open { "" } else { &format!("--outcome {outcome} ") };
    page.command(&format!("tcphs explain {which}--nstat before after again.pcap"));
}

fn counters(file: &Path) -> Result<Counters, Failure> {
    let failure =
        |error: &dyn std::fmt::Display| Failure::Read(format!("{}: {error}", file.display()));
    let mut octets = Vec::new();
    let opened = File::open(file).map_err(|error| failure(&error))?;
    opened.take(LONGEST).read_to_end(&mut octets).map_err(|error| failure(&error))?;
    Counters::parse(&String::from_utf8_lossy(&octets)).map_err(|error| failure(&error))
}
