/* preferences.c
 * Preferences: Edit > Preferences > Protocols > TCPHS, or -o tcphs.NAME:VALUE.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "shim.h"

#include <epan/prefs.h>

int tcphs_info_place = TCPHS_INFO_BEFORE;
static int info_scope;
static int state_names = TCPHS_STATE_NAMES_RFC9293;
static tcphs_wireshark_bool mark_assumed = true;
static unsigned slow_ms;

enum {
    SCOPE_STAGED,
    SCOPE_ALL,
};

static const enum_val_t info_places[] = {
    { "off", "Leave the Info column alone", TCPHS_INFO_OFF },
    { "before", "In front of the other protocols' text", TCPHS_INFO_BEFORE },
    { "after", "Behind the other protocols' text", TCPHS_INFO_AFTER },
    { "short", "The step alone, in front of the other protocols' text", TCPHS_INFO_SHORT },
    { NULL, NULL, -1 },
};

static const enum_val_t info_scopes[] = {
    { "staged", "Segments of a handshake or a close", SCOPE_STAGED },
    { "all", "Every TCP segment", SCOPE_ALL },
    { NULL, NULL, -1 },
};

static const enum_val_t state_name_sets[] = {
    { "rfc9293", "RFC 9293: SYN-RECEIVED, FIN-WAIT-1", TCPHS_STATE_NAMES_RFC9293 },
    { "netstat", "netstat: SYN_RECV, FIN_WAIT1", TCPHS_STATE_NAMES_NETSTAT },
    { "ss", "ss: SYN-RECV, ESTAB", TCPHS_STATE_NAMES_SS },
    { NULL, NULL, -1 },
};

/* After a change Wireshark dissects the file anew. sharkd does not, but shows
 * later frames with the new settings. */
void
tcphs_preferences_apply(void)
{
    if (!tcphs_file)
        return;

    tcphs_settings settings = tcphs_settings_default();

    settings.slow_ms = slow_ms;
    settings.state_names = (uint8_t)state_names;
    settings.mark_assumed = mark_assumed;
    settings.every_segment = info_scope == SCOPE_ALL;
    settings.step_only = tcphs_info_place == TCPHS_INFO_SHORT;
    tcphs_report(tcphs_session_configure(tcphs_file, &settings));
}

void
tcphs_preferences_register(void)
{
    module_t *module = prefs_register_protocol(tcphs_proto, tcphs_preferences_apply);

    slow_ms = tcphs_settings_default().slow_ms;

    prefs_register_enum_preference(module, "info", "Handshake in the Info column",
        "Where the Info column says which step a segment is, and what state client and server are in. "
        "The step alone is enough beside columns with the states.",
        &tcphs_info_place, info_places, false);
    prefs_register_enum_preference(module, "info_scope", "Segments that say so",
        "Whether only segments of a handshake or a close say so, or every TCP segment.",
        &info_scope, info_scopes, false);
    prefs_register_enum_preference(module, "state_names", "Names of the states",
        "By whose names the Info column and the packet details call the states. "
        "Fields have the names of RFC 9293 in any case; filters know all of them.",
        &state_names, state_name_sets, false);
    prefs_register_bool_preference(module, "mark_assumed", "Mark assumed states",
        "Whether a state that the capture does not prove is marked: by a question mark in the "
        "Info column, and as assumed in the packet details.",
        &mark_assumed);
    prefs_register_uint_preference(module, "slow_ms", "Slow handshake (milliseconds)",
        "A handshake that takes longer than this is slow (tcphs.slow, tcphs.expert.slow_handshake).",
        10, &slow_ms);
    tcphs_points_register(module);
}
