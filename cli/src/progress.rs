//! How far reading has come, for those who wait at a terminal.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work below this needs no progress bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// Packets between two looks at the clock.
const PACKETS: u32 = 1 << 12;

/// A bar on standard error with rate and time left, from the second second on.
pub struct Progress {
    started: Instant,
    /// Octets there are; `None` where nobody knows.
    total: Option<u64>,
    /// Packets until the next look at the clock.
    countdown: u32,
    bar: Option<ProgressBar>,
    wanted: bool,
}

impl Progress {
    /// `wanted` unless rows go to the same terminal meanwhile.
    pub fn new(total: Option<u64>, wanted: bool) -> Self {
        let wanted = wanted && stderr().is_terminal();
        Self { started: Instant::now(), total, countdown: PACKETS, bar: None, wanted }
    }

    /// So many more packets; `octets` tells how many were read so far.
    #[inline]
    pub fn packets(&mut self, count: u32, octets: impl FnOnce() -> u64) {
        if self.wanted {
            self.countdown = self.countdown.saturating_sub(count);
            if self.countdown == 0 {
                self.countdown = PACKETS;
                self.show(octets());
            }
        }
    }

    #[cold]
    fn show(&mut self, octets: u64) {
        if self.bar.is_none() && self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| begin(self.total, self.started.elapsed()));
        bar.set_position(octets);
    }

    /// Takes the bar away.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.wanted = false;
    }
}

fn begin(total: Option<u64>, elapsed: Duration) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{bar:32} {percent:>3} %  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left",
        ),
        None => (ProgressBar::no_length(), "{spinner} {bytes} read  {bytes_per_sec}  {elapsed}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
    }
    bar.with_elapsed(elapsed)
}
