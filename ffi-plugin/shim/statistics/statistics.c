/* statistics.c
 * The common part of all statistics: they gather connections and show rows.
 *
 * Verdicts are known at the end of a capture only. In one pass the rows are made
 * when they are drawn, by a listener of our own, because Wireshark's statistics
 * have no callback before drawing. The latest listener is drawn first, so ours
 * registers after those that it serves.
 *
 * Callbacks of taps run outside any TRY: nothing here may raise an error.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "../shim.h"

#include <epan/tap.h>

static GSList *gatherings;

/* Whether our listener is registered, and whether it is the latest. */
static bool listening;
static bool in_front;

static void
clear(tcphs_gathering *gathering)
{
    tcphs_report_statistics(tcphs_statistics_clear(gathering->statistics), gathering->statistics);
    gathering->unsettled = false;
}

/* FALSE after the last row. */
static bool
show(tcphs_gathering *gathering, uint32_t nth)
{
    static tcphs_row row;
    tcphs_status status = tcphs_statistics_row(gathering->statistics, nth, &row);

    tcphs_report_statistics(status, gathering->statistics);
    if (status != TCPHS_OK)
        return false;
    gathering->show(gathering, nth, &row);
    return true;
}

static void
draw(void *data)
{
    for (GSList *list = gatherings; list; list = list->next) {
        tcphs_gathering *gathering = list->data;
        tcphs_status status;

        /* Rows that a window shows keep their places. */
        if (!gathering->unsettled && !tcphs_is_tshark())
            continue;
        gathering->unsettled = false;
        status = tcphs_statistics_settle(gathering->statistics, tcphs_file);
        tcphs_report_statistics(status, gathering->statistics);
        if (status != TCPHS_OK)
            continue;
        for (uint32_t nth = 0; show(gathering, nth); nth++)
            ;
        if (gathering->fit)
            gathering->fit(gathering);
    }
}

static void
stop_listening(void)
{
    if (listening)
        remove_tap_listener(&listening);
    listening = in_front = false;
}

static void
listen_in_front(void)
{
    GString *problem;

    stop_listening();
    problem = register_tap_listener(TCPHS_TAP, &listening, NULL, TL_REQUIRES_NOTHING,
                                    NULL, NULL, draw, NULL);
    listening = !problem;
    in_front = true;
    if (problem)
        g_string_free(problem, TRUE);
}

void
tcphs_gathering_start(tcphs_gathering *gathering, uint8_t kind)
{
    if (!gathering->statistics) {
        gathering->statistics = tcphs_statistics_new(kind);
        tcphs_report_failure(TCPHS_NOT_COMPLETE);
        if (!gathering->statistics)
            return;
        gatherings = g_slist_prepend(gatherings, gathering);
    }
    clear(gathering);
    in_front = false;
}

void
tcphs_gathering_end(tcphs_gathering *gathering)
{
    gatherings = g_slist_remove(gatherings, gathering);
    tcphs_statistics_free(gathering->statistics);
    tcphs_report_failure("some memory is not given back");
    gathering->statistics = NULL;
}

void
tcphs_gathering_see(tcphs_gathering *gathering, const tcphs_tapped *tapped)
{
    uint32_t nth;
    tcphs_status status;

    if (!in_front)
        listen_in_front();
    status = tcphs_statistics_see(gathering->statistics, tcphs_file, tapped->half,
                                  tapped->later, &nth);
    tcphs_report_statistics(status, gathering->statistics);
    if (status == TCPHS_OK)
        show(gathering, nth);
    if (!tapped->later)
        gathering->unsettled = true;
}

/* Clears everything at the end of a capture file. Rows that a window shows stay. */
void
tcphs_gatherings_forget(void)
{
    for (GSList *list = gatherings; list; list = list->next) {
        tcphs_gathering *gathering = list->data;

        clear(gathering);
    }
    stop_listening();
}
