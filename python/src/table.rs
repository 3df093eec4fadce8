//! Connections of a live source: frames one after the other.

use std::sync::{Mutex, MutexGuard, PoisonError};

use dissector_core::capture::{Frame, LinkType};
use dissector_core::connection::{Annotation, Connection};
use dissector_core::{ConnectionTable, DEFAULT_LIMIT, LiveTable};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use tcphs_command::embedded::{ConnectionBatches, connection_batches};

use crate::values::rows_of;

/// A table of connections that takes in frames.
#[pyclass(frozen)]
pub struct Table(Mutex<LiveTable>);

/// The part of a segment in its connection.
#[pyclass(frozen, get_all)]
pub struct Seen {
    conn: u32,
    stage: &'static str,
    copy: &'static str,
    sender: &'static str,
    flags: String,
    final_ack: bool,
    client_state: &'static str,
    server_state: &'static str,
    client_state_proven: bool,
    server_state_proven: bool,
    retry: u8,
    rst_reason: Option<&'static str>,
    anomalies: Vec<&'static str>,
}

#[pymethods]
impl Seen {
    fn __repr__(&self) -> String {
        let Self { conn, stage, flags, client_state, server_state, .. } = self;
        let mark = |proven: bool| if proven { "" } else { "?" };
        let (client, server) = (mark(self.client_state_proven), mark(self.server_state_proven));
        format!(
            "<tcphs.Seen {stage} [{flags}] of connection {conn}: {client_state}{client} / {server_state}{server}>"
        )
    }
}

#[pymethods]
impl Table {
    #[new]
    #[pyo3(signature = (limit = DEFAULT_LIMIT))]
    fn new(limit: usize) -> Self {
        Self(Mutex::new(LiveTable::new(ConnectionTable::with_limit(limit))))
    }

    /// Takes in a frame, and says what each of its segments was.
    fn observe(
        &self,
        frame: &[u8],
        link_type: &str,
        time_ns: i64,
        wire_octets: Option<u32>,
    ) -> PyResult<Vec<Seen>> {
        let link_type: LinkType = link_type
            .parse()
            .map_err(|error| PyValueError::new_err(format!("link_type: {error}")))?;
        let frame = Frame::new(frame, time_ns).with_link_type(link_type);
        let frame = match wire_octets {
            Some(octets) => frame.with_wire_octets(octets),
            None => frame,
        };
        let mut seen = Vec::new();
        self.lock().observe(frame, |_, annotation| seen.push(Seen::of(&annotation)));
        Ok(seen)
    }

    /// Turns the clock on while no frame comes.
    fn tell_time(&self, time_ns: i64) {
        self.lock().tell_time(time_ns);
    }

    /// Takes out the connections that have left the table, as rows.
    fn take_closed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut live = self.lock();
        let closed = live.table_mut().take_closed();
        rows(py, live.table(), closed.iter())
    }

    /// The connections that are in the table, as rows.
    fn open<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let live = self.lock();
        rows(py, live.table(), live.table().connections())
    }

    fn __len__(&self) -> usize {
        self.lock().table().len()
    }
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, LiveTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rows<'py, 'c>(
    py: Python<'py>,
    table: &ConnectionTable,
    connections: impl Iterator<Item = &'c Connection>,
) -> PyResult<Bound<'py, PyList>> {
    let all = PyList::empty(py);
    let mut batches = connection_batches();
    for connection in connections {
        if batches.add("", connection, &table.verdict(connection)) {
            append(py, &mut batches, &all)?;
        }
    }
    append(py, &mut batches, &all)?;
    Ok(all)
}

fn append(py: Python<'_>, batches: &mut ConnectionBatches, to: &Bound<'_, PyList>) -> PyResult<()> {
    match batches.take() {
        Some(batch) => rows_of(py, &batch)?.iter().try_for_each(|row| to.append(row)),
        None => Ok(()),
    }
}

impl Seen {
    fn of(seen: &Annotation) -> Self {
        Self {
            conn: seen.connection,
            stage: seen.stage.label(),
            copy: seen.copy.label(),
            sender: seen.sender.label(),
            flags: seen.flags.to_string(),
            final_ack: seen.final_ack,
            client_state: seen.client.after().label(),
            server_state: seen.server.after().label(),
            client_state_proven: seen.client.proven(),
            server_state_proven: seen.server.proven(),
            retry: seen.retry,
            rst_reason: seen.rst_reason.map(|reason| reason.label()),
            anomalies: seen.findings.anomalies().iter().map(|finding| finding.label()).collect(),
        }
    }
}
