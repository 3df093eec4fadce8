//! Linux itself as the router, with nftables: the kernel does what firewalls do. It keeps no log of
//! single segments, so the log is what differs between the two points.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use testkit::kernel::Side;
use testkit::packet::{ACK, RST, SYN};

use super::points;
use super::router::{Action, Done, Ends, Header, Log, MSS, Packet, Passed, Seen, Translation};
use crate::samples::lab::Lab;

/// Has the router's kernel hand on between the hosts, whose addresses stay of one network, and run
/// `lines` of nftables.
pub(super) fn start(lab: &Lab, lines: &[&str]) -> Result<()> {
    let middle = lab.middle()?;
    lines.iter().try_for_each(|line| lab.run_in_router(line))?;
    for side in Side::BOTH {
        let (plug, mac, address) = (side.plug(), side.mac(), side.address());
        middle.set(&format!("ipv4/conf/{plug}/rp_filter"), "0")?;
        middle.set(&format!("ipv4/conf/{plug}/send_redirects"), "0")?;
        for line in [
            format!("ip address add 10.77.0.254/32 dev {plug}"),
            format!("ip route add {address}/32 dev {plug}"),
            format!("ip neighbour add {address} lladdr {mac} dev {plug} nud permanent"),
        ] {
            lab.run_in_router(&line)?;
        }
    }
    middle.set("ipv4/conf/all/rp_filter", "0")?;
    middle.set("ipv4/ip_forward", "1")
}

/// A segment at a point.
struct Frame {
    at_ns: u64,
    to: Side,
    packet: Packet,
    header: Header,
}

impl Frame {
    /// Client and server, as the point sees them.
    fn ends(&self) -> [SocketAddr; 2] {
        match self.to {
            Side::Server => [self.header.source, self.header.destination],
            Side::Client => [self.header.destination, self.header.source],
        }
    }

    /// What makes a segment at one point the same as one at the other, whatever was translated.
    fn key(&self) -> (u16, usize, Result<u16, u32>) {
        let told = match self.header.ip_id {
            Some(ip_id) if ip_id != 0 => Ok(ip_id),
            // A SYN proxy changes the server's sequence numbers.
            _ => Err(self.header.acknowledgment),
        };
        (self.header.flags, self.header.data, told)
    }

    /// Whether it is the router's own where it arrives: those of the hosts are a hop further.
    fn is_made(&self) -> bool {
        self.packet.ttl() == 64
    }

    fn action(&self, done: Done, flow: usize) -> Action {
        let (header, to, at_ns) = (self.header.clone(), self.to, self.at_ns);
        Action { done, to, flow, header, icmp: false, at_ns, changed: Vec::new() }
    }
}

fn frames(file: &Path) -> Result<Vec<Frame>> {
    let mut found = Vec::new();
    points::for_each_frame(file, |time, frame| {
        let to = if frame[5] == Side::Client.number() { Side::Client } else { Side::Server };
        if let Some(packet) = Packet::of(frame.to_vec()) {
            let (header, at_ns) = (packet.header(), time.as_nanos() as u64);
            found.push(Frame { at_ns, to, packet, header });
        }
        Ok(())
    })?;
    Ok(found)
}

/// The log that follows from the recordings at the client and at the server.
pub(super) fn log(raw: &[impl AsRef<Path>; 2], translation: Translation) -> Result<Log> {
    let points = [frames(raw[0].as_ref())?, frames(raw[1].as_ref())?];
    let mut log = Log::default();
    // The client's point has the first segment of each connection.
    for frame in &points[Side::Client as usize] {
        let near_client = frame.ends();
        if !log.flows.iter().any(|flow| flow.ends.near_client == near_client) {
            let ends = Ends { near_client, near_server: translation.ends(near_client) };
            log.flows.push(Seen { ends, passed: [Passed::default(); 2] });
        }
    }
    for to in Side::BOTH {
        let frames = |point: Side| points[point as usize].iter().filter(move |it| it.to == to);
        let mut arrived: HashMap<_, VecDeque<&Frame>> = HashMap::new();
        for frame in frames(to).filter(|frame| !frame.is_made()) {
            arrived.entry(frame.key()).or_default().push_back(frame);
        }
        for frame in frames(to.peer()) {
            let Some(flow) = flow(&log, to.peer(), frame) else { continue };
            let Some(there) = arrived.get_mut(&frame.key()).and_then(VecDeque::pop_front) else {
                log.actions.push(frame.action(Done::Taken, flow));
                continue;
            };
            let passed = &mut log.flows[flow].passed[to as usize];
            passed.segments += 1;
            passed.acknowledged |= frame.header.flags & ACK != 0;
            passed.last_ns = frame.at_ns;
            if there.packet.option(MSS) != frame.packet.option(MSS) {
                let changed = vec!["mss"];
                log.actions.push(Action { changed, ..frame.action(Done::Changed, flow) });
            }
        }
        for frame in frames(to).filter(|frame| frame.is_made()) {
            let Some(flow) = flow(&log, to, frame) else { continue };
            let answer = to == Side::Client && frame.header.flags & (SYN | RST) != 0;
            let done = if answer { Done::Answered } else { Done::Injected };
            log.actions.push(frame.action(done, flow));
        }
    }
    log.actions.sort_by_key(|action| action.at_ns);
    Ok(log)
}

/// The connection of a segment at a point.
fn flow(log: &Log, point: Side, frame: &Frame) -> Option<usize> {
    let ends = frame.ends();
    log.flows.iter().position(|flow| match point {
        Side::Client => flow.ends.near_client == ends,
        Side::Server => flow.ends.near_server == ends,
    })
}
