//! Texts about a segment.

use std::ffi::CString;
use std::fmt::{self, Display, Formatter, Write};
use std::net::SocketAddr;

use dissector_core::connection::{Annotation, Repeat, Stage, State, StateNames, States};

/// The style of states in the Info column and in the packet details.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Style {
    pub names: StateNames,
    /// Whether assumed states are marked.
    pub mark_assumed: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { names: StateNames::Rfc9293, mark_assumed: true }
    }
}

impl Style {
    fn name(self, state: State) -> &'static str {
        state.name_in(self.names)
    }

    /// Whether the state after is assumed, and to be marked.
    fn marks(self, states: &States) -> bool {
        self.mark_assumed && !states.proven() && states.after() != State::Unknown
    }

    /// The state after, with `?` where it is assumed: `ESTABLISHED?`.
    fn write_after(self, out: &mut impl Write, states: &States) -> fmt::Result {
        out.write_str(self.name(states.after()))?;
        out.write_str(if self.marks(states) { "?" } else { "" })
    }
}

/// Writes the text for the Info column: `2/3 SYN/ACK [S.] client ESTABLISHED? server SYN-RECEIVED`.
pub fn write_info(out: &mut impl Write, annotation: &Annotation, style: Style) -> fmt::Result {
    let start = if write_event(out, annotation)? { " " } else { "" };
    // An ICMP error has no flags.
    if annotation.stage != Stage::IcmpError {
        write!(out, "{start}[{}]", annotation.flags.tcpdump())?;
    }
    out.write_str(" client ")?;
    style.write_after(out, &annotation.client)?;
    out.write_str(" server ")?;
    style.write_after(out, &annotation.server)
}

/// Writes the step alone, for an Info column beside other columns: `1/3 SYN, again`.
pub fn write_short_info(out: &mut impl Write, annotation: &Annotation) -> fmt::Result {
    write_numbered(out, annotation)?;
    write_word(out, annotation)
}

/// What a segment is and whether it was sent before, for a column: `SYN, again`.
pub struct StageAndCopy<'a> {
    pub annotation: &'a Annotation,
    /// Whether it is an ACK without a stage that answers a repeated SYN/ACK or FIN.
    pub answers_a_copy: bool,
}

impl StageAndCopy<'_> {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        let Annotation { stage, copy, .. } = *self.annotation;
        (stage, copy) == (Stage::None, Repeat::Original) && !self.answers_a_copy
    }
}

impl Display for StageAndCopy<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.annotation.stage, self.annotation.copy.word()) {
            (Stage::None, None) if self.answers_a_copy => write_answer(f),
            (Stage::None, word) => f.write_str(word.unwrap_or_default()),
            (stage, _) => {
                f.write_str(stage.label())?;
                write_word(f, self.annotation)
            }
        }
    }
}

/// Writes the words for an ACK that answers a repeated SYN/ACK or FIN.
pub fn write_answer(out: &mut impl Write) -> fmt::Result {
    out.write_str("ACK, again")
}

/// The states of both ends after a segment, the client's first: `ESTABLISHED? / SYN-RECEIVED`.
pub struct BothStates<'a> {
    pub annotation: &'a Annotation,
    pub style: Style,
}

impl Display for BothStates<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.style.write_after(f, &self.annotation.client)?;
        f.write_str(" / ")?;
        self.style.write_after(f, &self.annotation.server)
    }
}

/// The line of the protocol in the packet details.
pub struct Summary<'a> {
    pub annotation: &'a Annotation,
    pub style: Style,
}

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let annotation = self.annotation;
        write!(f, "TCP Handshake, connection {}, ", annotation.connection)?;
        if write_event(f, annotation)? {
            f.write_str(", ")?;
        }
        write_states(f, annotation, self.style)
    }
}

/// Writes `client ESTABLISHED?, server SYN-RECEIVED`.
pub fn write_states(out: &mut impl Write, annotation: &Annotation, style: Style) -> fmt::Result {
    out.write_str("client ")?;
    style.write_after(out, &annotation.client)?;
    out.write_str(", server ")?;
    style.write_after(out, &annotation.server)
}

/// The line of one end in the packet details: `Client 10.0.0.1:40000: SYN-SENT → ESTABLISHED`.
pub struct EndpointLine<'a> {
    pub role: &'static str,
    pub endpoint: SocketAddr,
    pub states: &'a States,
    pub style: Style,
    /// The evidence in later frames, if the state is assumed here.
    pub evidence: Option<Evidence>,
}

/// Evidence in a later frame for or against an assumed state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Evidence {
    /// The frame proves it.
    Proof(u32),
    /// The frame shows that the side was not in that state.
    Refutation(u32),
    /// Nothing shows that the side was in that state: none of its segments was captured.
    Nothing,
}

impl Display for EndpointLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (before, after) = (self.states.before(), self.states.after());
        write!(f, "{} {}: ", self.role, self.endpoint)?;
        if before != after {
            write!(f, "{} → ", self.style.name(before))?;
        }
        f.write_str(self.style.name(after))?;
        if !self.style.marks(self.states) {
            return Ok(());
        }
        match self.evidence {
            None => f.write_str(" (assumed)"),
            Some(Evidence::Proof(frame)) => write!(f, " (assumed; certain with frame {frame})"),
            Some(Evidence::Refutation(frame)) => write!(f, " (assumed; refuted by frame {frame})"),
            Some(Evidence::Nothing) => f.write_str(" (assumed; nothing from it was captured)"),
        }
    }
}

/// Writes the step of the segment, or that it is a copy. Returns whether it wrote anything.
fn write_event(out: &mut impl Write, annotation: &Annotation) -> Result<bool, fmt::Error> {
    match (annotation.stage, annotation.copy) {
        (Stage::None, Repeat::Original) => return Ok(false),
        (Stage::None, copy) => write!(out, "{copy}")?,
        _ => write_step(out, annotation)?,
    }
    Ok(true)
}

/// Writes step and name, and whether it is a copy: `1/4 FIN (retransmission)`.
fn write_step(out: &mut impl Write, annotation: &Annotation) -> fmt::Result {
    write_numbered(out, annotation)?;
    match annotation.copy {
        Repeat::Original => Ok(()),
        copy => write!(out, " ({copy})"),
    }
}

/// Writes `, again` for a copy.
fn write_word(out: &mut impl Write, annotation: &Annotation) -> fmt::Result {
    annotation.copy.word().map_or(Ok(()), |word| write!(out, ", {word}"))
}

/// Writes step and name: `1/4 FIN`.
fn write_numbered(out: &mut impl Write, annotation: &Annotation) -> fmt::Result {
    if let Some(step) = annotation.stage.step() {
        out.write_str(step)?;
        out.write_str(" ")?;
    }
    out.write_str(match annotation.stage {
        // A reader would take its 4/4 for that of the close.
        Stage::MpJoinAck => "ACK (MP_JOIN)",
        stage => stage.name(),
    })
}

/// Nanoseconds as milliseconds: `21.0`; below one with three decimals: `0.042`.
pub struct Milliseconds(pub u64);

impl Display for Milliseconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0 as f64 / 1e6;
        let places = if milliseconds < 1.0 { 3 } else { 1 };
        write!(f, "{milliseconds:.places$}")
    }
}

/// A copy as a C string; the texts have no NUL inside.
pub fn c_string(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

/// A buffer of fixed size for texts. Texts that do not fit are left out; characters are never cut.
pub struct TextBuffer<'a> {
    room: &'a mut [u8],
    length: usize,
}

impl<'a> TextBuffer<'a> {
    pub fn new(room: &'a mut [u8]) -> Self {
        Self { room, length: 0 }
    }

    /// Appends `text` and a NUL, or nothing if they do not fit; returns the place of its first octet.
    pub fn push(&mut self, text: impl Display) -> Option<usize> {
        let start = self.length;
        if write!(self, "{text}\0").is_ok() {
            return Some(start);
        }
        self.length = start;
        None
    }

    /// Appends `octets` as they are, or nothing if they do not fit.
    pub fn push_octets(&mut self, octets: &[u8]) -> Option<usize> {
        let start = self.length;
        self.room.get_mut(start..start + octets.len())?.copy_from_slice(octets);
        self.length += octets.len();
        Some(start)
    }
}

impl Write for TextBuffer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let free = self.room.len() - self.length;
        let fits = text.floor_char_boundary(free.min(text.len()));
        self.room[self.length..][..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::session::tests::{SYN, first, handshake, octets, segment};
    use dissector_core::wire::TcpFlags;

    /// A SYN with the given stage and copy: client CLOSED → SYN-SENT, server LISTEN → SYN-RECEIVED.
    fn annotation(stage: Stage, copy: Repeat) -> Annotation {
        let mut session = Session::default();
        session.learn(1, &segment(&SYN));
        let mut annotation = first(&session, 1);
        (annotation.stage, annotation.copy) = (stage, copy);
        annotation
    }

    fn step(annotation: &Annotation) -> String {
        let mut text = String::new();
        write_step(&mut text, annotation).unwrap();
        text
    }

    #[test]
    fn info_begins_with_the_step() {
        let mut syn_ack = annotation(Stage::SynAck, Repeat::Original);
        syn_ack.flags = TcpFlags::SYN | TcpFlags::ACK;
        let mut info = String::new();
        write_info(&mut info, &syn_ack, Style::default()).unwrap();
        assert_eq!(info, "2/3 SYN/ACK [S.] client SYN-SENT server SYN-RECEIVED?");
    }

    #[test]
    fn every_stage_names_its_step_once() {
        let steps: Vec<_> =
            Stage::ALL.iter().map(|&stage| step(&annotation(stage, Repeat::Original))).collect();
        assert_eq!(
            steps,
            [
                "-",
                "1/3 SYN",
                "2/3 SYN/ACK",
                "3/3 ACK",
                "SYN (crossing)",
                "SYN/ACK (simultaneous)",
                "ACK of SYN (split)",
                "ACK (MP_JOIN)",
                "challenge ACK",
                "RST (refusal)",
                "RST (handshake abort)",
                "RST (half-open)",
                "RST (ignored?)",
                "RST",
                "ICMP error",
                "1/4 FIN",
                "2/4 ACK of FIN",
                "3/4 FIN",
                "2+3/4 FIN/ACK",
                "4/4 ACK of FIN",
                "FIN (simultaneous)",
                "illegal flags",
            ]
        );
    }

    #[test]
    fn a_copy_is_named() {
        let copy = annotation(Stage::Fin, Repeat::Retransmission);
        assert_eq!(step(&copy), "1/4 FIN (retransmission)");
        let copy = annotation(Stage::Syn, Repeat::Duplicate);
        assert_eq!(step(&copy), "1/3 SYN (duplicate)");
    }

    fn summary(annotation: &Annotation) -> String {
        Summary { annotation, style: Style::default() }.to_string()
    }

    #[test]
    fn the_summary_leaves_out_absent_values() {
        assert_eq!(
            summary(&annotation(Stage::Syn, Repeat::Original)),
            "TCP Handshake, connection 0, 1/3 SYN, client SYN-SENT, server SYN-RECEIVED?"
        );
        assert_eq!(
            summary(&annotation(Stage::None, Repeat::Original)),
            "TCP Handshake, connection 0, client SYN-SENT, server SYN-RECEIVED?"
        );
        assert_eq!(
            summary(&annotation(Stage::None, Repeat::Duplicate)),
            "TCP Handshake, connection 0, duplicate, client SYN-SENT, server SYN-RECEIVED?"
        );
    }

    #[test]
    fn an_end_shows_its_way() {
        let line = |endpoint: &str, states: &States| {
            let endpoint: SocketAddr = endpoint.parse().unwrap();
            EndpointLine {
                role: "Server",
                endpoint,
                states,
                style: Style::default(),
                evidence: None,
            }
            .to_string()
        };
        let mut session = Session::default();
        handshake(&mut session);
        assert_eq!(
            line("10.0.0.2:80", &first(&session, 1).server),
            "Server 10.0.0.2:80: LISTEN → SYN-RECEIVED (assumed)"
        );
        assert_eq!(
            line("10.0.0.2:80", &first(&session, 3).client),
            "Server 10.0.0.2:80: ESTABLISHED"
        );
        // No flags at all: nothing is known.
        let mut session = Session::default();
        session.learn(1, &segment(&octets(0, false, 1, 1)));
        let unknown = first(&session, 1).server;
        assert_eq!(line("[2001:db8::1]:443", &unknown), "Server [2001:db8::1]:443: UNKNOWN");
    }

    #[test]
    fn text_that_does_not_fit_is_cut_between_characters() {
        let mut room = [b'x'; 8];
        let mut buffer = TextBuffer::new(&mut room);
        assert_eq!(buffer.push("ab"), Some(0));
        assert_eq!(buffer.push("cde→"), None);
        assert_eq!(buffer.push("cd"), Some(3));
        assert!(write!(buffer, "e→").is_err());
        assert_eq!(buffer.length, 7);
        assert_eq!(&room, b"ab\0cd\0ex");
    }
}
