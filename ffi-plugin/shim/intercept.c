/* intercept.c
 * Reads each TCP segment before the TCP dissector does.
 *
 * Dissectors in the "ip.proto" table get the segment's own octets and addresses,
 * also inside tunnels, after reassembly of fragments, and if a frame holds
 * several segments.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "shim.h"

#include <string.h>

#include <epan/dissectors/packet-ip.h>

/* The longest TCP header; an ICMP header with the longest IPv4 header and the 8
 * octets of TCP that it quotes. */
#define HEADER_OCTETS 60
#define ICMP_OCTETS 76

typedef tcphs_status (*learn_function)(tcphs_session *, const tcphs_segment *);

/* Fills in the addresses; FALSE if the layer below is not IP. */
static bool
read_addresses(const packet_info *pinfo, tcphs_segment *segment)
{
    int octets;

    switch (pinfo->src.type) {
    case AT_IPv4:
        segment->ip_version = 4;
        octets = 4;
        break;
    case AT_IPv6:
        segment->ip_version = 6;
        octets = 16;
        break;
    default:
        return false;
    }
    if (pinfo->dst.type != pinfo->src.type ||
            pinfo->src.len != octets || pinfo->dst.len != octets)
        return false;
    memcpy(segment->source, pinfo->src.data, octets);
    memcpy(segment->destination, pinfo->dst.data, octets);
    return true;
}

/* data is the header that the IP dissector hands on, or NULL. */
static void
read_ip_header(void *data, tcphs_segment *segment)
{
    const ws_ip4 *ip4 = WS_IP4_PTR(data);
    const ws_ip6 *ip6 = WS_IP6_PTR(data);

    segment->ip_id = -1;
    if (ip4) {
        segment->ip_id = ip4->ip_id;
        segment->ttl = ip4->ip_ttl;
    } else if (ip6) {
        segment->ttl = ip6->ip6_hop;
    }
}

static void
learn(tvbuff_t *tvb, packet_info *pinfo, void *data, unsigned most, learn_function function)
{
    tcphs_segment segment = { 0 };
    unsigned captured = tvb_captured_length(tvb);

    /* A header quoted in an ICMP error is not a segment. */
    if (captured == 0 || pinfo->flags.in_error_pkt || !read_addresses(pinfo, &segment))
        return;
    if (captured > most)
        captured = most;
    if (tcphs_points_on)
        tcphs_points_turn(pinfo);
    read_ip_header(data, &segment);
    segment.frame = pinfo->num;
    segment.time_ns = tcphs_time_ns(pinfo->abs_ts.secs, pinfo->abs_ts.nsecs);
    segment.captured = tvb_get_ptr(tvb, 0, captured);
    segment.captured_octets = captured;
    segment.tcp_octets = tvb_reported_length(tvb);

    tcphs_report(function(tcphs_file, &segment));
}

static bool
wants_to_learn(const packet_info *pinfo)
{
    return !PINFO_FD_VISITED(pinfo) && proto_is_protocol_enabled(tcphs_protocol);
}

int
tcphs_intercept(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (wants_to_learn(pinfo))
        learn(tvb, pinfo, data, HEADER_OCTETS, tcphs_session_learn);

    /* The last statement: the TCP dissector may raise an exception. */
    return call_dissector_only(tcphs_tcp_handle, tvb, pinfo, tree, data);
}

int
tcphs_intercept_icmp(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (wants_to_learn(pinfo))
        learn(tvb, pinfo, data, ICMP_OCTETS, tcphs_session_learn_icmp);
    return call_dissector_only(tcphs_icmp_handle, tvb, pinfo, tree, data);
}

int
tcphs_intercept_icmpv6(tvbuff_t *tvb, packet_info *pinfo, proto_tree *tree, void *data)
{
    if (wants_to_learn(pinfo))
        learn(tvb, pinfo, data, ICMP_OCTETS, tcphs_session_learn_icmp);
    return call_dissector_only(tcphs_icmpv6_handle, tvb, pinfo, tree, data);
}
