//! The surroundings of a command: a terminal with its signals or, in its place, a program that has it inside.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::reading::interrupt;

thread_local! {
    /// The program, if this thread carries out a command for one.
    static PROGRAM: RefCell<Option<Arc<Program>>> = const { RefCell::new(None) };
}

/// Calls of a program's: octets read so far, and those of all captures where that is known.
type OnProgress = dyn Fn(u64, Option<u64>) + Send + Sync;

/// A program that has the command inside: it hears the warnings, gets the output and can end the reading.
#[derive(Default)]
pub struct Program {
    stop: AtomicBool,
    progress: Option<Box<OnProgress>>,
    warnings: Mutex<Vec<String>>,
    output: Mutex<Vec<u8>>,
    streams: Mutex<HashMap<PathBuf, Stream>>,
    #[cfg(feature = "arrow")]
    batches: Mutex<Option<Box<OnBatch>>>,
}

/// Takes a batch of rows; `false` if no further one is wanted.
#[cfg(feature = "arrow")]
pub type OnBatch = dyn FnMut(arrow_array::RecordBatch) -> bool + Send;

/// A capture of the program's; `None` once it is read.
type Stream = Option<Box<dyn Read + Send>>;

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("stop", &self.stop).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Program {
    /// A program that is not told how far the reading has come.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `progress` several times a second, in any thread, with the octets read so far and those of all
    /// captures; `None` if one is a stream.
    #[must_use]
    pub fn with_progress(
        self,
        progress: impl Fn(u64, Option<u64>) + Send + Sync + 'static,
    ) -> Self {
        Self { progress: Some(Box::new(progress)), ..self }
    }

    /// The same program with a capture that is read from a stream, once, in place of a file of this name.
    #[must_use]
    pub fn with_stream(self, name: impl Into<PathBuf>, stream: Box<dyn Read + Send>) -> Self {
        lock(&self.streams).insert(name.into(), Some(stream));
        self
    }

    /// Ends the reading, as if the captures ended there.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether the reading was to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The warnings since the last call.
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.warnings))
    }

    pub(crate) fn take_output(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.output))
    }

    /// Gets the batches of rows from now on.
    #[cfg(feature = "arrow")]
    pub(crate) fn on_batch(&self, on_batch: Box<OnBatch>) {
        *lock(&self.batches) = Some(on_batch);
    }

    /// Hands out a batch.
    #[cfg(feature = "arrow")]
    pub(crate) fn hand_out(&self, batch: arrow_array::RecordBatch) -> io::Result<()> {
        let goes_on = lock(&self.batches).as_mut().is_some_and(|on_batch| on_batch(batch));
        if goes_on { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    pub(crate) fn progress(&self) -> Option<&OnProgress> {
        self.progress.as_deref()
    }

    /// Carries out `work` for this program.
    pub(crate) fn within<T>(self: &Arc<Self>, work: impl FnOnce() -> T) -> T {
        let before = PROGRAM.with(|program| program.replace(Some(Arc::clone(self))));
        let done = work();
        PROGRAM.with(|program| program.replace(before));
        done
    }
}

/// The program that this thread works for; `None` for the command line.
pub fn program() -> Option<Arc<Program>> {
    PROGRAM.with(|program| program.borrow().clone())
}

/// Warns the user of `program`, or writes a line to standard error and ignores a failure to do so.
pub fn warn_in(program: Option<&Program>, text: &str) {
    match program {
        Some(program) => lock(&program.warnings).push(text.into()),
        None => {
            let _ = writeln!(io::stderr().lock(), "tcphs: {text}");
        }
    }
}

/// The flag that ends the reading.
pub fn stop_flag(program: Option<&Program>) -> Option<&AtomicBool> {
    match program {
        Some(program) => Some(&program.stop),
        None => interrupt::flag(),
    }
}

/// Whether this is the name of a stream of the program's.
pub fn is_stream(file: &Path) -> bool {
    program().is_some_and(|program| lock(&program.streams).contains_key(file))
}

/// The stream of this name, which can be read once.
pub fn take_stream(file: &Path) -> Option<Box<dyn Read + Send>> {
    lock(&program()?.streams).get_mut(file)?.take()
}

/// Writes to the output of a program.
pub struct ProgramOutput(pub Arc<Program>);

impl Write for ProgramOutput {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        lock(&self.0.output).extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
