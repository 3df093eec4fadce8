//! The session: the segments of one capture file, by frame.

use std::ffi::CStr;
use std::ptr;

use libc::c_char;

use super::{tcphs_segment, tcphs_status};
use crate::session::Session;
use crate::session::points::Interface;
use crate::show::{expert_items, view};
use c_api::boundary::{Guarded, entry, guard};

/// Most items of a view.
pub const TCPHS_MAX_ITEMS: usize = 112;

/// Most octets of text of a view, or of the expert items of a segment.
pub const TCPHS_MAX_TEXT: usize = 4096;

/// Most expert items of a segment.
pub const TCPHS_MAX_EXPERT_ITEMS: usize = 16;

/// Stands for "no time".
pub const TCPHS_NO_TIME: i64 = i64::MIN;

/// Stands for "no text" instead of the place of a text.
pub const TCPHS_NO_TEXT: u32 = u32::MAX;

/// The segments of one capture file, by frame.
///
/// For each frame, `tcphs_session_learn` is called once for each segment, then
/// `tcphs_session_end_frame` once. Afterwards `tcphs_session_info`, `tcphs_session_view` and
/// `tcphs_session_expert_items` may be called any number of times, in any order of frames.
pub struct tcphs_session {
    pub(super) guarded: Guarded<Session>,
}

/// One line of the packet details.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct tcphs_item {
    /// Value of a number (a negative one in two's complement) or boolean; nanoseconds of a time.
    pub number: u64,
    /// Place in `tcphs_view.text` of a C string, or of an address in network order. With `subtree`
    /// that string is the whole line. Otherwise `TCPHS_NO_TEXT`.
    pub text: u32,
    /// Number of the field, from 0 in the order of registration.
    pub field: u8,
    /// 0 directly below the protocol, 1 in the latest subtree.
    pub level: u8,
    /// 1 if a subtree for the client begins here, 2 for the server, 3 for the verdict,
    /// 4 for the way between two points, otherwise 0.
    pub subtree: u8,
    /// True if it is for filters only, because another line shows the same.
    pub hidden: bool,
}

/// The parts of a view that are wanted.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_wanted {
    /// For each field, from 0 in the order of registration, whether it is wanted (0: no).
    pub fields: [u8; TCPHS_MAX_ITEMS],
    /// Whether the line of the protocol is wanted.
    pub summary: bool,
}

impl Default for tcphs_wanted {
    fn default() -> Self {
        Self { fields: [0; TCPHS_MAX_ITEMS], summary: false }
    }
}

/// The lines that the packet details show for one segment.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_view {
    /// Place in `text` of the line of the protocol, or `TCPHS_NO_TEXT`.
    pub summary: u32,
    /// Number of valid `items`.
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

/// One expert item of a segment, as Wireshark calls it: a finding, and what its line says after the summary.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct tcphs_expert_item {
    /// Place in `tcphs_expert_items.text` of a C string, or `TCPHS_NO_TEXT`.
    pub text: u32,
    /// Number of its entry, from 0 in the order of registration: `enum tcphs_finding`, and after its
    /// last value the findings that are warnings in some cases.
    pub entry: u8,
}

/// The expert items of one segment.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_expert_items {
    /// Number of valid `items`.
    pub count: u32,
    /// The items.
    pub items: [tcphs_expert_item; TCPHS_MAX_EXPERT_ITEMS],
    /// The texts.
    pub text: [u8; TCPHS_MAX_TEXT],
}

impl Default for tcphs_expert_items {
    fn default() -> Self {
        let items = [tcphs_expert_item::default(); TCPHS_MAX_EXPERT_ITEMS];
        Self { count: 0, items, text: [0; TCPHS_MAX_TEXT] }
    }
}

/// Most connections that a session holds at once. With the feature `faults`, `TCPHS_LIMIT` sets it.
fn connection_limit() -> usize {
    #[cfg(feature = "faults")]
    if let Some(limit) = std::env::var("TCPHS_LIMIT").ok().and_then(|limit| limit.parse().ok()) {
        return limit;
    }
    dissector_core::DEFAULT_LIMIT
}

/// An empty session, to be freed with `tcphs_session_free`; null if it cannot be made.
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
/// `session` is null, or comes from `tcphs_session_new` and was not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_free(session: *mut tcphs_session) {
    guard((), || {
        entry("session_free");
        if !session.is_null() {
            // SAFETY: the caller guarantees that it came from Box::into_raw and was not freed.
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
    // SAFETY: the caller guarantees that each pointer is null or valid, and the session not in use.
    let (Some(session), Some(segment)) = (unsafe { (session.as_mut(), segment.as_ref()) }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        entry("session_learn");
        let Ok(frame) = u32::try_from(segment.frame) else {
            return tcphs_status::TCPHS_INVALID_ARGUMENT;
        };
        // SAFETY: the caller guarantees that `captured` is valid for its length.
        match unsafe { segment.parse() } {
            Ok(segment) => session.learn(frame, &segment),
            Err(status) => return status,
        }
        tcphs_status::TCPHS_OK
    })
}

/// Learns an ICMP or ICMPv6 message; `message->captured` begins with its header. Messages that are no
/// errors, or quote no known segment, give `TCPHS_OK` and change nothing.
///
/// # Safety
/// Each pointer is null or valid, and `message->captured` for `message->captured_octets` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_learn_icmp(
    session: *mut tcphs_session,
    message: *const tcphs_segment,
) -> tcphs_status {
    // SAFETY: the caller guarantees that each pointer is null or valid, and the session not in use.
    let (Some(session), Some(message)) = (unsafe { (session.as_mut(), message.as_ref()) }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        entry("session_learn_icmp");
        let Ok(frame) = u32::try_from(message.frame) else {
            return tcphs_status::TCPHS_INVALID_ARGUMENT;
        };
        // SAFETY: the caller guarantees that `captured` is valid for its length.
        match unsafe { message.parse_icmp() } {
            Ok(error) => session.learn_icmp(frame, &error),
            Err(tcphs_status::TCPHS_NO_HEADER) => {}
            Err(status) => return status,
        }
        tcphs_status::TCPHS_OK
    })
}

/// Tells at which interface the frames from now on were captured, before they are learned: the
/// interfaces of this file are points of the way. Not called for other files. `section` and `interface`
/// are Wireshark's numbers. `name` is its name, or null; `description` that of the interface, or null.
///
/// # Safety
/// `session` is null or valid; `name` and `description` are null or C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_turn_to_point(
    session: *mut tcphs_session,
    section: u32,
    interface: u32,
    name: *const c_char,
    description: *const c_char,
) -> tcphs_status {
    // SAFETY: the caller guarantees that the pointer is null or valid, and the session not in use.
    let Some(session) = (unsafe { session.as_mut() }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    let text = |text: *const c_char| {
        if text.is_null() {
            return Default::default();
        }
        // SAFETY: not null, and the caller guarantees that it is a C string.
        unsafe { CStr::from_ptr(text) }.to_string_lossy()
    };
    let (name, description) = (text(name), text(description));
    session.guarded.run(|session| {
        entry("session_turn_to_point");
        session.turn_to_point(Interface { section, id: interface }, &name, &description);
        tcphs_status::TCPHS_OK
    })
}

/// Ends the first dissection of a frame, with or without segments. `time_ns` is its time, by which
/// connections are judged, or `TCPHS_NO_TIME` if it is no packet.
///
/// Segments that an earlier frame with the same number had are forgotten: Wireshark gives the number
/// of a frame that a read filter rejects to the next frame.
///
/// Returns `TCPHS_FULL` once, when the first open connection was dropped to make room.
///
/// # Safety
/// `session` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_end_frame(
    session: *mut tcphs_session,
    frame: u32,
    time_ns: i64,
) -> tcphs_status {
    // SAFETY: the caller guarantees that the pointer is null or valid, and the session not in use.
    let Some(session) = (unsafe { session.as_mut() }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        entry("session_end_frame");
        let time_ns = (time_ns != TCPHS_NO_TIME).then_some(time_ns);
        let full = session.end_frame(frame, time_ns);
        if full { tcphs_status::TCPHS_FULL } else { tcphs_status::TCPHS_OK }
    })
}

/// Points `out` to the text of the Info column for the frame: one part for each segment that has a
/// stage, or for every segment if so configured, separated by ` | `. The text lives until the next
/// call with this session. `TCPHS_NOT_FOUND` if the frame has no such segment.
///
/// What became of a segment between points is included only if `later` is true, which means that
/// every frame has been learned.
///
/// # Safety
/// `session` is null or valid; `out` is null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_info(
    session: *mut tcphs_session,
    frame: u32,
    later: bool,
    out: *mut *const c_char,
) -> tcphs_status {
    // SAFETY: the caller guarantees that the pointer is null or valid, and the session not in use.
    let (Some(session), false) = (unsafe { session.as_mut() }, out.is_null()) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        entry("session_info");
        let Some(text) = session.info(frame, later) else {
            return tcphs_status::TCPHS_NOT_FOUND;
        };
        // SAFETY: not null, and valid for writes. The text ends with NUL.
        unsafe { out.write(text.as_ptr().cast()) };
        tcphs_status::TCPHS_OK
    })
}

/// Writes the lines of the packet details for segment `nth` of the frame, from 0. `TCPHS_NOT_FOUND`
/// if the frame has no such segment.
///
/// The verdict on the connection is included only if `later` is true, which means that every frame
/// has been learned. `wanted` is null for everything.
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
    // SAFETY: the caller guarantees that each pointer is null or valid, and not in use.
    let (Some(session), Some(out)) = (unsafe { (session.as_mut(), out.as_mut()) }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    // SAFETY: the caller guarantees that it is null or valid.
    let wanted = unsafe { wanted.as_ref() };
    session.guarded.run(|session| {
        entry("session_view");
        if later {
            session.compare_points();
        }
        if later && wanted.is_none_or(view::needs_proofs) {
            session.update_proofs();
        }
        let Some(facts) = session.segment(frame, nth) else {
            return tcphs_status::TCPHS_NOT_FOUND;
        };
        view::write(&facts, later, wanted, out);
        tcphs_status::TCPHS_OK
    })
}

/// Writes the expert items of segment `nth` of the frame, from 0; there may be none.
/// `TCPHS_NOT_FOUND` if the frame has no such segment.
///
/// Findings that depend on later segments, or on their absence, are included only if `later` is true,
/// which means that every frame has been learned.
///
/// # Safety
/// `session` is null or valid; `out` is null, or valid and initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_expert_items(
    session: *mut tcphs_session,
    frame: u32,
    nth: u32,
    later: bool,
    out: *mut tcphs_expert_items,
) -> tcphs_status {
    // SAFETY: the caller guarantees that each pointer is null or valid, and not in use.
    let (Some(session), Some(out)) = (unsafe { (session.as_mut(), out.as_mut()) }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        entry("session_expert_items");
        if later {
            session.compare_points();
        }
        let Some(facts) = session.segment(frame, nth) else {
            return tcphs_status::TCPHS_NOT_FOUND;
        };
        let earlier = facts.point.filter(|_| later).and_then(|point| point.earlier_frame());
        let earlier = earlier.and_then(|frame| session.segment(frame, 0));
        expert_items::write(&facts, later, earlier.as_ref(), out);
        tcphs_status::TCPHS_OK
    })
}

/// The message of the internal error, once a call has returned `TCPHS_PANIC`; null before. It lives
/// as long as the session.
///
/// # Safety
/// `session` is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_failure(session: *const tcphs_session) -> *const c_char {
    // SAFETY: the caller guarantees that the pointer is null or valid.
    let session = unsafe { session.as_ref() };
    let failure = session.and_then(|session| session.guarded.failure());
    failure.map_or(ptr::null(), |failure| failure.as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::SYN;

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
            assert_eq!(tcphs_session_end_frame(none, 1, 0), TCPHS_NULL_ARGUMENT);
            let turn = tcphs_session_turn_to_point;
            assert_eq!(turn(none, 0, 0, ptr::null(), ptr::null()), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_session_info(none, 1, true, ptr::null_mut()), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_session_info(session, 1, true, ptr::null_mut()), TCPHS_NULL_ARGUMENT);
            assert_eq!(
                tcphs_session_view(session, 1, 0, true, all, ptr::null_mut()),
                TCPHS_NULL_ARGUMENT
            );
            let mut view = tcphs_view::default();
            assert_eq!(tcphs_session_view(none, 1, 0, true, all, &mut view), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_session_view(session, 1, 0, true, all, &mut view), TCPHS_NOT_FOUND);
            let mut items = tcphs_expert_items::default();
            let write = tcphs_session_expert_items;
            assert_eq!(write(session, 1, 0, true, ptr::null_mut()), TCPHS_NULL_ARGUMENT);
            assert_eq!(write(none, 1, 0, true, &mut items), TCPHS_NULL_ARGUMENT);
            assert_eq!(write(session, 1, 0, true, &mut items), TCPHS_NOT_FOUND);
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
                let status = tcphs_session_info(session, frame, false, &mut text);
                (status == TCPHS_OK).then(|| CStr::from_ptr(text).to_str().unwrap().to_owned())
            };
            for (frame, segments) in [(1, 1), (2, 2), (3, 0)] {
                for _ in 0..segments {
                    assert_eq!(tcphs_session_learn(session, &segment(frame)), TCPHS_OK);
                }
                assert_eq!(tcphs_session_end_frame(session, frame as u32, 0), TCPHS_OK);
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
