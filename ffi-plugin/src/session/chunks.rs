//! A list that grows without moving its elements or doubling its memory.

/// Elements in chunks of a fixed size.
pub struct Chunks<T, const CHUNK: usize> {
    chunks: Vec<Vec<T>>,
}

impl<T, const CHUNK: usize> Default for Chunks<T, CHUNK> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T, const CHUNK: usize> Chunks<T, CHUNK> {
    pub fn len(&self) -> usize {
        let last = self.chunks.last().map_or(0, Vec::len);
        self.chunks.len().saturating_sub(1) * CHUNK + last
    }

    pub fn push(&mut self, element: T) {
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push(element),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(element);
                self.chunks.push(chunk);
            }
        }
    }

    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    /// Drops all elements from `length` on.
    pub fn truncate(&mut self, length: usize) {
        self.chunks.truncate(length.div_ceil(CHUNK));
        if length < self.len()
            && let Some(last) = self.chunks.last_mut()
        {
            last.truncate(length - (length - 1) / CHUNK * CHUNK);
        }
    }

    /// The elements from `index` on.
    pub fn since(&self, index: usize) -> impl Iterator<Item = &T> {
        let mut chunks = self.chunks.iter().skip(index / CHUNK);
        let first = chunks.next().map_or(&[][..], Vec::as_slice);
        first.iter().skip(index % CHUNK).chain(chunks.flatten())
    }

    /// Number of elements for which `before` holds; they come first.
    pub fn partition_point(&self, before: impl Fn(&T) -> bool) -> usize {
        let full = self.chunks.partition_point(|chunk| chunk.last().is_some_and(&before));
        let further = self.chunks.get(full).map_or(0, |chunk| chunk.partition_point(before));
        // The last chunk may be shorter.
        (full * CHUNK + further).min(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_like_a_list_of_any_length() {
        for length in 0..20_usize {
            let mut chunks: Chunks<usize, 4> = Chunks::default();
            (0..length).for_each(|number| chunks.push(number));
            for cut in (0..=length).rev() {
                chunks.truncate(cut + 1);
                chunks.truncate(cut);
                assert_eq!(chunks.len(), cut);
                assert_eq!((chunks.get(cut), chunks.get(cut + 5)), (None, None));
                for at in 0..=cut {
                    assert!(chunks.since(at).copied().eq(at..cut), "{at} of {cut}");
                    assert_eq!(chunks.partition_point(|number| *number < at), at);
                    assert_eq!(chunks.get(at).copied(), (at < cut).then_some(at));
                }
            }
        }
    }
}
