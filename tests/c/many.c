/* many.c
 * Feeds many short connections as Ethernet frames, and asks for closed ones or
 * not. Prints the octets of memory that the process had taken in the middle and
 * at the end, and how many connections it was given and how many were forgotten.
 *
 *     many CONNECTIONS ask|never
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tcphs.h>

#define ETHERNET 1
/* Capture time between connections. */
#define INTERVAL_NS 10000000

enum { FIN = 0x01, SYN = 0x02, ACK = 0x10 };

static uint8_t frame[54] = {
    2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00,
    0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 0, 198, 51, 100, 2,
    0, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0xff, 0xff, 0, 0, 0, 0,
};

/* Connections that were asked for. */
static uint64_t closed;

static void
put(uint8_t *place, uint32_t number)
{
    for (int i = 3; i >= 0; i--, number >>= 8)
        place[i] = (uint8_t)number;
}

static void
swap(uint8_t *a, uint8_t *b, size_t octets)
{
    uint8_t kept[4];

    memcpy(kept, a, octets);
    memcpy(a, b, octets);
    memcpy(b, kept, octets);
}

static void
turn_round(void)
{
    swap(frame + 26, frame + 30, 4);
    swap(frame + 34, frame + 36, 2);
}

static void
transmit(tcphs_table *table, uint64_t nth, int step, bool from_client, uint8_t flags,
         uint32_t sequence, uint32_t acknowledgment)
{
    int64_t time_ns = (int64_t)nth * INTERVAL_NS + step;
    tcphs_annotation annotation;

    put(frame + 26, 0x0a000000 | (uint32_t)(nth >> 14));
    frame[34] = (uint8_t)(0xc0 | (nth >> 8 & 0x3f));
    frame[35] = (uint8_t)nth;
    put(frame + 38, sequence);
    put(frame + 42, acknowledgment);
    frame[47] = flags;
    if (!from_client)
        turn_round();
    tcphs_status status = tcphs_table_observe_frame(table, ETHERNET, frame, sizeof frame,
                                                    sizeof frame, time_ns, &annotation);
    if (!from_client)
        turn_round();
    if (status != TCPHS_OK || annotation.connection != nth) {
        fprintf(stderr, "connection %llu: %s\n", (unsigned long long)nth,
                tcphs_status_text(status));
        exit(1);
    }
}

static void
ask(tcphs_table *table)
{
    tcphs_verdict verdict;

    while (tcphs_table_next_closed(table, &verdict) == TCPHS_OK) {
        if (verdict.outcome != TCPHS_OUTCOME_COMPLETE || verdict.close != TCPHS_CLOSE_FIN) {
            fprintf(stderr, "connection %u: %s, %s\n", verdict.connection,
                    tcphs_outcome_label(verdict.outcome), tcphs_close_label(verdict.close));
            exit(1);
        }
        closed++;
    }
}

/* The most memory that was resident so far. getrusage() would count what the
 * parent had before this program was started. */
static long
octets(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[128];
    long kib = 0;

    while (status && kib == 0 && fgets(line, sizeof line, status))
        sscanf(line, "VmHWM: %ld", &kib);
    if (status)
        fclose(status);
    return kib * 1024;
}

int
main(int count, char **arguments)
{
    uint64_t connections = count == 3 ? strtoull(arguments[1], NULL, 10) : 0;
    bool asks = count == 3 && strcmp(arguments[2], "ask") == 0;
    tcphs_table *table = tcphs_table_new();
    long middle = 0;

    for (uint64_t nth = 0; nth < connections; nth++) {
        transmit(table, nth, 0, true, SYN, 100, 0);
        transmit(table, nth, 1, false, SYN | ACK, 500, 101);
        transmit(table, nth, 2, true, ACK, 101, 501);
        transmit(table, nth, 3, true, FIN | ACK, 101, 501);
        transmit(table, nth, 4, false, FIN | ACK, 501, 102);
        transmit(table, nth, 5, true, ACK, 102, 502);
        if (asks)
            ask(table);
        if (nth == connections / 2)
            middle = octets();
    }
    printf("%ld %ld %llu %llu\n", middle, octets(), (unsigned long long)closed,
           (unsigned long long)tcphs_table_forgotten(table));
    tcphs_table_free(table);
    return 0;
}
