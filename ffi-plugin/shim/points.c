/* points.c
 * Captures of several points of the way in one file: which point a frame is of.
 *
 * A file that `tcphs merge` wrote is recognised by the description of its
 * interfaces. In other files the user says whether interfaces are points. The
 * interfaces of a pcapng file are Wireshark's; a capture of all interfaces of a
 * host (`tcpdump -i any`) has one, and the number of the interface in each frame.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "shim.h"

#include <string.h>

#include <epan/prefs.h>
#include <wiretap/wtap.h>

/* The beginning of the description of an interface that is a point. */
#define MARK "tcphs point "

/* Linux cooked capture v2: the place of the interface's number. */
#define SLL2_OCTETS 20
#define SLL2_INTERFACE 4

/* Stands for the sections of pcapng files in interfaces of another numbering. */
#define IN_FRAMES UINT32_MAX

enum {
    POINTS_OFF,
    POINTS_AUTO,
    POINTS_INTERFACES,
};

static int preference = POINTS_AUTO;

static const enum_val_t choices[] = {
    { "auto", "In files that tcphs has merged", POINTS_AUTO },
    { "interfaces", "In every file with several interfaces", POINTS_INTERFACES },
    { "off", "Nowhere", POINTS_OFF },
    { NULL, NULL, -1 },
};

bool tcphs_points_on;

/* The latest frame's interface. */
static bool turned;
static uint32_t latest_section;
static uint32_t latest_interface;

void
tcphs_points_begin(void)
{
    tcphs_points_on = preference != POINTS_OFF;
    turned = false;
}

typedef const char *(*look_up_by_id)(const epan_t *, uint32_t);
typedef const char *(*look_up_by_section)(const epan_t *, uint32_t, unsigned);

static inline const char *
by_id(look_up_by_id look_up, const packet_info *pinfo, uint32_t section, uint32_t interface)
{
    return look_up(pinfo->epan, interface);
}

static inline const char *
by_section(look_up_by_section look_up, const packet_info *pinfo, uint32_t section,
           uint32_t interface)
{
    return look_up(pinfo->epan, interface, section);
}

/* The versions of Wireshark differ in whether a section is to be named. */
#define LOOK_UP(function, pinfo, section, interface) \
    _Generic(&(function), look_up_by_id: by_id, look_up_by_section: by_section)( \
        function, pinfo, section, interface)

/* Reads the interface of a cooked frame. FALSE if the frame is of another kind. */
static bool
cooked_interface(packet_info *pinfo, uint32_t *interface)
{
    tvbuff_t *frame;

    if (pinfo->rec->rec_header.packet_header.pkt_encap != WTAP_ENCAP_SLL2 || !pinfo->data_src)
        return false;
    frame = get_data_source_tvb((const struct data_source *)pinfo->data_src->data);
    if (tvb_captured_length(frame) < SLL2_OCTETS)
        return false;
    *interface = tvb_get_ntohl(frame, SLL2_INTERFACE);
    return true;
}

void
tcphs_points_turn(packet_info *pinfo)
{
    const wtap_rec *rec = pinfo->rec;
    const char *name = NULL, *description = NULL;
    uint32_t section = 0, interface = 0;
    bool cooked = false;

    if (rec->rec_type != REC_TYPE_PACKET)
        return;
    if (rec->presence_flags & WTAP_HAS_SECTION_NUMBER)
        section = rec->section_number;
    if (rec->presence_flags & WTAP_HAS_INTERFACE_ID)
        interface = rec->rec_header.packet_header.interface_id;
    if (preference == POINTS_INTERFACES && cooked_interface(pinfo, &interface)) {
        cooked = true;
        section = IN_FRAMES;
    }
    if (turned && section == latest_section && interface == latest_interface)
        return;
    if (!cooked) {
        name = LOOK_UP(epan_get_interface_name, pinfo, section, interface);
        description = LOOK_UP(epan_get_interface_description, pinfo, section, interface);
    }
    /* The first frame decides. */
    if (!turned && preference == POINTS_AUTO &&
            (!description || strncmp(description, MARK, strlen(MARK)) != 0)) {
        tcphs_points_on = false;
        return;
    }
    turned = true;
    latest_section = section;
    latest_interface = interface;
    tcphs_report(tcphs_session_turn_to_point(tcphs_file, section, interface, name, description));
}

void
tcphs_points_register(struct pref_module *module)
{
    prefs_register_enum_preference(module, "points", "Interfaces are points of the way",
        "Whether the interfaces of a capture file are points that the same segments pass: what was "
        "lost, changed or made between them is shown then.",
        &preference, choices, false);
}
