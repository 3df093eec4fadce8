//! What is said of a segment, as text.

use std::fmt::{self, Display, Formatter, Write};
use std::net::SocketAddr;

use dissector_core::connection::{Annotation, Copy, Stage, State, States};

/// In front of the Info column: `2/3 SYN/ACK [S.] client ESTABLISHED? server SYN-RECEIVED`.
pub fn write_info(out: &mut impl Write, said: &Annotation) -> fmt::Result {
    write_step(out, said)?;
    let Annotation { flags, client, server, .. } = said;
    // An ICMP error is no segment: it has no flags.
    if said.stage != Stage::IcmpError {
        write!(out, " [{}]", flags.tcpdump())?;
    }
    write!(out, " client {client} server {server}")
}

/// The line of the protocol in the packet details.
pub struct Summary<'a>(pub &'a Annotation);

impl Display for Summary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Annotation { connection, client, server, stage, copy, .. } = self.0;
        write!(f, "TCP Handshake, connection {connection}, ")?;
        match (stage, copy) {
            (Stage::None, Copy::Original) => {}
            (Stage::None, _) => write!(f, "{copy}, ")?,
            _ => {
                write_step(f, self.0)?;
                f.write_str(", ")?;
            }
        }
        write!(f, "client {client}, server {server}")
    }
}

/// The line of one end in the packet details: `Client 10.0.0.1:40000: SYN-SENT → ESTABLISHED`.
pub struct EndpointLine<'a> {
    pub role: &'static str,
    pub endpoint: SocketAddr,
    pub states: &'a States,
}

impl Display for EndpointLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (before, after) = (self.states.before(), self.states.after());
        write!(f, "{} {}: ", self.role, self.endpoint)?;
        if before != after {
            write!(f, "{before} → ")?;
        }
        write!(f, "{after}{}", if is_assumed(self.states) { " (assumed)" } else { "" })
    }
}

/// Step and name, and whether it is a copy: `1/4 FIN (retransmission)`.
fn write_step(out: &mut impl Write, said: &Annotation) -> fmt::Result {
    if let Some(step) = said.stage.step() {
        out.write_str(step)?;
        out.write_str(" ")?;
    }
    out.write_str(match said.stage {
        // Its 4/4 would be read as that of the close.
        Stage::MpJoinAck => "ACK (MP_JOIN)",
        stage => stage.name(),
    })?;
    match said.copy {
        Copy::Original => Ok(()),
        copy => write!(out, " ({copy})"),
    }
}

fn is_assumed(states: &States) -> bool {
    !states.proven() && states.after() != State::Unknown
}

/// Fixed room for text. What does not fit is left out; characters are never cut in two.
pub struct TextBuffer<'a> {
    room: &'a mut [u8],
    length: usize,
}

impl<'a> TextBuffer<'a> {
    pub fn new(room: &'a mut [u8]) -> Self {
        Self { room, length: 0 }
    }

    /// Appends `text` and a NUL, or nothing if they do not fit; gives the place of its first octet.
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
    fn said(stage: Stage, copy: Copy) -> Annotation {
        let mut session = Session::default();
        session.learn(1, &segment(&SYN));
        let mut said = first(&session, 1);
        (said.stage, said.copy) = (stage, copy);
        said
    }

    fn step(said: &Annotation) -> String {
        let mut text = String::new();
        write_step(&mut text, said).unwrap();
        text
    }

    #[test]
    fn info_begins_with_the_step() {
        let mut syn_ack = said(Stage::SynAck, Copy::Original);
        syn_ack.flags = TcpFlags::SYN | TcpFlags::ACK;
        let mut info = String::new();
        write_info(&mut info, &syn_ack).unwrap();
        assert_eq!(info, "2/3 SYN/ACK [S.] client SYN-SENT server SYN-RECEIVED?");
    }

    #[test]
    fn every_stage_names_its_step_once() {
        let steps: Vec<_> =
            Stage::ALL.iter().map(|&stage| step(&said(stage, Copy::Original))).collect();
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
    fn a_copy_says_so() {
        let copy = said(Stage::Fin, Copy::Retransmission);
        assert_eq!(step(&copy), "1/4 FIN (retransmission)");
        let copy = said(Stage::Syn, Copy::Duplicate);
        assert_eq!(step(&copy), "1/3 SYN (duplicate)");
    }

    #[test]
    fn the_summary_leaves_out_what_there_is_not() {
        assert_eq!(
            Summary(&said(Stage::Syn, Copy::Original)).to_string(),
            "TCP Handshake, connection 0, 1/3 SYN, client SYN-SENT, server SYN-RECEIVED?"
        );
        assert_eq!(
            Summary(&said(Stage::None, Copy::Original)).to_string(),
            "TCP Handshake, connection 0, client SYN-SENT, server SYN-RECEIVED?"
        );
        assert_eq!(
            Summary(&said(Stage::None, Copy::Duplicate)).to_string(),
            "TCP Handshake, connection 0, duplicate, client SYN-SENT, server SYN-RECEIVED?"
        );
    }

    #[test]
    fn an_end_shows_its_way() {
        let line = |endpoint: &str, states: &States| {
            let endpoint: SocketAddr = endpoint.parse().unwrap();
            EndpointLine { role: "Server", endpoint, states }.to_string()
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
