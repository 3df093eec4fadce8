//! What a connection came to.

use std::net::SocketAddr;

use super::endpoint::Facts;
use super::names::{Close, ClosedBy, OpenType, Outcome, RoleBasis, RstReason, Seen};
use super::track::{Connection, Side};
use super::{Stage, States};

/// How long a silence has to be before it counts as one, in nanoseconds.
const SILENCE_NS: i64 = 3_000_000_000;

impl Connection {
    /// Number of the connection, from 0 in order of first segment.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Number of the incarnation within its addresses and ports, from 1.
    pub fn attempt(&self) -> u16 {
        self.attempt
    }

    /// What the roles of client and server rest on.
    pub fn role_basis(&self) -> RoleBasis {
        self.basis
    }

    /// Address and port of the client.
    pub fn client(&self) -> SocketAddr {
        SocketAddr::new(self.addresses[0], self.ports[0])
    }

    /// Address and port of the server.
    pub fn server(&self) -> SocketAddr {
        SocketAddr::new(self.addresses[1], self.ports[1])
    }

    /// Segments of both sides.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Time of the first segment, in nanoseconds since 1970 UTC.
    pub fn first_ns(&self) -> i64 {
        self.first_ns
    }

    /// Time of the last segment, in nanoseconds since 1970 UTC.
    pub fn last_ns(&self) -> i64 {
        self.last_ns
    }

    /// State of the client after the last segment.
    pub fn client_state(&self) -> States {
        let end = self.client_end();
        States::new(end.state, end.state, end.proven)
    }

    /// State of the server after the last segment.
    pub fn server_state(&self) -> States {
        let end = self.server_end();
        States::new(end.state, end.state, end.proven)
    }

    /// SYNs without ACK that the client sent.
    pub fn syn_count(&self) -> u16 {
        if self.client_end().has(Facts::SYN) { self.client_end().syn_count } else { 0 }
    }

    /// SYN/ACKs that the server sent.
    pub fn synack_count(&self) -> u16 {
        if self.server_end().has(Facts::SYN_ACK) { self.server_end().syn_count } else { 0 }
    }

    /// Frame of the first SYN.
    pub fn syn_frame(&self) -> Option<u64> {
        (self.frames.syn > 0).then_some(self.frames.syn)
    }

    /// Frame of the first SYN/ACK.
    pub fn synack_frame(&self) -> Option<u64> {
        (self.frames.synack > 0).then_some(self.frames.synack)
    }

    /// Frame of the segment that completes the handshake.
    pub fn final_ack_frame(&self) -> Option<u64> {
        (self.frames.final_ack > 0).then_some(self.frames.final_ack)
    }

    /// Frame of the first RST that was believed.
    pub fn rst_frame(&self) -> Option<u64> {
        (self.frames.rst > 0).then_some(self.frames.rst)
    }

    /// Why that RST was sent.
    pub fn rst_reason(&self) -> Option<RstReason> {
        self.reset.map(|reset| reset.reason)
    }

    /// First SYN to final ACK, in nanoseconds.
    pub fn setup_time_ns(&self) -> Option<u64> {
        let seen = self.frames.syn > 0 && self.frames.final_ack > 0;
        seen.then(|| self.final_ack_ns.saturating_sub(self.first_ns).max(0) as u64)
    }

    /// Of which sides segments were captured.
    pub fn seen(&self) -> Seen {
        match [self.client_end(), self.server_end()].map(|end| end.has(Facts::SENT)) {
            [true, false] => Seen::ClientOnly,
            [false, true] => Seen::ServerOnly,
            _ => Seen::Both,
        }
    }

    /// How the connection was opened.
    pub fn open_type(&self) -> OpenType {
        let handshake = &self.handshake;
        if self.is_self_connect() {
            OpenType::SelfConnect
        } else if handshake.split {
            OpenType::Split
        } else if handshake.simultaneous {
            OpenType::Simultaneous
        } else if handshake.fast_open {
            OpenType::FastOpen
        } else if self.server_end().has(Facts::SYN_ACK) || handshake.complete {
            OpenType::ThreeWay
        } else {
            OpenType::Unknown
        }
    }

    /// Whether nothing more is expected: both FINs acknowledged, or reset.
    pub fn is_closed(&self) -> bool {
        self.reset.is_some() || self.ends.iter().all(|end| end.has(Facts::FIN_ACKED))
    }

    /// How the connection went, seen from `now_ns`: the end of the capture, or the present.
    pub fn outcome(&self, now_ns: i64) -> Outcome {
        let quiet = |since: i64| now_ns.saturating_sub(since) >= SILENCE_NS;
        let unless_pending = |decided: bool, outcome| {
            if decided { outcome } else { Outcome::Pending }
        };
        let (client, server) = (self.client_end(), self.server_end());
        let both_sides = self.seen() == Seen::Both;
        if self.handshake.complete && !self.handshake.refuted {
            let one_sided = self.handshake.synack_missing && !both_sides;
            return if one_sided { Outcome::OneWay } else { Outcome::Complete };
        }
        if self.handshake.complete {
            let by_server = self.reset.filter(|reset| reset.by == Side::Server);
            if by_server.is_some_and(|reset| reset.bare && !reset.after_confirmation) {
                return Outcome::AbortedByServer;
            }
            let decided = self.handshake.repeats >= 2
                || by_server.is_some()
                || self.handshake.repeats > 0 && quiet(server.last_copy_ns);
            return unless_pending(decided, Outcome::NotAccepted);
        }
        if client.has(Facts::SYN) && server.has(Facts::SYN_ACK) {
            return match self.reset.map(|reset| reset.by) {
                Some(Side::Client) => Outcome::AbortedByClient,
                Some(Side::Server) => Outcome::AbortedByServer,
                None => unless_pending(
                    server.syn_count > 1 || quiet(server.last_copy_ns),
                    Outcome::NoFinalAck,
                ),
            };
        }
        if client.has(Facts::SYN) {
            if self.reset.is_some_and(|reset| reset.by == Side::Server) {
                return Outcome::Refused;
            }
            if server.has(Facts::BAD_SYN_ACK) {
                return Outcome::BadSynAck;
            }
            if server.has(Facts::CHALLENGE) {
                return Outcome::Challenged;
            }
            if self.reset.is_some() {
                return Outcome::AbortedByClient;
            }
            if server.has(Facts::MORE) || client.has(Facts::MORE) {
                return if both_sides { Outcome::Midstream } else { Outcome::OneWay };
            }
            return unless_pending(
                client.syn_count > 1 || quiet(client.last_copy_ns),
                Outcome::NoReply,
            );
        }
        if server.has(Facts::SYN_ACK) {
            let more = client.has(Facts::MORE) || server.has(Facts::MORE);
            return match (more, both_sides) {
                (false, _) => Outcome::UnsolicitedSynAck,
                (true, false) => Outcome::OneWay,
                (true, true) => Outcome::Midstream,
            };
        }
        Outcome::Midstream
    }

    /// Whether the connection is known to have come up.
    pub fn established(&self, now_ns: i64) -> bool {
        match self.outcome(now_ns) {
            Outcome::Complete | Outcome::OneWay => true,
            Outcome::Midstream => self.ends.iter().all(|end| end.has(Facts::ACK)),
            _ => false,
        }
    }

    /// How the connection ended.
    pub fn close(&self) -> Close {
        let fins = self.ends.iter().filter(|end| end.has(Facts::FIN)).count();
        let acked = self.ends.iter().all(|end| end.has(Facts::FIN_ACKED));
        let simultaneous = self.ends.iter().any(|end| end.fin_stage == Stage::FinSimultaneous);
        match (fins, self.reset) {
            (2, _) if acked && simultaneous => Close::Simultaneous,
            (2, _) if acked => Close::Fin,
            (0, Some(_)) => Close::Rst,
            (_, Some(_)) => Close::RstAfterFin,
            (0, None) => Close::Open,
            (1, None) => Close::HalfClosed,
            (_, None) => Close::FinUnacked,
        }
    }

    /// Who ended the connection first.
    pub fn closed_by(&self) -> Option<ClosedBy> {
        if self.close() == Close::Simultaneous {
            return Some(ClosedBy::Both);
        }
        let side = self.first_closer.or(self.reset.map(|reset| reset.by))?;
        Some(match side {
            Side::Client => ClosedBy::Client,
            Side::Server => ClosedBy::Server,
        })
    }
}
