//! The truth about a pair, as lines of JSON: the first about its connections, then one for each thing
//! that the router did. `samples/README.md` tells the fields.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use testkit::kernel::Side;

use super::router::{Action, Done, Log};
use super::{Addresses, Pair};

/// The path of a connection.
pub(super) fn path(pair: &Pair, log: &Log, flow: usize) -> &'static str {
    let around = pair.around && (flow == 0 || flow + 1 == log.flows.len());
    match pair.path {
        "" => log.flows[flow].path(log, flow),
        _ if around => "clean",
        path => path,
    }
}

/// The whole text.
pub(super) fn text(pair: &Pair, log: &Log, addresses: &Addresses) -> String {
    let end = |address| outside(address, addresses).to_string();
    let mut connections = Vec::new();
    for (flow, seen) in log.flows.iter().enumerate() {
        let path = path(pair, log, flow);
        let [near, far] = [seen.ends.near_client, seen.ends.near_server].map(|it| it.map(end));
        let mut text = format!(
            r#"{{"client":"{}","server":"{}","client_b":"{}","server_b":"{}","path":"{path}""#,
            near[0], near[1], far[0], far[1],
        );
        let changed: Vec<_> = log.changed(flow).iter().map(|id| format!("\"{id}\"")).collect();
        let _ = write!(text, r#","translated":{},"changed":[{}]"#, near != far, changed.join(","),);
        for done in [Done::Lost, Done::Taken] {
            for to in [Side::Server, Side::Client] {
                let count = log.count(done, flow, to);
                let _ = write!(text, r#","{}_to_{}":{count}"#, done.name(), to.name());
            }
        }
        text.push('}');
        connections.push(text);
    }
    let offset_ns = pair.ahead_ms * 1_000_000;
    let [to_client, to_server] = pair.orders.delay_ms;
    let mut text = format!(
        r#"{{"scenario":"{}","shows":"{}","offset_ns":{offset_ns},"drift_ppm":{},"delay_to_server_ms":{to_server},"delay_to_client_ms":{to_client},"connections":[{}]}}"#,
        pair.name,
        pair.shows,
        pair.drift_ppm,
        connections.join(","),
    );
    text.push('\n');
    for action in &log.actions {
        text += &line(action, addresses);
        text.push('\n');
    }
    text
}

fn line(action: &Action, addresses: &Addresses) -> String {
    let header = &action.header;
    let ip_id = header.ip_id.map_or("null".to_owned(), |ip_id| ip_id.to_string());
    let changed: Vec<_> = action.changed.iter().map(|id| format!("\"{id}\"")).collect();
    format!(
        r#"{{"action":"{}","to":"{}","connection":{},"source":"{}","destination":"{}","flags":"{}","seq":{},"ack":{},"len":{},"ip_id":{ip_id},"changed":[{}],"at_ns":{}}}"#,
        action.done.name(),
        action.to.name(),
        action.flow,
        outside(header.source, addresses),
        outside(header.destination, addresses),
        action.letters(),
        header.sequence,
        header.acknowledgment,
        header.data,
        changed.join(","),
        action.at_ns,
    )
}

/// An end with the address that it has in the files.
fn outside(end: SocketAddr, addresses: &Addresses) -> SocketAddr {
    let inside: IpAddr = end.ip();
    let found = addresses.iter().find(|(from, _)| *from == inside);
    SocketAddr::new(found.map_or(inside, |(_, to)| *to), end.port())
}
