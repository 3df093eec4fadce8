//! Properties of the table for random segments: it stays within its bounds, and each annotation is
//! possible.

use proptest::prelude::*;

use crate::clock::Clock;
use crate::connection::{Connection, Stage, State};
use crate::wire::{SeqNumber, TcpFlags, TcpHeader};
use crate::{ConnectionTable, DEFAULT_LIMIT, PacketInfo, Segment};

#[derive(Clone, Debug)]
struct Sent {
    hosts: (u8, u8),
    ports: (u16, u16),
    flags: u16,
    sequence: u32,
    acknowledgment: u32,
    payload: u32,
    wait_ns: i64,
}

/// Segments of few hosts with few numbers, so that many belong to the same connections.
fn sent() -> impl Strategy<Value = Sent> {
    let number = prop_oneof![0u32..8, (u32::MAX - 4)..=u32::MAX, any::<u32>()];
    let flags = prop_oneof![
        4 => prop::sample::select(vec![0x02u16, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14]),
        1 => 0u16..0x1000,
    ];
    let wait = prop_oneof![
        0i64..2_000_000_000,
        -1_000_000_000i64..0,
        Just(130_000_000_000),
        Just(i64::MAX / 8)
    ];
    ((0u8..3, 0u8..3), (1u16..3, 1u16..3), flags, number.clone(), number, 0u32..4, wait).prop_map(
        |(hosts, ports, flags, sequence, acknowledgment, payload, wait_ns)| Sent {
            hosts,
            ports,
            flags,
            sequence,
            acknowledgment,
            payload,
            wait_ns,
        },
    )
}

fn segment(sent: &Sent, frame: u64, time_ns: i64) -> Segment<'static> {
    Segment::new(
        PacketInfo::new([10, 0, 0, sent.hosts.0], [10, 0, 0, sent.hosts.1], time_ns)
            .with_frame(frame)
            .with_ttl(64)
            .with_tcp_octets(20 + sent.payload),
        TcpHeader {
            source_port: sent.ports.0,
            destination_port: sent.ports.1,
            sequence: SeqNumber(sent.sequence),
            acknowledgment: SeqNumber(sent.acknowledgment),
            data_offset: 5,
            flags: TcpFlags::from_bits(sent.flags),
            window: 1000,
            checksum: 0,
            urgent_pointer: 0,
            option_octets: &[],
            payload: &[],
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_segments_keep_the_invariants(trace in prop::collection::vec(sent(), 1..60), limit in 1usize..5) {
        let mut table = ConnectionTable::with_limit(limit);
        let mut time_ns = 0i64;
        let mut next = 0;
        for (number, sent) in trace.iter().enumerate() {
            time_ns = time_ns.saturating_add(sent.wait_ns);
            let seen = table.observe(&segment(sent, number as u64 + 1, time_ns));
            // Connections are numbered consecutively.
            prop_assert!(seen.connection <= next);
            next = next.max(seen.connection + 1);
            prop_assert!(table.len() <= limit);
            let connection = table.latest().expect("just observed");
            prop_assert_eq!(connection.id(), seen.connection);
            // LISTEN and FIN-WAIT-2 can never be proven.
            for states in [seen.client, seen.server] {
                prop_assert!(!(states.proven() && [State::Listen, State::FinWait2].contains(&states.after())));
            }
            // A final ACK has the flags of one.
            if seen.final_ack {
                prop_assert!(seen.flags.contains(TcpFlags::ACK) && !seen.flags.contains(TcpFlags::RST));
            }
            if seen.stage == Stage::IllegalFlags {
                prop_assert_eq!(seen.client.before(), seen.client.after());
            }
            // No method of the connection panics.
            let _ = (table.outcome(connection), connection.close(), connection.open_type());
            let _ = (connection.established_at(table.now_ns()), connection.closed_by());
        }
        prop_assert_eq!(table.connections().count(), next as usize);
        prop_assert!(table.connections().map(|connection| connection.id()).eq(0..next));
        let told = |connection: &Connection| format!("{connection:?}");
        let all: Vec<_> = table.connections().map(told).collect();
        prop_assert!(table.into_remaining().iter().map(told).eq(all));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Segments observed one by one and in batches give the same connections, with the same
    /// numbers, which leave in the same order.
    #[test]
    fn batches_give_the_same_results(
        trace in prop::collection::vec(sent(), 1..200),
        batch_length in 1usize..40,
        limit in prop::sample::select(vec![4, DEFAULT_LIMIT]),
    ) {
        let told = |connection: &Connection| format!("{connection:?}");
        let mut time_ns = 0i64;
        let segments: Vec<_> = (1..).zip(&trace).map(|(frame, sent)| {
            time_ns = time_ns.saturating_add(sent.wait_ns);
            segment(sent, frame, time_ns)
        }).collect();

        let mut single = ConnectionTable::with_limit(limit);
        let mut left_single = Vec::new();
        for segment in &segments {
            single.observe(segment);
            left_single.extend(single.take_closed().iter().map(told));
        }

        let mut table = ConnectionTable::with_limit(limit);
        let (mut left, mut opened) = (Vec::new(), Vec::new());
        let mut clock = Clock::default();
        for (file, segments) in (0..).zip(segments.chunks(batch_length)) {
            let mut batch = table.new_batch();
            for segment in segments {
                clock.tell(segment.packet.frame, segment.packet.time_ns);
                batch.turn_clock(clock.now_ns());
                batch.push_segment(file, segment);
            }
            let closed = table.observe_batch(&batch, |id, file| opened.push((id, file)));
            left.extend(closed.iter().map(told));
        }
        prop_assert_eq!(table.now_ns(), single.now_ns());
        prop_assert_eq!(left, left_single);
        prop_assert!(table.connections().map(told).eq(single.connections().map(told)));
        prop_assert!(opened.iter().map(|(id, _)| *id).eq(0..opened.len() as u32));
        prop_assert!(opened.is_sorted_by_key(|(_, file)| *file));
    }
}

#[test]
#[should_panic(expected = "a batch of another table")]
fn a_batch_of_another_table_is_refused() {
    let batch = ConnectionTable::new().new_batch();
    ConnectionTable::new().observe_batch(&batch, |_, _| {});
}

#[test]
fn while_shards_are_lent_there_is_no_connection() {
    let mut table = ConnectionTable::new();
    let mut shards = table.lend_shards();
    assert_eq!((table.len(), table.latest().is_none(), table.latest_slot()), (0, true, None));
    assert!((0..20).all(|slot| table.get(slot, 0).is_none()));
    shards.reverse();
    table.give_back(shards);
    table.end_batch(&table.new_batch(), |_, _| {});
}

#[test]
#[should_panic(expected = "this table has not lent")]
fn shards_are_all_given_back() {
    let mut table = ConnectionTable::new();
    let mut shards = table.lend_shards();
    shards.pop();
    table.give_back(shards);
}

#[test]
#[should_panic(expected = "this table has not lent")]
fn shards_of_another_table_are_refused() {
    let mut table = ConnectionTable::new();
    drop(table.lend_shards());
    table.give_back(ConnectionTable::new().lend_shards());
}

#[test]
#[should_panic(expected = "some shards are lent")]
fn a_batch_does_not_end_while_shards_are_lent() {
    let mut table = ConnectionTable::new();
    drop(table.lend_shards());
    table.end_batch(&table.new_batch(), |_, _| {});
}

#[test]
fn an_older_connection_is_the_newest_again_once_its_successor_has_left() {
    let exchange = [
        (1u8, 0x02, 100, 0),
        (2, 0x12, 500, 101),
        (1, 0x10, 101, 501),
        // A SYN with another number may open a successor; the older connection goes on beside it.
        (1, 0x02, 9_000, 0),
        (2, 0x10, 501, 101),
        (2, 0x10, 502, 101),
    ];
    let mut table = ConnectionTable::new();
    for (frame, (sender, flags, sequence, acknowledgment)) in (1..).zip(exchange) {
        let (hosts, ports) = if sender == 1 { ((1, 2), (1, 2)) } else { ((2, 1), (2, 1)) };
        let payload = u32::from(frame == 5);
        let sent = Sent { hosts, ports, flags, sequence, acknowledgment, payload, wait_ns: 0 };
        table.observe(&segment(&sent, frame, frame as i64));
    }
    assert_eq!((table.latest().map(Connection::id), table.len()), (Some(0), 2));
    table.advance(3_600_000_000_000);
    assert_eq!(table.take_closed().iter().map(Connection::id).collect::<Vec<_>>(), [1]);
    assert_eq!((table.latest().map(Connection::id), table.len()), (Some(0), 1));
}
