//! The connections of a table in the order of their numbers.

use crate::connection::Connection;
use crate::table::shard::Shard;
use crate::table::slots::Slots;

/// The connections that were in a table at its end, and those that had left and were not taken.
#[derive(Debug)]
pub struct Remaining {
    slots: Vec<Slots>,
    left: Vec<Connection>,
    order: Vec<u32>,
}

impl Remaining {
    /// What is in the shards, without what finds it there. Numbers are below `next_id`.
    pub(crate) fn new(shards: Vec<Shard>, left: Vec<Connection>, next_id: u32) -> Self {
        let slots: Vec<_> = shards.into_iter().map(Shard::into_slots).collect();
        let order = order(&slots.iter().collect::<Vec<_>>(), &left, next_id);
        Self { slots, left, order }
    }

    /// The connections, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    /// The connection in this place, from 0.
    pub fn get(&self, place: usize) -> Option<&Connection> {
        let shards = self.slots.len();
        find(*self.order.get(place)?, shards, |shard| &self.slots[shard], &self.left)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The connections in the order of their numbers, which are below `next_id`.
pub(crate) fn in_order<'a>(
    slots: Vec<&'a Slots>,
    left: &'a [Connection],
    next_id: u32,
) -> impl Iterator<Item = &'a Connection> {
    let order = order(&slots, left, next_id);
    order.into_iter().filter_map(move |at| find(at, slots.len(), |shard| slots[shard], left))
}

/// Marks a place among those that have left.
const LEFT: u32 = 1 << 31;

/// Stands where no connection is.
const NOWHERE: u32 = u32::MAX;

/// Where connections are, in the order of their numbers.
fn order(slots: &[&Slots], left: &[Connection], next_id: u32) -> Vec<u32> {
    let shards = slots.len() as u32;
    let placed = || {
        let in_slots = (0..).zip(slots).flat_map(|(shard, slots)| {
            let connections = slots.iter_with_slots();
            connections.map(move |(slot, it)| (it.id(), place(slot, shard, shards)))
        });
        in_slots.chain((0..).zip(left).map(|(index, it): (u32, _)| (it.id(), LEFT | index)))
    };
    let count = slots.iter().map(|slots| slots.len()).sum::<usize>() + left.len();
    if next_id as usize <= 2 * count {
        // Most are still here: each number has its place.
        let mut order = vec![NOWHERE; next_id as usize];
        let mut put = |id: u32, at| order.get_mut(id as usize).map(|entry| *entry = at);
        if placed().all(|(id, at)| put(id, at).is_some()) {
            order.retain(|at| *at != NOWHERE);
            return order;
        }
    }
    let mut keys = Vec::with_capacity(count);
    keys.extend(placed().map(|(id, at)| u64::from(id) << 32 | u64::from(at)));
    // By numbers at hand: to fetch them from the connections would take many times longer.
    keys.sort_unstable();
    keys.into_iter().map(|key| key as u32).collect()
}

fn find<'a>(
    at: u32,
    shards: usize,
    slots: impl Fn(usize) -> &'a Slots,
    left: &'a [Connection],
) -> Option<&'a Connection> {
    if at & LEFT != 0 {
        return left.get((at & !LEFT) as usize);
    }
    let (slot, shard) = slot_and_shard(at, shards as u32);
    slots(shard as usize).at(slot)
}

/// One number for a slot of one of so many shards.
pub(crate) fn place(slot: u32, shard: u32, shards: u32) -> u32 {
    slot * shards + shard
}

/// The slot and the shard that [`place`] was given.
pub(crate) fn slot_and_shard(place: u32, shards: u32) -> (u32, u32) {
    (place / shards, place % shards)
}
