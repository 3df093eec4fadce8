/* register.c
 * Registration, and the life of the state of a capture file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "shim.h"

#include <epan/ipproto.h>
#include <wsutil/wslog.h>

void tcphs_register_plugin(void);

int tcphs_proto = -1;
int tcphs_ett[3] = { -1, -1, -1 };
hf_register_info *tcphs_hf;
protocol_t *tcphs_protocol;
dissector_handle_t tcphs_tcp_handle;
tcphs_session *tcphs_file;

/* Stands in the "ip.proto" table. It is TCP under another name: what the user
 * sees of TCP stays as it is, also when TCP is disabled. */
static int proto_tcphs_tcp = -1;

void
tcphs_report(tcphs_status status)
{
    if (status == TCPHS_PANIC) {
        const char *failure = tcphs_session_failure(tcphs_file);

        ws_warning("internal error (%s): no more of the TCP handshake is shown "
                   "in this capture file; please report this",
                   failure ? failure : "unknown");
    }
}

static void
tcphs_init(void)
{
    tcphs_file = tcphs_session_new();
}

static void
tcphs_cleanup(void)
{
    tcphs_session_free(tcphs_file);
    tcphs_file = NULL;
}

static void
proto_register_tcphs(void)
{
    static int *ett[] = { &tcphs_ett[0], &tcphs_ett[1], &tcphs_ett[2] };
    int count = 0;
    int proto_tcp = proto_get_id_by_filter_name("tcp");

    if (proto_tcp == -1)
        return;
    tcphs_hf = tcphs_register_info(&count);

    tcphs_proto = proto_register_protocol("TCP Handshake (tcphs)", "TCPHS", "tcphs");
    tcphs_protocol = find_protocol_by_id(tcphs_proto);
    proto_register_field_array(tcphs_proto, tcphs_hf, count);
    proto_register_subtree_array(ett, array_length(ett));

    proto_tcphs_tcp = proto_register_protocol_in_name_only(
            "TCP (followed by TCP Handshake)", "TCP (TCPHS)", "tcphs.tcp", proto_tcp, FT_PROTOCOL);

    register_postdissector(create_dissector_handle(tcphs_show, tcphs_proto));
    register_init_routine(tcphs_init);
    register_cleanup_routine(tcphs_cleanup);
}

static void
proto_reg_handoff_tcphs(void)
{
    dissector_table_t ip_proto = find_dissector_table("ip.proto");

    if (tcphs_proto == -1 || !ip_proto)
        return;
    tcphs_tcp_handle = dissector_get_uint_handle(ip_proto, IP_PROTO_TCP);
    if (tcphs_tcp_handle) {
        dissector_add_uint("ip.proto", IP_PROTO_TCP,
                           create_dissector_handle(tcphs_intercept, proto_tcphs_tcp));
    }
}

void
tcphs_register_plugin(void)
{
    /* Wireshark keeps the pointer. */
    static const proto_plugin plugin = { proto_register_tcphs, proto_reg_handoff_tcphs };

    proto_register_plugin(&plugin);
}
