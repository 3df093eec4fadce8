/* tree.c
 * Statistics > TCP Handshake, and -z tcphs,tree: outcome, server, count.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "../shim.h"

#include <epan/stats_tree.h>
#include <epan/tap.h>

/* Several trees may be open, each with a filter of its own. */
typedef struct {
    tcphs_gathering gathering;
    stats_tree *tree;
} gathering_tree;

static GSList *trees;

static const char *
text(const tcphs_row *row, int column)
{
    uint32_t place = row->cells[column].text;

    return place == TCPHS_NO_TEXT ? "-" : (const char *)row->text + place;
}

static int
set(stats_tree *tree, const char *name, int parent, bool branch, uint32_t count)
{
    return stats_tree_manip_node_int(MN_SET, tree, name, parent, branch, (int)count);
}

/* Columns: outcome, server, count of both, of the outcome, of all. */
static void
show(tcphs_gathering *gathering, uint32_t nth, const tcphs_row *row)
{
    stats_tree *tree = ((gathering_tree *)gathering)->tree;
    int root = set(tree, "TCP connections", 0, true, row->cells[4].count);
    int outcome = set(tree, text(row, 0), root, true, row->cells[3].count);

    set(tree, text(row, 1), outcome, false, row->cells[2].count);
}

static gathering_tree *
find(const stats_tree *tree)
{
    for (GSList *list = trees; list; list = list->next) {
        gathering_tree *found = list->data;

        if (found->tree == tree)
            return found;
    }
    return NULL;
}

static gathering_tree *
start(stats_tree *tree)
{
    gathering_tree *found = find(tree);

    if (!found) {
        found = g_new0(gathering_tree, 1);
        found->tree = tree;
        found->gathering.show = show;
        trees = g_slist_prepend(trees, found);
    }
    tcphs_gathering_start(&found->gathering, TCPHS_STATISTICS_OUTCOMES);
    return found;
}

static void
init(stats_tree *tree)
{
    start(tree);
}

static void
cleanup(stats_tree *tree)
{
    gathering_tree *found = find(tree);

    if (!found)
        return;
    tcphs_gathering_end(&found->gathering);
    trees = g_slist_remove(trees, found);
    g_free(found);
}

static tap_packet_status
packet(stats_tree *tree, packet_info *pinfo, epan_dissect_t *edt, const void *data,
       tap_flags_t flags)
{
    gathering_tree *found = find(tree);

    /* sharkd does not call init. */
    if (!found)
        found = start(tree);
    tcphs_gathering_see(&found->gathering, data);
    return TAP_PACKET_REDRAW;
}

void
tcphs_tree_register(void)
{
    stats_tree_register_plugin(TCPHS_TAP, "tcphs", "TCP Handshake", 0, packet, init, cleanup);
}
