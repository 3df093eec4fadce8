//! One connection captured on both sides of a device that rewrites its sequence numbers, as some firewalls
//! do: every packet is there twice, with numbers that differ by a constant in either direction.
//!
//! The client's numbers are those of the first SYN, the server's those of the first SYN/ACK; a segment
//! from the other side gets these numbers before anything else looks at it.

use crate::compact::{CompactSegment, SegmentView};
use crate::connection::rules::incarnations::incarnation::MOST_APART;
use crate::connection::state::Connection;
use crate::connection::state::endpoint::Facts;
use crate::connection::state::extra::Renumbered;
use crate::connection::state::offer::Offer;
use crate::vocabulary::{Finding, Side};
use crate::wire::{SeqNumber, TcpFlags};

impl Connection {
    /// Whether the device has been noticed.
    #[inline(always)]
    pub(crate) fn is_renumbered(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.renumbered.is_some())
    }

    /// Whether this SYN may be a capture of the client's on the other side of such a device, as far as its
    /// options go. Gives it with the number that the SYN has here.
    pub(crate) fn as_other_side(
        &self,
        view: &SegmentView<'_>,
        sender: Side,
    ) -> Option<CompactSegment> {
        let client = self.client_end();
        let flags = view.segment.flags;
        let same_options = || Offer::read(flags, view.options).is_same_besides_sizes(&client.offer);
        let may_be = flags.contains(TcpFlags::SYN)
            && !flags.contains(TcpFlags::ACK)
            && sender == Side::Client
            && client.has(Facts::SYN)
            && !client.has(Facts::MORE)
            && !self.server_end().has(Facts::SENT)
            && !self.is_renumbered()
            && !self.is_self_connect()
            && same_options();
        may_be.then_some(CompactSegment { sequence: client.iss, ..*view.segment })
    }

    /// The same for the server's SYN/ACK where the device rewrites the server's numbers only: the SYN was
    /// captured twice, with the same number, and nothing has followed the first SYN/ACK.
    pub(crate) fn as_other_side_of_server(
        &self,
        view: &SegmentView<'_>,
        sender: Side,
    ) -> Option<CompactSegment> {
        let [client, server] = &self.ends;
        let flags = view.segment.flags;
        let same_options = || Offer::read(flags, view.options).is_same_besides_sizes(&server.offer);
        let may_be = flags.contains(TcpFlags::SYN | TcpFlags::ACK)
            && sender == Side::Server
            && server.has(Facts::SYN_ACK)
            && !server.has(Facts::MORE)
            && !client.has(Facts::MORE)
            && self.synack_count() == 1
            && self.findings.contains(Finding::DuplicateFrame)
            && !self.is_renumbered()
            && !self.is_self_connect()
            && same_options();
        may_be.then_some(CompactSegment { sequence: server.iss, ..*view.segment })
    }

    /// This SYN is the client's on the other side of such a device, or this SYN/ACK the server's.
    pub(crate) fn begin_renumbered(&mut self, sequence: SeqNumber, sender: Side) {
        let renumbered = match sender {
            Side::Client => {
                let client = sequence.0.wrapping_sub(self.client_end().iss.0);
                Renumbered { client, server: [None; 2] }
            }
            Side::Server => {
                let here = self.server_end().iss;
                Renumbered { client: 0, server: [Some(here), Some(sequence)] }
            }
        };
        self.extra_mut().renumbered = Some(Box::new(renumbered));
    }

    /// The segment with the numbers that count here.
    pub(crate) fn in_own_numbers(&self, segment: &CompactSegment, sender: Side) -> CompactSegment {
        let renumbered = self.extra.as_ref().and_then(|extra| extra.renumbered.as_deref());
        let Some(renumbered) = renumbered else { return *segment };
        let far = self.is_on_far_side(renumbered, segment, sender);
        let mut own = *segment;
        let has_ack = segment.flags.contains(TcpFlags::ACK);
        let (client_number, server_number) = match sender {
            Side::Client => (&mut own.sequence, &mut own.acknowledgment),
            Side::Server => (&mut own.acknowledgment, &mut own.sequence),
        };
        if far && (has_ack || sender == Side::Client) {
            client_number.0 = client_number.0.wrapping_sub(renumbered.client);
        }
        let here = self.server_end().has(Facts::SYN_ACK).then_some(self.server_end().iss);
        let there = renumbered.server[usize::from(far)];
        if let (Some(here), Some(there)) = (here, there)
            && (has_ack || sender == Side::Server)
        {
            server_number.0 = server_number.0.wrapping_sub(there.0).wrapping_add(here.0);
        }
        if sender == Side::Server
            && !self.server_end().has(Facts::SYN)
            && segment.flags.contains(TcpFlags::RST)
        {
            // The number of a refusal means nothing, whatever the device makes of it.
            own.sequence = SeqNumber(0);
        }
        own
    }

    /// Whether a segment has the numbers of the far side: those to which its own are closer.
    fn is_on_far_side(
        &self,
        renumbered: &Renumbered,
        segment: &CompactSegment,
        sender: Side,
    ) -> bool {
        let has_ack = segment.flags.contains(TcpFlags::ACK);
        let (client_number, server_number) = match sender {
            Side::Client => (Some(segment.sequence), has_ack.then_some(segment.acknowledgment)),
            Side::Server => (has_ack.then_some(segment.acknowledgment), Some(segment.sequence)),
        };
        let (client, server) = (self.client_end(), self.server_end());
        // A number that is from elsewhere on either side tells nothing.
        let apart = |a: u32, b: u32| (a.wrapping_sub(b) as i32).unsigned_abs().min(MOST_APART);
        let [near, far] = [0, renumbered.client].map(|offset| {
            client_number.map_or(0, |number| apart(number.0, client.nxt.0.wrapping_add(offset)))
        });
        let sent = server.nxt.0.wrapping_sub(server.iss.0);
        let of_server = server_number.zip(renumbered.server[0].zip(renumbered.server[1]));
        let [near_server, far_server] = of_server.map_or([0; 2], |(number, (near, far))| {
            [near, far].map(|iss| apart(number.0, iss.0.wrapping_add(sent)))
        });
        far + far_server < near + near_server
    }

    /// Stores the server's initial number on the side where its SYN/ACK was captured.
    #[cold]
    pub(crate) fn learn_numbers(&mut self, segment: &CompactSegment, sender: Side) {
        let synack = segment.flags.contains(TcpFlags::SYN | TcpFlags::ACK);
        let Some(extra) = self.extra.as_ref().filter(|_| synack && sender == Side::Server) else {
            return;
        };
        let Some(renumbered) = extra.renumbered.as_deref() else { return };
        let far = self.is_on_far_side(renumbered, segment, sender);
        let offset = if far { renumbered.client } else { 0 };
        let number = SeqNumber(segment.acknowledgment.0.wrapping_sub(offset));
        if !self.client_end().syn_acknowledged_by(number) {
            return;
        }
        if let Some(renumbered) = self.extra_mut().renumbered.as_deref_mut() {
            renumbered.server[usize::from(far)].get_or_insert(segment.sequence);
        }
    }
}
