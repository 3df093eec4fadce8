//! How far reading has come, on a terminal.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::surroundings::{self, Program};

/// Work below this needs no progress bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar on standard error with rate and time left, from the second second on.
pub struct Progress {
    started: Instant,
    /// Octets of all files; `None` if an input is a pipe.
    total: Option<u64>,
    bar: Option<ProgressBar>,
    wanted: bool,
    /// The program that is told, in place of the bar.
    program: Option<Arc<Program>>,
}

impl Progress {
    /// `wanted` unless rows go to the same terminal meanwhile.
    pub fn new(total: Option<u64>, wanted: bool) -> Self {
        let program = surroundings::program();
        let wanted = match &program {
            Some(program) => {
                if let Some(progress) = program.progress() {
                    progress(0, total);
                }
                program.progress().is_some()
            }
            None => wanted && stderr().is_terminal(),
        };
        Self { started: Instant::now(), total, bar: None, wanted, program }
    }

    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Octets of all files; `None` if an input is a pipe.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Shows that so many octets were read.
    #[cold]
    pub fn show(&mut self, octets: u64) {
        if let Some(program) = &self.program {
            if let Some(progress) = program.progress() {
                progress(octets, self.total);
            }
            return;
        }
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
