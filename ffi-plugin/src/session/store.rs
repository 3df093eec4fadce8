//! The annotations of segments, by frame.

use dissector_core::connection::{Annotation, AnnotationOverflow, CompactAnnotation};

use crate::session::chunks::Chunks;
use crate::session::frames::Frames;

/// Annotations by frame: 16 octets per segment, 4 per frame, and 32 more for an annotation that
/// does not fit into its compact form.
#[derive(Default)]
pub struct Store {
    /// The place in `records` of the first segment of each frame, plus 1; 0 for none.
    first: Frames,
    /// The segments of a frame follow each other.
    records: Chunks<Record, 4096>,
    /// The overflow of the annotations that have one, by place.
    overflows: Chunks<(u32, AnnotationOverflow), 1024>,
    /// The frame being dissected for the first time.
    open: Option<u32>,
}

struct Record {
    frame: u32,
    annotation: CompactAnnotation,
}

impl Store {
    /// Returns the place of the record, which identifies the segment; `u32::MAX` if there is no more
    /// room.
    pub fn push(&mut self, frame: u32, annotation: &Annotation) -> u32 {
        let further = self.open == Some(frame);
        if !further {
            self.forget(frame);
        }
        // After 4 thousand million segments, later ones stay without annotation.
        let Ok(stored) = u32::try_from(self.records.len() + 1) else {
            return u32::MAX;
        };
        let place = stored - 1;
        let (compact, overflow) = CompactAnnotation::of(annotation);
        self.records.push(Record { frame, annotation: compact });
        if let Some(overflow) = overflow {
            self.overflows.push((place, overflow));
        }
        if !further {
            self.first.set(frame, stored);
        }
        self.open = Some(frame);
        place
    }

    /// Ends the first dissection of a frame.
    pub fn end_frame(&mut self, frame: u32) {
        if self.open.take() != Some(frame) {
            self.forget(frame);
        }
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// The segments of a frame in the order in which they came, each with its place.
    ///
    /// A plain walk, inlined: every listing asks for the segments of each frame.
    #[inline(always)]
    pub fn segments(&self, frame: u32) -> impl Iterator<Item = (u32, Annotation)> {
        let mut next = self.first.get(frame).checked_sub(1);
        std::iter::from_fn(move || {
            let place = next?;
            let record = self.records.get(place as usize).filter(|record| record.frame == frame)?;
            next = place.checked_add(1);
            Some((place, self.annotation(place, &record.annotation)))
        })
    }

    /// The records from `place` on, each with its frame and place.
    pub fn since(&self, place: usize) -> impl Iterator<Item = (u32, u32, Annotation)> {
        let places = (place as u32..).zip(self.records.since(place));
        places.map(|(place, record)| {
            (record.frame, place, self.annotation(place, &record.annotation))
        })
    }

    fn annotation(&self, place: u32, compact: &CompactAnnotation) -> Annotation {
        if !compact.has_overflow() {
            return compact.annotation(None);
        }
        let at = self.overflows.partition_point(|(other, _)| *other < place);
        let overflow = self.overflows.get(at).filter(|(other, _)| *other == place);
        compact.annotation(overflow.map(|(_, overflow)| overflow))
    }

    /// Drops the records of an earlier frame with the same number.
    fn forget(&mut self, frame: u32) {
        let Some(place) = self.first.get(frame).checked_sub(1) else { return };
        self.first.set(frame, 0);
        // The number that is used again is always the latest, so its records are the last ones.
        if self.first.latest() == Some(frame) {
            self.records.truncate(place as usize);
            let kept = self.overflows.partition_point(|(other, _)| *other < place);
            self.overflows.truncate(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_small() {
        assert_eq!(size_of::<Record>(), 16);
        assert_eq!(size_of::<(u32, AnnotationOverflow)>(), 32);
    }
}
