//! The evidence in other connections of the captures on the cause of one.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;

use dissector_core::connection::{
    Close, Connection, Evidence, EvidenceSet, Outcome, Seen, Verdict,
};

use crate::output::units::duration;
use crate::timeline::Timeline;

/// Connections that are remembered; beyond that, the oldest are forgotten.
const MOST: usize = 200_000;
/// Others within this time tell something, in nanoseconds.
const ABOUT_NS: i64 = 60_000_000_000;
/// Attempts within this time are made at once, in nanoseconds.
const AT_ONCE_NS: u64 = 3_000_000_000;
/// An answer within so many octets of the SYN's number is one to it.
const WINDOW: u32 = 1 << 20;
/// So many others are no accident.
const MANY: usize = 3;

/// A closed connection, as far as its neighbours need to know.
#[derive(Clone, Copy)]
pub struct Neighbour {
    pub id: u32,
    pub client: SocketAddr,
    pub server: SocketAddr,
    /// The client's initial number, by its SYN.
    isn: Option<u32>,
    /// The highest number that the server acknowledged.
    acknowledged: Option<u32>,
    pub outcome: Outcome,
    pub came_up: bool,
    unused: bool,
    /// TTL of the client's last segment.
    ttl: Option<u8>,
    /// The server sent something.
    pub answered: bool,
    pub first_ns: i64,
    pub last_ns: i64,
}

impl Neighbour {
    pub fn new(connection: &Connection, verdict: &Verdict) -> Self {
        Self {
            id: connection.id(),
            client: connection.client(),
            server: connection.server(),
            isn: connection.client_isn().map(|isn| isn.0),
            acknowledged: connection.acknowledged_by_server().map(|number| number.0),
            outcome: verdict.outcome,
            came_up: verdict.established,
            ttl: connection.client_ttl(),
            unused: verdict.cause_evidence.contains(Evidence::NoOctet),
            answered: verdict.seen != Seen::ClientOnly,
            first_ns: connection.first_ns(),
            last_ns: connection.last_ns(),
        }
    }
}

/// Evidence in another connection, as a sentence.
pub struct Witnessed {
    pub evidence: Evidence,
    pub sentence: String,
}

/// The connections of the captures.
#[derive(Default)]
pub struct Neighbours {
    list: VecDeque<Neighbour>,
}

impl Neighbours {
    pub fn add(&mut self, connection: &Connection, verdict: &Verdict) {
        self.push(Neighbour::new(connection, verdict));
    }

    /// Remembers one more.
    pub fn push(&mut self, neighbour: Neighbour) {
        if self.list.len() == MOST {
            self.list.pop_front();
        }
        self.list.push_back(neighbour);
    }

    /// The evidence in the others on the cause of this one.
    pub fn witness(&self, timeline: &Timeline) -> Vec<Witnessed> {
        let verdict = &timeline.verdict;
        self.witness_of(timeline.id, verdict.cause_evidence, verdict.close)
    }

    /// The same of connection number `id`, given the evidence in its own packets and how it ended.
    pub fn witness_of(&self, id: u32, evidence: EvidenceSet, close: Close) -> Vec<Witnessed> {
        let Some(own) = self.list.iter().find(|one| one.id == id) else {
            return Vec::new();
        };
        let mut seen = Vec::new();
        match own.outcome {
            Outcome::NoReply => {
                seen.extend(self.leg(own));
                seen.extend(self.host_answers(own));
                seen.extend(self.path_works(own));
                seen.extend(self.asks_many(own));
            }
            Outcome::Unreachable => {
                seen.extend(self.host_answers(own));
                seen.extend(self.ttls_differ(own, evidence));
            }
            Outcome::Refused => {
                seen.extend(self.takes_others(own).filter(|_| self.ran_all_the_time(own)));
                seen.extend(self.asks_many(own));
            }
            Outcome::NoFinalAck => seen.extend(self.opens_others(own)),
            Outcome::UnsolicitedSynAck => seen.extend(self.leg(own)),
            Outcome::AbortedByClient => {
                seen.extend(self.leg(own));
                seen.extend(self.asks_many(own).or_else(|| self.repeats(own)));
                seen.extend(self.opens_another(own));
                seen.extend(self.asks_again(own));
            }
            Outcome::Complete if own.unused && close != Close::Open => {
                seen.extend(self.repeats(own));
            }
            _ => {}
        }
        seen
    }

    /// The other leg of a translation that does not translate back: a SYN without an answer, and an
    /// answer to it from another address (`own` may be either).
    fn leg(&self, own: &Neighbour) -> Option<Witnessed> {
        let answers = |asked: &Neighbour, other: &Neighbour| {
            let (Some(isn), Some(number)) = (asked.isn, other.acknowledged) else { return false };
            let ahead = number.wrapping_sub(isn.wrapping_add(1));
            let same_host = asked.client.ip() == other.client.ip();
            asked.client.port() == other.client.port()
                && asked.server != other.server
                && !asked.answered
                && ahead < if same_host { WINDOW } else { 1 }
        };
        let near = |other: &&Neighbour| other.id != own.id && is_near(own, other);
        if let Some(other) = self.list.iter().filter(near).find(|other| answers(own, other)) {
            let what = match other.outcome {
                Outcome::UnsolicitedSynAck | Outcome::AbortedByClient => "The SYN/ACK",
                _ => "A segment",
            };
            return Some(Witnessed {
                evidence: Evidence::AnsweredFromElsewhere,
                sentence: format!(
                    "{what} of connection {} acknowledges this SYN, but it comes from {} instead of \
                     {}: the client does not know that address and rejects or ignores it.",
                    other.id, other.server, own.server
                ),
            });
        }
        let asked = self.list.iter().filter(near).find(|other| answers(other, own))?;
        Some(Witnessed {
            evidence: Evidence::AnsweredFromElsewhere,
            sentence: format!(
                "It acknowledges the SYN of connection {}, which the client sent to {}, not to {}.",
                asked.id, asked.server, own.server
            ),
        })
    }

    /// The host, or even the port, answered others at about that time.
    fn host_answers(&self, own: &Neighbour) -> Option<Witnessed> {
        let taken = self.takes_others(own);
        taken.or_else(|| {
            let answered = |other: &&Neighbour| {
                other.server.ip() == own.server.ip() && other.answered && is_near(own, other)
            };
            let other = self.nearest(own, answered)?;
            Some(Witnessed {
                evidence: Evidence::HostAnswers,
                sentence: format!(
                    "The host {} answered on port {} {} (connection {}): it is up and can be reached.",
                    other.server.ip(),
                    other.server.port(),
                    when(own, other),
                    other.id
                ),
            })
        })
    }

    fn takes_others(&self, own: &Neighbour) -> Option<Witnessed> {
        let took = |other: &&Neighbour| {
            other.server == own.server && other.came_up && other.answered && is_near(own, other)
        };
        let other = self.nearest(own, took)?;
        Some(Witnessed {
            evidence: Evidence::ServerTakesOthers,
            sentence: format!(
                "{} took another connection {} (connection {}): the service was running.",
                other.server,
                when(own, other),
                other.id
            ),
        })
    }

    /// The server and port took connections before and after: in between the service may have been too
    /// busy, but it did not just start or stop.
    fn ran_all_the_time(&self, own: &Neighbour) -> bool {
        let took = |before: bool| {
            self.list.iter().any(|other| {
                other.server == own.server
                    && other.came_up
                    && other.answered
                    && is_near(own, other)
                    && (other.first_ns < own.first_ns) == before
            })
        };
        took(true) && took(false)
    }

    /// The same SYN again, after the client has reset the answer to this one.
    fn asks_again(&self, own: &Neighbour) -> Option<Witnessed> {
        let again = |other: &&Neighbour| {
            (other.client, other.server) == (own.client, own.server)
                && other.isn.is_some()
                && other.isn == own.isn
                && other.first_ns.abs_diff(own.first_ns) <= ABOUT_NS.unsigned_abs()
        };
        let other = self.nearest(own, again)?;
        Some(Witnessed {
            evidence: Evidence::SynSentAgain,
            sentence: format!(
                "The client sent the same SYN again, with the same number (connection {}): its program \
                 still waits, and the RST came from a kernel that does not take the SYN/ACK for the \
                 answer.",
                other.id
            ),
        })
    }

    /// The same client opened other connections, and was still there afterwards.
    fn opens_others(&self, own: &Neighbour) -> Option<Witnessed> {
        let opened = |other: &&Neighbour| {
            other.client.ip() == own.client.ip()
                && other.came_up
                && other.answered
                && other.last_ns >= own.first_ns
                && is_near(own, other)
        };
        let other = self.nearest(own, opened)?;
        Some(Witnessed {
            evidence: Evidence::ClientOpensOthers,
            sentence: format!(
                "The same client opened another connection, to {}, {} (connection {}): it is there.",
                other.server,
                when(own, other),
                other.id
            ),
        })
    }

    fn path_works(&self, own: &Neighbour) -> Option<Witnessed> {
        let up = |other: &&Neighbour| {
            other.client.ip() == own.client.ip()
                && other.server.ip() != own.server.ip()
                && other.came_up
                && other.answered
                && is_near(own, other)
        };
        let other = self.nearest(own, up)?;
        Some(Witnessed {
            evidence: Evidence::PathWorks,
            sentence: format!(
                "The same client reached another server, {}, {} (connection {}): its own network works.",
                other.server,
                when(own, other),
                other.id
            ),
        })
    }

    /// The same client tried another address at the same time, and came through there.
    fn opens_another(&self, own: &Neighbour) -> Option<Witnessed> {
        let opened = |other: &&Neighbour| {
            other.client.ip() == own.client.ip()
                && other.server.ip() != own.server.ip()
                && other.server.port() == own.server.port()
                && other.came_up
                && other.answered
                && other.first_ns.abs_diff(own.first_ns) <= AT_ONCE_NS
        };
        let other = self.nearest(own, opened)?;
        Some(Witnessed {
            evidence: Evidence::AnotherOpened,
            sentence: format!(
                "The same client opened a connection to the same port of another address, {}, {} \
                 (connection {}).",
                other.server,
                when(own, other),
                other.id
            ),
        })
    }

    /// The same client sent SYNs to the same server with other TTLs, which ordinary connections do not.
    fn ttls_differ(&self, own: &Neighbour, evidence: EvidenceSet) -> Option<Witnessed> {
        if !evidence.contains(Evidence::IcmpTimeExceeded) {
            return None;
        }
        let alike = self.list.iter().filter(|other| {
            other.client.ip() == own.client.ip()
                && other.server.ip() == own.server.ip()
                && is_near(own, other)
        });
        let mut ttls: Vec<_> = alike.filter_map(|other| other.ttl).collect();
        ttls.sort_unstable();
        ttls.dedup();
        let (least, most) = (*ttls.first()?, *ttls.last()?);
        (ttls.len() >= MANY).then(|| Witnessed {
            evidence: Evidence::TtlsDiffer,
            sentence: format!(
                "The same client sent SYNs to the same server with {} different TTLs, from {least} to \
                 {most}.",
                ttls.len()
            ),
        })
    }

    /// The same client did the same to other hosts or ports.
    fn asks_many(&self, own: &Neighbour) -> Option<Witnessed> {
        let is_probe = |outcome| {
            matches!(outcome, Outcome::NoReply | Outcome::Refused | Outcome::AbortedByClient)
        };
        let alike = self.list.iter().filter(|other| {
            other.client.ip() == own.client.ip() && is_probe(other.outcome) && is_near(own, other)
        });
        let others: HashSet<_> =
            alike.map(|other| other.server).filter(|server| *server != own.server).collect();
        (others.len() >= MANY).then(|| Witnessed {
            evidence: Evidence::ClientAsksMany,
            sentence: format!(
                "The same client tried {} other addresses or ports within a minute, and opened no \
                 connection there either.",
                others.len()
            ),
        })
    }

    /// The same client did the same to this server and port.
    fn repeats(&self, own: &Neighbour) -> Option<Witnessed> {
        let alike = |other: &&Neighbour| {
            other.client.ip() == own.client.ip()
                && other.server == own.server
                && (other.outcome, other.unused) == (own.outcome, own.unused)
        };
        let mut times: Vec<_> =
            self.list.iter().filter(alike).map(|other| other.first_ns).collect();
        times.sort_unstable();
        let (first, last) = (times.first()?, times.last()?);
        if times.len() < MANY {
            return None;
        }
        let interval = last.saturating_sub(*first).unsigned_abs() / (times.len() as u64 - 1);
        Some(Witnessed {
            evidence: Evidence::ClientRepeats,
            sentence: format!(
                "The same client did the same to this server and port {} times, every {} on average.",
                times.len(),
                duration(interval)
            ),
        })
    }

    /// The matching one nearest in time, other than `own`.
    fn nearest(
        &self,
        own: &Neighbour,
        matches: impl Fn(&&Neighbour) -> bool,
    ) -> Option<&Neighbour> {
        let others = self.list.iter().filter(|other| other.id != own.id).filter(matches);
        others.min_by_key(|other| {
            (other.first_ns.saturating_sub(own.first_ns).unsigned_abs(), other.id)
        })
    }
}

/// Whether two connections were there within a minute of each other.
fn is_near(own: &Neighbour, other: &Neighbour) -> bool {
    other.first_ns <= own.last_ns.saturating_add(ABOUT_NS)
        && other.last_ns >= own.first_ns.saturating_sub(ABOUT_NS)
}

/// When `other` began, seen from `own`.
fn when(own: &Neighbour, other: &Neighbour) -> String {
    let distance = duration(other.first_ns.abs_diff(own.first_ns));
    if other.first_ns < own.first_ns {
        format!("{distance} before")
    } else {
        format!("{distance} later")
    }
}
