/* shim.h
 * What the files of the shim share.
 *
 * Wireshark raises errors with longjmp(), which must not cross a Rust frame.
 * So every callback reads what it needs, calls Rust, which calls nothing
 * back, and shows the result when Rust has returned.
 *
 * Built for Wireshark 4.0, 4.2, 4.4 and 4.6. Most of what differs between them
 * and is used here has the same source: functions that return gboolean in one
 * and bool in another, and proto_tree_add_boolean(), whose value grew to 64
 * bits. The rest stands under #if TCPHS_WIRESHARK.
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

/* What a boolean preference is kept in, and flags in structs: four octets, or one. */
#if TCPHS_WIRESHARK >= 404
typedef bool tcphs_wireshark_bool;
#else
typedef gboolean tcphs_wireshark_bool;
#endif

/* The protocol, and the state of the capture file that is open (or NULL). */
extern int tcphs_proto;
extern tcphs_session *tcphs_file;

/* The fields, numbered as tcphs_item.field numbers them (src/fields.rs). */
hf_register_info *tcphs_register_info(int *count);
bool tcphs_field_needs_later(int nth);
extern hf_register_info *tcphs_hf;
extern int tcphs_hf_count;

/* Subtrees, numbered as tcphs_item.subtree numbers them; 0 is the protocol. */
extern int tcphs_ett[4];

/* Sits in front of the TCP dissector and learns. */
int
tcphs_intercept(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);

/* Comes after all dissectors and shows what was learned. */
int
tcphs_show(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);

/* Registers the preferences, and hands them to the state of the capture file;
 * but for the place of our text in the Info column, which is ours. */
void
tcphs_preferences_register(void);
void
tcphs_preferences_apply(void);

enum {
    TCPHS_INFO_OFF,
    TCPHS_INFO_BEFORE,
    TCPHS_INFO_AFTER,
};
extern int tcphs_info_place;

/* To be called before adding to a tree. Wireshark stops a dissector at so many
 * items in all (gui.max_tree_items), a guard against endless loops, and calls
 * the frame malformed. No frame is malformed for what we say of it; so our
 * items are not counted, and tcphs_show() puts the count back. */
void
tcphs_do_not_count(proto_tree *tree);

/* Registers the remarks. */
void
tcphs_expert_register(void);

/* Our fields that tshark is to print with -T fields, or NULL (src/command_line.rs). */
const tcphs_wanted *
tcphs_command_line_wanted(void);

/* Whether a filter, a column or a tap asks for a field or a protocol. */
bool
tcphs_is_asked(int hf);

/* Whether somebody asks for remarks. */
bool
tcphs_expert_wanted(packet_info *pinfo, proto_tree *tree);

/* What a remark hangs on where our details are not in the tree; may be NULL. */
proto_item *
tcphs_expert_parent(proto_tree *tree);

/* Whether a filter or a column asks for a remark that takes a second pass. */
bool
tcphs_expert_later_is_asked(void);

/* To be called for each frame, and at the end of a capture file: says once
 * that a second pass is needed, if one is. */
void
tcphs_passes_note(packet_info *pinfo, proto_tree *tree);
void
tcphs_passes_end(void);

/* Whether the program is tshark, which shows each packet once and prints what
 * statistics give it as it is. */
bool
tcphs_is_tshark(void);

/* Our tap. Its listeners are given a tcphs_tapped for each segment. */
#define TCPHS_TAP "tcphs"
void
tcphs_tap_register(void);
void
tcphs_tap_queue(packet_info *pinfo);

/* Statistics: a gathering of connections, and who shows its rows. */
typedef struct tcphs_gathering tcphs_gathering;
struct tcphs_gathering {
    tcphs_statistics *statistics;
    void (*show)(tcphs_gathering *gathering, uint32_t nth, const tcphs_row *row);
    /* After all rows were shown; may be NULL. */
    void (*fit)(tcphs_gathering *gathering);
    /* Connections were seen that no row shows yet. */
    bool unsettled;
};

/* Begins anew, with statistics of a kind TCPHS_STATISTICS_...; ends for good. */
void
tcphs_gathering_start(tcphs_gathering *gathering, uint8_t kind);
void
tcphs_gathering_end(tcphs_gathering *gathering);

/* A packet passed the filter. */
void
tcphs_gathering_see(tcphs_gathering *gathering, const tcphs_tapped *tapped);

/* To be called at the end of a capture file. */
void
tcphs_gatherings_forget(void);

/* Register what listens to our tap. */
void
tcphs_tree_register(void);
void
tcphs_tables_register(void);
void
tcphs_flow_register(void);

/* Adds the remarks on one segment of the frame to an item, which may be NULL. */
tcphs_status
tcphs_expert_show(packet_info *pinfo, proto_item *item, uint32_t nth);

/* The same for errors that quote a segment. */
int
tcphs_intercept_icmp(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);
int
tcphs_intercept_icmpv6(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data);

/* The dissectors that these hand everything on to. */
extern dissector_handle_t tcphs_tcp_handle;
extern dissector_handle_t tcphs_icmp_handle;
extern dissector_handle_t tcphs_icmpv6_handle;

/* The protocol as Wireshark's lists know it; a user may disable it. */
extern protocol_t *tcphs_protocol;

/* Says once per capture file that something went wrong in Rust. */
void
tcphs_report(tcphs_status status);

/* Says so of a call that has no status; to be called after it. */
void
tcphs_report_untold(const char *consequence);

#endif /* TCPHS_SHIM_H */
