//! The segments as the tap hands them to its listeners: statistics and the flow graph.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use dissector_core::connection::{Annotation, Role, Stage};

use super::{tcphs_session, tcphs_status};
use crate::session::{PointFacts, SegmentFacts};
use crate::show::fate::{FateText, FateWord};
use crate::show::text::{BothStates, Style, TextBuffer, write_answer, write_short_info};
use c_api::boundary::entry;
use c_api::segment::address_octets;

/// Most octets of the label of an arrow.
pub const TCPHS_MAX_LABEL: usize = 64;

/// Most octets of the comment beside an arrow.
pub const TCPHS_MAX_COMMENT: usize = 192;

/// Most octets of the name of a point beside an arrow.
pub const TCPHS_MAX_POINT: usize = 64;

/// One segment for the listeners of the tap.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_tapped {
    /// Number of its connection.
    pub connection: u32,
    /// The connection for statistics: where a file has several points, as this point saw it.
    pub half: u32,
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// Address of the sender, in network order; an IPv4 address is in the first 4 octets.
    pub source: [u8; 16],
    /// Address of the receiver, likewise.
    pub destination: [u8; 16],
    /// 4 or 6; 0 if sender and receiver are not those of the connection, as for an ICMP error.
    pub ip_version: u8,
    /// Whether the flow graph shows it: it has a stage, or is an ACK that answers a repeated segment.
    /// Otherwise `label` and `comment` are empty.
    pub shown: bool,
    /// Whether every frame had been learned before.
    pub later: bool,
    /// Where a file has several points: the points between which an arrow is drawn, C strings. An
    /// empty one stands for the end itself.
    pub points: [[u8; TCPHS_MAX_POINT]; 2],
    /// Label of an arrow: the step, a C string.
    pub label: [u8; TCPHS_MAX_LABEL],
    /// Comment beside the arrow: states, or what became of the segment, and the connection; a C string.
    pub comment: [u8; TCPHS_MAX_COMMENT],
}

impl Default for tcphs_tapped {
    fn default() -> Self {
        Self {
            connection: 0,
            half: 0,
            source_port: 0,
            destination_port: 0,
            source: [0; 16],
            destination: [0; 16],
            ip_version: 0,
            shown: false,
            later: false,
            points: [[0; TCPHS_MAX_POINT]; 2],
            label: [0; TCPHS_MAX_LABEL],
            comment: [0; TCPHS_MAX_COMMENT],
        }
    }
}

impl tcphs_tapped {
    fn fill(&mut self, facts: &SegmentFacts<'_>, later: bool) {
        let annotation = facts.annotation;
        self.later = later;
        self.connection = annotation.connection;
        self.half = facts.point.map_or(annotation.connection, |point| point.half());
        self.shown = annotation.stage != Stage::None || facts.answers_a_copy;
        self.ip_version = 0;
        let ends = [facts.connection.client(), facts.connection.server()];
        match annotation.sender {
            Role::Client => self.address(ends[0], ends[1]),
            Role::Server => self.address(ends[1], ends[0]),
            _ => {}
        }
        (self.label[0], self.comment[0]) = (0, 0);
        self.points = [[0; TCPHS_MAX_POINT]; 2];
        if self.shown {
            let point = facts.point;
            write(&mut self.label, Label { annotation: &annotation, point });
            write(
                &mut self.comment,
                Comment { annotation: &annotation, style: facts.settings.style, point },
            );
            if let Some(point) = point {
                let names = point.leg().map(|point| point.unwrap_or_default());
                self.points.iter_mut().zip(names).for_each(|(room, name)| write(room, name));
            }
        }
    }

    fn address(&mut self, source: SocketAddr, destination: SocketAddr) {
        self.ip_version = if source.is_ipv4() { 4 } else { 6 };
        (self.source_port, self.destination_port) = (source.port(), destination.port());
        self.source = address_octets(source.ip());
        self.destination = address_octets(destination.ip());
    }
}

/// Writes a C string; a text that does not fit is left out.
fn write(room: &mut [u8], text: impl Display) {
    if TextBuffer::new(room).push(text).is_none() {
        room[0] = 0;
    }
}

/// `2/3 SYN/ACK`, `1/3 SYN, again`, `1/3 SYN, lost`.
struct Label<'a> {
    annotation: &'a Annotation,
    point: Option<PointFacts<'a>>,
}

impl Display for Label<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.annotation.stage {
            // It has no stage because it was sent before.
            Stage::None => write_answer(f)?,
            _ => write_short_info(f, self.annotation)?,
        }
        let fate = self.point.map(|point| FateWord(point).to_string()).unwrap_or_default();
        write!(f, "{}{fate}", if fate.is_empty() { "" } else { ", " })
    }
}

/// `ESTABLISHED? / SYN-RECEIVED, conn 0`. Wireshark cuts a comment after about 45 characters, so what became
/// of a segment between points takes the place of the states.
struct Comment<'a> {
    annotation: &'a Annotation,
    style: Style,
    point: Option<PointFacts<'a>>,
}

impl Display for Comment<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { annotation, style, point } = *self;
        let fate = point.map(|point| FateText(point).to_string()).unwrap_or_default();
        match &*fate {
            "" => write!(f, "{}", BothStates { annotation, style })?,
            fate => f.write_str(fate)?,
        }
        write!(f, ", conn {}", annotation.connection)
    }
}

/// Writes segment `nth` of the frame, from 0, for the listeners of the tap. `TCPHS_NOT_FOUND` if the
/// frame has no such segment. `later` is true if every frame has been learned.
///
/// # Safety
/// `session` is null or valid; `out` is null, or valid and initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_session_tapped(
    session: *mut tcphs_session,
    frame: u32,
    nth: u32,
    later: bool,
    out: *mut tcphs_tapped,
) -> tcphs_status {
    // SAFETY: the caller guarantees that each pointer is null or valid, and not in use.
    let (Some(session), Some(out)) = (unsafe { (session.as_mut(), out.as_mut()) }) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    session.guarded.run(|session| {
        entry("session_tapped");
        if later {
            session.compare_points();
        }
        let Some(facts) = session.segment(frame, nth) else {
            return tcphs_status::TCPHS_NOT_FOUND;
        };
        out.fill(&facts, later);
        tcphs_status::TCPHS_OK
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Session, tests::handshake};
    use std::ffi::CStr;
    use std::ptr;

    #[test]
    fn an_arrow_has_its_ends_and_texts() {
        let mut session = Session::default();
        handshake(&mut session);
        let mut tapped = tcphs_tapped::default();
        tapped.fill(&session.segment(2, 0).unwrap(), false);
        assert!(tapped.shown && tapped.ip_version == 4);
        assert_eq!((tapped.source_port, tapped.destination_port), (80, 40000));
        assert_eq!(tapped.source[..4], [10, 0, 0, 2]);
        let text = |octets: &[u8]| CStr::from_bytes_until_nul(octets).unwrap().to_owned();
        assert_eq!(text(&tapped.label).as_c_str(), c"2/3 SYN/ACK");
        let comment = c"ESTABLISHED? / SYN-RECEIVED, conn 0";
        assert_eq!(text(&tapped.comment).as_c_str(), comment);
    }

    #[test]
    fn null_gives_a_status() {
        use tcphs_status::TCPHS_NULL_ARGUMENT;

        let mut tapped = tcphs_tapped::default();
        // SAFETY: null is allowed.
        let status = unsafe { tcphs_session_tapped(ptr::null_mut(), 1, 0, true, &mut tapped) };
        assert_eq!(status, TCPHS_NULL_ARGUMENT);
    }
}
