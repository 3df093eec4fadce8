/* tcphs.h
 * The TCP handshake of each connection: which step a segment is, what state both
 * ends are in, and what the connection came to.
 *
 * Link with `pkg-config --cflags --libs tcphs`. Complete programs are
 * c-api/examples/one.c (octets in the program) and live.c (libpcap).
 *
 * Strings are UTF-8. Functions may be called from any thread, but with one table
 * only from one thread at a time. Pointers that they take are null or valid: a null
 * pointer is answered by TCPHS_NULL_ARGUMENT where nothing else is said. Numbers of
 * enumerations never change.
 *
 * Generated from c-api/src/ and the tables of dissector-core.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef TCPHS_H
#define TCPHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/// State of one endpoint (RFC 9293 §3.3.2); numbers as in TCP-MIB (RFC 4022), 0 is ours.
enum tcphs_state {
    TCPHS_STATE_UNKNOWN = 0, ///< The capture began too late to tell.
    TCPHS_STATE_CLOSED = 1, ///< No connection.
    TCPHS_STATE_LISTEN = 2, ///< Waiting for a connection request.
    TCPHS_STATE_SYN_SENT = 3, ///< SYN sent, waiting for the peer's.
    TCPHS_STATE_SYN_RECEIVED = 4, ///< Both SYNs exchanged, its own not acknowledged yet.
    TCPHS_STATE_ESTABLISHED = 5, ///< Open: data can flow both ways.
    TCPHS_STATE_FIN_WAIT_1 = 6, ///< Closed here first, FIN not acknowledged yet.
    TCPHS_STATE_FIN_WAIT_2 = 7, ///< Own FIN acknowledged, waiting for the peer's.
    TCPHS_STATE_CLOSE_WAIT = 8, ///< The peer has closed, this end has not.
    TCPHS_STATE_LAST_ACK = 9, ///< Closed after the peer, FIN not acknowledged yet.
    TCPHS_STATE_CLOSING = 10, ///< Both closed at once, own FIN not acknowledged yet.
    TCPHS_STATE_TIME_WAIT = 11, ///< Both FINs exchanged; waits so that late segments die out.
};

/// The segment's part in the handshake or the close of its connection.
enum tcphs_stage {
    TCPHS_STAGE_NONE = 0, ///< No part in either.
    TCPHS_STAGE_SYN = 1, ///< Opens the connection.
    TCPHS_STAGE_SYN_ACK = 2, ///< The responder's SYN, which acknowledges the first.
    TCPHS_STAGE_FINAL_ACK = 3, ///< The final acknowledgment: the third segment of the handshake.
    TCPHS_STAGE_SYN_CROSSING = 4, ///< A SYN that meets the peer's own SYN on the way (simultaneous open).
    /// SYN repeated with the acknowledgment of the peer's SYN (simultaneous open).
    TCPHS_STAGE_SYN_ACK_SIMULTANEOUS = 5,
    TCPHS_STAGE_SPLIT_ACK = 6, ///< Acknowledges the SYN; the responder's own comes later (split).
    TCPHS_STAGE_MP_JOIN_ACK = 7, ///< The fourth segment of an MPTCP join (RFC 8684 §3.2).
    TCPHS_STAGE_CHALLENGE_ACK = 8, ///< The peer still holds an older connection (RFC 5961 §4).
    TCPHS_STAGE_RST_REFUSAL = 9, ///< The SYN is refused: nothing listens on the port.
    TCPHS_STAGE_RST_HANDSHAKE_ABORT = 10, ///< Reset before the handshake was complete.
    /// Clears an older connection that the peer still held (RFC 9293 §3.5.1).
    TCPHS_STAGE_RST_HALF_OPEN = 11,
    TCPHS_STAGE_RST_IGNORED = 12, ///< Not acceptable: the receiver should ignore it.
    TCPHS_STAGE_RST = 13, ///< Ends an established connection.
    TCPHS_STAGE_ICMP_ERROR = 14, ///< An ICMP error that quotes a segment of the connection.
    TCPHS_STAGE_FIN = 20, ///< First FIN.
    TCPHS_STAGE_FIN_ACKED = 21, ///< Acknowledges the first FIN.
    TCPHS_STAGE_SECOND_FIN = 22, ///< Second FIN, after the first was acknowledged.
    TCPHS_STAGE_FIN_AND_ACK = 23, ///< Second FIN, which acknowledges the first.
    TCPHS_STAGE_SECOND_FIN_ACKED = 24, ///< Acknowledges the second FIN.
    /// Second FIN, sent without knowing of the first (simultaneous close).
    TCPHS_STAGE_FIN_SIMULTANEOUS = 25,
    /// A combination of flags that no TCP sends: SYN+FIN, SYN+RST, none, FIN without ACK.
    TCPHS_STAGE_ILLEGAL_FLAGS = 30,
};

/// Whether a segment of the handshake or the close was sent before.
enum tcphs_copy {
    TCPHS_COPY_ORIGINAL = 0, ///< Sent for the first time.
    TCPHS_COPY_RETRANSMISSION = 1, ///< Sent again by the endpoint.
    TCPHS_COPY_DUPLICATE = 2, ///< Captured twice; sent once.
    TCPHS_COPY_LATE = 3, ///< Recorded after a segment that answers it.
};

/// How the connection went.
enum tcphs_outcome {
    TCPHS_OUTCOME_PENDING = 0, ///< The capture is too short to decide.
    TCPHS_OUTCOME_COMPLETE = 1, ///< Each side's SYN was acknowledged by the other.
    TCPHS_OUTCOME_NO_REPLY = 2, ///< Nothing acceptable came back.
    TCPHS_OUTCOME_REFUSED = 3, ///< An acceptable RST answered the SYN.
    TCPHS_OUTCOME_UNREACHABLE = 4, ///< An ICMP error answered the SYN.
    TCPHS_OUTCOME_NO_FINAL_ACK = 5, ///< The client never answered the SYN/ACK.
    TCPHS_OUTCOME_NOT_ACCEPTED = 6, ///< The server kept repeating its SYN/ACK although it was acknowledged.
    /// The client reset the connection before the handshake was complete.
    TCPHS_OUTCOME_ABORTED_BY_CLIENT = 7,
    /// The server reset the connection after its SYN/ACK, data or FIN, before confirming it.
    TCPHS_OUTCOME_ABORTED_BY_SERVER = 8,
    TCPHS_OUTCOME_CHALLENGED = 9, ///< Only a challenge ACK answered the SYN.
    TCPHS_OUTCOME_BAD_SYNACK = 10, ///< Only SYN/ACKs that the client cannot accept came back.
    /// Only one side was captured; what it sent proves that the connection came up.
    TCPHS_OUTCOME_ONE_WAY = 11,
    TCPHS_OUTCOME_MIDSTREAM = 12, ///< No SYN of either side is in the capture.
    /// SYN/ACKs without a SYN: a late start, or backscatter of forged SYNs.
    TCPHS_OUTCOME_UNSOLICITED_SYNACK = 13,
    /// The server has the final ACK, and waits for data before it accepts the connection.
    TCPHS_OUTCOME_DEFERRED = 14,
};

/// How the connection was opened.
enum tcphs_open_type {
    TCPHS_OPEN_TYPE_THREE_WAY = 0, ///< SYN, SYN/ACK, ACK.
    TCPHS_OPEN_TYPE_FAST_OPEN = 1, ///< With data in the SYN that the server accepted (RFC 7413).
    TCPHS_OPEN_TYPE_SIMULTANEOUS = 2, ///< Both sent a SYN before seeing the other's.
    TCPHS_OPEN_TYPE_SPLIT = 3, ///< The responder sent its ACK and its SYN apart.
    TCPHS_OPEN_TYPE_SELF_CONNECT = 4, ///< Both ends are the same address and port.
    TCPHS_OPEN_TYPE_MP_JOIN = 5, ///< A further subflow of an MPTCP connection.
    TCPHS_OPEN_TYPE_UNKNOWN = 6, ///< Not seen.
};

/// How the connection ended.
enum tcphs_close {
    TCPHS_CLOSE_OPEN = 0, ///< It did not.
    TCPHS_CLOSE_HALF_CLOSED = 1, ///< One side closed; the other has not.
    TCPHS_CLOSE_FIN = 2, ///< Both closed, one after the other.
    TCPHS_CLOSE_FIN_UNACKED = 3, ///< Both closed, the last FIN was not acknowledged.
    TCPHS_CLOSE_SIMULTANEOUS = 4, ///< Both closed at once.
    TCPHS_CLOSE_RST = 5, ///< Reset.
    TCPHS_CLOSE_RST_AFTER_FIN = 6, ///< Reset after a FIN.
};

/// The side that ended the connection first.
enum tcphs_close_by {
    TCPHS_CLOSE_BY_CLIENT = 0, ///< The client.
    TCPHS_CLOSE_BY_SERVER = 1, ///< The server.
    TCPHS_CLOSE_BY_BOTH = 2, ///< Both at once.
};

/// Why an RST was sent.
enum tcphs_rst_reason {
    TCPHS_RST_REASON_PORT_CLOSED = 0, ///< In reply to a SYN: nothing listens on the port.
    TCPHS_RST_REASON_HANDSHAKE_ABORT = 1, ///< The handshake was given up.
    TCPHS_RST_REASON_HALF_OPEN_DISCOVERY = 2, ///< Tells the peer that the connection it still holds is gone.
    /// A bare RST with the peer's ACK as its sequence number: the sender knows no such connection.
    TCPHS_RST_REASON_NO_CONNECTION = 3,
    TCPHS_RST_REASON_ABORT = 4, ///< The owner of the connection, or a device in its name, gave it up.
    TCPHS_RST_REASON_AFTER_FIN = 5, ///< After the sender's own FIN.
    TCPHS_RST_REASON_UNACCEPTABLE = 6, ///< Its numbers fit nothing that the receiver would accept.
};

/// Which end sent the segment.
enum tcphs_role {
    TCPHS_ROLE_UNKNOWN = 0, ///< Cannot be told: both ends are the same address and port.
    TCPHS_ROLE_CLIENT = 1, ///< The end that opens the connection.
    TCPHS_ROLE_SERVER = 2, ///< The end that the client connects to.
};

/// How client and server were told apart.
enum tcphs_role_basis {
    TCPHS_ROLE_BASIS_SYN = 0, ///< The sender of the first SYN is the client.
    TCPHS_ROLE_BASIS_SYN_ACK = 1, ///< The sender of the SYN/ACK is the server.
    TCPHS_ROLE_BASIS_PORT = 2, ///< The end with the higher port is taken for the client.
    TCPHS_ROLE_BASIS_NONE = 3, ///< Equal ports: the sender of the first segment is taken for the client.
};

/// Where on the path the capture was taken.
enum tcphs_vantage {
    TCPHS_VANTAGE_NEAR_CLIENT = 0, ///< Near the client.
    TCPHS_VANTAGE_NEAR_SERVER = 1, ///< Near the server.
    TCPHS_VANTAGE_MIDDLE = 2, ///< In the middle.
    TCPHS_VANTAGE_UNKNOWN = 3, ///< Cannot be told.
};

/// Result of the negotiation of explicit congestion notification.
enum tcphs_ecn {
    TCPHS_ECN_UNKNOWN = 0, ///< The handshake was not seen.
    TCPHS_ECN_NONE = 1, ///< Not asked for.
    TCPHS_ECN_CLASSIC = 2, ///< Classic ECN (RFC 3168).
    TCPHS_ECN_ACC_ECN = 3, ///< Accurate ECN (RFC 9768).
    TCPHS_ECN_REFUSED = 4, ///< Asked for, and refused by the server.
    TCPHS_ECN_BROKEN = 5, ///< The SYN/ACK reflects the SYN's bits: a broken responder.
};

/// The sides whose segments were captured.
enum tcphs_seen {
    TCPHS_SEEN_BOTH = 0, ///< Both.
    TCPHS_SEEN_CLIENT_ONLY = 1, ///< The client's only.
    TCPHS_SEEN_SERVER_ONLY = 2, ///< The server's only.
};

/// How much a finding matters, in Wireshark's terms.
enum tcphs_severity {
    TCPHS_SEVERITY_CHAT = 0, ///< A normal milestone.
    TCPHS_SEVERITY_NOTE = 1, ///< Legal but unusual.
    TCPHS_SEVERITY_WARN = 2, ///< The connection suffers or did not come up.
    TCPHS_SEVERITY_ERROR = 3, ///< A violation of the protocol.
};

/// Wireshark's group of a finding.
enum tcphs_group {
    TCPHS_GROUP_SEQUENCE = 0, ///< Order and numbers of segments.
    TCPHS_GROUP_PROTOCOL = 1, ///< The protocol's rules.
};

/// A finding: something worth pointing out on a segment or a connection.
enum tcphs_finding {
    TCPHS_FINDING_HANDSHAKE_COMPLETE = 0, ///< Each side's SYN was acknowledged by the other.
    TCPHS_FINDING_SYN_RETX = 1, ///< SYN sent again: no SYN/ACK has reached its sender yet.
    TCPHS_FINDING_SYNACK_RETX = 2, ///< SYN/ACK sent again: no ACK has reached the server yet.
    /// SYN sent again although the SYN/ACK passed here: it was lost or dropped between here and the client.
    TCPHS_FINDING_SYNACK_NOT_RECEIVED = 3,
    /// SYN/ACK sent again although the final ACK passed here: the ACK was lost beyond here, the accept queue is full, the server defers accepting until data comes (TCP_DEFER_ACCEPT), or a middlebox dropped the ACK.
    TCPHS_FINDING_SYNACK_RETX_AFTER_ACK = 4,
    TCPHS_FINDING_SYNACK_RETX_CROSSED = 5, ///< SYN/ACK sent again while the final ACK was still on its way.
    /// Nothing acceptable answers the SYN: host down, firewall that drops, accept queue full, or the way back is broken.
    TCPHS_FINDING_NO_REPLY = 6,
    /// Nothing answers the SYN/ACK: forged SYN (flood), client gone, or the SYN/ACK does not reach it.
    TCPHS_FINDING_NO_FINAL_ACK = 7,
    /// The server keeps repeating its SYN/ACK although it was acknowledged: accept queue full, final ACK dropped on the way, or an application that waits for data.
    TCPHS_FINDING_NOT_ACCEPTED = 8,
    TCPHS_FINDING_REFUSED = 9, ///< The SYN is refused: nothing listens on the port, or a firewall rejects.
    /// An ICMP error answers: no route, host down, or a firewall that rejects.
    TCPHS_FINDING_UNREACHABLE = 10,
    /// The client gives up during the handshake: port scan, time-out, or another address answered first.
    TCPHS_FINDING_ABORTED_BY_CLIENT = 11,
    /// The server resets during the handshake: accept queue overflow with abort, a SYN cookie that failed, or a load balancer without a backend.
    TCPHS_FINDING_ABORTED_BY_SERVER = 12,
    /// Accepted and reset without payload either way: load balancer without backend, access list of the application, or an application that crashed.
    TCPHS_FINDING_RST_RIGHT_AFTER_HANDSHAKE = 13,
    /// The answer to the SYN is an ACK of an older connection, which the server still holds; the client should reset it and try again.
    TCPHS_FINDING_CHALLENGE_ACK = 14,
    TCPHS_FINDING_HALF_OPEN_RESET = 15, ///< Clears the older connection that the server still held.
    /// The SYN/ACK does not acknowledge the SYN: left over from an older connection, or forged.
    TCPHS_FINDING_BAD_SYNACK = 16,
    /// A second SYN/ACK has another initial sequence number: two responders (load balancer, anycast, proxy) or a server that forgot the first.
    TCPHS_FINDING_SYNACK_ISN_CHANGED = 17,
    /// This RST has not the number that its receiver expects next: it should be ignored.
    TCPHS_FINDING_RST_UNACCEPTABLE = 18,
    /// The connection goes on after an RST: it did not arrive, or was injected and ignored.
    TCPHS_FINDING_RST_IGNORED = 19,
    /// The TTL of this RST differs from that of its sender's other packets: a middlebox may have sent it.
    TCPHS_FINDING_RST_TTL_MISMATCH = 20,
    TCPHS_FINDING_PORT_REUSED = 21, ///< A new connection on addresses and ports that were used before.
    /// A SYN inside a live connection: the client may have restarted, or the SYN is an old duplicate or forged.
    TCPHS_FINDING_SYN_IN_ESTABLISHED = 22,
    TCPHS_FINDING_SIMULTANEOUS_OPEN = 23, ///< Both sides opened at once.
    /// The responder sends its SYN apart from its ACK: unusual, and a way around some firewalls. A simultaneous open whose first SYN was lost looks the same.
    TCPHS_FINDING_SPLIT_HANDSHAKE = 24,
    /// Connected to itself: source and destination are the same address and port.
    TCPHS_FINDING_SELF_CONNECT = 25,
    /// The data in the SYN was not accepted: the server has no Fast Open or does not accept the cookie; the data has to be sent again.
    TCPHS_FINDING_TFO_FALLBACK = 26,
    TCPHS_FINDING_SYN_DATA_WITHOUT_COOKIE = 27, ///< Data in a SYN without a Fast Open cookie.
    /// The server sends data before the final ACK, without Fast Open: the ACK was not captured, or the server is early.
    TCPHS_FINDING_DATA_BEFORE_ESTABLISHED = 28,
    /// The SYN/ACK carries an option that the SYN did not offer.
    TCPHS_FINDING_SYNACK_OPTION_NOT_OFFERED = 29,
    /// Only one side offers window scaling, so it is not in effect: windows of at most 64 KiB.
    TCPHS_FINDING_WSCALE_ONE_SIDED = 30,
    TCPHS_FINDING_TS_DROPPED = 31, ///< Timestamps were negotiated and are missing here.
    /// The maximum segment size is below the default of 536 (IPv4) or 1220 (IPv6) octets.
    TCPHS_FINDING_MSS_SMALL = 32,
    /// This copy of the SYN has other options or ECN bits than the copy before it: a fallback around a middlebox.
    TCPHS_FINDING_SYN_OPTIONS_CHANGED = 33,
    TCPHS_FINDING_ECN_BROKEN = 34, ///< The SYN/ACK reflects the ECN bits of the SYN: a broken responder.
    /// Multipath TCP was offered and not accepted: an ordinary server, or a middlebox removed the option.
    TCPHS_FINDING_MPTCP_FALLBACK = 35,
    TCPHS_FINDING_ILLEGAL_FLAGS = 36, ///< No TCP sends these flags together: scan or damage.
    /// The same packet captured twice: mirror port, or an interface seen twice.
    TCPHS_FINDING_DUPLICATE_FRAME = 37,
    /// The SYN/ACK was recorded before the SYN: check the clocks and queues of the capture.
    TCPHS_FINDING_OUT_OF_ORDER_HANDSHAKE = 38,
    TCPHS_FINDING_SYN_NOT_CAPTURED = 39, ///< The SYN is not in the capture.
    TCPHS_FINDING_SYNACK_NOT_CAPTURED = 40, ///< The SYN/ACK is not in the capture.
    TCPHS_FINDING_FINAL_ACK_NOT_CAPTURED = 41, ///< The final ACK is not in the capture.
    TCPHS_FINDING_ONE_WAY_CAPTURE = 42, ///< Only one side was captured.
    TCPHS_FINDING_MIDSTREAM = 43, ///< The capture began after the handshake.
    TCPHS_FINDING_SLOW_HANDSHAKE = 44, ///< The set-up took long.
    /// The last FIN was not acknowledged: the capture ended, the ACK was lost, or the host is gone.
    TCPHS_FINDING_FIN_UNACKED = 45,
    /// One side stayed open for more than a minute after the other closed: it still sends, its host is gone, or its application does not close (a leak of CLOSE-WAIT).
    TCPHS_FINDING_HALF_CLOSED_LONG = 46,
    TCPHS_FINDING_SIMULTANEOUS_CLOSE = 47, ///< Both sides closed at once.
    TCPHS_FINDING_RST_AFTER_FIN = 48, ///< Reset after a FIN.
    TCPHS_FINDING_RST_ABORT = 49, ///< The connection was reset while open.
    /// RSTs and ACKs answer each other again and again: each end takes the other's numbers for wrong, because a device between them rewrites them or one end has lost the connection.
    TCPHS_FINDING_RST_ACK_LOOP = 50,
    /// No octet of the client's data was ever acknowledged, although it was sent again or long ago: the server never took the connection over from its SYN cookie or a SYN proxy, or the data is lost on the way.
    TCPHS_FINDING_DATA_UNANSWERED = 51,
};

/// How evidence bears on a cause.
enum tcphs_bearing {
    TCPHS_BEARING_PROVES = 0, ///< The cause follows from it.
    TCPHS_BEARING_SPEAKS_FOR = 1, ///< The cause becomes more likely.
    TCPHS_BEARING_SPEAKS_AGAINST = 2, ///< The cause becomes less likely.
    TCPHS_BEARING_EXCLUDES = 3, ///< The cause is ruled out.
};

/// The convention for the names of states.
enum tcphs_state_names {
    TCPHS_STATE_NAMES_RFC9293 = 0, ///< RFC 9293.
    TCPHS_STATE_NAMES_NETSTAT = 1, ///< `netstat`, also conntrack.
    TCPHS_STATE_NAMES_SS = 2, ///< `ss`.
};

#ifdef __cplusplus
extern "C" {
#endif

/// Labels of the values above, as in columns, filters and rows; null if there is no such
/// value. Never freed. Causes and evidence have no constants: docs/OUTCOMES.md lists them by
/// their labels, which never change, like the numbers.
const char *tcphs_state_label(uint8_t state);
const char *tcphs_stage_label(uint8_t stage);
const char *tcphs_copy_label(uint8_t copy);
const char *tcphs_outcome_label(uint8_t outcome);
const char *tcphs_open_type_label(uint8_t open_type);
const char *tcphs_close_label(uint8_t close);
const char *tcphs_close_by_label(uint8_t close_by);
const char *tcphs_rst_reason_label(uint8_t rst_reason);
const char *tcphs_role_label(uint8_t role);
const char *tcphs_role_basis_label(uint8_t role_basis);
const char *tcphs_vantage_label(uint8_t vantage);
const char *tcphs_ecn_label(uint8_t ecn);
const char *tcphs_seen_label(uint8_t seen);
const char *tcphs_severity_label(uint8_t severity);
const char *tcphs_group_label(uint8_t group);
const char *tcphs_finding_label(uint8_t finding);
const char *tcphs_cause_label(uint8_t cause);
const char *tcphs_evidence_label(uint8_t evidence);
const char *tcphs_bearing_label(uint8_t bearing);
const char *tcphs_state_names_label(uint8_t state_names);

#ifdef __cplusplus
}
#endif

/// Stands for "none" in a field that holds the number of an enumeration.
#define TCPHS_NONE 255

/// Stands for a number that is not known.
#define TCPHS_UNKNOWN -1

/// Result of a call. A number is never given another meaning.
typedef enum tcphs_status {
    TCPHS_OK = 0, ///< Done.
    TCPHS_NULL_ARGUMENT = 1, ///< A pointer is null that must not be.
    /// An argument has a value that it cannot have, for instance an IP version of 5.
    TCPHS_INVALID_ARGUMENT = 2,
    TCPHS_NO_HEADER = 3, ///< The octets do not begin with a whole TCP header.
    TCPHS_NOT_FOUND = 4, ///< There is nothing to return: no (further) segment, connection or text.
    TCPHS_PANIC = 5, ///< An error inside the library. The object can only be freed.
    TCPHS_SILENT = 6, ///< An earlier call with this object returned `TCPHS_PANIC`; nothing was done.
    /// Only in the plugin; functions of this header do not return it, see `tcphs_table_evicted`. More
    /// connections were open at once than fit: those silent for longest were dropped.
    TCPHS_FULL = 7,
    TCPHS_MORE = 8, ///< Done. The frame holds more segments: make the same call again.
} tcphs_status;

/// Many TCP connections, identified by their addresses and ports.
///
/// One thread at a time may use a table; several tables are independent. Memory is bounded: when
/// too many connections are open, or closed ones are not asked for, the oldest are dropped and
/// counted (`tcphs_table_evicted`, `tcphs_table_forgotten`).
typedef struct tcphs_table tcphs_table;

/// One TCP segment as it was captured.
typedef struct tcphs_segment {
    uint64_t frame; ///< Number of the frame in its capture, from 1.
    int64_t time_ns; ///< Capture time in nanoseconds since 1970 UTC.
    /// The captured octets, from the start of the TCP header. The header and its options, at most
    /// 60 octets, suffice.
    const uint8_t *captured;
    size_t captured_octets; ///< Number of octets at `captured`.
    uint32_t tcp_octets; ///< Octets of TCP header and payload that were sent, captured or not.
    int32_t ip_id; ///< Identification field of the IPv4 header; -1 if it is unknown, and for IPv6.
    /// Address of the sender, in network order; an IPv4 address is in the first 4 octets.
    uint8_t source[16];
    uint8_t destination[16]; ///< Address of the receiver, likewise.
    uint8_t ip_version; ///< 4 or 6.
    uint8_t ttl; ///< TTL or hop limit.
} tcphs_segment;

/// The meaning of a segment. Fields that name an enumeration hold its numbers.
typedef struct tcphs_annotation {
    uint32_t connection; ///< Number of the connection, from 0 in order of first segment.
    uint16_t flags; ///< The twelve control bits, FIN lowest.
    uint8_t stage; ///< Its part in the handshake or the close: `enum tcphs_stage`.
    uint8_t copy; ///< Whether it was sent before: `enum tcphs_copy`.
    uint8_t sender; ///< The role of its sender: `enum tcphs_role`.
    uint8_t retry; ///< The number of earlier copies of a SYN, SYN/ACK or FIN, at most 255.
    uint8_t client_before; ///< State of the client before the segment: `enum tcphs_state`.
    uint8_t client_after; ///< State of the client after it.
    /// Whether the client's own segments prove the state after; otherwise delivery is assumed.
    bool client_proven;
    uint8_t server_before; ///< State of the server before the segment.
    uint8_t server_after; ///< State of the server after it.
    bool server_proven; ///< Whether the server's own segments prove the state after.
    bool final_ack; ///< Whether it completes the handshake: the third segment of three.
    uint8_t rst_reason; ///< The reason of an RST: `enum tcphs_rst_reason`; `TCPHS_NONE` if it is no RST.
    bool rst_acceptable; ///< Whether the receiver has to accept the RST.
    uint64_t rto_ns; ///< Time since the previous copy in nanoseconds; 0 if `retry` is 0.
    uint64_t findings; ///< Findings on it: bit n is set for number n of `enum tcphs_finding`.
} tcphs_annotation;

/// A connection and the verdict on it. Fields that name an enumeration hold its numbers.
typedef struct tcphs_verdict {
    uint32_t connection; ///< Number of the connection, from 0 in order of first segment.
    uint16_t attempt; ///< Number of the incarnation within its addresses and ports, from 1.
    uint8_t ip_version; ///< 4 or 6.
    uint8_t role_basis; ///< The evidence for the roles: `enum tcphs_role_basis`.
    /// Address of the client, in network order; an IPv4 address is in the first 4 octets.
    uint8_t client[16];
    uint8_t server[16]; ///< Address of the server, likewise.
    uint16_t client_port; ///< Port of the client.
    uint16_t server_port; ///< Port of the server.
    uint8_t outcome; ///< The outcome: `enum tcphs_outcome`.
    bool established; ///< Whether the handshake is known to be complete on both sides.
    uint8_t open_type; ///< The kind of opening: `enum tcphs_open_type`.
    uint8_t close; ///< The kind of close: `enum tcphs_close`.
    uint8_t close_by; ///< The end that closed first: `enum tcphs_close_by`, or `TCPHS_NONE`.
    uint8_t rst_reason; ///< The reason of the first accepted RST: `enum tcphs_rst_reason`, or `TCPHS_NONE`.
    uint8_t seen; ///< The sides whose segments were captured: `enum tcphs_seen`.
    uint8_t vantage; ///< The estimated place of the capture point: `enum tcphs_vantage`.
    uint8_t ecn; ///< Explicit congestion notification: `enum tcphs_ecn`.
    uint8_t cause; ///< The cause (`tcphs_cause_label`), or `TCPHS_NONE` if its packets do not decide it.
    uint8_t client_state; ///< State of the client after the last segment: `enum tcphs_state`.
    uint8_t server_state; ///< State of the server after the last segment.
    bool client_proven; ///< Whether the client's own segments prove its state; otherwise delivery is assumed.
    bool server_proven; ///< Whether the server's own segments prove its state.
    int8_t sack; ///< Whether both permit selective acknowledgments: 1 or 0, or `TCPHS_UNKNOWN`.
    int8_t timestamps; ///< Whether both send timestamps, likewise.
    /// Whether the round-trip times are certain, in spite of copies: 1 or 0, or `TCPHS_UNKNOWN`.
    int8_t rtt_exact;
    /// Shift count of the client's window; `TCPHS_UNKNOWN` also if scaling is not in effect.
    int8_t client_window_scale;
    int8_t server_window_scale; ///< Shift count of the server's window, likewise.
    int16_t icmp_type; ///< Type of the first ICMP error that quotes it, or `TCPHS_UNKNOWN`.
    int16_t icmp_code; ///< Code of that error, or `TCPHS_UNKNOWN`.
    int32_t client_mss; ///< Largest segment that the client accepts, in octets, or `TCPHS_UNKNOWN`.
    int32_t server_mss; ///< Largest segment that the server accepts, in octets, or `TCPHS_UNKNOWN`.
    uint16_t syn_count; ///< SYNs without ACK that the client sent, duplicates not counted.
    uint16_t synack_count; ///< SYN/ACKs that the server sent, duplicates not counted.
    uint64_t segments; ///< Segments of both sides.
    int64_t first_ns; ///< Time of the first segment, in nanoseconds since 1970 UTC.
    int64_t last_ns; ///< Time of the last segment, likewise.
    int64_t setup_time_ns; ///< Nanoseconds from the first SYN to the final ACK, or `TCPHS_UNKNOWN`.
    int64_t rtt_server_ns; ///< Nanoseconds from the answered SYN to the SYN/ACK, or `TCPHS_UNKNOWN`.
    int64_t rtt_client_ns; ///< Nanoseconds from the SYN/ACK to the final ACK, or `TCPHS_UNKNOWN`.
    int64_t rtt_total_ns; ///< Nanoseconds from the answered SYN to the final ACK, or `TCPHS_UNKNOWN`.
    uint64_t syn_frame; ///< Frame of the first SYN; 0 if there is none.
    uint64_t synack_frame; ///< Frame of the first SYN/ACK, likewise.
    uint64_t final_ack_frame; ///< Frame of the segment that completes the handshake, likewise.
    uint64_t rst_frame; ///< Frame of the first accepted RST, likewise.
    uint64_t icmp_frame; ///< Frame of the first ICMP error, likewise.
    /// Findings on its segments or on the whole: bit n is set for number n of `enum tcphs_finding`.
    uint64_t findings;
    /// Evidence of the cause: bit n % 64 of element n / 64 is number n (`tcphs_evidence_label`).
    uint64_t cause_evidence[2];
} tcphs_verdict;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/// Version of the library, for instance `0.1.0`. Never freed.
const char *tcphs_version(void);

/// The text of a `tcphs_status` for an error message; null if there is no such status. Never freed.
const char *tcphs_status_text(uint32_t status);

/// Whether a connection with this outcome did not come up. False if there is no such outcome.
bool tcphs_outcome_failed(uint8_t outcome);

/// The meaning of an outcome, a short paragraph; null if there is no such outcome. Never freed.
const char *tcphs_outcome_meaning(uint8_t outcome);

/// Likely cause `nth` of an outcome, from 0 with the likeliest; null after the last. Never freed.
const char *tcphs_outcome_cause(uint8_t outcome, size_t nth);

/// A cause in a sentence or two; null if there is no such cause. Never freed.
const char *tcphs_cause_text(uint8_t cause);

/// The sentence of a piece of evidence; null if there is no such evidence. Never freed.
const char *tcphs_evidence_text(uint8_t evidence);

/// How evidence bears on a cause: `enum tcphs_bearing`; `TCPHS_NONE` if it does not.
uint8_t tcphs_evidence_bearing(uint8_t evidence, uint8_t cause);

/// The severity of a finding: `enum tcphs_severity`; `TCPHS_NONE` if there is no such finding.
uint8_t tcphs_finding_severity(uint8_t finding);

/// A finding and its likely causes in a sentence; null if there is no such finding. Never freed.
const char *tcphs_finding_text(uint8_t finding);

/// Nanoseconds since 1970 of a time given in seconds and nanoseconds, as in `struct timespec`.
///
/// Times before 1677 or after 2262 do not fit and become the earliest or the latest that does.
int64_t tcphs_time_ns(time_t seconds, int nanoseconds);

/// An empty table with the default limits: 4,000,000 connections at once, and 50,000 closed ones.
/// Null if it cannot be made.
///
/// The caller owns it and frees it with `tcphs_table_free`.
struct tcphs_table *tcphs_table_new(void);

/// As `tcphs_table_new`, with room for `connections` connections at once (at least one), and for
/// `closed` closed ones until `tcphs_table_next_closed` asks for them. A connection takes some 200
/// octets.
struct tcphs_table *tcphs_table_with_limits(size_t connections, size_t closed);

/// Frees a table; null is allowed. The pointer must not be used afterwards.
///
/// `table` is null, or comes from this library and was not freed yet.
void tcphs_table_free(struct tcphs_table *table);

/// Takes in one TCP segment and writes its annotation to `out`. Segments come in the order of the
/// capture. Nothing of `segment` is kept.
///
/// Errors: `TCPHS_NULL_ARGUMENT`; `TCPHS_INVALID_ARGUMENT` for the IP version; `TCPHS_NO_HEADER` if
/// the octets hold no whole TCP header. The table is then as before.
///
/// Each pointer is null or valid, and `segment->captured` for `segment->captured_octets` octets.
enum tcphs_status tcphs_table_observe(struct tcphs_table *table,
                                      const struct tcphs_segment *segment,
                                      struct tcphs_annotation *out);

/// Takes in an ICMP or ICMPv6 error that quotes a segment, and writes its annotation to `out`;
/// `message->captured` begins with the ICMP header. Nothing of `message` is kept.
///
/// Errors: as `tcphs_table_observe`; `TCPHS_NO_HEADER` if it is no ICMP error that quotes a TCP
/// segment, `TCPHS_NOT_FOUND` if no connection in the table has sent that segment.
///
/// Each pointer is null or valid, and `message->captured` for `message->captured_octets` octets.
enum tcphs_status tcphs_table_observe_icmp(struct tcphs_table *table,
                                           const struct tcphs_segment *message,
                                           struct tcphs_annotation *out);

/// Takes in one captured frame, and writes the annotation of its first TCP segment or ICMP error to
/// `out`. Frames come in the order of the capture and are numbered from 1. Tags, tunnels and IP
/// fragments are decoded as in a file.
///
/// `link_type` is the number that `pcap_datalink()` returns, 1 for Ethernet. `octets` are the
/// `captured` octets of the frame, which had `on_the_wire` octets before it was cut. Nothing of them
/// is kept.
///
/// Returns `TCPHS_MORE` instead of `TCPHS_OK` if the frame holds more: the same call again returns
/// the next. The segments count in any case, even if the next call is about another frame.
///
/// Errors: `TCPHS_NULL_ARGUMENT`; `TCPHS_NOT_FOUND` if the frame holds no TCP segment, and no ICMP
/// error about a connection in the table.
///
/// Each pointer is null or valid, `octets` for `captured` octets.
enum tcphs_status tcphs_table_observe_frame(struct tcphs_table *table,
                                            uint16_t link_type,
                                            const uint8_t *octets,
                                            size_t captured,
                                            size_t on_the_wire,
                                            int64_t time_ns,
                                            struct tcphs_annotation *out);

/// Sets the clock of the table, in nanoseconds since 1970 UTC, while no segment comes: silent
/// connections close by it. To be called from time to time, for instance once a second, or with the
/// time of each frame that holds no TCP; `tcphs_table_observe_frame` does that itself.
///
/// An earlier time than before changes nothing. One that is more than an hour ahead may be wrong:
/// it counts once the next call or segment says the same.
enum tcphs_status tcphs_table_tell_time(struct tcphs_table *table, int64_t time_ns);

/// Writes the connection of the latest annotation to `out`, as it stands now. The table keeps it.
///
/// Errors: `TCPHS_NULL_ARGUMENT`; `TCPHS_NOT_FOUND` before the first segment, or if that connection
/// has left the table.
enum tcphs_status tcphs_table_latest(struct tcphs_table *table, struct tcphs_verdict *out);

/// Takes out the connection that closed first, and writes its final verdict to `out`. A connection
/// closes when it has been finished or silent for so long that no segment can belong to it any more.
///
/// Errors: `TCPHS_NULL_ARGUMENT`; `TCPHS_NOT_FOUND` if there is none (yet).
enum tcphs_status tcphs_table_next_closed(struct tcphs_table *table, struct tcphs_verdict *out);

/// Writes the next connection that has not closed to `out`, by number, as it stands now; for the end
/// of a capture. The table keeps it. After a call that changes the table, the first one comes again.
///
/// Errors: `TCPHS_NULL_ARGUMENT`; `TCPHS_NOT_FOUND` after the last.
enum tcphs_status tcphs_table_next_open(struct tcphs_table *table, struct tcphs_verdict *out);

/// The number of closed connections dropped because `tcphs_table_next_closed` did not ask for them
/// in time; 0 for null.
uint64_t tcphs_table_forgotten(struct tcphs_table *table);

/// The number of open connections that left the table because it was full: their further
/// segments count as new connections. 0 for null.
uint64_t tcphs_table_evicted(struct tcphs_table *table);

/// The message of the internal error, once a call has returned `TCPHS_PANIC`; null before. It
/// belongs to the table and lives as long as that.
const char *tcphs_table_failure(const struct tcphs_table *table);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TCPHS_H */
