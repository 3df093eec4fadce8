//! The stage of a segment and the outcome of an exchange, by their definitions applied to all
//! segments that passed. `None` if the definitions leave it open.

use dissector_core::connection::{ClosedBy, Outcome, Stage};

use testkit::simulator::{Segment, at_least};

/// Facts about an exchange that its segments show.
struct Facts<'a> {
    all: &'a [Segment],
    client: usize,
    /// The initial sequence numbers of client and server.
    iss: [Option<u32>; 2],
}

impl<'a> Facts<'a> {
    fn of(all: &'a [Segment]) -> Option<Self> {
        let client = all.iter().find(|segment| segment.syn && segment.ack.is_none())?.from;
        let iss = [client, 1 - client].map(|side| {
            all.iter().find(|segment| segment.syn && segment.from == side).map(|it| it.seq)
        });
        Some(Self { all, client, iss })
    }

    fn from(&self, role: usize) -> impl Iterator<Item = &'a Segment> + use<'a> {
        let side = if role == 0 { self.client } else { 1 - self.client };
        self.all.iter().filter(move |segment| segment.from == side)
    }

    /// Whether a segment of the other endpoint, not an RST, acknowledges the SYN of `role`.
    fn syn_acked(&self, role: usize) -> bool {
        let Some(iss) = self.iss[role] else { return false };
        self.from(1 - role).any(|segment| !segment.rst && segment.acks(iss.wrapping_add(1)))
    }

    fn opened(&self) -> bool {
        self.syn_acked(0) && self.syn_acked(1)
    }

    /// The highest number that `role` has sent, if it has sent something.
    fn nxt(&self, role: usize) -> Option<u32> {
        let ends = self.from(role).filter(|segment| !segment.rst).map(Segment::end);
        ends.reduce(|a, b| if at_least(b, a) { b } else { a })
    }

    fn fin(&self, role: usize) -> Option<&'a Segment> {
        self.from(role).find(|segment| segment.fin)
    }

    /// Both ends have sent a SYN without ACK.
    fn crossing(&self) -> bool {
        self.from(1).any(|segment| segment.syn && segment.ack.is_none())
    }

    /// The server has acknowledged the SYN without a SYN of its own having passed.
    fn split(&self) -> bool {
        let first = self.from(1).next();
        first.is_some_and(|segment| !segment.syn)
    }

    /// Whether a segment was lost in front of the capture point.
    fn gap(&self) -> bool {
        (1..=self.all.len()).any(|nth| {
            let Some(before) = Facts::of(&self.all[..nth - 1]) else { return false };
            let segment = &self.all[nth - 1];
            let role = usize::from(segment.from != self.client);
            !segment.rst && before.nxt(role).is_some_and(|nxt| !at_least(nxt, segment.seq))
        })
    }
}

/// The stage of `segment`, after all those `before` it.
pub fn stage(before: &[Segment], segment: &Segment) -> Option<Stage> {
    let with: Vec<_> = before.iter().copied().chain([*segment]).collect();
    let (now, then) = (Facts::of(&with)?, Facts::of(before));
    let role = usize::from(segment.from != now.client);
    if segment.rst {
        return stage_of_rst(&now, role, segment);
    }
    if now.crossing() || now.split() || now.gap() {
        // Other ways to open have stages of their own.
        return (segment.syn && segment.ack.is_none() && role == 0 && !now.crossing())
            .then_some(Stage::Syn);
    }
    if segment.syn {
        return Some(if role == 0 { Stage::Syn } else { Stage::SynAck });
    }
    let then = then?;
    if with.iter().any(|segment| segment.rst) {
        return None;
    }
    if !then.opened() {
        // The first segment after which both SYNs are acknowledged.
        return now.opened().then_some(Stage::FinalAck);
    }
    let acks = |role: usize, facts: &Facts<'_>| {
        let Some(fin) = facts.fin(role) else { return false };
        facts.from(1 - role).any(|it| it.acks(fin.end()))
    };
    // The FIN of the end that closed first, and of the other.
    let first =
        now.all.iter().find(|segment| segment.fin).map(|it| usize::from(it.from != now.client));
    let Some(first) = first else { return Some(Stage::None) };
    let newly = |role: usize| acks(role, &now) && !acks(role, &then);
    let simultaneous = || {
        let second = now.fin(1 - first).expect("it is there");
        !second.acks(now.fin(first).expect("it is there").end())
    };
    let fin_stage = |role: usize| {
        let second = now.fin(role).expect("it is there");
        let nth = now.all.iter().position(|it| it == second).expect("it is there");
        let earlier = Facts::of(&now.all[..nth]).is_some_and(|facts| acks(first, &facts));
        match () {
            () if role == first => Stage::Fin,
            () if simultaneous() => Stage::FinSimultaneous,
            () if earlier => Stage::SecondFin,
            () => Stage::FinAndAck,
        }
    };
    Some(match () {
        () if segment.fin => fin_stage(role),
        () if newly(first) => Stage::FinAcked,
        () if newly(1 - first) => Stage::SecondFinAcked,
        () => Stage::None,
    })
}

fn stage_of_rst(now: &Facts<'_>, role: usize, segment: &Segment) -> Option<Stage> {
    let resets = now.all.iter().filter(|segment| segment.rst).count();
    let syn = now.iss[0]?.wrapping_add(1);
    // The first answer to a SYN.
    let refuses = role == 1 && now.from(1).count() == 1 && segment.ack == Some(syn) && resets == 1;
    refuses.then_some(Stage::RstRefusal)
}

/// The outcome of the exchange, a minute after its last segment.
pub fn outcome(all: &[Segment]) -> Option<Outcome> {
    let facts = Facts::of(all)?;
    let resets = |role| facts.from(role).any(|segment| segment.rst);
    let bare_syn = |segment: &Segment| segment.syn && segment.ack.is_none();
    let iss = facts.iss[0]?;
    if facts.from(1).next().is_none() {
        return facts.from(0).all(bare_syn).then_some(Outcome::NoReply);
    }
    if facts.from(1).all(|segment| segment.rst && segment.ack == Some(iss.wrapping_add(1)))
        && facts.from(0).all(bare_syn)
    {
        return Some(Outcome::Refused);
    }
    if facts.crossing() || facts.split() || facts.gap() {
        return None;
    }
    let synack = facts.from(1).find(|segment| segment.syn && segment.ack.is_some())?;
    if !facts.opened() {
        let silent = facts.from(0).all(bare_syn) && facts.from(1).all(|segment| segment.syn);
        return silent.then_some(Outcome::NoFinalAck);
    }
    // The server has left SYN-RECEIVED: it has sent payload or a FIN behind its SYN, or
    // acknowledged payload.
    let went_on = facts.from(1).any(|segment| {
        !segment.rst
            && !segment.syn
            && (segment.payload > 0 || segment.acks(iss.wrapping_add(2)))
            && segment.seq == synack.end()
    });
    (went_on && !resets(0) && !resets(1)).then_some(Outcome::Complete)
}

/// The endpoint that closed first, if one did.
pub fn closer(all: &[Segment]) -> Option<Option<ClosedBy>> {
    let facts = Facts::of(all)?;
    if facts.gap() || all.iter().any(|segment| segment.rst) {
        return None;
    }
    let Some(first) = all.iter().find(|segment| segment.fin) else { return Some(None) };
    let role = usize::from(first.from != facts.client);
    let by = |role| if role == 0 { ClosedBy::Client } else { ClosedBy::Server };
    let Some(second) = facts.fin(1 - role) else { return Some(Some(by(role))) };
    let acked = |role: usize| {
        let fin = facts.fin(role).expect("both are there").end();
        facts.from(1 - role).any(|segment| segment.acks(fin))
    };
    let crossed = !second.acks(first.end());
    // A close is simultaneous only once both FINs are acknowledged.
    Some(Some(if crossed && acked(0) && acked(1) { ClosedBy::Both } else { by(role) }))
}
