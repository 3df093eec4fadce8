//! Which connections are wanted.

use std::net::{IpAddr, SocketAddr};

use dissector_core::connection::{Connection, Outcome};

use crate::args::Select;

/// Values of one option are alternatives; different options all have to hold.
pub struct Filter {
    failed: bool,
    outcomes: Vec<Outcome>,
    hosts: Vec<IpAddr>,
    ports: Vec<u16>,
    conns: Vec<u32>,
}

impl Filter {
    pub fn new(select: &Select) -> Self {
        Self {
            failed: select.failed,
            outcomes: select.outcome.clone(),
            hosts: select.host.clone(),
            ports: select.port.clone(),
            conns: select.conn.clone(),
        }
    }

    /// Whether it takes the end of a connection to tell.
    pub fn needs_the_outcome(&self) -> bool {
        self.failed || !self.outcomes.is_empty()
    }

    /// What can be told from the first segment on.
    #[inline]
    pub fn takes_ends(&self, conn: u32, ends: [SocketAddr; 2]) -> bool {
        (self.conns.is_empty() || self.conns.contains(&conn))
            && (self.hosts.is_empty() || ends.iter().any(|end| self.hosts.contains(&end.ip())))
            && (self.ports.is_empty() || ends.iter().any(|end| self.ports.contains(&end.port())))
    }

    /// Everything.
    pub fn takes(&self, connection: &Connection, outcome: Outcome) -> bool {
        (!self.failed || outcome.failed())
            && (self.outcomes.is_empty() || self.outcomes.contains(&outcome))
            && self.takes_ends(connection.id(), [connection.client(), connection.server()])
    }
}

/// A set of connection numbers.
#[derive(Default)]
pub struct Numbers {
    words: Vec<u64>,
}

impl Numbers {
    pub fn insert(&mut self, number: u32) {
        let word = number as usize / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (number % 64);
    }

    pub fn contains(&self, number: u32) -> bool {
        self.words.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(hosts: &[&str], ports: &[u16], conns: &[u32]) -> Filter {
        Filter {
            failed: false,
            outcomes: Vec::new(),
            hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            ports: ports.to_vec(),
            conns: conns.to_vec(),
        }
    }

    #[test]
    fn values_of_an_option_are_alternatives_and_options_add_up() {
        let ends = ["10.0.0.1:4000".parse().unwrap(), "10.0.0.2:80".parse().unwrap()];
        assert!(filter(&[], &[], &[]).takes_ends(0, ends));
        assert!(filter(&["10.0.0.9", "10.0.0.2"], &[80], &[]).takes_ends(0, ends));
        assert!(!filter(&["10.0.0.2"], &[443], &[]).takes_ends(0, ends));
        assert!(!filter(&[], &[], &[1, 2]).takes_ends(0, ends));
    }

    #[test]
    fn numbers_are_kept_apart() {
        let mut numbers = Numbers::default();
        numbers.insert(64);
        assert!(numbers.contains(64));
        assert!(!numbers.contains(0) && !numbers.contains(63) && !numbers.contains(1_000_000));
    }
}
