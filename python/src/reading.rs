//! Answers: rows as an Arrow stream or as objects, and texts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyList};
use tcphs_command::embedded::{self, Drawing, Prose};

use crate::request::Request;
use crate::stream::{Message, Stream};
use crate::values::rows_of;

/// The rows of one reading, which can be fetched once.
#[pyclass(frozen)]
pub struct Reading {
    schema: SchemaRef,
    stream: Mutex<Option<Stream<RecordBatch>>>,
    /// The exception behind an error that another library tells in its own words.
    failure: Failure,
}

type Failure = Arc<Mutex<Option<PyErr>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl Reading {
    /// Begins to read.
    #[new]
    fn new(py: Python<'_>, request: &Request) -> PyResult<Self> {
        let (question, rows) = (request.question.clone(), request.rows.clone());
        let schema = rows.schema();
        let stream = Stream::begin(py, request, move |program, sender| {
            embedded::rows(program, &question, &rows, move |batch| {
                sender.send(Message::Result(batch)).is_ok()
            })
        })?;
        Ok(Self { schema, stream: Mutex::new(Some(stream)), failure: Failure::default() })
    }

    /// The stream of the [Arrow PyCapsule interface](https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html).
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A consumer that wants other types converts them.
        drop(requested_schema);
        let stream = lock(&self.stream).take();
        let batches =
            Batches { schema: Arc::clone(&self.schema), stream, failure: self.failure.clone() };
        capsule(py, Box::new(batches))
    }

    /// The rows of the next batch as dictionaries; `None` at the end.
    fn next_rows<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let Some(mut stream) = lock(&self.stream).take() else { return Ok(None) };
        let batch = stream.next(py)?;
        *lock(&self.stream) = Some(stream);
        batch.map(|batch| rows_of(py, &batch)).transpose()
    }

    /// Raises the exception behind the error of a consumer.
    fn raise_failure(&self) -> PyResult<()> {
        lock(&self.failure).take().map_or(Ok(()), Err)
    }
}

/// The capsule that hands batches to a consumer.
pub fn capsule(
    py: Python<'_>,
    batches: Box<dyn RecordBatchReader + Send>,
) -> PyResult<Bound<'_, PyCapsule>> {
    // Dropped, it releases what the consumer has not taken out.
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(batches), c"arrow_array_stream")
}

/// The batches, as Arrow's C interface asks for them.
struct Batches {
    schema: SchemaRef,
    stream: Option<Stream<RecordBatch>>,
    failure: Failure,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let stream = self.stream.as_mut()?;
        // The consumer may hold the interpreter or not.
        let next = Python::try_attach(|py| stream.next(py))?;
        next.map_err(|error| {
            let text = error.to_string();
            *lock(&self.failure) = Some(error);
            ArrowError::ExternalError(text.into())
        })
        .transpose()
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// The ladders of up to `max` connections, as `text`, `svg` or `mermaid`.
#[pyfunction]
pub fn ladder(py: Python<'_>, request: &Request, format: &str, max: usize) -> PyResult<String> {
    let format = match format {
        "svg" => Drawing::Svg,
        "mermaid" => Drawing::Mermaid,
        _ => Drawing::Text,
    };
    let question = request.question.clone();
    text(py, request, move |program| embedded::ladder(program, &question, format, max))
}

/// The explanations of up to `max` connections, as `text`, `markdown` or `json`.
#[pyfunction]
pub fn explain(py: Python<'_>, request: &Request, format: &str, max: usize) -> PyResult<String> {
    let format = match format {
        "markdown" => Prose::Markdown,
        "json" => Prose::Json,
        _ => Prose::Text,
    };
    let question = request.question.clone();
    text(py, request, move |program| embedded::explain(program, &question, format, max))
}

fn text(
    py: Python<'_>,
    request: &Request,
    answer: impl FnOnce(&Arc<embedded::Program>) -> Result<String, embedded::Error> + Send + 'static,
) -> PyResult<String> {
    let mut stream = Stream::begin(py, request, move |program, sender| {
        let _ = sender.send(Message::Result(answer(program)?));
        Ok(())
    })?;
    let answer = stream.next(py)?;
    // The end brings the warnings.
    stream.next(py)?;
    Ok(answer.unwrap_or_default())
}
