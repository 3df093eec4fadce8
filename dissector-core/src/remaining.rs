//! The connections of a table in the order of their numbers.

use crate::connection::Connection;
use crate::shard::Shard;
use crate::slots::Slots;

/// The connections that were in a table at its end, and those that had left and were not taken.
#[derive(Debug)]
pub struct Remaining {
    slots: Vec<Slots>,
    left: Vec<Connection>,
    order: Order,
}

impl Remaining {
    /// What is in the shards, without what finds it there.
    pub(crate) fn new(shards: Vec<Shard>, left: Vec<Connection>) -> Self {
        let slots: Vec<_> = shards.into_iter().map(Shard::into_slots).collect();
        let order = Order::of(&slots.iter().collect::<Vec<_>>(), &left);
        Self { slots, left, order }
    }

    /// The connections, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    /// The connection in this place, from 0.
    pub fn get(&self, place: usize) -> Option<&Connection> {
        let shards = self.slots.len();
        find(*self.order.0.get(place)?, shards, |shard| &self.slots[shard], &self.left)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where connections are, in the order of their numbers: 8 octets each.
#[derive(Debug)]
pub(crate) struct Order(Vec<u64>);

/// Marks a place among those that have left.
const LEFT: u32 = 1 << 31;

impl Order {
    pub fn of(slots: &[&Slots], left: &[Connection]) -> Self {
        let present: usize = slots.iter().map(|slots| slots.len()).sum();
        let mut order = Vec::with_capacity(present + left.len());
        let keyed = |connection: &Connection, place: u32| {
            u64::from(connection.id()) << 32 | u64::from(place)
        };
        let shards = slots.len() as u32;
        for (shard, slots) in (0..).zip(slots) {
            let connections = slots.iter_with_slots();
            order.extend(connections.map(|(slot, it)| keyed(it, place(slot, shard, shards))));
        }
        order.extend((0..).zip(left).map(|(index, it): (u32, _)| keyed(it, LEFT | index)));
        // By numbers at hand: to fetch them from the connections would take many times longer.
        order.sort_unstable();
        Self(order)
    }

    /// The connections.
    pub fn walk<'a>(
        self,
        slots: Vec<&'a Slots>,
        left: &'a [Connection],
    ) -> impl Iterator<Item = &'a Connection> {
        self.0.into_iter().filter_map(move |key| find(key, slots.len(), |shard| slots[shard], left))
    }
}

fn find<'a>(
    key: u64,
    shards: usize,
    slots: impl Fn(usize) -> &'a Slots,
    left: &'a [Connection],
) -> Option<&'a Connection> {
    let place = key as u32;
    if place & LEFT != 0 {
        return left.get((place & !LEFT) as usize);
    }
    let (slot, shard) = slot_and_shard(place, shards as u32);
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
