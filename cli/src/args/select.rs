//! Which connections are wanted.

use std::net::IpAddr;
use std::str::FromStr;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use dissector_core::connection::Outcome;
use ipnet::IpNet;

use super::moment::Moment;

/// Which connections are wanted.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which connections (repeat an option for more)")]
pub struct Select {
    /// Those that did not come up
    #[arg(long)]
    pub failed: bool,

    /// Those with this outcome
    #[arg(long, value_name = "NAME", value_parser = outcome_parser(), hide_possible_values = false)]
    pub outcome: Vec<Outcome>,

    /// Those with this address as client or server, or one of this network: 10.0.0.0/8, 2001:db8::/32
    #[arg(long, value_name = "ADDR")]
    pub host: Vec<Hosts>,

    /// Those with this port at either end
    #[arg(long, value_name = "N")]
    pub port: Vec<u16>,

    /// Those with these numbers: 3, or 1,2,5-9, or 10- for all from 10 on
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub conn: Vec<Numbers>,

    /// Those whose first segment was captured at this time or later: 2026-01-02T10:00:00Z; 10:00:05, a
    /// time of day (UTC) on the day of the capture's first frame; or +10s, +1m30s after that frame
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,

    /// Those whose first segment was captured before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,

    /// The same in nanoseconds since 1970 UTC, once the captures have been asked when they begin.
    #[arg(skip)]
    pub span: Span,
}

/// From a time on, and before another, in nanoseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub from_ns: Option<i64>,
    pub before_ns: Option<i64>,
}

impl Span {
    #[inline]
    pub fn contains(self, time_ns: i64) -> bool {
        self.from_ns.is_none_or(|from_ns| time_ns >= from_ns)
            && self.before_ns.is_none_or(|before_ns| time_ns < before_ns)
    }
}

fn outcome_parser() -> impl TypedValueParser<Value = Outcome> {
    let labels = Outcome::ALL.iter().map(|outcome| outcome.label());
    PossibleValuesParser::new(labels).try_map(|label| label.parse())
}

/// An address, or the addresses of a network.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hosts(IpNet);

impl Hosts {
    #[inline]
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl FromStr for Hosts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Wireshark, and this command, write an IPv6 address with its port in brackets.
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self(address.into()));
        }
        bare.parse().map(Self).map_err(|_| {
            "write an address (10.0.0.1, 2001:db8::1) or a network (10.0.0.0/8, 2001:db8::/32)"
                .into()
        })
    }
}

/// A number of a connection, or a range of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Numbers {
    pub first: u32,
    /// The last one; `None` for all from the first on.
    pub last: Option<u32>,
}

impl Numbers {
    #[inline]
    pub fn contains(self, conn: u32) -> bool {
        conn >= self.first && self.last.is_none_or(|last| conn <= last)
    }
}

impl From<u32> for Numbers {
    fn from(conn: u32) -> Self {
        Self { first: conn, last: Some(conn) }
    }
}

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let number = text.trim().parse::<u32>();
            number.map_err(|_| "write numbers, as in 3, or 1,2,5-9, or 10-".to_owned())
        };
        let Some((first, last)) = text.split_once('-') else { return number(text).map(Self::from) };
        let (first, last) = match last.trim() {
            "" => (number(first)?, None),
            last => (number(first)?, Some(number(last)?)),
        };
        match last {
            Some(last) if last < first => Err(format!("{first} is more than {last}")),
            _ => Ok(Self { first, last }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses_or_networks() {
        let contains = |hosts: &str, address: &str| {
            hosts.parse::<Hosts>().unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.1", "10.0.0.1") && !contains("10.0.0.1", "10.0.0.2"));
        assert!(contains("10.0.0.0/8", "10.255.0.2") && !contains("10.0.0.0/8", "11.0.0.1"));
        // The bits of the host need not be 0.
        assert!(contains("10.1.2.3/8", "10.9.9.9"));
        assert!(contains("2001:db8::/32", "2001:db8:1::9") && contains("[::1]", "::1"));
        assert!(contains("0.0.0.0/0", "1.2.3.4") && !contains("0.0.0.0/0", "::1"));
        for wrong in ["10.0.0.0/33", "example.com", "10.0.0", ""] {
            assert!(wrong.parse::<Hosts>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_single_or_ranges() {
        let contains = |text: &str, conn| text.parse::<Numbers>().unwrap().contains(conn);
        assert!(contains("3", 3) && !contains("3", 4));
        assert!(contains("5-9", 5) && contains("5-9", 9) && !contains("5-9", 10));
        assert!(contains("7-", u32::MAX) && !contains("7-", 6));
        for wrong in ["9-5", "-3", "a", "1-b", ""] {
            assert!(wrong.parse::<Numbers>().is_err(), "{wrong}");
        }
    }
}
