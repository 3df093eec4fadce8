//! What the points tell of client and server, and what they leave open.

use dissector_core::compare::{JoinedConnection, Path};
use dissector_core::connection::{Outcome, Side, State};

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
                state => Some(format!("the {side} is in {state}, {grade}")),
            }
        })
        .collect();
    match parts.is_empty() {
        true => Vec::new(),
        false => vec![format!("In the end, {}.", parts.join("; "))],
    }
}

/// What the path adds to the meaning of the outcome.
pub fn means(journey: &Journey, joined: &JoinedConnection, path: Path) -> Option<String> {
    let passed = matches!(path, Path::Clean | Path::Lossy);
    let server = journey.stations.last()?.shown();
    match joined.outcome {
        Outcome::NoReply if passed => Some(format!(
            "The SYN got to {server}, and no answer came by there: the SYN was dropped behind it. That leaves \
             a firewall on the host itself (or, if {server} is not the host, between the two), a full queue of \
             the listening program, and a host that takes the SYN for something older on the same ports."
        )),
        Outcome::NotAccepted if passed => Some(format!(
            "The final ACK got to {server}, and the server repeated its SYN/ACK all the same: its host did not \
             take the ACK. The way is not to blame; a full accept queue is the usual cause, a deferred accept \
             and a firewall on the host are others."
        )),
        Outcome::NoFinalAck if passed => Some(
            "The SYN/ACK got to the client's point, and the client did not answer: its host dropped the SYN/ACK, \
             or does not know of the connection."
                .into(),
        ),
        Outcome::Refused if passed => {
            Some(format!("The RST was sent by the server itself: it passed {server}."))
        }
        Outcome::Complete => None,
        _ => None,
    }
}

/// What no capture at these points can tell.
pub fn unknown(journey: &Journey) -> Vec<String> {
    let mut sentences = Vec::new();
    let names: Vec<_> = journey.stations.iter().map(Station::shown).collect();
    if let [first, .., last] = &names[..] {
        sentences.push(format!(
            "What passed {last} was delivered there, not taken: between {last} and the server's program there \
             may be more devices, the host's own firewall and its queues. The same holds for {first} and the \
             client. A capture on the hosts themselves leaves only what is within them."
        ));
        sentences.push(format!(
            "Which of several devices between {first} and {last} it was, only a third point in the middle tells \
             (--at may be repeated)."
        ));
    }
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
