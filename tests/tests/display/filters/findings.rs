//! Filters for expert items: the packets that have each finding.

use super::{Case, ONE, TWO};

const fn case(
    filter: &'static str,
    passes: &'static [&'static str],
    samples: &'static [(&'static str, &'static str)],
    built: &'static str,
) -> Case {
    Case { filter, passes, samples, built }
}

pub const CASES: &[Case] = &[
    // These findings are on the last SYN, the last SYN/ACK or the first packet, which only the
    // second pass knows.
    case("tcphs.expert.no_reply", TWO, &[("no-reply", "4"), ("accept-queue-full", "10")], ""),
    case("tcphs.expert.no_reply", ONE, &[], ""),
    case("tcphs.expert.no_final_ack", TWO, &[], "46"),
    case("tcphs.expert.no_final_ack", ONE, &[], ""),
    case("tcphs.expert.not_accepted", TWO, &[("not-accepted", "6")], ""),
    case("tcphs.expert.not_accepted", ONE, &[], ""),
    case("tcphs.expert.one_way_capture", TWO, &[], "34 37"),
    case("tcphs.expert.midstream", TWO, &[("midstream", "1")], ""),
    case("tcphs.expert.midstream", ONE, &[], ""),
    // The samples that follow in the merged capture are later by more than a minute, so the
    // connection has been half-closed for long.
    case("tcphs.expert.fin_unacked || tcphs.expert.half_closed_long", TWO, &[], "31"),
    // From the third copy on, a repeated SYN is a warning.
    case(
        "tcphs.expert.syn_retx",
        ONE,
        &[("no-reply", "2-4"), ("accept-queue-full", "8-10"), ("challenge-ack", "9")],
        "25",
    ),
    case(
        "tcphs.expert.syn_retx && _ws.expert.severity == Warning && tcphs.retry < 3",
        TWO,
        &[],
        "",
    ),
    case("tcphs.expert.synack_retx", ONE, &[], "46"),
    case("tcphs.expert.synack_retx_crossed || tcphs.expert.synack_not_received", ONE, &[], ""),
    case("tcphs.expert.refused", ONE, &[("refused", "2")], ""),
    case(
        "tcphs.expert.unreachable",
        ONE,
        &[("icmp-reject", "2 4"), ("icmp-reject-ipv6", "2 4")],
        "",
    ),
    case("tcphs.expert.aborted_by_client", ONE, &[], "21"),
    case("tcphs.expert.aborted_by_server", ONE, &[("abort-on-overflow", "4")], ""),
    case("tcphs.expert.bad_synack", ONE, &[], "23"),
    case("tcphs.expert.challenge_ack", ONE, &[("challenge-ack", "7")], ""),
    case("tcphs.expert.half_open_reset", ONE, &[("challenge-ack", "8")], ""),
    // The ports are those of a sample recorded just before, whose server never accepted the ACK.
    case(
        "tcphs.expert.syn_in_established",
        ONE,
        &[("abort-on-overflow", "1"), ("challenge-ack", "6")],
        "",
    ),
    // Three samples use the same ports as one before them, within two minutes.
    case(
        "tcphs.expert.port_reused",
        ONE,
        &[("port-reuse", "1 7"), ("time-wait-reuse", "1 8"), ("challenge-ack", "1")],
        "",
    ),
    case("tcphs.expert.simultaneous_open", ONE, &[("simultaneous-open", "2")], ""),
    case("tcphs.expert.split_handshake || tcphs.expert.self_connect", ONE, &[], ""),
    case("tcphs.expert.tfo_fallback", ONE, &[("fast-open-ignored", "2")], ""),
    case("tcphs.expert.syn_data_without_cookie", ONE, &[], ""),
    case("tcphs.expert.rst_abort", ONE, &[("reset", "10"), ("port-reuse", "6")], "16"),
    case("tcphs.expert.rst_ignored", ONE, &[], "17"),
    case("tcphs.expert.rst_ttl_mismatch", ONE, &[], "16"),
    case("tcphs.expert.rst_after_fin", ONE, &[], "43"),
    case("tcphs.expert.rst_unacceptable", ONE, &[], ""),
    case("tcphs.expert.rst_right_after_handshake", ONE, &[], ""),
    case("tcphs.expert.duplicate_frame", ONE, &[], "2 4 6 8 10"),
    case("tcphs.expert.slow_handshake", ONE, &[], "27"),
    case("tcphs.expert.syn_not_captured", ONE, &[], "37"),
    case("tcphs.expert.synack_not_captured", ONE, &[], "35"),
    case("tcphs.expert.final_ack_not_captured", ONE, &[], ""),
    case("tcphs.expert.out_of_order_handshake", ONE, &[], ""),
    case("tcphs.expert.simultaneous_close", ONE, &[("simultaneous-close", "7")], ""),
    // The samples come from a real TCP, which violates no rule.
    case(
        "tcphs.expert.illegal_flags || tcphs.expert.synack_option_not_offered \
         || tcphs.expert.synack_isn_changed || tcphs.expert.wscale_one_sided \
         || tcphs.expert.ts_dropped || tcphs.expert.mss_small || tcphs.expert.ecn_broken \
         || tcphs.expert.syn_options_changed || tcphs.expert.mptcp_fallback",
        ONE,
        &[],
        "",
    ),
];
