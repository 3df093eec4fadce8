//! The connections of a table in the order of their numbers.

use std::collections::VecDeque;

use crate::connection::Connection;
use crate::table::slots::{Slots, place, slot_and_shard};

/// The connections that were in a table at its end, and those that had left and were not taken.
#[derive(Debug)]
pub(crate) struct Remaining {
    slots: Vec<Slots>,
    closed: VecDeque<Connection>,
    order: Vec<u32>,
}

impl Remaining {
    /// The connections in the slots of each shard, and those that have left; their numbers are below
    /// `next_id`.
    pub(crate) fn new(slots: Vec<Slots>, closed: VecDeque<Connection>, next_id: u32) -> Self {
        let order = order(&slots.iter().collect::<Vec<_>>(), &closed, next_id);
        Self { slots, closed, order }
    }

    /// The connections, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Connection> {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    /// The connection in this place of the order, from 0.
    pub(crate) fn get(&self, place: usize) -> Option<&Connection> {
        let shards = self.slots.len();
        find(*self.order.get(place)?, shards, |shard| &self.slots[shard], &self.closed)
    }

    /// The number of connections.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }
}

/// The connections in the order of their numbers, which are below `next_id`.
pub(crate) fn in_order<'a>(
    slots: Vec<&'a Slots>,
    closed: &'a VecDeque<Connection>,
    next_id: u32,
) -> impl Iterator<Item = &'a Connection> {
    let order = order(&slots, closed, next_id);
    order.into_iter().filter_map(move |at| find(at, slots.len(), |shard| slots[shard], closed))
}

/// Marks an index into the connections that have left.
const CLOSED: u32 = 1 << 31;

/// Marks a number whose connection is not in this table.
const NOWHERE: u32 = u32::MAX;

/// The places of the connections, in the order of their numbers.
fn order(slots: &[&Slots], closed: &VecDeque<Connection>, next_id: u32) -> Vec<u32> {
    let shards = slots.len() as u32;
    let placed = || {
        let in_slots = (0..).zip(slots).flat_map(|(shard, slots)| {
            let connections = slots.iter_with_slots();
            connections.map(move |(slot, it)| (it.id(), place(slot, shard, shards)))
        });
        in_slots.chain((0..).zip(closed).map(|(index, it): (u32, _)| (it.id(), CLOSED | index)))
    };
    let count = slots.iter().map(|slots| slots.len()).sum::<usize>() + closed.len();
    if next_id as usize <= 2 * count {
        // Most connections are still in the table, so an array with one place per number takes less
        // time than sorting.
        let mut order = vec![NOWHERE; next_id as usize];
        let mut put = |id: u32, at| order.get_mut(id as usize).map(|entry| *entry = at);
        if placed().all(|(id, at)| put(id, at).is_some()) {
            order.retain(|at| *at != NOWHERE);
            return order;
        }
    }
    let mut keys = Vec::with_capacity(count);
    keys.extend(placed().map(|(id, at)| u64::from(id) << 32 | u64::from(at)));
    // The keys hold the numbers: fetching them from the connections takes many times longer.
    keys.sort_unstable();
    keys.into_iter().map(|key| key as u32).collect()
}

fn find<'a>(
    at: u32,
    shards: usize,
    slots: impl Fn(usize) -> &'a Slots,
    closed: &'a VecDeque<Connection>,
) -> Option<&'a Connection> {
    if at & CLOSED != 0 {
        return closed.get((at & !CLOSED) as usize);
    }
    let (slot, shard) = slot_and_shard(at, shards as u32);
    slots(shard as usize).at(slot)
}
