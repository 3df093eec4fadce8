//! A capture of the kinds that no sample shows: duplicates, a forged RST, aborts, one-way captures
//! and others.

use testkit::capture::Frames;
use testkit::script::Script;

/// Continues the script with the next client.
fn next(script: &mut Script, port: &mut u16) {
    *port += 1;
    script.go_on_between(("10.0.0.1", *port), ("10.0.0.2", 80));
}

/// The capture, of packets that begin with the IP header.
pub fn capture() -> Frames {
    let (mut script, mut port) = (Script::new(), 1000);
    let file = &mut script;

    // Frames 1 to 10: everything captured twice.
    next(file, &mut port);
    file.client().syn();
    file.mirrored();
    file.server().syn_ack();
    file.mirrored();
    file.client().ack();
    file.mirrored();
    file.client().data(5);
    file.mirrored();
    file.server().ack();
    file.mirrored();

    // 11 to 18: an RST that did not come from the server, which goes on.
    next(file, &mut port);
    file.used();
    file.server().rst_ack().ttl(60);
    file.server().data(10);
    file.client().ack();

    // 19 to 21: a scan.
    next(file, &mut port);
    file.client().syn();
    file.server().syn_ack();
    file.client().rst();

    // 22 and 23: a SYN/ACK that does not acknowledge the SYN.
    next(file, &mut port);
    file.client().syn();
    file.server().syn_ack().acking(500);

    // 24 to 27: the first SYN was lost.
    next(file, &mut port);
    file.client().syn().lost();
    file.client().repeat().after_ms(1000);
    file.server().syn_ack();
    file.client().ack().after_ms(1);

    // 28 to 33: the client has closed, the server goes on.
    next(file, &mut port);
    file.handshake();
    file.client().fin();
    file.server().ack();
    file.server().data(10);

    // 34 to 36: only the client was captured; 37 and 38: only the server.
    next(file, &mut port);
    file.client().syn();
    file.server().syn_ack().uncaptured();
    file.client().ack();
    file.client().data(5);
    next(file, &mut port);
    file.client().syn().uncaptured();
    file.server().syn_ack();
    file.client().ack().uncaptured();
    file.client().data(5).uncaptured();
    file.server().data(5);

    // 39 to 43: reset after a FIN.
    next(file, &mut port);
    file.handshake();
    file.client().fin();
    file.server().rst_ack();

    // 44 to 46: the client is silent.
    next(file, &mut port);
    file.client().syn();
    file.server().syn_ack();
    file.server().repeat().after_ms(1000);

    script.capture(1_700_000_000)
}
