//! The interfaces that the frames of a capture came from.

use std::collections::HashMap;

use super::MAX_INTERFACES;
use super::coverage::Coverage;
use super::link_type::LinkType;
use super::names::Names;
use super::span::Span;

/// An interface that frames of a capture came from.
///
/// A pcap file has one, without a name. A pcapng file describes its interfaces; those of its further
/// sections are the same if their names and link types are. What `tcpdump -i any` writes describes one that
/// stands for all: each [`index`](Self::index) in its frames is then an interface of its own.
///
/// ```
/// use dissector_core::capture::{Captures, LinkType};
/// use dissector_core::{FollowEvent, FollowOptions, follow_packets};
///
/// let mut captures = Captures::open(["../samples/no-reply.pcapng"])?;
/// let mut seen = Vec::new();
/// let summary = follow_packets(&mut captures, FollowOptions::new(), |event| {
///     if let FollowEvent::Packet(followed) = event {
///         seen.push(followed.interface);
///     }
///     Ok::<(), std::io::Error>(())
/// })?;
/// assert!(summary.errors.is_empty());
/// assert!(seen.iter().all(|number| *number == 0));
///
/// let interface = captures.interfaces(0).next().expect("there is one");
/// assert_eq!((interface.link_type, interface.index), (LinkType::ETHERNET, None));
/// assert!(interface.coverage.frames >= seen.len() as u64);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CaptureInterface {
    /// The name that the capture gives (`eth0`); with an [`index`](Self::index), that of the interface that
    /// stands for all (`any`).
    pub name: Option<Box<str>>,
    /// What the capture says about it.
    pub description: Option<Box<str>>,
    /// The link type of its frames.
    pub link_type: LinkType,
    /// The interface index in the frames of Linux cooked captures of version 2, which is that of the host
    /// that captured; `None` for other link types.
    pub index: Option<u32>,
    /// When it was capturing, and what it missed.
    ///
    /// [`follow`](crate::follow) reads many frames at a time, and does not tell interfaces apart: where a
    /// capture has several, times and frames are those that were read
    /// [packet by packet](crate::FollowOptions::packet_by_packet).
    pub coverage: Coverage,
}

impl CaptureInterface {
    /// An interface without a name, before its first frame.
    pub(super) fn new(link_type: LinkType) -> Self {
        let (name, description, coverage) = (None, None, Coverage::default());
        Self { name, description, link_type, index: None, coverage }
    }
}

/// The interfaces of a capture so far, by number.
///
/// [`MAX_INTERFACES`] are told apart. All further ones count as the last.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    list: Vec<Known>,
    by_name: HashMap<(Option<Box<str>>, LinkType), Namesakes>,
    /// The number of an interface by that of the one that stands for it, and by its index.
    by_index: HashMap<(u32, u32), u32>,
    sections: u64,
    /// All frames of the capture.
    span: Span,
    frames: u64,
    /// The number of the interface of the last frame.
    pub last: u32,
    /// The names that the capture gives to hosts.
    pub names: Names,
}

#[derive(Debug)]
struct Known {
    /// Its coverage has the statistics of the file alone.
    interface: CaptureInterface,
    /// The number of the interface that stands for it.
    any: Option<u32>,
    span: Span,
    frames: u64,
}

/// The interfaces of one name and link type: as many as the section has that describes the most.
#[derive(Debug, Default)]
struct Namesakes {
    numbers: Vec<u32>,
    /// How many of them this section has described.
    section: u64,
    described: usize,
}

impl Interfaces {
    /// Begins a section, which describes its interfaces anew.
    pub fn begin_section(&mut self) {
        self.sections += 1;
    }

    /// Takes in the next description of the section. Returns the number of the interface.
    pub fn describe(&mut self, interface: CaptureInterface) -> u32 {
        let (key, section) = ((interface.name.clone(), interface.link_type), self.sections);
        if let Some(namesakes) = self.by_name.get_mut(&key) {
            if namesakes.section != section {
                (namesakes.section, namesakes.described) = (section, 0);
            }
            namesakes.described += 1;
            if let Some(number) = namesakes.numbers.get(namesakes.described - 1) {
                return *number;
            }
        }
        let is_new = self.list.len() < MAX_INTERFACES;
        let number = self.add(interface, None);
        if is_new {
            let namesakes = self.by_name.entry(key).or_default();
            namesakes.numbers.push(number);
            (namesakes.section, namesakes.described) = (section, namesakes.numbers.len());
        }
        number
    }

    fn add(&mut self, interface: CaptureInterface, any: Option<u32>) -> u32 {
        if let [only] = &mut self.list[..] {
            // As long as it was the only one, all frames were its own.
            (only.span, only.frames) = (self.span, self.frames);
        }
        if self.list.len() < MAX_INTERFACES {
            self.list.push(Known { interface, any, span: Span::default(), frames: 0 });
        }
        self.list.len() as u32 - 1
    }

    /// The number of the interface with this index, for which the interface number `any` stands.
    pub fn of_index(&mut self, any: u32, index: u32) -> u32 {
        if let Some(number) = self.by_index.get(&(any, index)) {
            return *number;
        }
        let is_new = self.list.len() < MAX_INTERFACES;
        let Some(known) = self.list.get(any as usize) else { return any };
        let interface = CaptureInterface { index: Some(index), ..known.interface.clone() };
        let number = self.add(interface, Some(any));
        if is_new {
            self.by_index.insert((any, index), number);
        }
        number
    }

    /// Takes in the next frame.
    #[inline(always)]
    pub fn tell(&mut self, frame: u64, number: u32, time_ns: i64) {
        self.last = number;
        self.tell_last(frame, time_ns);
        if self.list.len() > 1 {
            self.tell_of(number, time_ns);
        }
    }

    /// Takes in frames up to this one, whose latest time is `time_ns`, if none of them can be the first.
    #[inline(always)]
    pub fn tell_last(&mut self, frame: u64, time_ns: i64) {
        self.frames = frame;
        self.span.tell(frame, time_ns);
    }

    fn tell_of(&mut self, number: u32, time_ns: i64) {
        if let Some(known) = self.list.get_mut(number as usize) {
            known.frames += 1;
            known.span.tell(known.frames, time_ns);
        }
    }

    /// Whether frames from `time_ns` on cannot be the first.
    pub fn begin_before(&self, time_ns: i64) -> bool {
        self.span.begins_before(time_ns)
    }

    /// The latest time of all frames so far.
    pub fn last_ns(&self) -> Option<i64> {
        self.span.get().map(|(_, last_ns)| last_ns)
    }

    /// Takes in what the file says of an interface. It may be said again, and counts from the start of the
    /// capture.
    pub fn count(&mut self, number: u32, statistics: &Coverage) {
        if let Some(known) = self.list.get_mut(number as usize) {
            let coverage = &mut known.interface.coverage;
            let (received, dropped) = (coverage.received, coverage.dropped);
            coverage.add(statistics);
            coverage.received = received.max(statistics.received);
            coverage.dropped = dropped.max(statistics.dropped);
        }
    }

    /// The coverage of all together.
    pub fn coverage(&self) -> Coverage {
        let mut all = Coverage::default();
        self.list.iter().for_each(|known| all.add(&known.interface.coverage));
        all.with_frames(&self.span, self.frames)
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = CaptureInterface> {
        self.list.iter().map(|known| {
            let (span, frames) = match self.list.len() {
                1 => (&self.span, self.frames),
                _ => (&known.span, known.frames),
            };
            let any = known.any.and_then(|any| self.list.get(any as usize));
            let statistics = &any.unwrap_or(known).interface.coverage;
            let coverage = statistics.with_frames(span, frames);
            CaptureInterface { coverage, ..known.interface.clone() }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> CaptureInterface {
        let interface = CaptureInterface::new(LinkType::ETHERNET);
        CaptureInterface { name: (!name.is_empty()).then(|| name.into()), ..interface }
    }

    /// The numbers that the interfaces of each section get.
    fn numbers(sections: &[&[&str]]) -> Vec<Vec<u32>> {
        let mut interfaces = Interfaces::default();
        let numbers = sections.iter().map(|section| {
            interfaces.begin_section();
            section.iter().map(|name| interfaces.describe(named(name))).collect()
        });
        numbers.collect()
    }

    #[test]
    fn interfaces_of_a_section_are_different_and_those_of_others_known_by_name() {
        assert_eq!(numbers(&[&["a", "b"], &["b", "c", "a"]]), [vec![0, 1], vec![1, 2, 0]]);
        assert_eq!(
            numbers(&[&["a", "a"], &["a"], &["a", "a", "a"]]),
            [vec![0, 1], vec![0], vec![0, 1, 2]]
        );
        assert_eq!(numbers(&[&["", ""], &["", "a"]]), [vec![0, 1], vec![0, 2]]);
    }

    #[test]
    fn the_first_of_several_keeps_the_frames_it_had_alone() {
        let mut interfaces = Interfaces::default();
        interfaces.describe(named("any"));
        interfaces.tell(1, 0, 100);
        interfaces.tell(2, 0, 200);
        let two = interfaces.of_index(0, 2);
        interfaces.tell(3, two, 300);
        assert_eq!(interfaces.of_index(0, 2), two);
        interfaces.count(0, &Coverage { start_ns: Some(50), dropped: 3, ..Coverage::default() });
        interfaces.count(0, &Coverage { end_ns: Some(400), dropped: 7, ..Coverage::default() });

        let all: Vec<_> = interfaces.iter().collect();
        assert_eq!(all.iter().map(|it| it.index).collect::<Vec<_>>(), [None, Some(2)]);
        let [first, second] = [&all[0].coverage, &all[1].coverage];
        assert_eq!((first.frames, first.first_ns, first.last_ns), (2, Some(100), Some(200)));
        assert_eq!((second.frames, second.first_ns, second.last_ns), (1, Some(300), Some(300)));
        assert_eq!((second.span(), second.dropped), (Some((50, 400)), 7));
        let all = interfaces.coverage();
        assert_eq!((all.frames, all.span(), all.dropped), (3, Some((50, 400)), 7));
    }

    #[test]
    fn too_many_count_as_the_last() {
        let mut interfaces = Interfaces::default();
        interfaces.describe(named("any"));
        let last = MAX_INTERFACES as u32 - 1;
        let numbers = (0..2 * last).map(|index| interfaces.of_index(0, index));
        assert_eq!(numbers.last(), Some(last));
        assert_eq!(interfaces.describe(named("one more")), last);
        assert_eq!(interfaces.iter().count(), MAX_INTERFACES);
        assert!(interfaces.by_index.len() < MAX_INTERFACES && interfaces.by_name.len() == 1);
    }
}
