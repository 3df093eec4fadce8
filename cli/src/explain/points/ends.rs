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
    let server = journey.stations.last()?.shown();
    match joined.outcome {
        Outcome::NoReply if passed => Some(format!(
            "The SYN got to {server}, and no answer came by there: the SYN was dropped behind it. That leaves \
             a firewall on the host itself, a full queue of the listening program, and a host that takes the \
             SYN for something older on the same ports; and, if {server} is not on the host, all that is \
             between the two."
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
            Some(format!(
                "The RST came from the server's side, past {server}: nothing between the points refuses. Either \
                 nothing listens on the port there, or the host's own firewall rejects."
            ))
        }
        Outcome::Complete => None,
        _ => None,
    }
}

/// The causes that the points exclude where all passed: what lies between them, and what was seen to come
/// from the end itself.
pub fn excluded(outcome: Outcome) -> Vec<Cause> {
    let ends: &[Cause] = match outcome {
        Outcome::NoReply => &[Cause::HostDown],
        Outcome::Refused | Outcome::AbortedByServer => {
            &[Cause::FirewallRejects, Cause::RstInjected, Cause::HandshakeTimedOut]
        }
        _ => &[],
    };
    [ON_THE_WAY, ends].concat()
}

/// Causes that lie between the points, where the points show that all arrived.
const ON_THE_WAY: &[Cause] = &[
    Cause::AsymmetricRoute,
    Cause::CaptureOneSided,
    Cause::CaptureBeganLate,
    Cause::AnswerLost,
    Cause::NoRoute,
    Cause::RoutingLoop,
    Cause::Traceroute,
    Cause::NotTranslatedBack,
    Cause::SynAckLost,
    Cause::FinalAckLost,
    Cause::FinalAckBypasses,
    Cause::Renumbered,
    Cause::DataLost,
];

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
