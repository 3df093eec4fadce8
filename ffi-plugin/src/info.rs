//! The texts of the Info column, kept ready.
//!
//! Every listing pays for them, once for each segment of a handshake or a close, and there are only
//! some dozens in a capture: finding one again takes a tenth of writing it anew.

use dissector_core::connection::{Annotation, States};

use crate::text::{Style, write_info};

const SLOTS_LOG2: u32 = 8;

/// A direct-mapped cache: texts that share a slot displace each other.
pub struct InfoTexts {
    slots: Box<[Slot]>,
    /// The text of a frame with several segments.
    joined: String,
    style: Style,
}

#[derive(Clone)]
struct Slot {
    key: u64,
    /// Ends with NUL.
    text: String,
}

impl Default for InfoTexts {
    fn default() -> Self {
        Self::new(Style::default())
    }
}

impl InfoTexts {
    pub fn new(style: Style) -> Self {
        let empty = Slot { key: u64::MAX, text: String::new() };
        Self { slots: vec![empty; 1 << SLOTS_LOG2].into(), joined: String::new(), style }
    }

    /// The text of one segment, and a NUL.
    pub fn one(&mut self, said: &Annotation) -> &str {
        let key = key(said);
        // Fibonacci hashing: the highest bits of the product depend on every bit of the key.
        let slot = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SLOTS_LOG2);
        let Slot { key: kept, text } = &mut self.slots[slot as usize];
        if *kept != key {
            text.clear();
            // A String takes everything.
            let _ = write_info(text, said, self.style);
            text.push('\0');
            *kept = key;
        }
        text
    }

    /// The texts of several segments in their order, parted by ` | `, and a NUL.
    pub fn several(&mut self, segments: impl Iterator<Item = Annotation>) -> &str {
        self.joined.clear();
        for said in segments {
            if !self.joined.is_empty() {
                self.joined.push_str(" | ");
            }
            let _ = write_info(&mut self.joined, &said, self.style);
        }
        self.joined.push('\0');
        &self.joined
    }
}

/// Everything that the text depends on, in 42 bits.
fn key(said: &Annotation) -> u64 {
    let state =
        |states: &States| u64::from(states.after().number()) << 1 | u64::from(states.proven());
    u64::from(said.flags.bits())
        | u64::from(said.stage.number()) << 12
        | u64::from(said.copy.number()) << 20
        | state(&said.client) << 24
        | state(&said.server) << 33
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::session::tests::{first, handshake, octets, segment};
    use dissector_core::connection::{Repeat, Stage};
    use dissector_core::wire::TcpFlags;

    #[test]
    fn what_is_kept_is_what_would_be_written() {
        let mut session = Session::default();
        handshake(&mut session);
        session.learn(9, &segment(&octets(0x14, false, 102, 701)));
        // Several states of both ends, proven and assumed.
        let kept = [1, 2, 3, 4, 9].map(|frame| first(&session, frame));
        let mut texts = InfoTexts::default();
        // More than there are slots, each twice in turn with its neighbours.
        for said in kept.iter().flat_map(|said| [said, &kept[0]]) {
            for (stage, copy) in Stage::ALL
                .iter()
                .flat_map(|stage| Repeat::ALL.iter().map(move |copy| (stage, copy)))
            {
                for flags in [TcpFlags::SYN, TcpFlags::all()] {
                    let mut said = *said;
                    (said.stage, said.copy, said.flags) = (*stage, *copy, flags);
                    let mut expected = String::new();
                    write_info(&mut expected, &said, Style::default()).unwrap();
                    expected.push('\0');
                    assert_eq!(texts.one(&said), expected);
                    assert_eq!(texts.one(&said), expected);
                }
            }
        }
    }
}
