//! The rows of a comparison.

use std::net::{IpAddr, SocketAddr};

use dissector_core::compare::{ChangeSet, Fate, JoinedBy, JoinedConnection, Path, TranslatedSet};
use dissector_core::connection::{Outcome, Side};

use crate::output::row::{Elapsed, SignedElapsed, row};

row! {
/// One connection between two points.
CompareRow<'a>(conn: u32, points: [&'a str; 2], joined: &JoinedConnection) {
    conn: u32 = conn,
    conn_a: Option<u32> = joined.ids[0],
    conn_b: Option<u32> = joined.ids[1],
    client_addr: Option<IpAddr> = name(joined, Side::Client).map(|it| it.ip()),
    client_port: Option<u16> = name(joined, Side::Client).map(|it| it.port()),
    server_addr: Option<IpAddr> = name(joined, Side::Server).map(|it| it.ip()),
    server_port: Option<u16> = name(joined, Side::Server).map(|it| it.port()),
    translated: TranslatedSet = joined.translated,
    client_addr_b: Option<IpAddr> = at(joined, 1, Side::Client).map(|it| it.ip()),
    client_port_b: Option<u16> = at(joined, 1, Side::Client).map(|it| it.port()),
    server_addr_b: Option<IpAddr> = at(joined, 1, Side::Server).map(|it| it.ip()),
    server_port_b: Option<u16> = at(joined, 1, Side::Server).map(|it| it.port()),
    outcome: Outcome = joined.outcome,
    outcome_a: Option<Outcome> = joined.outcomes[0],
    outcome_b: Option<Outcome> = joined.outcomes[1],
    path: Path = joined.path,
    syn_fate: Option<Fate> = joined.steps.syn,
    synack_fate: Option<Fate> = joined.steps.syn_ack,
    final_ack_fate: Option<Fate> = joined.steps.final_ack,
    rst_fate: Option<Fate> = joined.steps.rst,
    joined_by: Option<JoinedBy> = joined.joined_by,
    point_a: &'a str = points[0],
    point_b: &'a str = points[1],
    lost_to_server: Option<u32> = joined.totals[Side::Server as usize].lost,
    lost_to_client: Option<u32> = joined.totals[Side::Client as usize].lost,
    lost_octets_to_server: Option<u64> = joined.totals[Side::Server as usize].lost_octets,
    lost_octets_to_client: Option<u64> = joined.totals[Side::Client as usize].lost_octets,
    appeared_to_server: Option<u32> = joined.totals[Side::Server as usize].appeared,
    appeared_to_client: Option<u32> = joined.totals[Side::Client as usize].appeared,
    changed: ChangeSet = joined.changes,
    offset_ns: Option<SignedElapsed> = joined.offset_ns.map(SignedElapsed),
    delay_to_server_ns: Option<SignedElapsed> = joined.delays_ns[Side::Server as usize].map(SignedElapsed),
    delay_to_client_ns: Option<SignedElapsed> = joined.delays_ns[Side::Client as usize].map(SignedElapsed),
    delay_uncertainty_ns: Option<Elapsed> = joined.uncertainty_ns.map(Elapsed),
}}

/// An end as this point sees it.
fn at(joined: &JoinedConnection, point: usize, side: Side) -> Option<SocketAddr> {
    joined.ends[point].map(|ends| ends[side as usize])
}

/// An end as the first point sees it or, where that has not seen it, the second.
fn name(joined: &JoinedConnection, side: Side) -> Option<SocketAddr> {
    at(joined, 0, side).or(at(joined, 1, side))
}
