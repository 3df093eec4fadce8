//! What the packet details show of a segment, as a list of items.

use std::net::{IpAddr, SocketAddr};

use dissector_core::connection::{Annotation, Repeat, RoleBasis, Stage, States};
use dissector_core::schema::FieldId;
use dissector_core::wire::{OptionsText, TcpFlags};

use crate::abi::{TCPHS_NO_TEXT, tcphs_view, tcphs_wanted};
use crate::list::List;
use crate::session::Known;
use crate::text::{EndpointLine, Later, Style, Summary, TextBuffer};
use crate::verdict;

/// Writes what there is to show of a segment, or as much of it as is `wanted`; on `later` passes
/// also what its connection came to.
pub fn write(known: &Known<'_>, later: bool, wanted: Option<&tcphs_wanted>, view: &mut tcphs_view) {
    let Known { said, connection, .. } = *known;
    let style = known.settings.style;
    let mut list = List::new(&mut view.items, TextBuffer::new(&mut view.text), wanted);
    view.summary = TCPHS_NO_TEXT;
    if list.wants_summary() {
        let place = list.text.push(Summary { said: &said, style });
        view.summary = place.map_or(TCPHS_NO_TEXT, |place| place as u32);
    }

    // What a reader wants to know first, and then what it is made of.
    if let Some(meaning) = said.stage.meaning() {
        list.string(FieldId::StageMeaning, meaning);
    }
    let [client, server] = if later { known.later } else { [None; 2] };
    endpoint(&mut list, &CLIENT, connection.client(), &said.client, client, style);
    endpoint(&mut list, &SERVER, connection.server(), &said.server, server, style);
    if later && list.wants_verdict() {
        verdict::write(connection, &connection.verdict_at(known.now_ns), &mut list);
    }
    write_stage(known, later, &mut list);
    if said.stage != Stage::IcmpError {
        list.string(FieldId::Flags, said.flags);
        list.string(FieldId::FlagsTcpdump, said.flags.tcpdump());
    }
    write_options(known, &mut list);
    write_reset(&said, &mut list);
    list.enumeration(FieldId::Role, FieldId::RoleStr, said.sender.number(), said.sender.label());
    let basis = connection.role_basis();
    list.enumeration(FieldId::RoleBasis, FieldId::RoleBasisStr, basis.number(), basis.label());
    list.hide_last(basis == RoleBasis::Syn);
    list.number(FieldId::Conn, said.connection);
    list.number(FieldId::Attempt, connection.attempt());
    list.hide_last(connection.attempt() == 1);
    view.item_count = list.len();
}

/// Whether it has to be known what became of the states that were assumed.
pub fn takes_proofs(wanted: &tcphs_wanted) -> bool {
    [&CLIENT, &SERVER]
        .iter()
        .flat_map(|fields| [fields.state, fields.proven_frame])
        .any(|field| wanted.fields[field as usize] != 0)
}

/// Its part in the handshake or the close, and whether it was sent before.
fn write_stage(known: &Known<'_>, later: bool, list: &mut List<'_>) {
    let said = known.said;
    list.enumeration(FieldId::Stage, FieldId::StageStr, said.stage.number(), said.stage.label());
    // Stage 0 is said of every other segment of the capture, for filters only.
    list.hide_last(said.stage == Stage::None);
    if said.stage.is_handshake() {
        list.mark(FieldId::Handshake);
    }
    if said.final_ack {
        list.number(FieldId::FinalAck, 0u8);
        if !later && verdict::TIMES.into_iter().any(|time| list.wants(time)) {
            verdict::write_times(&known.connection.verdict_at(known.now_ns).times, list);
        }
    }
    list.enumeration(FieldId::Copy, FieldId::CopyStr, said.copy.number(), said.copy.label());
    // Worth a line only where it is news; of plain data the engine does not say it at all.
    list.hide_last(said.copy == Repeat::Original);
    if said.counts_copies() {
        list.number(FieldId::Retry, said.retry);
        list.hide_last(said.retry == 0);
    }
    if let Some(rto_ns) = said.rto_ns() {
        list.number(FieldId::Rto, rto_ns);
    }
}

/// The options of a SYN or SYN/ACK.
fn write_options(known: &Known<'_>, list: &mut List<'_>) {
    let Some(syn) = &known.syn else { return };
    let options = OptionsText(syn.tcp.options());
    if known.said.flags.contains(TcpFlags::ACK) {
        list.string(FieldId::SynAckOptions, options);
    } else {
        list.string(FieldId::SynOptions, options);
        list.string(FieldId::SynSignature, syn);
    }
}

/// What there is to say of an RST.
fn write_reset(said: &Annotation, list: &mut List<'_>) {
    if let Some(reason) = said.rst_reason {
        let (number, label) = (reason.number(), reason.label());
        list.enumeration(FieldId::RstReason, FieldId::RstReasonStr, number, label);
    }
    if let Some(acceptable) = said.rst_acceptable() {
        list.number(FieldId::RstAcceptable, acceptable);
    }
    if let Some(delta) = said.rst_ttl_delta() {
        list.signed(FieldId::RstTtlDelta, delta);
        list.hide_last(delta == 0);
    }
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
    proven_frame: FieldId,
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
    proven_frame: FieldId::ClientStateProvenFrame,
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
    proven_frame: FieldId::ServerStateProvenFrame,
};

/// The state after the segment, and below it everything else of this end.
fn endpoint(
    list: &mut List<'_>,
    fields: &EndpointFields,
    endpoint: SocketAddr,
    states: &States,
    later: Option<Later>,
    style: Style,
) {
    let (before, after) = (states.before(), states.after());
    let line = EndpointLine { role: fields.title, endpoint, states, style, later };
    list.open(fields.subtree, fields.state, after.number(), line);
    let address = endpoint.ip();
    match address {
        IpAddr::V4(address) => list.octets(fields.ip, &address.octets()),
        IpAddr::V6(address) => list.octets(fields.ipv6, &address.octets()),
    }
    list.string(fields.addr, address);
    list.hide_last(true);
    list.number(fields.port, endpoint.port());
    list.enumeration(fields.before, fields.before_str, before.number(), before.label());
    list.twin(fields.state_str, after.label());
    list.number(fields.proven, states.proven());
    if let Some(Later::Certain(frame)) = later {
        list.number(fields.proven_frame, frame);
    }
    list.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{TCPHS_MAX_ITEMS, tcphs_item};
    use crate::session::{Session, tests::handshake};
    use dissector_core::schema::{FIELDS, FieldKind, Known as When};

    /// A frame of a handshake and a FIN.
    fn view(frame: u32, later: bool) -> tcphs_view {
        let mut session = Session::default();
        handshake(&mut session);
        let mut view = tcphs_view::default();
        write(&session.segment(frame, 0).unwrap(), later, None, &mut view);
        view
    }

    #[test]
    fn what_is_not_wanted_is_left_out() {
        let mut session = Session::default();
        handshake(&mut session);
        for (frame, later) in [(1, false), (2, true), (3, false), (3, true), (4, true)] {
            let known = session.segment(frame, 0).unwrap();
            let mut whole = tcphs_view::default();
            write(&known, later, None, &mut whole);
            let whole_items = &whole.items[..whole.item_count as usize];
            for (field, _) in FIELDS.iter().enumerate() {
                let mut wanted = tcphs_wanted::default();
                wanted.fields[field] = 1;
                let mut part = tcphs_view::default();
                write(&known, later, Some(&wanted), &mut part);
                assert_eq!(part.summary, TCPHS_NO_TEXT);
                let items = &part.items[..part.item_count as usize];
                let expected = whole_items.iter().filter(|item| usize::from(item.field) == field);
                let expected: Vec<_> = expected.map(values(&whole)).collect();
                let items: Vec<_> = items.iter().map(values(&part)).collect();
                assert_eq!(items, expected, "frame {frame}: {}", FIELDS[field].name);
            }
            let wanted = tcphs_wanted { summary: true, ..Default::default() };
            let mut part = tcphs_view::default();
            write(&known, later, Some(&wanted), &mut part);
            assert_eq!(part.item_count, 0);
            assert_eq!(text(&part, part.summary), text(&whole, whole.summary));
        }
    }

    /// Everything of an item, with its text instead of the place of it.
    fn values(view: &tcphs_view) -> impl Fn(&tcphs_item) -> (u8, u64, u8, u8, bool, Vec<u8>) {
        |item| {
            let rest = view.text.get(item.text as usize..).unwrap_or_default();
            let octets = match FIELDS[usize::from(item.field)].kind {
                FieldKind::Ipv4 => rest[..4].to_vec(),
                FieldKind::Ipv6 => rest[..16].to_vec(),
                _ => rest.iter().copied().take_while(|octet| *octet != 0).collect(),
            };
            (item.field, item.number, item.level, item.subtree, item.hidden, octets)
        }
    }

    fn text(view: &tcphs_view, place: u32) -> &str {
        let rest = &view.text[place as usize..];
        let end = rest.iter().position(|octet| *octet == 0).unwrap();
        std::str::from_utf8(&rest[..end]).unwrap()
    }

    #[test]
    fn every_string_and_address_has_its_text() {
        for (frame, later) in [(1, false), (2, true), (3, false), (4, true)] {
            let view = view(frame, later);
            assert!(view.item_count > 20);
            for item in &view.items[..view.item_count as usize] {
                let field = &FIELDS[item.field as usize];
                let text =
                    matches!(field.kind, FieldKind::String | FieldKind::Ipv4 | FieldKind::Ipv6);
                let expected = text || item.subtree != 0;
                assert_eq!(item.text != TCPHS_NO_TEXT, expected, "{}", field.name);
            }
            assert!(text(&view, view.summary).starts_with("TCP Handshake, connection 0, "));
        }
    }

    #[test]
    fn what_takes_the_future_is_not_said_at_first() {
        let known = |frame, later| {
            let view = view(frame, later);
            let items = view.items[..view.item_count as usize].iter();
            items.map(|item| FIELDS[item.field as usize].known).collect::<Vec<_>>()
        };
        for frame in 1..=4 {
            let first = known(frame, false);
            assert!(!first.contains(&When::Connection));
            assert_eq!(first.contains(&When::FinalAck), frame == 3);
            let later = known(frame, true);
            assert!(later.contains(&When::Connection) && later.contains(&When::FinalAck));
        }
    }

    #[test]
    fn the_ends_stand_in_their_subtrees() {
        let view = view(1, false);
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
    fn there_is_room_for_every_field() {
        const { assert!(FIELDS.len() <= TCPHS_MAX_ITEMS && FIELDS.len() <= u8::MAX as usize) };
    }
}
