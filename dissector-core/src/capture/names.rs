//! The names of hosts that a capture brings along: Name Resolution Blocks of pcapng.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nom::number::Endianness;

/// Names that are kept of a capture, and octets that they may have together.
const MOST: usize = 16_384;
const MOST_OCTETS: usize = 1 << 20;
/// Octets of a name that are kept: as many as a name of DNS may have.
const LONGEST: usize = 255;

/// Types of the records in a Name Resolution Block.
const END: u16 = 0;
const IPV4: u16 = 1;
const IPV6: u16 = 2;

/// Addresses and their names, in the order of the capture.
#[derive(Debug, Default)]
pub(crate) struct Names {
    list: Vec<(IpAddr, Box<str>)>,
    octets: usize,
}

impl Names {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (IpAddr, &str)> {
        self.list.iter().map(|(address, name)| (*address, &**name))
    }

    /// Adds the names of a block with this body. What follows a damaged record is left out.
    pub(crate) fn add_block(&mut self, order: Endianness, mut body: &[u8]) {
        let number = |octets: &[u8; 2]| match order {
            Endianness::Big => u16::from_be_bytes(*octets),
            _ => u16::from_le_bytes(*octets),
        };
        while let Some((head, rest)) = body.split_first_chunk::<4>() {
            let kind = number(&[head[0], head[1]]);
            let length = usize::from(number(&[head[2], head[3]]));
            let Some(value) = rest.get(..length) else { return };
            match kind {
                END => return,
                IPV4 => self.add(value, |octets: [u8; 4]| Ipv4Addr::from(octets).into()),
                IPV6 => self.add(value, |octets: [u8; 16]| Ipv6Addr::from(octets).into()),
                _ => {}
            }
            // Records are padded to four octets.
            body = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        }
    }

    /// Adds the names behind an address of so many octets. A zero octet ends each of them.
    fn add<const N: usize>(&mut self, value: &[u8], address: impl Fn([u8; N]) -> IpAddr) {
        let Some((octets, names)) = value.split_first_chunk::<N>() else { return };
        for name in names.split(|octet| *octet == 0).filter(|name| !name.is_empty()) {
            if self.list.len() == MOST || self.octets + name.len() > MOST_OCTETS {
                return;
            }
            let name = String::from_utf8_lossy(&name[..name.len().min(LONGEST)]);
            let pair = (address(*octets), name.into());
            if !self.list.iter().rev().take(64).any(|known| *known == pair) {
                self.octets += pair.1.len();
                self.list.push(pair);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record in little-endian order.
    fn record(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = value.len() as u16;
        let mut record = [&kind.to_le_bytes()[..], &length.to_le_bytes(), value].concat();
        record.resize(record.len().next_multiple_of(4), 0);
        record
    }

    fn names(body: &[u8]) -> Vec<(String, String)> {
        let mut names = Names::default();
        names.add_block(Endianness::Little, body);
        names.iter().map(|(address, name)| (address.to_string(), name.to_owned())).collect()
    }

    #[test]
    fn an_address_may_have_several_names() {
        let v4 = record(IPV4, b"\x0a\0\0\x01a.example\0b.example\0");
        let v6 = record(IPV6, b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01six.example\0");
        let body = [&v4[..], &v6, &record(END, b""), &v4].concat();
        let expected =
            [("10.0.0.1", "a.example"), ("10.0.0.1", "b.example"), ("2001:db8::1", "six.example")];
        let expected = expected.map(|(address, name)| (address.to_owned(), name.to_owned()));
        assert_eq!(names(&body), expected);
        // Said twice, it is one name.
        assert_eq!(names(&[v4.clone(), v4].concat()).len(), 2);
    }

    #[test]
    fn damaged_records_end_the_block() {
        let good = record(IPV4, b"\x0a\0\0\x01a\0");
        for damaged in [&b"\x01\0\xff\xff\x0a"[..], b"\x01\0", b"\x01\0\x02\0\x0a\0\0\0"] {
            assert_eq!(names(&[&good[..], damaged].concat()).len(), 1, "{damaged:?}");
        }
        assert_eq!(names(&record(IPV4, b"\x0a\0\0\x01\0\0\0\0")), []);
        assert_eq!(names(&record(IPV4, b"\x0a\0\0\x01\xff\xfe\0"))[0].1, "\u{fffd}\u{fffd}");
    }

    #[test]
    fn memory_is_bounded() {
        let mut all = Names::default();
        for host in 0..100_000_u32 {
            let value = [&host.to_be_bytes()[..], &[b'x'; 300], b"\0"].concat();
            all.add_block(Endianness::Little, &record(IPV4, &value));
        }
        assert!(all.octets <= MOST_OCTETS && all.list.len() <= MOST);
        assert!(all.iter().all(|(_, name)| name.len() == LONGEST));
    }
}
