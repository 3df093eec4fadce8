//! The first stage on a cluster: a capture as rows, one a segment or ICMP error, with all that the engine looks
//! at, and one at its end that says what else the file was.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::builder::{
    BinaryBuilder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, StringBuilder,
};
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use dissector_core::capture::{Capture, CaptureError, Packet};
use dissector_core::{IcmpError, Segment};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use tcphs_command::embedded::{Rows, first_frame_ns, not_decoded};

use crate::clocks::Spans;
use crate::errors::of_system;
use crate::reading::capsule;
use crate::request::PythonFile;

/// Rows of a batch: as many as Spark makes of its own.
const BATCH_ROWS: usize = 10_000;

/// The kinds of rows.
pub const SEGMENT: i8 = 0;
pub const ICMP_ERROR: i8 = 1;
pub const FILE: i8 = 2;

/// Octets of a TCP header with all of its options.
const MOST_HEADER_OCTETS: usize = 60;

/// The columns, in order.
pub const COLUMNS: [(&str, DataType); 18] = [
    ("file", DataType::Utf8),
    ("file_index", DataType::Int32),
    ("kind", DataType::Int8),
    ("flow", DataType::Int64),
    ("order_ns", DataType::Int64),
    ("number", DataType::Int64),
    ("frame", DataType::Int64),
    ("time_ns", DataType::Int64),
    ("clock_ns", DataType::Int64),
    ("src_addr", DataType::Utf8),
    ("src_port", DataType::Int32),
    ("dst_addr", DataType::Utf8),
    ("dst_port", DataType::Int32),
    ("ttl", DataType::Int16),
    ("ip_id", DataType::Int32),
    ("octets", DataType::Int64),
    ("header", DataType::Binary),
    ("note", DataType::Utf8),
];

fn schema() -> SchemaRef {
    // Spark takes no other fields than those that may be absent.
    let fields = COLUMNS.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true));
    let fields: Vec<_> = fields.collect();
    Arc::new(Schema::new(fields))
}

/// The names of the columns of connections, with their types in Arrow.
#[pyfunction]
pub fn connection_columns() -> Vec<(String, String)> {
    let schema = Rows::Connections.schema();
    schema.fields().iter().map(|it| (it.name().clone(), it.data_type().to_string())).collect()
}

/// The connections between two ends, in either direction, as a number that is the same on every machine.
fn flow(one: SocketAddr, other: SocketAddr) -> i64 {
    let mut hasher = DefaultHasher::new();
    (one.min(other), one.max(other)).hash(&mut hasher);
    hasher.finish() as i64
}

/// Reads a capture as rows.
#[pyclass(frozen)]
pub struct SegmentReader(Mutex<Option<Segments>>);

#[pymethods]
impl SegmentReader {
    /// `source` is a path or an open file; `file` is its name in the rows, and `index` its place among the
    /// files, which decides between packets of the same time.
    #[new]
    fn new(source: &Bound<'_, PyAny>, file: String, index: i32) -> PyResult<Self> {
        let reader: Box<dyn Read + Send> = match source.extract::<std::path::PathBuf>() {
            Ok(path) => {
                Box::new(File::open(&path).map_err(|error| match error.raw_os_error() {
                    Some(number) => of_system(number, &file),
                    None => error.into(),
                })?)
            }
            Err(_) => Box::new(PythonFile(source.clone().unbind())),
        };
        Ok(Self(Mutex::new(Some(Segments::new(reader, file, index)))))
    }

    /// The stream of the Arrow PyCapsule interface.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        let segments = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let segments = segments.ok_or_else(|| PyValueError::new_err("it can be read once"))?;
        capsule(py, Box::new(segments))
    }
}

struct Segments {
    state: State,
    file: String,
    index: i32,
    /// The highest time of its packets so far, and of its first frame: the turn of the next packet among
    /// those of all files.
    order_ns: i64,
    /// The time of its first frame.
    start_ns: Option<i64>,
    number: i64,
    /// When its clock moved, by frames that do not begin the file.
    spans: Spans,
    schema: SchemaRef,
}

enum State {
    Closed(Box<dyn Read + Send>),
    Open(Box<Capture<Box<dyn Read + Send>>>),
    Finished,
}

impl Segments {
    fn new(reader: Box<dyn Read + Send>, file: String, index: i32) -> Self {
        Self {
            state: State::Closed(reader),
            file,
            index,
            order_ns: i64::MIN,
            start_ns: None,
            number: 0,
            spans: Spans::default(),
            schema: schema(),
        }
    }

    /// Fills a batch; an error if the reading itself fails, for then another attempt may not.
    fn fill(&mut self) -> io::Result<Option<RecordBatch>> {
        let mut rows = RowBuilder::default();
        if let State::Closed(_) = &self.state
            && let State::Closed(reader) = std::mem::replace(&mut self.state, State::Finished)
        {
            let (start_ns, reader) = first_frame_ns(reader);
            (self.start_ns, self.order_ns) = (start_ns, start_ns.unwrap_or(i64::MIN));
            match Capture::new(reader) {
                Ok(capture) => self.state = State::Open(Box::new(capture)),
                Err(CaptureError::Io(error)) => return Err(error),
                Err(error) => {
                    self.end(&mut rows, None, 0, Some(error.to_string()));
                    return rows.finish(&self.schema).map(Some);
                }
            }
        }
        let State::Open(mut capture) = std::mem::replace(&mut self.state, State::Finished) else {
            return Ok(None);
        };
        while rows.len() < BATCH_ROWS {
            // The clock at a packet is known once the packet has been read.
            let packet = match capture.next_packet() {
                Ok(packet) => packet,
                Err(CaptureError::Io(error)) => return Err(error),
                Err(error) => {
                    let note = Some(error.to_string());
                    self.end(&mut rows, Some(capture.now_ns()), capture.frames(), note);
                    return rows.finish(&self.schema).map(Some);
                }
            };
            let Some(packet) = packet else {
                let note = note(&capture);
                self.end(&mut rows, Some(capture.now_ns()), capture.frames(), note);
                return rows.finish(&self.schema).map(Some);
            };
            let time_ns = packet.info().time_ns;
            let row = Row::of(&packet);
            self.order_ns = self.order_ns.max(time_ns);
            self.number += 1;
            // A packet whose turn comes late, after one with a wrong time, tells nothing of its own time.
            if row.frame > 1 && capture.now_ns() >= self.order_ns {
                self.spans.add(capture.now_ns());
            }
            let place = Place {
                file: &self.file,
                index: self.index,
                order_ns: self.order_ns,
                number: self.number,
                clock_ns: Some(capture.now_ns()),
            };
            rows.push(&place, &row);
        }
        self.state = State::Open(capture);
        rows.finish(&self.schema).map(Some)
    }

    fn end(
        &mut self,
        rows: &mut RowBuilder,
        clock_ns: Option<i64>,
        frames: u64,
        note: Option<String>,
    ) {
        let clock_ns = clock_ns.filter(|clock_ns| *clock_ns != i64::MIN);
        if let Some(clock_ns) = clock_ns.filter(|_| frames > 1) {
            self.spans.add(clock_ns);
        }
        let place = Place {
            file: &self.file,
            index: self.index,
            // In front of all packets: it tells the clock of its file.
            order_ns: i64::MIN,
            number: 0,
            clock_ns,
        };
        rows.push(
            &place,
            &Row {
                kind: FILE,
                frame: frames,
                time_ns: self.start_ns,
                header: self.spans.to_octets(),
                note,
                ..Row::default()
            },
        );
    }
}

/// The parts of a file that could not be used, as the command's warnings say it.
fn note(capture: &Capture<Box<dyn Read + Send>>) -> Option<String> {
    let mut notes = Vec::new();
    notes.extend(capture.warning().map(ToString::to_string));
    notes.extend(capture.disorder().map(|disorder| disorder.to_string()));
    notes.extend(not_decoded(capture.skipped()));
    (!notes.is_empty()).then(|| notes.join("; "))
}

impl Iterator for Segments {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.fill();
        let named = |error: io::Error| {
            ArrowError::IoError(format!("{}: {error}", self.file), io::Error::from(error.kind()))
        };
        batch.map_err(named).transpose()
    }
}

impl RecordBatchReader for Segments {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Where a row is among all rows.
struct Place<'a> {
    file: &'a str,
    index: i32,
    order_ns: i64,
    number: i64,
    clock_ns: Option<i64>,
}

/// The columns of a packet or a file.
#[derive(Default)]
struct Row {
    kind: i8,
    frame: u64,
    time_ns: Option<i64>,
    ends: Option<[SocketAddr; 2]>,
    ttl: u8,
    ip_id: Option<u16>,
    octets: u32,
    header: Vec<u8>,
    note: Option<String>,
}

impl Row {
    fn of(packet: &Packet<'_>) -> Self {
        let info = packet.info();
        let (kind, ends, header) = match packet {
            Packet::Segment(segment) => (SEGMENT, ends(segment), header(segment)),
            Packet::IcmpError(error) => {
                let quoted = [error.quoted.source, error.quoted.destination];
                (ICMP_ERROR, quoted, quote(error))
            }
            _ => (SEGMENT, [SocketAddr::from(([0; 4], 0)); 2], Vec::new()),
        };
        Self {
            kind,
            frame: info.frame,
            time_ns: Some(info.time_ns),
            ends: Some(ends),
            ttl: info.ttl,
            ip_id: info.ip_id,
            octets: info.tcp_octets,
            header,
            note: None,
        }
    }
}

fn ends(segment: &Segment<'_>) -> [SocketAddr; 2] {
    let (packet, tcp) = (&segment.packet, &segment.tcp);
    [(packet.source, tcp.source_port), (packet.destination, tcp.destination_port)]
        .map(|(address, port)| SocketAddr::new(address, port))
}

/// The octets of the header, as far as they were captured.
fn header(segment: &Segment<'_>) -> Vec<u8> {
    let tcp = &segment.tcp;
    let mut octets = Vec::with_capacity(MOST_HEADER_OCTETS);
    octets.extend(tcp.source_port.to_be_bytes());
    octets.extend(tcp.destination_port.to_be_bytes());
    octets.extend(tcp.sequence.0.to_be_bytes());
    octets.extend(tcp.acknowledgment.0.to_be_bytes());
    octets.extend((u16::from(tcp.data_offset) << 12 | tcp.flags.bits()).to_be_bytes());
    octets.extend(tcp.window.to_be_bytes());
    octets.extend(tcp.checksum.to_be_bytes());
    octets.extend(tcp.urgent_pointer.to_be_bytes());
    octets.extend(tcp.option_octets);
    octets
}

/// Type, code, the quoted sequence number and the address of the sender.
fn quote(error: &IcmpError) -> Vec<u8> {
    let mut octets = vec![error.kind, error.code];
    octets.extend(error.quoted.sequence.0.to_be_bytes());
    match error.packet.source {
        IpAddr::V4(address) => octets.extend(address.octets()),
        IpAddr::V6(address) => octets.extend(address.octets()),
    }
    octets
}

#[derive(Default)]
struct RowBuilder {
    file: StringBuilder,
    file_index: Int32Builder,
    kind: Int8Builder,
    flow: Int64Builder,
    order_ns: Int64Builder,
    number: Int64Builder,
    frame: Int64Builder,
    time_ns: Int64Builder,
    clock_ns: Int64Builder,
    src_addr: StringBuilder,
    src_port: Int32Builder,
    dst_addr: StringBuilder,
    dst_port: Int32Builder,
    ttl: Int16Builder,
    ip_id: Int32Builder,
    octets: Int64Builder,
    header: BinaryBuilder,
    note: StringBuilder,
    rows: usize,
}

impl RowBuilder {
    fn len(&self) -> usize {
        self.rows
    }

    fn push(&mut self, place: &Place<'_>, row: &Row) {
        let is_packet = row.kind != FILE;
        let [source, destination] = row.ends.map_or([None; 2], |ends| ends.map(Some));
        let address = |end: Option<SocketAddr>| end.map(|end| end.ip().to_string());
        let port = |end: Option<SocketAddr>| end.map(|end| i32::from(end.port()));
        self.file.append_value(place.file);
        self.file_index.append_value(place.index);
        self.kind.append_value(row.kind);
        self.flow.append_value(row.ends.map_or(0, |[one, other]| flow(one, other)));
        self.order_ns.append_value(place.order_ns);
        self.number.append_value(place.number);
        self.frame.append_value(i64::try_from(row.frame).unwrap_or(i64::MAX));
        self.time_ns.append_option(row.time_ns);
        self.clock_ns.append_option(place.clock_ns);
        self.src_addr.append_option(address(source));
        self.src_port.append_option(port(source));
        self.dst_addr.append_option(address(destination));
        self.dst_port.append_option(port(destination));
        self.ttl.append_option(is_packet.then_some(row.ttl.into()));
        self.ip_id.append_option(row.ip_id.map(i32::from));
        self.octets.append_option(is_packet.then_some(row.octets.into()));
        self.header.append_value(&row.header);
        self.note.append_option(row.note.as_ref());
        self.rows += 1;
    }

    fn finish(mut self, schema: &SchemaRef) -> io::Result<RecordBatch> {
        RecordBatch::try_new(
            Arc::clone(schema),
            vec![
                Arc::new(self.file.finish()),
                Arc::new(self.file_index.finish()),
                Arc::new(self.kind.finish()),
                Arc::new(self.flow.finish()),
                Arc::new(self.order_ns.finish()),
                Arc::new(self.number.finish()),
                Arc::new(self.frame.finish()),
                Arc::new(self.time_ns.finish()),
                Arc::new(self.clock_ns.finish()),
                Arc::new(self.src_addr.finish()),
                Arc::new(self.src_port.finish()),
                Arc::new(self.dst_addr.finish()),
                Arc::new(self.dst_port.finish()),
                Arc::new(self.ttl.finish()),
                Arc::new(self.ip_id.finish()),
                Arc::new(self.octets.finish()),
                Arc::new(self.header.finish()),
                Arc::new(self.note.finish()),
            ],
        )
        .map_err(io::Error::other)
    }
}
