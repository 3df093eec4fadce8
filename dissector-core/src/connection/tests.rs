//! Connections told as packet traces.

use super::*;
use crate::connection::state::extra::Extra;
use crate::wire::{SeqNumber, TcpFlags, TcpHeader};
use crate::{ConnectionTable, PacketInfo, Segment};

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 40_000);
const SERVER: ([u8; 4], u16) = ([10, 0, 0, 2], 80);
const MS: i64 = 1_000_000;

/// A capture being written, 10 ms from segment to segment. Each line gives sender, flags as
/// tcpdump writes them, sequence and acknowledgment number and payload octets, and then what is
/// expected: stage, client's and server's state.
struct Trace {
    table: ConnectionTable,
    time_ns: i64,
    frame: u64,
    seen: Option<Annotation>,
}

fn flags(letters: &str) -> TcpFlags {
    letters.chars().fold(TcpFlags::empty(), |flags, letter| {
        flags
            | match letter {
                'F' => TcpFlags::FIN,
                'S' => TcpFlags::SYN,
                'R' => TcpFlags::RST,
                'P' => TcpFlags::PSH,
                '.' => TcpFlags::ACK,
                'U' => TcpFlags::URG,
                'E' => TcpFlags::ECE,
                'W' => TcpFlags::CWR,
                _ => panic!("{letter} is no flag"),
            }
    })
}

impl Trace {
    fn new() -> Self {
        Self { table: ConnectionTable::new(), time_ns: 0, frame: 0, seen: None }
    }

    fn wait(&mut self, ms: i64) -> &mut Self {
        self.time_ns += ms * MS;
        self
    }

    fn sent(
        &mut self,
        from: ([u8; 4], u16),
        to: ([u8; 4], u16),
        letters: &str,
        sequence: u32,
        acknowledgment: u32,
        payload: u32,
    ) -> &mut Self {
        self.time_ns += 10 * MS;
        self.frame += 1;
        let segment = Segment {
            packet: PacketInfo::new(from.0, to.0, self.time_ns)
                .with_frame(self.frame)
                .with_ttl(64)
                .with_ip_id(self.frame as u16)
                .with_tcp_octets(20 + payload),
            tcp: TcpHeader {
                source_port: from.1,
                destination_port: to.1,
                sequence: SeqNumber(sequence),
                acknowledgment: SeqNumber(acknowledgment),
                data_offset: 5,
                flags: flags(letters),
                window: 1000,
                checksum: 0,
                urgent_pointer: 0,
                option_octets: &[],
                payload: &[],
            },
        };
        self.seen = Some(self.table.observe(&segment));
        self
    }

    fn client(&mut self, letters: &str, seq: u32, ack: u32, payload: u32) -> &mut Self {
        self.sent(CLIENT, SERVER, letters, seq, ack, payload)
    }

    fn server(&mut self, letters: &str, seq: u32, ack: u32, payload: u32) -> &mut Self {
        self.sent(SERVER, CLIENT, letters, seq, ack, payload)
    }

    fn last(&self) -> Annotation {
        self.seen.expect("a segment was sent")
    }

    #[track_caller]
    fn is(&mut self, stage: Stage, client: &str, server: &str) -> &mut Self {
        let seen = self.last();
        let shown = (seen.stage, seen.client.to_string(), seen.server.to_string());
        assert_eq!(shown, (stage, client.into(), server.into()), "frame {}", self.frame);
        self
    }

    fn connection(&self) -> &Connection {
        self.table.latest().expect("a segment was sent")
    }

    fn outcome(&self) -> Outcome {
        self.connection().outcome_at(self.time_ns)
    }

    /// The three-way handshake with ISNs 100 and 300.
    fn handshake(&mut self) -> &mut Self {
        self.client("S", 100, 0, 0).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
        self.server("S.", 300, 101, 0).is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
        self.client(".", 101, 301, 0).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?")
    }
}

#[test]
fn three_way_handshake() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0);
    let seen = trace.last();
    assert_eq!((seen.client.before(), seen.server.before()), (State::Closed, State::Listen));
    assert_eq!(seen.sender, Role::Client);
    trace.server("S.", 300, 101, 0).is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    assert_eq!(trace.last().sender, Role::Server);
    trace.client(".", 101, 301, 0).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    assert!(trace.last().final_ack);
    assert_eq!(trace.outcome(), Outcome::Complete);
    trace.client("P.", 101, 301, 5).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    trace.server(".", 301, 106, 0).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    assert_eq!(trace.connection().setup_time_ns(), Some(20_000_000));
}

#[test]
fn sequence_numbers_wrap() {
    let mut trace = Trace::new();
    trace.client("S", u32::MAX, 0, 0).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
    trace.server("S.", u32::MAX, 0, 0).is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    trace.client(".", 0, 0, 0).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
}

#[test]
fn third_segment_may_carry_data() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0).server("S.", 300, 101, 0);
    trace.client("P.", 101, 301, 5).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
}

#[test]
fn third_segment_may_carry_a_fin() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0).server("S.", 300, 101, 0);
    trace.client("F.", 101, 301, 0).is(Stage::FinalAck, "FIN-WAIT-1", "CLOSE-WAIT?");
    trace.server("F.", 301, 102, 0).is(Stage::FinAndAck, "TIME-WAIT?", "LAST-ACK");
    trace.client(".", 102, 302, 0).is(Stage::SecondFinAcked, "TIME-WAIT", "CLOSED?");
}

#[test]
fn ecn_bits_change_nothing() {
    let mut trace = Trace::new();
    trace.client("SEW", 100, 0, 0).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
    trace.server("S.E", 300, 101, 0).is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    trace.client(".", 101, 301, 0).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
}

#[test]
fn a_bare_ack_with_other_numbers_is_not_the_final_one() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0).server("S.", 300, 101, 0);
    trace.client(".", 101, 300, 0).is(Stage::None, "ESTABLISHED?", "SYN-RECEIVED");
    // The server may have gone on, which was not captured.
    trace.client(".", 101, 302, 0).is(Stage::None, "ESTABLISHED?", "SYN-RECEIVED?");
    trace.client(".", 99, 301, 0).is(Stage::None, "ESTABLISHED?", "SYN-RECEIVED?");
    trace.client(".", 101, 301, 0).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    trace.client(".", 101, 301, 0).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
}

#[test]
fn a_later_segment_shows_that_the_final_ack_was_missed() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0).server("S.", 300, 101, 0);
    trace.client("P.", 150, 301, 5).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    assert!(!trace.last().final_ack);
    assert_eq!(trace.outcome(), Outcome::Complete);
    assert_eq!(trace.connection().final_ack_frame(), None);
}

#[test]
fn repeated_syn_and_synack() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0).wait(990);
    trace.client("S", 100, 0, 0).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
    let seen = trace.last();
    assert_eq!(
        (seen.copy, seen.retry, seen.rto_ns()),
        (Repeat::Retransmission, 1, Some(1_000_000_000))
    );
    trace.server("S.", 300, 101, 0);
    assert_eq!((trace.last().copy, trace.last().retry), (Repeat::Original, 0));
    // The SYN/ACK did not reach the client.
    trace.client("S", 100, 0, 0).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED");
    assert_eq!(trace.last().retry, 2);
    trace.server("S.", 300, 101, 0).is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    assert_eq!((trace.last().copy, trace.last().retry), (Repeat::Retransmission, 1));
    trace.client(".", 101, 301, 0).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!((trace.connection().syn_count(), trace.connection().synack_count()), (3, 2));
}

#[test]
fn a_synack_repeated_after_the_final_ack_refutes_it() {
    let mut trace = Trace::new();
    trace.handshake().wait(1000);
    trace.server("S.", 300, 101, 0).is(Stage::SynAck, "ESTABLISHED", "SYN-RECEIVED");
    trace.client(".", 101, 301, 0).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(trace.outcome(), Outcome::Pending);
    trace.wait(2000).server("S.", 300, 101, 0);
    assert_eq!(trace.outcome(), Outcome::NotAccepted);
    // It took it in the end.
    trace.client("P.", 101, 301, 5).server(".", 301, 106, 0);
    assert_eq!(trace.outcome(), Outcome::Complete);
}

/// A SYN/ACK that was on its way until after the close is a copy of the SYN/ACK, and the FIN that is
/// sent again one of the FIN.
#[test]
fn a_synack_repeated_after_the_fin_was_sent_after_the_first_synack() {
    let mut trace = Trace::new();
    trace.handshake().server("F.", 301, 101, 0).wait(490);
    trace.server("S.", 300, 101, 0).is(Stage::SynAck, "CLOSE-WAIT?", "FIN-WAIT-1");
    let seen = trace.last();
    assert_eq!((seen.copy, seen.rto_ns()), (Repeat::Retransmission, Some(520 * MS as u64)));
    trace.wait(90).server("S.", 300, 101, 0);
    assert_eq!(trace.last().rto_ns(), Some(100 * MS as u64));
    trace.wait(90).server("F.", 301, 101, 0);
    assert_eq!(trace.last().rto_ns(), Some(700 * MS as u64));
}

#[test]
fn no_answer() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0);
    assert_eq!(trace.outcome(), Outcome::Pending);
    assert_eq!(trace.connection().outcome_at(trace.time_ns + 3_000 * MS), Outcome::NoReply);
    trace.wait(1000).client("S", 100, 0, 0);
    assert_eq!(trace.outcome(), Outcome::NoReply);
}

#[test]
fn refused() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0);
    trace.server("R.", 0, 101, 0).is(Stage::RstRefusal, "CLOSED?", "CLOSED");
    assert_eq!(trace.last().rst_reason, Some(RstReason::PortClosed));
    assert_eq!(trace.outcome(), Outcome::Refused);
}

#[test]
fn an_rst_that_does_not_acknowledge_the_syn_refuses_nothing() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0);
    trace.server("R.", 0, 100, 0).is(Stage::RstIgnored, "SYN-SENT", "SYN-RECEIVED?");
    assert_eq!(trace.last().rst_acceptable(), Some(false));
    trace.server("R", 0, 0, 0).is(Stage::RstIgnored, "SYN-SENT", "SYN-RECEIVED?");
    trace.server("S.", 300, 101, 0).client(".", 101, 301, 0);
    assert_eq!(trace.outcome(), Outcome::Complete);
}

#[test]
fn a_scanner_resets_after_the_synack() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0).server("S.", 300, 101, 0);
    trace.client("R", 101, 0, 0).is(Stage::RstHandshakeAbort, "CLOSED", "LISTEN?");
    assert_eq!(trace.outcome(), Outcome::AbortedByClient);
}

#[test]
fn the_server_resets_instead_of_taking_the_final_ack() {
    let mut trace = Trace::new();
    trace.handshake();
    trace.server("R", 301, 0, 0).is(Stage::RstHandshakeAbort, "CLOSED?", "CLOSED");
    assert_eq!(trace.outcome(), Outcome::AbortedByServer);
}

#[test]
fn reset_while_open() {
    let mut trace = Trace::new();
    trace.handshake().client("P.", 101, 301, 5).server(".", 301, 106, 0);
    trace.server("R.", 301, 106, 0).is(Stage::Rst, "CLOSED?", "CLOSED");
    assert_eq!(trace.last().rst_reason, Some(RstReason::Abort));
    assert_eq!(trace.outcome(), Outcome::Complete);
    assert_eq!(trace.connection().close(), Close::Rst);
    assert_eq!(trace.connection().closed_by(), Some(ClosedBy::Server));
}

#[test]
fn an_rst_outside_the_window_should_be_ignored() {
    let mut trace = Trace::new();
    trace.handshake().client("P.", 101, 301, 5).server(".", 301, 106, 0);
    trace.server("R", 99_999, 0, 0).is(Stage::RstIgnored, "ESTABLISHED", "ESTABLISHED");
    assert_eq!(trace.connection().close(), Close::Open);
}

#[test]
fn four_way_close() {
    let mut trace = Trace::new();
    trace.handshake();
    trace.client("F.", 101, 301, 0).is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT?");
    trace.server(".", 301, 102, 0).is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT");
    trace.server("P.", 301, 102, 7).is(Stage::None, "FIN-WAIT-2?", "CLOSE-WAIT");
    trace.client(".", 102, 308, 0).is(Stage::None, "FIN-WAIT-2?", "CLOSE-WAIT");
    trace.server("F.", 308, 102, 0).is(Stage::SecondFin, "TIME-WAIT?", "LAST-ACK");
    trace.client(".", 102, 309, 0).is(Stage::SecondFinAcked, "TIME-WAIT", "CLOSED?");
    assert_eq!(trace.connection().close(), Close::Fin);
    assert_eq!(trace.connection().closed_by(), Some(ClosedBy::Client));
}

#[test]
fn three_segment_close_by_the_server() {
    let mut trace = Trace::new();
    trace.handshake();
    trace.server("F.", 301, 101, 0).is(Stage::Fin, "CLOSE-WAIT?", "FIN-WAIT-1");
    trace.client("F.", 101, 302, 0).is(Stage::FinAndAck, "LAST-ACK", "TIME-WAIT?");
    trace.server(".", 302, 102, 0).is(Stage::SecondFinAcked, "CLOSED?", "TIME-WAIT");
    assert_eq!(trace.connection().closed_by(), Some(ClosedBy::Server));
}

#[test]
fn simultaneous_close() {
    let mut trace = Trace::new();
    trace.handshake();
    trace.client("F.", 101, 301, 0).is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT?");
    trace.server("F.", 301, 101, 0).is(Stage::FinSimultaneous, "CLOSING?", "FIN-WAIT-1");
    trace.client(".", 102, 302, 0).is(Stage::SecondFinAcked, "CLOSING", "TIME-WAIT?");
    // The capture does not show whether the server had the client's ACK when it sent its own.
    trace.server(".", 302, 102, 0).is(Stage::FinAcked, "TIME-WAIT?", "TIME-WAIT?");
    assert_eq!(trace.connection().close(), Close::Simultaneous);
    assert_eq!(trace.connection().closed_by(), Some(ClosedBy::Both));
}

#[test]
fn a_repeated_fin_was_not_acknowledged() {
    let mut trace = Trace::new();
    trace.handshake();
    trace.client("F.", 101, 301, 0).server(".", 301, 102, 0);
    trace.client("F.", 101, 301, 0).is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT");
    assert_eq!((trace.last().copy, trace.last().retry), (Repeat::Retransmission, 1));
    trace.server(".", 301, 102, 0).is(Stage::None, "FIN-WAIT-2?", "CLOSE-WAIT");
    assert_eq!(trace.connection().close(), Close::HalfClosed);
}

#[test]
fn fin_with_data_and_reset_after_fin() {
    let mut trace = Trace::new();
    trace.handshake();
    trace.client("FP.", 101, 301, 10).is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT?");
    trace.server("P.", 301, 112, 10).is(Stage::FinAcked, "FIN-WAIT-2?", "CLOSE-WAIT");
    trace.client("R", 112, 0, 0).is(Stage::Rst, "CLOSED", "CLOSED?");
    assert_eq!(trace.last().rst_reason, Some(RstReason::AfterFin));
    assert_eq!(trace.connection().close(), Close::RstAfterFin);
}

#[test]
fn midstream() {
    let mut trace = Trace::new();
    trace.server("P.", 5000, 900, 10).is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
    assert_eq!(trace.last().client.before(), State::Unknown);
    trace.client(".", 900, 5010, 0).is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
    assert_eq!(trace.connection().client().port(), 40_000);
    assert_eq!(trace.connection().role_basis(), RoleBasis::Port);
    assert_eq!(trace.outcome(), Outcome::Midstream);
    assert!(trace.connection().established_at(0));
    trace.client("F.", 900, 5010, 0).is(Stage::Fin, "FIN-WAIT-1", "CLOSE-WAIT?");
}

#[test]
fn the_capture_begins_with_the_synack() {
    let mut trace = Trace::new();
    trace.server("S.", 300, 101, 0).is(Stage::SynAck, "UNKNOWN", "SYN-RECEIVED");
    assert_eq!(trace.connection().role_basis(), RoleBasis::SynAck);
    assert_eq!(trace.outcome(), Outcome::UnsolicitedSynAck);
    trace.client(".", 101, 301, 0).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(trace.outcome(), Outcome::Complete);
}

#[test]
fn the_synack_is_recorded_before_the_syn() {
    let mut trace = Trace::new();
    trace.server("S.", 300, 101, 0);
    trace.client("S", 100, 0, 0).is(Stage::Syn, "ESTABLISHED?", "SYN-RECEIVED");
    assert_eq!(trace.last().copy, Repeat::Late);
    trace.client(".", 101, 301, 0).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(trace.connection().id(), 0);
}

#[test]
fn only_the_client_was_captured() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0);
    trace.client(".", 101, 301, 0).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    trace.client("P.", 101, 301, 9).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(trace.outcome(), Outcome::OneWay);
    assert_eq!(trace.connection().seen(), Seen::ClientOnly);
}

#[test]
fn only_the_server_was_captured() {
    let mut trace = Trace::new();
    trace.server("S.", 300, 101, 0);
    // The client may have closed.
    trace.server("P.", 301, 120, 9).is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
    assert_eq!(trace.outcome(), Outcome::OneWay);
}

#[test]
fn simultaneous_open() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
    trace.server("S", 300, 0, 0).is(Stage::SynCrossing, "SYN-RECEIVED?", "SYN-SENT");
    trace.client("S.", 100, 301, 0).is(Stage::SynAckSimultaneous, "SYN-RECEIVED", "ESTABLISHED?");
    trace.server("S.", 300, 101, 0).is(Stage::SynAckSimultaneous, "ESTABLISHED?", "SYN-RECEIVED");
    assert!(trace.last().final_ack);
    trace.client(".", 101, 301, 0).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(trace.outcome(), Outcome::Complete);
    assert_eq!(trace.connection().open_type(), OpenType::Simultaneous);
}

#[test]
fn a_challenge_ack_is_no_handshake_step_of_the_new_connection() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0);
    trace.server(".", 9000, 5000, 0).is(Stage::ChallengeAck, "SYN-SENT", "SYN-RECEIVED?");
    trace.client("R", 5000, 0, 0);
    assert_eq!(trace.last().stage, Stage::RstHalfOpen);
}

#[test]
fn the_port_is_used_again() {
    let mut trace = Trace::new();
    trace.handshake().client("R.", 101, 301, 0);
    trace.client("S", 700, 0, 0).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
    assert_eq!((trace.connection().id(), trace.connection().attempt()), (1, 2));
    // The same holds without a close if the numbers start elsewhere.
    trace.client("S", 900_000, 0, 0);
    assert_eq!((trace.connection().id(), trace.connection().attempt()), (2, 3));
    assert_eq!(trace.table.connections().count(), 3);
    // The one before may still be alive, until the new SYN is answered.
    assert_eq!(trace.table.len(), 2);
    trace.server("S.", 300, 900_001, 0).is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    assert_eq!(trace.table.len(), 1);
}

#[test]
fn a_syn_inside_a_live_connection_is_challenged() {
    let mut trace = Trace::new();
    trace.handshake().client("P.", 101, 301, 5).server(".", 301, 106, 0);
    // The client has lost its state and connects anew.
    trace.client("S", 90_000, 0, 0).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
    assert!(trace.last().findings.contains(Finding::SynInEstablished));
    trace.server(".", 301, 106, 0).is(Stage::ChallengeAck, "SYN-SENT", "SYN-RECEIVED?");
    // Data of the old connection is still the old connection's.
    trace.server("P.", 301, 106, 9).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    assert_eq!(trace.connection().id(), 0);
    trace.client("R", 106, 0, 0).is(Stage::RstHalfOpen, "SYN-SENT", "LISTEN?");
    assert_eq!(trace.connection().outcome_at(trace.time_ns), Outcome::Challenged);
    trace.client("S", 90_000, 0, 0).server("S.", 700, 90_001, 0).client(".", 90_001, 701, 0);
    assert_eq!(trace.outcome(), Outcome::Complete);
    let close: Vec<_> = trace.table.connections().map(Connection::close).collect();
    assert_eq!(close, [Close::Rst, Close::Open]);
}

#[test]
fn an_unacceptable_rst() {
    let mut trace = Trace::new();
    trace.handshake().client("P.", 101, 301, 5).server(".", 301, 106, 0);
    trace.server("R.", 301, 106, 0).is(Stage::Rst, "CLOSED?", "CLOSED");
    trace.server("P.", 301, 106, 7).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    assert!(trace.last().findings.contains(Finding::RstIgnored));
    assert_eq!(trace.connection().close(), Close::Open);
}

#[test]
fn a_packet_captured_twice_changes_nothing() {
    let mut trace = Trace::new();
    trace.client("S", 100, 0, 0);
    let first = trace.frame;
    // The same identification, 10 ms later.
    trace.frame = first - 1;
    trace.client("S", 100, 0, 0).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
    assert_eq!((trace.last().copy, trace.last().retry), (Repeat::Duplicate, 0));
    assert_eq!((trace.connection().syn_count(), trace.connection().packets()), (1, 1));
}

#[test]
fn flags_that_no_tcp_sends_together_move_nothing() {
    let mut trace = Trace::new();
    trace.handshake();
    for letters in ["SF", "SR", "", "F", "FPU", "U"] {
        trace.client(letters, 101, 0, 0).is(Stage::IllegalFlags, "ESTABLISHED", "ESTABLISHED?");
    }
}

#[test]
fn a_finished_connection_leaves_after_two_minutes_of_silence() {
    let mut trace = Trace::new();
    trace.handshake().client("R.", 101, 301, 0);
    trace.wait(100_000).client(".", 101, 301, 0);
    assert_eq!(trace.connection().id(), 0);
    trace.wait(121_000).client(".", 101, 301, 0);
    assert_eq!(trace.connection().id(), 1);
    assert_eq!(trace.table.take_closed().len(), 1);
}

#[test]
fn an_open_connection_stays_however_long_it_is_silent() {
    let mut trace = Trace::new();
    trace.handshake().wait(10_000_000).client("P.", 101, 301, 1);
    assert_eq!(trace.connection().id(), 0);
}

#[test]
fn a_full_table_lets_finished_connections_go_first() {
    let mut table = Trace { table: ConnectionTable::with_limit(2), ..Trace::new() };
    let hosts: Vec<_> = (1..=3).map(|host| ([10, 0, 1, host], 40_000)).collect();
    table.sent(hosts[0], SERVER, "S", 1, 0, 0);
    table.sent(hosts[1], SERVER, "S", 1, 0, 0).sent(SERVER, hosts[1], "R.", 0, 2, 0);
    table.sent(hosts[2], SERVER, "S", 1, 0, 0);
    assert_eq!(table.table.len(), 2);
    let left: Vec<_> = table.table.take_closed().iter().map(Connection::id).collect();
    assert_eq!(left, [1]);
}

/// Stated in the documentation of the table: what a live connection takes beside its key.
#[test]
fn a_connection_stays_within_its_bound() {
    assert!(size_of::<Connection>() <= 320, "{}", size_of::<Connection>());
}

#[test]
fn a_connection_stays_small() {
    // A little more than three cache lines.
    assert_eq!(size_of::<Option<Connection>>(), 200);
    assert_eq!(size_of::<Endpoint>(), 32);
    assert!(size_of::<Extra>() <= 184, "{}", size_of::<Extra>());
}

#[test]
fn times_are_exact_however_far_apart() {
    // Times around the largest offset that 32 bits hold.
    for far_ms in [5, 4_284, 4_285, 60_000, 119_000] {
        let mut trace = Trace::new();
        trace.client("S", 100, 0, 0);
        trace.wait(far_ms).server("S.", 300, 101, 0);
        trace.wait(far_ms).client(".", 101, 301, 0);
        let far_ns = (far_ms + 10) * MS;
        let times = trace.connection().times();
        assert_eq!(times.rtt_server_ns, Some(far_ns as u64));
        assert_eq!(times.rtt_client_ns, Some(far_ns as u64));
        assert_eq!(times.setup_time_ns, Some(2 * far_ns as u64));
        assert_eq!(trace.connection().synack_span_ns(), 0);
        trace.client("P.", 101, 301, 5).server("F.", 301, 106, 0);
        // Half closed for long, which more than 40 bits may tell.
        trace.wait(20 * far_ms).client("F.", 106, 302, 0);
        assert_eq!(trace.connection().last_copy_ns(Side::Client), trace.time_ns);
        trace.wait(far_ms).client("F.", 106, 302, 0);
        assert_eq!(trace.last().rto_ns(), Some(far_ns as u64));
        trace.wait(far_ms).server("F.", 301, 107, 0);
        assert_eq!(trace.last().rto_ns(), Some(((22 * far_ms + 30) * MS) as u64));
    }
}

#[test]
fn a_set_up_is_timed_however_long_it_takes() {
    // Around what fits into 40 bits.
    for copies in [10, 11, 50] {
        let mut trace = Trace::new();
        for _ in 0..copies {
            trace.client("S", 100, 0, 0).wait(100_000);
        }
        trace.server("S.", 300, 101, 0).client(".", 101, 301, 0);
        let set_up_ns = (copies * 100_010 + 10) * MS;
        assert_eq!(trace.connection().setup_time_ns(), Some(set_up_ns as u64));
    }
}
