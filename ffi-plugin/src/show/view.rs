//! The packet details of a segment, as a list of items.

use std::net::{IpAddr, SocketAddr};

use dissector_core::connection::{Annotation, Repeat, RoleBasis, Stage, States};
use dissector_core::schema::FieldId;
use dissector_core::wire::{OptionsText, TcpFlags};

use crate::abi::{TCPHS_NO_TEXT, tcphs_view, tcphs_wanted};
use crate::session::{PointFacts, SegmentFacts};
use crate::show::fate::FateLine;
use crate::show::list::List;
use crate::show::text::{
    BothStates, EndpointLine, Evidence, StageAndCopy, Style, Summary, TextBuffer,
};
use crate::show::verdict;

/// Writes the details of a segment, or those that are `wanted`; on `later` passes also the verdict on
/// its connection.
pub fn write(
    facts: &SegmentFacts<'_>,
    later: bool,
    wanted: Option<&tcphs_wanted>,
    view: &mut tcphs_view,
) {
    let SegmentFacts { annotation, connection, .. } = *facts;
    let style = facts.settings.style;
    let mut list = List::new(&mut view.items, TextBuffer::new(&mut view.text), wanted);
    view.summary = TCPHS_NO_TEXT;
    if list.wants_summary() {
        let place = list.text.push(Summary { annotation: &annotation, style });
        view.summary = place.map_or(TCPHS_NO_TEXT, |place| place as u32);
    }

    // First the meaning and the states, then the parts of the segment.
    if let Some(meaning) = annotation.stage.meaning() {
        list.string(FieldId::StageMeaning, meaning);
    }
    if let Some(point) = facts.point {
        write_point(point, later, &mut list);
    }
    let [client, server] = if later { evidence(facts) } else { [None; 2] };
    endpoint(&mut list, &CLIENT, connection.client(), &annotation.client, client, style);
    endpoint(&mut list, &SERVER, connection.server(), &annotation.server, server, style);
    // Fields have the names of RFC 9293 and the marks, whatever the style.
    list.string(FieldId::States, BothStates { annotation: &annotation, style: Style::default() });
    list.hide_last(true);
    if later && list.wants_verdict() {
        verdict::write(facts, &connection.verdict_at(facts.now_ns), &mut list);
    }
    write_stage(facts, later, &mut list);
    if annotation.stage != Stage::IcmpError {
        list.string(FieldId::Flags, annotation.flags);
        list.string(FieldId::FlagsTcpdump, annotation.flags.tcpdump());
    }
    write_options(facts, &mut list);
    write_reset(&annotation, &mut list);
    let (sender, basis) = (annotation.sender, connection.role_basis());
    list.enumeration(FieldId::Role, FieldId::RoleStr, sender.number(), sender.label());
    list.enumeration(FieldId::RoleBasis, FieldId::RoleBasisStr, basis.number(), basis.label());
    list.hide_last(basis == RoleBasis::Syn);
    list.number(FieldId::Conn, annotation.connection);
    list.number(FieldId::Attempt, connection.attempt());
    list.hide_last(connection.attempt() == 1);
    view.item_count = list.len();
}

/// The number of the subtree for what became of a segment between two points.
const WAY: u8 = 4;

/// Writes the point, and on `later` passes what became of the segment between the points.
fn write_point(point: PointFacts<'_>, later: bool, list: &mut List<'_>) {
    list.string(FieldId::Point, point.name());
    if !later {
        return;
    }
    for crossed in point.crossings() {
        list.open(WAY, FieldId::Fate, crossed.fate.number(), FateLine { point, crossed });
        list.twin(FieldId::FateStr, crossed.fate.label());
        for change in crossed.changes.iter() {
            list.string(FieldId::Changed, change.label());
        }
        if let Some(delay_ns) = crossed.delay_ns() {
            list.signed(FieldId::PathDelay, delay_ns);
            if let Some(uncertainty_ns) = crossed.uncertainty_ns().filter(|it| *it > 0) {
                list.number(FieldId::PathDelayUncertainty, uncertainty_ns);
            }
        }
        list.close();
    }
    for frame in point.other_frames() {
        list.number(FieldId::OtherFrame, frame);
    }
    for path in point.paths() {
        list.enumeration(FieldId::Path, FieldId::PathStr, path.number(), path.label());
    }
}

/// The evidence for the assumed states of client and server, now that every frame is known.
fn evidence(facts: &SegmentFacts<'_>) -> [Option<Evidence>; 2] {
    let [client, server] = facts.evidence;
    let unheard = facts.connection.is_unheard().then_some(Evidence::Nothing);
    [client, server.or(unheard)]
}

/// Whether a wanted field needs the evidence for assumed states.
pub fn needs_proofs(wanted: &tcphs_wanted) -> bool {
    [&CLIENT, &SERVER]
        .iter()
        .flat_map(|fields| [fields.state, fields.proven_frame])
        .any(|field| wanted.fields[field as usize] != 0)
}

/// Writes its part in the handshake or the close, and whether it was sent before.
fn write_stage(facts: &SegmentFacts<'_>, later: bool, list: &mut List<'_>) {
    let annotation = facts.annotation;
    let (stage, copy) = (annotation.stage, annotation.copy);
    list.enumeration(FieldId::Stage, FieldId::StageStr, stage.number(), stage.label());
    // Most segments of a capture have stage 0.
    list.hide_last(annotation.stage == Stage::None);
    if annotation.stage.is_handshake() {
        list.mark(FieldId::Handshake);
    }
    if annotation.final_ack {
        list.number(FieldId::FinalAck, 0u8);
        if !later && verdict::TIMES.into_iter().any(|time| list.wants(time)) {
            verdict::write_times(facts, &facts.connection.verdict_at(facts.now_ns).times, list);
        }
    }
    list.enumeration(FieldId::Copy, FieldId::CopyStr, copy.number(), copy.label());
    // Plain data is always an original here, because the engine does not follow its copies.
    list.hide_last(annotation.copy == Repeat::Original);
    let both = StageAndCopy { annotation: &annotation, answers_a_copy: facts.answers_a_copy };
    if !both.is_empty() {
        list.string(FieldId::StageAndCopy, both);
        list.hide_last(true);
    }
    if annotation.counts_copies() {
        list.number(FieldId::Retry, annotation.retry);
        list.hide_last(annotation.retry == 0);
    }
    if let Some(rto_ns) = annotation.rto_ns() {
        list.number(FieldId::Rto, rto_ns);
    }
}

/// Writes the options of a SYN or SYN/ACK.
fn write_options(facts: &SegmentFacts<'_>, list: &mut List<'_>) {
    let Some(syn) = &facts.syn else { return };
    let options = OptionsText(syn.tcp.options());
    if facts.annotation.flags.contains(TcpFlags::ACK) {
        list.string(FieldId::SynAckOptions, options);
    } else {
        list.string(FieldId::SynOptions, options);
        list.string(FieldId::SynSignature, syn);
    }
}

/// Writes reason and acceptability of an RST.
fn write_reset(annotation: &Annotation, list: &mut List<'_>) {
    if let Some(reason) = annotation.rst_reason {
        let (number, label) = (reason.number(), reason.label());
        list.enumeration(FieldId::RstReason, FieldId::RstReasonStr, number, label);
    }
    if let Some(acceptable) = annotation.rst_acceptable() {
        list.number(FieldId::RstAcceptable, acceptable);
    }
    if let Some(delta) = annotation.rst_ttl_delta() {
        list.signed(FieldId::RstTtlDelta, delta);
        list.hide_last(delta == 0);
    }
}

/// The fields of one side.
struct EndpointFields {
    title: &'static str,
    /// The number of their subtree.
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

/// Writes the state after the segment, and below it everything else about this side.
fn endpoint(
    list: &mut List<'_>,
    fields: &EndpointFields,
    endpoint: SocketAddr,
    states: &States,
    evidence: Option<Evidence>,
    style: Style,
) {
    let (before, after) = (states.before(), states.after());
    let line = EndpointLine { role: fields.title, endpoint, states, style, evidence };
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
    if let Some(Evidence::Proof(frame)) = evidence {
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
    fn items_that_are_not_wanted_are_left_out() {
        let mut session = Session::default();
        handshake(&mut session);
        for (frame, later) in [(1, false), (2, true), (3, false), (3, true), (4, true)] {
            let facts = session.segment(frame, 0).unwrap();
            let mut whole = tcphs_view::default();
            write(&facts, later, None, &mut whole);
            let whole_items = &whole.items[..whole.item_count as usize];
            for (field, _) in FIELDS.iter().enumerate() {
                let mut wanted = tcphs_wanted::default();
                wanted.fields[field] = 1;
                let mut part = tcphs_view::default();
                write(&facts, later, Some(&wanted), &mut part);
                assert_eq!(part.summary, TCPHS_NO_TEXT);
                let items = &part.items[..part.item_count as usize];
                let expected = whole_items.iter().filter(|item| usize::from(item.field) == field);
                let expected: Vec<_> = expected.map(values(&whole)).collect();
                let items: Vec<_> = items.iter().map(values(&part)).collect();
                assert_eq!(items, expected, "frame {frame}: {}", FIELDS[field].name);
            }
            let wanted = tcphs_wanted { summary: true, ..Default::default() };
            let mut part = tcphs_view::default();
            write(&facts, later, Some(&wanted), &mut part);
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
    fn verdicts_are_shown_on_later_passes_only() {
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
