//! An RST passes and never arrives: its receiver goes on, in states that have gone on too.

use dissector_core::connection::Stage;

use testkit::script::Script;

#[test]
fn a_fin_that_came_after_a_lost_rst_counts() {
    let mut script = Script::new();
    script.used();
    script.server().fin();
    script.client().ack().is(Stage::FinAcked, "CLOSE-WAIT", "FIN-WAIT-2?");
    script.server().rst_ack().lost();
    script.client().fin().after_ms(500);
    // An end does not repeat its FIN after an RST has arrived.
    script.client().repeat().after_ms(1000).is(Stage::SecondFin, "LAST-ACK", "TIME-WAIT?");
}

#[test]
fn a_fin_that_acknowledges_another_after_a_lost_rst_is_the_second() {
    let mut script = Script::new();
    script.used();
    script.server().fin();
    script.client().ack().acking(0).lost();
    script.server().rst_ack().lost();
    script.client().fin().after_ms(500).stage(Stage::FinAndAck);
    script.client().repeat().after_ms(1000).is(Stage::FinAndAck, "LAST-ACK", "TIME-WAIT?");
}

#[test]
fn a_fin_that_crossed_another_after_a_lost_rst_leads_to_closing() {
    let mut script = Script::new();
    script.used();
    script.client().fin().lost();
    script.client().rst_ack().lost();
    script.server().fin().after_ms(500).stage(Stage::FinSimultaneous);
    script.server().repeat().after_ms(1000).is(Stage::FinSimultaneous, "CLOSING?", "FIN-WAIT-1");
}

#[test]
fn a_fin_that_crossed_another_has_met_it_when_the_sender_of_the_rst_goes_on() {
    let mut script = Script::new();
    script.used();
    script.client().fin().lost();
    script.client().rst_ack().lost();
    script.server().fin().after_ms(500).stage(Stage::FinSimultaneous);
    script.client().ack().acking(2).is(Stage::SecondFinAcked, "CLOSING", "TIME-WAIT?");
}

#[test]
fn a_synack_repeated_after_the_own_fin_is_sent_in_fin_wait_1() {
    let mut script = Script::new();
    script.client().syn();
    script.server().syn_ack().lost();
    script.server().fin().lost();
    script.client().rst().seq(1).lost();
    let isn = 5000;
    script.server().syn_ack().raw_seq(isn).after_ms(3000).is(Stage::SynAck, "CLOSED", "FIN-WAIT-1");
}

#[test]
fn an_ack_of_a_fin_after_a_lost_rst_proves_its_arrival() {
    let mut script = Script::new();
    script.handshake();
    script.client().fin().lost();
    script.server().syn_ack().after_ms(3000).is(Stage::SynAck, "FIN-WAIT-1", "SYN-RECEIVED");
    script.client().rst_ack().stage(Stage::Rst);
    script.server().ack().acking(2).is(Stage::FinAcked, "CLOSED", "CLOSE-WAIT");
}
