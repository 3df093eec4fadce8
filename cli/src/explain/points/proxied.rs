//! Two connections instead of one: who answered whom.

use dissector_core::connection::Side;
use dissector_core::wire::TcpFlags;

use crate::journey::{Journey, Passage, Step};
use crate::output::units::duration;

/// The two handshakes of a device in between, in whole sentences.
pub fn sentences(journey: &Journey) -> Vec<String> {
    let [client, server] = [Side::Client, Side::Server].map(|side| Handshake::of(journey, side));
    let mut sentences = Vec::new();
    if let (Some((syn, syn_ns)), Some((answer, answer_ns))) = (client.syn, client.synack) {
        let (here, there) = (&client.station, &server.station);
        sentences.push(format!(
            "The client's SYN (frame {syn} at {here}) was answered within {} by a SYN/ACK that did not pass \
             {there} (frame {answer} at {here}): the device made it, in the server's name.",
            took(syn_ns, answer_ns)
        ));
    }
    if let Some((syn, syn_ns)) = server.syn {
        let here = &server.station;
        let answer = match server.synack {
            Some((answer, answer_ns)) => {
                format!(
                    "the server answered it within {} (frame {answer})",
                    took(syn_ns, answer_ns)
                )
            }
            None => "the server did not answer it".into(),
        };
        let after = match client.syn {
            Some((_, first_ns)) => format!("{} after the client's, a", took(first_ns, syn_ns)),
            None => "A".into(),
        };
        sentences.push(format!(
            "{after} SYN of the device's own came to {here} (frame {syn}), and {answer}."
        ));
    }
    sentences
}

/// SYN and SYN/ACK at the station next to an end: frames, and times by the first point's clock.
struct Handshake {
    station: String,
    syn: Option<(u64, i64)>,
    synack: Option<(u64, i64)>,
}

impl Handshake {
    fn of(journey: &Journey, side: Side) -> Self {
        let place = match side {
            Side::Client => 0,
            Side::Server => journey.stations.len().saturating_sub(1),
        };
        let first = |from: Side, has_ack: bool| {
            journey.steps.iter().find_map(|step| match step {
                Step::Segment(passage) if is_syn(passage, from, has_ack) => {
                    passage.seen[place].map(|seen| (seen.frame, seen.time_ns))
                }
                _ => None,
            })
        };
        Self {
            station: journey.stations[place].shown(),
            syn: first(Side::Client, false),
            synack: first(Side::Server, true),
        }
    }
}

fn is_syn(passage: &Passage, from: Side, has_ack: bool) -> bool {
    let flags = passage.event.annotation.flags;
    let is = |flag: TcpFlags| flags.contains(flag);
    passage.from() == from && is(TcpFlags::SYN) && is(TcpFlags::ACK) == has_ack
}

fn took(from_ns: i64, to_ns: i64) -> String {
    duration(to_ns.saturating_sub(from_ns).max(0).unsigned_abs())
}
