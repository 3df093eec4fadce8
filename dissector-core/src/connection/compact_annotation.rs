//! A compact form of annotations, for callers that keep those of a whole capture.

use crate::connection::{Annotation, States};
use crate::vocabulary::{Finding, FindingSet};
use crate::vocabulary::{Repeat, Role, RstReason, Stage};
use crate::wire::TcpFlags;

/// An annotation in 12 octets. Most annotations fit; the others have an [`AnnotationOverflow`]
/// besides.
///
/// ```
/// use dissector_core::connection::{Annotation, CompactAnnotation};
///
/// fn keep(seen: &Annotation) {
///     let (compact, overflow) = CompactAnnotation::of(seen);
///     assert_eq!(compact.has_overflow(), overflow.is_some());
///     assert_eq!(compact.annotation(overflow.as_ref()), *seen);
/// }
/// # use dissector_core::{ConnectionTable, PacketInfo, Segment};
/// # let packet = PacketInfo::new([10, 0, 0, 1], [10, 0, 0, 2], 0).with_frame(1);
/// # let syn = b"\x9c\x40\x00\x50\x00\x00\x00\x07\x00\x00\x00\x00\x50\x02\xff\xff\x00\x00\x00\x00";
/// # keep(&ConnectionTable::new().observe(&Segment::parse(packet, syn)?));
/// # Ok::<(), dissector_core::wire::HeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CompactAnnotation {
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
        /// `HandshakeComplete` is the only finding.
        const COMPLETE = 1 << 3;
        const OVERFLOW = 1 << 4;
    }
}

/// The fields that few annotations have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AnnotationOverflow {
    findings: FindingSet,
    rto: [u16; 3],
    ttls: [u8; 2],
    copy: Repeat,
    retry: u8,
    rst_reason: Option<RstReason>,
}

const NOTHING: AnnotationOverflow = AnnotationOverflow {
    findings: FindingSet::EMPTY,
    rto: [0; 3],
    ttls: [0; 2],
    copy: Repeat::Original,
    retry: 0,
    rst_reason: None,
};

impl CompactAnnotation {
    /// The compact form of an annotation, and its overflow.
    pub fn of(annotation: &Annotation) -> (Self, Option<AnnotationOverflow>) {
        let Annotation { connection, flags, stage, sender, client, server, .. } = *annotation;
        let mut overflow = AnnotationOverflow {
            findings: annotation.findings,
            rto: annotation.rto,
            ttls: annotation.ttls,
            copy: annotation.copy,
            retry: annotation.retry,
            rst_reason: annotation.rst_reason,
        };
        let mut bits = Bits::empty();
        bits.set(Bits::CLIENT_PROVEN, client.proven());
        bits.set(Bits::SERVER_PROVEN, server.proven());
        bits.set(Bits::FINAL_ACK, annotation.final_ack);
        if overflow.findings == complete() {
            bits |= Bits::COMPLETE;
            overflow.findings = FindingSet::EMPTY;
        }
        let overflow = (overflow != NOTHING).then_some(overflow);
        bits.set(Bits::OVERFLOW, overflow.is_some());
        let states = [client, server].map(States::packed);
        (Self { connection, flags, stage, sender, states, bits }, overflow)
    }

    /// Whether there is an overflow.
    pub fn has_overflow(&self) -> bool {
        self.bits.contains(Bits::OVERFLOW)
    }

    /// The annotation again, given its overflow.
    pub fn annotation(&self, overflow: Option<&AnnotationOverflow>) -> Annotation {
        let Self { connection, flags, stage, sender, states: [client, server], bits } = *self;
        let overflow = overflow.unwrap_or(&NOTHING);
        let mut annotation = Annotation::new(connection, flags, sender);
        annotation.stage = stage;
        annotation.client = States::unpacked(client, bits.contains(Bits::CLIENT_PROVEN));
        annotation.server = States::unpacked(server, bits.contains(Bits::SERVER_PROVEN));
        annotation.final_ack = bits.contains(Bits::FINAL_ACK);
        annotation.findings = overflow.findings;
        if bits.contains(Bits::COMPLETE) {
            annotation.findings.insert(Finding::HandshakeComplete);
        }
        annotation.rto = overflow.rto;
        annotation.ttls = overflow.ttls;
        annotation.copy = overflow.copy;
        annotation.retry = overflow.retry;
        annotation.rst_reason = overflow.rst_reason;
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
        assert_eq!(size_of::<CompactAnnotation>(), 12);
        assert!(size_of::<AnnotationOverflow>() <= 24);
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
        vary(|annotation| annotation.add(Finding::HandshakeComplete));
        vary(|annotation| annotation.add(Finding::SlowHandshake));
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
            let (compact, overflow) = CompactAnnotation::of(&annotation);
            assert_eq!(compact.annotation(overflow.as_ref()), annotation);
        }
        assert!(CompactAnnotation::of(&plain).1.is_none());
    }
}
