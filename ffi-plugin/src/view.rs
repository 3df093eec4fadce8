//! What the packet details show of a segment, as a list of items.

use std::fmt::Display;
use std::net::IpAddr;

use dissector_core::connection::{Annotation, Copy, FieldId, Stage, States};
use dissector_core::wire::TcpFlags;

use crate::abi::{TCPHS_MAX_ITEMS, TCPHS_NO_TEXT, tcphs_item, tcphs_view};
use crate::session::{Endpoint, Facts};
use crate::text::{EndpointLine, Summary, TextBuffer};

/// Writes what there is to show of a segment. `facts` are those of its connection.
pub fn write(said: &Annotation, facts: Option<&Facts>, view: &mut tcphs_view) {
    let mut list =
        List { items: &mut view.items, length: 0, text: TextBuffer::new(&mut view.text), level: 0 };
    view.summary = list.text.push(Summary(said)).map_or(TCPHS_NO_TEXT, |place| place as u32);

    list.number(FieldId::Conn, said.connection);
    if let Some(facts) = facts {
        list.number(FieldId::Attempt, facts.attempt);
    }
    list.enumeration(FieldId::Stage, FieldId::StageStr, said.stage.number(), said.stage.label());
    // Stage 0 is said of every other segment of the capture, for filters only.
    list.hide_last(said.stage == Stage::None);
    if said.stage.is_handshake() {
        list.number(FieldId::Handshake, 0u8);
        list.hide_last(true);
    }
    if said.final_ack {
        list.number(FieldId::FinalAck, 0u8);
    }
    list.enumeration(FieldId::Copy, FieldId::CopyStr, said.copy.number(), said.copy.label());
    // Worth a line only where it is news; of plain data the engine does not say it at all.
    list.hide_last(said.copy == Copy::Original);
    if said.counts_copies() {
        list.number(FieldId::Retry, said.retry);
    }
    if let Some(rto_ns) = said.rto_ns() {
        list.number(FieldId::Rto, rto_ns);
    }
    list.string(FieldId::Flags, said.flags);
    list.string(FieldId::FlagsTcpdump, said.flags.tcpdump());
    if let Some(reason) = said.rst_reason {
        list.enumeration(
            FieldId::RstReason,
            FieldId::RstReasonStr,
            reason.number(),
            reason.label(),
        );
    }
    if said.flags.contains(TcpFlags::RST) {
        list.number(FieldId::RstAcceptable, said.rst_acceptable);
    }
    list.enumeration(FieldId::Role, FieldId::RoleStr, said.sender.number(), said.sender.label());
    if let Some(basis) = facts.map(|facts| facts.role_basis) {
        list.enumeration(FieldId::RoleBasis, FieldId::RoleBasisStr, basis.number(), basis.label());
    }
    list.endpoint(&CLIENT, facts.map(|facts| &facts.client), &said.client);
    list.endpoint(&SERVER, facts.map(|facts| &facts.server), &said.server);
    view.item_count = list.length as u32;
}

/// The fields of one end.
struct EndpointFields {
    title: &'static str,
    /// Which subtree they stand in.
    subtree: u8,
    addr: FieldId,
    ip: FieldId,
    ipv6: FieldId,
    port: FieldId,
    state: FieldId,
    state_str: FieldId,
    before: FieldId,
    before_str: FieldId,
    proven: FieldId,
}

const CLIENT: EndpointFields = EndpointFields {
    title: "Client",
    subtree: 1,
    addr: FieldId::ClientAddr,
    ip: FieldId::ClientIp,
    ipv6: FieldId::ClientIpv6,
    port: FieldId::ClientPort,
    state: FieldId::ClientState,
    state_str: FieldId::ClientStateStr,
    before: FieldId::ClientStateBefore,
    before_str: FieldId::ClientStateBeforeStr,
    proven: FieldId::ClientStateProven,
};

const SERVER: EndpointFields = EndpointFields {
    title: "Server",
    subtree: 2,
    addr: FieldId::ServerAddr,
    ip: FieldId::ServerIp,
    ipv6: FieldId::ServerIpv6,
    port: FieldId::ServerPort,
    state: FieldId::ServerState,
    state_str: FieldId::ServerStateStr,
    before: FieldId::ServerStateBefore,
    before_str: FieldId::ServerStateBeforeStr,
    proven: FieldId::ServerStateProven,
};

/// The items written so far. What does not fit is left out.
struct List<'a> {
    items: &'a mut [tcphs_item; TCPHS_MAX_ITEMS],
    length: usize,
    text: TextBuffer<'a>,
    level: u8,
}

impl List<'_> {
    fn push(&mut self, field: FieldId, number: u64) -> Option<&mut tcphs_item> {
        let item = self.items.get_mut(self.length)?;
        self.length += 1;
        *item = tcphs_item {
            number,
            text: TCPHS_NO_TEXT,
            field: field as u8,
            level: self.level,
            subtree: 0,
            hidden: false,
        };
        Some(item)
    }

    fn number(&mut self, field: FieldId, number: impl Into<u64>) {
        self.push(field, number.into());
    }

    fn string(&mut self, field: FieldId, text: impl Display) {
        let place = self.text.push(text);
        self.octets_at(field, place);
    }

    fn octets(&mut self, field: FieldId, octets: &[u8]) {
        let place = self.text.push_octets(octets);
        self.octets_at(field, place);
    }

    fn octets_at(&mut self, field: FieldId, place: Option<usize>) {
        if let Some(place) = place
            && let Some(item) = self.push(field, 0)
        {
            item.text = place as u32;
        }
    }

    /// Number and text. The text is for filters and `-T fields`; in the details it says nothing new.
    fn enumeration(&mut self, field: FieldId, twin: FieldId, number: u8, label: &str) {
        self.string(twin, label);
        self.hide_last(true);
        self.number(field, number);
    }

    fn hide_last(&mut self, hidden: bool) {
        if let Some(last) = self.length.checked_sub(1) {
            self.items[last].hidden = hidden;
        }
    }

    /// The state after the segment, and below it everything else of this end.
    fn endpoint(&mut self, fields: &EndpointFields, endpoint: Option<&Endpoint>, states: &States) {
        let (before, after) = (states.before, states.after);
        let line = self.text.push(EndpointLine { role: fields.title, endpoint, states });
        if let Some(item) = self.push(fields.state, after.number().into()) {
            item.text = line.map_or(TCPHS_NO_TEXT, |place| place as u32);
            item.subtree = fields.subtree;
        }
        self.level = 1;
        if let Some(Endpoint { address, port }) = endpoint {
            match address {
                IpAddr::V4(address) => self.octets(fields.ip, &address.octets()),
                IpAddr::V6(address) => self.octets(fields.ipv6, &address.octets()),
            }
            self.string(fields.addr, address);
            self.hide_last(true);
            self.number(fields.port, *port);
        }
        self.enumeration(fields.before, fields.before_str, before.number(), before.label());
        self.string(fields.state_str, after.label());
        self.hide_last(true);
        self.number(fields.proven, states.proven);
        self.level = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Session, tests::SYN, tests::segment};
    use dissector_core::connection::{FIELDS, FieldKind};

    fn view() -> tcphs_view {
        let mut session = Session::default();
        session.learn(1, &segment(&SYN));
        let said = session.segments(1).next().unwrap();
        let mut view = tcphs_view::default();
        write(said, session.facts(said.connection), &mut view);
        view
    }

    fn text(view: &tcphs_view, place: u32) -> &str {
        let rest = &view.text[place as usize..];
        let end = rest.iter().position(|octet| *octet == 0).unwrap();
        std::str::from_utf8(&rest[..end]).unwrap()
    }

    #[test]
    fn every_string_and_address_has_its_text() {
        let view = view();
        assert!(view.item_count > 20);
        for item in &view.items[..view.item_count as usize] {
            let field = &FIELDS[item.field as usize];
            let needs = matches!(field.kind, FieldKind::String | FieldKind::Ipv4 | FieldKind::Ipv6);
            assert_eq!(item.text != TCPHS_NO_TEXT, needs || item.subtree != 0, "{}", field.name);
        }
        assert!(text(&view, view.summary).starts_with("TCP Handshake, connection 0, "));
    }

    #[test]
    fn the_ends_stand_in_their_subtrees() {
        let view = view();
        let items = &view.items[..view.item_count as usize];
        let find = |id: FieldId| items.iter().find(|item| item.field == id as u8).unwrap();
        assert!(
            text(&view, find(FieldId::ClientState).text).starts_with("Client 10.0.0.1:40000: ")
        );
        assert_eq!(find(FieldId::ClientState).subtree, 1);
        assert_eq!(find(FieldId::ServerState).subtree, 2);
        assert_eq!((find(FieldId::ServerPort).level, find(FieldId::ServerPort).number), (1, 80));
        assert_eq!(text(&view, find(FieldId::ServerAddr).text), "10.0.0.2");
        assert!(find(FieldId::ServerAddr).hidden && !find(FieldId::ServerIp).hidden);
        let place = find(FieldId::ServerIp).text as usize;
        assert_eq!(view.text[place..place + 4], [10, 0, 0, 2]);
    }

    #[test]
    fn there_is_room_for_every_field_and_its_text() {
        // The longest: IPv6 addresses, every flag, an RST with its reason.
        const { assert!(FIELDS.len() <= TCPHS_MAX_ITEMS) };
        assert!(view().text.len() >= 1024);
    }
}
