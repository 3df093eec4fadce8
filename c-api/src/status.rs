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
    /// Done. More connections were open at once than fit: those silent for longest were dropped,
    /// and their further segments count as new connections. Returned once.
    TCPHS_FULL = 7,
    /// Done. The frame holds more segments: make the same call again.
    TCPHS_MORE = 8,
}

impl tcphs_status {
    /// The statuses, by number.
    pub const ALL: [Self; 9] = {
        use tcphs_status::*;
        [
            TCPHS_OK,
            TCPHS_NULL_ARGUMENT,
            TCPHS_INVALID_ARGUMENT,
            TCPHS_NO_HEADER,
            TCPHS_NOT_FOUND,
            TCPHS_PANIC,
            TCPHS_SILENT,
            TCPHS_FULL,
            TCPHS_MORE,
        ]
    };

    /// What it says, for an error message.
    pub const fn text(self) -> &'static str {
        match self {
            Self::TCPHS_OK => "done",
            Self::TCPHS_NULL_ARGUMENT => "an argument is null",
            Self::TCPHS_INVALID_ARGUMENT => "an argument has a value that it cannot have",
            Self::TCPHS_NO_HEADER => "no whole TCP header",
            Self::TCPHS_NOT_FOUND => "nothing found",
            Self::TCPHS_PANIC => "internal error; please report it",
            Self::TCPHS_SILENT => "not done, because of an earlier internal error",
            Self::TCPHS_FULL => "done; connections were dropped to make room",
            Self::TCPHS_MORE => "done; the frame holds more segments",
        }
    }
}
