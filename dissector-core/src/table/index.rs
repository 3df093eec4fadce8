//! Which slot the connection on these addresses and ports is in.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::key::Direction;
use crate::table::slots::Slots;

/// The slots of connections, by their addresses and ports; a place takes 32 bits.
#[derive(Debug)]
pub(crate) struct Index {
    listed: HashTable<Listed>,
    slot_bits: SlotBits,
    hasher: RandomState,
}

/// A slot in the index; above it, as much of the hash of its addresses and ports as there is room
/// for, so that few connections are looked at that are others.
#[derive(Clone, Copy, Debug)]
struct Listed(u32);

/// Which bits of it are the slot.
#[derive(Clone, Copy, Debug)]
struct SlotBits(u32);

impl SlotBits {
    /// Enough for so many slots.
    fn of(slots: usize) -> Self {
        let most = u32::try_from(slots).unwrap_or(u32::MAX);
        Self(u32::MAX.checked_shr(most.leading_zeros()).unwrap_or(0))
    }

    #[inline]
    const fn list(self, slot: u32, hash: u32) -> Listed {
        Listed(slot & self.0 | hash & !self.0)
    }

    #[inline]
    const fn slot(self, listed: Listed) -> u32 {
        listed.0 & self.0
    }

    /// Whether it may be the one with this hash.
    #[inline]
    const fn matches(self, listed: Listed, hash: u32) -> bool {
        (listed.0 ^ hash) & !self.0 == 0
    }
}

/// What the table is told of a hash: all its bits have to be of use.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// To have room for more than so few costs less than to make room often.
const FEW: usize = 1 << 12;

impl Index {
    /// An empty one, for up to so many slots.
    pub(crate) fn new(slots: usize, hasher: RandomState) -> Self {
        Self { listed: HashTable::new(), slot_bits: SlotBits::of(slots), hasher }
    }

    /// What addresses and ports are looked for by, in either direction.
    #[inline(always)]
    pub(crate) fn hash(&self, direction: &Direction) -> u32 {
        direction.hash(&self.hasher)
    }

    /// Whether `hasher` finds the same for everything.
    pub(crate) fn hashes_as(&self, hasher: &RandomState) -> bool {
        self.hasher.hash_one(0_u64) == hasher.hash_one(0_u64)
    }

    #[inline(always)]
    fn hash_at(&self, slots: &Slots, slot: u32) -> u32 {
        self.hash(&slots.get(slot).direction())
    }

    /// The first slot with this hash that is the one.
    #[inline(always)]
    pub(crate) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let bits = self.slot_bits;
        let found = self
            .listed
            .find(spread(hash), |listed| bits.matches(*listed, hash) && is_it(bits.slot(*listed)));
        found.map(|listed| bits.slot(*listed))
    }

    /// Whether there is no room for one more.
    pub(crate) fn is_full(&self) -> bool {
        self.listed.len() == self.listed.capacity()
    }

    /// Lists a slot with the hash of its addresses and ports.
    #[inline(always)]
    pub(crate) fn insert(&mut self, slot: u32, hash: u32, slots: &Slots) {
        let (bits, hasher) = (self.slot_bits, &self.hasher);
        self.listed.insert_unique(spread(hash), bits.list(slot, hash), |listed| {
            spread(slots.get(bits.slot(*listed)).direction().hash(hasher))
        });
    }

    /// Strikes a slot off; whether it was listed.
    pub(crate) fn remove(&mut self, slot: u32, slots: &Slots) -> bool {
        let (bits, hash) = (self.slot_bits, self.hash_at(slots, slot));
        let entry = self.listed.find_entry(spread(hash), |listed| bits.slot(*listed) == slot);
        entry.map(|entry| entry.remove()).is_ok()
    }

    /// Makes room for as many slots again, or more. All are listed but those in `unlisted`.
    ///
    /// In the order of slots, which is that of the memory: in its own, each connection would have to
    /// be waited for, only to know its hash. And what it had is given back before.
    #[cold]
    pub(crate) fn enlarge(&mut self, slots: &Slots, unlisted: impl Iterator<Item = u32>) {
        let count = self.listed.len();
        if count < slots.places() as usize / 4 {
            // Few are left of many: it does so itself.
            return;
        }
        let growth = if count < FEW { 4 } else { 2 };
        self.listed = HashTable::new();
        self.listed = HashTable::with_capacity(growth * count);
        let mut unlisted: Vec<_> = unlisted.collect();
        unlisted.sort_unstable();
        for (slot, _) in slots.iter_with_slots() {
            if unlisted.binary_search(&slot).is_err() {
                self.insert(slot, self.hash_at(slots, slot), slots);
            }
        }
    }
}
