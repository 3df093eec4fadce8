//! The second stage on a cluster: rows of packets, in order, become rows of connections.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{Array, BinaryArray, Int8Array, Int16Array, Int32Array, Int64Array};
use arrow_array::{RecordBatch, StringArray};
use arrow_pyarrow::{FromPyArrow, ToPyArrow};
use arrow_schema::{DataType, Field, Schema};
use dissector_core::connection::Connection;
use dissector_core::wire::SeqNumber;
use dissector_core::{ConnectionTable, IcmpError, PacketInfo, Quoted, Segment};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tcphs_command::embedded::{ConnectionBatches, connection_batches};

use crate::clocks::{Clocks, Spans};
use crate::segments::{COLUMNS, FILE, ICMP_ERROR};

/// Follows the connections of a part of all packets.
#[pyclass(frozen)]
pub struct Sessions(Mutex<Engine>);

struct Engine {
    table: ConnectionTable,
    files: Files,
    /// The file of the first packet of each connection in the table.
    began_in: HashMap<u32, i32>,
    next: u32,
    batches: ConnectionBatches,
    keys: Vec<String>,
    /// The place of the last row.
    last: Option<Place>,
    /// Rows that came in no order, until all of them are there.
    kept: Option<Vec<RecordBatch>>,
}

/// The order of rows: time, file, number in the file.
type Place = (i64, i32, i64);

#[pymethods]
impl Sessions {
    /// `limit` is the number of connections that are followed at once. Rows that are not `sorted` are kept
    /// until the end.
    #[new]
    fn new(limit: usize, sorted: bool) -> Self {
        Self(Mutex::new(Engine {
            table: ConnectionTable::with_limit(limit),
            files: Files::default(),
            began_in: HashMap::new(),
            next: 0,
            batches: connection_batches(),
            keys: Vec::new(),
            last: None,
            kept: (!sorted).then(Vec::new),
        }))
    }

    /// Takes in a batch of rows, and gives those of the connections that have closed, if there are enough
    /// of them for a batch.
    fn push<'py>(
        &self,
        py: Python<'py>,
        batch: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let batch = RecordBatch::from_pyarrow_bound(batch)?;
        let mut engine = self.lock();
        let mut full = Vec::new();
        let engine = &mut *engine;
        py.detach(|| {
            match &mut engine.kept {
                Some(kept) => kept.push(batch),
                None => {
                    let rows = Columns::of(&batch)?;
                    (0..batch.num_rows()).try_for_each(|row| engine.take(&rows, row, &mut full))?;
                }
            }
            Ok::<_, PyErr>(())
        })?;
        full.iter().map(|batch| batch.to_pyarrow(py)).collect()
    }

    /// Gives all further rows, once there are no more packets.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut engine = self.lock();
        let mut full = Vec::new();
        let engine = &mut *engine;
        py.detach(|| engine.finish(&mut full))?;
        full.iter().map(|batch| batch.to_pyarrow(py)).collect()
    }

    /// How many connections were dropped because there were too many at once; their later segments count as
    /// other connections.
    fn evicted(&self) -> u64 {
        let engine = self.lock();
        engine.table.evicted() + engine.table.shortened()
    }
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Engine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    fn take(
        &mut self,
        rows: &Columns<'_>,
        row: usize,
        full: &mut Vec<RecordBatch>,
    ) -> PyResult<()> {
        let place = rows.place(row);
        if self.last.is_some_and(|last| place < last) {
            return Err(PyValueError::new_err(
                "the rows are not in order of order_ns, file_index and number",
            ));
        }
        self.last = Some(place);
        if rows.kind.value(row) == FILE {
            return self.files.add(rows, row);
        }
        self.files.begin();
        let (order_ns, file, _) = place;
        if !self.files.names.contains_key(&file) {
            return Err(PyValueError::new_err(
                "the rows of files are missing: choose among connections, not among segments",
            ));
        }
        let frame = rows.frame.value(row) as u64;
        let clock_ns = self.files.clocks.at(file, frame, order_ns, rows.clock_ns.value(row));
        self.table.turn_clock(clock_ns);
        let ends = rows.ends(row)?;
        let header = rows.header.value(row);
        let packet = PacketInfo::new(ends[0].ip(), ends[1].ip(), rows.time_ns.value(row))
            .with_frame(frame)
            .with_ttl(rows.ttl.value(row) as u8)
            .with_ip_id((!rows.ip_id.is_null(row)).then(|| rows.ip_id.value(row) as u16))
            .with_tcp_octets(rows.octets.value(row) as u32);
        let connection = if rows.kind.value(row) == ICMP_ERROR {
            let error = icmp_error(packet, ends, header)
                .ok_or_else(|| PyValueError::new_err("a row of an ICMP error is damaged"))?;
            self.table.observe_icmp(&error).map(|annotation| annotation.connection)
        } else {
            let segment = Segment::parse(packet, header)
                .map_err(|error| PyValueError::new_err(format!("a row is damaged: {error}")))?;
            Some(self.table.observe(&segment).connection)
        };
        if let Some(connection) = connection
            && connection >= self.next
        {
            self.next = connection + 1;
            self.began_in.insert(connection, file);
        }
        if self.table.has_closed() {
            let now_ns = self.table.now_ns();
            for connection in self.table.take_closed() {
                self.close(&connection, now_ns, full);
            }
        }
        Ok(())
    }

    fn close(&mut self, connection: &Connection, now_ns: i64, full: &mut Vec<RecordBatch>) {
        let file = self.began_in.remove(&connection.id());
        let name = file.and_then(|file| self.files.names.get(&file)).map_or("", |name| name);
        self.keys.push(key(connection));
        if self.batches.add(name, connection, &connection.verdict_at(now_ns)) {
            self.hand_out(full);
        }
    }

    fn hand_out(&mut self, full: &mut Vec<RecordBatch>) {
        let Some(batch) = self.batches.take() else { return };
        let keys = StringArray::from(std::mem::take(&mut self.keys));
        let mut fields = batch.schema().fields().to_vec();
        fields.push(Arc::new(Field::new("conn_key", DataType::Utf8, false)));
        let columns = batch.columns().iter().cloned();
        let columns = columns.chain([Arc::new(keys) as _]).collect();
        full.extend(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).ok());
    }

    fn finish(&mut self, full: &mut Vec<RecordBatch>) -> PyResult<()> {
        if let Some(batches) = self.kept.take() {
            let batches: Vec<_> = batches.iter().map(Columns::of).collect::<PyResult<_>>()?;
            let mut places = Vec::new();
            for (number, rows) in batches.iter().enumerate() {
                places.extend((0..rows.kind.len()).map(|row| (rows.place(row), number, row)));
            }
            places.sort_unstable();
            places
                .into_iter()
                .try_for_each(|(_, number, row)| self.take(&batches[number], row, full))?;
        }
        self.files.begin();
        self.table.turn_clock(self.files.clocks.end_ns());
        let now_ns = self.table.now_ns();
        let table = std::mem::take(&mut self.table);
        for connection in table.connections() {
            self.close(connection, now_ns, full);
        }
        self.hand_out(full);
        Ok(())
    }
}

/// The name of a connection among all: its ends, its attempt and its first time.
fn key(connection: &Connection) -> String {
    let (client, server) = (connection.client(), connection.server());
    let (attempt, first_ns) = (connection.attempt(), connection.first_ns());
    format!("{client}>{server}#{attempt}@{first_ns}")
}

fn icmp_error(mut packet: PacketInfo, ends: [SocketAddr; 2], header: &[u8]) -> Option<IcmpError> {
    let (&[kind, code, a, b, c, d], sender) = header.split_first_chunk::<6>()?;
    packet.source = match (<[u8; 4]>::try_from(sender), <[u8; 16]>::try_from(sender)) {
        (Ok(address), _) => address.into(),
        (_, Ok(address)) => address.into(),
        _ => return None,
    };
    let quoted = Quoted::new(ends[0], ends[1], SeqNumber(u32::from_be_bytes([a, b, c, d])));
    Some(IcmpError::new(packet, kind, code, quoted))
}

/// The files of all packets.
#[derive(Default)]
struct Files {
    names: HashMap<i32, String>,
    clocks: Clocks,
    begun: bool,
}

impl Files {
    /// A partition may get the row of a file several times.
    fn add(&mut self, rows: &Columns<'_>, row: usize) -> PyResult<()> {
        let value = |column: &Int64Array| (!column.is_null(row)).then(|| column.value(row));
        let index = rows.file_index.value(row);
        let name = rows.file.value(row);
        if self.names.get(&index).is_some_and(|other| other != name) {
            return Err(PyValueError::new_err(format!(
                "the rows are of two readings: file {index} is {} and {name}; load all captures at once",
                self.names[&index]
            )));
        }
        self.names.insert(index, name.into());
        let spans = Spans::from_octets(rows.header.value(row));
        let times = [value(rows.time_ns), value(rows.clock_ns)];
        self.clocks.add(index, spans, rows.frame.value(row) as u64, times);
        Ok(())
    }

    /// To be called once the rows of all files have come.
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.clocks.begin();
        }
    }
}

/// The columns of a batch of packets.
struct Columns<'a> {
    file: &'a StringArray,
    file_index: &'a Int32Array,
    kind: &'a Int8Array,
    order_ns: &'a Int64Array,
    number: &'a Int64Array,
    frame: &'a Int64Array,
    time_ns: &'a Int64Array,
    clock_ns: &'a Int64Array,
    src_addr: &'a StringArray,
    src_port: &'a Int32Array,
    dst_addr: &'a StringArray,
    dst_port: &'a Int32Array,
    ttl: &'a Int16Array,
    ip_id: &'a Int32Array,
    octets: &'a Int64Array,
    header: &'a BinaryArray,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> PyResult<Self> {
        let column = |name: &str| {
            let column = batch.column_by_name(name);
            let wanted = COLUMNS.iter().find(|(column, _)| *column == name).map(|(_, kind)| kind);
            column.filter(|column| Some(column.data_type()) == wanted).ok_or_else(|| {
                PyValueError::new_err(format!(
                    "the rows are not those of segments: no column {name}"
                ))
            })
        };
        Ok(Self {
            file: column("file")?.as_string(),
            file_index: column("file_index")?.as_primitive::<Int32Type>(),
            kind: column("kind")?.as_primitive::<Int8Type>(),
            order_ns: column("order_ns")?.as_primitive::<Int64Type>(),
            number: column("number")?.as_primitive::<Int64Type>(),
            frame: column("frame")?.as_primitive::<Int64Type>(),
            time_ns: column("time_ns")?.as_primitive::<Int64Type>(),
            clock_ns: column("clock_ns")?.as_primitive::<Int64Type>(),
            src_addr: column("src_addr")?.as_string(),
            src_port: column("src_port")?.as_primitive::<Int32Type>(),
            dst_addr: column("dst_addr")?.as_string(),
            dst_port: column("dst_port")?.as_primitive::<Int32Type>(),
            ttl: column("ttl")?.as_primitive::<Int16Type>(),
            ip_id: column("ip_id")?.as_primitive::<Int32Type>(),
            octets: column("octets")?.as_primitive::<Int64Type>(),
            header: column("header")?.as_binary(),
        })
    }

    fn place(&self, row: usize) -> Place {
        (self.order_ns.value(row), self.file_index.value(row), self.number.value(row))
    }

    fn ends(&self, row: usize) -> PyResult<[SocketAddr; 2]> {
        let end = |address: &StringArray, port: &Int32Array| {
            let address = address.value(row);
            let port = u16::try_from(port.value(row)).unwrap_or(0);
            let parsed = address.parse().map(|address| SocketAddr::new(address, port));
            parsed.map_err(|_| PyValueError::new_err(format!("{address:?} is no address")))
        };
        Ok([end(self.src_addr, self.src_port)?, end(self.dst_addr, self.dst_port)?])
    }
}
