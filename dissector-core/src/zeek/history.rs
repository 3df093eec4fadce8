//! The letters of a history, and what is counted for them.

use crate::wire::SeqNumber;

/// Most letters that a history has.
const MOST_LETTERS: usize = 25;
/// The number of letters that are stored without an allocation.
const INLINE_LETTERS: usize = 14;

/// The letters so far, in ASCII. With more than a few letters, and once something is counted, they
/// are heap-allocated together with the counts.
#[derive(Clone, Debug)]
pub(super) enum History {
    Short { letters: [u8; INLINE_LETTERS], length: u8 },
    Long(Box<Long>),
}

/// A long history, and the counts of both ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Long {
    letters: [u8; MOST_LETTERS],
    length: u8,
    pub counts: [Counts; 2],
}

/// Counts that few endpoints need. Numbers are relative to the start of the stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub last_syn: SeqNumber,
    /// End of the last FIN; valid unless the FIN ended at the highest number.
    pub last_fin: SeqNumber,
    /// Number of the last RST; valid unless the RST was at the highest number.
    pub last_rst: SeqNumber,
    pub retransmissions: u32,
    pub zero_windows: u32,
}

impl History {
    pub const EMPTY: Self = Self::Short { letters: [0; INLINE_LETTERS], length: 0 };

    pub fn letters(&self) -> &[u8] {
        match self {
            Self::Short { letters, length } => &letters[..usize::from(*length)],
            Self::Long(long) => &long.letters[..usize::from(long.length)],
        }
    }

    #[inline]
    pub fn push(&mut self, letter: u8) {
        if let Self::Short { letters, length } = self
            && let Some(place) = letters.get_mut(usize::from(*length))
        {
            *place = letter;
            *length += 1;
        } else {
            self.long().push(letter);
        }
    }

    pub fn clear(&mut self) {
        match self {
            Self::Short { length, .. } => *length = 0,
            Self::Long(long) => long.length = 0,
        }
    }

    /// The counts of one end; all 0 where nothing was counted.
    pub fn counts(&self, end: usize) -> Counts {
        match self {
            Self::Short { .. } => Counts::default(),
            Self::Long(long) => long.counts[end],
        }
    }

    pub fn counts_mut(&mut self, end: usize) -> &mut Counts {
        &mut self.long().counts[end]
    }

    #[cold]
    fn long(&mut self) -> &mut Long {
        if let Self::Short { .. } = self {
            let mut long = Box::new(Long::default());
            self.letters().iter().for_each(|letter| long.push(*letter));
            *self = Self::Long(long);
        }
        match self {
            Self::Long(long) => long,
            Self::Short { .. } => unreachable!("it was made long"),
        }
    }
}

impl Long {
    /// Letters beyond the most there can be are dropped.
    fn push(&mut self, letter: u8) {
        if let Some(place) = self.letters.get_mut(usize::from(self.length)) {
            *place = letter;
            self.length += 1;
        }
    }
}
