//! Statistics over the connections of a session.

use std::ptr;
use std::sync::OnceLock;

use libc::c_char;

use super::{TCPHS_NO_TEXT, tcphs_session, tcphs_status};
use crate::show::text::c_string;
use crate::statistics::{Cells, Kind, Statistics, Subject};
use c_api::boundary::{Guarded, entry, guard};

/// Most columns of a table.
pub const TCPHS_MAX_COLUMNS: usize = 16;

/// Most octets of text in a row.
pub const TCPHS_MAX_ROW_TEXT: usize = 512;

/// One row for each server: address, port, outcomes of its connections, response times.
pub const TCPHS_STATISTICS_SERVERS: u8 = 0;
/// One row for each connection.
pub const TCPHS_STATISTICS_CONNECTIONS: u8 = 1;
/// One row for each outcome and server: outcome, server, connections of both, of the outcome, in all.
pub const TCPHS_STATISTICS_OUTCOMES: u8 = 2;

/// The cells of a column have a text.
pub const TCPHS_COLUMN_TEXT: u8 = 0;
/// The cells of a column have a count.
pub const TCPHS_COLUMN_COUNT: u8 = 1;
/// The cells of a column have a number as text, padded on the left; `-` if it is unknown.
pub const TCPHS_COLUMN_NUMBER: u8 = 2;

/// Statistics over connections of a session.
pub struct tcphs_statistics {
    guarded: Guarded<Statistics>,
}

/// A column of a table.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_column {
    /// Its title; never freed.
    pub title: *const c_char,
    /// The kind of its cells: `TCPHS_COLUMN_TEXT` and so on.
    pub kind: u8,
}

/// A cell. The kind of its column tells which field is valid.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_cell {
    /// A count.
    pub count: u32,
    /// Place in `tcphs_row.text` of a C string, or `TCPHS_NO_TEXT`.
    pub text: u32,
}

impl Default for tcphs_cell {
    fn default() -> Self {
        Self { count: 0, text: TCPHS_NO_TEXT }
    }
}

/// A row of a table.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_row {
    /// The cells, one for each column.
    pub cells: [tcphs_cell; TCPHS_MAX_COLUMNS],
    /// The texts.
    pub text: [u8; TCPHS_MAX_ROW_TEXT],
}

impl Default for tcphs_row {
    fn default() -> Self {
        Self { cells: [tcphs_cell::default(); TCPHS_MAX_COLUMNS], text: [0; TCPHS_MAX_ROW_TEXT] }
    }
}

const fn subject(number: u8) -> Option<Subject> {
    Some(match number {
        TCPHS_STATISTICS_SERVERS => Subject::Servers,
        TCPHS_STATISTICS_CONNECTIONS => Subject::Connections,
        TCPHS_STATISTICS_OUTCOMES => Subject::Outcomes,
        _ => return None,
    })
}

/// Empty statistics of the kind `TCPHS_STATISTICS_…`, to be freed with `tcphs_statistics_free`; null
/// if there is no such kind, or they cannot be made.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_statistics_new(kind: u8) -> *mut tcphs_statistics {
    guard(ptr::null_mut(), || {
        entry("statistics_new");
        let Some(subject) = subject(kind) else { return ptr::null_mut() };
        let guarded = Guarded::new(Statistics::new(subject));
        Box::into_raw(Box::new(tcphs_statistics { guarded }))
    })
}

/// Frees statistics. Null is allowed.
///
/// # Safety
/// `statistics` is null, or comes from `tcphs_statistics_new` and was not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_statistics_free(statistics: *mut tcphs_statistics) {
    guard((), || {
        entry("statistics_free");
        if !statistics.is_null() {
            // SAFETY: the caller guarantees that it came from Box::into_raw and was not freed.
            drop(unsafe { Box::from_raw(statistics) });
        }
    });
}

/// The columns of the kind `TCPHS_STATISTICS_…`, and their number; null and 0 if there is no such
/// kind. They are never freed.
///
/// # Safety
/// `count` is null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_statistics_columns(
    kind: u8,
    count: *mut usize,
) -> *const tcphs_column {
    struct Columns([Vec<tcphs_column>; 3]);
    // SAFETY: the titles that it points to are never freed or written to.
    unsafe impl Send for Columns {}
    // SAFETY: as above.
    unsafe impl Sync for Columns {}
    static COLUMNS: OnceLock<Columns> = OnceLock::new();

    let (columns, length) = guard((ptr::null(), 0), || {
        entry("statistics_columns");
        let Some(subject) = subject(kind) else { return (ptr::null(), 0) };
        let all = COLUMNS.get_or_init(|| {
            Columns(
                [Subject::Servers, Subject::Connections, Subject::Outcomes]
                    .map(|subject| subject.columns().iter().map(column).collect()),
            )
        });
        let columns = &all.0[subject as usize];
        (columns.as_ptr(), columns.len())
    });
    if !count.is_null() {
        // SAFETY: not null, and the caller guarantees that it is valid for writes.
        unsafe { count.write(length) };
    }
    columns
}

fn column(column: &crate::statistics::Column) -> tcphs_column {
    tcphs_column {
        title: c_string(column.title).into_raw(),
        kind: match column.kind {
            Kind::Text => TCPHS_COLUMN_TEXT,
            Kind::Count => TCPHS_COLUMN_COUNT,
            Kind::Number => TCPHS_COLUMN_NUMBER,
        },
    }
}

/// Forgets all connections.
///
/// # Safety
/// `statistics` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_statistics_clear(statistics: *mut tcphs_statistics) -> tcphs_status {
    // SAFETY: the caller guarantees that the pointer is null or valid, and not in use.
    let Some(statistics) = (unsafe { statistics.as_mut() }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    statistics.guarded.run(|statistics| {
        entry("statistics_clear");
        statistics.clear();
        tcphs_status::TCPHS_OK
    })
}

/// Takes in a packet of a connection (`tcphs_tapped.half`). If `later` is true, which means that every frame has been
/// learned, writes the number of the changed row to `row`. `TCPHS_NOT_FOUND` if no row has changed:
/// the connection was seen before, or its verdict is not known yet.
///
/// # Safety
/// Each pointer is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_statistics_see(
    statistics: *mut tcphs_statistics,
    session: *mut tcphs_session,
    connection: u32,
    later: bool,
    row: *mut u32,
) -> tcphs_status {
    // SAFETY: the caller guarantees that each pointer is null or valid, and not in use.
    let (statistics, session) = unsafe { (statistics.as_mut(), session.as_mut()) };
    let (Some(statistics), Some(session), false) = (statistics, session, row.is_null()) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        statistics.guarded.run(|statistics| {
            entry("statistics_see");
            if later {
                session.compare_points();
            }
            let Some(changed) = statistics.see(session, connection, later) else {
                return tcphs_status::TCPHS_NOT_FOUND;
            };
            // SAFETY: not null, and valid for writes.
            unsafe { row.write(changed as u32) };
            tcphs_status::TCPHS_OK
        })
    })
}

/// Makes all rows anew from the verdicts on the connections, and sorts them.
///
/// # Safety
/// Each pointer is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_statistics_settle(
    statistics: *mut tcphs_statistics,
    session: *mut tcphs_session,
) -> tcphs_status {
    // SAFETY: the caller guarantees that each pointer is null or valid, and not in use.
    let (statistics, session) = unsafe { (statistics.as_mut(), session.as_mut()) };
    let (Some(statistics), Some(session)) = (statistics, session) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        statistics.guarded.run(|statistics| {
            entry("statistics_settle");
            session.compare_points();
            statistics.settle(session);
            tcphs_status::TCPHS_OK
        })
    })
}

/// Writes row `nth`, from 0. `TCPHS_NOT_FOUND` after the last.
///
/// # Safety
/// `statistics` is null or valid; `out` is null, or valid and initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_statistics_row(
    statistics: *mut tcphs_statistics,
    nth: u32,
    out: *mut tcphs_row,
) -> tcphs_status {
    // SAFETY: the caller guarantees that each pointer is null or valid, and not in use.
    let (Some(statistics), Some(out)) = (unsafe { (statistics.as_mut(), out.as_mut()) }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    statistics.guarded.run(|statistics| {
        entry("statistics_row");
        let nth = nth as usize;
        if nth >= statistics.rows() {
            return tcphs_status::TCPHS_NOT_FOUND;
        }
        statistics.write(nth, &mut Cells::new(out));
        tcphs_status::TCPHS_OK
    })
}

/// The message of the internal error, once a call has returned `TCPHS_PANIC`; null before. It lives
/// as long as the statistics.
///
/// # Safety
/// `statistics` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_statistics_failure(
    statistics: *const tcphs_statistics,
) -> *const c_char {
    // SAFETY: the caller guarantees that the pointer is null or valid.
    let statistics = unsafe { statistics.as_ref() };
    let failure = statistics.and_then(|statistics| statistics.guarded.failure());
    failure.map_or(ptr::null(), |failure| failure.as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{tcphs_session_free, tcphs_session_new};
    use std::ffi::CStr;

    #[test]
    fn null_and_nonsense_give_a_status() {
        use tcphs_status::*;

        assert!(tcphs_statistics_new(3).is_null());
        let none = ptr::null_mut();
        // SAFETY: null is allowed everywhere, the rest is valid, and everything is freed once.
        unsafe {
            let session = tcphs_session_new();
            let statistics = tcphs_statistics_new(TCPHS_STATISTICS_SERVERS);
            let mut row = 0;
            let see = tcphs_statistics_see;
            assert_eq!(see(none, session, 0, true, &mut row), TCPHS_NULL_ARGUMENT);
            assert_eq!(see(statistics, ptr::null_mut(), 0, true, &mut row), TCPHS_NULL_ARGUMENT);
            assert_eq!(see(statistics, session, 0, true, ptr::null_mut()), TCPHS_NULL_ARGUMENT);
            assert_eq!(see(statistics, session, 0, true, &mut row), TCPHS_NOT_FOUND);
            assert_eq!(tcphs_statistics_settle(none, session), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_statistics_settle(statistics, session), TCPHS_OK);
            let mut cells = tcphs_row::default();
            assert_eq!(tcphs_statistics_row(none, 0, &mut cells), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_statistics_row(statistics, 0, &mut cells), TCPHS_NOT_FOUND);
            assert_eq!(tcphs_statistics_clear(none), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_statistics_clear(statistics), TCPHS_OK);
            assert!(tcphs_statistics_failure(statistics).is_null());
            assert!(tcphs_statistics_failure(none).is_null());
            tcphs_statistics_free(statistics);
            tcphs_statistics_free(none);
            tcphs_session_free(session);
        }
    }

    #[test]
    fn columns_fit_and_have_titles() {
        for kind in 0..3 {
            let mut count = 0;
            // SAFETY: `count` is valid, and the array has the given length and lives for ever.
            let columns = unsafe {
                let columns = tcphs_statistics_columns(kind, &mut count);
                std::slice::from_raw_parts(columns, count)
            };
            assert!((1..=TCPHS_MAX_COLUMNS).contains(&columns.len()));
            // SAFETY: titles are C strings that are never freed.
            let title = unsafe { CStr::from_ptr(columns[0].title) };
            assert!(!title.is_empty());
        }
        // SAFETY: null is allowed.
        assert!(unsafe { tcphs_statistics_columns(3, ptr::null_mut()) }.is_null());
    }
}
