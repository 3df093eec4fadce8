//! Options beyond the snap length are not known: cut off is not absent.

use dissector_core::connection::{Close, Finding, Stage};

use testkit::script::Script;

/// A handshake with all options, of which so many octets of SYN and SYN/ACK are captured. Of 20 octets, the
/// maximum segment size takes the first four, SACK the next two, timestamps ten more, the scale the last.
fn handshake(syn: usize, synack: usize) -> Script {
    let mut script = Script::new();
    script.client().syn().mss(1460).sack().ts().ws(7).cut_in_options(syn);
    script.server().syn_ack().mss(1400).sack().ts().ws(9).cut_in_options(synack);
    script.client().ack().stage(Stage::FinalAck);
    script
}

#[test]
fn what_is_cut_off_is_not_known() {
    for (syn, synack) in [(0, 20), (20, 0), (0, 0), (3, 20), (0, 6)] {
        let script = handshake(syn, synack);
        let verdict = script.verdict();
        let negotiated = verdict.negotiated;
        assert_eq!(negotiated.mss_client, (syn >= 4).then_some(1460));
        assert_eq!(negotiated.mss_server, (synack >= 4).then_some(1400));
        assert_eq!((negotiated.wscale_client, negotiated.wscale_server), (None, None));
        assert_eq!((negotiated.sack, negotiated.ts), (None, None));
        let findings: Vec<_> = verdict.findings.iter().collect();
        assert_eq!(findings, [Finding::HandshakeComplete], "{syn} {synack}");
    }
}

#[test]
fn what_was_captured_is_known() {
    let negotiated = handshake(16, 17).verdict().negotiated;
    assert_eq!((negotiated.sack, negotiated.ts), (Some(true), Some(true)));
    assert_eq!((negotiated.wscale_client, negotiated.wscale_server), (None, None));
    let negotiated = handshake(20, 20).verdict().negotiated;
    assert_eq!((negotiated.wscale_client, negotiated.wscale_server), (Some(7), Some(9)));
}

#[test]
fn what_one_end_certainly_does_not_offer_is_not_in_effect() {
    let mut script = Script::new();
    script.client().syn().mss(1460);
    script.server().syn_ack().mss(1400).ws(9).cut_in_options(4);
    let negotiated = script.verdict().negotiated;
    assert_eq!((negotiated.wscale_client, negotiated.wscale_server), (Some(-1), Some(-1)));
    assert_eq!((negotiated.sack, negotiated.ts), (Some(false), Some(false)));
}

#[test]
fn nothing_is_said_of_a_copy_that_is_cut() {
    for (first, second) in [(0, 20), (20, 0), (4, 20), (12, 12)] {
        let mut script = Script::new();
        script.client().syn().mss(1460).sack().ts().ws(7).cut_in_options(first);
        let again = script.client().repeat().after_ms(1000).cut_in_options(second);
        again.lacks(Finding::SynOptionsChanged).lacks(Finding::TfoFallback);
    }
    let mut script = Script::new();
    script.client().syn().mss(1460).sack().cut_in_options(4);
    script.client().syn().mss(1400).sack().cut_in_options(4).has(Finding::SynOptionsChanged);
}

#[test]
fn a_cookie_that_may_be_cut_off_is_not_missing() {
    for (captured, missing) in [(4, false), (16, true)] {
        let mut script = Script::new();
        let syn = script.client().syn().mss(1460).carrying(10);
        let syn = syn.ws(7).sack().mss(1460).cut_in_options(captured).sent();
        assert_eq!(syn.0.findings.contains(Finding::SynDataWithoutCookie), missing);
    }
}

#[test]
fn timestamps_that_may_be_cut_off_are_not_missing() {
    let mut script = handshake(20, 20);
    script.client().data(5).cut_in_options(2).lacks(Finding::TsDropped);
    script.client().data(5).without_options().has(Finding::TsDropped);
}

/// The window of the server is 1000, its scale unknown.
#[test]
fn the_window_is_taken_for_the_largest_where_its_scale_is_cut_off() {
    for (seq, close) in [(1 + (1000 << 14), Close::Rst), (2 + (1000 << 14), Close::Open)] {
        let mut script = handshake(6, 20);
        script.server().ack();
        script.client().rst().seq(seq).stage(Stage::RstIgnored);
        assert_eq!(script.verdict().close, close);
    }
}
