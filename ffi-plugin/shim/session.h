/* session.h
 * What the shim calls in Rust: the segments of the capture file that is open, by
 * frame, and what is shown of them.
 *
 * Generated from ffi-plugin/src/abi/.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TCPHS_SESSION_H
#define TCPHS_SESSION_H

#include <tcphs.h>

/// How many items a view has at most.
#define TCPHS_MAX_ITEMS 112

/// How many octets of text a view, or the remarks on a segment, have at most.
#define TCPHS_MAX_TEXT 4096

/// How many remarks on a segment there are at most.
#define TCPHS_MAX_REMARKS 16

/// Stands for "no text" where the place of a text is expected.
#define TCPHS_NO_TEXT UINT32_MAX

/// How many columns a table has at most.
#define TCPHS_MAX_COLUMNS 16

/// How many octets of text a row has at most.
#define TCPHS_MAX_ROW_TEXT 512

/// One row for each server: address, port, how its connections went, how fast it answered.
#define TCPHS_STATISTICS_SERVERS 0

/// One row for each connection.
#define TCPHS_STATISTICS_CONNECTIONS 1

/// One row for each outcome and server: outcome, server, how many of both, how many of the outcome,
/// how many in all.
#define TCPHS_STATISTICS_OUTCOMES 2

/// The cells of a column have a text.
#define TCPHS_COLUMN_TEXT 0

/// The cells of a column have a count.
#define TCPHS_COLUMN_COUNT 1

/// The cells of a column have a number as text, padded on the left; a `-` where it is unknown.
#define TCPHS_COLUMN_NUMBER 2

/// How many octets the label of an arrow has at most.
#define TCPHS_MAX_LABEL 64

/// How many octets the comment beside an arrow has at most.
#define TCPHS_MAX_COMMENT 128

/// What was learned of the segments of one capture file, by frame.
///
/// The life of a frame: `tcphs_session_learn` for each of its segments, `tcphs_session_end_frame`,
/// then as often as wanted, in any order of frames, `tcphs_session_info`, `tcphs_session_view` and
/// `tcphs_session_remarks`.
typedef struct tcphs_session tcphs_session;

/// Statistics over the connections of a session whose packets were seen.
typedef struct tcphs_statistics tcphs_statistics;

/// What of a view is wanted.
typedef struct tcphs_wanted {
    /// For each field, from 0 in the order of registration, whether it is wanted: 0 if not.
    uint8_t fields[TCPHS_MAX_ITEMS];
    bool summary; ///< Whether the line of the protocol is wanted.
} tcphs_wanted;

/// One line of the packet details.
typedef struct tcphs_item {
    /// Value of a number or boolean, a negative one in two's complement; nanoseconds of a time.
    uint64_t number;
    /// Place in `tcphs_view.text` of a C string, or of an address in network order. With `subtree`
    /// the line itself. Otherwise `TCPHS_NO_TEXT`.
    uint32_t text;
    uint8_t field; ///< Number of the field, from 0 in the order of registration.
    uint8_t level; ///< 0 below the protocol, 1 in the subtree opened last.
    /// 1 if a subtree for the client begins here, 2 for the server, 3 for the verdict, otherwise 0.
    uint8_t subtree;
    bool hidden; ///< For filters only; the details show the same in another line.
} tcphs_item;

/// What the packet details show of one segment.
typedef struct tcphs_view {
    uint32_t summary; ///< Place in `text` of the line of the protocol, or `TCPHS_NO_TEXT`.
    uint32_t item_count; ///< How many of `items` there are.
    struct tcphs_item items[TCPHS_MAX_ITEMS]; ///< The lines, from top to bottom.
    uint8_t text[TCPHS_MAX_TEXT]; ///< The texts.
} tcphs_view;

/// A remark on a segment: Wireshark's expert information.
typedef struct tcphs_remark {
    uint32_t text; ///< Place in `tcphs_remarks.text` of a C string, or `TCPHS_NO_TEXT`.
    /// Number of its entry, from 0 in the order of registration: `enum tcphs_anomaly`, and after
    /// its last value a SYN that was repeated often.
    uint8_t entry;
} tcphs_remark;

/// The remarks on one segment.
typedef struct tcphs_remarks {
    uint32_t count; ///< How many of `items` there are.
    struct tcphs_remark items[TCPHS_MAX_REMARKS]; ///< The remarks.
    uint8_t text[TCPHS_MAX_TEXT]; ///< The texts.
} tcphs_remarks;

/// What the user can choose. `tcphs_settings_default` gives what holds until something is chosen.
typedef struct tcphs_settings {
    uint32_t slow_ms; ///< A set-up that takes longer than this many milliseconds is worth a remark.
    /// By whose names the Info column and the lines of the details call the states:
    /// `enum tcphs_state_names`. Labels, filters and text fields keep those of RFC 9293.
    uint8_t state_names;
    bool mark_assumed; ///< Whether assumed states say so there.
    /// Whether the Info column speaks of every segment, or of those that have a stage.
    bool every_segment;
} tcphs_settings;

/// A column of a table.
typedef struct tcphs_column {
    const char *title; ///< What it is called; never freed.
    uint8_t kind; ///< What stands in its cells: `TCPHS_COLUMN_TEXT` and so on.
} tcphs_column;

/// A cell, of which the kind of its column says what counts.
typedef struct tcphs_cell {
    uint32_t count; ///< A count.
    uint32_t text; ///< Place in `tcphs_row.text` of a C string, or `TCPHS_NO_TEXT`.
} tcphs_cell;

/// A row of a table.
typedef struct tcphs_row {
    struct tcphs_cell cells[TCPHS_MAX_COLUMNS]; ///< The cells, one for each column.
    uint8_t text[TCPHS_MAX_ROW_TEXT]; ///< The texts.
} tcphs_row;

/// One segment, as listeners are told of it.
typedef struct tcphs_tapped {
    uint32_t connection; ///< Number of its connection.
    uint16_t source_port; ///< Port of the sender.
    uint16_t destination_port; ///< Port of the receiver.
    /// Address of the sender, in network order; an IPv4 address is in the first 4 octets.
    uint8_t source[16];
    uint8_t destination[16]; ///< Address of the receiver, likewise.
    /// 4 or 6; 0 where sender and receiver are not those of the connection, as of an ICMP error.
    uint8_t ip_version;
    bool staged; ///< Whether it has a stage; only then are there `label` and `comment`.
    bool later; ///< Whether every frame had been learned when it was told.
    uint8_t label[TCPHS_MAX_LABEL]; ///< For an arrow: the step, a C string.
    uint8_t comment[TCPHS_MAX_COMMENT]; ///< Beside the arrow: connection and states, a C string.
} tcphs_tapped;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/// An empty session; null where there is no memory for it. To be freed with `tcphs_session_free`.
struct tcphs_session *tcphs_session_new(void);

/// Frees a session. Null is allowed.
///
/// `session` comes from `tcphs_session_new` and was not freed yet.
void tcphs_session_free(struct tcphs_session *session);

/// Learns one segment of the frame `segment->frame`.
///
/// Each pointer is null or valid, and `segment->captured` for `segment->captured_octets` octets.
tcphs_status tcphs_session_learn(struct tcphs_session *session, const tcphs_segment *segment);

/// Learns an ICMP or ICMPv6 message: `message->captured` starts with its header. What is no error,
/// or quotes no segment that was seen, gives `TCPHS_OK` too, and changes nothing.
///
/// Each pointer is null or valid, and `message->captured` for `message->captured_octets` octets.
tcphs_status tcphs_session_learn_icmp(struct tcphs_session *session, const tcphs_segment *message);

/// To be called once the frame has been dissected for the first time, with or without segments.
///
/// What was learned before the call of an earlier frame with the same number is forgotten: Wireshark
/// uses the numbers of frames that a read filter rejects again.
///
/// `TCPHS_FULL` once, when the first connection was let go that was not closed.
///
/// `session` is null or valid.
tcphs_status tcphs_session_end_frame(struct tcphs_session *session,
                                     uint32_t frame);

/// Points `out` to what the Info column says of the frame: one text for each segment that has a
/// stage, or for every one if so chosen, parted by ` | `. It lives until the next call with this
/// session. `TCPHS_NOT_FOUND` if the frame has no such segment.
///
/// `session` is null or valid; `out` is null or valid for writes.
tcphs_status tcphs_session_info(struct tcphs_session *session, uint32_t frame, const char **out);

/// Writes what the packet details show of segment `nth` of the frame, from 0. `TCPHS_NOT_FOUND` if
/// the frame has no such segment.
///
/// `later` says that every frame has been learned: only then does what the connection came to stand
/// in it. `wanted` is null for everything.
///
/// `session` and `wanted` are null or valid; `out` is null, or valid and initialised.
tcphs_status tcphs_session_view(struct tcphs_session *session,
                                uint32_t frame,
                                uint32_t nth,
                                bool later,
                                const struct tcphs_wanted *wanted,
                                struct tcphs_view *out);

/// Writes the remarks on segment `nth` of the frame, from 0; there may be none. `TCPHS_NOT_FOUND` if
/// the frame has no such segment.
///
/// `later` says that every frame has been learned: only then is it said what takes later segments,
/// or their absence, to know.
///
/// `session` is null or valid; `out` is null, or valid and initialised.
tcphs_status tcphs_session_remarks(struct tcphs_session *session,
                                   uint32_t frame,
                                   uint32_t nth,
                                   bool later,
                                   struct tcphs_remarks *out);

/// What went wrong, once a call has given `TCPHS_PANIC`; null before. It lives as long as the
/// session.
///
/// `session` is null or valid.
const char *tcphs_session_failure(const struct tcphs_session *session);

/// What holds until something is chosen.
struct tcphs_settings tcphs_settings_default(void);

/// Changes what can be chosen; what is shown from now on follows.
///
/// Each pointer is null or valid.
tcphs_status tcphs_session_configure(struct tcphs_session *session,
                                     const struct tcphs_settings *settings);

/// Statistics of the kind `TCPHS_STATISTICS_…`, empty; null where there is none of this number, or no
/// memory. To be freed with `tcphs_statistics_free`.
struct tcphs_statistics *tcphs_statistics_new(uint8_t kind);

/// Frees statistics. Null is allowed.
///
/// `statistics` comes from `tcphs_statistics_new` and was not freed yet.
void tcphs_statistics_free(struct tcphs_statistics *statistics);

/// The columns of the kind `TCPHS_STATISTICS_…`, and how many there are; null and 0 where there is
/// none of this number. They are never freed.
///
/// `count` is null or valid for writes.
const struct tcphs_column *tcphs_statistics_columns(uint8_t kind,
                                                    size_t *count);

/// Forgets everything.
///
/// `statistics` is null or valid.
tcphs_status tcphs_statistics_clear(struct tcphs_statistics *statistics);

/// A packet of a connection was seen. `later` says that every frame has been learned: then `row`
/// gets the number of the row that has changed. `TCPHS_NOT_FOUND` where none has: the connection was
/// seen before, or what it came to is not known yet.
///
/// Each pointer is null or valid.
tcphs_status tcphs_statistics_see(struct tcphs_statistics *statistics,
                                  struct tcphs_session *session,
                                  uint32_t connection,
                                  bool later,
                                  uint32_t *row);

/// Makes all rows anew, from what the connections have come to, and puts them in order.
///
/// Each pointer is null or valid.
tcphs_status tcphs_statistics_settle(struct tcphs_statistics *statistics,
                                     struct tcphs_session *session);

/// Writes row `nth`, from 0. `TCPHS_NOT_FOUND` after the last.
///
/// `statistics` is null or valid; `out` is null, or valid and initialised.
tcphs_status tcphs_statistics_row(struct tcphs_statistics *statistics,
                                  uint32_t nth,
                                  struct tcphs_row *out);

/// What went wrong, once a call has given `TCPHS_PANIC`; null before. It lives as long as the
/// statistics.
///
/// `statistics` is null or valid.
const char *tcphs_statistics_failure(const struct tcphs_statistics *statistics);

/// Writes what listeners are told of segment `nth` of the frame, from 0. `TCPHS_NOT_FOUND` if the
/// frame has no such segment. `later` says that every frame has been learned.
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
