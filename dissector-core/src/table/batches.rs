//! Observing packets in batches: the shards of a table, lent to threads, and the connections that a
//! batch opens and closes, put in order.

use crate::connection::Connection;
use crate::pipeline::batch::Batch;
use crate::table::{ConnectionTable, Shard};

const WORD_BITS: usize = u64::BITS as usize;

impl ConnectionTable {
    /// An empty batch for packets of this table.
    pub(crate) fn new_batch(&self) -> Batch {
        Batch::new(self.shards.len(), self.hasher.clone(), self.now_ns())
    }

    /// Observes a batch in this thread; see [`end_batch`](Self::end_batch).
    pub(crate) fn observe_batch(
        &mut self,
        batch: &Batch,
        opened: impl FnMut(u32, u32),
    ) -> BatchClosed {
        self.prepare_shards();
        self.shards.iter_mut().for_each(|shard| shard.observe_batch(batch));
        self.end_batch(batch, opened)
    }

    fn prepare_shards(&mut self) {
        let now_ns = self.now_ns();
        self.latest = None;
        self.shards.iter_mut().for_each(|shard| shard.set_clock(now_ns));
    }

    /// Takes the shards out, each to observe its packets of one batch in any thread. Until all of them
    /// are [given back](Self::give_back), the table holds no connection and can observe nothing.
    pub(crate) fn lend_shards(&mut self) -> Vec<Shard> {
        self.prepare_shards();
        std::mem::take(&mut self.shards)
    }

    /// Takes back the shards that were lent, in any order.
    ///
    /// # Panics
    /// If they are not exactly the shards of this table.
    pub(crate) fn give_back(&mut self, mut shards: Vec<Shard>) {
        shards.sort_unstable_by_key(Shard::place);
        let own = shards.iter().all(|shard| shard.hashes_as(&self.hasher));
        let all = shards.iter().map(Shard::place).eq(0..self.shard_count);
        assert!(own && all && self.shards.is_empty(), "shards that this table has not lent");
        self.shards = shards;
    }

    /// Numbers the connections that `batch` has opened, and gives those that have left, once all
    /// shards have observed it. `opened` gets the number of each new connection, in order, and the
    /// file of its first packet.
    ///
    /// # Panics
    /// If shards are still [lent](Self::lend_shards).
    pub(crate) fn end_batch(
        &mut self,
        batch: &Batch,
        mut opened: impl FnMut(u32, u32),
    ) -> BatchClosed {
        assert_eq!(self.shards.len(), self.shard_count, "some shards are lent");
        self.clock.turn_to(batch.now_ns());
        let last =
            self.shards.iter().filter_map(|shard| shard.opened().last()).max_by_key(|it| it.packet);
        // One bit a packet that has opened a connection, and its shard: few packets have, and a word
        // without a bit is passed over at once.
        let packets = last.map_or(0, |it| it.packet as usize + 1);
        let mut openers = vec![0u64; packets.div_ceil(WORD_BITS)];
        let mut places = vec![0u8; packets];
        let mut ids = Vec::with_capacity(self.shards.len());
        for (place, shard) in (0..).zip(&self.shards) {
            for opened in shard.opened() {
                let packet = opened.packet as usize;
                openers[packet / WORD_BITS] |= 1 << (packet % WORD_BITS);
                places[packet] = place;
            }
            ids.push(Vec::with_capacity(shard.opened().len()));
        }
        for (first, mut bits) in (0..).step_by(WORD_BITS).zip(openers) {
            while bits != 0 {
                let packet = first + bits.trailing_zeros();
                bits &= bits - 1;
                opened(self.next_id, batch.file(packet));
                ids[usize::from(places[packet as usize])].push(self.next_id);
                self.next_id = self.next_id.wrapping_add(1);
            }
        }
        let mut order = Vec::new();
        for (place, shard) in self.shards.iter().enumerate() {
            let closed = shard.closed_at().iter().enumerate();
            order.extend(closed.map(|(index, packet)| (*packet, place as u32, index as u32)));
        }
        order.sort();
        for (shard, ids) in self.shards.iter_mut().zip(&ids) {
            shard.number(ids);
        }
        let shards = self.shards.iter_mut().map(|shard| std::mem::take(shard.closed())).collect();
        BatchClosed { shards, order }
    }
}

/// The connections that have left the table during a batch.
#[derive(Debug, Default)]
pub(crate) struct BatchClosed {
    shards: Vec<Vec<Connection>>,
    /// The packet at which each has left, its shard and its index there.
    order: Vec<(u32, u32, u32)>,
}

impl BatchClosed {
    /// The connections, in the order in which they have left.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Connection> {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    /// The connection in this place of the order, from 0.
    pub(crate) fn get(&self, place: usize) -> Option<&Connection> {
        let &(_, shard, index) = self.order.get(place)?;
        self.shards[shard as usize].get(index as usize)
    }

    /// How many have left.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }
}
