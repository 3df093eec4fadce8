/* tcphs.h
 * TCP handshakes: which step a segment is, and what state both ends are in.
 *
 * Generated; see ffi-plugin/src/abi/. The plugin for Wireshark is built on this
 * interface, and other C programs may be: build the library without Wireshark by
 * `cargo build --release -p ffi-plugin --no-default-features` and link libtcphs.a
 * or libtcphs.so. tests/c/three_segments.c is a small complete program.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TCPHS_H
#define TCPHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/**
 * State of one endpoint (RFC 9293 §3.3.2); numbers as in TCP-MIB (RFC 4022), 0 is ours.
 */
enum tcphs_state {
    /**
     * The capture began too late to tell. Label: `UNKNOWN`.
     */
    TCPHS_STATE_UNKNOWN = 0,
    /**
     * No connection. Label: `CLOSED`.
     */
    TCPHS_STATE_CLOSED = 1,
    /**
     * Waiting for a connection request. Label: `LISTEN`.
     */
    TCPHS_STATE_LISTEN = 2,
    /**
     * SYN sent, waiting for the peer's. Label: `SYN-SENT`.
     */
    TCPHS_STATE_SYN_SENT = 3,
    /**
     * Both SYNs exchanged, waiting for the acknowledgment of the own one. Label: `SYN-RECEIVED`.
     */
    TCPHS_STATE_SYN_RECEIVED = 4,
    /**
     * Open: data can flow both ways. Label: `ESTABLISHED`.
     */
    TCPHS_STATE_ESTABLISHED = 5,
    /**
     * Closed here first, FIN not acknowledged yet. Label: `FIN-WAIT-1`.
     */
    TCPHS_STATE_FIN_WAIT_1 = 6,
    /**
     * Own FIN acknowledged, waiting for the peer's. Label: `FIN-WAIT-2`.
     */
    TCPHS_STATE_FIN_WAIT_2 = 7,
    /**
     * The peer has closed, this end has not. Label: `CLOSE-WAIT`.
     */
    TCPHS_STATE_CLOSE_WAIT = 8,
    /**
     * Closed after the peer, FIN not acknowledged yet. Label: `LAST-ACK`.
     */
    TCPHS_STATE_LAST_ACK = 9,
    /**
     * Both closed at once, own FIN not acknowledged yet. Label: `CLOSING`.
     */
    TCPHS_STATE_CLOSING = 10,
    /**
     * Both FINs exchanged; waits so that late segments die out. Label: `TIME-WAIT`.
     */
    TCPHS_STATE_TIME_WAIT = 11,
};

/**
 * What a segment is to the handshake or to the close of its connection.
 */
enum tcphs_stage {
    /**
     * Neither. Label: `-`.
     */
    TCPHS_STAGE_NONE = 0,
    /**
     * Opens the connection. Label: `SYN`.
     */
    TCPHS_STAGE_SYN = 1,
    /**
     * The responder's SYN, which acknowledges the first. Label: `SYN/ACK`.
     */
    TCPHS_STAGE_SYN_ACK = 2,
    /**
     * The final acknowledgment: the third segment of the handshake. Label: `ACK`.
     */
    TCPHS_STAGE_FINAL_ACK = 3,
    /**
     * A SYN that meets the peer's own SYN on the way (simultaneous open). Label: `SYN (crossing)`.
     */
    TCPHS_STAGE_SYN_CROSSING = 4,
    /**
     * SYN repeated with the acknowledgment of the peer's SYN (simultaneous open). Label: `SYN/ACK (simultaneous)`.
     */
    TCPHS_STAGE_SYN_ACK_SIMULTANEOUS = 5,
    /**
     * The responder acknowledges the SYN without sending its own yet (split handshake). Label: `ACK of SYN (split)`.
     */
    TCPHS_STAGE_SPLIT_ACK = 6,
    /**
     * The fourth segment of an MPTCP join (RFC 8684 §3.2). Label: `ACK (4/4 MP_JOIN)`.
     */
    TCPHS_STAGE_MP_JOIN_ACK = 7,
    /**
     * The responder still holds an older connection and says so (RFC 5961 §4). Label: `challenge ACK`.
     */
    TCPHS_STAGE_CHALLENGE_ACK = 8,
    /**
     * Nobody listens: the SYN is refused. Label: `RST (refusal)`.
     */
    TCPHS_STAGE_RST_REFUSAL = 9,
    /**
     * Reset before the handshake was complete. Label: `RST (handshake abort)`.
     */
    TCPHS_STAGE_RST_HANDSHAKE_ABORT = 10,
    /**
     * Clears an older connection that the peer still held (RFC 9293 §3.5.1). Label: `RST (half-open)`.
     */
    TCPHS_STAGE_RST_HALF_OPEN = 11,
    /**
     * Not acceptable: the receiver should ignore it. Label: `RST (ignored?)`.
     */
    TCPHS_STAGE_RST_IGNORED = 12,
    /**
     * Ends an established connection. Label: `RST`.
     */
    TCPHS_STAGE_RST = 13,
    /**
     * An ICMP error that quotes a segment of the connection. Label: `ICMP error`.
     */
    TCPHS_STAGE_ICMP_ERROR = 14,
    /**
     * First FIN. Label: `FIN (1/4)`.
     */
    TCPHS_STAGE_FIN = 20,
    /**
     * Acknowledges the first FIN. Label: `ACK of FIN (2/4)`.
     */
    TCPHS_STAGE_FIN_ACKED = 21,
    /**
     * Second FIN, after the first was acknowledged. Label: `FIN (3/4)`.
     */
    TCPHS_STAGE_SECOND_FIN = 22,
    /**
     * Second FIN, which acknowledges the first. Label: `FIN/ACK (2+3/4)`.
     */
    TCPHS_STAGE_FIN_AND_ACK = 23,
    /**
     * Acknowledges the second FIN. Label: `ACK of FIN (4/4)`.
     */
    TCPHS_STAGE_SECOND_FIN_ACKED = 24,
    /**
     * Second FIN, sent without knowing of the first (simultaneous close). Label: `FIN (simultaneous)`.
     */
    TCPHS_STAGE_FIN_SIMULTANEOUS = 25,
    /**
     * A combination of flags that no TCP sends: SYN+FIN, SYN+RST, none, FIN without ACK. Label: `illegal flags`.
     */
    TCPHS_STAGE_ILLEGAL_FLAGS = 30,
};

/**
 * Whether a segment of the handshake or the close was sent before.
 */
enum tcphs_copy {
    /**
     * Sent for the first time. Label: `original`.
     */
    TCPHS_COPY_ORIGINAL = 0,
    /**
     * Sent again by the endpoint. Label: `retransmission`.
     */
    TCPHS_COPY_RETRANSMISSION = 1,
    /**
     * Captured twice; sent once. Label: `duplicate`.
     */
    TCPHS_COPY_DUPLICATE = 2,
    /**
     * Recorded after a segment that answers it. Label: `late`.
     */
    TCPHS_COPY_LATE = 3,
};

/**
 * How the connection went.
 */
enum tcphs_outcome {
    /**
     * The capture is too short to decide. Label: `pending`.
     */
    TCPHS_OUTCOME_PENDING = 0,
    /**
     * Each side's SYN was acknowledged by the other. Label: `complete`.
     */
    TCPHS_OUTCOME_COMPLETE = 1,
    /**
     * Nothing came back. Label: `no_reply`.
     */
    TCPHS_OUTCOME_NO_REPLY = 2,
    /**
     * An acceptable RST answered the SYN. Label: `refused`.
     */
    TCPHS_OUTCOME_REFUSED = 3,
    /**
     * An ICMP error answered the SYN. Label: `unreachable`.
     */
    TCPHS_OUTCOME_UNREACHABLE = 4,
    /**
     * The client never answered the SYN/ACK. Label: `no_final_ack`.
     */
    TCPHS_OUTCOME_NO_FINAL_ACK = 5,
    /**
     * The server kept repeating its SYN/ACK although it was acknowledged. Label: `not_accepted`.
     */
    TCPHS_OUTCOME_NOT_ACCEPTED = 6,
    /**
     * The client reset the connection before the handshake was complete. Label: `aborted_by_client`.
     */
    TCPHS_OUTCOME_ABORTED_BY_CLIENT = 7,
    /**
     * The server reset the connection after its SYN/ACK, before confirming it. Label: `aborted_by_server`.
     */
    TCPHS_OUTCOME_ABORTED_BY_SERVER = 8,
    /**
     * Only a challenge ACK answered the SYN. Label: `challenged`.
     */
    TCPHS_OUTCOME_CHALLENGED = 9,
    /**
     * Only SYN/ACKs that do not acknowledge the SYN came back. Label: `bad_synack`.
     */
    TCPHS_OUTCOME_BAD_SYNACK = 10,
    /**
     * Only one side was captured; what it sent proves that the connection came up. Label: `one_way`.
     */
    TCPHS_OUTCOME_ONE_WAY = 11,
    /**
     * No SYN of either side is in the capture. Label: `midstream`.
     */
    TCPHS_OUTCOME_MIDSTREAM = 12,
    /**
     * SYN/ACKs without a SYN: a late start, or backscatter of forged SYNs. Label: `unsolicited_synack`.
     */
    TCPHS_OUTCOME_UNSOLICITED_SYNACK = 13,
};

/**
 * How the connection was opened.
 */
enum tcphs_open_type {
    /**
     * SYN, SYN/ACK, ACK. Label: `three_way`.
     */
    TCPHS_OPEN_TYPE_THREE_WAY = 0,
    /**
     * With data in the SYN that the server accepted (RFC 7413). Label: `fast_open`.
     */
    TCPHS_OPEN_TYPE_FAST_OPEN = 1,
    /**
     * Both sent a SYN before seeing the other's. Label: `simultaneous`.
     */
    TCPHS_OPEN_TYPE_SIMULTANEOUS = 2,
    /**
     * The responder sent its ACK and its SYN apart. Label: `split`.
     */
    TCPHS_OPEN_TYPE_SPLIT = 3,
    /**
     * Both ends are the same address and port. Label: `self_connect`.
     */
    TCPHS_OPEN_TYPE_SELF_CONNECT = 4,
    /**
     * A further subflow of an MPTCP connection. Label: `mp_join`.
     */
    TCPHS_OPEN_TYPE_MP_JOIN = 5,
    /**
     * Not seen. Label: `unknown`.
     */
    TCPHS_OPEN_TYPE_UNKNOWN = 6,
};

/**
 * How the connection ended.
 */
enum tcphs_close {
    /**
     * It did not. Label: `open`.
     */
    TCPHS_CLOSE_OPEN = 0,
    /**
     * One side closed; the other has not. Label: `half_closed`.
     */
    TCPHS_CLOSE_HALF_CLOSED = 1,
    /**
     * Both closed, one after the other. Label: `fin`.
     */
    TCPHS_CLOSE_FIN = 2,
    /**
     * Both closed, the last FIN was not acknowledged. Label: `fin_unacked`.
     */
    TCPHS_CLOSE_FIN_UNACKED = 3,
    /**
     * Both closed at once. Label: `simultaneous`.
     */
    TCPHS_CLOSE_SIMULTANEOUS = 4,
    /**
     * Reset. Label: `rst`.
     */
    TCPHS_CLOSE_RST = 5,
    /**
     * Reset after a FIN. Label: `rst_after_fin`.
     */
    TCPHS_CLOSE_RST_AFTER_FIN = 6,
};

/**
 * Who ended the connection first.
 */
enum tcphs_close_by {
    /**
     * The client. Label: `client`.
     */
    TCPHS_CLOSE_BY_CLIENT = 0,
    /**
     * The server. Label: `server`.
     */
    TCPHS_CLOSE_BY_SERVER = 1,
    /**
     * Both at once. Label: `both`.
     */
    TCPHS_CLOSE_BY_BOTH = 2,
};

/**
 * Why an RST was sent.
 */
enum tcphs_rst_reason {
    /**
     * In reply to a SYN: nobody listens. Label: `port_closed`.
     */
    TCPHS_RST_REASON_PORT_CLOSED = 0,
    /**
     * The handshake was given up. Label: `handshake_abort`.
     */
    TCPHS_RST_REASON_HANDSHAKE_ABORT = 1,
    /**
     * Tells the peer that the connection it still holds is gone. Label: `half_open_discovery`.
     */
    TCPHS_RST_REASON_HALF_OPEN_DISCOVERY = 2,
    /**
     * A bare RST with the peer's ACK as its sequence number: the sender knows no such connection. Label: `no_connection`.
     */
    TCPHS_RST_REASON_NO_CONNECTION = 3,
    /**
     * RST with ACK: the owner of the connection gave it up. Label: `abort`.
     */
    TCPHS_RST_REASON_ABORT = 4,
    /**
     * After the sender's own FIN. Label: `after_fin`.
     */
    TCPHS_RST_REASON_AFTER_FIN = 5,
    /**
     * Its numbers fit nothing that the receiver would accept. Label: `unacceptable`.
     */
    TCPHS_RST_REASON_UNACCEPTABLE = 6,
};

/**
 * Which end sent the segment.
 */
enum tcphs_role {
    /**
     * Cannot be told: both ends are the same address and port. Label: `unknown`.
     */
    TCPHS_ROLE_UNKNOWN = 0,
    /**
     * The end that opens. Label: `client`.
     */
    TCPHS_ROLE_CLIENT = 1,
    /**
     * The end that is opened to. Label: `server`.
     */
    TCPHS_ROLE_SERVER = 2,
};

/**
 * What the roles of client and server rest on.
 */
enum tcphs_role_basis {
    /**
     * The sender of the first SYN is the client. Label: `syn`.
     */
    TCPHS_ROLE_BASIS_SYN = 0,
    /**
     * The sender of the SYN/ACK is the server. Label: `synack`.
     */
    TCPHS_ROLE_BASIS_SYN_ACK = 1,
    /**
     * The end with the higher port is taken for the client. Label: `port`.
     */
    TCPHS_ROLE_BASIS_PORT = 2,
    /**
     * Equal ports: the sender of the first segment is taken for the client. Label: `none`.
     */
    TCPHS_ROLE_BASIS_NONE = 3,
};

/**
 * Where on the path the capture was taken.
 */
enum tcphs_vantage {
    /**
     * Near the client. Label: `near_client`.
     */
    TCPHS_VANTAGE_NEAR_CLIENT = 0,
    /**
     * Near the server. Label: `near_server`.
     */
    TCPHS_VANTAGE_NEAR_SERVER = 1,
    /**
     * In the middle. Label: `middle`.
     */
    TCPHS_VANTAGE_MIDDLE = 2,
    /**
     * Cannot be told. Label: `unknown`.
     */
    TCPHS_VANTAGE_UNKNOWN = 3,
};

/**
 * What became of the negotiation of explicit congestion notification.
 */
enum tcphs_ecn {
    /**
     * The handshake was not seen. Label: `unknown`.
     */
    TCPHS_ECN_UNKNOWN = 0,
    /**
     * Not asked for. Label: `none`.
     */
    TCPHS_ECN_NONE = 1,
    /**
     * Classic ECN (RFC 3168). Label: `classic`.
     */
    TCPHS_ECN_CLASSIC = 2,
    /**
     * Accurate ECN (RFC 9768). Label: `accecn`.
     */
    TCPHS_ECN_ACC_ECN = 3,
    /**
     * Asked for, and refused by the server. Label: `refused`.
     */
    TCPHS_ECN_REFUSED = 4,
    /**
     * The SYN/ACK reflects the SYN's bits: a broken responder. Label: `broken`.
     */
    TCPHS_ECN_BROKEN = 5,
};

/**
 * Of which sides segments were captured.
 */
enum tcphs_seen {
    /**
     * Both. Label: `both`.
     */
    TCPHS_SEEN_BOTH = 0,
    /**
     * The client's only. Label: `client_only`.
     */
    TCPHS_SEEN_CLIENT_ONLY = 1,
    /**
     * The server's only. Label: `server_only`.
     */
    TCPHS_SEEN_SERVER_ONLY = 2,
};

/**
 * How much a remark matters; the words are Wireshark's.
 */
enum tcphs_severity {
    /**
     * A normal milestone. Label: `chat`.
     */
    TCPHS_SEVERITY_CHAT = 0,
    /**
     * Legal but unusual. Label: `note`.
     */
    TCPHS_SEVERITY_NOTE = 1,
    /**
     * The connection suffers or did not come up. Label: `warn`.
     */
    TCPHS_SEVERITY_WARN = 2,
    /**
     * A violation of the protocol. Label: `error`.
     */
    TCPHS_SEVERITY_ERROR = 3,
};

/**
 * Which of Wireshark's groups a remark belongs to.
 */
enum tcphs_group {
    /**
     * Order and numbers of segments. Label: `sequence`.
     */
    TCPHS_GROUP_SEQUENCE = 0,
    /**
     * The protocol's rules. Label: `protocol`.
     */
    TCPHS_GROUP_PROTOCOL = 1,
};

/**
 * Something worth a remark, on the segment or the connection it was seen on.
 */
enum tcphs_finding {
    /**
     * The handshake is complete. Label: `handshake_complete`.
     */
    TCPHS_FINDING_HANDSHAKE_COMPLETE = 0,
    /**
     * SYN sent again. Label: `syn_retx`.
     */
    TCPHS_FINDING_SYN_RETX = 1,
    /**
     * SYN/ACK sent again: the server has no ACK yet. Label: `synack_retx`.
     */
    TCPHS_FINDING_SYNACK_RETX = 2,
    /**
     * SYN sent again although the SYN/ACK passed here. Label: `synack_not_received`.
     */
    TCPHS_FINDING_SYNACK_NOT_RECEIVED = 3,
    /**
     * SYN/ACK sent again although the final ACK passed here. Label: `synack_retx_after_ack`.
     */
    TCPHS_FINDING_SYNACK_RETX_AFTER_ACK = 4,
    /**
     * SYN/ACK sent again before the final ACK can have arrived. Label: `synack_retx_crossed`.
     */
    TCPHS_FINDING_SYNACK_RETX_CROSSED = 5,
    /**
     * Nothing answers the SYN. Label: `no_reply`.
     */
    TCPHS_FINDING_NO_REPLY = 6,
    /**
     * Nothing answers the SYN/ACK. Label: `no_final_ack`.
     */
    TCPHS_FINDING_NO_FINAL_ACK = 7,
    /**
     * The server does not take the final ACK. Label: `not_accepted`.
     */
    TCPHS_FINDING_NOT_ACCEPTED = 8,
    /**
     * Port closed, or a firewall rejects. Label: `refused`.
     */
    TCPHS_FINDING_REFUSED = 9,
    /**
     * An ICMP error answers the SYN. Label: `unreachable`.
     */
    TCPHS_FINDING_UNREACHABLE = 10,
    /**
     * The client gives up during the handshake. Label: `aborted_by_client`.
     */
    TCPHS_FINDING_ABORTED_BY_CLIENT = 11,
    /**
     * The server gives up during the handshake. Label: `aborted_by_server`.
     */
    TCPHS_FINDING_ABORTED_BY_SERVER = 12,
    /**
     * Accepted, then reset before any payload. Label: `rst_right_after_handshake`.
     */
    TCPHS_FINDING_RST_RIGHT_AFTER_HANDSHAKE = 13,
    /**
     * The peer still holds an older connection. Label: `challenge_ack`.
     */
    TCPHS_FINDING_CHALLENGE_ACK = 14,
    /**
     * An RST clears an older connection. Label: `half_open_reset`.
     */
    TCPHS_FINDING_HALF_OPEN_RESET = 15,
    /**
     * The SYN/ACK acknowledges something that was not sent. Label: `bad_synack`.
     */
    TCPHS_FINDING_BAD_SYNACK = 16,
    /**
     * A second SYN/ACK with another initial sequence number. Label: `synack_isn_changed`.
     */
    TCPHS_FINDING_SYNACK_ISN_CHANGED = 17,
    /**
     * The RST should be ignored: wrong numbers. Label: `rst_unacceptable`.
     */
    TCPHS_FINDING_RST_UNACCEPTABLE = 18,
    /**
     * The connection went on after the RST. Label: `rst_ignored`.
     */
    TCPHS_FINDING_RST_IGNORED = 19,
    /**
     * The RST's TTL differs from that of its host's other packets. Label: `rst_ttl_mismatch`.
     */
    TCPHS_FINDING_RST_TTL_MISMATCH = 20,
    /**
     * A new connection on the addresses and ports of an older one. Label: `port_reused`.
     */
    TCPHS_FINDING_PORT_REUSED = 21,
    /**
     * A SYN inside a live connection. Label: `syn_in_established`.
     */
    TCPHS_FINDING_SYN_IN_ESTABLISHED = 22,
    /**
     * Both sides opened at once. Label: `simultaneous_open`.
     */
    TCPHS_FINDING_SIMULTANEOUS_OPEN = 23,
    /**
     * The responder sent its ACK and its SYN apart. Label: `split_handshake`.
     */
    TCPHS_FINDING_SPLIT_HANDSHAKE = 24,
    /**
     * Connected to itself. Label: `self_connect`.
     */
    TCPHS_FINDING_SELF_CONNECT = 25,
    /**
     * Fast Open was not accepted. Label: `tfo_fallback`.
     */
    TCPHS_FINDING_TFO_FALLBACK = 26,
    /**
     * Data in a SYN that carries no Fast Open cookie. Label: `syn_data_without_cookie`.
     */
    TCPHS_FINDING_SYN_DATA_WITHOUT_COOKIE = 27,
    /**
     * The server sent data before the final ACK. Label: `data_before_established`.
     */
    TCPHS_FINDING_DATA_BEFORE_ESTABLISHED = 28,
    /**
     * The SYN/ACK carries an option that the SYN did not offer. Label: `synack_option_not_offered`.
     */
    TCPHS_FINDING_SYNACK_OPTION_NOT_OFFERED = 29,
    /**
     * Only one side offers window scaling. Label: `wscale_one_sided`.
     */
    TCPHS_FINDING_WSCALE_ONE_SIDED = 30,
    /**
     * Timestamps were negotiated and then left out. Label: `ts_dropped`.
     */
    TCPHS_FINDING_TS_DROPPED = 31,
    /**
     * A maximum segment size below the default. Label: `mss_small`.
     */
    TCPHS_FINDING_MSS_SMALL = 32,
    /**
     * A copy of the SYN has other options. Label: `syn_options_changed`.
     */
    TCPHS_FINDING_SYN_OPTIONS_CHANGED = 33,
    /**
     * The SYN/ACK reflects the ECN bits of the SYN. Label: `ecn_broken`.
     */
    TCPHS_FINDING_ECN_BROKEN = 34,
    /**
     * MPTCP was offered and not taken up. Label: `mptcp_fallback`.
     */
    TCPHS_FINDING_MPTCP_FALLBACK = 35,
    /**
     * Flags that no TCP sends together. Label: `illegal_flags`.
     */
    TCPHS_FINDING_ILLEGAL_FLAGS = 36,
    /**
     * The same packet captured twice. Label: `duplicate_frame`.
     */
    TCPHS_FINDING_DUPLICATE_FRAME = 37,
    /**
     * The SYN/ACK was recorded before the SYN. Label: `out_of_order_handshake`.
     */
    TCPHS_FINDING_OUT_OF_ORDER_HANDSHAKE = 38,
    /**
     * The SYN is not in the capture. Label: `syn_not_captured`.
     */
    TCPHS_FINDING_SYN_NOT_CAPTURED = 39,
    /**
     * The SYN/ACK is not in the capture. Label: `synack_not_captured`.
     */
    TCPHS_FINDING_SYNACK_NOT_CAPTURED = 40,
    /**
     * The final ACK is not in the capture. Label: `final_ack_not_captured`.
     */
    TCPHS_FINDING_FINAL_ACK_NOT_CAPTURED = 41,
    /**
     * Only one side was captured. Label: `one_way_capture`.
     */
    TCPHS_FINDING_ONE_WAY_CAPTURE = 42,
    /**
     * The capture began after the handshake. Label: `midstream`.
     */
    TCPHS_FINDING_MIDSTREAM = 43,
    /**
     * The set-up took long. Label: `slow_handshake`.
     */
    TCPHS_FINDING_SLOW_HANDSHAKE = 44,
    /**
     * The last FIN was not acknowledged. Label: `fin_unacked`.
     */
    TCPHS_FINDING_FIN_UNACKED = 45,
    /**
     * One side stayed open long after the other closed. Label: `half_closed_long`.
     */
    TCPHS_FINDING_HALF_CLOSED_LONG = 46,
    /**
     * Both sides closed at once. Label: `simultaneous_close`.
     */
    TCPHS_FINDING_SIMULTANEOUS_CLOSE = 47,
    /**
     * Reset after a FIN. Label: `rst_after_fin`.
     */
    TCPHS_FINDING_RST_AFTER_FIN = 48,
    /**
     * The connection was reset. Label: `rst_abort`.
     */
    TCPHS_FINDING_RST_ABORT = 49,
};

/**
 * Whose names the states are shown by.
 */
enum tcphs_state_names {
    /**
     * Those of RFC 9293. Label: `rfc9293`.
     */
    TCPHS_STATE_NAMES_RFC9293 = 0,
    /**
     * Those of `netstat`, which conntrack shares. Label: `netstat`.
     */
    TCPHS_STATE_NAMES_NETSTAT = 1,
    /**
     * Those of `ss`. Label: `ss`.
     */
    TCPHS_STATE_NAMES_SS = 2,
};


/**
 * How many items a view has at most.
 */
#define TCPHS_MAX_ITEMS 112

/**
 * How many octets of text a view, or the remarks on a segment, have at most.
 */
#define TCPHS_MAX_TEXT 4096

/**
 * How many remarks on a segment there are at most.
 */
#define TCPHS_MAX_REMARKS 16

/**
 * Stands for "no text" where the place of a text is expected.
 */
#define TCPHS_NO_TEXT UINT32_MAX

/**
 * How many columns a table has at most.
 */
#define TCPHS_MAX_COLUMNS 16

/**
 * How many octets of text a row has at most.
 */
#define TCPHS_MAX_ROW_TEXT 512

/**
 * One row for each server: address, port, how its connections went, how fast it answered.
 */
#define TCPHS_STATISTICS_SERVERS 0

/**
 * One row for each connection.
 */
#define TCPHS_STATISTICS_CONNECTIONS 1

/**
 * One row for each outcome and server: outcome, server, how many of both, how many of the outcome,
 * how many in all.
 */
#define TCPHS_STATISTICS_OUTCOMES 2

/**
 * The cells of a column have a text.
 */
#define TCPHS_COLUMN_TEXT 0

/**
 * The cells of a column have a count.
 */
#define TCPHS_COLUMN_COUNT 1

/**
 * The cells of a column have a number as text, padded on the left; a `-` where it is unknown.
 */
#define TCPHS_COLUMN_NUMBER 2

/**
 * How many octets the label of an arrow has at most.
 */
#define TCPHS_MAX_LABEL 64

/**
 * How many octets the comment beside an arrow has at most.
 */
#define TCPHS_MAX_COMMENT 128

/**
 * What became of a call. Numbers are never used again for anything else.
 */
typedef enum tcphs_status {
    /**
     * Done.
     */
    TCPHS_OK = 0,
    /**
     * A pointer is null that must not be.
     */
    TCPHS_NULL_ARGUMENT = 1,
    /**
     * An argument has a value that it cannot have, for instance an IP version of 5.
     */
    TCPHS_INVALID_ARGUMENT = 2,
    /**
     * The octets do not begin with a whole TCP header.
     */
    TCPHS_NO_HEADER = 3,
    /**
     * There is nothing of the kind that was asked for.
     */
    TCPHS_NOT_FOUND = 4,
    /**
     * An error inside the library. The object is of no more use; free it.
     */
    TCPHS_PANIC = 5,
    /**
     * An earlier call on this object gave `TCPHS_PANIC`; nothing was done.
     */
    TCPHS_SILENT = 6,
    /**
     * Done. But more connections were open at once than are held: those silent for longest were
     * let go, and what they send from now on is taken for other connections. Given once.
     */
    TCPHS_FULL = 7,
} tcphs_status;

/**
 * What was learned of the segments of one capture file, by frame.
 *
 * The life of a frame: `tcphs_session_learn` for each of its segments, `tcphs_session_end_frame`,
 * then as often as wanted, in any order of frames, `tcphs_session_info`, `tcphs_session_view` and
 * `tcphs_session_remarks`.
 */
typedef struct tcphs_session tcphs_session;

/**
 * Statistics over the connections of a session whose packets were seen.
 */
typedef struct tcphs_statistics tcphs_statistics;

/**
 * Many TCP connections, told apart by their addresses and ports.
 *
 * One thread at a time may use a table.
 */
typedef struct tcphs_table tcphs_table;

/**
 * One TCP segment as it was captured.
 */
typedef struct tcphs_segment {
    /**
     * Number of the frame in its capture, from 1.
     */
    uint64_t frame;
    /**
     * Capture time in nanoseconds since 1970 UTC.
     */
    int64_t time_ns;
    /**
     * The captured octets from the start of the TCP header on. The header and its options suffice:
     * 60 octets hold the longest.
     */
    const uint8_t *captured;
    /**
     * How many octets `captured` points to.
     */
    size_t captured_octets;
    /**
     * Octets of TCP header and payload that were sent, captured or not.
     */
    uint32_t tcp_octets;
    /**
     * Identification field of the IPv4 header; -1 where it is unknown, and for IPv6.
     */
    int32_t ip_id;
    /**
     * Address of the sender, in network order; an IPv4 address is in the first 4 octets.
     */
    uint8_t source[16];
    /**
     * Address of the receiver, likewise.
     */
    uint8_t destination[16];
    /**
     * 4 or 6.
     */
    uint8_t ip_version;
    /**
     * TTL or hop limit.
     */
    uint8_t ttl;
} tcphs_segment;

/**
 * What a segment was. Numbers are those of the enumerations above; each `tcphs_…_label` gives
 * their text.
 */
typedef struct tcphs_annotation {
    /**
     * Number of the connection, from 0 in order of first segment.
     */
    uint32_t connection;
    /**
     * The twelve control bits, FIN lowest.
     */
    uint16_t flags;
    /**
     * Its part in the handshake or the close: `enum tcphs_stage`.
     */
    uint8_t stage;
    /**
     * Whether it was sent before: `enum tcphs_copy`.
     */
    uint8_t copy;
    /**
     * Which end sent it: `enum tcphs_role`.
     */
    uint8_t sender;
    /**
     * On SYN, SYN/ACK and FIN: how many copies went before, at most 255.
     */
    uint8_t retry;
    /**
     * State of the client before the segment: `enum tcphs_state`.
     */
    uint8_t client_before;
    /**
     * State of the client after it.
     */
    uint8_t client_after;
    /**
     * Whether the client's own segments prove the state after; otherwise delivery is assumed.
     */
    bool client_proven;
    /**
     * State of the server before the segment.
     */
    uint8_t server_before;
    /**
     * State of the server after it.
     */
    uint8_t server_after;
    /**
     * Whether the server's own segments prove the state after.
     */
    bool server_proven;
    /**
     * Whether it completes the handshake: the third segment of three.
     */
    bool final_ack;
    /**
     * Why an RST was sent: `enum tcphs_rst_reason`; 255 where it is none.
     */
    uint8_t rst_reason;
    /**
     * Whether the receiver has to believe the RST.
     */
    bool rst_acceptable;
    /**
     * Time since the previous copy in nanoseconds; 0 where `retry` is 0.
     */
    uint64_t rto_ns;
} tcphs_annotation;

/**
 * Which connection a segment belongs to.
 */
typedef struct tcphs_connection {
    /**
     * Number of the connection, from 0 in order of first segment.
     */
    uint32_t id;
    /**
     * Number of the incarnation within its addresses and ports, from 1.
     */
    uint16_t attempt;
    /**
     * Port of the client.
     */
    uint16_t client_port;
    /**
     * Port of the server.
     */
    uint16_t server_port;
    /**
     * What the roles rest on: `enum tcphs_role_basis`.
     */
    uint8_t role_basis;
    /**
     * 4 or 6.
     */
    uint8_t ip_version;
    /**
     * Address of the client, in network order; an IPv4 address is in the first 4 octets.
     */
    uint8_t client[16];
    /**
     * Address of the server, likewise.
     */
    uint8_t server[16];
} tcphs_connection;

/**
 * What of a view is wanted.
 */
typedef struct tcphs_wanted {
    /**
     * For each field, from 0 in the order of registration, whether it is wanted: 0 if not.
     */
    uint8_t fields[TCPHS_MAX_ITEMS];
    /**
     * Whether the line of the protocol is wanted.
     */
    bool summary;
} tcphs_wanted;

/**
 * One line of the packet details.
 */
typedef struct tcphs_item {
    /**
     * Value of a number or boolean, a negative one in two's complement; nanoseconds of a time.
     */
    uint64_t number;
    /**
     * Place in `tcphs_view.text` of a C string, or of an address in network order. With `subtree`
     * the line itself. Otherwise `TCPHS_NO_TEXT`.
     */
    uint32_t text;
    /**
     * Number of the field, from 0 in the order of registration.
     */
    uint8_t field;
    /**
     * 0 below the protocol, 1 in the subtree opened last.
     */
    uint8_t level;
    /**
     * 1 if a subtree for the client begins here, 2 for the server, 3 for the verdict, otherwise 0.
     */
    uint8_t subtree;
    /**
     * For filters only; the details show the same in another line.
     */
    bool hidden;
} tcphs_item;

/**
 * What the packet details show of one segment.
 */
typedef struct tcphs_view {
    /**
     * Place in `text` of the line of the protocol, or `TCPHS_NO_TEXT`.
     */
    uint32_t summary;
    /**
     * How many of `items` there are.
     */
    uint32_t item_count;
    /**
     * The lines, from top to bottom.
     */
    struct tcphs_item items[TCPHS_MAX_ITEMS];
    /**
     * The texts.
     */
    uint8_t text[TCPHS_MAX_TEXT];
} tcphs_view;

/**
 * A remark on a segment: Wireshark's expert information.
 */
typedef struct tcphs_remark {
    /**
     * Place in `tcphs_remarks.text` of a C string, or `TCPHS_NO_TEXT`.
     */
    uint32_t text;
    /**
     * Number of its entry, from 0 in the order of registration: `enum tcphs_anomaly`, and after
     * its last value a SYN that was repeated often.
     */
    uint8_t entry;
} tcphs_remark;

/**
 * The remarks on one segment.
 */
typedef struct tcphs_remarks {
    /**
     * How many of `items` there are.
     */
    uint32_t count;
    /**
     * The remarks.
     */
    struct tcphs_remark items[TCPHS_MAX_REMARKS];
    /**
     * The texts.
     */
    uint8_t text[TCPHS_MAX_TEXT];
} tcphs_remarks;

/**
 * What the user can choose. `tcphs_settings_default` gives what holds until something is chosen.
 */
typedef struct tcphs_settings {
    /**
     * A set-up that takes longer than this many milliseconds is worth a remark.
     */
    uint32_t slow_ms;
    /**
     * By whose names the Info column and the lines of the details call the states:
     * `enum tcphs_state_names`. Labels, filters and text fields keep those of RFC 9293.
     */
    uint8_t state_names;
    /**
     * Whether assumed states say so there.
     */
    bool mark_assumed;
    /**
     * Whether the Info column speaks of every segment, or of those that have a stage.
     */
    bool every_segment;
} tcphs_settings;

/**
 * A column of a table.
 */
typedef struct tcphs_column {
    /**
     * What it is called; never freed.
     */
    const char *title;
    /**
     * What stands in its cells: `TCPHS_COLUMN_TEXT` and so on.
     */
    uint8_t kind;
} tcphs_column;

/**
 * A cell, of which the kind of its column says what counts.
 */
typedef struct tcphs_cell {
    /**
     * A count.
     */
    uint32_t count;
    /**
     * Place in `tcphs_row.text` of a C string, or `TCPHS_NO_TEXT`.
     */
    uint32_t text;
} tcphs_cell;

/**
 * A row of a table.
 */
typedef struct tcphs_row {
    /**
     * The cells, one for each column.
     */
    struct tcphs_cell cells[TCPHS_MAX_COLUMNS];
    /**
     * The texts.
     */
    uint8_t text[TCPHS_MAX_ROW_TEXT];
} tcphs_row;

/**
 * One segment, as listeners are told of it.
 */
typedef struct tcphs_tapped {
    /**
     * Number of its connection.
     */
    uint32_t connection;
    /**
     * Port of the sender.
     */
    uint16_t source_port;
    /**
     * Port of the receiver.
     */
    uint16_t destination_port;
    /**
     * Address of the sender, in network order; an IPv4 address is in the first 4 octets.
     */
    uint8_t source[16];
    /**
     * Address of the receiver, likewise.
     */
    uint8_t destination[16];
    /**
     * 4 or 6; 0 where sender and receiver are not those of the connection, as of an ICMP error.
     */
    uint8_t ip_version;
    /**
     * Whether it has a stage; only then are there `label` and `comment`.
     */
    bool staged;
    /**
     * Whether every frame had been learned when it was told.
     */
    bool later;
    /**
     * For an arrow: the step, a C string.
     */
    uint8_t label[TCPHS_MAX_LABEL];
    /**
     * Beside the arrow: connection and states, a C string.
     */
    uint8_t comment[TCPHS_MAX_COMMENT];
} tcphs_tapped;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Version of the library, for instance `0.1.0`.
 */
const char *tcphs_version(void);

/**
 * Name of a state, for instance `SYN-SENT`; null if there is none of this number.
 *
 * Like all labels it lives as long as the program.
 */
const char *tcphs_state_label(uint8_t state);

/**
 * Name of a stage, for instance `SYN/ACK`; null if there is none of this number.
 */
const char *tcphs_stage_label(uint8_t stage);

/**
 * Name of a kind of copy, for instance `retransmission`; null if there is none of this number.
 */
const char *tcphs_copy_label(uint8_t copy);

/**
 * Name of a role, for instance `client`; null if there is none of this number.
 */
const char *tcphs_role_label(uint8_t role);

/**
 * Name of what the roles rest on, for instance `syn`; null if there is none of this number.
 */
const char *tcphs_role_basis_label(uint8_t role_basis);

/**
 * Name of the reason of an RST, for instance `abort`; null if there is none of this number.
 */
const char *tcphs_rst_reason_label(uint8_t rst_reason);

/**
 * Nanoseconds since 1970 of a time given in seconds and nanoseconds, as in `struct timespec`.
 *
 * Times that do not fit (before 1677, after 2262) become the earliest or latest that does.
 */
int64_t tcphs_time_ns(time_t seconds, int nanoseconds);

/**
 * An empty table; null where there is no memory for it. To be freed with `tcphs_table_free`.
 */
struct tcphs_table *tcphs_table_new(void);

/**
 * Frees a table. Null is allowed.
 *
 * `table` comes from `tcphs_table_new` and was not freed yet.
 */
void tcphs_table_free(struct tcphs_table *table);

/**
 * Takes in one segment and says what it was. Segments come in the order of the capture.
 *
 * Each pointer is null or valid, and `segment->captured` for `segment->captured_octets` octets.
 */
enum tcphs_status tcphs_table_observe(struct tcphs_table *table,
                                      const struct tcphs_segment *segment,
                                      struct tcphs_annotation *out);

/**
 * The connection of the segment observed last; `TCPHS_NOT_FOUND` before the first.
 *
 * Each pointer is null or valid.
 */
enum tcphs_status tcphs_table_latest(struct tcphs_table *table, struct tcphs_connection *out);

/**
 * An empty session; null where there is no memory for it. To be freed with `tcphs_session_free`.
 */
struct tcphs_session *tcphs_session_new(void);

/**
 * Frees a session. Null is allowed.
 *
 * `session` comes from `tcphs_session_new` and was not freed yet.
 */
void tcphs_session_free(struct tcphs_session *session);

/**
 * Learns one segment of the frame `segment->frame`.
 *
 * Each pointer is null or valid, and `segment->captured` for `segment->captured_octets` octets.
 */
enum tcphs_status tcphs_session_learn(struct tcphs_session *session,
                                      const struct tcphs_segment *segment);

/**
 * Learns an ICMP or ICMPv6 message: `message->captured` starts with its header. What is no error,
 * or quotes no segment that was seen, gives `TCPHS_OK` too, and changes nothing.
 *
 * Each pointer is null or valid, and `message->captured` for `message->captured_octets` octets.
 */
enum tcphs_status tcphs_session_learn_icmp(struct tcphs_session *session,
                                           const struct tcphs_segment *message);

/**
 * To be called once the frame has been dissected for the first time, with or without segments.
 *
 * What was learned before the call of an earlier frame with the same number is forgotten: Wireshark
 * uses the numbers of frames that a read filter rejects again.
 *
 * `TCPHS_FULL` once, when the first connection was let go that was not closed.
 *
 * `session` is null or valid.
 */
enum tcphs_status tcphs_session_end_frame(struct tcphs_session *session, uint32_t frame);

/**
 * Points `out` to what the Info column says of the frame: one text for each segment that has a
 * stage, or for every one if so chosen, parted by ` | `. It lives until the next call with this
 * session. `TCPHS_NOT_FOUND` if the frame has no such segment.
 *
 * `session` is null or valid; `out` is null or valid for writes.
 */
enum tcphs_status tcphs_session_info(struct tcphs_session *session,
                                     uint32_t frame,
                                     const char **out);

/**
 * Writes what the packet details show of segment `nth` of the frame, from 0. `TCPHS_NOT_FOUND` if
 * the frame has no such segment.
 *
 * `later` says that every frame has been learned: only then does what the connection came to stand
 * in it. `wanted` is null for everything.
 *
 * `session` and `wanted` are null or valid; `out` is null, or valid and initialised.
 */
enum tcphs_status tcphs_session_view(struct tcphs_session *session,
                                     uint32_t frame,
                                     uint32_t nth,
                                     bool later,
                                     const struct tcphs_wanted *wanted,
                                     struct tcphs_view *out);

/**
 * Writes the remarks on segment `nth` of the frame, from 0; there may be none. `TCPHS_NOT_FOUND` if
 * the frame has no such segment.
 *
 * `later` says that every frame has been learned: only then is it said what takes later segments,
 * or their absence, to know.
 *
 * `session` is null or valid; `out` is null, or valid and initialised.
 */
enum tcphs_status tcphs_session_remarks(struct tcphs_session *session,
                                        uint32_t frame,
                                        uint32_t nth,
                                        bool later,
                                        struct tcphs_remarks *out);

/**
 * What went wrong, once a call has given `TCPHS_PANIC`; null before. It lives as long as the
 * session.
 *
 * `session` is null or valid.
 */
const char *tcphs_session_failure(const struct tcphs_session *session);

/**
 * What holds until something is chosen.
 */
struct tcphs_settings tcphs_settings_default(void);

/**
 * Changes what can be chosen; what is shown from now on follows.
 *
 * Each pointer is null or valid.
 */
enum tcphs_status tcphs_session_configure(struct tcphs_session *session,
                                          const struct tcphs_settings *settings);

/**
 * Statistics of the kind `TCPHS_STATISTICS_…`, empty; null where there is none of this number, or no
 * memory. To be freed with `tcphs_statistics_free`.
 */
struct tcphs_statistics *tcphs_statistics_new(uint8_t kind);

/**
 * Frees statistics. Null is allowed.
 *
 * `statistics` comes from `tcphs_statistics_new` and was not freed yet.
 */
void tcphs_statistics_free(struct tcphs_statistics *statistics);

/**
 * The columns of the kind `TCPHS_STATISTICS_…`, and how many there are; null and 0 where there is
 * none of this number. They are never freed.
 *
 * `count` is null or valid for writes.
 */
const struct tcphs_column *tcphs_statistics_columns(uint8_t kind, size_t *count);

/**
 * Forgets everything.
 *
 * `statistics` is null or valid.
 */
enum tcphs_status tcphs_statistics_clear(struct tcphs_statistics *statistics);

/**
 * A packet of a connection was seen. `later` says that every frame has been learned: then `row`
 * gets the number of the row that has changed. `TCPHS_NOT_FOUND` where none has: the connection was
 * seen before, or what it came to is not known yet.
 *
 * Each pointer is null or valid.
 */
enum tcphs_status tcphs_statistics_see(struct tcphs_statistics *statistics,
                                       struct tcphs_session *session,
                                       uint32_t connection,
                                       bool later,
                                       uint32_t *row);

/**
 * Makes all rows anew, from what the connections have come to, and puts them in order.
 *
 * Each pointer is null or valid.
 */
enum tcphs_status tcphs_statistics_settle(struct tcphs_statistics *statistics,
                                          struct tcphs_session *session);

/**
 * Writes row `nth`, from 0. `TCPHS_NOT_FOUND` after the last.
 *
 * `statistics` is null or valid; `out` is null, or valid and initialised.
 */
enum tcphs_status tcphs_statistics_row(struct tcphs_statistics *statistics,
                                       uint32_t nth,
                                       struct tcphs_row *out);

/**
 * What went wrong, once a call has given `TCPHS_PANIC`; null before. It lives as long as the
 * statistics.
 *
 * `statistics` is null or valid.
 */
const char *tcphs_statistics_failure(const struct tcphs_statistics *statistics);

/**
 * Writes what listeners are told of segment `nth` of the frame, from 0. `TCPHS_NOT_FOUND` if the
 * frame has no such segment. `later` says that every frame has been learned.
 *
 * `session` is null or valid; `out` is null, or valid and initialised.
 */
enum tcphs_status tcphs_session_tapped(struct tcphs_session *session,
                                       uint32_t frame,
                                       uint32_t nth,
                                       bool later,
                                       struct tcphs_tapped *out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TCPHS_H */
