//! Errors and warnings, as Python has them.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt, PyOSError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use tcphs_command::embedded::Error;

create_exception!(
    tcphs,
    CaptureError,
    PyException,
    "A file is no capture, or cannot be read as one. `filename` is its name."
);
create_exception!(
    tcphs,
    CaptureWarning,
    PyUserWarning,
    "A part of a capture could not be used; the answer is that of the rest."
);

/// The exception for an error.
pub fn exception(py: Python<'_>, error: &Error) -> PyErr {
    match error {
        Error::Unreadable { file: Some(file), os_error: Some(number), .. } => {
            of_system(*number, file)
        }
        Error::Unreadable { file, text, .. } => {
            let error = CaptureError::new_err(text.clone());
            match error.value(py).setattr("filename", file.clone()) {
                Ok(()) => error,
                Err(error) => error,
            }
        }
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        error => PyValueError::new_err(in_python(&error.to_string())),
    }
}

/// The exception for an error of the operating system with this number.
pub fn of_system(number: i32, file: &str) -> PyErr {
    let text = std::io::Error::from_raw_os_error(number).to_string();
    // Without the number, which Python puts in front.
    let text = text.split(" (os error").next().unwrap_or_default().to_owned();
    PyOSError::new_err((number, text, file.to_owned()))
}

/// Passes warnings on to Python's.
pub fn warn(py: Python<'_>, warnings: &[String]) -> PyResult<()> {
    let category = py.get_type::<CaptureWarning>();
    warnings.iter().try_for_each(|warning| {
        let warn = py.import("tcphs._warnings")?.getattr("warn")?;
        warn.call1((in_python(warning), &category)).map(drop)
    })
}

/// A text of the command in which options are arguments: `conn=` in place of `--conn`.
fn in_python(text: &str) -> String {
    let mut words = text.split("--");
    let mut written = words.next().unwrap_or_default().to_owned();
    for word in words {
        let is_of_option = |letter: char| letter.is_ascii_lowercase() || letter == '-';
        let end = word.find(|letter| !is_of_option(letter)).unwrap_or(word.len());
        let (option, rest) = word.split_at(end);
        match option {
            "" => written.push_str("--"),
            // The points are arguments themselves.
            "at" => written.push_str(rest.trim_start()),
            "failed" | "by-interface" => {
                written.push_str(&format!("{}=True", option.replace('-', "_")));
            }
            _ => written.push_str(&format!("{}=", option.replace('-', "_"))),
        }
        if option != "at" {
            written.push_str(rest);
        }
    }
    written
}
