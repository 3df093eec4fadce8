//! A reader that does not hold up the rest while no octets come.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::reading::interrupt;

/// Octets that are read at once.
const CHUNK_OCTETS: usize = 1 << 16;
/// Chunks that wait for the one who reads.
const CHUNKS: usize = 64;
/// Time between two calls while no octets come.
pub const TICK: Duration = Duration::from_millis(100);
/// After an interruption, the program that captures writes what it still has; it is not waited for any longer.
const GRACE: Duration = Duration::from_millis(500);

/// Reads in a thread of its own.
pub struct Patient<F> {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    place: usize,
    /// Called while no octets come, and now and then while they do; an answer of `false` ends the reading.
    on_tick: F,
    last_tick: Instant,
    interrupted: Option<Instant>,
    ended: bool,
}

/// Starts to read from a source. With `follow`, the end of a file is not its end.
pub fn patient<F: FnMut() -> bool>(
    source: impl Read + Send + 'static,
    follow: bool,
    on_tick: F,
) -> Patient<F> {
    let (send, chunks) = sync_channel(CHUNKS);
    // It may wait for octets forever, so nothing waits for the thread.
    thread::spawn(move || {
        let mut source = source;
        loop {
            let mut chunk = vec![0; CHUNK_OCTETS];
            let sent = match source.read(&mut chunk) {
                Ok(0) if follow => {
                    thread::sleep(TICK);
                    continue;
                }
                Ok(0) => return,
                Ok(octets) => {
                    chunk.truncate(octets);
                    send.send(Ok(chunk))
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    let _ = send.send(Err(error));
                    return;
                }
            };
            if sent.is_err() {
                return;
            }
        }
    });
    let last_tick = Instant::now();
    let (chunk, place, interrupted, ended) = (Vec::new(), 0, None, false);
    Patient { chunks, chunk, place, on_tick, last_tick, interrupted, ended }
}

impl<F: FnMut() -> bool> Patient<F> {
    /// Waits for octets; `false` at the end.
    fn wait(&mut self) -> io::Result<bool> {
        while !self.ended {
            if self.last_tick.elapsed() >= TICK {
                self.last_tick = Instant::now();
                if !(self.on_tick)() {
                    self.ended = true;
                    break;
                }
            }
            if interrupt::is_set() {
                let since = *self.interrupted.get_or_insert_with(Instant::now);
                if since.elapsed() >= GRACE {
                    self.ended = true;
                    break;
                }
            }
            match self.chunks.recv_timeout(TICK.saturating_sub(self.last_tick.elapsed())) {
                Ok(chunk) => {
                    (self.chunk, self.place) = (chunk?, 0);
                    return Ok(true);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.ended = true,
            }
        }
        Ok(false)
    }
}

impl<F: FnMut() -> bool> Read for Patient<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.place == self.chunk.len() && !self.wait()? {
            return Ok(0);
        }
        let octets = self.chunk[self.place..].as_ref().read(into)?;
        self.place += octets;
        Ok(octets)
    }
}

/// Standard input, or a file; whether it can be read without waiting for anything.
pub enum Origin {
    Stdin,
    File(File),
}

impl Read for Origin {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stdin => io::stdin().read(into),
            Self::File(file) => file.read(into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn ticks_come_while_nothing_else_does() {
        /// Waits before each octet.
        struct Slow(u8);
        impl Read for Slow {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                thread::sleep(3 * TICK);
                self.0 += 1;
                into[0] = self.0;
                Ok(usize::from(self.0 < 3))
            }
        }
        let ticks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ticks);
        let mut reader = patient(Slow(0), false, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            true
        });
        let mut octets = Vec::new();
        reader.read_to_end(&mut octets).expect("it does not fail");
        assert_eq!(octets, [1, 2]);
        assert!(ticks.load(Ordering::Relaxed) >= 4, "{ticks:?}");
    }

    #[test]
    fn an_error_is_passed_on_and_a_tick_can_end_it() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut reader = patient(Failing, false, || true);
        assert_eq!(reader.read(&mut [0; 9]).expect_err("it is broken").to_string(), "broken");
        // A file that grows has no end of its own.
        let mut reader = patient(io::empty(), true, || false);
        assert_eq!(reader.read(&mut [0; 9]).expect("it ends"), 0);
    }
}
