/* passes.c
 * Says that a second pass is needed where one was not made.
 *
 * What a connection came to is known at the end of a capture only. A filter on
 * it that tshark applies in one pass finds nothing, which would look as if
 * there were nothing to find.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "shim.h"

#include <stdio.h>
#include <string.h>

#include <glib.h>

/* Of the capture file that is open. */
static bool looked;
static bool asked;
static bool revisited;

bool
tcphs_is_asked(int hf)
{
    return proto_registrar_get_nth(hf)->ref_type != HF_REF_TYPE_NONE;
}

/* Whether a filter or a column asks for what takes a second pass. */
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
        /* It is the same for every frame. */
        looked = true;
        asked = verdict_is_asked();
    }
}

/* Wireshark's window always comes back to what it shows. */
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
