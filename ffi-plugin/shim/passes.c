/* passes.c
 * Warns if a second pass is needed and was not made.
 *
 * Verdicts on connections are known at the end of a capture only. A filter for
 * one finds nothing in a single pass of tshark, as if nothing matched.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "shim.h"

#include <stdio.h>
#include <string.h>

#include <glib.h>

/* State of the capture file that is open: whether the filters were looked at,
 * whether they need a second pass, and whether there was one. */
static bool looked;
static bool asked;
static bool revisited;

bool
tcphs_is_asked(int hf)
{
    return proto_registrar_get_nth(hf)->ref_type != HF_REF_TYPE_NONE;
}

/* Whether a filter or a column needs a second pass. */
static bool
verdict_is_asked(void)
{
    for (int i = 0; i < tcphs_hf_count; i++) {
        if (tcphs_field_needs_later(i) && tcphs_is_asked(*tcphs_hf[i].p_id))
            return true;
    }
    return tcphs_expert_later_is_asked();
}

void
tcphs_passes_note(packet_info *pinfo, proto_tree *tree)
{
    if (PINFO_FD_VISITED(pinfo)) {
        revisited = true;
    } else if (tree && !looked) {
        /* The answer is the same for every frame. */
        looked = true;
        asked = verdict_is_asked();
    }
}

/* Wireshark's window dissects again everything that it shows. */
bool
tcphs_is_tshark(void)
{
    const char *program = g_get_prgname();

    return program && strstr(program, "tshark");
}

void
tcphs_passes_end(void)
{
    if (asked && !revisited && tcphs_is_tshark())
        fprintf(stderr, "tcphs: verdict fields need tshark -2\n");
    looked = asked = revisited = false;
}
