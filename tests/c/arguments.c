/* arguments.c
 * Feeds a handshake by its segments and by its frames, an ICMP error, and bad
 * arguments, and checks what comes back.
 */

#include <stdio.h>
#include <string.h>

#include <tcphs.h>

static int failures;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            failures++; \
        } \
    } while (0)

/* 192.0.2.1:40000 opens to 198.51.100.2:80. */
static const uint8_t client[4] = { 192, 0, 2, 1 };
static const uint8_t server[4] = { 198, 51, 100, 2 };

/* SYN: sequence number 1000, MSS 1460. */
static const uint8_t syn[] = {
    0x9c, 0x40, 0x00, 0x50, 0x00, 0x00, 0x03, 0xe8, 0x00, 0x00, 0x00, 0x00,
    0x60, 0x02, 0xfa, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4,
};

/* SYN/ACK: sequence number 5000, acknowledges 1001. */
static const uint8_t syn_ack[] = {
    0x00, 0x50, 0x9c, 0x40, 0x00, 0x00, 0x13, 0x88, 0x00, 0x00, 0x03, 0xe9,
    0x60, 0x12, 0xfa, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4,
};

/* ACK: sequence number 1001, acknowledges 5001. */
static const uint8_t ack[] = {
    0x9c, 0x40, 0x00, 0x50, 0x00, 0x00, 0x03, 0xe9, 0x00, 0x00, 0x13, 0x89,
    0x50, 0x10, 0xfa, 0xf0, 0x00, 0x00, 0x00, 0x00,
};

/* Destination unreachable (host), which quotes the SYN. */
static const uint8_t icmp_error[] = {
    0x03, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x45, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x00, 0x40, 0x06, 0x00, 0x00,
    192, 0, 2, 1, 198, 51, 100, 2,
    0x9c, 0x40, 0x00, 0x50, 0x00, 0x00, 0x03, 0xe8,
};

static tcphs_segment
segment(uint64_t frame, const uint8_t *octets, size_t length, bool from_client)
{
    tcphs_segment result = { 0 };

    result.frame = frame;
    result.time_ns = tcphs_time_ns(1700000000, (int)frame * 1000000);
    result.captured = octets;
    result.captured_octets = length;
    result.tcp_octets = (uint32_t)length;
    result.ip_version = 4;
    result.ip_id = -1;
    result.ttl = 64;
    memcpy(result.source, from_client ? client : server, sizeof client);
    memcpy(result.destination, from_client ? server : client, sizeof server);
    return result;
}

static bool
same(const char *label, const char *expected)
{
    return label != NULL && strcmp(label, expected) == 0;
}

static void
handshake(void)
{
    tcphs_table *table = tcphs_table_new();
    tcphs_annotation said;
    tcphs_verdict verdict;
    tcphs_segment next;

    CHECK(tcphs_table_latest(table, &verdict) == TCPHS_NOT_FOUND);

    next = segment(1, syn, sizeof syn, true);
    CHECK(tcphs_table_observe(table, &next, &said) == TCPHS_OK);
    CHECK(said.connection == 0 && said.flags == 0x002);
    CHECK(said.stage == TCPHS_STAGE_SYN && same(tcphs_stage_label(said.stage), "SYN"));
    CHECK(said.sender == TCPHS_ROLE_CLIENT && said.copy == TCPHS_COPY_ORIGINAL);
    CHECK(said.client_before == TCPHS_STATE_CLOSED && said.server_before == TCPHS_STATE_LISTEN);
    CHECK(said.client_after == TCPHS_STATE_SYN_SENT && said.client_proven);
    CHECK(said.server_after == TCPHS_STATE_SYN_RECEIVED && !said.server_proven);

    next = segment(2, syn_ack, sizeof syn_ack, false);
    CHECK(tcphs_table_observe(table, &next, &said) == TCPHS_OK);
    CHECK(said.connection == 0 && said.flags == 0x012);
    CHECK(said.stage == TCPHS_STAGE_SYN_ACK && same(tcphs_stage_label(said.stage), "SYN/ACK"));
    CHECK(said.sender == TCPHS_ROLE_SERVER);
    CHECK(said.client_after == TCPHS_STATE_ESTABLISHED && !said.client_proven);
    CHECK(said.server_after == TCPHS_STATE_SYN_RECEIVED && said.server_proven);
    CHECK(same(tcphs_state_label(said.server_after), "SYN-RECEIVED"));

    next = segment(3, ack, sizeof ack, true);
    CHECK(tcphs_table_observe(table, &next, &said) == TCPHS_OK);
    CHECK(said.stage == TCPHS_STAGE_FINAL_ACK && same(tcphs_stage_label(said.stage), "ACK"));
    CHECK(said.final_ack);
    CHECK(said.client_after == TCPHS_STATE_ESTABLISHED && said.client_proven);
    CHECK(said.server_after == TCPHS_STATE_ESTABLISHED && !said.server_proven);
    CHECK(said.rst_reason == TCPHS_NONE && said.retry == 0 && said.rto_ns == 0);

    CHECK(tcphs_table_latest(table, &verdict) == TCPHS_OK);
    CHECK(verdict.connection == 0 && verdict.attempt == 1 && verdict.ip_version == 4);
    CHECK(verdict.client_port == 40000 && verdict.server_port == 80);
    CHECK(memcmp(verdict.client, client, sizeof client) == 0);
    CHECK(memcmp(verdict.server, server, sizeof server) == 0);
    CHECK(same(tcphs_role_basis_label(verdict.role_basis), "syn"));
    CHECK(verdict.outcome == TCPHS_OUTCOME_COMPLETE && !tcphs_outcome_failed(verdict.outcome));
    CHECK(verdict.established && verdict.close == TCPHS_CLOSE_OPEN);
    CHECK(verdict.setup_time_ns == 2000000 && verdict.rtt_server_ns == 1000000);
    CHECK(verdict.final_ack_frame == 3 && verdict.rst_frame == 0 && verdict.segments == 3);
    CHECK(verdict.client_mss == 1460 && verdict.icmp_type == TCPHS_UNKNOWN);

    /* At the end it is still open. */
    CHECK(tcphs_table_next_closed(table, &verdict) == TCPHS_NOT_FOUND);
    CHECK(tcphs_table_next_open(table, &verdict) == TCPHS_OK && verdict.connection == 0);
    CHECK(tcphs_table_next_open(table, &verdict) == TCPHS_NOT_FOUND);

    tcphs_table_free(table);
}

/* An IPv4 packet, and in an outer one the same twice: link type 101 is raw IP. */
static void
frames(void)
{
    uint8_t packet[20 + sizeof syn] = {
        0x45, 0, 0, sizeof packet, 0, 1, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2,
    };
    uint8_t tunnel[20 + sizeof packet] = {
        0x45, 0, 0, sizeof tunnel, 0, 2, 0, 0, 64, 4, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    };
    tcphs_table *table = tcphs_table_with_limits(1, 1);
    tcphs_annotation said;
    tcphs_verdict verdict;

    memcpy(packet + 20, syn, sizeof syn);
    memcpy(tunnel + 20, packet, sizeof packet);
    CHECK(tcphs_table_observe_frame(table, 101, packet, sizeof packet, sizeof packet, 1, &said) ==
          TCPHS_OK);
    CHECK(said.stage == TCPHS_STAGE_SYN && said.copy == TCPHS_COPY_ORIGINAL);
    tunnel[25] = 3;
    CHECK(tcphs_table_observe_frame(table, 101, tunnel, sizeof tunnel, sizeof tunnel, 2, &said) ==
          TCPHS_OK);
    CHECK(said.copy == TCPHS_COPY_RETRANSMISSION && said.retry == 1 && said.rto_ns == 1);
    CHECK(said.findings & UINT64_C(1) << TCPHS_FINDING_SYN_RETX);
    /* No TCP; a link type without a number; a frame that was cut off. */
    packet[9] = 17;
    CHECK(tcphs_table_observe_frame(table, 101, packet, sizeof packet, sizeof packet, 3, &said) ==
          TCPHS_NOT_FOUND);
    CHECK(tcphs_table_observe_frame(table, 9999, packet, sizeof packet, sizeof packet, 3, &said) ==
          TCPHS_NOT_FOUND);
    CHECK(tcphs_table_observe_frame(table, 101, packet, 0, sizeof packet, 3, &said) ==
          TCPHS_NOT_FOUND);

    /* The table has room for one connection, and keeps one that left earlier. */
    packet[9] = 6;
    for (unsigned host = 3; host < 6; host++) {
        packet[15] = (uint8_t)host;
        CHECK(tcphs_table_observe_frame(table, 101, packet, sizeof packet, sizeof packet, host,
                                        &said) == TCPHS_OK);
        CHECK(said.connection == host - 2);
    }
    CHECK(tcphs_table_evicted(table) == 3 && tcphs_table_forgotten(table) == 1);
    CHECK(tcphs_table_next_closed(table, &verdict) == TCPHS_OK && verdict.connection == 1);
    CHECK(tcphs_table_next_closed(table, &verdict) == TCPHS_OK && verdict.connection == 2);
    CHECK(tcphs_table_next_closed(table, &verdict) == TCPHS_NOT_FOUND);
    CHECK(tcphs_table_latest(table, &verdict) == TCPHS_OK && verdict.connection == 3);
    CHECK(tcphs_table_tell_time(table, INT64_MAX) == TCPHS_OK);
    CHECK(tcphs_table_next_closed(table, &verdict) == TCPHS_NOT_FOUND);
    CHECK(tcphs_table_tell_time(table, INT64_MAX) == TCPHS_OK);
    CHECK(tcphs_table_next_closed(table, &verdict) == TCPHS_OK && verdict.connection == 3);
    CHECK(verdict.outcome == TCPHS_OUTCOME_NO_REPLY && tcphs_outcome_failed(verdict.outcome));
    CHECK(tcphs_table_latest(table, &verdict) == TCPHS_NOT_FOUND);
    tcphs_table_free(table);
}

/* A SYN that nothing answers, and times that are told without a frame. */
static void
times(void)
{
    const int64_t second = 1000000000, hour = 3600 * second;
    tcphs_segment next = segment(1, syn, sizeof syn, true);
    tcphs_table *table = tcphs_table_new();
    tcphs_annotation said;
    tcphs_verdict verdict;

    CHECK(tcphs_table_observe(table, &next, &said) == TCPHS_OK);
    CHECK(tcphs_table_tell_time(table, next.time_ns + 2 * second) == TCPHS_OK);
    CHECK(tcphs_table_latest(table, &verdict) == TCPHS_OK);
    CHECK(verdict.outcome == TCPHS_OUTCOME_PENDING && verdict.cause == TCPHS_NONE);

    /* One wrong time is not believed, and an earlier one changes nothing. */
    CHECK(tcphs_table_tell_time(table, next.time_ns + 2 * hour) == TCPHS_OK);
    CHECK(tcphs_table_tell_time(table, next.time_ns + second) == TCPHS_OK);
    CHECK(tcphs_table_tell_time(table, next.time_ns + 2 * hour) == TCPHS_OK);
    CHECK(tcphs_table_latest(table, &verdict) == TCPHS_OK);
    CHECK(verdict.outcome == TCPHS_OUTCOME_PENDING);
    CHECK(tcphs_table_next_closed(table, &verdict) == TCPHS_NOT_FOUND);

    /* The next call confirms it. */
    CHECK(tcphs_table_tell_time(table, next.time_ns + 2 * hour) == TCPHS_OK);
    CHECK(tcphs_table_next_closed(table, &verdict) == TCPHS_OK);
    CHECK(verdict.outcome == TCPHS_OUTCOME_NO_REPLY);
    CHECK(verdict.cause_evidence[0] != 0 && same(tcphs_evidence_label(9), "syn_never_repeated"));
    CHECK(verdict.cause_evidence[0] & UINT64_C(1) << 9);
    CHECK(strlen(tcphs_evidence_text(9)) > 0 && tcphs_evidence_text(200) == NULL);
    CHECK(same(tcphs_cause_label(18), "client_gave_up") && strlen(tcphs_cause_text(18)) > 0);
    CHECK(tcphs_cause_text(200) == NULL && tcphs_cause_label(TCPHS_NONE) == NULL);
    CHECK(tcphs_evidence_bearing(9, 18) == TCPHS_BEARING_SPEAKS_FOR);
    CHECK(tcphs_evidence_bearing(200, 18) == TCPHS_NONE);
    tcphs_table_free(table);
}

static void
icmp(void)
{
    tcphs_table *table = tcphs_table_new();
    tcphs_segment next = segment(1, syn, sizeof syn, true);
    tcphs_annotation said;
    tcphs_verdict verdict;

    CHECK(tcphs_table_observe(table, &next, &said) == TCPHS_OK);
    next = segment(2, icmp_error, sizeof icmp_error, false);
    CHECK(tcphs_table_observe_icmp(table, &next, &said) == TCPHS_OK);
    CHECK(said.stage == TCPHS_STAGE_ICMP_ERROR);
    CHECK(tcphs_table_latest(table, &verdict) == TCPHS_OK);
    CHECK(verdict.outcome == TCPHS_OUTCOME_UNREACHABLE);
    CHECK(verdict.icmp_type == 3 && verdict.icmp_code == 1 && verdict.icmp_frame == 2);
    tcphs_table_free(table);

    table = tcphs_table_new();
    CHECK(tcphs_table_observe_icmp(table, &next, &said) == TCPHS_NOT_FOUND);
    next = segment(1, syn, sizeof syn, true);
    CHECK(tcphs_table_observe_icmp(table, &next, &said) == TCPHS_NO_HEADER);
    tcphs_table_free(table);
}

static void
bad_arguments(void)
{
    tcphs_table *table = tcphs_table_new();
    tcphs_segment good = segment(1, syn, sizeof syn, true);
    tcphs_segment bad = good;
    tcphs_annotation said;

    CHECK(tcphs_table_observe(NULL, &good, &said) == TCPHS_NULL_ARGUMENT);
    CHECK(tcphs_table_observe(table, NULL, &said) == TCPHS_NULL_ARGUMENT);
    CHECK(tcphs_table_observe(table, &good, NULL) == TCPHS_NULL_ARGUMENT);
    CHECK(tcphs_table_latest(NULL, NULL) == TCPHS_NULL_ARGUMENT);
    CHECK(tcphs_table_next_closed(NULL, NULL) == TCPHS_NULL_ARGUMENT);
    CHECK(tcphs_table_next_open(NULL, NULL) == TCPHS_NULL_ARGUMENT);
    CHECK(tcphs_table_tell_time(NULL, 0) == TCPHS_NULL_ARGUMENT);
    CHECK(tcphs_table_observe_icmp(table, NULL, &said) == TCPHS_NULL_ARGUMENT);
    CHECK(tcphs_table_observe_frame(table, 1, NULL, 0, 0, 0, &said) == TCPHS_NULL_ARGUMENT);
    CHECK(tcphs_table_observe_frame(NULL, 1, syn, sizeof syn, sizeof syn, 0, &said) ==
          TCPHS_NULL_ARGUMENT);
    CHECK(tcphs_table_observe_frame(table, 1, syn, sizeof syn, sizeof syn, 0, NULL) ==
          TCPHS_NULL_ARGUMENT);
    CHECK(tcphs_table_forgotten(NULL) == 0 && tcphs_table_evicted(NULL) == 0);
    CHECK(tcphs_table_failure(NULL) == NULL && tcphs_table_failure(table) == NULL);

    bad.captured = NULL;
    CHECK(tcphs_table_observe(table, &bad, &said) == TCPHS_NULL_ARGUMENT);
    bad = good;
    bad.captured_octets = 19;
    CHECK(tcphs_table_observe(table, &bad, &said) == TCPHS_NO_HEADER);
    bad = good;
    bad.ip_version = 5;
    CHECK(tcphs_table_observe(table, &bad, &said) == TCPHS_INVALID_ARGUMENT);

    CHECK(tcphs_state_label(200) == NULL && tcphs_outcome_meaning(200) == NULL);
    CHECK(tcphs_outcome_cause(TCPHS_OUTCOME_COMPLETE, 0) == NULL);
    CHECK(strlen(tcphs_outcome_cause(TCPHS_OUTCOME_REFUSED, 0)) > 0);
    CHECK(tcphs_finding_severity(200) == TCPHS_NONE && tcphs_finding_text(200) == NULL);
    CHECK(tcphs_status_text(99) == NULL && strlen(tcphs_status_text(TCPHS_NO_HEADER)) > 0);
    CHECK(tcphs_rst_reason_label(TCPHS_NONE) == NULL);
    tcphs_table_free(table);
    tcphs_table_free(NULL);
}

int
main(void)
{
    handshake();
    frames();
    times();
    icmp();
    bad_arguments();
    if (failures == 0)
        printf("tcphs %s: as expected\n", tcphs_version());
    return failures != 0;
}
