//! Other names for hosts and files.
//!
//! An address is replaced by the same stand-in wherever it is shown. Stand-ins of addresses of one /24
//! (IPv6: /64) share one, too, and are numbered in the order in which they are needed, so that nothing of
//! an address is left but which others are near it. They are from 240.0.0.0/4, which no network uses, and
//! from 2001:db8::/32, which is for examples.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first of 240.0.0.0/4.
const STAND_INS: u32 = 240 << 24;
/// The first 32 bits of 2001:db8::/32.
const EXAMPLES: u128 = 0x2001_0db8 << 96;

/// The stand-ins so far.
#[derive(Default)]
pub struct Redaction {
    hosts: HashMap<IpAddr, IpAddr>,
    networks: HashMap<IpAddr, Network>,
    /// Networks of IPv4 and of IPv6 so far.
    count: [u32; 2],
    /// Networks of other sizes, by their text.
    others: HashMap<String, usize>,
    /// No stand-in is one of these.
    originals: HashSet<IpAddr>,
}

struct Network {
    number: u32,
    hosts: u32,
}

impl Redaction {
    /// Stand-ins that are none of these addresses.
    pub fn new(originals: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { originals: originals.into_iter().collect(), ..Self::default() }
    }

    /// The stand-in of a host.
    pub fn host(&mut self, host: IpAddr) -> IpAddr {
        if let Some(stand_in) = self.hosts.get(&host) {
            return *stand_in;
        }
        let stand_in = loop {
            let network = self.network(host);
            network.hosts += 1;
            let (number, place) = (network.number, network.hosts);
            let stand_in = match host {
                // Number 0 is the last one.
                IpAddr::V4(_) => address(number, place & 0xff),
                IpAddr::V6(_) => address6(number, place),
            };
            if host.is_ipv4() && place >= 256 {
                self.networks.remove(&network_of(host));
            }
            if !self.originals.contains(&stand_in) {
                break stand_in;
            }
        };
        self.hosts.insert(host, stand_in);
        stand_in
    }

    fn network(&mut self, host: IpAddr) -> &mut Network {
        let count = &mut self.count[usize::from(host.is_ipv6())];
        self.networks.entry(network_of(host)).or_insert_with(|| {
            *count += 1;
            Network { number: *count, hosts: 0 }
        })
    }

    /// The stand-in of a network, as a text.
    fn prefix(&mut self, first: IpAddr, length: u8) -> String {
        match (first, length) {
            (IpAddr::V4(_), 32) | (IpAddr::V6(_), 128) => format!("{}/{length}", self.host(first)),
            (IpAddr::V4(_), 24) => format!("{}/24", address(self.network(first).number, 0)),
            (IpAddr::V6(_), 64) => format!("{}/64", address6(self.network(first).number, 0)),
            _ => {
                let next = self.others.len() + 1;
                let number = self.others.entry(format!("{first}/{length}")).or_insert(next);
                format!("network-{number}/{length}")
            }
        }
    }

    /// A text with stand-ins in place of addresses and networks.
    pub fn text(&mut self, text: &str) -> String {
        let is_part = |letter: char| letter.is_ascii_hexdigit() || letter == '.' || letter == ':';
        let mut redacted = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_part) {
            let (before, more) = rest.split_at(start);
            redacted.push_str(before);
            let end = more.find(|letter| !is_part(letter)).unwrap_or(more.len());
            let (word, after) = more.split_at(end);
            rest = after;
            match found(word) {
                None => redacted.push_str(word),
                Some((address, behind)) => {
                    let digits = after.strip_prefix('/').filter(|_| behind.is_empty());
                    let digits = digits.map(|after| {
                        let end = after.find(|letter: char| !letter.is_ascii_digit());
                        &after[..end.unwrap_or(after.len())]
                    });
                    match digits.and_then(|digits| Some((digits.len(), digits.parse().ok()?))) {
                        Some((digits, length)) => {
                            redacted.push_str(&self.prefix(address, length));
                            rest = &after[1 + digits..];
                        }
                        None => redacted.push_str(&format!("{}{behind}", self.host(address))),
                    }
                }
            }
        }
        redacted.push_str(rest);
        redacted
    }
}

/// Other names for files.
pub fn files(names: &[String]) -> Vec<String> {
    match names.len() {
        1 => vec!["capture".into()],
        several => (1..=several).map(|number| format!("capture-{number}")).collect(),
    }
}

/// A text with the other names of files in place of these.
pub fn without_names(text: &str, names: &[String], others: &[String]) -> String {
    let mut pairs: Vec<_> = names.iter().zip(others).collect();
    // A name may be a part of a longer one.
    pairs.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let replaced = |text: String, (name, other): (&String, &String)| text.replace(&**name, other);
    pairs.into_iter().fold(text.into(), replaced)
}

/// The address that a word begins with, and what is behind it: a port, or the end of a sentence.
fn found(word: &str) -> Option<(IpAddr, &str)> {
    let bare = word.trim_end_matches(['.', ':']);
    // "::" alone ends with what may be the end of a sentence.
    for end in [word.len(), bare.len()] {
        let (candidate, behind) = word.split_at(end);
        if let Ok(address) = candidate.parse::<IpAddr>() {
            return Some((address, behind));
        }
        let host = candidate.rsplit_once(':').map_or("", |(host, _)| host);
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return Some((address.into(), &word[host.len()..]));
        }
    }
    None
}

fn network_of(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(host) => Ipv4Addr::from(u32::from(host) & !0xff).into(),
        IpAddr::V6(host) => Ipv6Addr::from(u128::from(host) >> 64 << 64).into(),
    }
}

fn address(network: u32, host: u32) -> IpAddr {
    Ipv4Addr::from(STAND_INS.saturating_add(network.saturating_mul(256)) | host).into()
}

fn address6(network: u32, host: u32) -> IpAddr {
    Ipv6Addr::from(EXAMPLES | u128::from(network) << 64 | u128::from(host)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn neighbours_stay_neighbours_and_nothing_else_is_left() {
        let mut redaction = Redaction::default();
        let mut host = |text: &str| redaction.host(ip(text)).to_string();
        assert_eq!(host("10.1.2.77"), "240.0.1.1");
        assert_eq!(host("10.1.3.5"), "240.0.2.1");
        assert_eq!(host("10.1.2.3"), "240.0.1.2");
        assert_eq!(host("10.1.2.77"), "240.0.1.1");
        assert_eq!(host("fe80::1"), "2001:db8:0:1::1");
        assert_eq!(host("fe80::2"), "2001:db8:0:1::2");
        assert_eq!(host("2a00:1:2:3::9"), "2001:db8:0:2::1");
    }

    #[test]
    fn every_host_has_a_stand_in_of_its_own() {
        let all: Vec<_> = (0..=255).map(|host| ip(&format!("192.0.2.{host}"))).collect();
        let taken = [ip("240.0.1.7"), ip("240.0.1.8")];
        let mut redaction = Redaction::new(taken);
        let stand_ins: HashSet<_> = all.iter().map(|host| redaction.host(*host)).collect();
        assert_eq!(stand_ins.len(), 256);
        assert!(taken.iter().all(|host| !stand_ins.contains(host)));
    }

    #[test]
    fn addresses_in_texts() {
        let mut redaction = Redaction::default();
        for (text, redacted) in [
            ("10.0.0.1:80 answered.", "240.0.1.1:80 answered."),
            ("It is 10.0.0.1.", "It is 240.0.1.1."),
            ("to [fe80::1]:443, 3 times", "to [2001:db8:0:1::1]:443, 3 times"),
            ("ss -ltn 'src 10.0.0.1'", "ss -ltn 'src 240.0.1.1'"),
            ("all of 10.0.0.0/24, and 10.9.0.0/16", "all of 240.0.1.0/24, and network-1/16"),
            ("hosts 10.0.0.9/32", "hosts 240.0.1.2/32"),
            ("at 12:34:56.789, 3.5 s later: face", "at 12:34:56.789, 3.5 s later: face"),
            ("fe80::1: no route", "2001:db8:0:1::1: no route"),
        ] {
            assert_eq!(redaction.text(text), redacted);
        }
    }
}
