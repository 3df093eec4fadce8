//! What the points tell of client and server, and what they leave open.

use dissector_core::compare::{JoinedConnection, Path};
use dissector_core::connection::{Cause, Outcome, Side, State};

use crate::journey::{Journey, Station, Step};

/// The last states of both ends, by the points next to them.
pub fn sentences(journey: &Journey) -> Vec<String> {
    let parts: Vec<_> = Side::BOTH
        .into_iter()
        .filter_map(|side| {
            let timeline = journey.next_to(side)?;
            let states = match side {
                Side::Client => timeline.client_state,
                Side::Server => timeline.server_state,
            };
            let grade = if states.proven() {
                "as its own segments prove"
            } else {
                "if it took what was delivered"
            };
            match states.after() {
                State::Unknown => None,
                _ if side == Side::Server
                    && journey.outcome() == Some(Outcome::NotAccepted)
                    && !states.proven() =>
                {
                    Some("the server is still in SYN-RECEIVED, unless it took the last ACK".into())
                }
                state => Some(format!("the {side} is in {state}, {grade}")),
            }
        })
        .collect();
    match parts.is_empty() {
        true => Vec::new(),
        false => vec![format!("In the end, {}.", parts.join("; "))],
    }
}

/// What a way means on which nothing was lost, changed or made.
pub const NOT_BETWEEN: &str = "If something went wrong, it was not between these two points.";

/// What the path adds to the meaning of the outcome.
pub fn means(journey: &Journey, joined: &JoinedConnection, path: Path) -> Option<String> {
    let passed = matches!(path, Path::Clean | Path::Lossy);
    let [client, server] = [journey.stations.first()?.shown(), journey.stations.last()?.shown()];
    match joined.outcome {
        Outcome::NoReply if passed => Some(format!(
            "The SYN got to {server}, and no answer came by there: the SYN was dropped behind it, or an answer \
             took another way. That leaves a firewall on the host itself, a full queue of the listening \
             program, and a host that takes the SYN for something older on the same ports; and, if {server} \
             is not on the host, all that is between the two."
        )),
        Outcome::NotAccepted if passed => Some(format!(
            "The final ACK got to {server}, and the server repeated its SYN/ACK all the same: its host did not \
             take the ACK or, if {server} is not on it, did not get it. Between the points, the way is not to \
             blame. A full accept queue is the usual cause; a deferred accept and a firewall on the host are \
             others."
        )),
        Outcome::NoFinalAck if passed => Some(format!(
            "The SYN/ACK got to {client}, and no final ACK came by there: the client's host dropped the SYN/ACK, \
             or does not know of the connection; or, if {client} is not on the host, something is lost between \
             the two."
        )),
        Outcome::Refused if passed => Some(format!(
            "The RST came from the server's side, past {server}: nothing between the points refuses. Either \
             nothing listens on the port there, or the host's own firewall rejects; or, if {server} is not on \
             the host, something between the two refuses."
        )),
        _ => None,
    }
}

/// The causes that two points exclude where all passed: those of a capture that has only part of it. What
/// lies behind a point, on the way to the host, is not excluded, for nothing tells whether it is on the host.
pub const EXCLUDED: &[Cause] = &[Cause::CaptureOneSided, Cause::CaptureBeganLate];

/// Where a firewall is left that can be to blame where all passed: on the host.
pub fn firewall_check(outcome: Outcome) -> Option<(&'static str, &'static str)> {
    let what = match outcome {
        Outcome::NoReply | Outcome::Refused | Outcome::NotAccepted => {
            "On the server: which rule of its own firewall has a counter that rises with each attempt?"
        }
        Outcome::NoFinalAck => {
            "On the client: which rule of its own firewall has a counter that rises with each attempt?"
        }
        _ => return None,
    };
    Some((what, "nft list ruleset    (or: iptables -L -n -v)"))
}

/// What no capture at these points can tell.
pub fn unknown(journey: &Journey) -> Vec<String> {
    let mut sentences = Vec::new();
    let names: Vec<_> = journey.stations.iter().map(Station::shown).collect();
    if let [first, .., last] = &names[..] {
        sentences.push(format!(
            "What passed {last} was delivered that far, which does not mean that the server took it: between \
             {last} and the server's program there may be more devices, the host's own firewall and its queues. The same holds for {first} and the \
             client. A capture on the hosts themselves leaves only what is within them."
        ));
        let is_between = |path: Path, joined: &JoinedConnection| {
            !matches!(path, Path::Clean | Path::Unknown) || !joined.changes.is_empty()
        };
        if !journey.paths().any(|(_, joined, path)| is_between(path, joined)) {
            return with_unjudged(journey, sentences);
        }
        sentences.push(format!(
            "Which of several devices between {first} and {last} it was, only a third point in the middle tells \
             (--at may be repeated)."
        ));
    }
    with_unjudged(journey, sentences)
}

/// The same, and a sentence on segments that one point may not have captured, if there are any.
fn with_unjudged(journey: &Journey, mut sentences: Vec<String>) -> Vec<String> {
    let is_unjudged = |step: &Step| match step {
        Step::Segment(passage) => {
            passage.fates.iter().zip(passage.seen.windows(2)).any(|(fate, seen)| {
                *fate == Some(dissector_core::compare::Fate::Unknown)
                    && seen.iter().any(Option::is_none)
            })
        }
        _ => false,
    };
    if journey.steps.iter().any(is_unjudged) {
        sentences.push(
            "Some segments are outside of what one point captured: whether they passed it is unknown, and they \
             are not called lost."
                .into(),
        );
    }
    sentences
}
