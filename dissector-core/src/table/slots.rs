//! The storage of connections, by slot.

use crate::connection::Connection;

/// Storage for connections in chunks: growing neither moves a connection nor doubles the memory.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    chunks: Vec<Vec<Option<Connection>>>,
    free: Vec<u32>,
    used: usize,
}

const CHUNK: usize = 4096;

impl Slots {
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    pub(crate) fn insert(&mut self, connection: Connection) -> u32 {
        self.used += 1;
        if let Some(slot) = self.free.pop() {
            *self.entry(slot) = Some(connection);
            return slot;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let last = self.chunks.len() - 1;
        let chunk = &mut self.chunks[last];
        chunk.push(Some(connection));
        (last * CHUNK + chunk.len() - 1) as u32
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Connection {
        self.used -= 1;
        self.free.push(slot);
        self.entry(slot).take().expect("a slot in use holds a connection")
    }

    fn entry(&mut self, slot: u32) -> &mut Option<Connection> {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    pub(crate) fn get(&self, slot: u32) -> &Connection {
        self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
            .as_ref()
            .expect("a slot in use holds a connection")
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut Connection {
        self.entry(slot).as_mut().expect("a slot in use holds a connection")
    }

    /// The connection in a slot, if there is one.
    pub(crate) fn at(&self, slot: u32) -> Option<&Connection> {
        self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)?.as_ref()
    }

    /// The connection in a slot, if there is one, to be changed.
    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut Connection> {
        self.chunks.get_mut(slot as usize / CHUNK)?.get_mut(slot as usize % CHUNK)?.as_mut()
    }

    /// The connection in a slot, if it is still number `id`.
    pub(crate) fn holding(&self, slot: u32, id: u32) -> Option<&Connection> {
        self.at(slot).filter(|connection| connection.id() == id)
    }

    /// One more than the highest slot that was ever used.
    pub(crate) fn places(&self) -> u32 {
        let last = self.chunks.last().map_or(0, Vec::len);
        (self.chunks.len().saturating_sub(1) * CHUNK + last) as u32
    }

    pub(crate) fn iter_with_slots(&self) -> impl Iterator<Item = (u32, &Connection)> {
        let entries = self.chunks.iter().flatten().enumerate();
        entries.filter_map(|(slot, entry)| Some((slot as u32, entry.as_ref()?)))
    }
}

/// One number for a slot of one of `shards` shards.
pub(crate) fn place(slot: u32, shard: u32, shards: u32) -> u32 {
    slot * shards + shard
}

/// The slot and the shard that [`place`] was given.
pub(crate) fn slot_and_shard(place: u32, shards: u32) -> (u32, u32) {
    (place / shards, place % shards)
}
