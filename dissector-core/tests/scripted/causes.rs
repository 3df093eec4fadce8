//! The evidence in the capture on the cause, and where it decides.

use dissector_core::connection::{
    Cause, Close, Evidence, EvidenceSet, Outcome, Verdict, WeighedCause,
};

use testkit::script::Script;

/// Outcome, cause and evidence, seen ten seconds after the last frame.
#[track_caller]
fn expect(script: &Script, outcome: Outcome, cause: Option<Cause>, evidence: &[Evidence]) {
    let verdict = script.verdict_after_ms(10_000);
    let expected: EvidenceSet = evidence.iter().copied().collect();
    let seen: Vec<_> = verdict.cause_evidence.iter().collect();
    assert_eq!((verdict.outcome, verdict.cause), (outcome, cause), "{seen:?}");
    assert_eq!(verdict.cause_evidence, expected, "{seen:?}");
}

fn causes(verdict: &Verdict) -> Vec<Cause> {
    let advice = verdict.advice().expect("something went wrong");
    let left = advice.causes_given(verdict.cause_evidence);
    left.iter().map(|weighed: &WeighedCause| weighed.cause).collect()
}

#[test]
fn a_scanner_asks_once_and_offers_nothing() {
    let mut script = Script::new();
    script.client().syn().mss(1460);
    let evidence = [Evidence::SynNeverRepeated, Evidence::SynWithoutOptions];
    expect(&script, Outcome::NoReply, None, &evidence);
    assert_eq!(causes(&script.verdict_after_ms(10_000))[0], Cause::SynScan);
    // A TCP whose first time-out is 3 s could still repeat it.
    let early = script.verdict_after_ms(3_200);
    assert_eq!(early.outcome, Outcome::NoReply);
    assert!(!early.cause_evidence.contains(Evidence::SynNeverRepeated));
}

#[test]
fn a_client_that_repeats_its_syn_is_no_scanner() {
    let mut script = Script::new();
    script.client().syn().mss(1460).sack().ts();
    script.client().repeat().after_ms(1000);
    expect(&script, Outcome::NoReply, None, &[Evidence::SynRepeated, Evidence::SynOfOs]);
    let left = causes(&script.verdict());
    assert!(!left.contains(&Cause::SynScan) && !left.contains(&Cause::ClientGaveUp));
    assert_eq!(left[0], Cause::FirewallDrops);
}

#[test]
fn an_rst_that_is_not_believed_shows_that_something_answers() {
    let mut script = Script::new();
    script.client().syn().sack();
    script.server().refusal().raw_ack(77);
    script.client().repeat().after_ms(1000);
    let evidence = [Evidence::SynRepeated, Evidence::SynOfOs, Evidence::RstUnacceptable];
    expect(&script, Outcome::NoReply, Some(Cause::AnswerUnacceptable), &evidence);
    assert_eq!(causes(&script.verdict()), [Cause::AnswerUnacceptable]);
}

/// A connection that one side closed first, and another SYN on the same ports.
fn reused(closer: usize, timestamps: Option<(u32, u32)>, isn: u32) -> Script {
    let mut script = Script::new();
    let stamped = timestamps.is_some();
    let first = timestamps.map_or(0, |(first, _)| first);
    let syn = script.client().syn();
    if stamped {
        syn.ts_value(first).sent()
    } else {
        syn.sent()
    };
    script.server().syn_ack().ts_if(stamped);
    script.client().ack();
    script.client().data(5);
    script.server().ack();
    script.sender(closer).fin();
    script.sender(1 - closer).fin();
    script.sender(closer).ack();
    script.client().restarts(isn);
    let syn = script.client().syn().after_ms(5000);
    match timestamps {
        Some((_, second)) => syn.ts_value(second).sent(),
        None => syn.sent(),
    };
    script.client().repeat().after_ms(1000);
    script
}

#[test]
fn a_server_in_time_wait_drops_what_looks_old() {
    let behind = |script: &Script| {
        let verdict = script.verdict_after_ms(10_000);
        let has = |evidence| verdict.cause_evidence.contains(evidence);
        (verdict.cause, has(Evidence::NumberBehind), has(Evidence::TsvalBehind))
    };
    let refuses = Some(Cause::TimeWaitRefuses);
    assert_eq!(behind(&reused(1, Some((1, 20)), 900)), (refuses, true, true));
    assert_eq!(behind(&reused(1, Some((1, 20)), 900_000)), (refuses, false, true));
    // A newer timestamp is enough, and so is a higher number where there are none.
    assert_eq!(behind(&reused(1, Some((1, 6_000_000)), 900)), (None, false, false));
    assert_eq!(behind(&reused(1, None, 900_000)), (None, false, false));
    assert_eq!(behind(&reused(1, None, 900)), (refuses, true, false));
    // The client closed first: it is the one in TIME-WAIT.
    assert_eq!(behind(&reused(0, Some((1, 20)), 900)), (None, false, false));
}

#[test]
fn the_timestamp_of_the_fin_counts_not_that_of_the_syn() {
    let mut script = Script::new();
    script.client().syn().ts_value(1_000);
    script.server().syn_ack().ts();
    script.client().ack().ts_value(1_020);
    script.client().data(5).ts_value(2_000);
    script.server().ack();
    script.server().fin();
    script.client().fin().ts_value(9_000);
    script.server().ack();
    script.client().restarts(900_000);
    script.client().syn().after_ms(5000).ts_value(5_000);
    script.client().repeat().after_ms(1000);
    assert_eq!(script.verdict().cause, Some(Cause::TimeWaitRefuses));
}

#[test]
fn signatures_have_to_be_on_both_sides() {
    for (by_client, by_server) in [(true, false), (false, true), (true, true), (false, false)] {
        for ao in [false, true] {
            let mut script = Script::new();
            let syn = script.client().syn().mss(1460).ws(7);
            let syn = if by_client && ao { syn.ao() } else { syn };
            let syn = if by_client && !ao { syn.md5() } else { syn };
            syn.sent();
            let answer = script.server().syn_ack().mss(1460).ws(7);
            let answer = if by_server { answer.md5() } else { answer };
            answer.sent();
            let decided = (by_client != by_server).then_some(Cause::KeyMismatch);
            assert_eq!(script.verdict_after_ms(3000).cause, decided, "{by_client} {by_server}");
        }
    }
}

#[test]
fn bgp_that_gets_no_answer_may_lack_a_key() {
    for signed in [false, true] {
        let mut script = Script::between(("10.0.0.1", 40_000), ("10.0.0.2", 179));
        let syn = script.client().syn().mss(1460).sack();
        if signed {
            syn.md5().sent()
        } else {
            syn.sent()
        };
        script.client().repeat().after_ms(1000);
        let verdict = script.verdict();
        let seen = if signed { Evidence::SynSigned } else { Evidence::BgpPort };
        assert!(verdict.cause_evidence.contains(seen));
        assert_eq!((verdict.cause, causes(&verdict)[0]), (None, Cause::KeyMismatch));
    }
}

#[test]
fn a_client_that_asks_again_is_there() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().repeat().after_ms(1000);
    script.server().repeat();
    let lost = Some(Cause::SynAckLost);
    let evidence =
        [Evidence::SynAckNotReceived, Evidence::SynWithoutOptions, Evidence::SynAckRepeated];
    expect(&script, Outcome::NoFinalAck, lost, &evidence);
}

#[test]
fn refusals_by_something_else_than_a_closed_port() {
    let refused = |text: usize, join: bool, reason: bool| {
        let mut script = Script::new();
        let syn = script.client().syn().mss(1460).sack();
        if join {
            syn.mp_join().sent()
        } else {
            syn.sent()
        };
        let rst = script.server().refusal().carrying(text);
        if reason {
            rst.mp_tcprst(1).sent()
        } else {
            rst.sent()
        };
        let verdict = script.verdict();
        (verdict.cause, causes(&verdict)[0])
    };
    assert_eq!(refused(0, false, false), (None, Cause::PortClosed));
    assert_eq!(refused(34, false, false), (Some(Cause::DeviceRefuses), Cause::DeviceRefuses));
    assert_eq!(refused(0, true, true), (Some(Cause::MpJoinRefused), Cause::MpJoinRefused));
    // A port may be closed for subflows as well.
    assert_eq!(refused(0, true, false), (None, Cause::MpJoinRefused));
}

#[test]
fn an_icmp_error_names_its_reason() {
    let unreachable = |ipv6: bool, kind, code, ttl| {
        let mut script = if ipv6 { Script::over_ipv6() } else { Script::new() };
        script.client().syn().ttl(ttl);
        script.icmp(kind, code, 1);
        let verdict = script.verdict();
        assert_eq!(verdict.outcome, Outcome::Unreachable);
        verdict.cause
    };
    for code in [9, 10, 13, 2, 3] {
        assert_eq!(unreachable(false, 3, code, 64), Some(Cause::FirewallRejects), "{code}");
    }
    for code in [1, 4, 5, 6] {
        assert_eq!(unreachable(true, 1, code, 64), Some(Cause::FirewallRejects), "{code}");
    }
    assert_eq!(unreachable(false, 3, 0, 64), Some(Cause::NoRoute));
    assert_eq!(unreachable(true, 1, 0, 64), Some(Cause::NoRoute));
    // Routers say so of a host that does not answer, and of one that they have no route to.
    assert_eq!(unreachable(false, 3, 1, 64), None);
    assert_eq!(unreachable(true, 1, 3, 64), None);
    for ttl in [1, 2, 4] {
        assert_eq!(unreachable(false, 11, 0, ttl), Some(Cause::Traceroute), "{ttl}");
        assert_eq!(unreachable(true, 3, 0, ttl), Some(Cause::Traceroute), "{ttl}");
    }
    assert_eq!(unreachable(false, 11, 0, 57), Some(Cause::RoutingLoop));
    // A traceroute to a server with many hops, or the end of a loop.
    assert_eq!(unreachable(false, 11, 0, 9), None);
    // These are about the packet, and say nothing of a host or a route.
    for (ipv6, kind, code) in
        [(false, 3, 4), (false, 3, 5), (false, 11, 1), (false, 12, 0), (true, 3, 1), (true, 4, 1)]
    {
        let cause = unreachable(ipv6, kind, code, 64);
        assert_eq!(cause, Some(Cause::PacketNotForwarded), "{kind} {code}");
    }
    // Nothing is said of an error that says nothing of a host.
    assert_eq!(unreachable(false, 3, 8, 64), None);
}

#[test]
fn bgp_with_one_hop_is_no_traceroute() {
    let mut script = Script::between(("10.0.0.1", 40_000), ("10.0.9.2", 179));
    script.client().syn().ttl(1);
    script.icmp(11, 0, 1);
    assert_eq!(script.verdict().cause, Some(Cause::BgpNotAdjacent));
}

#[test]
fn an_echoed_timestamp_shows_that_the_ack_arrived() {
    let not_accepted = |ack: u32, echo: u32, data: bool| {
        let mut script = Script::new();
        script.client().syn().ts_value(100);
        script.server().syn_ack().ts();
        script.client().ack().ts_value(ack);
        if data {
            script.client().data(5).ts_value(ack);
        }
        script.server().repeat().after_ms(1000).ts_echo(echo);
        script.client().ack();
        script.server().repeat().after_ms(2000).ts_echo(echo);
        script.verdict()
    };
    let arrived = not_accepted(120, 120, true);
    assert_eq!(arrived.outcome, Outcome::NotAccepted);
    assert_eq!(arrived.cause, Some(Cause::AcceptQueueFull));
    assert!(arrived.cause_evidence.contains(Evidence::AckArrived));
    // It goes on echoing the SYN's: that shows nothing.
    for silent in [not_accepted(120, 100, true), not_accepted(100, 100, true)] {
        assert!(!silent.cause_evidence.contains(Evidence::AckArrived));
        assert_eq!(silent.cause, None);
        assert!(causes(&silent).contains(&Cause::FinalAckLost));
    }
}

#[test]
fn data_ends_a_deferred_accept() {
    let mut script = Script::new();
    script.handshake();
    script.server().repeat().after_ms(1000);
    assert!(causes(&script.verdict_after_ms(4000)).contains(&Cause::DeferredAccept));
    let mut script = Script::new();
    script.handshake();
    script.client().data(5);
    script.server().syn_ack().after_ms(1000);
    assert!(!causes(&script.verdict_after_ms(4000)).contains(&Cause::DeferredAccept));
}

#[test]
fn timestamps_that_are_gone_are_a_cause_unless_they_come_back() {
    for come_back in [false, true] {
        let mut script = Script::new();
        script.client().syn().ts();
        script.server().syn_ack().ts();
        script.client().ack().without_options();
        script.server().repeat().after_ms(1000);
        let ack = script.client().ack();
        if come_back {
            ack.sent()
        } else {
            ack.without_options().sent()
        };
        script.server().repeat().after_ms(2000);
        let verdict = script.verdict();
        let gone = verdict.cause_evidence.contains(Evidence::TimestampsGone);
        assert_eq!(gone, !come_back);
        assert_eq!(causes(&verdict).contains(&Cause::TimestampsMissing), gone);
    }
}

#[test]
fn an_rst_of_the_clients_own_socket_is_a_half_open_check() {
    let mut script = Script::new();
    script.client().syn().mss(1460).sack().ts();
    script.server().syn_ack().ts();
    script.client().rst_ack().after_us(100).ts();
    assert_eq!(script.verdict().cause, Some(Cause::HalfOpenCheck));
    // The kernel that knows nothing answers in another way, and for many reasons.
    let mut script = Script::new();
    script.client().syn().mss(1460).sack().ts();
    script.server().syn_ack().ts();
    script.client().reflex();
    let verdict = script.verdict();
    assert_eq!(verdict.cause, None);
    assert_ne!(causes(&verdict)[0], Cause::HalfOpenCheck);
}

#[test]
fn a_client_that_resets_what_was_never_answered_gave_up() {
    let mut script = Script::new();
    script.client().syn().mss(1460).sack().ts();
    script.client().repeat().after_ms(1000);
    script.client().repeat().after_ms(2000);
    script.client().rst_ack().after_ms(60_000);
    let verdict = script.verdict_after_ms(10_000);
    assert_eq!(verdict.outcome, Outcome::AbortedByClient);
    assert!(verdict.cause_evidence.contains(Evidence::NeverAnswered));
    let left = causes(&verdict);
    assert_eq!(left[0], Cause::ClientGaveUp);
    // No health check without an answer to see.
    assert!(!left.contains(&Cause::HalfOpenCheck) && !left.contains(&Cause::SynScan));
}

#[test]
fn an_rst_that_knows_no_synack_comes_from_behind_it() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack();
    script.client().repeat().after_ms(1000);
    script.server().refusal();
    let verdict = script.verdict();
    assert_eq!(
        (verdict.outcome, verdict.cause),
        (Outcome::AbortedByServer, Some(Cause::FrontAnswered))
    );
    // After the final ACK, an RST is what a full queue or a failed cookie sends.
    let mut script = Script::new();
    script.handshake();
    script.server().reflex();
    let left = causes(&script.verdict());
    assert!(left.contains(&Cause::AbortOnOverflow) && !left.contains(&Cause::FrontAnswered));
}

#[test]
fn keep_alives_without_an_answer_end_a_connection() {
    for (octets, by) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
        let mut script = Script::new();
        script.used();
        script.server().data(5);
        script.client().ack();
        script.sender(by).keep_alive(octets).after_ms(60_000);
        script.sender(1 - by).ack();
        for _ in 0..3 {
            script.sender(by).keep_alive(octets).after_ms(10_000);
        }
        script.sender(by).rst_ack().after_ms(10_000);
        let verdict = script.verdict();
        assert_eq!(
            (verdict.close, verdict.cause),
            (Close::Rst, Some(Cause::PeerSilent)),
            "{octets}"
        );
    }
}

#[test]
fn keep_alives_that_are_answered_are_no_cause() {
    let mut script = Script::new();
    script.used();
    for _ in 0..4 {
        script.client().keep_alive(0).after_ms(60_000);
        script.server().ack();
    }
    // An RST of the other end does not follow from them either.
    script.client().keep_alive(0).after_ms(60_000);
    script.client().keep_alive(0).after_ms(60_000);
    script.server().rst_ack().after_ms(20_000);
    let verdict = script.verdict();
    assert_eq!(verdict.cause, None);
    assert!(verdict.cause_evidence.contains(Evidence::SilenceBeforeRst));
    assert!(!verdict.cause_evidence.contains(Evidence::KeepAlivesUnanswered));
}

#[test]
fn data_that_nothing_answers_any_more_ends_a_connection() {
    for by in [0, 1] {
        let mut script = Script::new();
        script.used();
        script.sender(by).data(100);
        for _ in 0..4 {
            script.sender(by).repeat().after_ms(1000);
        }
        script.sender(by).rst_ack().after_ms(1000);
        assert_eq!(script.verdict().cause, Some(Cause::PeerSilent));
        // If the other end resets, it was there.
        let mut script = Script::new();
        script.used();
        script.sender(by).data(100);
        for _ in 0..4 {
            script.sender(by).repeat().after_ms(1000);
        }
        script.sender(1 - by).rst_ack().after_ms(1000);
        assert_eq!(script.verdict().cause, None);
    }
}

#[test]
fn an_octet_that_was_not_acknowledged_is_no_keep_alive() {
    let mut script = Script::new();
    script.used();
    script.client().data(1);
    for _ in 0..3 {
        script.client().repeat().after_ms(1000);
    }
    script.client().rst_ack().after_ms(1000);
    let evidence = script.verdict().cause_evidence;
    assert!(!evidence.contains(Evidence::KeepAlivesUnanswered));
}

#[test]
fn a_connection_that_ends_without_an_octet() {
    let closed = |closer: usize, wait_ms: i64| {
        let mut script = Script::new();
        script.handshake();
        script.sender(closer).fin().after_ms(wait_ms);
        script.sender(1 - closer).fin();
        script.sender(closer).ack();
        let verdict = script.verdict();
        assert!(verdict.cause_evidence.contains(Evidence::NoOctet));
        verdict.cause
    };
    assert_eq!(closed(1, 10), Some(Cause::TurnedAway));
    assert_eq!(closed(1, 5000), None);
    assert_eq!(closed(0, 10), Some(Cause::NotNeeded));
    let mut script = Script::new();
    script.closed();
    assert_eq!((script.verdict().cause, script.verdict().cause_evidence.is_empty()), (None, true));
}

#[test]
fn data_that_comes_after_a_program_closed_is_answered_by_an_rst() {
    for (wait_ms, cause) in [(100, Cause::ClosedWhileReceiving), (70_000, Cause::OrphanTimedOut)] {
        let mut script = Script::new();
        script.used();
        script.client().fin();
        script.server().ack();
        script.server().data(500).after_ms(wait_ms);
        script.client().reflex();
        let verdict = script.verdict();
        assert_eq!((verdict.close, verdict.cause), (Close::RstAfterFin, Some(cause)));
    }
}

#[test]
fn a_closed_window_in_the_synack_is_a_syn_proxys() {
    for (window, answered) in [(0, false), (1000, false), (0, true)] {
        let mut script = Script::new();
        script.client().syn().sack();
        script.server().syn_ack().window(window);
        script.client().ack();
        script.server().ack().window(63);
        script.client().data(2);
        script.client().repeat().after_ms(200);
        script.client().repeat().after_ms(400);
        if answered {
            script.server().ack();
        }
        // The server has sent an ACK, so it has accepted the connection.
        let cause = if window == 0 { Cause::SynProxy } else { Cause::DataLost };
        let cause = Some(cause).filter(|_| !answered);
        let verdict = script.verdict();
        assert_eq!((verdict.outcome, verdict.cause), (Outcome::Complete, cause));
        let unanswered = verdict.cause_evidence.contains(Evidence::DataNeverAcknowledged);
        assert_eq!(unanswered, !answered);
    }
}

/// Nothing but what bears on a listed cause is told, and nothing of other connections.
#[test]
fn evidence_of_others_is_never_in_a_verdict() {
    assert!(Evidence::ALL.iter().any(|evidence| evidence.is_of_others()));
    let mut script = Script::new();
    script.handshake();
    assert_eq!(script.verdict().cause, None);
    assert!(script.verdict().cause_evidence.is_empty());
}
