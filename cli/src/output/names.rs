//! How tables call hosts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use super::files::printable;

/// The names of hosts; none of them, unless they are wanted.
#[derive(Clone, Debug, Default)]
pub struct HostNames {
    by_address: BTreeMap<IpAddr, Vec<String>>,
    /// The first address of each name.
    owners: HashMap<String, IpAddr>,
    /// Names of more than one address.
    ambiguous: HashSet<String>,
}

/// Letters of a name that is shown in a table; instead of a longer one, the address is shown.
const LONGEST: usize = 40;

/// Names that are kept of an address.
const MOST: usize = 16;

impl HostNames {
    /// Takes in a name as a capture gives it.
    pub fn add(&mut self, address: IpAddr, name: &str) {
        // A name of DNS has none but ASCII letters: others may only look like them, or turn the line.
        let shown: String = name
            .chars()
            .map(|letter| match letter.is_ascii_graphic() {
                true => letter.to_string(),
                false => letter.escape_unicode().to_string(),
            })
            .collect();
        let name = printable(&shown);
        let owner = *self.owners.entry(name.clone()).or_insert(address);
        if owner != address {
            self.ambiguous.insert(name.clone());
        }
        let names = self.by_address.entry(address).or_default();
        if names.len() < MOST && !names.contains(&name) {
            names.push(name);
        }
    }

    /// `db.example:5432`, or the address if it has no name that is short enough. With the address, where
    /// another one has the same name.
    pub fn end(&self, end: SocketAddr) -> String {
        let names = self.by_address.get(&end.ip());
        let first = names.and_then(|names| names.first()).filter(|name| name.len() <= LONGEST);
        match first {
            None => end.to_string(),
            Some(name) if self.ambiguous.contains(name) => {
                format!("{name}[{}]:{}", end.ip(), end.port())
            }
            Some(name) => format!("{name}:{}", end.port()),
        }
    }

    /// The same lines for the addresses that a text has.
    pub fn legend_of(&self, text: &str) -> String {
        let is_part = |letter: char| letter.is_ascii_hexdigit() || matches!(letter, '.' | ':');
        let words = text.split(|letter| !is_part(letter));
        let addresses = words.map(|word| word.trim_end_matches(['.', ':'])).filter_map(|word| {
            let end = || word.parse::<SocketAddr>().ok().map(|end| end.ip());
            word.parse().ok().or_else(end)
        });
        self.legend(addresses)
    }

    /// Lines that say which address each name stands for, and its other names: of these addresses only.
    pub fn legend(&self, shown: impl IntoIterator<Item = IpAddr>) -> String {
        let shown: HashSet<_> = shown.into_iter().collect();
        let known = self.by_address.iter().filter(|(address, _)| shown.contains(address));
        let lines = known.map(|(address, names)| format!("{address} = {}\n", names.join(", ")));
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pairs: &[(&str, &str)]) -> HostNames {
        let mut names = HostNames::default();
        pairs.iter().for_each(|(address, name)| names.add(address.parse().unwrap(), name));
        names
    }

    fn end(names: &HostNames, end: &str) -> String {
        names.end(end.parse().unwrap())
    }

    #[test]
    fn the_addresses_of_a_text_are_found() {
        let names = names(&[("10.0.0.5", "db"), ("2001:db8::1", "v6"), ("10.0.0.50", "other")]);
        let text = "10.0.0.5:443 from [2001:db8::1]:80: port 50 of 10.0.0.";
        assert_eq!(names.legend_of(text), "10.0.0.5 = db\n2001:db8::1 = v6\n");
    }

    #[test]
    fn a_name_stands_for_one_address() {
        let names = names(&[
            ("10.0.0.1", "a"),
            ("10.0.0.1", "b"),
            ("10.0.0.2", "both"),
            ("::1", "both"),
            ("10.0.0.3", "long.long.long.long.long.long.long.long.example"),
        ]);
        assert_eq!(end(&names, "10.0.0.1:80"), "a:80");
        assert_eq!(end(&names, "10.0.0.2:80"), "both[10.0.0.2]:80");
        assert_eq!(end(&names, "[::1]:80"), "both[::1]:80");
        assert_eq!(end(&names, "10.0.0.3:80"), "10.0.0.3:80");
        assert_eq!(end(&names, "10.0.0.9:80"), "10.0.0.9:80");
        assert_eq!(names.legend(["10.0.0.1".parse().unwrap()]), "10.0.0.1 = a, b\n");
    }

    #[test]
    fn hostile_names_stay_on_their_line() {
        let names = names(&[("10.0.0.1", "a\u{1b}[2J\u{202e}\n b\u{5d0}")]);
        let shown = end(&names, "10.0.0.1:1");
        assert!(shown.is_ascii() && !shown.contains(['\u{1b}', '\n', ' ']), "{shown}");
    }
}
