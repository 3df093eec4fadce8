//! The session: what the Wireshark plugin keeps of one capture file.

use std::ptr;

use libc::c_char;

use super::{tcphs_segment, tcphs_status};
use crate::session::{Session, Told};
use crate::{remark, view};
use c_api::boundary::{Guarded, entry, guard};

/// How many items a view has at most.
pub const TCPHS_MAX_ITEMS: usize = 112;

/// How many octets of text a view, or the remarks on a segment, have at most.
pub const TCPHS_MAX_TEXT: usize = 4096;

/// How many remarks on a segment there are at most.
pub const TCPHS_MAX_REMARKS: usize = 16;

/// Stands for "no text" where the place of a text is expected.
pub const TCPHS_NO_TEXT: u32 = u32::MAX;

/// What was learned of the segments of one capture file, by frame.
///
/// The life of a frame: `tcphs_session_learn` for each of its segments, `tcphs_session_end_frame`,
/// then as often as wanted, in any order of frames, `tcphs_session_info`, `tcphs_session_view` and
/// `tcphs_session_remarks`.
pub struct tcphs_session {
    pub(super) guarded: Guarded<Session>,
}

/// One line of the packet details.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct tcphs_item {
    /// Value of a number or boolean, a negative one in two's complement; nanoseconds of a time.
    pub number: u64,
    /// Place in `tcphs_view.text` of a C string, or of an address in network order. With `subtree`
    /// the line itself. Otherwise `TCPHS_NO_TEXT`.
    pub text: u32,
    /// Number of the field, from 0 in the order of registration.
    pub field: u8,
    /// 0 below the protocol, 1 in the subtree opened last.
    pub level: u8,
    /// 1 if a subtree for the client begins here, 2 for the server, 3 for the verdict, otherwise 0.
    pub subtree: u8,
    /// For filters only; the details show the same in another line.
    pub hidden: bool,
}

/// What of a view is wanted.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_wanted {
    /// For each field, from 0 in the order of registration, whether it is wanted: 0 if not.
    pub fields: [u8; TCPHS_MAX_ITEMS],
    /// Whether the line of the protocol is wanted.
    pub summary: bool,
}

impl Default for tcphs_wanted {
    fn default() -> Self {
        Self { fields: [0; TCPHS_MAX_ITEMS], summary: false }
    }
}

/// What the packet details show of one segment.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_view {
    /// Place in `text` of the line of the protocol, or `TCPHS_NO_TEXT`.
    pub summary: u32,
    /// How many of `items` there are.
    pub item_count: u32,
    /// The lines, from top to bottom.
    pub items: [tcphs_item; TCPHS_MAX_ITEMS],
    /// The texts.
    pub text: [u8; TCPHS_MAX_TEXT],
}

impl Default for tcphs_view {
    fn default() -> Self {
        let items = [tcphs_item::default(); TCPHS_MAX_ITEMS];
        Self { summary: TCPHS_NO_TEXT, item_count: 0, items, text: [0; TCPHS_MAX_TEXT] }
    }
}

/// A remark on a segment: Wireshark's expert information.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct tcphs_remark {
    /// Place in `tcphs_remarks.text` of a C string, or `TCPHS_NO_TEXT`.
    pub text: u32,
    /// Number of its entry, from 0 in the order of registration: `enum tcphs_anomaly`, and after
    /// its last value a SYN that was repeated often.
    pub entry: u8,
}

/// The remarks on one segment.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_remarks {
    /// How many of `items` there are.
    pub count: u32,
    /// The remarks.
    pub items: [tcphs_remark; TCPHS_MAX_REMARKS],
    /// The texts.
    pub text: [u8; TCPHS_MAX_TEXT],
}

impl Default for tcphs_remarks {
    fn default() -> Self {
        let items = [tcphs_remark::default(); TCPHS_MAX_REMARKS];
        Self { count: 0, items, text: [0; TCPHS_MAX_TEXT] }
    }
}

/// How many connections a session holds at once. With the feature `faults`, `TCPHS_LIMIT` sets it.
fn connection_limit() -> usize {
    #[cfg(feature = "faults")]
    if let Some(limit) = std::env::var("TCPHS_LIMIT").ok().and_then(|limit| limit.parse().ok()) {
        return limit;
    }
    dissector_core::DEFAULT_LIMIT
}

/// An empty session; null where there is no memory for it. To be freed with `tcphs_session_free`.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_session_new() -> *mut tcphs_session {
    guard(ptr::null_mut(), || {
        entry("session_new");
        Box::into_raw(Box::new(tcphs_session {
            guarded: Guarded::new(Session::with_limit(connection_limit())),
        }))
    })
}

/// Frees a session. Null is allowed.
///
/// # Safety
/// `session` comes from `tcphs_session_new` and was not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_free(session: *mut tcphs_session) {
    guard((), || {
        entry("session_free");
        if !session.is_null() {
            // SAFETY: the caller says that it came from Box::into_raw and is still whole.
            drop(unsafe { Box::from_raw(session) });
        }
    });
}

/// Learns one segment of the frame `segment->frame`.
///
/// # Safety
/// Each pointer is null or valid, and `segment->captured` for `segment->captured_octets` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_learn(
    session: *mut tcphs_session,
    segment: *const tcphs_segment,
) -> tcphs_status {
    // SAFETY: the caller says that each pointer is null or valid, and nobody else uses the session.
    let (Some(session), Some(segment)) = (unsafe { (session.as_mut(), segment.as_ref()) }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        entry("session_learn");
        let Ok(frame) = u32::try_from(segment.frame) else {
            return tcphs_status::TCPHS_INVALID_ARGUMENT;
        };
        // SAFETY: the caller vouches for `captured` and its length.
        match unsafe { segment.parse() } {
            Ok(segment) => session.learn(frame, &segment),
            Err(status) => return status,
        }
        tcphs_status::TCPHS_OK
    })
}

/// Learns an ICMP or ICMPv6 message: `message->captured` starts with its header. What is no error,
/// or quotes no segment that was seen, gives `TCPHS_OK` too, and changes nothing.
///
/// # Safety
/// Each pointer is null or valid, and `message->captured` for `message->captured_octets` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_learn_icmp(
    session: *mut tcphs_session,
    message: *const tcphs_segment,
) -> tcphs_status {
    // SAFETY: the caller says that each pointer is null or valid, and nobody else uses the session.
    let (Some(session), Some(message)) = (unsafe { (session.as_mut(), message.as_ref()) }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        entry("session_learn_icmp");
        let Ok(frame) = u32::try_from(message.frame) else {
            return tcphs_status::TCPHS_INVALID_ARGUMENT;
        };
        // SAFETY: the caller vouches for `captured` and its length.
        match unsafe { message.parse_icmp() } {
            Ok(error) => session.learn_icmp(frame, &error),
            Err(tcphs_status::TCPHS_NO_HEADER) => {}
            Err(status) => return status,
        }
        tcphs_status::TCPHS_OK
    })
}

/// To be called once the frame has been dissected for the first time, with or without segments.
///
/// What was learned before the call of an earlier frame with the same number is forgotten: Wireshark
/// uses the numbers of frames that a read filter rejects again.
///
/// `TCPHS_FULL` once, when the first connection was let go that was not closed.
///
/// # Safety
/// `session` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_end_frame(
    session: *mut tcphs_session,
    frame: u32,
) -> tcphs_status {
    // SAFETY: the caller says that the pointer is null or valid, and nobody else uses the session.
    let Some(session) = (unsafe { session.as_mut() }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        entry("session_end_frame");
        match session.end_frame(frame) {
            Told::Nothing => tcphs_status::TCPHS_OK,
            Told::Full => tcphs_status::TCPHS_FULL,
        }
    })
}

/// Points `out` to what the Info column says of the frame: one text for each segment that has a
/// stage, or for every one if so chosen, parted by ` | `. It lives until the next call with this
/// session. `TCPHS_NOT_FOUND` if the frame has no such segment.
///
/// # Safety
/// `session` is null or valid; `out` is null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_info(
    session: *mut tcphs_session,
    frame: u32,
    out: *mut *const c_char,
) -> tcphs_status {
    // SAFETY: the caller says that the pointer is null or valid, and nobody else uses the session.
    let (Some(session), false) = (unsafe { session.as_mut() }, out.is_null()) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        entry("session_info");
        let Some(text) = session.info(frame) else {
            return tcphs_status::TCPHS_NOT_FOUND;
        };
        // SAFETY: not null, and valid for writes. The text ends with NUL.
        unsafe { out.write(text.as_ptr().cast()) };
        tcphs_status::TCPHS_OK
    })
}

/// Writes what the packet details show of segment `nth` of the frame, from 0. `TCPHS_NOT_FOUND` if
/// the frame has no such segment.
///
/// `later` says that every frame has been learned: only then does what the connection came to stand
/// in it. `wanted` is null for everything.
///
/// # Safety
/// `session` and `wanted` are null or valid; `out` is null, or valid and initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_view(
    session: *mut tcphs_session,
    frame: u32,
    nth: u32,
    later: bool,
    wanted: *const tcphs_wanted,
    out: *mut tcphs_view,
) -> tcphs_status {
    // SAFETY: the caller says that each pointer is null or valid, and nobody else uses them.
    let (Some(session), Some(out)) = (unsafe { (session.as_mut(), out.as_mut()) }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    // SAFETY: the caller says that it is null or valid.
    let wanted = unsafe { wanted.as_ref() };
    session.guarded.run(|session| {
        entry("session_view");
        if later && wanted.is_none_or(view::takes_proofs) {
            session.take_in_proofs();
        }
        let Some(known) = session.segment(frame, nth) else {
            return tcphs_status::TCPHS_NOT_FOUND;
        };
        view::write(&known, later, wanted, out);
        tcphs_status::TCPHS_OK
    })
}

/// Writes the remarks on segment `nth` of the frame, from 0; there may be none. `TCPHS_NOT_FOUND` if
/// the frame has no such segment.
///
/// `later` says that every frame has been learned: only then is it said what takes later segments,
/// or their absence, to know.
///
/// # Safety
/// `session` is null or valid; `out` is null, or valid and initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_remarks(
    session: *mut tcphs_session,
    frame: u32,
    nth: u32,
    later: bool,
    out: *mut tcphs_remarks,
) -> tcphs_status {
    // SAFETY: the caller says that each pointer is null or valid, and nobody else uses them.
    let (Some(session), Some(out)) = (unsafe { (session.as_mut(), out.as_mut()) }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        entry("session_remarks");
        let Some(known) = session.segment(frame, nth) else {
            return tcphs_status::TCPHS_NOT_FOUND;
        };
        remark::write(&known, later, out);
        tcphs_status::TCPHS_OK
    })
}

/// What went wrong, once a call has given `TCPHS_PANIC`; null before. It lives as long as the
/// session.
///
/// # Safety
/// `session` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_failure(session: *const tcphs_session) -> *const c_char {
    // SAFETY: the caller says that the pointer is null or valid.
    let session = unsafe { session.as_ref() };
    let failure = session.and_then(|session| session.guarded.failure());
    failure.map_or(ptr::null(), |failure| failure.as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::SYN;
    use std::ffi::CStr;

    fn segment(frame: u64) -> tcphs_segment {
        let address = |last| {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&[10, 0, 0, last]);
            octets
        };
        tcphs_segment {
            frame,
            time_ns: 0,
            captured: SYN.as_ptr(),
            captured_octets: SYN.len(),
            tcp_octets: SYN.len() as u32,
            ip_id: -1,
            source: address(1),
            destination: address(2),
            ip_version: 4,
            ttl: 64,
        }
    }

    #[test]
    fn null_and_nonsense_give_a_status() {
        use tcphs_status::*;

        let session = tcphs_session_new();
        let good = segment(1);
        let none = ptr::null_mut();
        let all = ptr::null();
        // SAFETY: null is allowed everywhere, the rest is valid, and the session is freed once.
        unsafe {
            assert_eq!(tcphs_session_learn(none, &good), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_session_learn(session, ptr::null()), TCPHS_NULL_ARGUMENT);
            let bad = tcphs_segment { captured: ptr::null(), ..good };
            assert_eq!(tcphs_session_learn(session, &bad), TCPHS_NULL_ARGUMENT);
            let bad = tcphs_segment { ip_version: 5, ..good };
            assert_eq!(tcphs_session_learn(session, &bad), TCPHS_INVALID_ARGUMENT);
            let bad = tcphs_segment { frame: 1 << 32, ..good };
            assert_eq!(tcphs_session_learn(session, &bad), TCPHS_INVALID_ARGUMENT);
            let bad = tcphs_segment { captured_octets: 19, ..good };
            assert_eq!(tcphs_session_learn(session, &bad), TCPHS_NO_HEADER);
            assert_eq!(tcphs_session_end_frame(none, 1), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_session_info(none, 1, ptr::null_mut()), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_session_info(session, 1, ptr::null_mut()), TCPHS_NULL_ARGUMENT);
            assert_eq!(
                tcphs_session_view(session, 1, 0, true, all, ptr::null_mut()),
                TCPHS_NULL_ARGUMENT
            );
            let mut view = tcphs_view::default();
            assert_eq!(tcphs_session_view(none, 1, 0, true, all, &mut view), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_session_view(session, 1, 0, true, all, &mut view), TCPHS_NOT_FOUND);
            let mut said = tcphs_remarks::default();
            let remarks = tcphs_session_remarks;
            assert_eq!(remarks(session, 1, 0, true, ptr::null_mut()), TCPHS_NULL_ARGUMENT);
            assert_eq!(remarks(none, 1, 0, true, &mut said), TCPHS_NULL_ARGUMENT);
            assert_eq!(remarks(session, 1, 0, true, &mut said), TCPHS_NOT_FOUND);
            assert!(tcphs_session_failure(session).is_null());
            assert!(tcphs_session_failure(none).is_null());
            tcphs_session_free(session);
            tcphs_session_free(none);
        }
    }

    #[test]
    fn the_info_text_has_every_staged_segment_of_the_frame() {
        use tcphs_status::*;

        let session = tcphs_session_new();
        // SAFETY: all pointers are valid, the text is read before the next call, and the session is
        // freed once.
        unsafe {
            let info = |frame| {
                let mut text = ptr::null();
                let status = tcphs_session_info(session, frame, &mut text);
                (status == TCPHS_OK).then(|| CStr::from_ptr(text).to_str().unwrap().to_owned())
            };
            for (frame, segments) in [(1, 1), (2, 2), (3, 0)] {
                for _ in 0..segments {
                    assert_eq!(tcphs_session_learn(session, &segment(frame)), TCPHS_OK);
                }
                assert_eq!(tcphs_session_end_frame(session, frame as u32), TCPHS_OK);
            }
            let one = info(1).unwrap();
            assert!(one.starts_with("1/3 SYN [S] client SYN-SENT server "), "{one}");
            let two = info(2).unwrap();
            assert_eq!(two.matches("[S] client").count(), 2, "{two}");
            assert_eq!(two.split(" | ").count(), 2, "{two}");
            assert_eq!(info(3), None);
            assert_eq!(info(1), Some(one));
            tcphs_session_free(session);
        }
    }
}
