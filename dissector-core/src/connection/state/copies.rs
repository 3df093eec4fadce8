//! When the copies of a SYN were sent, and which of them was answered.

use crate::connection::state::offer::Offer;

/// The first copy of one end's SYN or SYN/ACK, and whether it was answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FirstCopy {
    /// When it was sent; means something with `sent`.
    pub time_ns: i64,
    pub timestamp: Option<u32>,
    pub sent: bool,
    /// The first answer came when there was no other copy.
    pub answered: bool,
}

/// What there is to know where a SYN or SYN/ACK was sent more than once.
#[derive(Clone, Debug, Default)]
pub(crate) struct FurtherCopies {
    /// Mostly there is no other.
    first: Option<Copy>,
    others: Vec<Copy>,
    /// The copy that was answered, if the first answer came after the second copy.
    answered: Option<Answered>,
}

/// One copy of a SYN or SYN/ACK.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copy {
    pub time_ns: i64,
    pub timestamp: Option<u32>,
    pub content: Content,
}

/// What a SYN says besides its numbers; a copy may say less (a fallback around a middlebox).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    pub offer: Offer,
    /// It carries payload.
    pub payload: bool,
    /// It has an ACK.
    pub synack: bool,
}

/// What answers a SYN or SYN/ACK.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// Which timestamp it echoes.
    pub echo: Option<u32>,
    /// What it offers, if it is a SYN/ACK.
    pub offer: Option<Offer>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// When the answered copy was sent.
    pub time_ns: i64,
    /// Whether it is certain that it was this one.
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

    fn copy(&self, content: Content) -> Option<Copy> {
        let Self { time_ns, timestamp, .. } = *self;
        self.sent.then_some(Copy { time_ns, timestamp, content })
    }
}

impl FurtherCopies {
    pub fn push(&mut self, copy: Copy) {
        if self.first.is_none() {
            self.first = Some(copy);
        } else if self.others.len() + 1 < MOST_FURTHER {
            self.others.push(copy);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &Copy> {
        self.first.iter().chain(&self.others)
    }

    /// The last copy.
    pub fn last(&self) -> Option<&Copy> {
        self.others.last().or(self.first.as_ref())
    }

    /// Whether `matches` holds for what one of the copies says.
    pub fn any(&self, matches: impl Fn(&Content) -> bool) -> bool {
        self.iter().any(|copy| matches(&copy.content))
    }

    /// The first answer came; gives what the answered copy says. By its echo it names the copy it
    /// answers (RFC 7323 §3). Without, it is taken for an answer to the last one that offers all it
    /// takes up.
    ///
    /// Only the echo of the last copy is certain: Linux goes on to echo the one that it got first,
    /// and an answer that was lost looks like one that was slow.
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
        // In a simultaneous open, a SYN/ACK answers the SYN, not the SYN/ACK that crosses it.
        let may_be = |copy: &&Copy| !(copy.content.synack && answer.offer.is_some());
        let all = || std::iter::once(&first).chain(self.iter().filter(may_be));
        let echoed = |copy: &&Copy| answer.echo.is_some() && copy.timestamp == answer.echo;
        let offers_it = |copy: &&Copy| {
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
}
