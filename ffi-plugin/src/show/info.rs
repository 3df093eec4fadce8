//! A cache of the texts of the Info column.
//!
//! Every listing needs one for each segment of a handshake or a close, and a capture has only some
//! dozens of different ones. Finding one in the cache takes a tenth of the time of writing it.

use std::fmt::Write as _;

use dissector_core::connection::{Annotation, States};

use crate::show::fate::FateText;
use crate::show::text::{Style, write_info, write_short_info};

const SLOTS_LOG2: u32 = 8;

/// Between the texts of a frame.
const SEPARATOR: &str = " | ";

/// A direct-mapped cache: texts that share a slot displace each other.
pub struct InfoTexts {
    slots: Box<[Slot]>,
    /// The text of a frame with several segments.
    joined: String,
    /// The style of the states; `None` for the step alone.
    style: Option<Style>,
}

#[derive(Clone)]
struct Slot {
    key: u64,
    /// Ends with NUL.
    text: String,
}

impl Default for InfoTexts {
    fn default() -> Self {
        Self::new(Style::default(), false)
    }
}

impl InfoTexts {
    pub fn new(style: Style, step_only: bool) -> Self {
        let empty = Slot { key: u64::MAX, text: String::new() };
        let style = (!step_only).then_some(style);
        Self { slots: vec![empty; 1 << SLOTS_LOG2].into(), joined: String::new(), style }
    }

    /// The text of one segment, and a NUL.
    pub fn one(&mut self, annotation: &Annotation) -> &str {
        let key = key(annotation);
        // Fibonacci hashing: the highest bits of the product depend on every bit of the key.
        let slot = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SLOTS_LOG2);
        let Slot { key: kept, text } = &mut self.slots[slot as usize];
        if *kept != key {
            text.clear();
            write(text, annotation, self.style);
            text.push('\0');
            *kept = key;
        }
        text
    }

    /// The texts of several segments in their order, separated by ` | `, and a NUL.
    pub fn several(&mut self, segments: impl Iterator<Item = Annotation>) -> &str {
        self.joined.clear();
        for annotation in segments {
            self.separate();
            write(&mut self.joined, &annotation, self.style);
        }
        self.joined.push('\0');
        &self.joined
    }

    /// The texts of segments of a file with several points, each followed by what became of it, and a
    /// NUL; `None` if there is nothing to say. A segment without annotation shows its fate alone.
    pub fn at_point<'a>(
        &mut self,
        segments: impl Iterator<Item = (Option<Annotation>, FateText<'a>)>,
    ) -> Option<&str> {
        self.joined.clear();
        for (annotation, fate) in segments {
            self.separate();
            if let Some(annotation) = annotation {
                write(&mut self.joined, &annotation, self.style);
                self.separate();
            }
            let _ = write!(self.joined, "{fate}");
            if let Some(text) = self.joined.strip_suffix(SEPARATOR) {
                self.joined.truncate(text.len());
            }
        }
        if self.joined.is_empty() {
            return None;
        }
        self.joined.push('\0');
        Some(&self.joined)
    }

    fn separate(&mut self) {
        if !self.joined.is_empty() {
            self.joined.push_str(SEPARATOR);
        }
    }
}

fn write(text: &mut String, annotation: &Annotation, style: Option<Style>) {
    // A String takes everything.
    let _ = match style {
        Some(style) => write_info(text, annotation, style),
        None => write_short_info(text, annotation),
    };
}

/// The key of a text: all values that it depends on, in 42 bits.
fn key(annotation: &Annotation) -> u64 {
    let state =
        |states: &States| u64::from(states.after().number()) << 1 | u64::from(states.proven());
    u64::from(annotation.flags.bits())
        | u64::from(annotation.stage.number()) << 12
        | u64::from(annotation.copy.number()) << 20
        | state(&annotation.client) << 24
        | state(&annotation.server) << 33
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::session::tests::{first, handshake, octets, segment};
    use dissector_core::connection::{Repeat, Stage};
    use dissector_core::wire::TcpFlags;

    #[test]
    fn cached_texts_are_those_that_would_be_written() {
        let mut session = Session::default();
        handshake(&mut session);
        session.learn(9, &segment(&octets(0x14, false, 102, 701)));
        // Several states of both ends, proven and assumed.
        let kept = [1, 2, 3, 4, 9].map(|frame| first(&session, frame));
        let mut texts = InfoTexts::default();
        // The annotations are more than the slots, and each is asked for twice, by turns with
        // others.
        for annotation in kept.iter().flat_map(|annotation| [annotation, &kept[0]]) {
            for (stage, copy) in Stage::ALL
                .iter()
                .flat_map(|stage| Repeat::ALL.iter().map(move |copy| (stage, copy)))
            {
                for flags in [TcpFlags::SYN, TcpFlags::all()] {
                    let mut annotation = *annotation;
                    (annotation.stage, annotation.copy, annotation.flags) = (*stage, *copy, flags);
                    let mut expected = String::new();
                    write_info(&mut expected, &annotation, Style::default()).unwrap();
                    expected.push('\0');
                    assert_eq!(texts.one(&annotation), expected);
                    assert_eq!(texts.one(&annotation), expected);
                }
            }
        }
    }
}
