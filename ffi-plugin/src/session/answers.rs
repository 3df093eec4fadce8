//! The ACKs that answer a repeated SYN/ACK or FIN.
//!
//! Such an ACK was sent before, so it is no step of the handshake or the close and has no stage. The flow
//! graph needs it: otherwise a repeated segment looks as if nothing answered it.

use std::collections::HashMap;

use dissector_core::Segment;
use dissector_core::connection::{Annotation, Repeat, Role, Stage};
use dissector_core::wire::TcpFlags;

/// The places of those ACKs. A capture without repeated segments costs one comparison for each segment.
#[derive(Default)]
pub struct Answers {
    /// The connections with a repeated segment that was not answered yet, and the end that sent it.
    open: HashMap<u32, Role>,
    /// In rising order.
    places: Vec<u32>,
}

impl Answers {
    /// Notes the segment at `place`.
    #[inline]
    pub fn note(&mut self, segment: &Segment<'_>, annotation: &Annotation, place: u32) {
        if annotation.copy == Repeat::Original && self.open.is_empty() {
            return;
        }
        self.follow(segment, annotation, place);
    }

    fn follow(&mut self, segment: &Segment<'_>, annotation: &Annotation, place: u32) {
        // The places of a frame that a read filter rejected are used again.
        while self.places.pop_if(|last| *last >= place).is_some() {}
        let (connection, sender) = (annotation.connection, annotation.sender);
        match annotation.copy {
            // A SYN is answered by a SYN/ACK, which has a stage.
            Repeat::Retransmission if annotation.flags.contains(TcpFlags::ACK) => {
                self.open.insert(connection, sender);
            }
            Repeat::Original if self.open.get(&connection).is_some_and(|end| *end != sender) => {
                self.open.remove(&connection);
                let bare = annotation.flags == TcpFlags::ACK && segment.payload_octets() == 0;
                if bare && annotation.stage == Stage::None {
                    self.places.push(place);
                }
            }
            _ => {}
        }
    }

    /// Whether the segment at `place` is such an ACK.
    pub fn contains(&self, place: u32) -> bool {
        self.places.binary_search(&place).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::session::Session;
    use crate::session::tests::{octets, segment};

    /// Which frames of these segments answer a repeated one.
    fn answers(segments: &[(u8, bool, u32, u32)]) -> Vec<u32> {
        let mut session = Session::default();
        for (frame, (flags, back, sequence, acknowledgment)) in (1..).zip(segments) {
            let octets = octets(*flags, *back, *sequence, *acknowledgment);
            let mut segment = segment(&octets);
            if *back {
                std::mem::swap(&mut segment.packet.source, &mut segment.packet.destination);
            }
            segment.packet.ip_id = Some(frame as u16);
            segment.packet.frame = frame;
            segment.packet.time_ns = frame as i64 * 1_000_000_000;
            session.learn(frame as u32, &segment);
            session.end_frame(frame as u32, None);
        }
        let frames = 1..=segments.len() as u32;
        frames.filter(|frame| session.segment(*frame, 0).unwrap().answers_a_copy).collect()
    }

    const SYN: (u8, bool, u32, u32) = (0x02, false, 100, 0);
    const SYN_ACK: (u8, bool, u32, u32) = (0x12, true, 700, 101);
    const ACK: (u8, bool, u32, u32) = (0x10, false, 101, 701);

    #[test]
    fn only_the_ack_that_follows_a_copy_answers_it() {
        assert_eq!(answers(&[SYN, SYN_ACK, ACK, ACK, SYN_ACK, ACK, ACK, SYN_ACK, ACK]), [6, 9]);
        // The final ACK has its stage, although the SYN/ACK before it was repeated.
        assert_eq!(answers(&[SYN, SYN_ACK, SYN_ACK, ACK]), []);
        let (fin, fin_acked) = ((0x11, true, 701, 101), (0x10, false, 101, 702));
        assert_eq!(answers(&[SYN, SYN_ACK, ACK, fin, fin_acked, fin, fin_acked]), [7]);
        // A segment that pushes data, or ends the stream, is something else.
        for flags in [0x18, 0x11, 0x14] {
            assert_eq!(answers(&[SYN, SYN_ACK, ACK, SYN_ACK, (flags, false, 101, 701)]), []);
        }
    }
}
