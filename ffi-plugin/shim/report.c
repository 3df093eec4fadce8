/* report.c
 * Warnings about internal errors, in Wireshark's log.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "shim.h"

#include <wsutil/wslog.h>

/* In src/wireshark/entry.rs. */
const char *
tcphs_take_failure(void);

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

        warn(failure ? failure : "unknown", TCPHS_NOTHING_SHOWN);
    } else if (status == TCPHS_FULL) {
        ws_warning("more TCP connections are open at once than are held: those silent for "
                   "longest are let go, and what they send from now on is shown as of other "
                   "connections");
    }
}

void
tcphs_report_statistics(tcphs_status status, const tcphs_statistics *statistics)
{
    const char *failure = tcphs_statistics_failure(statistics);

    if (status == TCPHS_PANIC && failure)
        warn(failure, TCPHS_NOT_COMPLETE);
    else
        tcphs_report(status);
}

void
tcphs_report_failure(const char *consequence)
{
    const char *failure = tcphs_take_failure();

    if (failure)
        warn(failure, consequence);
}
