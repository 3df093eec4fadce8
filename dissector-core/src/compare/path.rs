//! What happened to a connection between the points, from the fates of its segments.

use super::crossing::Crossing;
use super::joining::Joint;
use super::timing::Timing;
use crate::vocabulary::{Fate, Path, Side};
use crate::wire::{SeqNumber, TcpFlags};

/// The segments of a connection between the points.
pub(super) struct Course<'a> {
    pub joint: &'a Joint<'a>,
    pub timing: &'a Timing,
    /// Those to the client, and those to the server.
    pub crossings: [&'a [Crossing]; 2],
    /// Whether any segment was lost, those that were only counted too.
    pub lossy: bool,
    /// Whether it is not known if any of those that were only counted was lost.
    pub uncounted: bool,
}

/// The fates of the steps of a handshake; `None` where there is no such segment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct StepFates {
    /// The client's SYN: arrived if any copy did.
    pub syn: Option<Fate>,
    /// The SYN/ACK.
    pub syn_ack: Option<Fate>,
    /// Any segment of the client that acknowledges the server's SYN.
    pub final_ack: Option<Fate>,
    /// The RST: appeared if any did.
    pub rst: Option<Fate>,
}

impl<'a> Course<'a> {
    fn to(&self, side: Side) -> &'a [Crossing] {
        self.crossings[side as usize]
    }

    fn syns(&self) -> impl Iterator<Item = &'a Crossing> {
        let is_syn = |it: &&Crossing| {
            it.any().is(TcpFlags::SYN) && !it.any().is(TcpFlags::ACK | TcpFlags::RST)
        };
        self.to(Side::Server).iter().filter(is_syn)
    }

    fn syn_acks(&self) -> impl Iterator<Item = &'a Crossing> {
        let is_syn_ack = |it: &&Crossing| it.any().flags.contains(TcpFlags::SYN | TcpFlags::ACK);
        self.to(Side::Client).iter().filter(is_syn_ack)
    }

    /// The number behind the server's SYN at the point next to the client.
    fn behind_server_syn(&self) -> Option<SeqNumber> {
        let near_client = self.joint.traces[self.joint.point_near(Side::Client)];
        let near_server = self.joint.traces[self.joint.point_near(Side::Server)];
        let shift = self.joint.shifts[Side::Server as usize];
        let shift = if self.joint.nearer_client == 0 { shift } else { 0_u32.wrapping_sub(shift) };
        let initial = near_client.way(Side::Server).initial();
        let translated = near_server.way(Side::Server).initial().map(|number| number - shift);
        initial.or(translated).map(|number| number + 1)
    }

    /// The client's segments that acknowledge the server's SYN.
    fn final_acks(&self) -> impl Iterator<Item = &'a Crossing> {
        let behind = self.behind_server_syn();
        let client = self.joint.nearer_client;
        let shift = self.joint.shifts[Side::Server as usize];
        self.to(Side::Server).iter().filter(move |it| {
            let is_ack = it.any().is(TcpFlags::ACK) && !it.any().is(TcpFlags::SYN | TcpFlags::RST);
            // A sighting at the other point has the other point's numbers.
            let number = match (&it.near, client) {
                (Some(near), _) => near.acknowledgment,
                (None, 0) => it.any().acknowledgment - shift,
                (None, _) => it.any().acknowledgment + shift,
            };
            is_ack && behind.is_some_and(|behind| !behind.is_after(number))
        })
    }

    /// The fates of the steps.
    pub fn steps(&self) -> StepFates {
        let rsts = || {
            let all = Side::BOTH.into_iter().flat_map(|side| self.to(side));
            all.filter(|it| it.any().is(TcpFlags::RST))
        };
        let appeared = rsts().any(|it| it.fate == Fate::Appeared).then_some(Fate::Appeared);
        StepFates {
            syn: best(self.syns()),
            syn_ack: best(self.syn_acks()),
            final_ack: best(self.final_acks()),
            rst: appeared.or_else(|| best(rsts())),
        }
    }

    /// The first description that fits.
    pub fn path(&self) -> Path {
        let steps = self.steps();
        let never_came = |fate: Option<Fate>| fate == Some(Fate::Lost);
        let passes_uncounted = || {
            let far = self.joint.traces[self.joint.point_near(Side::Server)];
            far.way(Side::Client).unkept().is_some()
        };
        let all = || Side::BOTH.into_iter().flat_map(|side| self.to(side));
        if self.is_answered_on_the_way() {
            Path::AnsweredOnTheWay
        } else if never_came(steps.syn) {
            Path::SynLost
        } else if never_came(steps.syn_ack) {
            Path::SynAckLost
        } else if never_came(steps.final_ack) && !passes_uncounted() {
            Path::FinalAckLost
        } else if steps.rst == Some(Fate::Appeared) {
            Path::RstInjected
        } else if Side::BOTH.into_iter().any(|side| self.is_cut_off(side)) {
            Path::CutOff
        } else if self.lossy {
            Path::Lossy
        } else if !self.uncounted
            && all().any(|it| it.fate.has_arrived())
            && !all().any(|it| it.fate == Fate::Appeared || self.is_undecided(it))
        {
            Path::Clean
        } else {
            Path::Unknown
        }
    }

    /// Whether something answered the client that the server's point had not sent, before any SYN/ACK of
    /// that point.
    fn is_answered_on_the_way(&self) -> bool {
        let [client, server] = Side::BOTH.map(|side| self.joint.point_near(side));
        let near_client = self.joint.traces[client];
        let Some(initial) = near_client.way(Side::Client).initial() else { return false };
        let sent = self.syn_acks().filter_map(|it| it.near.as_ref());
        let first = sent.map(|it| self.timing.common(server, it.time_ns)).min();
        let is_before = |time_ns: i64| first.is_none_or(|first| time_ns < first);
        let answers = |it: &Crossing| {
            let Some(far) = it.far.filter(|_| it.fate == Fate::Appeared) else { return false };
            let is_answer = far.is(TcpFlags::ACK)
                && far.is(TcpFlags::SYN | TcpFlags::RST)
                && far.acknowledgment == initial + 1;
            is_answer && is_before(self.timing.common(client, far.time_ns))
        };
        let rejects = |it: &&super::trace::IcmpSighting| {
            let came_by = |other: &super::trace::IcmpSighting| {
                (other.kind, other.code, other.to) == (it.kind, it.code, it.to)
            };
            let time_ns = self.timing.common(client, it.time_ns);
            it.to == Side::Client
                && it.rejects()
                && !self.joint.traces[server].icmp().iter().any(came_by)
                && self.timing.saw_departure(server, Side::Client, time_ns)
                && is_before(time_ns)
        };
        self.to(Side::Client).iter().any(answers)
            || near_client.icmp().iter().any(|it| rejects(&it))
    }

    /// Whether a fate is not known although both points were capturing.
    fn is_undecided(&self, it: &Crossing) -> bool {
        if it.fate != Fate::Unknown || it.may_be_counted {
            return false;
        }
        let [near, far] = [it.to.other(), it.to].map(|side| self.joint.point_near(side));
        let (seen_at, other) = if it.near.is_some() { (near, far) } else { (far, near) };
        let time_ns = self.timing.common(seen_at, it.any().time_ns);
        self.timing.captures_about(other, time_ns)
    }

    /// Whether the last two segments or more to this end were lost, and nothing comes after them.
    fn is_cut_off(&self, to: Side) -> bool {
        /// So many lost segments at the end are no accident.
        const LEAST: usize = 2;
        let known =
            self.to(to).iter().rev().filter(|it| {
                !matches!(it.fate, Fate::Unknown | Fate::Doubled) && it.near.is_some()
            });
        let run: Vec<_> = known.take_while(|it| it.fate == Fate::Lost).collect();
        let Some(first) = run.last() else { return false };
        let passed_later = || {
            let far = self.joint.point_near(to);
            let unkept = self.joint.traces[far].way(to.other()).unkept();
            let first_ns =
                self.timing.common(self.joint.point_near(to.other()), first.any().time_ns);
            unkept.is_some_and(|it| self.timing.common(far, it.last_ns()) >= first_ns)
        };
        run.len() >= LEAST && !passed_later()
    }
}

/// The fate that counts for several copies: that one arrived, otherwise what is known of them.
fn best<'a>(copies: impl Iterator<Item = &'a Crossing>) -> Option<Fate> {
    let rank = |fate: Fate| match fate {
        Fate::Arrived | Fate::Changed | Fate::Doubled => 5,
        // It passed there all the same.
        Fate::NotCaptured => 4,
        Fate::Lost => 3,
        Fate::Appeared => 2,
        Fate::Unknown => 1,
    };
    let best = copies.map(|it| it.fate).max_by_key(|fate| rank(*fate))?;
    Some(if rank(best) == 5 { Fate::Arrived } else { best })
}
