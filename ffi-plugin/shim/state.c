/* state.c
 * The state of the shim: handles of Wireshark that live as long as the program,
 * and the session of the capture file that is open.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "shim.h"

int tcphs_proto = -1;
protocol_t *tcphs_protocol;
int tcphs_ett[5] = { -1, -1, -1, -1, -1 };
hf_register_info *tcphs_hf;
int tcphs_hf_count;
dissector_handle_t tcphs_tcp_handle;
dissector_handle_t tcphs_icmp_handle;
dissector_handle_t tcphs_icmpv6_handle;
tcphs_session *tcphs_file;

static void
open_file(void)
{
    tcphs_file = tcphs_session_new();
    tcphs_report_failure(TCPHS_NOTHING_SHOWN);
    tcphs_preferences_apply();
    tcphs_points_begin();
}

static void
close_file(void)
{
    tcphs_passes_end();
    tcphs_gatherings_forget();
    tcphs_session_free(tcphs_file);
    tcphs_file = NULL;
    tcphs_report_failure("some memory is not given back");
}

void
tcphs_state_register(void)
{
    register_init_routine(open_file);
    register_cleanup_routine(close_file);
}
