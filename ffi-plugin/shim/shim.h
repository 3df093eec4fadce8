/* shim.h
 * Declarations that the files of the shim share.
 *
 * Wireshark raises errors with longjmp(), which must not cross a Rust frame.
 * So every callback reads the packet, calls Rust, which calls nothing back, and
 * shows the result when Rust has returned.
 *
 * Built for Wireshark 4.0, 4.2, 4.4 and 4.6. Most of their differences need no
 * other source: functions that return gboolean in one and bool in another, and
 * proto_tree_add_boolean(), whose value grew to 64 bits. The rest is under
 * #if TCPHS_WIRESHARK.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TCPHS_SHIM_H
#define TCPHS_SHIM_H

#define WS_LOG_DOMAIN "tcphs"

#include <wireshark.h>
#include <ws_version.h>

#include <epan/packet.h>
#include <epan/proto.h>

#include "session.h"
#include "weak.h"

/* 400, 402, 404, 406. */
#define TCPHS_WIRESHARK (WIRESHARK_VERSION_MAJOR * 100 + WIRESHARK_VERSION_MINOR)

/* The type of boolean preferences and of flags in structs: four octets, or one. */
#if TCPHS_WIRESHARK >= 404
typedef bool tcphs_wireshark_bool;
#else
typedef gboolean tcphs_wireshark_bool;
#endif

/* state.c: the protocol, its entry in Wireshark's lists, where a user may disable
 * it, and the session of the capture file that is open (or NULL). */
extern int tcphs_proto;
extern protocol_t *tcphs_protocol;
extern tcphs_session *tcphs_file;

/* The fields; tcphs_item.field is an index into the array (src/wireshark/fields.rs). */
hf_register_info *tcphs_register_info(int *count);
bool tcphs_field_needs_later(int nth);
extern hf_register_info *tcphs_hf;
extern int tcphs_hf_count;

/* Subtrees by tcphs_item.subtree; 0 is the protocol. */
extern int tcphs_ett[5];

/* The dissectors in front of those of TCP and ICMP, and these themselves. */
int
tcphs_intercept(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);
int
tcphs_intercept_icmp(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);
int
tcphs_intercept_icmpv6(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);
extern dissector_handle_t tcphs_tcp_handle;
extern dissector_handle_t tcphs_icmp_handle;
extern dissector_handle_t tcphs_icmpv6_handle;

/* Whether the interfaces of the capture file that is open may be points of the
 * way. Then tcphs_points_turn() is to be called for each frame before anything
 * of it is learned. */
extern bool tcphs_points_on;
void
tcphs_points_turn(packet_info *pinfo);

/* To be called when a capture file is opened. */
void
tcphs_points_begin(void);

/* Registers the preference. */
struct pref_module;
void
tcphs_points_register(struct pref_module *module);

/* Registers the routines that open and close the session. */
void
tcphs_state_register(void);

/* The post-dissector: shows the segments after all dissectors. */
int
tcphs_show(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);

/* Registers the preferences, and hands them to the session. The shim itself
 * applies tcphs_info_place, the place of our text in the Info column. */
void
tcphs_preferences_register(void);
void
tcphs_preferences_apply(void);

enum {
    TCPHS_INFO_OFF,
    TCPHS_INFO_BEFORE,
    TCPHS_INFO_AFTER,
    TCPHS_INFO_SHORT,
};
extern int tcphs_info_place;

/* To be called before adding to a tree. As a guard against endless loops,
 * Wireshark counts items, stops a dissector at a limit (gui.max_tree_items) and
 * calls the frame malformed. Our items must not cause that, so they are not
 * counted, and tcphs_show() restores the count. */
void
tcphs_do_not_count(proto_tree *tree);

/* Registers the expert items. */
void
tcphs_expert_register(void);

/* Our fields that tshark is to print with -T fields, or NULL (src/wireshark/command_line.rs). */
const tcphs_wanted *
tcphs_command_line_wanted(void);

/* Whether a filter, a column or a tap asks for a field or a protocol. */
bool
tcphs_is_asked(int hf);

/* Whether expert items are needed. */
bool
tcphs_expert_wanted(packet_info *pinfo, proto_tree *tree);

/* The parent of expert items if our details are not in the tree; may be NULL. */
proto_item *
tcphs_expert_parent(proto_tree *tree);

/* Whether a filter or a column asks for an expert item that needs a second pass. */
bool
tcphs_expert_later_is_asked(void);

/* To be called for each frame, and at the end of a capture file: prints then
 * that a second pass is needed, if it is. */
void
tcphs_passes_note(packet_info *pinfo, proto_tree *tree);
void
tcphs_passes_end(void);

/* Whether the program is tshark, which shows each packet once and prints the
 * texts of statistics as they are. */
bool
tcphs_is_tshark(void);

/* Our tap. Its listeners get a tcphs_tapped for each segment. */
#define TCPHS_TAP "tcphs"
void
tcphs_tap_register(void);
void
tcphs_tap_queue(packet_info *pinfo);

/* Statistics: a gathering of connections, and the callbacks that show its rows. */
typedef struct tcphs_gathering tcphs_gathering;
struct tcphs_gathering {
    tcphs_statistics *statistics;
    void (*show)(tcphs_gathering *gathering, uint32_t nth, const tcphs_row *row);
    /* Called after all rows were shown; may be NULL. */
    void (*fit)(tcphs_gathering *gathering);
    /* Whether connections were seen that no row shows yet. */
    bool unsettled;
};

/* Begin anew with statistics of a kind TCPHS_STATISTICS_...; end for good. */
void
tcphs_gathering_start(tcphs_gathering *gathering, uint8_t kind);
void
tcphs_gathering_end(tcphs_gathering *gathering);

/* Takes in a packet that has passed the filter. */
void
tcphs_gathering_see(tcphs_gathering *gathering, const tcphs_tapped *tapped);

/* To be called at the end of a capture file. */
void
tcphs_gatherings_forget(void);

/* Register the listeners of our tap. */
void
tcphs_tree_register(void);
void
tcphs_tables_register(void);
void
tcphs_flow_register(void);

/* Adds the expert items of a segment of the frame to an item, which may be NULL. */
tcphs_status
tcphs_expert_show(packet_info *pinfo, proto_item *item, uint32_t nth);

/* Consequences of internal errors. */
#define TCPHS_NOTHING_SHOWN "no more of the TCP handshake is shown in this capture file"
#define TCPHS_NOT_COMPLETE "statistics of the TCP handshake are not complete"

/* Warns, once per capture file, if a call with the session had an internal error. */
void
tcphs_report(tcphs_status status);

/* The same for a call with statistics. */
void
tcphs_report_statistics(tcphs_status status, const tcphs_statistics *statistics);

/* The same for a call that returns no status; to be called after it. */
void
tcphs_report_failure(const char *consequence);

#endif /* TCPHS_SHIM_H */
