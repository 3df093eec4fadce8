//! When the copies of a SYN were sent, and which of them was answered.

/// The first copy of one end's SYN or SYN/ACK, and whether it was answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FirstCopy {
    /// When it was sent; means something with `sent`.
    time_ns: i64,
    timestamp: u32,
    has_timestamp: bool,
    sent: bool,
    /// The first answer came when there was no other copy.
    answered: bool,
}

/// What there is to know where a SYN or SYN/ACK was sent more than once.
#[derive(Clone, Debug, Default)]
pub(super) struct FurtherCopies {
    copies: Vec<Copy>,
    /// The copy that was answered, if the first answer came after the second copy.
    answered: Option<Answered>,
}

#[derive(Clone, Copy, Debug)]
struct Copy {
    time_ns: i64,
    timestamp: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    /// When the answered copy was sent.
    pub time_ns: i64,
    /// Whether it is certain that it was this one.
    pub exact: bool,
}

/// More copies than any stack sends.
const MOST_FURTHER: usize = 32;

impl FirstCopy {
    pub fn new(time_ns: i64, timestamp: Option<u32>) -> Self {
        Self {
            time_ns,
            timestamp: timestamp.unwrap_or(0),
            has_timestamp: timestamp.is_some(),
            sent: true,
            answered: false,
        }
    }

    pub const fn is_sent(&self) -> bool {
        self.sent
    }

    /// When it was sent.
    pub fn time_ns(&self) -> Option<i64> {
        self.sent.then_some(self.time_ns)
    }

    /// The first answer came, and there is no other copy that it could be for.
    pub fn answer(&mut self) {
        self.answered = self.sent;
    }

    pub fn answered(&self) -> Option<Answered> {
        self.answered.then_some(Answered { time_ns: self.time_ns, exact: true })
    }

    fn copy(&self) -> Option<Copy> {
        let timestamp = self.has_timestamp.then_some(self.timestamp);
        self.sent.then_some(Copy { time_ns: self.time_ns, timestamp })
    }
}

impl FurtherCopies {
    pub fn push(&mut self, time_ns: i64, timestamp: Option<u32>) {
        if self.copies.len() < MOST_FURTHER {
            self.copies.push(Copy { time_ns, timestamp });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.copies.is_empty()
    }

    /// The first answer came, with this echo. By its echo it names the copy it answers
    /// (RFC 7323 §3); without, it is taken for an answer to the last.
    pub fn answer(&mut self, first: &FirstCopy, echo: Option<u32>) {
        if self.answered.is_some() {
            return;
        }
        let Some(first) = first.copy() else { return };
        let all = || std::iter::once(&first).chain(&self.copies);
        let echoed = |copy: &&Copy| echo.is_some() && copy.timestamp == echo;
        let copy = all().rfind(echoed).or_else(|| all().next_back());
        let exact = all().filter(echoed).count() == 1;
        self.answered = copy.map(|copy| Answered { time_ns: copy.time_ns, exact });
    }

    pub fn answered(&self) -> Option<Answered> {
        self.answered
    }
}
