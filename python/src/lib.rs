//! The extension module of the Python package `tcphs`.
//!
//! `tcphs/*.py` has the interface, with its types and texts; this is what it calls.

#![deny(unsafe_code)]

mod clocks;
mod errors;
mod reading;
mod request;
mod segments;
mod sessions;
mod stream;
mod table;
mod values;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::errors::{CaptureError, CaptureWarning};
    #[pymodule_export]
    use crate::reading::{Reading, explain, ladder};
    #[pymodule_export]
    use crate::request::Request;
    #[pymodule_export]
    use crate::segments::{SegmentReader, connection_columns};
    #[pymodule_export]
    use crate::sessions::Sessions;
    #[pymodule_export]
    use crate::table::{Seen, Table};
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
