/* show.c
 * Shows the segments of a frame: Info column and details.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "../shim.h"

#include <string.h>

#include <epan/column-utils.h>
#include <wiretap/wtap.h>
#include <wsutil/str_util.h>

#define NANOSECONDS 1000000000

/* Between our text and that of other protocols. */
#define SEPARATOR " | "

/* Two texts in one. wmem_strconcat() does the same with twice the instructions. */
static const char *
joined(wmem_allocator_t *pool, const char *first, const char *second)
{
    size_t first_size = strlen(first), second_size = strlen(second) + 1;
    size_t separator_size = sizeof SEPARATOR - 1;
    char *text = (char *)wmem_alloc(pool, first_size + separator_size + second_size);

    memcpy(text, first, first_size);
    memcpy(text + first_size, SEPARATOR, separator_size);
    memcpy(text + first_size + separator_size, second, second_size);
    return text;
}

/* Adds the text to the front or the end of the Info column, if the frame has a
 * segment of the handshake or the close.
 *
 * col_prepend_fstr() does the same with five times the instructions, on every
 * such packet of every listing. */
static void
show_info(packet_info *pinfo)
{
    const char *info;
    bool later = PINFO_FD_VISITED(pinfo);
    tcphs_status status = tcphs_session_info(tcphs_file, pinfo->num, later, &info);

    tcphs_report(status);
    if (status != TCPHS_OK)
        return;

    const char *others = col_get_text(pinfo->cinfo, COL_INFO);

    if (!others)
        return;

    bool before = tcphs_info_place != TCPHS_INFO_AFTER || !*others;
    const char *first = before ? info : others;
    const char *second = before ? others : info;
    const char *text = joined(pinfo->pool, first, second);
    /* Some dissectors leave the column locked. */
    bool writable = col_get_writable(pinfo->cinfo, COL_INFO);

    if (!writable)
        col_set_writable(pinfo->cinfo, COL_INFO, true);
    /* The column keeps the pointer, unless there is a fence in front of it. */
    col_clear_fence(pinfo->cinfo, COL_INFO);
    col_set_str(pinfo->cinfo, COL_INFO, text);
    if (!writable)
        col_set_writable(pinfo->cinfo, COL_INFO, false);
}

void
tcphs_do_not_count(proto_tree *tree)
{
    PTREE_DATA(tree)->count = 0;
}

/* Adds one field by its kind. */
static proto_item *
add_field(proto_tree *tree, tvbuff_t *tvb, const tcphs_view *view, const tcphs_item *item)
{
    const hf_register_info *info = &tcphs_hf[item->field];
    int hf = *info->p_id;
    const char *text = item->text == TCPHS_NO_TEXT ? "" : (const char *)view->text + item->text;
    ws_in4_addr ip4;
    ws_in6_addr ip6;
    nstime_t time;

    switch (info->hfinfo.type) {
    case FT_NONE:
        return proto_tree_add_item(tree, hf, tvb, 0, 0, ENC_NA);
    case FT_INT8:
    case FT_INT16:
        return proto_tree_add_int(tree, hf, tvb, 0, 0, (int32_t)(int64_t)item->number);
    case FT_BOOLEAN:
        return proto_tree_add_boolean(tree, hf, tvb, 0, 0, item->number != 0);
    case FT_UINT8:
    case FT_UINT16:
    case FT_UINT32:
    case FT_FRAMENUM:
        if (item->text != TCPHS_NO_TEXT)
            return proto_tree_add_uint_format(tree, hf, tvb, 0, 0, (uint32_t)item->number,
                                              "%s", text);
        return proto_tree_add_uint(tree, hf, tvb, 0, 0, (uint32_t)item->number);
    case FT_IPv4:
        memcpy(&ip4, text, sizeof ip4);
        return proto_tree_add_ipv4(tree, hf, tvb, 0, 0, ip4);
    case FT_IPv6:
        memcpy(&ip6, text, sizeof ip6);
        return proto_tree_add_ipv6(tree, hf, tvb, 0, 0, &ip6);
    case FT_RELATIVE_TIME:
        time.secs = (time_t)((int64_t)item->number / NANOSECONDS);
        time.nsecs = (int)((int64_t)item->number % NANOSECONDS);
        return proto_tree_add_time(tree, hf, tvb, 0, 0, &time);
    default:
        return proto_tree_add_string(tree, hf, tvb, 0, 0, text);
    }
}

/* Returns the line of the protocol. */
static proto_item *
show_details(proto_tree *tree, tvbuff_t *tvb, const tcphs_view *view)
{
    const char *summary = view->summary == TCPHS_NO_TEXT ? "TCP Handshake"
                                                         : (const char *)view->text + view->summary;

    tcphs_do_not_count(tree);

    proto_item *root = proto_tree_add_protocol_format(tree, tcphs_proto, tvb, 0, 0, "%s", summary);
    /* The protocol, and its latest subtree. */
    proto_tree *levels[2];

    proto_item_set_generated(root);
    levels[0] = levels[1] = proto_item_add_subtree(root, tcphs_ett[0]);

    for (uint32_t i = 0; i < view->item_count; i++) {
        const tcphs_item *item = &view->items[i];
        proto_tree *parent = levels[item->level];

        tcphs_do_not_count(tree);

        proto_item *added = add_field(parent, tvb, view, item);

        /* Wireshark returns the parent for a field that is not referenced. */
        if (added != (proto_item *)parent) {
            proto_item_set_generated(added);
            if (item->hidden)
                proto_item_set_hidden(added);
        }
        if (item->subtree)
            levels[1] = proto_item_add_subtree(added, tcphs_ett[item->subtree]);
    }
    return root;
}

/* Whether the details are shown, or a filter or column has one of our fields.
 * The protocol hierarchy also asks for every protocol, but must not list this
 * one, which has no octets in the frame. */
static bool
details_wanted(proto_tree *tree)
{
    return tree && proto_field_is_referenced(tree, tcphs_proto) &&
        (PTREE_DATA(tree)->visible || tcphs_is_asked(tcphs_proto));
}

/* The fields that are asked for, or NULL if all details are shown. */
static const tcphs_wanted *
wanted_fields(proto_tree *tree)
{
    static tcphs_wanted wanted;
    const tcphs_wanted *printed = tcphs_is_tshark() ? tcphs_command_line_wanted() : NULL;

    if (PTREE_DATA(tree)->visible && !printed)
        return NULL;
    wanted.summary = (printed && printed->summary) ||
        proto_registrar_get_nth(tcphs_proto)->ref_type == HF_REF_TYPE_DIRECT;
    for (int i = 0; i < tcphs_hf_count; i++)
        wanted.fields[i] = (printed && printed->fields[i]) ||
            tcphs_hf[i].hfinfo.ref_type != HF_REF_TYPE_NONE;
    return &wanted;
}

/* Shows the segments of a frame one after the other. */
static void
show_segments(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree)
{
    /* Static because it is large; Wireshark dissects one packet at a time. */
    static tcphs_view view;
    bool later = PINFO_FD_VISITED(pinfo);
    bool details = details_wanted(tree);
    bool expert = tcphs_expert_wanted(pinfo, tree);
    const tcphs_wanted *wanted = details ? wanted_fields(tree) : NULL;
    unsigned counted = tree ? PTREE_DATA(tree)->count : 0;
    tcphs_status status = TCPHS_OK;

    if (!details && !expert)
        return;
    for (uint32_t nth = 0; ; nth++) {
        proto_item *item = tcphs_expert_parent(tree);

        if (details) {
            status = tcphs_session_view(tcphs_file, pinfo->num, nth, later, wanted, &view);
            if (status != TCPHS_OK)
                break;
            item = show_details(tree, tvb, &view);
        }
        if (expert) {
            status = tcphs_expert_show(pinfo, item, nth);
            if (status != TCPHS_OK)
                break;
        }
    }
    if (tree)
        PTREE_DATA(tree)->count = counted;
    tcphs_report(status);
}

/* The time of a packet; a log entry or an event of another kind has none that counts. */
static int64_t
time_of(const packet_info *pinfo)
{
    if (pinfo->rec->rec_type != REC_TYPE_PACKET)
        return TCPHS_NO_TIME;
    return tcphs_time_ns(pinfo->abs_ts.secs, pinfo->abs_ts.nsecs);
}

int
tcphs_show(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (!PINFO_FD_VISITED(pinfo)) {
        if (tcphs_points_on)
            tcphs_points_turn(pinfo);
        tcphs_report(tcphs_session_end_frame(tcphs_file, pinfo->num, time_of(pinfo)));
    }

    if (pinfo->cinfo && tcphs_info_place != TCPHS_INFO_OFF)
        show_info(pinfo);

    tcphs_passes_note(pinfo, tree);
    tcphs_tap_queue(pinfo);
    show_segments(tvb, pinfo, tree);
    return (int)tvb_captured_length(tvb);
}
