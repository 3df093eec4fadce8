//! Captures of what was reported, one of each kind, and what is right about them.

use dissector_core::ConnectionTable;
use dissector_core::capture::{Capture, Packet};
use dissector_core::connection::{
    Annotation, Close, Connection, Finding, OpenType, Outcome, Repeat, Stage,
};

/// The annotations of a capture's segments, and its connections by number.
struct Report {
    frames: Vec<Annotation>,
    connections: Vec<Connection>,
    now_ns: i64,
}

impl Report {
    fn of(octets: &[u8]) -> Self {
        let mut capture = Capture::new(octets).expect("a capture");
        let mut table = ConnectionTable::new();
        let (mut frames, mut now_ns) = (Vec::new(), i64::MIN);
        while let Some(packet) = capture.next_packet().expect("whole packets") {
            let Packet::Segment(segment) = packet else { panic!("{packet:?}") };
            now_ns = now_ns.max(segment.packet.time_ns);
            frames.push(table.observe(&segment));
        }
        let mut connections = table.take_closed();
        connections.extend(table.connections().cloned());
        connections.sort_by_key(Connection::id);
        Self { frames, connections, now_ns }
    }

    /// The annotation of frame `number`, from 1.
    fn frame(&self, number: usize) -> &Annotation {
        &self.frames[number - 1]
    }

    /// The states of client and server after frame `number`.
    fn states(&self, number: usize) -> [String; 2] {
        let frame = self.frame(number);
        [frame.client.to_string(), frame.server.to_string()]
    }

    /// The frames of connection `id`.
    fn frames_of(&self, id: u32) -> Vec<usize> {
        let frames = (1..).zip(&self.frames).filter(|(_, frame)| frame.connection == id);
        frames.map(|(number, _)| number).collect()
    }

    /// Outcome and close of each connection.
    fn verdicts(&self) -> Vec<(Outcome, Close)> {
        let verdicts = self.connections.iter().map(|it| it.verdict_at(self.now_ns));
        verdicts.map(|verdict| (verdict.outcome, verdict.close)).collect()
    }
}

macro_rules! report {
    ($name:literal) => {
        Report::of(include_bytes!(concat!("../../../cli/tests/cases/", $name, ".pcap")))
    };
}

#[test]
fn fast_open_server_sends_first() {
    let report = report!("fast_open_server_sends_first");
    assert_eq!(report.verdicts(), [(Outcome::Complete, Close::RstAfterFin)]);
    for number in [2, 3] {
        assert_eq!(report.states(number)[1], "SYN-RECEIVED");
        assert!(!report.frame(number).findings.contains(Finding::DataBeforeEstablished));
    }
    assert_eq!(report.states(4), ["ESTABLISHED", "ESTABLISHED?"]);
    assert_eq!(report.states(5), ["ESTABLISHED", "ESTABLISHED"]);
}

#[test]
fn fast_open_data_without_synack() {
    let mut report = report!("fast_open_data_without_synack");
    assert_eq!(report.verdicts(), [(Outcome::Pending, Close::Open)]);
    for number in 1..=3 {
        assert_eq!(report.states(number)[0], "SYN-SENT");
    }
    report.now_ns += 3_000_000_000;
    assert_eq!(report.verdicts(), [(Outcome::NoFinalAck, Close::Open)]);
}

#[test]
fn syn_again_after_refusal() {
    let report = report!("syn_again_after_refusal");
    assert_eq!(report.verdicts(), [(Outcome::Refused, Close::Rst); 2]);
    assert_eq!(report.connections.iter().map(Connection::syn_count).collect::<Vec<_>>(), [3, 3]);
    assert!(report.frames.iter().all(|frame| !frame.findings.contains(Finding::RstIgnored)));
}

#[test]
fn blind_syn_live() {
    let report = report!("blind_syn_live");
    let expected = [(Outcome::Complete, Close::Fin), (Outcome::Challenged, Close::Open)];
    assert_eq!(report.verdicts(), expected);
    assert_eq!(report.frames_of(1), [6, 7]);
    assert_eq!(report.frame(7).stage, Stage::ChallengeAck);
    let stages = [9, 11, 12, 13, 14, 15].map(|number| report.frame(number).stage);
    let expected = [
        Stage::None,
        Stage::None,
        Stage::Fin,
        Stage::FinAcked,
        Stage::SecondFin,
        Stage::SecondFinAcked,
    ];
    assert_eq!(stages, expected);
}

#[test]
fn challenge_rstack() {
    let report = report!("challenge_rstack");
    let expected = [(Outcome::Complete, Close::Rst), (Outcome::Pending, Close::Open)];
    assert_eq!(report.verdicts(), expected);
    assert_eq!(report.frames_of(1), [6, 7, 8, 9, 10]);
    assert_eq!(report.frame(8).stage, Stage::RstHalfOpen);
    assert_eq!(report.connections[1].syn_count(), 2);
}

#[test]
fn old_data_in_synsent() {
    let report = report!("old_data_in_synsent");
    assert_eq!(report.verdicts(), [(Outcome::Complete, Close::Fin)]);
    assert_eq!(report.connections[0].syn_count(), 2);
    for number in 1..=3 {
        assert_eq!(report.states(number)[0], "SYN-SENT", "{number}");
    }
    assert_eq!(report.frame(2).stage, Stage::None);
    assert_eq!(report.frame(3).stage, Stage::RstHalfOpen);
    assert_eq!(report.states(5), ["ESTABLISHED?", "SYN-RECEIVED"]);
}

#[test]
fn simopen_synlost() {
    let report = report!("simopen_synlost");
    assert_eq!(report.verdicts(), [(Outcome::Complete, Close::Fin)]);
    assert_eq!(report.connections[0].open_type(), OpenType::Simultaneous);
}

#[test]
fn ts_echo_bad() {
    let report = report!("ts_echo_bad");
    assert_eq!(report.verdicts(), [(Outcome::BadSynAck, Close::Open)]);
    assert_eq!(report.connections[0].syn_count(), 3);
    assert!(report.connections[0].echo_refused());
    assert!((1..=9).all(|number| report.states(number)[0] == "SYN-SENT"));
}

#[test]
fn synack_old() {
    let report = report!("synack_old");
    assert_eq!(report.verdicts(), [(Outcome::Complete, Close::Open)]);
    assert_eq!(report.connections[0].synack_frame(), Some(5));
}

#[test]
fn syn_new_isn() {
    let report = report!("syn_new_isn");
    let expected = [(Outcome::NoReply, Close::Open), (Outcome::Complete, Close::Open)];
    assert_eq!(report.verdicts(), expected);
}

#[test]
fn numbers_rewritten_both_sides_captured() {
    let report = report!("numbers_rewritten_both_sides_captured");
    assert_eq!(report.verdicts(), [(Outcome::Complete, Close::Fin)]);
    for number in 1..=18 {
        let copy = if number % 2 == 0 { Repeat::Duplicate } else { Repeat::Original };
        assert_eq!(report.frame(number).copy, copy, "{number}");
    }
    assert_eq!(report.connections[0].packets(), 9);
}
