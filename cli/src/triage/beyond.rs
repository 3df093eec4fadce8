//! Connections beyond those that are kept, counted by what patterns are about.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};

use dissector_core::connection::OutcomeClass;

use super::record::Record;

/// Servers and clients that are told apart; those of large floods and scans are among the first.
const MOST: usize = 4096;

/// How many failed, and of how many it is not decided.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Further {
    pub failed: u64,
    pub undecided: u64,
}

/// Connections that did not come up, and whose client asked once.
#[derive(Default)]
pub struct Beyond {
    servers: HashMap<SocketAddr, Further>,
    clients: HashMap<IpAddr, Further>,
}

impl Beyond {
    pub fn add(&mut self, record: &Record) {
        let class = record.outcome().class();
        let failed = matches!(class, OutcomeClass::Failed(_));
        if record.syn_count > 1 || !failed && class != OutcomeClass::Undecided || !record.selected {
            return;
        }
        for further in [
            entry(&mut self.servers, record.neighbour.server),
            entry(&mut self.clients, record.neighbour.client.ip()),
        ]
        .into_iter()
        .flatten()
        {
            further.failed += u64::from(failed);
            further.undecided += u64::from(!failed);
        }
    }

    pub fn to(&self, server: SocketAddr) -> Further {
        self.servers.get(&server).copied().unwrap_or_default()
    }

    pub fn of(&self, client: IpAddr) -> Further {
        self.clients.get(&client).copied().unwrap_or_default()
    }
}

fn entry<K: Eq + Hash>(counts: &mut HashMap<K, Further>, key: K) -> Option<&mut Further> {
    if counts.len() >= MOST {
        return counts.get_mut(&key);
    }
    Some(counts.entry(key).or_default())
}
