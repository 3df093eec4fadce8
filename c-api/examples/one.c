/* one.c
 * One handshake from octets in the program: what each segment is, and what the
 * connection came to.
 *
 *     cc one.c $(pkg-config --cflags --libs tcphs) -o one && ./one
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tcphs.h>

/* 192.0.2.1:40000 opens to 198.51.100.2:80. */
static const uint8_t client[4] = { 192, 0, 2, 1 };
static const uint8_t server[4] = { 198, 51, 100, 2 };

/* TCP headers: ports, sequence number, acknowledgment, offset and flags, window. */
static const uint8_t syn[20] = {
    0x9c, 0x40, 0x00, 0x50, 0x00, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x00, 0x00, 0x50, 0x02, 0xfa, 0xf0,
};
static const uint8_t syn_ack[20] = {
    0x00, 0x50, 0x9c, 0x40, 0x00, 0x00, 0x13, 0x88, 0x00, 0x00, 0x03, 0xe9, 0x50, 0x12, 0xfa, 0xf0,
};
static const uint8_t ack[20] = {
    0x9c, 0x40, 0x00, 0x50, 0x00, 0x00, 0x03, 0xe9, 0x00, 0x00, 0x13, 0x89, 0x50, 0x10, 0xfa, 0xf0,
};

static void
check(tcphs_status status)
{
    if (status != TCPHS_OK) {
        fprintf(stderr, "one: %s\n", tcphs_status_text(status));
        exit(1);
    }
}

static void
observe(tcphs_table *table, uint64_t frame, const uint8_t header[20], bool from_client)
{
    tcphs_segment segment;
    tcphs_annotation annotation;

    memset(&segment, 0, sizeof segment);
    segment.frame = frame;
    segment.time_ns = tcphs_time_ns(1700000000, (int)frame * 10000000);
    segment.captured = header;
    segment.captured_octets = 20;
    segment.tcp_octets = 20;
    segment.ip_version = 4;
    segment.ip_id = -1;
    segment.ttl = 64;
    memcpy(segment.source, from_client ? client : server, 4);
    memcpy(segment.destination, from_client ? server : client, 4);

    check(tcphs_table_observe(table, &segment, &annotation));
    printf("%-7s client %s, server %s%s\n", tcphs_stage_label(annotation.stage),
           tcphs_state_label(annotation.client_after), tcphs_state_label(annotation.server_after),
           annotation.server_proven ? "" : " (assumed)");
}

int
main(void)
{
    tcphs_table *table = tcphs_table_new();
    tcphs_verdict verdict;

    observe(table, 1, syn, true);
    observe(table, 2, syn_ack, false);
    observe(table, 3, ack, true);

    check(tcphs_table_latest(table, &verdict));
    printf("%s after %.1f ms\n", tcphs_outcome_label(verdict.outcome),
           (double)verdict.setup_time_ns / 1e6);
    tcphs_table_free(table);
    return 0;
}
