//! The evidence in other connections of the captures on the cause of one.

mod contrast;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

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

    /// It came up, and that the server took part was captured.
    fn opened(&self) -> bool {
        self.came_up && self.answered
    }
}

/// Evidence in another connection, as a sentence.
#[derive(Clone)]
pub struct Witnessed {
    pub evidence: Evidence,
    pub sentence: String,
}

/// The connections of the captures.
#[derive(Default)]
pub struct Neighbours {
    list: VecDeque<Neighbour>,
    index: OnceLock<Index>,
}

/// Where to find those that share something, so that each of many does not have to look at all others.
#[derive(Default)]
struct Index {
    by_id: HashMap<u32, usize>,
    by_client: HashMap<IpAddr, Vec<usize>>,
    by_server: HashMap<IpAddr, Vec<usize>>,
    by_client_port: HashMap<u16, Vec<usize>>,
    probes: HashMap<IpAddr, Probes>,
}

/// The attempts of one client that opened nothing.
struct Probes {
    servers: HashSet<SocketAddr>,
    /// The time of the last one to begin, and of the first one to end.
    last_begin_ns: i64,
    first_end_ns: i64,
}

impl Index {
    fn new(list: &VecDeque<Neighbour>) -> Self {
        let mut index = Self::default();
        for (place, it) in list.iter().enumerate() {
            index.by_id.insert(it.id, place);
            index.by_client.entry(it.client.ip()).or_default().push(place);
            index.by_server.entry(it.server.ip()).or_default().push(place);
            index.by_client_port.entry(it.client.port()).or_default().push(place);
            if is_probe(it.outcome) {
                let probes = index.probes.entry(it.client.ip()).or_insert_with(|| Probes {
                    servers: HashSet::new(),
                    last_begin_ns: it.first_ns,
                    first_end_ns: it.last_ns,
                });
                probes.servers.insert(it.server);
                probes.last_begin_ns = probes.last_begin_ns.max(it.first_ns);
                probes.first_end_ns = probes.first_end_ns.min(it.last_ns);
            }
        }
        index
    }
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
        self.index.take();
    }

    /// Takes those of `others`, which closed later.
    pub fn append(&mut self, others: &mut Self) {
        self.list.append(&mut others.list);
        let beyond = self.list.len().saturating_sub(MOST);
        self.list.drain(..beyond);
        self.index.take();
        others.index.take();
    }

    /// Puts them in the order of their numbers.
    pub fn sort(&mut self) {
        self.list.make_contiguous().sort_unstable_by_key(|it| it.id);
        self.index.take();
    }

    /// Gives other names to all hosts, in the order of the list; different ones to different hosts.
    pub fn rename(&mut self, mut name: impl FnMut(IpAddr) -> IpAddr) {
        for it in &mut self.list {
            it.client.set_ip(name(it.client.ip()));
            it.server.set_ip(name(it.server.ip()));
        }
        self.index.take();
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::new(&self.list))
    }

    fn at<'a>(&'a self, places: Option<&'a Vec<usize>>) -> impl Iterator<Item = &'a Neighbour> {
        places.into_iter().flatten().map(|place| &self.list[*place])
    }

    fn of_client(&self, own: &Neighbour) -> impl Iterator<Item = &Neighbour> {
        self.at(self.index().by_client.get(&own.client.ip()))
    }

    fn of_server(&self, own: &Neighbour) -> impl Iterator<Item = &Neighbour> {
        self.at(self.index().by_server.get(&own.server.ip()))
    }

    fn of_client_port(&self, own: &Neighbour) -> impl Iterator<Item = &Neighbour> {
        self.at(self.index().by_client_port.get(&own.client.port()))
    }

    /// The connections that this server and port took at about the time of `own`.
    fn taken(&self, own: &Neighbour, server: SocketAddr) -> impl Iterator<Item = &Neighbour> {
        let of_host = self.at(self.index().by_server.get(&server.ip()));
        of_host.filter(move |other| other.server == server && other.opened() && is_near(own, other))
    }

    /// The evidence in the others on the cause of this one.
    pub fn witness(&self, timeline: &Timeline) -> Vec<Witnessed> {
        let verdict = &timeline.verdict;
        self.witness_of(timeline.id, verdict.cause_evidence, verdict.close)
    }

    /// The same of connection number `id`, given the evidence in its own packets and how it ended.
    pub fn witness_of(&self, id: u32, evidence: EvidenceSet, close: Close) -> Vec<Witnessed> {
        let Some(own) = self.index().by_id.get(&id).map(|place| &self.list[*place]) else {
            return Vec::new();
        };
        let mut seen = Vec::new();
        match own.outcome {
            Outcome::NoReply => {
                seen.extend(self.leg(own));
                match self.only_this_client(own) {
                    Some(witnessed) => seen.push(witnessed),
                    None => match self.took_before(own) {
                        Some(witnessed) => {
                            seen.push(witnessed);
                            seen.extend(self.answers_since(own));
                        }
                        None => seen.extend(self.host_answers(own)),
                    },
                }
                let nothing = self.nothing_answers(own);
                seen.extend(nothing.or_else(|| self.path_works(own)));
                seen.extend(self.asks_many(own));
            }
            Outcome::Unreachable => {
                seen.extend(self.host_answers(own));
                seen.extend(self.ttls_differ(own, evidence));
            }
            Outcome::Refused => {
                seen.extend(self.only_this_client(own).or_else(|| {
                    let ran = self.ran_all_the_time(own);
                    if ran { self.takes_others(own) } else { self.restarted(own) }
                }));
                seen.extend(self.refused_elsewhere(own));
                seen.extend(self.asks_many(own));
            }
            Outcome::NoFinalAck => seen.extend(self.opens_others(own)),
            Outcome::AbortedByServer => seen.extend(self.reset_elsewhere(own)),
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
        let alike =
            self.of_client_port(own).filter(near).filter(|other| other.client == own.client);
        let servers: HashSet<_> = alike.map(|other| other.server).collect();
        if servers.len() >= MANY {
            // A scanner sends from one port, often with one number: its SYNs say nothing of each other.
            return None;
        }
        if let Some(other) = self.of_client_port(own).filter(near).find(|other| answers(own, other))
        {
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
        let asked = self.of_client_port(own).filter(near).find(|other| answers(other, own))?;
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
        self.takes_others(own).or_else(|| self.answers_since(own))
    }

    /// The host answered, and not only before: then it may have gone down.
    fn answers_since(&self, own: &Neighbour) -> Option<Witnessed> {
        let answered = |other: &&Neighbour| {
            other.server.ip() == own.server.ip()
                && other.answered
                && other.last_ns >= own.first_ns
                && is_near(own, other)
        };
        let other = nearest(own, self.of_server(own), answered)?;
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
    }

    fn takes_others(&self, own: &Neighbour) -> Option<Witnessed> {
        let other = nearest(own, self.taken(own, own.server), |_| true)?;
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

    /// The server and port took connections between two that they refused: in between the service may have
    /// been too busy, but it did not just start or stop.
    fn ran_all_the_time(&self, own: &Neighbour) -> bool {
        let refused = self.of_server(own).filter(|other| {
            other.server == own.server && other.outcome == Outcome::Refused && is_near(own, other)
        });
        let at = (own.first_ns, own.first_ns);
        let (first_ns, last_ns) = refused.fold(at, |(first_ns, last_ns), other| {
            (first_ns.min(other.first_ns), last_ns.max(other.first_ns))
        });
        let mut taken = self.taken(own, own.server);
        taken.any(|other| first_ns < other.first_ns && other.first_ns < last_ns)
    }

    /// The same SYN again, after the client has reset the answer to this one.
    fn asks_again(&self, own: &Neighbour) -> Option<Witnessed> {
        let again = |other: &&Neighbour| {
            (other.client, other.server) == (own.client, own.server)
                && other.isn.is_some()
                && other.isn == own.isn
                && other.first_ns.abs_diff(own.first_ns) <= ABOUT_NS.unsigned_abs()
        };
        let other = nearest(own, self.of_client(own), again)?;
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
                && other.opened()
                && other.last_ns >= own.first_ns
                && is_near(own, other)
        };
        let other = nearest(own, self.of_client(own), opened)?;
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
                && other.opened()
                && is_near(own, other)
        };
        let other = nearest(own, self.of_client(own), up)?;
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
                && other.opened()
                && other.first_ns.abs_diff(own.first_ns) <= AT_ONCE_NS
        };
        let other = nearest(own, self.of_client(own), opened)?;
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
        let alike = self.of_client(own).filter(|other| {
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
        let probes = self.index().probes.get(&own.client.ip())?;
        if probes.servers.len() < MANY {
            return None;
        }
        // Most scans are over within a minute; then every one of them is near.
        let all_near = probes.last_begin_ns <= own.last_ns.saturating_add(ABOUT_NS)
            && probes.first_end_ns >= own.first_ns.saturating_sub(ABOUT_NS);
        let others = if all_near {
            probes.servers.len() - usize::from(probes.servers.contains(&own.server))
        } else {
            let alike = self.of_client(own);
            let alike = alike.filter(|other| is_probe(other.outcome) && is_near(own, other));
            let servers: HashSet<_> = alike.map(|other| other.server).collect();
            servers.len() - usize::from(servers.contains(&own.server))
        };
        (others >= MANY).then(|| Witnessed {
            evidence: Evidence::ClientAsksMany,
            sentence: format!(
                "The same client tried {others} other addresses or ports within a minute, and opened no \
                 connection there either."
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
            self.of_client(own).filter(alike).map(|other| other.first_ns).collect();
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
}

/// The matching one nearest in time, other than `own`.
fn nearest<'a>(
    own: &Neighbour,
    candidates: impl Iterator<Item = &'a Neighbour>,
    matches: impl Fn(&&Neighbour) -> bool,
) -> Option<&'a Neighbour> {
    let others = candidates.filter(|other| other.id != own.id).filter(matches);
    others
        .min_by_key(|other| (other.first_ns.saturating_sub(own.first_ns).unsigned_abs(), other.id))
}

/// Whether an attempt may be one of a scan.
fn is_probe(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::NoReply | Outcome::Refused | Outcome::AbortedByClient)
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
