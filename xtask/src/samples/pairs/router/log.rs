//! What a router did: the truth that comparisons are held against.

use std::net::SocketAddr;

use testkit::kernel::Side;
use testkit::packet::ACK;

use super::packet::Header;

/// Everything that it did, in order, and the connections it did it to.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) flows: Vec<Seen>,
    pub(crate) actions: Vec<Action>,
}

/// A connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) ends: Ends,
    /// What passed to the client, and to the server.
    pub(crate) passed: [Passed; 2],
}

/// What passed of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passed {
    /// How many segments.
    pub(crate) segments: u64,
    /// Whether one of them had an acknowledgment number.
    pub(crate) acknowledged: bool,
    /// When the last left its sender.
    pub(crate) last_ns: u64,
}

impl Seen {
    /// The path of the connection, if the router did no more than lose segments of it.
    pub(crate) fn path(&self, log: &Log, flow: usize) -> &'static str {
        let lost = |to: Side| {
            let there = move |action: &&Action| action.flow == flow && action.to == to;
            let gone = |action: &&Action| matches!(action.done, Done::Lost | Done::Taken);
            log.actions.iter().filter(there).filter(gone)
        };
        let passed = |to: Side| &self.passed[to as usize];
        let all_lost = |to| passed(to).segments == 0 && lost(to).next().is_some();
        let cut_off = |to| {
            let mut end = lost(to).filter(|action| action.at_ns > passed(to).last_ns);
            end.next().is_some() && end.next().is_some()
        };
        if all_lost(Side::Server) {
            "syn_lost"
        } else if all_lost(Side::Client) {
            "synack_lost"
        } else if !passed(Side::Server).acknowledged
            && lost(Side::Server).any(|action| action.header.flags & ACK != 0)
        {
            "final_ack_lost"
        } else if Side::BOTH.into_iter().any(cut_off) {
            "cut_off"
        } else if Side::BOTH.into_iter().any(|to| lost(to).next().is_some()) {
            "lossy"
        } else {
            "clean"
        }
    }
}

/// The ends of a connection as both points see them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ends {
    /// Client and server at the client's point.
    pub(crate) near_client: [SocketAddr; 2],
    /// Client and server at the server's point.
    pub(crate) near_server: [SocketAddr; 2],
}

/// A kind of action.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Done {
    /// Not handed on.
    Lost,
    /// Not handed on, because the router answered it or serves it itself.
    Taken,
    /// Made up, in answer to a segment.
    Answered,
    /// Made up.
    Injected,
    /// Handed on with another content.
    Changed,
    /// Handed on once more.
    Doubled,
    /// Another segment that a larger one was cut into.
    Cut,
    /// Handed on later than others.
    Delayed,
    /// Handed on behind a segment that came after it.
    Reordered,
}

impl Done {
    /// All, in the order of summaries.
    pub(crate) const ALL: [Self; 9] = [
        Self::Lost,
        Self::Taken,
        Self::Answered,
        Self::Injected,
        Self::Changed,
        Self::Doubled,
        Self::Cut,
        Self::Delayed,
        Self::Reordered,
    ];

    /// The word in the truth.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Taken => "taken",
            Self::Answered => "answered",
            Self::Injected => "injected",
            Self::Changed => "changed",
            Self::Doubled => "doubled",
            Self::Cut => "cut",
            Self::Delayed => "delayed",
            Self::Reordered => "reordered",
        }
    }

    /// How many more segments leave than came.
    pub(crate) fn balance(self) -> i64 {
        match self {
            Self::Lost | Self::Taken => -1,
            Self::Answered | Self::Injected | Self::Doubled | Self::Cut => 1,
            Self::Changed | Self::Delayed | Self::Reordered => 0,
        }
    }
}

/// One action.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) done: Done,
    /// Where the segment was on its way to.
    pub(crate) to: Side,
    /// The connection's index.
    pub(crate) flow: usize,
    /// The segment as it came; one that the router made, as it left.
    pub(crate) header: Header,
    /// Whether it is the ICMP error about the segment `header` that is meant.
    pub(crate) icmp: bool,
    /// When the segment left its sender, by the clock of the client's point.
    pub(crate) at_ns: u64,
    /// The names of what was changed.
    pub(crate) changed: Vec<&'static str>,
}

impl Log {
    /// How many more frames leave than come, on the way to one side.
    pub(crate) fn balance(&self, to: Side) -> i64 {
        let there = self.actions.iter().filter(|action| action.to == to);
        there.map(|action| action.done.balance()).sum()
    }

    /// How often the router did something to a connection's segments on the way to one side.
    pub(crate) fn count(&self, done: Done, flow: usize, to: Side) -> usize {
        let wanted =
            |action: &&Action| action.done == done && action.flow == flow && action.to == to;
        self.actions.iter().filter(wanted).count()
    }

    /// The names of all that was changed in a connection, each once, in order.
    pub(crate) fn changed(&self, flow: usize) -> Vec<&'static str> {
        let own = self.actions.iter().filter(|action| action.flow == flow);
        let mut names: Vec<_> = own.flat_map(|action| action.changed.iter().copied()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The flags of the segments by what was done to them, to the server →, to the client ←; of the
    /// changed ones what was. Scenarios promise it.
    pub(crate) fn summary(&self) -> String {
        let mut parts = Vec::new();
        for (to, arrow) in [(Side::Server, "→"), (Side::Client, "←")] {
            for done in Done::ALL {
                let wanted = |action: &&Action| action.done == done && action.to == to;
                let mut words: Vec<String> = Vec::new();
                for action in self.actions.iter().filter(wanted) {
                    if done == Done::Changed {
                        words.extend(action.changed.iter().map(|name| (*name).to_owned()));
                    } else {
                        words.push(action.letters());
                    }
                }
                if done == Done::Changed {
                    words.sort_unstable();
                    words.dedup();
                }
                if !words.is_empty() {
                    parts.push(format!("{arrow} {} {}", done.name(), words.join(" ")));
                }
            }
        }
        parts.join(", ")
    }
}

impl Action {
    /// The segment's flags in tcpdump's letters, or `ICMP`.
    pub(crate) fn letters(&self) -> String {
        if self.icmp { "ICMP".to_owned() } else { self.header.letters() }
    }
}
