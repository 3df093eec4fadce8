//! The index of connections: from addresses and ports to slots.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::key::FlowKey;
use crate::table::slots::Slots;

/// The slots of connections, by addresses and ports; an entry takes 32 bits.
#[derive(Debug)]
pub(crate) struct Index {
    listed: HashTable<Listed>,
    slot_bits: SlotBits,
    hasher: RandomState,
}

/// An entry: the number of a slot and, in the bits above it, as much of the hash as fits, so that
/// few connections with other addresses are compared.
#[derive(Clone, Copy, Debug)]
struct Listed(u32);

/// The mask of the bits of an entry that hold the slot.
#[derive(Clone, Copy, Debug)]
struct SlotBits(u32);

impl SlotBits {
    /// Enough bits for `slots` slots.
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

    /// Whether the entry may have this hash.
    #[inline]
    const fn matches(self, listed: Listed, hash: u32) -> bool {
        (listed.0 ^ hash) & !self.0 == 0
    }
}

/// The hash for the hash table, which needs all 64 bits.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// An index with fewer entries grows fourfold: frequent growth would cost more time than that costs
/// memory.
const FEW: usize = 1 << 12;

impl Index {
    /// An empty index for up to `slots` slots.
    pub(crate) fn new(slots: usize, hasher: RandomState) -> Self {
        Self { listed: HashTable::new(), slot_bits: SlotBits::of(slots), hasher }
    }

    /// The hash of addresses and ports, the same in either key.
    #[inline(always)]
    pub(crate) fn hash(&self, key: &FlowKey) -> u32 {
        key.hash(&self.hasher)
    }

    /// Whether `hasher` gives the same hashes.
    pub(crate) fn hashes_as(&self, hasher: &RandomState) -> bool {
        self.hasher.hash_one(0_u64) == hasher.hash_one(0_u64)
    }

    #[inline(always)]
    fn hash_at(&self, slots: &Slots, slot: u32) -> u32 {
        self.hash(&slots.get(slot).key())
    }

    /// The first slot with this hash for which `is_it` holds.
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
            spread(slots.get(bits.slot(*listed)).key().hash(hasher))
        });
    }

    /// Removes a slot; true if it was listed.
    pub(crate) fn remove(&mut self, slot: u32, slots: &Slots) -> bool {
        let (bits, hash) = (self.slot_bits, self.hash_at(slots, slot));
        let entry = self.listed.find_entry(spread(hash), |listed| bits.slot(*listed) == slot);
        entry.map(|entry| entry.remove()).is_ok()
    }

    /// Doubles the room, or more. `unlisted` are the slots in use that are not listed.
    ///
    /// Lists the slots anew in the order of memory, after the old entries are freed. The hash table
    /// would go through them in its own order, and wait for each connection to hash it.
    #[cold]
    pub(crate) fn enlarge(&mut self, slots: &Slots, unlisted: impl Iterator<Item = u32>) {
        let count = self.listed.len();
        if count < slots.places() as usize / 4 {
            // Few of many connections are left: the hash table grows by itself.
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
