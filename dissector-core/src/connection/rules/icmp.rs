//! ICMP errors that quote a segment of the connection (RFC 9293 §3.9.2.2).

use crate::IcmpError;
use crate::compact::number_of_32_bits;
use crate::connection::annotation::Annotation;
use crate::connection::rules::incarnations::incarnation::MOST_APART;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::{Endpoint, Facts};
use crate::connection::state::handshake::Handshake;
use crate::connection::verdict::summary::IcmpSeen;
use crate::vocabulary::Side;
use crate::vocabulary::{Finding, Role, Stage};
use crate::wire::TcpFlags;

impl Connection {
    /// Whether one end has sent the segment that `error` quotes.
    pub(crate) fn has_sent(&self, error: &IcmpError) -> bool {
        let end = self.quoted_end(error);
        end.has(Facts::SENT) && end.nxt.since(error.quoted.sequence).unsigned_abs() <= MOST_APART
    }

    /// Takes in an error that quotes a segment of this connection. It moves no state, because TCP
    /// retries after most of them, and later segments show whether it gave up. Only an error about a
    /// SYN or SYN/ACK says anything of the handshake; one about data (path MTU discovery) does not.
    pub(crate) fn observe_icmp(&mut self, error: &IcmpError) -> Annotation {
        let mut seen = Annotation::new(self.id, TcpFlags::empty(), Role::Unknown);
        seen.stage = Stage::IcmpError;
        let end = self.quoted_end(error);
        let about_syn = end.has(Facts::SYN) && end.iss == error.quoted.sequence;
        let answers_syn = about_syn && end.syns[0] > 0;
        if about_syn && !self.handshake.intersects(Handshake::COMPLETE | Handshake::CONFIRMED) {
            seen.add(Finding::Unreachable);
            self.findings.insert(Finding::Unreachable);
        }
        if answers_syn && self.icmp().is_none() {
            let extra = self.extra_mut();
            extra.icmp = Some(IcmpSeen { kind: error.kind, code: error.code });
            extra.icmp_frame = number_of_32_bits(error.packet.frame);
            if extra.reset.is_some_and(|reset| reset.asked_again) {
                // The last answer to the SYN decides.
                extra.reset = None;
            }
            if error.packet.source == self.server().ip() {
                self.note_error_of_server();
            }
        }
        self.report_states(self.states(), &mut seen);
        seen
    }

    fn quoted_end(&self, error: &IcmpError) -> &Endpoint {
        let client = self.key.client() == error.quoted.source;
        self.end(if client { Side::Client } else { Side::Server })
    }
}
