//! The options of a SYN as text, and the signature by which p0f tells kinds of hosts apart.

use std::fmt::{self, Display, Formatter};

use super::{OptionProblem, TcpFlags, TcpHeader, TcpOption, TcpOptions};

/// Options as text, in the order sent: `mss:1460,sok,ts,nop,ws:7`.
///
/// The words are those of p0f: `mss`, `nop`, `ws`, `sok` (SACK permitted), `sack`, `ts`, `eol` (end
/// of the list), and `?N` for every other kind. Where the options cannot be read further `bad`
/// follows, or `cut` where the capture ends.
///
/// ```
/// use dissector_core::wire::{OptionsText, TcpOptions};
///
/// let options = TcpOptions::new(b"\x02\x04\x05\xb4\x01\x03\x03\x07\xc8\x02\x00\x00", 0);
/// assert_eq!(OptionsText(options).to_string(), "mss:1460,nop,ws:7,?200,eol");
/// ```
#[derive(Clone, Debug)]
pub struct OptionsText<'a>(pub TcpOptions<'a>);

impl Display for OptionsText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, option) in self.0.clone().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            match option {
                Ok(TcpOption::Mss(octets)) => write!(f, "mss:{octets}")?,
                Ok(TcpOption::WindowScale(shift)) => write!(f, "ws:{shift}")?,
                Ok(other) => write_word(f, &other)?,
                Err(error) if error.problem == OptionProblem::NotCaptured => f.write_str("cut")?,
                Err(_) => f.write_str("bad")?,
            }
        }
        Ok(())
    }
}

/// The word for an option, without its value.
fn write_word(f: &mut Formatter<'_>, option: &TcpOption<'_>) -> fmt::Result {
    let kind = match option {
        TcpOption::End => return f.write_str("eol"),
        TcpOption::Nop => return f.write_str("nop"),
        TcpOption::Mss(_) => return f.write_str("mss"),
        TcpOption::WindowScale(_) => return f.write_str("ws"),
        TcpOption::SackPermitted => return f.write_str("sok"),
        TcpOption::Sack(_) => return f.write_str("sack"),
        TcpOption::Timestamps { .. } => return f.write_str("ts"),
        TcpOption::Md5(_) => 19,
        TcpOption::UserTimeout { .. } => 28,
        TcpOption::Ao { .. } => 29,
        TcpOption::Mptcp { .. } => 30,
        TcpOption::FastOpen { experimental: false, .. } => 34,
        TcpOption::FastOpen { experimental: true, .. } => 254,
        TcpOption::Unknown { kind, .. } => kind.0,
    };
    write!(f, "?{kind}")
}

/// The signature by which p0f (version 3) tells the kind of host that sent a SYN:
/// `4:64+0:*:1460:mss*10,7:mss,sok,ts,nop,ws:*:0`.
///
/// Version of IP; TTL as the likeliest initial value and the hops since; octets of IP options; MSS;
/// window (a multiple of the MSS where it is one) and its scale; options; quirks; payload. The
/// octets of IP options and the quirks of the IP header (`df`, `id+`, …) are not known here: their
/// place holds p0f's wildcard `*`, and the quirks of the TCP header follow it.
#[derive(Clone, Debug)]
pub struct SynSignature<'a> {
    /// Version of IP.
    pub version: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// The header of the SYN.
    pub tcp: TcpHeader<'a>,
    /// True if the SYN carries data.
    pub payload: bool,
}

impl Display for SynSignature<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { version, ttl, tcp, payload } = self;
        let initial: u8 = match ttl {
            0..=32 => 32,
            33..=64 => 64,
            65..=128 => 128,
            129.. => 255,
        };
        let options = || tcp.options().map_while(Result::ok);
        let mss = options().find_map(|option| match option {
            TcpOption::Mss(octets) => Some(octets),
            _ => None,
        });
        let scale = options().find_map(|option| match option {
            TcpOption::WindowScale(shift) => Some(shift),
            _ => None,
        });
        write!(f, "{version}:{ttl}+{}:*:{}:", initial - ttl, mss.unwrap_or(0), ttl = initial)?;
        match mss {
            Some(mss) if mss > 0 && tcp.window > 0 && tcp.window % mss == 0 => {
                write!(f, "mss*{}", tcp.window / mss)?;
            }
            _ => write!(f, "{}", tcp.window)?,
        }
        write!(f, ",{}:", scale.unwrap_or(0))?;
        let mut read = 0;
        for (place, option) in options().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            read += octets(&option);
            write_word(f, &option)?;
            if option == TcpOption::End {
                // The padding after it, which p0f counts.
                write!(f, "+{}", tcp.option_octets.len() - read)?;
            }
        }
        f.write_str(":*")?;
        for quirk in self.quirks(scale) {
            write!(f, ",{quirk}")?;
        }
        f.write_str(if *payload { ":+" } else { ":0" })
    }
}

impl SynSignature<'_> {
    /// The oddities of the TCP header, in p0f's words and order.
    fn quirks(&self, scale: Option<u8>) -> impl Iterator<Item = &'static str> {
        let tcp = &self.tcp;
        let has = |flags| tcp.flags.intersects(flags);
        let acks = has(TcpFlags::ACK);
        let timestamps = tcp.options().map_while(Result::ok).find_map(|option| match option {
            TcpOption::Timestamps { value, echo } => Some((value, echo)),
            _ => None,
        });
        let bad = tcp.options().any(|option| option.is_err());
        [
            (has(TcpFlags::ECE | TcpFlags::CWR), "ecn"),
            (tcp.sequence.0 == 0, "seq-"),
            (!acks && tcp.acknowledgment.0 != 0, "ack+"),
            (acks && tcp.acknowledgment.0 == 0, "ack-"),
            (!has(TcpFlags::URG) && tcp.urgent_pointer != 0, "uptr+"),
            (has(TcpFlags::URG), "urgf+"),
            (has(TcpFlags::PSH), "pushf+"),
            (timestamps.is_some_and(|(value, _)| value == 0), "ts1-"),
            (timestamps.is_some_and(|(_, echo)| echo != 0 && !acks), "ts2+"),
            (scale.is_some_and(|shift| shift > 14), "exws"),
            (bad, "bad"),
        ]
        .into_iter()
        .filter_map(|(is, quirk)| is.then_some(quirk))
    }
}

/// The number of octets of an option.
fn octets(option: &TcpOption<'_>) -> usize {
    match option {
        TcpOption::End | TcpOption::Nop => 1,
        TcpOption::Mss(_) => 4,
        TcpOption::WindowScale(_) => 3,
        TcpOption::SackPermitted => 2,
        TcpOption::Sack(blocks) => 2 + 8 * blocks.iter().count(),
        TcpOption::Timestamps { .. } => 10,
        TcpOption::Md5(digest) => 2 + digest.len(),
        TcpOption::UserTimeout { .. } => 4,
        TcpOption::Ao { mac, .. } => 4 + mac.len(),
        TcpOption::Mptcp { data, .. } | TcpOption::Unknown { data, .. } => 2 + data.len(),
        TcpOption::FastOpen { cookie, experimental } => {
            2 + cookie.len() + if *experimental { 2 } else { 0 }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    fn options(octets: &[u8], missing: usize) -> String {
        OptionsText(TcpOptions::new(octets, missing)).to_string()
    }

    #[test]
    fn options_of_a_linux_syn() {
        let linux = hex!("020405b4 0402 080a 00000001 00000000 01 030307");
        assert_eq!(options(&linux, 0), "mss:1460,sok,ts,nop,ws:7");
    }

    #[test]
    fn unknown_kinds_have_numbers_and_damage_is_named() {
        assert_eq!(options(&hex!("2202 1e04 1001 fe04 f989 00"), 0), "?34,?30,?254,eol");
        assert_eq!(options(&hex!("01 0200"), 0), "nop,bad");
        assert_eq!(options(&hex!("01 0204"), 2), "nop,cut");
        assert_eq!(options(&[], 0), "");
    }

    fn signature(ttl: u8, header: &[u8]) -> String {
        let tcp = TcpHeader::parse(header).unwrap();
        SynSignature { version: 4, ttl, tcp, payload: false }.to_string()
    }

    #[test]
    fn signatures() {
        let linux = hex!(
            "9c40 0050 00000064 00000000 a002 faf0 0000 0000
             020405b4 0402 080a 00000001 00000000 01 030307"
        );
        assert_eq!(signature(61, &linux), "4:64+3:*:1460:mss*44,7:mss,sok,ts,nop,ws:*:0");
        let mut multiple = linux;
        multiple[14..16].copy_from_slice(&(1460_u16 * 10).to_be_bytes());
        assert_eq!(signature(128, &multiple), "4:128+0:*:1460:mss*10,7:mss,sok,ts,nop,ws:*:0");
        let bare = hex!("9c40 0050 00000000 00000001 5042 0400 0000 0000");
        assert_eq!(signature(255, &bare), "4:255+0:*:0:1024,0::*,ecn,seq-,ack+:0");
        let padded = hex!("9c40 0050 00000001 00000000 7002 0400 0000 0000 020405b4 00000000");
        assert_eq!(signature(1, &padded), "4:32+31:*:1460:1024,0:mss,eol+3:*:0");
    }
}
