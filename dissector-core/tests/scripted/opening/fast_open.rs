//! Fast Open: a server that sends before it has the final ACK.

use dissector_core::connection::{Finding, Outcome, Stage};

use testkit::script::Script;

const COOKIE: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8];

/// A SYN with a cookie and so many octets, all of which the SYN/ACK acknowledges.
fn opened(octets: usize) -> Script {
    let mut script = Script::new();
    script.client().syn().mss(1460).ts().cookie(COOKIE).carrying(octets);
    script.server().syn_ack().mss(1460).ts().taking(octets as u32);
    script
}

#[test]
fn a_cookie_alone_allows_data_before_the_final_ack() {
    let mut script = opened(0);
    let early = script.server().data(100).lacks(Finding::DataBeforeEstablished);
    early.is(Stage::None, "ESTABLISHED?", "SYN-RECEIVED");
    script.server().data(100).is(Stage::None, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().data(10).is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    script.server().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED");
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn the_request_for_a_cookie_allows_none() {
    let mut script = Script::new();
    script.client().syn().cookie(&[]);
    script.server().syn_ack().cookie(COOKIE);
    script.server().data(20).has(Finding::DataBeforeEstablished);
}

#[test]
fn data_that_was_under_way_when_the_final_ack_passed_proves_nothing() {
    let mut script = opened(10);
    script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    // It still echoes the SYN, and acknowledges no more than its data.
    let syn = script.clock_ms() - 20;
    script.server().data(100).ts_echo(syn).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    // It echoes the final ACK.
    script.server().data(100).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
}

#[test]
fn without_timestamps_a_new_acknowledgment_proves_that_the_final_ack_arrived() {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(10);
    script.server().syn_ack().taking(10);
    script.client().ack();
    script.server().data(100).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    script.client().data(10);
    script.server().data(100).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
}

#[test]
fn without_timestamps_more_than_the_window_of_a_syn_proves_it_too() {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(10);
    script.server().syn_ack().taking(10);
    script.client().ack();
    script.server().data(40_000).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    script.client().ack();
    script.server().data(20_000).is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    script.server().data(10_000).is(Stage::None, "ESTABLISHED", "ESTABLISHED");
}

#[test]
fn the_final_ack_was_missed_where_the_server_takes_more_than_the_syn() {
    let mut script = opened(10);
    script.client().ack().uncaptured();
    script.client().data(5).uncaptured();
    // Among what is missing may be a FIN.
    script.server().data(20).is(Stage::None, "ESTABLISHED?", "ESTABLISHED?");
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn a_fin_before_the_final_ack_is_in_fin_wait_1() {
    let mut script = opened(10);
    script.server().data(20).is(Stage::None, "ESTABLISHED?", "SYN-RECEIVED");
    script.server().fin().is(Stage::Fin, "CLOSE-WAIT?", "FIN-WAIT-1");
    assert_eq!(script.outcome(), Outcome::Pending);
    assert_eq!(script.outcome_after_ms(4000), Outcome::NoFinalAck);
}

/// The SYN/ACK of a Fast Open connection is lost, the data behind it is not.
fn without_synack() -> Script {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(1000);
    script.server().syn_ack().taking(1000).uncaptured().lost();
    script.server().data(1400).lost().is(Stage::None, "SYN-SENT", "SYN-RECEIVED?");
    script
}

#[test]
fn data_without_its_synack_completes_nothing() {
    let mut script = without_synack();
    script.server().data(200).lost().is(Stage::None, "SYN-SENT", "SYN-RECEIVED?");
    assert_eq!(script.outcome(), Outcome::Pending);
    assert_eq!(script.outcome_after_ms(2900), Outcome::Pending);
    assert_eq!(script.outcome_after_ms(3000), Outcome::NoFinalAck);
    assert!(!script.verdict_after_ms(3000).established);
    // The same data again.
    script.server().data(200).raw_seq(6401).lost().is(Stage::None, "SYN-SENT", "SYN-RECEIVED?");
    assert_eq!(script.outcome(), Outcome::NoFinalAck);
}

#[test]
fn a_repeated_syn_shows_that_the_synack_is_lost() {
    let mut script = without_synack();
    script.client().repeat().after_ms(1000).is(Stage::Syn, "SYN-SENT", "SYN-RECEIVED?");
    assert_eq!(script.outcome(), Outcome::NoFinalAck);
}

#[test]
fn a_late_synack_takes_up_the_connection() {
    let mut script = without_synack();
    let synack = script.server().syn_ack().raw_ack(2001).after_ms(1000);
    synack.is(Stage::SynAck, "ESTABLISHED?", "SYN-RECEIVED");
    script.client().ack().is(Stage::FinalAck, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(script.outcome(), Outcome::Complete);
}

#[test]
fn the_clients_acknowledgment_shows_that_the_synack_was_only_missed() {
    let mut script = Script::new();
    script.client().syn().cookie(COOKIE).carrying(1000);
    script.server().syn_ack().taking(1000).uncaptured();
    script.server().data(1400).is(Stage::None, "SYN-SENT", "SYN-RECEIVED?");
    let ack = script.client().ack().has(Finding::SynAckNotCaptured);
    ack.is(Stage::None, "ESTABLISHED", "ESTABLISHED?");
    assert_eq!(script.outcome(), Outcome::Complete);
    script.client().data(5);
    script.server().ack().is(Stage::None, "ESTABLISHED", "ESTABLISHED");
}

#[test]
fn without_fast_open_too_only_the_client_shows_that_synack_and_final_ack_were_missed() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().uncaptured();
    script.client().ack().uncaptured();
    script.server().data(100).is(Stage::None, "SYN-SENT", "SYN-RECEIVED?");
    script.client().ack().has(Finding::SynAckNotCaptured);
    assert_eq!(script.outcome(), Outcome::Complete);
}
