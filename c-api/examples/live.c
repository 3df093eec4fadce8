/* live.c
 * Prints SYN retransmissions and closed connections as they come, from a pcap
 * file or a running capture on standard input.
 *
 *     cc live.c $(pkg-config --cflags --libs tcphs libpcap) -o live
 *     tcpdump -U -w - | ./live
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#define _DEFAULT_SOURCE /* for pcap.h */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <pcap.h>
#include <tcphs.h>

#define NANOSECONDS 1000000000

static void
fail(const char *problem)
{
    fprintf(stderr, "live: %s\n", problem);
    exit(1);
}

/* FALSE if there is none. */
static bool
found(tcphs_status status)
{
    if (status != TCPHS_OK && status != TCPHS_MORE && status != TCPHS_NOT_FOUND)
        fail(tcphs_status_text(status));
    return status != TCPHS_NOT_FOUND;
}

static void
print_endpoint(const tcphs_verdict *verdict, const uint8_t *address, uint16_t port)
{
    char text[INET6_ADDRSTRLEN];
    bool ipv4 = verdict->ip_version == 4;

    inet_ntop(ipv4 ? AF_INET : AF_INET6, address, text, sizeof text);
    printf(ipv4 ? "%s:%u" : "[%s]:%u", text, port);
}

static void
print_endpoints(const tcphs_verdict *verdict)
{
    print_endpoint(verdict, verdict->client, verdict->client_port);
    printf(" -> ");
    print_endpoint(verdict, verdict->server, verdict->server_port);
}

static void
print_retransmission(tcphs_table *table, const tcphs_annotation *annotation)
{
    tcphs_verdict verdict;

    if (!found(tcphs_table_latest(table, &verdict)))
        return;
    printf("SYN retransmission %u after %.3f s: ", annotation->retry,
           (double)annotation->rto_ns / NANOSECONDS);
    print_endpoints(&verdict);
    printf("\n");
}

static void
print_connection(const tcphs_verdict *verdict)
{
    print_endpoints(verdict);
    printf(" %s, %s", tcphs_outcome_label(verdict->outcome), tcphs_close_label(verdict->close));
    if (verdict->setup_time_ns != TCPHS_UNKNOWN)
        printf(", set up in %.1f ms", (double)verdict->setup_time_ns / 1e6);
    if (tcphs_outcome_failed(verdict->outcome))
        printf(": %s", tcphs_outcome_cause(verdict->outcome, 0));
    printf("\n");
}

int
main(void)
{
    char problem[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_fopen_offline_with_tstamp_precision(stdin, PCAP_TSTAMP_PRECISION_NANO,
                                                            problem);
    tcphs_table *table = tcphs_table_new();
    int64_t told_ns = INT64_MIN;
    struct pcap_pkthdr *header;
    const u_char *octets;
    tcphs_verdict verdict;
    int result;

    if (!pcap)
        fail(problem);
    if (!table)
        fail("no memory for a table");

    uint16_t link_type = (uint16_t)pcap_datalink(pcap);

    while ((result = pcap_next_ex(pcap, &header, &octets)) == 1) {
        /* With that precision, tv_usec holds nanoseconds. */
        int64_t time_ns = tcphs_time_ns(header->ts.tv_sec, (int)header->ts.tv_usec);
        tcphs_annotation annotation;
        tcphs_status status;

        do {
            status = tcphs_table_observe_frame(table, link_type, octets, header->caplen,
                                               header->len, time_ns, &annotation);
            if (found(status) && annotation.stage == TCPHS_STAGE_SYN &&
                    annotation.copy == TCPHS_COPY_RETRANSMISSION)
                print_retransmission(table, &annotation);
        } while (status == TCPHS_MORE);

        /* Connections close by silence, too, while other packets come. */
        if (time_ns >= told_ns + NANOSECONDS) {
            told_ns = time_ns;
            found(tcphs_table_tell_time(table, time_ns));
        }
        while (found(tcphs_table_next_closed(table, &verdict)))
            print_connection(&verdict);
        fflush(stdout);
    }
    if (result == PCAP_ERROR)
        fprintf(stderr, "live: %s\n", pcap_geterr(pcap));

    while (found(tcphs_table_next_open(table, &verdict)))
        print_connection(&verdict);
    tcphs_table_free(table);
    pcap_close(pcap);
    return result == PCAP_ERROR;
}
