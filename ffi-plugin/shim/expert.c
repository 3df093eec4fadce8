/* expert.c
 * Remarks: Wireshark's expert information.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "shim.h"

#include <epan/column-info.h>
#include <epan/column-utils.h>
#include <epan/expert.h>
#include <epan/tap.h>

/* In src/expert.rs, numbered as tcphs_remark.entry numbers them. */
ei_register_info *tcphs_register_expert(int *count);
bool tcphs_remark_needs_later(int nth);

static ei_register_info *entries;
static int entry_count;
static int tap;

void
tcphs_expert_register(void)
{
    entries = tcphs_register_expert(&entry_count);
    if (!entries) {
        tcphs_report_untold("there are no remarks on the TCP handshake");
        return;
    }
    expert_register_field_array(expert_register_protocol(tcphs_proto), entries, entry_count);
}

/* Wireshark's own list of all remarks. */
static bool
expert_is_asked(void)
{
    static int proto = -1;

    if (proto == -1)
        proto = proto_get_id_by_filter_name("_ws.expert");
    return proto != -1 && tcphs_is_asked(proto);
}

/* A listing, which nobody asks for remarks, does not pay for them. */
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
    if (pinfo->cinfo && col_get_writable(pinfo->cinfo, COL_EXPERT) &&
            pinfo->cinfo->col_first[COL_EXPERT] != -1)
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

/* The tree itself for those who look for any expert information. Others are
 * not to find its protocol there: the protocol hierarchy would list it. */
proto_item *
tcphs_expert_parent(proto_tree *tree)
{
    return tree && expert_is_asked() ? (proto_item *)tree : NULL;
}

bool
tcphs_expert_later_is_asked(void)
{
    for (int i = 0; i < entry_count; i++) {
        if (tcphs_remark_needs_later(i) && tcphs_is_asked(entries[i].ids->hf))
            return true;
    }
    return false;
}

tcphs_status
tcphs_expert_show(packet_info *pinfo, proto_item *item, uint32_t nth)
{
    static tcphs_remarks remarks;
    tcphs_status status = tcphs_session_remarks(tcphs_file, pinfo->num, nth,
                                                PINFO_FD_VISITED(pinfo), &remarks);

    if (status != TCPHS_OK)
        return status;

    for (uint32_t i = 0; i < remarks.count; i++) {
        const tcphs_remark *remark = &remarks.items[i];
        expert_field *entry = entries[remark->entry].ids;

        if (item)
            tcphs_do_not_count((proto_tree *)item);
        if (remark->text == TCPHS_NO_TEXT)
            expert_add_info(pinfo, item, entry);
        else
            expert_add_info_format(pinfo, item, entry, "%s",
                                   (const char *)remarks.text + remark->text);
    }
    return status;
}
