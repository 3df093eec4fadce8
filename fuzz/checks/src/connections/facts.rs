//! Facts about one connection that its segments show, and the invariants that follow from them.

use dissector_core::connection::{
    Annotation, Close, Connection, Finding, FindingSet, Outcome, Repeat, Role, Seen, Stage, State,
    States, Verdict,
};
use dissector_core::wire::TcpFlags;

use super::capture::Told;

/// Zeek's states of a connection.
const CONN_STATES: [&str; 13] =
    ["S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"];
/// Letters of Zeek's history.
const HISTORY: &str = "^SHADFRTWIQshadfrtwiq";
const MOST_HISTORY: usize = 25;

/// Facts of one connection.
#[derive(Debug, Default)]
pub struct Facts {
    ends: Option<[std::net::SocketAddr; 2]>,
    /// The union of all flags that client and server have sent, without illegal combinations.
    sent: [TcpFlags; 2],
    last: Option<Last>,
    final_ack: bool,
    findings: FindingSet,
    totals: Option<Totals>,
    left: bool,
}

/// The previous row, and the sender of the last segment that is no duplicate.
#[derive(Clone, Copy, Debug)]
struct Last {
    states: [States; 2],
    sender: Role,
}

impl Facts {
    /// Checks the annotation of a segment against all segments before it.
    pub fn check(&mut self, seen: &Annotation, told: &Told<'_>, connection: &Connection) {
        assert!(!self.left, "it had left the table: {seen:?}");
        check_row(seen, told);
        self.check_ends(seen, told, connection);
        self.remember(seen, connection);
        let fresh = matches!(told, Told::Sent(_)) && seen.copy != Repeat::Duplicate;
        self.check_states(seen, connection, fresh);
        let totals = Totals::of(connection);
        totals.check(connection);
        match &self.totals {
            None => assert!(fresh && totals.packets == 1, "{totals:?}"),
            Some(before) => totals.check_growth(before, fresh),
        }
        self.totals = Some(totals);
        assert!(!(seen.final_ack && fresh && self.final_ack), "a second final ACK: {seen:?}");
        self.final_ack |= seen.final_ack;
        if seen.final_ack {
            assert_eq!(connection.final_ack_frame(), Some(told.packet().frame));
        }
    }

    /// Notes that the connection has left the table.
    pub fn leave(&mut self) {
        assert!(!std::mem::replace(&mut self.left, true), "it leaves a second time");
    }

    /// Client and server keep their roles, and the sender is one of them.
    fn check_ends(&mut self, seen: &Annotation, told: &Told<'_>, connection: &Connection) {
        let ends = [connection.client(), connection.server()];
        assert_eq!(*self.ends.get_or_insert(ends), ends);
        let Told::Sent(segment) = told else { return };
        let source = (segment.packet.source, segment.tcp.source_port);
        let [client, server] = ends.map(|end| (end.ip(), end.port()) == source);
        let role = match (client, server) {
            (true, true) => Role::Unknown,
            (true, false) => Role::Client,
            (false, true) => Role::Server,
            (false, false) => panic!("{ends:?} have not sent {segment:?}"),
        };
        assert_eq!(seen.sender, role);
    }

    fn remember(&mut self, seen: &Annotation, connection: &Connection) {
        if seen.stage != Stage::IllegalFlags {
            match seen.sender {
                Role::Client => self.sent[0] |= seen.flags,
                Role::Server => self.sent[1] |= seen.flags,
                _ => self.sent.iter_mut().for_each(|sent| *sent |= seen.flags),
            }
        }
        // Findings stay, except those that a late SYN or SYN/ACK takes back, or the answer to what an end
        // has sent after its RST.
        let mut kept = self.findings.union(seen.findings);
        let all = connection.verdict_at(i64::MAX).findings;
        for taken_back in [
            Finding::SynNotCaptured,
            Finding::SynAckNotCaptured,
            Finding::RstIgnored,
            Finding::HandshakeComplete,
            Finding::SlowHandshake,
        ] {
            if !all.contains(taken_back) {
                kept.remove(taken_back);
            }
        }
        assert!(
            kept.iter().all(|finding| all.contains(finding)),
            "{kept:?} are not all in {all:?}"
        );
        self.findings = kept;
    }

    fn check_states(&mut self, seen: &Annotation, connection: &Connection, fresh: bool) {
        let states = [seen.client, seen.server];
        for (side, now) in states.into_iter().enumerate() {
            let last = self.last.map(|last| (last.states[side], last.sender));
            if let Some((last, sender)) = last {
                let own = sender != [Role::Server, Role::Client][side];
                assert!(follows(last.after(), now.before(), own), "{last:?}, then {now:?}");
            }
            let (own, peer) = (self.sent[side], self.sent[1 - side]);
            let passive = side == 1 || seen.sender == Role::Unknown;
            assert!(
                can_be(now, own, peer, passive),
                "{now:?} of side {side} after {own} and {peer}"
            );
        }
        assert_eq!(connection.client_state().after(), seen.client.after());
        let server = match connection.seen() {
            Seen::ClientOnly => State::Unknown,
            _ => seen.server.after(),
        };
        assert_eq!(connection.server_state().after(), server);
        let sender = self.last.map_or(seen.sender, |last| last.sender);
        self.last = Some(Last { states, sender: if fresh { seen.sender } else { sender } });
    }
}

/// Whether a row may begin with a state that differs from the one in which the row before ended: a
/// segment under way to the sender of that row has arrived.
fn follows(last: State, next: State, own: bool) -> bool {
    use State::{Closing, Established, FinWait1, SynReceived, SynSent};
    let arrived = [(SynSent, SynReceived), (SynReceived, Established), (FinWait1, Closing)];
    last == next || own && arrived.contains(&(last, next))
}

/// Whether an end that has sent these flags, and whose peer has sent those, can be in a state, and
/// whether its own segments can prove it.
fn can_be(states: States, own: TcpFlags, peer: TcpFlags, passive: bool) -> bool {
    let (syn, fin, rst) = (TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST);
    let possible = match states.after() {
        State::Unknown | State::Established => true,
        // An end that opens was in CLOSED before its first SYN.
        State::Closed => true,
        State::Listen => passive,
        State::SynSent => own.contains(syn),
        State::SynReceived => (own | peer).contains(syn),
        State::FinWait1 | State::FinWait2 => own.contains(fin),
        State::CloseWait => peer.contains(fin),
        State::LastAck | State::Closing | State::TimeWait => (own & peer).contains(fin),
        other => panic!("a state that RFC 9293 does not know: {other}"),
    };
    let provable = match states.after() {
        State::Unknown | State::Listen | State::FinWait2 => false,
        State::SynSent | State::SynReceived => own.contains(syn),
        State::Established | State::CloseWait => own.contains(TcpFlags::ACK),
        State::Closed => own.contains(rst),
        _ => own.contains(fin),
    };
    possible && (provable || !states.proven())
}

/// Checks that the annotation of a segment is consistent with its flags and in itself.
fn check_row(seen: &Annotation, told: &Told<'_>) {
    let flags = seen.flags;
    let (syn, fin, rst, ack) = (TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST, TcpFlags::ACK);
    let has = |flag: TcpFlags| flags.contains(flag);
    if let Told::Sent(segment) = told {
        assert_eq!(flags, segment.tcp.flags);
        let bare = segment.payload_octets() == 0 && !flags.intersects(syn | fin | rst) && has(ack);
        let fits = match seen.stage {
            // A FIN of the server that comes before a SYN/ACK counts only if the client answers. A duplicate of
            // it may come when the server has opened a connection of its own from there.
            Stage::None => {
                let original = seen.copy != Repeat::Duplicate;
                let counts = has(fin) && seen.sender != Role::Server && original;
                !flags.intersects(syn | rst) && has(ack) && !counts
            }
            Stage::Syn | Stage::SynCrossing => has(syn) && !flags.intersects(ack | rst | fin),
            Stage::SynAck | Stage::SynAckSimultaneous => has(syn | ack) && !has(rst),
            Stage::FinalAck => has(ack) && !flags.intersects(syn | rst),
            Stage::SplitAck | Stage::ChallengeAck => bare,
            Stage::MpJoinAck => has(ack) && !flags.intersects(syn | rst | fin),
            Stage::RstRefusal | Stage::RstHandshakeAbort | Stage::RstHalfOpen => has(rst),
            Stage::RstIgnored | Stage::Rst => has(rst),
            Stage::Fin | Stage::SecondFin | Stage::FinAndAck | Stage::FinSimultaneous => has(fin),
            Stage::FinAcked | Stage::SecondFinAcked => has(ack) && !flags.intersects(syn | rst),
            Stage::IllegalFlags => {
                has(syn) && flags.intersects(fin | rst) || !flags.intersects(syn | rst | ack)
            }
            other => panic!("a segment is no {other}"),
        };
        assert!(fits, "{} is no {}", flags, seen.stage);
        // A duplicate of the final ACK is not the final ACK.
        let third = seen.stage == Stage::FinalAck && seen.copy != Repeat::Duplicate;
        assert_eq!(third, seen.final_ack && !has(syn), "{seen:?}");
    } else {
        assert_eq!(
            (seen.stage, flags, seen.sender),
            (Stage::IcmpError, TcpFlags::empty(), Role::Unknown)
        );
        assert_eq!([seen.client, seen.server].map(|end| end.before() == end.after()), [true; 2]);
    }
    let duplicate = seen.copy == Repeat::Duplicate;
    if duplicate || seen.stage == Stage::IllegalFlags {
        assert_eq!([seen.client, seen.server].map(|end| end.before() == end.after()), [true; 2]);
    }
    assert_eq!(
        seen.rst_reason.is_some(),
        has(rst) && !duplicate && seen.stage != Stage::IllegalFlags
    );
    assert_eq!(seen.rst_acceptable(), seen.rst_reason.map(|_| seen.stage != Stage::RstIgnored));
    assert_eq!(seen.rto_ns().is_some(), seen.copy == Repeat::Retransmission);
    assert!(seen.retry == 0 || seen.counts_copies());
    assert_eq!(duplicate, seen.findings.contains(Finding::DuplicateFrame));
    assert!(!seen.findings.iter().any(Finding::needs_the_future), "{:?}", seen.findings);
    let labels = [
        seen.stage.label(),
        seen.copy.label(),
        seen.sender.label(),
        seen.client.before().label(),
        seen.client.after().label(),
        seen.rst_reason.map_or("-", |reason| reason.label()),
    ];
    assert!(labels.iter().all(|label| !label.is_empty()));
    assert_eq!(Stage::from_number(seen.stage.number()), Some(seen.stage));
}

/// The place of the final ACK among the frames.
const FINAL_ACK: usize = 2;

/// Values that only grow, or never change once they are known.
#[derive(Debug)]
pub struct Totals {
    packets: u64,
    syns: u16,
    synacks: u16,
    first_ns: i64,
    last_ns: i64,
    frames: [Option<u64>; 4],
    history: usize,
}

impl Totals {
    pub fn of(connection: &Connection) -> Self {
        let frames = connection.verdict_at(i64::MAX).frames;
        Self {
            packets: connection.packets(),
            syns: connection.syn_count(),
            synacks: connection.synack_count(),
            first_ns: connection.first_ns(),
            last_ns: connection.last_ns(),
            frames: [frames.syn, frames.synack, frames.final_ack, frames.icmp],
            history: connection.history().len(),
        }
    }

    pub fn check(&self, connection: &Connection) {
        assert!(self.first_ns <= self.last_ns, "{self:?}");
        assert!(u64::from(self.syns) <= self.packets && u64::from(self.synacks) <= self.packets);
        assert!(connection.attempt() > 0);
        let history = connection.history();
        assert!(history.chars().all(|letter| HISTORY.contains(letter)), "{history}");
        assert!(history.len() <= MOST_HISTORY, "{history}");
        assert!(CONN_STATES.contains(&connection.conn_state()), "{}", connection.conn_state());
    }

    fn check_growth(&self, before: &Self, fresh: bool) {
        assert_eq!(self.packets, before.packets + u64::from(fresh));
        assert!(self.syns >= before.syns && self.synacks >= before.synacks, "{before:?} {self:?}");
        assert_eq!(self.first_ns, before.first_ns);
        for (nth, (frame, before)) in self.frames.iter().zip(&before.frames).enumerate() {
            // A handshake may turn out to have been completed by an end that had reset the connection.
            let taken_back = nth == FINAL_ACK && frame.is_none();
            assert!(before.is_none() || frame == before || taken_back, "{before:?}, {frame:?}");
        }
        assert!(self.history >= before.history);
    }
}

/// Checks that the cause is one of those in question, and that it follows from the evidence.
fn check_cause(verdict: &Verdict) {
    let evidence = verdict.cause_evidence;
    assert!(evidence.iter().all(|evidence| !evidence.is_of_others()), "{verdict:?}");
    let Some(advice) = verdict.advice() else {
        assert!(verdict.cause.is_none() && evidence.is_empty(), "{verdict:?}");
        return;
    };
    assert_eq!(verdict.cause, advice.cause_given(evidence), "{verdict:?}");
    let left = advice.causes_given(evidence);
    let cause_is_left = |cause| left.iter().any(|weighed| weighed.cause == cause);
    assert!(verdict.cause.is_none_or(cause_is_left), "{verdict:?}");
}

/// Checks that the parts of a verdict are consistent; `in_order` if no time of the capture goes back.
pub fn check_verdict(verdict: &Verdict, connection: &Connection, in_order: bool) {
    let outcome = verdict.outcome;
    let established = match outcome {
        Outcome::Complete | Outcome::OneWay => true,
        Outcome::Midstream => verdict.established,
        _ => false,
    };
    assert_eq!(verdict.established, established, "{verdict:?}");
    assert!(!(outcome.failed() && established));
    assert_eq!(verdict.closed_by.is_some(), verdict.close != Close::Open, "{verdict:?}");
    assert!(verdict.frames.rst.is_none() || verdict.rst_reason.is_some(), "{verdict:?}");
    assert_eq!(verdict.frames.icmp.is_some(), verdict.icmp.is_some());
    check_cause(verdict);
    let times = verdict.times;
    if let (Some(total), Some(setup), true) = (times.rtt_total_ns, times.setup_time_ns, in_order) {
        assert!(total <= setup, "{times:?}");
    }
    if let (Some(server), Some(total), true) = (times.rtt_server_ns, times.rtt_total_ns, in_order) {
        assert!(server <= total || verdict.frames.final_ack < verdict.frames.synack, "{verdict:?}");
    }
    let labels = [
        outcome.label(),
        verdict.open_type.label(),
        verdict.close.label(),
        verdict.closed_by.map_or("-", |by| by.label()),
        verdict.seen.label(),
        verdict.vantage.label(),
        verdict.ecn.label(),
        verdict.rst_reason.map_or("-", |reason| reason.label()),
        connection.role_basis().label(),
    ];
    assert!(labels.iter().all(|label| !label.is_empty()));
    assert!(verdict.findings.iter().all(|finding| !finding.text().is_empty()));
}
