/* register.c
 * Registration, and the life of the state of a capture file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "shim.h"

#include <epan/ipproto.h>
#include <wsutil/wslog.h>

void tcphs_register_plugin(void);

/* In src/entry.rs. */
const char *
tcphs_untold_failure(void);

int tcphs_proto = -1;
int tcphs_ett[4] = { -1, -1, -1, -1 };
hf_register_info *tcphs_hf;
int tcphs_hf_count;
protocol_t *tcphs_protocol;
dissector_handle_t tcphs_tcp_handle;
dissector_handle_t tcphs_icmp_handle;
dissector_handle_t tcphs_icmpv6_handle;
tcphs_session *tcphs_file;

/* Stand in the "ip.proto" table. They are TCP and ICMP under other names: what
 * the user sees of those stays as it is, also when they are disabled. */
static int proto_tcphs_tcp = -1;
static int proto_tcphs_icmp = -1;
static int proto_tcphs_icmpv6 = -1;

#define NOTHING_SHOWN "no more of the TCP handshake is shown in this capture file"

static void
warn(const char *failure, const char *consequence)
{
    ws_warning("internal error (%s): %s; please report this", failure, consequence);
}

void
tcphs_report(tcphs_status status)
{
    if (status == TCPHS_PANIC) {
        const char *failure = tcphs_session_failure(tcphs_file);

        warn(failure ? failure : "unknown", NOTHING_SHOWN);
    } else if (status == TCPHS_FULL) {
        ws_warning("more TCP connections are open at once than are held: those silent for "
                   "longest are let go, and what they send from now on is shown as of other "
                   "connections");
    }
}

void
tcphs_report_untold(const char *consequence)
{
    const char *failure = tcphs_untold_failure();

    if (failure)
        warn(failure, consequence);
}

static void
tcphs_init(void)
{
    tcphs_file = tcphs_session_new();
    tcphs_report_untold(NOTHING_SHOWN);
    tcphs_preferences_apply();
}

static void
tcphs_cleanup(void)
{
    tcphs_passes_end();
    tcphs_gatherings_forget();
    tcphs_session_free(tcphs_file);
    tcphs_file = NULL;
    tcphs_report_untold("some memory is not given back");
}

static void
proto_register_tcphs(void)
{
    static int *ett[] = { &tcphs_ett[0], &tcphs_ett[1], &tcphs_ett[2], &tcphs_ett[3] };
    int proto_tcp = proto_get_id_by_filter_name("tcp");

    if (proto_tcp == -1)
        return;
    tcphs_hf = tcphs_register_info(&tcphs_hf_count);
    if (!tcphs_hf) {
        tcphs_report_untold("the TCP handshake is not shown");
        return;
    }

    tcphs_proto = proto_register_protocol("TCP Handshake (tcphs)", "TCPHS", "tcphs");
    tcphs_protocol = find_protocol_by_id(tcphs_proto);
    proto_register_field_array(tcphs_proto, tcphs_hf, tcphs_hf_count);
    proto_register_subtree_array(ett, array_length(ett));
    tcphs_expert_register();
    tcphs_preferences_register();
    tcphs_tap_register();
    tcphs_tree_register();
    tcphs_tables_register();
    tcphs_flow_register();

    proto_tcphs_tcp = proto_register_protocol_in_name_only(
            "TCP (followed by TCP Handshake)", "TCP (TCPHS)", "tcphs.tcp", proto_tcp, FT_PROTOCOL);

    proto_tcphs_icmp = proto_register_protocol_in_name_only(
            "ICMP (followed by TCP Handshake)", "ICMP (TCPHS)", "tcphs.icmp_message",
            proto_get_id_by_filter_name("icmp"), FT_PROTOCOL);
    proto_tcphs_icmpv6 = proto_register_protocol_in_name_only(
            "ICMPv6 (followed by TCP Handshake)", "ICMPv6 (TCPHS)", "tcphs.icmpv6_message",
            proto_get_id_by_filter_name("icmpv6"), FT_PROTOCOL);

    register_postdissector(create_dissector_handle(tcphs_show, tcphs_proto));
    register_init_routine(tcphs_init);
    register_cleanup_routine(tcphs_cleanup);
}

/* Puts ours in front of the dissector of an IP protocol, and gives that one. */
static dissector_handle_t
take_place(uint32_t protocol, dissector_t dissector, int proto)
{
    dissector_table_t ip_proto = find_dissector_table("ip.proto");
    dissector_handle_t original = ip_proto ? dissector_get_uint_handle(ip_proto, protocol) : NULL;

    if (original)
        dissector_add_uint("ip.proto", protocol, create_dissector_handle(dissector, proto));
    return original;
}

static void
proto_reg_handoff_tcphs(void)
{
    if (tcphs_proto == -1)
        return;
    tcphs_tcp_handle = take_place(IP_PROTO_TCP, tcphs_intercept, proto_tcphs_tcp);
    tcphs_icmp_handle = take_place(IP_PROTO_ICMP, tcphs_intercept_icmp, proto_tcphs_icmp);
    tcphs_icmpv6_handle = take_place(IP_PROTO_ICMPV6, tcphs_intercept_icmpv6, proto_tcphs_icmpv6);
}

void
tcphs_register_plugin(void)
{
    /* Wireshark keeps the pointer. */
    static const proto_plugin plugin = { proto_register_tcphs, proto_reg_handoff_tcphs };

    proto_register_plugin(&plugin);
}
