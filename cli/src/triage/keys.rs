//! What connections can have in common.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::record::Record;

/// Something that several connections share.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Key {
    /// Address and port of the server.
    Server(SocketAddr),
    /// A client's address, and address and port of the server.
    Pair(IpAddr, SocketAddr),
    /// The server's address.
    Host(IpAddr),
    /// Everything.
    All,
    /// The server's port.
    Port(u16),
    /// The network of the servers.
    ServerNet(Net),
    /// The client's address.
    Client(IpAddr),
    /// The network of the clients.
    ClientNet(Net),
}

/// A network of 256 IPv4 addresses, or of a 64-bit prefix of IPv6.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Net(IpAddr);

impl Net {
    fn of(address: IpAddr) -> Self {
        Self(match address {
            IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & !0xff).into(),
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
            }
        })
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, if self.0.is_ipv4() { 24 } else { 64 })
    }
}

impl Key {
    /// All that a connection has, the narrowest first.
    pub fn all(record: &Record) -> [Self; 8] {
        let (client, server) = (record.neighbour.client.ip(), record.neighbour.server);
        [
            Self::Server(server),
            Self::Pair(client, server),
            Self::Host(server.ip()),
            Self::All,
            Self::Port(server.port()),
            Self::ServerNet(Net::of(server.ip())),
            Self::Client(client),
            Self::ClientNet(Net::of(client)),
        ]
    }

    /// Whether all with it go to one server and port.
    pub const fn is_narrow(&self) -> bool {
        matches!(self, Self::Server(_) | Self::Pair(..))
    }

    /// The name for programs.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Server(_) => "server",
            Self::Pair(..) => "client_and_server",
            Self::Host(_) => "server_addr",
            Self::All => "all",
            Self::Port(_) => "server_port",
            Self::ServerNet(_) => "server_net",
            Self::Client(_) => "client_addr",
            Self::ClientNet(_) => "client_net",
        }
    }
}
