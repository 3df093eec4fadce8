//! A part of a frame, with the length it had on the wire.

/// What follows some header of a frame: the captured octets, and how many were sent.
///
/// The two differ where the capture was cut by a snap length. Wireshark keeps the same pair as the
/// captured and the reported length of a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Octets<'a> {
    /// At most `sent` octets.
    pub(super) captured: &'a [u8],
    pub(super) sent: usize,
    /// Octets of the frame in front of these.
    pub(super) offset: usize,
}

impl<'a> Octets<'a> {
    pub(super) fn new(captured: &'a [u8], sent: usize) -> Self {
        Self { captured, sent: sent.max(captured.len()), offset: 0 }
    }

    /// The first `N` octets, if all were captured.
    #[inline]
    pub(super) fn header<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.captured.first_chunk()
    }

    /// What follows the first `octets`, if all of those were captured.
    #[inline]
    pub(super) fn after(self, octets: usize) -> Option<Self> {
        let captured = self.captured.get(octets..)?;
        Some(Self { captured, sent: self.sent - octets, offset: self.offset + octets })
    }

    /// The same with at most `sent` octets: what follows is padding or a trailer.
    #[inline]
    pub(super) fn limited(self, sent: usize) -> Self {
        let captured = self.captured.get(..sent).unwrap_or(self.captured);
        Self { captured, sent: self.sent.min(sent), offset: self.offset }
    }
}
