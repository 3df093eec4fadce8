//! The result of a call.

/// Result of a call. A number is never given another meaning.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
#[must_use]
pub enum tcphs_status {
    /// Done.
    TCPHS_OK = 0,
    /// A pointer is null that must not be.
    TCPHS_NULL_ARGUMENT = 1,
    /// An argument has a value that it cannot have, for instance an IP version of 5.
    TCPHS_INVALID_ARGUMENT = 2,
    /// The octets do not begin with a whole TCP header.
    TCPHS_NO_HEADER = 3,
    /// There is nothing to return: no (further) segment, connection or text.
    TCPHS_NOT_FOUND = 4,
    /// An error inside the library. The object can only be freed.
    TCPHS_PANIC = 5,
    /// An earlier call with this object returned `TCPHS_PANIC`; nothing was done.
    TCPHS_SILENT = 6,
    /// Only in the plugin; functions of this header do not return it, see `tcphs_table_evicted`. More
    /// connections were open at once than fit: those silent for longest were dropped.
    TCPHS_FULL = 7,
    /// Done. The frame holds more segments: make the same call again.
    TCPHS_MORE = 8,
}

/// The texts of the statuses for error messages, by number.
pub const STATUS_TEXTS: [&str; 9] = [
    "done",
    "an argument is null",
    "an argument has a value that it cannot have",
    "no whole TCP header",
    "nothing found",
    "internal error; please report it",
    "not done, because of an earlier internal error",
    "done; connections were dropped to make room",
    "done; the frame holds more segments",
];
