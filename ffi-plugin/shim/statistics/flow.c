/* flow.c
 * Statistics > Flow Graph > TCP Handshake, -z flow,tcphs,standard, and the entry
 * of the menu Conversation Filter.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "../shim.h"

#include <string.h>

#include <epan/address.h>
#include <epan/conversation_filter.h>
#include <epan/tap.h>

/* No version installs epan/sequence_analysis.h. These are its declarations, as
 * far as they are used here; its flags are as wide as a preference's. */
typedef struct {
    uint32_t frame_number;
    address src_addr;
    uint16_t port_src;
    address dst_addr;
    uint16_t port_dst;
    char *frame_label;
    char *time_str;
    char *comment;
    uint16_t conv_num;
    unsigned fg_color;
    unsigned bg_color;
    tcphs_wireshark_bool has_color_filter;
    tcphs_wireshark_bool display;
    unsigned src_node;
    unsigned dst_node;
    uint16_t line_style;
    uint32_t info_type;
    void *info_ptr;
} seq_analysis_item_t;

/* Only the first fields. */
typedef struct {
    const char *name;
    tcphs_wireshark_bool any_addr;
    int nconv;
    GQueue *items;
} seq_analysis_info_t;

void register_seq_analysis(const char *name, const char *ui_name, const int proto_id,
                           const char *tap_listener, unsigned tap_flags, tap_packet_cb tap_func);
seq_analysis_item_t *
sequence_analysis_create_sai_with_addresses(packet_info *pinfo, seq_analysis_info_t *sainfo);

#pragma weak register_seq_analysis
#pragma weak sequence_analysis_create_sai_with_addresses

/* Wireshark knows only the addresses of the innermost segment of a frame. */
static void
set_addresses(packet_info *pinfo, const tcphs_tapped *tapped)
{
    int type = tapped->ip_version == 4 ? AT_IPv4 : AT_IPv6;
    int octets = tapped->ip_version == 4 ? 4 : 16;

    set_address(&pinfo->src, type, octets, tapped->source);
    set_address(&pinfo->dst, type, octets, tapped->destination);
    pinfo->net_src = pinfo->src;
    pinfo->net_dst = pinfo->dst;
}

/* In a file with several points these stand between the ends. */
static void
set_points(packet_info *pinfo, const tcphs_tapped *tapped)
{
    address *ends[] = { &pinfo->src, &pinfo->dst };

    for (int i = 0; i < 2; i++) {
        const char *name = (const char *)tapped->points[i];

        if (*name)
            set_address(ends[i], AT_STRINGZ, (int)strlen(name) + 1, name);
    }
    pinfo->net_src = pinfo->src;
    pinfo->net_dst = pinfo->dst;
}

static tap_packet_status
add_arrow(void *data, packet_info *pinfo, epan_dissect_t *edt, const void *tap_data,
          tap_flags_t flags)
{
    seq_analysis_info_t *graph = data;
    const tcphs_tapped *tapped = tap_data;
    bool own_addresses = tapped->ip_version != 0;
    packet_info packet = *pinfo;
    seq_analysis_item_t *arrow;

    if (!tapped->shown)
        return TAP_PACKET_DONT_REDRAW;
    if (own_addresses)
        set_addresses(&packet, tapped);
    set_points(&packet, tapped);
    arrow = sequence_analysis_create_sai_with_addresses(&packet, graph);
    if (!arrow)
        return TAP_PACKET_DONT_REDRAW;
    arrow->frame_number = pinfo->num;
    arrow->port_src = own_addresses ? tapped->source_port : (uint16_t)pinfo->srcport;
    arrow->port_dst = own_addresses ? tapped->destination_port : (uint16_t)pinfo->destport;
    arrow->frame_label = g_strdup((const char *)tapped->label);
    arrow->comment = g_strdup((const char *)tapped->comment);
    arrow->conv_num = (uint16_t)tapped->connection;
    arrow->line_style = 1;
    arrow->display = true;
    g_queue_push_tail(graph->items, arrow);
    return TAP_PACKET_REDRAW;
}

/* FALSE after the last segment of the frame. */
static bool
tapped_is(packet_info *pinfo, uint32_t nth, tcphs_tapped *tapped)
{
    tcphs_status status = tcphs_session_tapped(tcphs_file, pinfo->num, nth, true, tapped);

    tcphs_report(status);
    return status == TCPHS_OK;
}

/* The connections of the selected frame; several only in tunnels. */
static char *
filter_of(packet_info *pinfo)
{
    GString *filter = g_string_new(NULL);
    tcphs_tapped tapped = { 0 };

    for (uint32_t nth = 0; tapped_is(pinfo, nth, &tapped); nth++)
        g_string_append_printf(filter, "%stcphs.conn == %u", nth > 0 ? " || " : "",
                               tapped.connection);
    return g_string_free(filter, FALSE);
}

#if TCPHS_WIRESHARK >= 402
#define CONVERSATION_PARAMETERS packet_info *pinfo, void *user_data
#else
#define CONVERSATION_PARAMETERS packet_info *pinfo
#endif

static tcphs_wireshark_bool
has_connection(CONVERSATION_PARAMETERS)
{
    tcphs_tapped tapped = { 0 };

    return tapped_is(pinfo, 0, &tapped);
}

static char *
build_filter(CONVERSATION_PARAMETERS)
{
    return filter_of(pinfo);
}

void
tcphs_flow_register(void)
{
    register_seq_analysis("tcphs", "TCP Handshake", tcphs_proto, NULL, TL_REQUIRES_NOTHING,
                          add_arrow);
#if TCPHS_WIRESHARK >= 402
    register_conversation_filter("tcphs", "TCP Handshake", has_connection, build_filter, NULL);
#else
    register_conversation_filter("tcphs", "TCP Handshake", has_connection, build_filter);
#endif
}
