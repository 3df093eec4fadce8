//! When the copies of a SYN were sent, and which of them was answered.

/// The copies of one end's SYN or SYN/ACK: time and timestamp of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Copies {
    first: Option<Copy>,
    /// Usually empty, and then without memory of its own.
    further: Vec<Copy>,
    /// The copy that was answered.
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

impl Copies {
    pub fn push(&mut self, time_ns: i64, timestamp: Option<u32>) {
        let copy = Copy { time_ns, timestamp };
        match self.first {
            None => self.first = Some(copy),
            Some(_) if self.further.len() < MOST_FURTHER => self.further.push(copy),
            Some(_) => {}
        }
    }

    /// Forgets all copies: what follows is another SYN.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// The first answer came, with this echo. By its echo it names the copy it answers
    /// (RFC 7323 §3); without, it is taken for an answer to the last.
    pub fn answer(&mut self, echo: Option<u32>) {
        if self.answered.is_some() {
            return;
        }
        let Some(first) = self.first else { return };
        let all = || std::iter::once(&first).chain(&self.further);
        let echoed = |copy: &&Copy| echo.is_some() && copy.timestamp == echo;
        let copy = all().rfind(echoed).or_else(|| all().next_back());
        let named = all().filter(echoed).count();
        self.answered = copy.map(|copy| Answered {
            time_ns: copy.time_ns,
            exact: self.further.is_empty() || named == 1,
        });
    }

    /// When the first copy was sent.
    pub fn first_ns(&self) -> Option<i64> {
        self.first.map(|first| first.time_ns)
    }

    pub fn answered(&self) -> Option<Answered> {
        self.answered
    }
}
