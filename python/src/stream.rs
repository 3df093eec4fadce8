//! A reading in a thread of its own, whose results come through a channel while Python goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tcphs_command::embedded::{Error, Program};

use crate::errors::{exception, warn};
use crate::request::Request;

/// How long Python may have to wait for a signal to be looked at.
const PATIENCE: Duration = Duration::from_millis(50);
/// Results that wait to be fetched. A batch of rows takes some megabytes.
const WAITING: usize = 1;
/// Stands for a number of octets that is not known.
const UNKNOWN: u64 = u64::MAX;

/// Results, and at last how the reading ended.
pub enum Message<T> {
    Result(T),
    End(Result<(), Error>),
}

/// A reading, from the side of Python.
pub struct Stream<T> {
    receiver: Option<Receiver<Message<T>>>,
    program: Arc<Program>,
    octets: Arc<[AtomicU64; 2]>,
    progress: Option<Py<PyAny>>,
    /// The octets that `progress` was last called with.
    told: u64,
}

impl<T: Send + 'static> Stream<T> {
    /// Begins to read. `read` sends results, and returns how it ended.
    pub fn begin(
        py: Python<'_>,
        request: &Request,
        read: impl FnOnce(&Arc<Program>, SyncSender<Message<T>>) -> Result<(), Error> + Send + 'static,
    ) -> PyResult<Self> {
        let octets = Arc::new([AtomicU64::new(0), AtomicU64::new(UNKNOWN)]);
        let shown = Arc::clone(&octets);
        let program = Program::new().with_progress(move |read, total| {
            shown[0].store(read, Ordering::Relaxed);
            shown[1].store(total.unwrap_or(UNKNOWN), Ordering::Relaxed);
        });
        let program = request.program(program)?;
        let (sender, receiver) = sync_channel(WAITING);
        let reading = Arc::clone(&program);
        thread::Builder::new().name("tcphs".into()).spawn(move || {
            let ended = read(&reading, sender.clone());
            // Nobody waits for it any more if this fails.
            let _ = sender.send(Message::End(ended));
        })?;
        let progress = request.progress.as_ref().map(|progress| progress.clone_ref(py));
        Ok(Self { receiver: Some(receiver), program, octets, progress, told: 0 })
    }

    /// The next result; `None` at the end. Looks at signals while it waits, and does not hold the
    /// interpreter meanwhile.
    pub fn next(&mut self, py: Python<'_>) -> PyResult<Option<T>> {
        let next = self.wait(py);
        if !matches!(next, Ok(Some(_))) {
            self.end();
        }
        next
    }

    fn wait(&mut self, py: Python<'_>) -> PyResult<Option<T>> {
        loop {
            let Some(receiver) = &mut self.receiver else { return Ok(None) };
            match py.detach(move || receiver.recv_timeout(PATIENCE)) {
                Ok(Message::Result(result)) => {
                    self.tell(py)?;
                    return Ok(Some(result));
                }
                Ok(Message::End(ended)) => {
                    if ended.is_ok() {
                        self.tell_all(py)?;
                    }
                    warn(py, &self.program.take_warnings())?;
                    return ended.map(|()| None).map_err(|error| exception(py, &error));
                }
                Err(RecvTimeoutError::Timeout) => {
                    py.check_signals()?;
                    self.tell(py)?;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(PyRuntimeError::new_err("the reading ended without a result"));
                }
            }
        }
    }

    /// Tells the caller how far the reading has come.
    fn tell(&mut self, py: Python<'_>) -> PyResult<()> {
        let Some(progress) = &self.progress else { return Ok(()) };
        let [read, total] = self.octets.each_ref().map(|octets| octets.load(Ordering::Relaxed));
        if read > self.told {
            self.told = read;
            progress.call1(py, (read, (total != UNKNOWN).then_some(total)))?;
        }
        Ok(())
    }

    /// Tells the caller that all is read.
    fn tell_all(&mut self, py: Python<'_>) -> PyResult<()> {
        let total = self.octets[1].load(Ordering::Relaxed);
        if total != UNKNOWN {
            self.octets[0].store(total, Ordering::Relaxed);
        }
        self.tell(py)
    }

    fn end(&mut self) {
        self.program.stop();
        self.receiver = None;
    }
}

impl<T> Drop for Stream<T> {
    fn drop(&mut self) {
        // The reading stops: its results are not wanted any more.
        self.program.stop();
        self.receiver = None;
    }
}
