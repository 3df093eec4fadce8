//! Rows as lines of text, which are written into memory that is there already.

/// Complete lines. All of `octets` is initialised, so that a line is written without a check of the
/// capacity for each of its pieces, of which there are a hundred.
#[derive(Default)]
pub struct Lines {
    octets: Vec<u8>,
    length: usize,
}

impl Lines {
    pub fn as_octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    pub fn clear(&mut self) {
        self.length = 0;
    }

    pub fn push(&mut self, octets: &[u8]) {
        self.add(|mut line| {
            line.put(octets);
            line
        });
    }

    /// Adds what `write` puts into a line; calls it again with more room if there was too little.
    #[inline(always)]
    pub fn add(&mut self, write: impl for<'a> Fn(Line<'a>) -> Line<'a>) {
        loop {
            let room = &mut self.octets[self.length..];
            let available = room.len();
            let line = write(Line { room, missing: 0 });
            if line.missing == 0 {
                self.length += available - line.room.len();
                return;
            }
            let needed = self.length + available + line.missing;
            self.octets.resize((2 * needed).max(1 << 12), 0);
        }
    }
}

/// A line that is being written.
pub struct Line<'a> {
    room: &'a mut [u8],
    /// Octets for which there was no room.
    missing: usize,
}

impl Line<'_> {
    #[inline(always)]
    pub fn put(&mut self, octets: &[u8]) {
        match std::mem::take(&mut self.room).split_at_mut_checked(octets.len()) {
            Some((place, rest)) => {
                place.copy_from_slice(octets);
                self.room = rest;
            }
            None => self.missing += octets.len(),
        }
    }

    /// Puts the first `length` octets.
    #[inline(always)]
    pub fn put_first<const N: usize>(&mut self, octets: &[u8; N], length: usize) {
        let room = std::mem::take(&mut self.room);
        // All N of them are copied, which is faster than to count.
        if let Some(place) = room.first_chunk_mut() {
            *place = *octets;
            self.room = &mut room[length.min(N)..];
        } else {
            self.missing += N;
        }
    }
}
