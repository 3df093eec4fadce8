//! The two sides of a connection, and what is said of them.

use crate::vocabulary::enumeration::enumeration;

enumeration! {
    /// Which end sent the segment.
    Role as "role" {
        /// Cannot be told: both ends are the same address and port.
        Unknown = 0, UNKNOWN, "unknown";
        /// The end that opens.
        Client = 1, CLIENT, "client";
        /// The end that is opened to.
        Server = 2, SERVER, "server";
    }
}

enumeration! {
    /// What the roles of client and server rest on.
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
    /// Who ended the connection first.
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
    /// Of which sides segments were captured.
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
