//! The functions of a table: pointers and statuses around [`Engine`].

use std::{ptr, slice};

use dissector_core::{DEFAULT_CLOSED_LIMIT, DEFAULT_LIMIT};
use libc::c_char;

use crate::annotation::tcphs_annotation;
use crate::boundary::{Guarded, entry, guard};
use crate::engine::Engine;
use crate::segment::tcphs_segment;
use crate::status::tcphs_status;
use crate::verdict::tcphs_verdict;

/// Many TCP connections, identified by their addresses and ports.
///
/// One thread at a time may use a table; several tables are independent. Memory is bounded: when
/// too many connections are open, or closed ones are not asked for, the oldest are dropped and
/// counted (`tcphs_table_evicted`, `tcphs_table_forgotten`).
pub struct tcphs_table {
    guarded: Guarded<Engine>,
}

impl tcphs_table {
    fn boxed(connections: usize, closed: usize) -> *mut Self {
        guard(ptr::null_mut(), || {
            entry("table_new");
            Box::into_raw(Box::new(Self {
                guarded: Guarded::new(Engine::new(connections, closed)),
            }))
        })
    }
}

/// An empty table with the default limits: 4,000,000 connections at once, and 50,000 closed ones.
/// Null if it cannot be made.
///
/// The caller owns it and frees it with `tcphs_table_free`.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_table_new() -> *mut tcphs_table {
    tcphs_table::boxed(DEFAULT_LIMIT, DEFAULT_CLOSED_LIMIT)
}

/// As `tcphs_table_new`, with room for `connections` connections at once (at least one), and for
/// `closed` closed ones until `tcphs_table_next_closed` asks for them. A connection takes some 200
/// octets.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_table_with_limits(connections: usize, closed: usize) -> *mut tcphs_table {
    tcphs_table::boxed(connections, closed)
}

/// Frees a table; null is allowed. The pointer must not be used afterwards.
///
/// # Safety
/// `table` is null, or comes from this library and was not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_free(table: *mut tcphs_table) {
    guard((), || {
        entry("table_free");
        if !table.is_null() {
            // SAFETY: the caller guarantees that it came from Box::into_raw and was not freed.
            drop(unsafe { Box::from_raw(table) });
        }
    });
}

/// Takes in one TCP segment and writes its annotation to `out`. Segments come in the order of the
/// capture. Nothing of `segment` is kept.
///
/// Errors: `TCPHS_NULL_ARGUMENT`; `TCPHS_INVALID_ARGUMENT` for the IP version; `TCPHS_NO_HEADER` if
/// the octets hold no whole TCP header. The table is then as before.
///
/// # Safety
/// Each pointer is null or valid, and `segment->captured` for `segment->captured_octets` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_observe(
    table: *mut tcphs_table,
    segment: *const tcphs_segment,
    out: *mut tcphs_annotation,
) -> tcphs_status {
    // SAFETY: the caller guarantees what `with` and `parse` need.
    unsafe {
        with(table, out, "table_observe", |engine| {
            let segment = segment.as_ref().ok_or(tcphs_status::TCPHS_NULL_ARGUMENT)?.parse()?;
            Ok(engine.observe(&segment).into())
        })
    }
}

/// Takes in an ICMP or ICMPv6 error that quotes a segment, and writes its annotation to `out`;
/// `message->captured` begins with the ICMP header. Nothing of `message` is kept.
///
/// Errors: as `tcphs_table_observe`; `TCPHS_NO_HEADER` if it is no ICMP error that quotes a TCP
/// segment, `TCPHS_NOT_FOUND` if no connection in the table has sent that segment.
///
/// # Safety
/// Each pointer is null or valid, and `message->captured` for `message->captured_octets` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_observe_icmp(
    table: *mut tcphs_table,
    message: *const tcphs_segment,
    out: *mut tcphs_annotation,
) -> tcphs_status {
    // SAFETY: the caller guarantees what `with` and `parse_icmp` need.
    unsafe {
        with(table, out, "table_observe_icmp", |engine| {
            let message = message.as_ref().ok_or(tcphs_status::TCPHS_NULL_ARGUMENT)?;
            let annotation = engine.observe_icmp(&message.parse_icmp()?);
            annotation.map(Into::into).ok_or(tcphs_status::TCPHS_NOT_FOUND)
        })
    }
}

/// Takes in one captured frame, and writes the annotation of its first TCP segment or ICMP error to
/// `out`. Frames come in the order of the capture and are numbered from 1. Tags, tunnels and IP
/// fragments are decoded as in a file.
///
/// `link_type` is the number that `pcap_datalink()` returns, 1 for Ethernet. `octets` are the
/// `captured` octets of the frame, which had `on_the_wire` octets before it was cut. Nothing of them
/// is kept.
///
/// Returns `TCPHS_MORE` instead of `TCPHS_OK` if the frame holds more: the same call again returns
/// the next. The segments count in any case, even if the next call is about another frame.
///
/// Errors: `TCPHS_NULL_ARGUMENT`; `TCPHS_NOT_FOUND` if the frame holds no TCP segment, and no ICMP
/// error about a connection in the table.
///
/// # Safety
/// Each pointer is null or valid, `octets` for `captured` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_observe_frame(
    table: *mut tcphs_table,
    link_type: u16,
    octets: *const u8,
    captured: usize,
    on_the_wire: usize,
    time_ns: i64,
    out: *mut tcphs_annotation,
) -> tcphs_status {
    if octets.is_null() {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    }
    let mut more = false;
    // SAFETY: the caller guarantees what `with` needs, and that `octets` has that length.
    let status = unsafe {
        with(table, out, "table_observe_frame", |engine| {
            let octets = slice::from_raw_parts(octets, captured);
            let observed = engine.observe_frame(link_type, octets, on_the_wire, time_ns);
            let (annotation, further) = observed.ok_or(tcphs_status::TCPHS_NOT_FOUND)?;
            more = further;
            Ok(annotation.into())
        })
    };
    if more { tcphs_status::TCPHS_MORE } else { status }
}

/// Sets the clock of the table, in nanoseconds since 1970 UTC, while no segment comes: silent
/// connections close by it. To be called from time to time, for instance once a second, or with the
/// time of each frame that holds no TCP; `tcphs_table_observe_frame` does that itself.
///
/// An earlier time than before changes nothing. One that is more than an hour ahead may be wrong:
/// it counts once the next call or segment says the same.
///
/// # Safety
/// `table` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_tell_time(
    table: *mut tcphs_table,
    time_ns: i64,
) -> tcphs_status {
    // SAFETY: the caller guarantees what `with` needs of `table`.
    unsafe {
        with(table, &mut (), "table_tell_time", |engine| {
            engine.tell_time(time_ns);
            Ok(())
        })
    }
}

/// Writes the connection of the latest annotation to `out`, as it stands now. The table keeps it.
///
/// Errors: `TCPHS_NULL_ARGUMENT`; `TCPHS_NOT_FOUND` before the first segment, or if that connection
/// has left the table.
///
/// # Safety
/// Each pointer is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_latest(
    table: *mut tcphs_table,
    out: *mut tcphs_verdict,
) -> tcphs_status {
    // SAFETY: the caller guarantees what `with` needs.
    unsafe {
        with(table, out, "table_latest", |engine| {
            engine.latest().ok_or(tcphs_status::TCPHS_NOT_FOUND)
        })
    }
}

/// Takes out the connection that closed first, and writes its final verdict to `out`. A connection
/// closes when it has been finished or silent for so long that no segment can belong to it any more.
///
/// Errors: `TCPHS_NULL_ARGUMENT`; `TCPHS_NOT_FOUND` if there is none (yet).
///
/// # Safety
/// Each pointer is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_next_closed(
    table: *mut tcphs_table,
    out: *mut tcphs_verdict,
) -> tcphs_status {
    // SAFETY: the caller guarantees what `with` needs.
    unsafe {
        with(table, out, "table_next_closed", |engine| {
            engine.next_closed().ok_or(tcphs_status::TCPHS_NOT_FOUND)
        })
    }
}

/// Writes the next connection that has not closed to `out`, by number, as it stands now; for the end
/// of a capture. The table keeps it. After a call that changes the table, the first one comes again.
///
/// Errors: `TCPHS_NULL_ARGUMENT`; `TCPHS_NOT_FOUND` after the last.
///
/// # Safety
/// Each pointer is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_next_open(
    table: *mut tcphs_table,
    out: *mut tcphs_verdict,
) -> tcphs_status {
    // SAFETY: the caller guarantees what `with` needs.
    unsafe {
        with(table, out, "table_next_open", |engine| {
            engine.next_open().ok_or(tcphs_status::TCPHS_NOT_FOUND)
        })
    }
}

/// The number of closed connections dropped because `tcphs_table_next_closed` did not ask for them
/// in time; 0 for null.
///
/// # Safety
/// `table` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_forgotten(table: *mut tcphs_table) -> u64 {
    // SAFETY: the contract is the same.
    unsafe { count(table, "table_forgotten", Engine::forgotten) }
}

/// The number of open connections that left the table because it was full: their further
/// segments count as new connections. 0 for null.
///
/// # Safety
/// `table` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_evicted(table: *mut tcphs_table) -> u64 {
    // SAFETY: the contract is the same.
    unsafe { count(table, "table_evicted", Engine::evicted) }
}

/// The message of the internal error, once a call has returned `TCPHS_PANIC`; null before. It
/// belongs to the table and lives as long as that.
///
/// # Safety
/// `table` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_failure(table: *const tcphs_table) -> *const c_char {
    // SAFETY: the caller guarantees that the pointer is null or valid.
    let failure = unsafe { table.as_ref() }.and_then(|table| table.guarded.failure());
    failure.map_or(ptr::null(), |failure| failure.as_ptr())
}

/// Runs `work` and writes what it returns to `out`.
///
/// # Safety
/// `table` is null, or valid and not in use; `out` is null or valid for writes.
unsafe fn with<T>(
    table: *mut tcphs_table,
    out: *mut T,
    name: &str,
    work: impl FnOnce(&mut Engine) -> Result<T, tcphs_status>,
) -> tcphs_status {
    // SAFETY: the caller guarantees that the pointer is null or valid, and not in use.
    let (Some(table), false) = (unsafe { table.as_mut() }, out.is_null()) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    table.guarded.run(|engine| {
        entry(name);
        match work(engine) {
            Ok(value) => {
                // SAFETY: not null, and valid for writes; it may be uninitialised.
                unsafe { out.write(value) };
                tcphs_status::TCPHS_OK
            }
            Err(status) => status,
        }
    })
}

/// # Safety
/// `table` is null, or valid and not in use.
unsafe fn count(table: *mut tcphs_table, name: &str, count: fn(&Engine) -> u64) -> u64 {
    let mut counted = 0;
    // SAFETY: the contract is the same, and `counted` is valid for writes. Null leaves it 0.
    let _ = unsafe { with(table, &mut counted, name, |engine| Ok(count(engine))) };
    counted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tcphs_status::*;
    use std::ffi::CStr;
    use std::mem::MaybeUninit;

    #[test]
    fn a_table_that_panicked_is_silent() {
        let table = tcphs_table_new();
        let mut verdict = MaybeUninit::uninit();
        // SAFETY: the table is valid, and freed once; the text is read before that.
        unsafe {
            let panics = |_: &mut Engine| -> Result<(), tcphs_status> { panic!("on purpose") };
            assert_eq!(with(table, &mut (), "test", panics), TCPHS_PANIC);
            assert_eq!(tcphs_table_next_closed(table, verdict.as_mut_ptr()), TCPHS_SILENT);
            let failure = CStr::from_ptr(tcphs_table_failure(table)).to_str().unwrap();
            assert!(failure.starts_with("on purpose"), "{failure}");
            tcphs_table_free(table);
        }
    }

    #[test]
    fn null_gives_a_status() {
        let table = tcphs_table_new();
        let (none, nowhere) = (ptr::null_mut(), ptr::null_mut());
        let mut verdict = MaybeUninit::uninit();
        // SAFETY: null is allowed everywhere, and the table is freed once.
        unsafe {
            assert_eq!(tcphs_table_observe(table, ptr::null(), nowhere), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_table_observe(none, ptr::null(), nowhere), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_table_observe_icmp(table, ptr::null(), nowhere), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_table_tell_time(none, 0), TCPHS_NULL_ARGUMENT);
            for function in [tcphs_table_latest, tcphs_table_next_closed, tcphs_table_next_open] {
                assert_eq!(function(table, ptr::null_mut()), TCPHS_NULL_ARGUMENT);
                assert_eq!(function(none, verdict.as_mut_ptr()), TCPHS_NULL_ARGUMENT);
                assert_eq!(function(table, verdict.as_mut_ptr()), TCPHS_NOT_FOUND);
            }
            assert_eq!((tcphs_table_forgotten(none), tcphs_table_evicted(none)), (0, 0));
            assert!(tcphs_table_failure(none).is_null() && tcphs_table_failure(table).is_null());
            tcphs_table_free(table);
            tcphs_table_free(none);
        }
    }
}
