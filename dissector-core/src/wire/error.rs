//! Errors of reading a TCP header.

/// Octets that cannot be read as a TCP header.
///
/// ```
/// use dissector_core::wire::{HeaderError, TcpHeader};
///
/// let error = TcpHeader::parse(&[0; 12]).unwrap_err();
/// assert_eq!(error, HeaderError::Truncated { available: 12 });
/// assert_eq!(error.to_string(), "a TCP header needs 20 octets, 12 captured");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Fewer than the 20 octets that every header has.
    #[error("a TCP header needs 20 octets, {available} captured")]
    Truncated {
        /// Octets present.
        available: usize,
    },
    /// The data offset says that the header is shorter than its fixed part (RFC 9293 §3.1).
    #[error("data offset {words} is below 5: the header would end inside its fixed part")]
    DataOffset {
        /// Value of the field, in 32-bit words.
        words: u8,
    },
}
