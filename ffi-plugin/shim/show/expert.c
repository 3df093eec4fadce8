/* expert.c
 * Findings as Wireshark's expert information.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "../shim.h"

#include <epan/column-info.h>
#include <epan/column-utils.h>
#include <epan/expert.h>
#include <epan/tap.h>

/* In src/wireshark/expert.rs; tcphs_expert_item.entry is an index into its array. */
ei_register_info *tcphs_register_expert(int *count);
bool tcphs_expert_needs_later(int nth);

static ei_register_info *entries;
static int entry_count;
static int tap;

void
tcphs_expert_register(void)
{
    entries = tcphs_register_expert(&entry_count);
    if (!entries) {
        tcphs_report_failure("expert items on the TCP handshake are missing");
        return;
    }
    expert_register_field_array(expert_register_protocol(tcphs_proto), entries, entry_count);
}

/* Whether Wireshark's own list of all expert items is shown. */
static bool
expert_is_asked(void)
{
    static int proto = -1;

    if (proto == -1)
        proto = proto_get_id_by_filter_name("_ws.expert");
    return proto != -1 && tcphs_is_asked(proto);
}

/* A plain listing shows no expert items and does not pay for them. */
bool
tcphs_expert_wanted(packet_info *pinfo, proto_tree *tree)
{
    if (!entries)
        return false;
    if (tap == 0)
        tap = find_tap_id("expert");
    if (have_tap_listener(tap))
        return true;
    /* The column "Expert Info Severity". */
    if (pinfo->cinfo && pinfo->cinfo->col_first[COL_EXPERT] != -1 &&
            col_get_writable(pinfo->cinfo, COL_EXPERT))
        return true;
    if (!tree)
        return false;
    if (PTREE_DATA(tree)->visible || expert_is_asked())
        return true;
    for (int i = 0; i < entry_count; i++) {
        if (entries[i].eiinfo.hf_info.hfinfo.ref_type != HF_REF_TYPE_NONE)
            return true;
    }
    return false;
}

/* The tree itself, if a filter or column refers to expert information of any
 * protocol. Otherwise NULL, or the protocol hierarchy would list "_ws.expert". */
proto_item *
tcphs_expert_parent(proto_tree *tree)
{
    return tree && expert_is_asked() ? (proto_item *)tree : NULL;
}

bool
tcphs_expert_later_is_asked(void)
{
    for (int i = 0; i < entry_count; i++) {
        if (tcphs_expert_needs_later(i) && tcphs_is_asked(entries[i].ids->hf))
            return true;
    }
    return false;
}

tcphs_status
tcphs_expert_show(packet_info *pinfo, proto_item *item, uint32_t nth)
{
    static tcphs_expert_items items;
    tcphs_status status = tcphs_session_expert_items(tcphs_file, pinfo->num, nth,
                                                     PINFO_FD_VISITED(pinfo), &items);

    if (status != TCPHS_OK)
        return status;

    for (uint32_t i = 0; i < items.count; i++) {
        const tcphs_expert_item *found = &items.items[i];
        expert_field *entry = entries[found->entry].ids;

        if (item)
            tcphs_do_not_count((proto_tree *)item);
        const proto_item *last = item ? item->last_child : NULL;

        /* Wireshark groups items by their summaries, so these have no numbers:
         * the numbers follow in the line of the item alone. */
        expert_add_info(pinfo, item, entry);
        if (found->text != TCPHS_NO_TEXT && item && item->last_child != last)
            proto_item_append_text(item->last_child, "%s",
                                   (const char *)items.text + found->text);
    }
    return status;
}
