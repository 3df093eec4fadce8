//! The copies of a SYN or SYN/ACK: their times, and the one that was answered.

use crate::connection::state::offer::Offer;

/// The first copy of one end's SYN or SYN/ACK, and whether it was answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FirstCopy {
    /// The time at which it was sent; valid only if `sent` is true.
    pub time_ns: i64,
    pub timestamp: Option<u32>,
    pub sent: bool,
    /// The first answer came when there was no other copy.
    pub answered: bool,
}

/// The further copies of a SYN or SYN/ACK that was sent more than once.
#[derive(Clone, Debug, Default)]
pub(crate) struct FurtherCopies {
    /// Usually the only one.
    first: Option<SynCopy>,
    others: Vec<SynCopy>,
    /// The copy that was answered, if the first answer came after the second copy.
    answered: Option<Answered>,
}

/// One copy of a SYN or SYN/ACK.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SynCopy {
    pub time_ns: i64,
    pub timestamp: Option<u32>,
    pub content: Content,
}

/// The content of a SYN besides its numbers; a copy may carry less (a fallback around a middlebox).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    pub offer: Offer,
    /// It carries payload.
    pub payload: bool,
    /// It has an ACK.
    pub synack: bool,
}

/// The parts of an answer that tell which copy of a SYN or SYN/ACK it answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// The timestamp that it echoes.
    pub echo: Option<u32>,
    /// The options of a SYN/ACK.
    pub offer: Option<Offer>,
}

/// The copy that was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// The time at which it was sent.
    pub time_ns: i64,
    /// Whether it is certain that this copy was answered.
    pub exact: bool,
}

/// More copies than any stack sends.
const MOST_FURTHER: usize = 32;

impl FirstCopy {
    pub const fn new(time_ns: i64, timestamp: Option<u32>) -> Self {
        Self { time_ns, timestamp, sent: true, answered: false }
    }

    pub fn answered(&self) -> Option<Answered> {
        self.answered.then_some(Answered { time_ns: self.time_ns, exact: true })
    }

    fn copy(&self, content: Content) -> Option<SynCopy> {
        let Self { time_ns, timestamp, .. } = *self;
        self.sent.then_some(SynCopy { time_ns, timestamp, content })
    }
}

impl FurtherCopies {
    pub fn push(&mut self, copy: SynCopy) {
        if self.first.is_none() {
            self.first = Some(copy);
        } else if self.others.len() + 1 < MOST_FURTHER {
            self.others.push(copy);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &SynCopy> {
        self.first.iter().chain(&self.others)
    }

    /// The timestamps of the copies.
    pub fn timestamps(&self) -> impl Iterator<Item = u32> {
        self.iter().filter_map(|copy| copy.timestamp)
    }

    /// The last copy.
    pub fn last(&self) -> Option<&SynCopy> {
        self.others.last().or(self.first.as_ref())
    }

    /// Whether `matches` holds for the content of one of the copies.
    pub fn any(&self, matches: impl Fn(&Content) -> bool) -> bool {
        self.iter().any(|copy| matches(&copy.content))
    }

    /// Takes in the first answer, and gives the content of the copy that it answers: the one whose
    /// timestamp it echoes (RFC 7323 §3), or else the last that offers all the options it takes up.
    ///
    /// Only the echo of the last copy is certain: Linux goes on echoing the copy that it received
    /// first, and an answer that was lost looks like one that was slow.
    pub fn answer(
        &mut self,
        first: &FirstCopy,
        content: Content,
        answer: &Answer,
    ) -> Option<Content> {
        if self.answered.is_some() {
            return None;
        }
        let first = first.copy(content)?;
        // The SYN/ACK of a simultaneous open answers the SYN, not the SYN/ACK that crosses it.
        let may_be = |copy: &&SynCopy| !(copy.content.synack && answer.offer.is_some());
        let all = || std::iter::once(&first).chain(self.iter().filter(may_be));
        let echoed = |copy: &&SynCopy| answer.echo.is_some() && copy.timestamp == answer.echo;
        let offers_it = |copy: &&SynCopy| {
            answer.offer.is_none_or(|offer| !copy.content.offer.is_exceeded_by(&offer))
        };
        let unnamed = || all().rfind(offers_it).or_else(|| all().next_back());
        let copy = *all().rfind(echoed).or_else(unnamed)?;
        let named =
            all().filter(echoed).count() == 1 && all().next_back().is_some_and(|it| echoed(&it));
        let exact = named || all().nth(1).is_none();
        self.answered = Some(Answered { time_ns: copy.time_ns, exact });
        Some(copy.content)
    }

    pub fn answered(&self) -> Option<Answered> {
        self.answered
    }

    /// The answer counts for nothing.
    pub fn forget_answer(&mut self) {
        self.answered = None;
    }
}
