//! A segment as one point saw it, in few octets.

use std::hash::Hasher;

use crate::Segment;
use crate::vocabulary::Side;
use crate::wire::{FIXED_OCTETS, OptionKind, SeqNumber, TcpFlags, TcpOption};

/// Octets of the payload that a digest covers: a capture with a small snap length has them, too.
const DIGEST_OCTETS: usize = 16;

/// A segment as one point of capture saw it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sighting {
    /// Number of the frame in its capture, from 1.
    pub frame: u64,
    /// Time by the clock of the point, in nanoseconds since 1970 UTC.
    pub time_ns: i64,
    /// Sequence number.
    pub sequence: SeqNumber,
    /// Acknowledgment number; significant with ACK only.
    pub acknowledgment: SeqNumber,
    timestamps: [u32; 2],
    /// Octets of payload that were sent.
    pub payload_octets: u32,
    /// The options of a SYN, or digests of the beginning of a payload and of all of it.
    detail: u32,
    /// Window as sent, before any scaling.
    pub window: u16,
    ip_id: u16,
    /// The control bits.
    pub flags: TcpFlags,
    /// TTL or hop limit.
    pub ttl: u8,
    bits: u8,
}

const HAS_TIMESTAMPS: u8 = 1;
const HAS_IP_ID: u8 = 1 << 1;
const BY_SERVER: u8 = 1 << 2;
/// The point captured the packet a second time.
const SECOND_CAPTURE: u8 = 1 << 3;
const HAS_DIGEST: u8 = 1 << 4;
/// Octets of it were sent before.
const REPEATED: u8 = 1 << 5;
/// The snap length has cut the options.
const OPTIONS_CUT: u8 = 1 << 6;
/// All of the payload was captured.
const WHOLE: u8 = 1 << 7;

/// The options of a SYN that are negotiated.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SynOffer {
    /// Maximum segment size.
    pub mss: Option<u16>,
    /// Window scale.
    pub window_scale: Option<u8>,
    /// SACK-Permitted.
    pub sack: bool,
    /// Whether there are options besides these, timestamps and padding.
    pub others: bool,
}

const SYN_MSS: u32 = 1 << 31;
const SYN_WINDOW_SCALE: u32 = 1 << 30;
const SYN_SACK: u32 = 1 << 29;
const SYN_OTHERS: u32 = 1 << 28;

impl Sighting {
    pub(super) const NOTHING: Self = Self {
        frame: 0,
        time_ns: 0,
        sequence: SeqNumber(0),
        acknowledgment: SeqNumber(0),
        timestamps: [0; 2],
        payload_octets: 0,
        detail: 0,
        window: 0,
        ip_id: 0,
        flags: TcpFlags::empty(),
        ttl: 0,
        bits: 0,
    };

    /// Takes down what is compared of a segment of this end.
    pub(super) fn new(segment: &Segment<'_>, sender: Side, second_capture: bool) -> Self {
        let (packet, tcp) = (&segment.packet, &segment.tcp);
        let mut bits = if sender == Side::Server { BY_SERVER } else { 0 };
        if second_capture {
            bits |= SECOND_CAPTURE;
        }
        if packet.ip_id.is_some() {
            bits |= HAS_IP_ID;
        }
        let is_syn = tcp.flags.contains(TcpFlags::SYN);
        let (mut timestamps, mut detail) = ([0; 2], 0);
        for option in tcp.options().map_while(Result::ok) {
            match option {
                TcpOption::Timestamps { value, echo } => {
                    timestamps = [value, echo];
                    bits |= HAS_TIMESTAMPS;
                }
                TcpOption::Mss(mss) if is_syn => detail |= SYN_MSS | u32::from(mss) << 8,
                TcpOption::WindowScale(shift) if is_syn => {
                    detail |= SYN_WINDOW_SCALE | u32::from(shift);
                }
                TcpOption::SackPermitted if is_syn => detail |= SYN_SACK,
                TcpOption::Unknown { kind: OptionKind::END | OptionKind::NOP, .. }
                | TcpOption::End
                | TcpOption::Nop => {}
                _ if is_syn => detail |= SYN_OTHERS,
                _ => {}
            }
        }
        if tcp.option_octets.len() + FIXED_OCTETS < tcp.header_octets() {
            bits |= OPTIONS_CUT;
        }
        let payload_octets = segment.payload_octets();
        if !is_syn && payload_octets > 0 {
            let covered = DIGEST_OCTETS.min(payload_octets as usize);
            if let Some(start) = tcp.payload.get(..covered) {
                detail = u32::from(digest(start)) << 16;
                bits |= HAS_DIGEST;
            }
            if tcp.payload.len() == payload_octets as usize {
                detail |= u32::from(digest(tcp.payload));
                bits |= WHOLE;
            }
        }
        Self {
            frame: packet.frame,
            time_ns: packet.time_ns,
            sequence: tcp.sequence,
            acknowledgment: tcp.acknowledgment,
            timestamps,
            payload_octets,
            detail,
            window: tcp.window,
            ip_id: packet.ip_id.unwrap_or(0),
            flags: tcp.flags,
            ttl: packet.ttl,
            bits,
        }
    }

    /// The end that sent it.
    pub const fn sender(&self) -> Side {
        if self.bits & BY_SERVER == 0 { Side::Client } else { Side::Server }
    }

    pub(super) const fn swap_sender(&mut self) {
        self.bits ^= BY_SERVER;
    }

    pub(super) const fn mark_repeated(&mut self) {
        self.bits |= REPEATED;
    }

    /// Whether the point had seen octets of it before.
    pub const fn is_repeated(&self) -> bool {
        self.bits & REPEATED != 0
    }

    /// Whether its point captured the same packet before.
    pub const fn is_second_capture(&self) -> bool {
        self.bits & SECOND_CAPTURE != 0
    }

    /// Whether it is one by its identification.
    pub(super) const fn is_surely_second_capture(&self) -> bool {
        self.is_second_capture() && self.identification().is_some()
    }

    pub(super) const fn take_for_copy(&mut self) {
        self.bits &= !SECOND_CAPTURE;
    }

    /// TSval and TSecr, if it has the timestamps option.
    pub const fn timestamps(&self) -> Option<(u32, u32)> {
        let [value, echo] = self.timestamps;
        if self.bits & HAS_TIMESTAMPS == 0 { None } else { Some((value, echo)) }
    }

    /// The identification that tells packets apart; `None` without one, and for 0, which tells nothing
    /// (RFC 6864).
    pub const fn identification(&self) -> Option<u16> {
        if self.bits & HAS_IP_ID == 0 || self.ip_id == 0 { None } else { Some(self.ip_id) }
    }

    /// The options of a SYN; `None` for other segments.
    pub fn offer(&self) -> Option<SynOffer> {
        let has = |bit| self.detail & bit != 0;
        self.is(TcpFlags::SYN).then(|| SynOffer {
            mss: has(SYN_MSS).then_some((self.detail >> 8) as u16),
            window_scale: has(SYN_WINDOW_SCALE).then_some(self.detail as u8),
            sack: has(SYN_SACK),
            others: has(SYN_OTHERS),
        })
    }

    /// The digest of the first octets of the payload, if they were captured.
    pub(super) const fn digest(&self) -> Option<u16> {
        if self.bits & HAS_DIGEST == 0 { None } else { Some((self.detail >> 16) as u16) }
    }

    /// Whether the payload of another sighting differs, as far as both were captured.
    pub(super) fn has_other_payload(&self, other: &Self) -> bool {
        let start = self.digest().zip(other.digest()).is_some_and(|(a, b)| a != b);
        let whole = self.bits & other.bits & WHOLE != 0
            && self.payload_octets == other.payload_octets
            && self.detail as u16 != other.detail as u16;
        start || whole
    }

    /// Whether all options were captured.
    pub(super) const fn has_all_options(&self) -> bool {
        self.bits & OPTIONS_CUT == 0
    }

    /// Whether one of these flags is set.
    pub(super) fn is(&self, flags: TcpFlags) -> bool {
        self.flags.intersects(flags)
    }

    /// Whether it carries an acknowledgment number and nothing else.
    pub(super) fn is_bare_ack(&self) -> bool {
        self.payload_octets == 0 && !self.is(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST)
    }

    /// The sequence numbers that it takes up: octets, SYN and FIN.
    pub(super) fn length(&self) -> u32 {
        let controls = [TcpFlags::SYN, TcpFlags::FIN].map(|flag| u32::from(self.is(flag)));
        self.payload_octets.wrapping_add(controls[0] + controls[1])
    }

    /// The sequence number behind it.
    pub(super) fn end(&self) -> SeqNumber {
        self.sequence + self.length()
    }
}

fn digest(octets: &[u8]) -> u16 {
    // The same in every run, for points may be observed by different processes.
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(octets);
    hasher.finish() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_small() {
        assert!(size_of::<Sighting>() <= 48, "{}", size_of::<Sighting>());
    }
}
