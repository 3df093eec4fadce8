//! Annotations to be kept by the million.

use crate::connection::{Annotation, States};
use crate::vocabulary::{Finding, FindingSet};
use crate::vocabulary::{Repeat, Role, RstReason, Stage};
use crate::wire::TcpFlags;

/// An annotation in 12 octets. Of most segments this is all there is; of the others there is a
/// [`Remainder`] beside it.
///
/// ```
/// use dissector_core::connection::{Annotation, Brief};
///
/// fn keep(seen: &Annotation) {
///     let (brief, remainder) = Brief::of(seen);
///     assert_eq!(brief.has_remainder(), remainder.is_some());
///     assert_eq!(brief.annotation(remainder.as_ref()), *seen);
/// }
/// # use dissector_core::{ConnectionTable, PacketInfo, Segment};
/// # let packet = PacketInfo::new([10, 0, 0, 1], [10, 0, 0, 2], 0).with_frame(1);
/// # let syn = b"\x9c\x40\x00\x50\x00\x00\x00\x07\x00\x00\x00\x00\x50\x02\xff\xff\x00\x00\x00\x00";
/// # keep(&ConnectionTable::new().observe(&Segment::parse(packet, syn)?));
/// # Ok::<(), dissector_core::wire::HeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Brief {
    connection: u32,
    flags: TcpFlags,
    stage: Stage,
    sender: Role,
    /// The states before and after, of the client and of the server.
    states: [u8; 2],
    bits: Bits,
}

bitflags::bitflags! {
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    struct Bits: u8 {
        const CLIENT_PROVEN = 1 << 0;
        const SERVER_PROVEN = 1 << 1;
        const FINAL_ACK = 1 << 2;
        /// The one remark is that the handshake is complete.
        const COMPLETE = 1 << 3;
        const REMAINDER = 1 << 4;
    }
}

/// What few annotations have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Remainder {
    findings: FindingSet,
    rto: [u16; 3],
    ttl_delta: i16,
    copy: Repeat,
    retry: u8,
    rst_reason: Option<RstReason>,
}

const NOTHING: Remainder = Remainder {
    findings: FindingSet::EMPTY,
    rto: [0; 3],
    ttl_delta: 0,
    copy: Repeat::Original,
    retry: 0,
    rst_reason: None,
};

impl Brief {
    /// An annotation in brief, and what remains of it.
    pub fn of(annotation: &Annotation) -> (Self, Option<Remainder>) {
        let Annotation { connection, flags, stage, sender, client, server, .. } = *annotation;
        let mut remainder = Remainder {
            findings: annotation.findings,
            rto: annotation.rto,
            ttl_delta: annotation.ttl_delta,
            copy: annotation.copy,
            retry: annotation.retry,
            rst_reason: annotation.rst_reason,
        };
        let mut bits = Bits::empty();
        bits.set(Bits::CLIENT_PROVEN, client.proven());
        bits.set(Bits::SERVER_PROVEN, server.proven());
        bits.set(Bits::FINAL_ACK, annotation.final_ack);
        if remainder.findings == complete() {
            bits |= Bits::COMPLETE;
            remainder.findings = FindingSet::EMPTY;
        }
        let remainder = (remainder != NOTHING).then_some(remainder);
        bits.set(Bits::REMAINDER, remainder.is_some());
        let states = [client, server].map(States::packed);
        (Self { connection, flags, stage, sender, states, bits }, remainder)
    }

    /// Whether there is a remainder.
    pub fn has_remainder(&self) -> bool {
        self.bits.contains(Bits::REMAINDER)
    }

    /// The whole annotation again, given what remained of it.
    pub fn annotation(&self, remainder: Option<&Remainder>) -> Annotation {
        let Self { connection, flags, stage, sender, states: [client, server], bits } = *self;
        let remainder = remainder.unwrap_or(&NOTHING);
        let mut annotation = Annotation::new(connection, flags, sender);
        annotation.stage = stage;
        annotation.client = States::unpacked(client, bits.contains(Bits::CLIENT_PROVEN));
        annotation.server = States::unpacked(server, bits.contains(Bits::SERVER_PROVEN));
        annotation.final_ack = bits.contains(Bits::FINAL_ACK);
        annotation.findings = remainder.findings;
        if bits.contains(Bits::COMPLETE) {
            annotation.findings.insert(Finding::HandshakeComplete);
        }
        annotation.rto = remainder.rto;
        annotation.ttl_delta = remainder.ttl_delta;
        annotation.copy = remainder.copy;
        annotation.retry = remainder.retry;
        annotation.rst_reason = remainder.rst_reason;
        annotation
    }
}

fn complete() -> FindingSet {
    let mut set = FindingSet::EMPTY;
    set.insert(Finding::HandshakeComplete);
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::State;

    #[test]
    fn stay_small() {
        assert_eq!(size_of::<Brief>(), 12);
        assert!(size_of::<Remainder>() <= 24);
    }

    #[test]
    fn nothing_is_lost() {
        let plain = Annotation::new(7, TcpFlags::SYN | TcpFlags::AE, Role::Server);
        let mut all = vec![plain];
        let mut vary = |change: fn(&mut Annotation)| {
            for mut annotation in all.clone() {
                change(&mut annotation);
                all.push(annotation);
            }
        };
        vary(|annotation| annotation.note(Finding::HandshakeComplete));
        vary(|annotation| annotation.note(Finding::SlowHandshake));
        vary(|annotation| annotation.final_ack = true);
        vary(|annotation| annotation.stage = Stage::SecondFin);
        vary(|annotation| annotation.client = States::new(State::Listen, State::TimeWait, true));
        vary(|annotation| annotation.server = States::new(State::Closed, State::Closing, true));
        vary(|annotation| annotation.retransmission(3, 1 << 40 | 5));
        vary(|annotation| annotation.copy = Repeat::Late);
        vary(|annotation| annotation.rst_reason = Some(RstReason::Abort));
        vary(|annotation| annotation.set_ttls(3, 255));
        assert_eq!(all.len(), 1 << 10);
        for annotation in all {
            let (brief, remainder) = Brief::of(&annotation);
            assert_eq!(brief.annotation(remainder.as_ref()), annotation);
        }
        assert!(Brief::of(&plain).1.is_none());
    }
}
