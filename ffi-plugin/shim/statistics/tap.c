/* tap.c
 * The tap "tcphs": hands each segment to its listeners, statistics and the flow
 * graph.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "../shim.h"

#include <epan/tap.h>

static int tap;

void
tcphs_tap_register(void)
{
    tap = register_tap(TCPHS_TAP);
}

void
tcphs_tap_queue(packet_info *pinfo)
{
    if (!have_tap_listener(tap))
        return;

    tcphs_tapped tapped = { 0 };
    /* Asked now, because every frame is visited when listeners are called. */
    bool later = PINFO_FD_VISITED(pinfo);
    tcphs_status status;

    for (uint32_t nth = 0; ; nth++) {
        status = tcphs_session_tapped(tcphs_file, pinfo->num, nth, later, &tapped);
        if (status != TCPHS_OK)
            break;
        tap_queue_packet(tap, pinfo, wmem_memdup(pinfo->pool, &tapped, sizeof tapped));
    }
    tcphs_report(status);
}
