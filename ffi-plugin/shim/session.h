/* session.h
 * Functions that the shim calls in Rust: for the segments of the capture file
 * that is open, by frame, and for everything that is shown of them. Pointers are null
 * or valid; functions say what else they need.
 *
 * Generated from ffi-plugin/src/abi/.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TCPHS_SESSION_H
#define TCPHS_SESSION_H

#include <tcphs.h>

/// Most items of a view.
#define TCPHS_MAX_ITEMS 112

/// Most octets of text of a view, or of the expert items of a segment.
#define TCPHS_MAX_TEXT 4096

/// Most expert items of a segment.
#define TCPHS_MAX_EXPERT_ITEMS 16

/// Stands for "no time".
#define TCPHS_NO_TIME INT64_MIN

/// Stands for "no text" instead of the place of a text.
#define TCPHS_NO_TEXT UINT32_MAX

/// Most columns of a table.
#define TCPHS_MAX_COLUMNS 16

/// Most octets of text in a row.
#define TCPHS_MAX_ROW_TEXT 512

/// One row for each server: address, port, outcomes of its connections, response times.
#define TCPHS_STATISTICS_SERVERS 0

/// One row for each connection.
#define TCPHS_STATISTICS_CONNECTIONS 1

/// One row for each outcome and server: outcome, server, connections of both, of the outcome, in all.
#define TCPHS_STATISTICS_OUTCOMES 2

/// The cells of a column have a text.
#define TCPHS_COLUMN_TEXT 0

/// The cells of a column have a count.
#define TCPHS_COLUMN_COUNT 1

/// The cells of a column have a number as text, padded on the left; `-` if it is unknown.
#define TCPHS_COLUMN_NUMBER 2

/// Most octets of the label of an arrow.
#define TCPHS_MAX_LABEL 64

/// Most octets of the comment beside an arrow.
#define TCPHS_MAX_COMMENT 192

/// Most octets of the name of a point beside an arrow.
#define TCPHS_MAX_POINT 64

/// The segments of one capture file, by frame.
///
/// For each frame, `tcphs_session_learn` is called once for each segment, then
/// `tcphs_session_end_frame` once. Afterwards `tcphs_session_info`, `tcphs_session_view` and
/// `tcphs_session_expert_items` may be called any number of times, in any order of frames.
typedef struct tcphs_session tcphs_session;

/// Statistics over connections of a session.
typedef struct tcphs_statistics tcphs_statistics;

/// The parts of a view that are wanted.
typedef struct tcphs_wanted {
    /// For each field, from 0 in the order of registration, whether it is wanted (0: no).
    uint8_t fields[TCPHS_MAX_ITEMS];
    bool summary; ///< Whether the line of the protocol is wanted.
} tcphs_wanted;

/// One line of the packet details.
typedef struct tcphs_item {
    /// Value of a number (a negative one in two's complement) or boolean; nanoseconds of a time.
    uint64_t number;
    /// Place in `tcphs_view.text` of a C string, or of an address in network order. With `subtree`
    /// that string is the whole line. Otherwise `TCPHS_NO_TEXT`.
    uint32_t text;
    uint8_t field; ///< Number of the field, from 0 in the order of registration.
    uint8_t level; ///< 0 directly below the protocol, 1 in the latest subtree.
    /// 1 if a subtree for the client begins here, 2 for the server, 3 for the verdict,
    /// 4 for the way between two points, otherwise 0.
    uint8_t subtree;
    bool hidden; ///< True if it is for filters only, because another line shows the same.
} tcphs_item;

/// The lines that the packet details show for one segment.
typedef struct tcphs_view {
    uint32_t summary; ///< Place in `text` of the line of the protocol, or `TCPHS_NO_TEXT`.
    uint32_t item_count; ///< Number of valid `items`.
    struct tcphs_item items[TCPHS_MAX_ITEMS]; ///< The lines, from top to bottom.
    uint8_t text[TCPHS_MAX_TEXT]; ///< The texts.
} tcphs_view;

/// One expert item of a segment, as Wireshark calls it: a finding, and what its line says after the summary.
typedef struct tcphs_expert_item {
    uint32_t text; ///< Place in `tcphs_expert_items.text` of a C string, or `TCPHS_NO_TEXT`.
    /// Number of its entry, from 0 in the order of registration: `enum tcphs_finding`, and after its
    /// last value the findings that are warnings in some cases.
    uint8_t entry;
} tcphs_expert_item;

/// The expert items of one segment.
typedef struct tcphs_expert_items {
    uint32_t count; ///< Number of valid `items`.
    struct tcphs_expert_item items[TCPHS_MAX_EXPERT_ITEMS]; ///< The items.
    uint8_t text[TCPHS_MAX_TEXT]; ///< The texts.
} tcphs_expert_items;

/// The user's settings. `tcphs_settings_default` returns the defaults.
typedef struct tcphs_settings {
    uint32_t slow_ms; ///< A handshake that takes longer than this many milliseconds is slow, and a finding.
    /// The names of states in the Info column and in the lines of the details:
    /// `enum tcphs_state_names`. Labels, filters and text fields keep the names of RFC 9293.
    uint8_t state_names;
    bool mark_assumed; ///< Whether assumed states are marked there.
    bool every_segment; ///< Whether the Info column describes every segment, or only those that have a stage.
    /// Whether the Info column says the step alone, without flags and states, and only where there is a
    /// step.
    bool step_only;
} tcphs_settings;

/// A column of a table.
typedef struct tcphs_column {
    const char *title; ///< Its title; never freed.
    uint8_t kind; ///< The kind of its cells: `TCPHS_COLUMN_TEXT` and so on.
} tcphs_column;

/// A cell. The kind of its column tells which field is valid.
typedef struct tcphs_cell {
    uint32_t count; ///< A count.
    uint32_t text; ///< Place in `tcphs_row.text` of a C string, or `TCPHS_NO_TEXT`.
} tcphs_cell;

/// A row of a table.
typedef struct tcphs_row {
    struct tcphs_cell cells[TCPHS_MAX_COLUMNS]; ///< The cells, one for each column.
    uint8_t text[TCPHS_MAX_ROW_TEXT]; ///< The texts.
} tcphs_row;

/// One segment for the listeners of the tap.
typedef struct tcphs_tapped {
    uint32_t connection; ///< Number of its connection.
    uint32_t half; ///< The connection for statistics: where a file has several points, as this point saw it.
    uint16_t source_port; ///< Port of the sender.
    uint16_t destination_port; ///< Port of the receiver.
    /// Address of the sender, in network order; an IPv4 address is in the first 4 octets.
    uint8_t source[16];
    uint8_t destination[16]; ///< Address of the receiver, likewise.
    /// 4 or 6; 0 if sender and receiver are not those of the connection, as for an ICMP error.
    uint8_t ip_version;
    /// Whether the flow graph shows it: it has a stage, or is an ACK that answers a repeated segment.
    /// Otherwise `label` and `comment` are empty.
    bool shown;
    bool later; ///< Whether every frame had been learned before.
    /// Where a file has several points: the points between which an arrow is drawn, C strings. An
    /// empty one stands for the end itself.
    uint8_t points[2][TCPHS_MAX_POINT];
    uint8_t label[TCPHS_MAX_LABEL]; ///< Label of an arrow: the step, a C string.
    /// Comment beside the arrow: states, or what became of the segment, and the connection; a C string.
    uint8_t comment[TCPHS_MAX_COMMENT];
} tcphs_tapped;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/// An empty session, to be freed with `tcphs_session_free`; null if it cannot be made.
struct tcphs_session *tcphs_session_new(void);

/// Frees a session. Null is allowed.
///
/// `session` is null, or comes from `tcphs_session_new` and was not freed yet.
void tcphs_session_free(struct tcphs_session *session);

/// Learns one segment of the frame `segment->frame`.
///
/// Each pointer is null or valid, and `segment->captured` for `segment->captured_octets` octets.
tcphs_status tcphs_session_learn(struct tcphs_session *session, const tcphs_segment *segment);

/// Learns an ICMP or ICMPv6 message; `message->captured` begins with its header. Messages that are no
/// errors, or quote no known segment, give `TCPHS_OK` and change nothing.
///
/// Each pointer is null or valid, and `message->captured` for `message->captured_octets` octets.
tcphs_status tcphs_session_learn_icmp(struct tcphs_session *session, const tcphs_segment *message);

/// Tells at which interface the frames from now on were captured, before they are learned: the
/// interfaces of this file are points of the way. Not called for other files. `section` and `interface`
/// are Wireshark's numbers. `name` is its name, or null; `description` that of the interface, or null.
///
/// `session` is null or valid; `name` and `description` are null or C strings.
tcphs_status tcphs_session_turn_to_point(struct tcphs_session *session,
                                         uint32_t section,
                                         uint32_t interface,
                                         const char *name,
                                         const char *description);

/// Ends the first dissection of a frame, with or without segments. `time_ns` is its time, by which
/// connections are judged, or `TCPHS_NO_TIME` if it is no packet.
///
/// Segments that an earlier frame with the same number had are forgotten: Wireshark gives the number
/// of a frame that a read filter rejects to the next frame.
///
/// Returns `TCPHS_FULL` once, when the first open connection was dropped to make room.
///
/// `session` is null or valid.
tcphs_status tcphs_session_end_frame(struct tcphs_session *session, uint32_t frame, int64_t time_ns);

/// Points `out` to the text of the Info column for the frame: one part for each segment that has a
/// stage, or for every segment if so configured, separated by ` | `. The text lives until the next
/// call with this session. `TCPHS_NOT_FOUND` if the frame has no such segment.
///
/// What became of a segment between points is included only if `later` is true, which means that
/// every frame has been learned.
///
/// `session` is null or valid; `out` is null or valid for writes.
tcphs_status tcphs_session_info(struct tcphs_session *session, uint32_t frame, bool later, const char **out);

/// Writes the lines of the packet details for segment `nth` of the frame, from 0. `TCPHS_NOT_FOUND`
/// if the frame has no such segment.
///
/// The verdict on the connection is included only if `later` is true, which means that every frame
/// has been learned. `wanted` is null for everything.
///
/// `session` and `wanted` are null or valid; `out` is null, or valid and initialised.
tcphs_status tcphs_session_view(struct tcphs_session *session,
                                uint32_t frame,
                                uint32_t nth,
                                bool later,
                                const struct tcphs_wanted *wanted,
                                struct tcphs_view *out);

/// Writes the expert items of segment `nth` of the frame, from 0; there may be none.
/// `TCPHS_NOT_FOUND` if the frame has no such segment.
///
/// Findings that depend on later segments, or on their absence, are included only if `later` is true,
/// which means that every frame has been learned.
///
/// `session` is null or valid; `out` is null, or valid and initialised.
tcphs_status tcphs_session_expert_items(struct tcphs_session *session,
                                        uint32_t frame,
                                        uint32_t nth,
                                        bool later,
                                        struct tcphs_expert_items *out);

/// The message of the internal error, once a call has returned `TCPHS_PANIC`; null before. It lives
/// as long as the session.
///
/// `session` is null or valid.
const char *tcphs_session_failure(const struct tcphs_session *session);

/// The defaults.
struct tcphs_settings tcphs_settings_default(void);

/// Changes the settings for everything that is shown from now on.
tcphs_status tcphs_session_configure(struct tcphs_session *session, const struct tcphs_settings *settings);

/// Empty statistics of the kind `TCPHS_STATISTICS_…`, to be freed with `tcphs_statistics_free`; null
/// if there is no such kind, or they cannot be made.
struct tcphs_statistics *tcphs_statistics_new(uint8_t kind);

/// Frees statistics. Null is allowed.
///
/// `statistics` is null, or comes from `tcphs_statistics_new` and was not freed yet.
void tcphs_statistics_free(struct tcphs_statistics *statistics);

/// The columns of the kind `TCPHS_STATISTICS_…`, and their number; null and 0 if there is no such
/// kind. They are never freed.
///
/// `count` is null or valid for writes.
const struct tcphs_column *tcphs_statistics_columns(uint8_t kind, size_t *count);

/// Forgets all connections.
///
/// `statistics` is null or valid.
tcphs_status tcphs_statistics_clear(struct tcphs_statistics *statistics);

/// Takes in a packet of a connection (`tcphs_tapped.half`). If `later` is true, which means that every frame has been
/// learned, writes the number of the changed row to `row`. `TCPHS_NOT_FOUND` if no row has changed:
/// the connection was seen before, or its verdict is not known yet.
tcphs_status tcphs_statistics_see(struct tcphs_statistics *statistics,
                                  struct tcphs_session *session,
                                  uint32_t connection,
                                  bool later,
                                  uint32_t *row);

/// Makes all rows anew from the verdicts on the connections, and sorts them.
tcphs_status tcphs_statistics_settle(struct tcphs_statistics *statistics, struct tcphs_session *session);

/// Writes row `nth`, from 0. `TCPHS_NOT_FOUND` after the last.
///
/// `statistics` is null or valid; `out` is null, or valid and initialised.
tcphs_status tcphs_statistics_row(struct tcphs_statistics *statistics, uint32_t nth, struct tcphs_row *out);

/// The message of the internal error, once a call has returned `TCPHS_PANIC`; null before. It lives
/// as long as the statistics.
///
/// `statistics` is null or valid.
const char *tcphs_statistics_failure(const struct tcphs_statistics *statistics);

/// Writes segment `nth` of the frame, from 0, for the listeners of the tap. `TCPHS_NOT_FOUND` if the
/// frame has no such segment. `later` is true if every frame has been learned.
///
/// `session` is null or valid; `out` is null, or valid and initialised.
tcphs_status tcphs_session_tapped(struct tcphs_session *session,
                                  uint32_t frame,
                                  uint32_t nth,
                                  bool later,
                                  struct tcphs_tapped *out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TCPHS_SESSION_H */
