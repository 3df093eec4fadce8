//! What became of a call.

/// What became of a call. Numbers are never used again for anything else.
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
    /// There is nothing of the kind that was asked for.
    TCPHS_NOT_FOUND = 4,
    /// An error inside the library. The object is of no more use; free it.
    TCPHS_PANIC = 5,
    /// An earlier call on this object gave `TCPHS_PANIC`; nothing was done.
    TCPHS_SILENT = 6,
    /// Done. But more connections were open at once than are held: those silent for longest were
    /// let go, and what they send from now on is taken for other connections. Given once.
    TCPHS_FULL = 7,
}
