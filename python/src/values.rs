//! Rows of batches as objects of Python, for those who have no library for Arrow.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, DurationNanosecondType, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

/// The rows as dictionaries, by column. Times are whole nanoseconds.
pub fn rows_of<'py>(py: Python<'py>, batch: &RecordBatch) -> PyResult<Bound<'py, PyList>> {
    let schema = batch.schema();
    let columns = batch.columns().iter().map(|column| values(py, column));
    let columns = columns.collect::<PyResult<Vec<_>>>()?;
    let names: Vec<_> =
        schema.fields().iter().map(|field| PyString::intern(py, field.name())).collect();
    let rows = PyList::empty(py);
    for row in 0..batch.num_rows() {
        let dictionary = PyDict::new(py);
        for (name, values) in names.iter().zip(&columns) {
            dictionary.set_item(name, &values[row])?;
        }
        rows.append(dictionary)?;
    }
    Ok(rows)
}

type Values<'py> = Vec<Bound<'py, PyAny>>;

fn values<'py>(py: Python<'py>, column: &ArrayRef) -> PyResult<Values<'py>> {
    match column.data_type() {
        DataType::Boolean => {
            let values = column.as_boolean().iter();
            values.map(|value| value.into_bound_py_any(py)).collect()
        }
        DataType::UInt8 => numbers::<UInt8Type>(py, column),
        DataType::UInt16 => numbers::<UInt16Type>(py, column),
        DataType::UInt32 => numbers::<UInt32Type>(py, column),
        DataType::UInt64 => numbers::<UInt64Type>(py, column),
        DataType::Int8 => numbers::<Int8Type>(py, column),
        DataType::Int16 => numbers::<Int16Type>(py, column),
        DataType::Int32 => numbers::<Int32Type>(py, column),
        DataType::Int64 => numbers::<Int64Type>(py, column),
        DataType::Float64 => numbers::<Float64Type>(py, column),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            numbers::<TimestampNanosecondType>(py, column)
        }
        DataType::Duration(TimeUnit::Nanosecond) => numbers::<DurationNanosecondType>(py, column),
        DataType::Utf8 => {
            let values = column.as_string::<i32>().iter();
            values.map(|value| value.into_bound_py_any(py)).collect()
        }
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let labels = values(py, dictionary.values())?;
            let keys = dictionary.normalized_keys();
            let none = py.None().into_bound(py);
            let value = |(row, key): (usize, usize)| match dictionary.keys().is_null(row) {
                true => none.clone(),
                false => labels.get(key).cloned().unwrap_or_else(|| none.clone()),
            };
            Ok(keys.into_iter().enumerate().map(value).collect())
        }
        DataType::List(_) => {
            let lists = column.as_list::<i32>().iter();
            lists
                .map(|list| match list {
                    Some(list) => PyList::new(py, values(py, &list)?)?.into_bound_py_any(py),
                    None => Ok(py.None().into_bound(py)),
                })
                .collect()
        }
        other => Err(PyTypeError::new_err(format!("no column has the type {other}"))),
    }
}

fn numbers<'py, T>(py: Python<'py>, column: &ArrayRef) -> PyResult<Values<'py>>
where
    T: ArrowPrimitiveType,
    T::Native: IntoPyObject<'py>,
{
    column.as_primitive::<T>().iter().map(|value| value.into_bound_py_any(py)).collect()
}
