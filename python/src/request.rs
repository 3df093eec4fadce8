//! The question of a Python program, as the package hands it over.

use std::io::{self, Read};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tcphs_command::embedded::{Choice, Program, Question, Rows};

/// Captures, the connections in them that are wanted, and what is wanted of these.
#[pyclass(frozen)]
pub struct Request {
    pub question: Question,
    pub rows: Rows,
    pub progress: Option<Py<PyAny>>,
    /// Binary files that are open, with the names by which the question has them.
    streams: Mutex<Vec<(PathBuf, Py<PyAny>)>>,
    has_streams: bool,
}

#[pymethods]
impl Request {
    #[new]
    #[pyo3(signature = (
        kind, files, at, streams, *, failed, outcome, host, port, conn, since, until, threads, progress,
        by_interface, handshake, sort, every_ns, path
    ))]
    #[expect(clippy::too_many_arguments, reason = "each is one of the package's")]
    fn new(
        kind: &str,
        files: Vec<PathBuf>,
        at: Vec<(String, PathBuf)>,
        streams: Vec<(PathBuf, Py<PyAny>)>,
        failed: bool,
        outcome: Vec<String>,
        host: Vec<String>,
        port: Vec<u16>,
        conn: Vec<String>,
        since: Option<String>,
        until: Option<String>,
        threads: Option<NonZero<usize>>,
        progress: Option<Py<PyAny>>,
        by_interface: bool,
        handshake: bool,
        sort: Option<String>,
        every_ns: Option<u64>,
        path: Vec<String>,
    ) -> Self {
        let choice = Choice { failed, outcome, host, port, conn, since, until };
        let question = Question { files, at, by_interface, choice, threads };
        let rows = match kind {
            "packets" => Rows::Packets { handshake },
            "servers" => Rows::Servers { sort, every: every_ns.map(Duration::from_nanos) },
            "compare" => Rows::Compare { path },
            _ => Rows::Connections,
        };
        let has_streams = !streams.is_empty();
        Self { question, rows, progress, streams: Mutex::new(streams), has_streams }
    }

    /// The names of the columns.
    fn columns(&self) -> Vec<String> {
        self.rows.schema().fields().iter().map(|field| field.name().clone()).collect()
    }
}

impl Request {
    /// The program that the question is answered for; it takes the open files along, which can be read
    /// once.
    pub fn program(&self, program: Program) -> PyResult<Arc<Program>> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if self.has_streams && streams.is_empty() {
            return Err(PyValueError::new_err(
                "an open file can be read once; name the file instead to read it again",
            ));
        }
        let program = streams.drain(..).fold(program, |program, (name, file)| {
            program.with_stream(name, Box::new(PythonFile(file)))
        });
        Ok(Arc::new(program))
    }
}

/// A binary file of Python's: an object with a method `read`.
pub struct PythonFile(pub Py<PyAny>);

impl Read for PythonFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = Python::try_attach(|py| {
            let read = self.0.bind(py).call_method1("read", (buffer.len(),))?;
            let octets = read.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes();
            let length = octets.len().min(buffer.len());
            buffer[..length].copy_from_slice(&octets[..length]);
            Ok::<_, PyErr>(length)
        });
        match read {
            Some(read) => read.map_err(io::Error::other),
            None => Err(io::Error::other("Python has ended")),
        }
    }
}
