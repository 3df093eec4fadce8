//! What the router remembers of a connection.

use std::net::SocketAddr;

use testkit::kernel::Side;
use testkit::packet::{ACK, SYN};

use super::log::{Done, Ends, Passed, Seen};
use super::made::segment;
use super::packet::{MSS, Packet, SACK_PERMITTED, TIMESTAMPS, WINDOW_SCALE};
use super::rules::{Edit, Orders, Proxy, Translation};

/// A connection.
pub(crate) struct Flow {
    pub(crate) seen: Seen,
    /// Whether it is forgotten, and if so, whether its segments are answered with RSTs.
    pub(crate) forgotten: Option<bool>,
    /// By rule, how many segments fitted.
    counts: Vec<u32>,
    /// As [`Orders::renumber`].
    added: [u32; 2],
    served: Served,
}

/// How far the SYN proxy is.
#[derive(Clone, Copy, Debug)]
enum Served {
    /// No SYN yet.
    No,
    /// The client's SYN is answered.
    Answered { client: u32, mss: [u8; 2] },
    /// The server has the proxy's SYN.
    Asked { client: u32 },
    /// Both are connected.
    Joined,
}

/// The proxy's initial sequence numbers, towards the client and towards the server.
const OWN_NUMBERS: [u32; 2] = [0x5000_0000, 0xa000_0000];

impl Flow {
    pub(crate) fn new(ends: Ends, orders: &Orders) -> Self {
        Self {
            seen: Seen { ends, passed: [Passed::default(); 2] },
            forgotten: None,
            counts: vec![0; orders.rules.len()],
            added: orders.renumber,
            served: Served::No,
        }
    }

    /// Counts one more segment for a rule.
    pub(crate) fn count(&mut self, rule: usize) -> u32 {
        self.counts[rule] += 1;
        self.counts[rule]
    }

    /// Whether the two sides have different numbers.
    pub(crate) fn renumbers(&self) -> bool {
        self.added != [0, 0]
    }

    /// Gives a segment the numbers of the side that it goes to.
    pub(crate) fn renumber(&self, to: Side, packet: &mut Packet) {
        let [client, server] = self.added;
        match to {
            Side::Server => packet.renumber(client, server.wrapping_neg()),
            Side::Client => packet.renumber(server, client.wrapping_neg()),
        }
    }

    /// Does the work of a SYN proxy with a segment: gives what it sends instead, or nothing where the
    /// segment is to be handed on.
    pub(crate) fn serve(
        &mut self,
        kind: Proxy,
        to: Side,
        packet: &Packet,
    ) -> Option<Vec<(Done, Side, Packet)>> {
        let header = packet.header();
        let there = self.seen.ends.near_client;
        let back = [there[1], there[0]];
        let options = |[high, low]: [u8; 2]| [MSS, 4, high, low, 1, 1, SACK_PERMITTED, 2];
        let own = OWN_NUMBERS[0];
        match (self.served, to) {
            (Served::No | Served::Answered { .. }, Side::Server) if header.flags & SYN != 0 => {
                let client = header.sequence;
                let mss = packet.option(MSS).and_then(|octets| octets.try_into().ok());
                let mss = mss.unwrap_or([2, 24]);
                self.served = Served::Answered { client, mss };
                let numbers = [own, client.wrapping_add(1)];
                // A window of 0 keeps the client from sending data before the server is there.
                let answer = segment(back, numbers, SYN | ACK, (0, &options(mss)));
                Some(vec![(Done::Answered, Side::Client, answer)])
            }
            (Served::Answered { client, mss }, Side::Server) => {
                self.served = Served::Asked { client };
                if kind == Proxy::OwnNumber {
                    self.added[0] = OWN_NUMBERS[1].wrapping_sub(client);
                }
                let rest = (packet.window(), &options(mss)[..]);
                let question = segment(there, [client, 0], SYN, rest);
                Some(vec![(Done::Injected, Side::Server, question)])
            }
            (Served::Asked { client }, Side::Client) if header.flags & SYN != 0 => {
                self.served = Served::Joined;
                self.added[1] = own.wrapping_sub(header.sequence);
                let numbers = [client.wrapping_add(1), own.wrapping_add(1)];
                let confirmation = segment(there, numbers, ACK, (packet.window(), &[]));
                let numbers = [numbers[1], numbers[0]];
                let opening = segment(back, numbers, ACK, (packet.window(), &[]));
                Some(vec![
                    (Done::Injected, Side::Server, confirmation),
                    (Done::Injected, Side::Client, opening),
                ])
            }
            (Served::No | Served::Joined, _) => None,
            // Too early, or seen before.
            _ => Some(Vec::new()),
        }
    }
}

impl Translation {
    /// The ends of a connection on the server's side.
    pub(crate) fn ends(&self, near_client: [SocketAddr; 2]) -> [SocketAddr; 2] {
        let [mut client, mut server] = near_client;
        if client.is_ipv4() {
            if let Some(address) = self.client {
                client.set_ip(address.into());
            }
            client.set_port(client.port().wrapping_add(self.port));
            if let Some((known, own)) = self.server
                && server.ip() == known
            {
                server.set_ip(own.into());
            }
        }
        [client, server]
    }

    /// Gives a packet to the server its ends there.
    pub(crate) fn enter(&self, packet: &mut Packet) {
        let header = packet.header();
        let [client, server] = self.ends([header.source, header.destination]);
        packet.set_source(client);
        packet.set_destination(server);
    }

    /// Gives a packet of the server the ends that the client knows.
    pub(crate) fn leave(&self, packet: &mut Packet) {
        let header = packet.header();
        let (mut server, mut client) = (header.source, header.destination);
        if !client.is_ipv4() {
            return;
        }
        if self.client.is_some() {
            client.set_ip(Side::Client.address().into());
        }
        client.set_port(client.port().wrapping_sub(self.port));
        if let Some((known, own)) = self.server
            && server.ip() == own
        {
            server.set_ip(known.into());
        }
        packet.set_source(server);
        packet.set_destination(client);
    }
}

impl Edit {
    /// Changes a packet, and names what was changed.
    pub(crate) fn apply(self, packet: &mut Packet) -> Vec<&'static str> {
        let named = |changed: bool, name| if changed { vec![name] } else { Vec::new() };
        match self {
            Self::Mss(most) => named(packet.clamp_mss(most), "mss"),
            Self::Strip(kinds) => {
                let names = [
                    (MSS, "mss"),
                    (WINDOW_SCALE, "wscale"),
                    (SACK_PERMITTED, "sack"),
                    (TIMESTAMPS, "timestamps"),
                ];
                let known = names.into_iter().filter(|(kind, _)| kinds.contains(kind));
                known.filter(|(kind, _)| packet.strip(*kind)).map(|(_, name)| name).collect()
            }
            Self::Window(window) => {
                let differs = packet.window() != window;
                packet.set_window(window);
                named(differs, "window")
            }
            Self::Clear(flags) => named(packet.clear(flags), "flags"),
            Self::Hops(more) => {
                packet.set_ttl(packet.ttl().saturating_sub(more));
                named(true, "ttl")
            }
            Self::Shout => named(packet.shout(), "payload"),
        }
    }
}
