//! The time in which a capture was taken, and the packets that it missed.

use super::span::Span;

/// When a capture, or one of its interfaces, was capturing, as far as the file tells, and what it missed.
/// A file without frames tells nothing.
///
/// ```
/// use dissector_core::capture::Capture;
///
/// let mut capture = Capture::open("../samples/no-reply.pcapng")?;
/// assert_eq!(capture.coverage().span(), None);
/// while capture.next_packet()?.is_some() {}
///
/// let coverage = capture.coverage();
/// assert_eq!(coverage.frames, capture.frames());
/// assert!(coverage.first_ns < coverage.last_ns);
/// assert!(coverage.span().is_some_and(|(start, end)| start < end));
/// assert_eq!(coverage.dropped, 0);
/// # Ok::<(), dissector_core::capture::CaptureError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Coverage {
    /// The lowest time of all frames, whatever they hold, in nanoseconds since 1970 UTC; `None` if no frame
    /// has a time. A single time that is more than an hour from the others does not count.
    pub first_ns: Option<i64>,
    /// The highest time of all frames, likewise.
    pub last_ns: Option<i64>,
    /// When the capture was started, by the statistics of its file (pcapng), in nanoseconds since 1970 UTC.
    pub start_ns: Option<i64>,
    /// When the capture was ended, likewise.
    pub end_ns: Option<i64>,
    /// Packets that were received, by the statistics of the file, whether a filter took them or not.
    pub received: Option<u64>,
    /// Packets that were dropped by the interface and by the operating system, by the statistics of the
    /// file; 0 also if there are none.
    pub dropped: u64,
    /// Frames read so far.
    pub frames: u64,
}

impl Coverage {
    /// The time in which the capture is known to have been running: from its start to its end, or else from
    /// its first frame to its last; `None` if neither is known.
    ///
    /// Start and end are not believed if a frame is outside of them: programs that shift the times of frames
    /// leave those of the statistics as they are. A file without frames was not capturing.
    #[must_use]
    pub fn span(&self) -> Option<(i64, i64)> {
        let (first, last) = (self.first_ns?, self.last_ns?);
        let (start, end) = (self.start_ns.unwrap_or(first), self.end_ns.unwrap_or(last));
        Some(if start <= first && last <= end { (start, end) } else { (first, last) })
    }

    /// The same with frames.
    pub(super) fn with_frames(&self, span: &Span, frames: u64) -> Self {
        let (first_ns, last_ns) = span.get().unzip();
        Self { first_ns, last_ns, frames, ..*self }
    }

    /// Adds the statistics of another interface of the same capture.
    pub(super) fn add(&mut self, other: &Self) {
        let start_ns = self.start_ns.into_iter().chain(other.start_ns).min();
        // Nothing is less than any time.
        let end_ns = self.end_ns.max(other.end_ns);
        let received = self.received.into_iter().chain(other.received);
        (self.start_ns, self.end_ns) = (start_ns, end_ns);
        self.received = received.reduce(u64::saturating_add);
        self.dropped = self.dropped.saturating_add(other.dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_and_end_are_believed_where_all_frames_are_between_them() {
        let of = |start_ns, end_ns| {
            let (first_ns, last_ns) = (Some(100), Some(200));
            Coverage { first_ns, last_ns, start_ns, end_ns, ..Coverage::default() }.span()
        };
        assert_eq!(of(None, None), Some((100, 200)));
        assert_eq!(of(Some(90), Some(230)), Some((90, 230)));
        assert_eq!(of(Some(90), None), Some((90, 200)));
        // Shifted either way, or from the middle of the capture.
        assert_eq!(of(Some(110), Some(250)), Some((100, 200)));
        assert_eq!(of(Some(50), Some(190)), Some((100, 200)));
        let empty = Coverage { start_ns: Some(1), end_ns: Some(2), ..Coverage::default() };
        assert_eq!(empty.span(), None);
    }
}
