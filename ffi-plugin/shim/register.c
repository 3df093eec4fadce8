/* register.c
 * Registration of the protocol and of everything that belongs to it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "shim.h"

#include <epan/ipproto.h>

void tcphs_register_plugin(void);

/* The entries of the "ip.proto" table. They are TCP and ICMP under other names,
 * so that the user can still disable TCP and ICMP themselves. */
static int proto_tcphs_tcp = -1;
static int proto_tcphs_icmp = -1;
static int proto_tcphs_icmpv6 = -1;

static void
proto_register_tcphs(void)
{
    static int *ett[] = {
        &tcphs_ett[0], &tcphs_ett[1], &tcphs_ett[2], &tcphs_ett[3], &tcphs_ett[4],
    };
    int proto_tcp = proto_get_id_by_filter_name("tcp");

    if (proto_tcp == -1)
        return;
    tcphs_hf = tcphs_register_info(&tcphs_hf_count);
    if (!tcphs_hf) {
        tcphs_report_failure("the TCP handshake is not shown");
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
    tcphs_state_register();
}

/* Replaces the dissector of an IP protocol by ours; returns the replaced one. */
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
