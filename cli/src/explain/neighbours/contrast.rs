//! Evidence in the contrast between a connection and its neighbours: what becomes of other clients at the
//! same server, and of the same client at other servers.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use dissector_core::connection::{Evidence, Outcome};

use crate::output::units::duration;

use super::{MANY, Neighbour, Neighbours, Witnessed, is_near, nearest, when};

/// Servers of one client that are compared with those of others: more are those of a scanner.
const COMPARED: usize = 100;

/// Attempts within this time are made at the same moment, in nanoseconds.
const MOMENT_NS: i64 = 15_000_000_000;

impl Neighbours {
    /// Other clients reached the same server and port, or other servers that this one tried, and this one
    /// never did.
    pub(super) fn only_this_client(&self, own: &Neighbour) -> Option<Witnessed> {
        self.shut_out_here(own).or_else(|| self.shut_out_everywhere(own))
    }

    /// Nothing that this client tried came up, while others reached several of the same servers.
    fn shut_out_everywhere(&self, own: &Neighbour) -> Option<Witnessed> {
        let near = |other: &&Neighbour| is_near(own, other);
        let mut tries = 0_usize;
        let mut servers = BTreeSet::new();
        for other in self.of_client(own).filter(near) {
            match other.outcome {
                outcome if outcome == own.outcome => tries += 1,
                Outcome::Pending => {}
                _ => return None,
            }
            servers.insert(other.server);
        }
        if servers.len() > COMPARED {
            return None;
        }
        let of_another = |other: &&Neighbour| other.client.ip() != own.client.ip();
        let others =
            servers.iter().filter_map(|server| nearest(own, self.taken(own, *server), of_another));
        let others: Vec<_> = others.collect();
        let hosts: HashSet<_> = others.iter().map(|other| other.server.ip()).collect();
        let example = others.iter().min_by_key(|other| other.id)?;
        (hosts.len() > 1 && tries > 1).then(|| Witnessed {
            evidence: Evidence::OnlyThisClient,
            sentence: format!(
                "None of the {tries} attempts of this client came up, while others reached {} of the same \
                 servers, as {} did {} (connection {}).",
                hosts.len(),
                example.client.ip(),
                example.server,
                example.id
            ),
        })
    }

    /// Other clients reached the same server and port, and this one never did.
    fn shut_out_here(&self, own: &Neighbour) -> Option<Witnessed> {
        let to_server = |other: &&Neighbour| other.server == own.server;
        let is_another = |other: &&Neighbour| other.client.ip() != own.client.ip();
        let mut tries = 0_usize;
        for other in self.of_server(own).filter(to_server).filter(|other| !is_another(other)) {
            if other.came_up {
                return None;
            }
            tries += usize::from(other.outcome == own.outcome);
        }
        let taken = self.taken(own, own.server);
        let other = nearest(own, taken, is_another).filter(|_| tries > 1)?;
        Some(Witnessed {
            evidence: Evidence::OnlyThisClient,
            sentence: format!(
                "{} took a connection of another client, {}, {} (connection {}), and none of the {tries} \
                 attempts of this one.",
                own.server,
                other.client.ip(),
                when(own, other),
                other.id
            ),
        })
    }

    /// The same server and port took connections before, and none since: it may have gone down.
    pub(super) fn took_before(&self, own: &Neighbour) -> Option<Witnessed> {
        if self.taken(own, own.server).any(|other| other.first_ns >= own.first_ns) {
            return None;
        }
        let other = nearest(own, self.taken(own, own.server), |_| true)?;
        Some(Witnessed {
            evidence: Evidence::ServerTookBefore,
            sentence: format!(
                "{} took another connection {} (connection {}), and none since.",
                other.server,
                when(own, other),
                other.id
            ),
        })
    }

    /// The same server and port took connections before and after, and refused those in between; it did not run
    /// all the time.
    pub(super) fn restarted(&self, own: &Neighbour) -> Option<Witnessed> {
        let of = |before: bool| {
            let is_so = move |other: &&Neighbour| (other.first_ns < own.first_ns) == before;
            nearest(own, self.taken(own, own.server), is_so)
        };
        let (before, after) = (of(true)?, of(false)?);
        Some(Witnessed {
            evidence: Evidence::ServerRestarted,
            sentence: format!(
                "{} took connection {} {}, refused every one after it, and took connection {} {}: the \
                 service was down in between.",
                own.server,
                before.id,
                when(own, before),
                after.id,
                when(own, after)
            ),
        })
    }

    /// Servers of several networks reset what the same client asked for, and few took it: none of them does.
    pub(super) fn reset_elsewhere(&self, own: &Neighbour) -> Option<Witnessed> {
        let mut networks = HashSet::from([network(own.server.ip())]);
        let (mut hosts, mut taken) = (HashSet::new(), HashSet::new());
        let others = self.of_client(own).filter(|other| other.server.ip() != own.server.ip());
        for other in others.filter(|other| is_near(own, other)) {
            if other.outcome == Outcome::AbortedByServer {
                hosts.insert(other.server.ip());
                networks.insert(network(other.server.ip()));
            } else if other.opened() {
                taken.insert(other.server.ip());
            }
        }
        (networks.len() > MANY && hosts.len() > taken.len()).then(|| Witnessed {
            evidence: Evidence::ResetElsewhere,
            sentence: format!(
                "{} other servers reset connections of the same client before these were open, within a \
                 minute, in {} networks.",
                hosts.len(),
                networks.len()
            ),
        })
    }

    /// Hosts of several networks refused the same client at the same port, and none took it.
    pub(super) fn refused_elsewhere(&self, own: &Neighbour) -> Option<Witnessed> {
        let mut networks = HashSet::from([network(own.server.ip())]);
        let mut hosts = HashSet::new();
        let alike = self.of_client(own).filter(|other| {
            other.server.port() == own.server.port()
                && other.server.ip() != own.server.ip()
                && is_near(own, other)
        });
        let mut taken = 0;
        for other in alike {
            taken += usize::from(other.came_up);
            if other.outcome == Outcome::Refused {
                hosts.insert(other.server.ip());
                networks.insert(network(other.server.ip()));
            }
        }
        // A server within the firewall may take it.
        if taken > 0 && hosts.len() < MANY * taken {
            return None;
        }
        (networks.len() > MANY).then(|| Witnessed {
            evidence: Evidence::RefusedElsewhere,
            sentence: format!(
                "{} other servers refused the same client at port {} within a minute, in {} networks.",
                hosts.len(),
                own.server.port(),
                networks.len()
            ),
        })
    }

    /// All that the client tried at that moment went unanswered, at several hosts.
    pub(super) fn nothing_answers(&self, own: &Neighbour) -> Option<Witnessed> {
        let after = own.first_ns..=own.first_ns.saturating_add(MOMENT_NS);
        let before = own.first_ns.saturating_sub(MOMENT_NS)..=own.first_ns;
        // A connection from before, at another server, that was still used.
        let goes_on = |other: &Neighbour| {
            other.answered
                && other.server.ip() != own.server.ip()
                && other.first_ns < own.first_ns
                && other.last_ns > own.first_ns
        };
        if self.of_client(own).any(goes_on) {
            return None;
        }
        [after, before].into_iter().find_map(|moment| {
            let mut hosts = HashSet::new();
            for other in self.of_client(own).filter(|other| moment.contains(&other.first_ns)) {
                match other.outcome {
                    Outcome::NoReply => hosts.insert(other.server.ip()),
                    // It may still be answered.
                    Outcome::Pending => false,
                    _ => return None,
                };
            }
            hosts.remove(&own.server.ip());
            (hosts.len() > 1).then(|| Witnessed {
                evidence: Evidence::NothingAnswers,
                sentence: format!(
                    "Nothing answered the client then: its attempts to reach {} other hosts within {} \
                     failed as well.",
                    hosts.len(),
                    duration(MOMENT_NS.unsigned_abs())
                ),
            })
        })
    }
}

/// The first part of an address, which hosts of one network share.
fn network(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => u64::from(address.to_bits() >> 8),
        IpAddr::V6(address) => (address.to_bits() >> 80) as u64,
    }
}
