//! The two sides of a connection, and what is said of them.

use crate::vocabulary::enumeration::enumeration;

/// One of the two sides of a connection.
///
/// ```
/// use dissector_core::connection::{ClosedBy, Role, Side};
///
/// assert_eq!(Side::Client.other(), Side::Server);
/// assert_eq!(Role::Server.side(), Some(Side::Server));
/// assert_eq!(ClosedBy::from(Side::Client).label(), Side::Client.label());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Side {
    /// The side that opens the connection.
    Client,
    /// The side that is asked to.
    Server,
}

impl Side {
    /// Both sides, the client first.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// The peer.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// The role of a segment that the side sends.
    pub const fn role(self) -> Role {
        match self {
            Self::Client => Role::Client,
            Self::Server => Role::Server,
        }
    }

    /// `client` or `server`.
    pub const fn label(self) -> &'static str {
        self.role().label()
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.label())
    }
}

impl From<Side> for ClosedBy {
    fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::Client,
            Side::Server => Self::Server,
        }
    }
}

impl Role {
    /// The side that has the role; `None` where it cannot be told.
    pub const fn side(self) -> Option<Side> {
        match self {
            Self::Unknown => None,
            Self::Client => Some(Side::Client),
            Self::Server => Some(Side::Server),
        }
    }
}

impl Seen {
    /// The one side of which segments were captured; `None` where both were.
    pub const fn only(self) -> Option<Side> {
        match self {
            Self::Both => None,
            Self::ClientOnly => Some(Side::Client),
            Self::ServerOnly => Some(Side::Server),
        }
    }

    /// From whether segments of the client and of the server were captured.
    pub(crate) const fn of([client, server]: [bool; 2]) -> Self {
        match (client, server) {
            (true, false) => Self::ClientOnly,
            (false, true) => Self::ServerOnly,
            (true, true) | (false, false) => Self::Both,
        }
    }
}

enumeration! {
    /// Which end sent the segment.
    Role as "role" {
        /// Cannot be told: both ends are the same address and port.
        Unknown = 0, UNKNOWN, "unknown";
        /// The end that opens the connection.
        Client = 1, CLIENT, "client";
        /// The end that the client connects to.
        Server = 2, SERVER, "server";
    }
}

enumeration! {
    /// How client and server were told apart.
    RoleBasis as "role_basis" {
        /// The sender of the first SYN is the client.
        Syn = 0, SYN, "syn";
        /// The sender of the SYN/ACK is the server.
        SynAck = 1, SYN_ACK, "synack";
        /// The end with the higher port is taken for the client.
        Port = 2, PORT, "port";
        /// Equal ports: the sender of the first segment is taken for the client.
        None = 3, NONE, "none";
    }
}

enumeration! {
    /// The side that ended the connection first.
    ClosedBy as "close_by" {
        /// The client.
        Client = 0, CLIENT, "client";
        /// The server.
        Server = 1, SERVER, "server";
        /// Both at once.
        Both = 2, BOTH, "both";
    }
}

enumeration! {
    /// The sides whose segments were captured.
    Seen as "seen" {
        /// Both.
        Both = 0, BOTH, "both";
        /// The client's only.
        ClientOnly = 1, CLIENT_ONLY, "client_only";
        /// The server's only.
        ServerOnly = 2, SERVER_ONLY, "server_only";
    }
}

enumeration! {
    /// Where on the path the capture was taken.
    Vantage as "vantage" {
        /// Near the client.
        NearClient = 0, NEAR_CLIENT, "near_client";
        /// Near the server.
        NearServer = 1, NEAR_SERVER, "near_server";
        /// In the middle.
        Middle = 2, MIDDLE, "middle";
        /// Cannot be told.
        Unknown = 3, UNKNOWN, "unknown";
    }
}
