//! The builder of a segment, and the segment as it was sent.

use dissector_core::connection::{Finding, Repeat, RstReason, Stage};
use dissector_core::wire::TcpFlags;

use super::{Captured, MS, Reported, STEP_NS, Script, US};
use crate::packet::{Checksum, TcpPacket};

/// One TCP option.
#[derive(Clone, Debug)]
enum Opt {
    Octets(Vec<u8>),
    /// Filled in when the segment is sent, unless the script states the values.
    Timestamps(Option<u32>, Option<u32>),
}

/// A segment as it is sent.
#[derive(Clone, Debug)]
pub struct SentSegment {
    pub packet: TcpPacket,
    /// Only the headers are captured.
    pub snapped: bool,
    /// Only so many octets of the options are captured, and nothing behind them.
    pub captured_options: Option<usize>,
    /// The time in the capture, if it is not the time of the script.
    pub recorded_ns: Option<i64>,
    options: Vec<Opt>,
}

impl SentSegment {
    pub fn new(packet: TcpPacket) -> Self {
        Self {
            packet,
            snapped: false,
            captured_options: None,
            recorded_ns: None,
            options: Vec::new(),
        }
    }

    /// Adds timestamps, to be filled in on sending.
    pub fn stamp(&mut self) {
        self.options.push(Opt::Timestamps(None, None));
    }

    pub fn flags(&self) -> TcpFlags {
        TcpFlags::from_bits(self.packet.flags)
    }

    /// The sequence number that follows it.
    pub fn end(&self) -> u32 {
        let controls = (self.flags() & (TcpFlags::SYN | TcpFlags::FIN)).bits().count_ones();
        self.packet.sequence.wrapping_add(self.packet.payload.len() as u32 + controls)
    }

    /// Octets at its end that are not in the capture.
    pub fn uncaptured_octets(&self) -> usize {
        let payload = self.packet.payload.len();
        match self.captured_options {
            Some(octets) => payload + self.packet.options.len().saturating_sub(octets),
            None if self.snapped => payload,
            None => 0,
        }
    }

    /// Its timestamp and the one it echoes.
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        self.options.iter().find_map(|option| match option {
            Opt::Timestamps(value, echo) => Some((value.unwrap_or(0), echo.unwrap_or(0))),
            Opt::Octets(_) => None,
        })
    }

    /// Writes the options into the packet, padded by No-Operation.
    fn write_options(&mut self) {
        let mut octets = Vec::new();
        for option in &self.options {
            match option {
                Opt::Octets(option) => octets.extend_from_slice(option),
                Opt::Timestamps(value, echo) => {
                    octets.extend([8, 10]);
                    octets.extend(value.unwrap_or(0).to_be_bytes());
                    octets.extend(echo.unwrap_or(0).to_be_bytes());
                }
            }
        }
        octets.resize(octets.len().next_multiple_of(4), 1);
        self.packet.options = octets;
    }
}

/// The builder of a segment, which sends it when the statement ends.
pub struct SegmentBuilder<'a> {
    script: &'a mut Script,
    from: usize,
    wire: SentSegment,
    step_ns: i64,
    captured: bool,
    delivered: bool,
    held: bool,
    /// The frame is a second capture of a sent packet.
    mirrored: bool,
    /// Not sent by the end: forged, or an old duplicate.
    stray: bool,
    sent: bool,
}

impl<'a> SegmentBuilder<'a> {
    pub(super) fn new(script: &'a mut Script, from: usize, wire: SentSegment) -> Self {
        let captured = match script.captured {
            Captured::Both => true,
            Captured::Only(end) => end == from,
        };
        Self {
            script,
            from,
            wire,
            step_ns: STEP_NS,
            captured,
            delivered: true,
            held: false,
            mirrored: false,
            stray: false,
            sent: false,
        }
    }

    pub(super) fn mirrored(script: &'a mut Script, from: usize, wire: SentSegment) -> Self {
        let mut builder = Self::new(script, from, wire);
        builder.mirrored = true;
        builder.step_ns = 10 * US;
        builder
    }

    pub(super) fn repeat(script: &'a mut Script, from: usize, wire: SentSegment) -> Self {
        let end = &script.ends[from];
        let mut again =
            SentSegment { recorded_ns: None, snapped: false, captured_options: None, ..wire };
        again.packet.ip_id = Some(end.ip_id);
        if again.flags().contains(TcpFlags::ACK) {
            again.packet.acknowledgment = end.expected;
        }
        for option in &mut again.options {
            if let Opt::Timestamps(value, echo) = option {
                (*value, *echo) = (None, None);
            }
        }
        Self::new(script, from, again)
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn option(self, kind: u8, value: &[u8]) -> Self {
        let mut octets = vec![kind, value.len() as u8 + 2];
        octets.extend_from_slice(value);
        self.with(|builder| builder.wire.options.push(Opt::Octets(octets)))
    }

    /// Maximum segment size.
    pub fn mss(self, octets: u16) -> Self {
        self.option(2, &octets.to_be_bytes())
    }

    /// Window scale.
    pub fn ws(self, shift: u8) -> Self {
        self.option(3, &[shift])
    }

    /// Selective acknowledgments permitted.
    pub fn sack(self) -> Self {
        self.option(4, &[])
    }

    /// Selectively acknowledges octets of the peer, from the first to the one after the last, relative to
    /// its initial sequence number.
    pub fn sacking(self, from: u32, to: u32) -> Self {
        let isn = self.script.ends[1 - self.from].isn;
        let edges = [from, to].map(|edge| isn.wrapping_add(edge).to_be_bytes());
        self.option(5, &edges.concat())
    }

    /// Timestamps: the time of the script, and the timestamp received last.
    pub fn ts(self) -> Self {
        self.with(|builder| builder.wire.stamp())
    }

    /// Timestamps, if `wanted`.
    pub fn ts_if(self, wanted: bool) -> Self {
        if wanted { self.ts() } else { self }
    }

    /// With this timestamp, and the one received last.
    pub fn ts_value(self, value: u32) -> Self {
        self.with(|builder| builder.set_timestamps(Some(value), None))
    }

    /// Echoes this timestamp.
    pub fn ts_echo(self, echo: u32) -> Self {
        self.with(|builder| builder.set_timestamps(None, Some(echo)))
    }

    fn set_timestamps(&mut self, value: Option<u32>, echo: Option<u32>) {
        self.wire.options.retain(|option| matches!(option, Opt::Octets(_)));
        self.wire.options.push(Opt::Timestamps(value, echo));
    }

    /// Without any option.
    pub fn without_options(self) -> Self {
        self.with(|builder| builder.wire.options.clear())
    }

    /// Fast Open: a cookie, or the request for one if it is empty.
    pub fn cookie(self, cookie: &[u8]) -> Self {
        self.option(34, cookie)
    }

    /// Multipath TCP: MP_CAPABLE.
    pub fn mp_capable(self) -> Self {
        self.option(30, &[0x01, 0x81])
    }

    /// Multipath TCP: MP_JOIN, whose length differs in the three segments of a handshake.
    pub fn mp_join(self) -> Self {
        let octets = match (self.wire.flags().contains(TcpFlags::SYN), self.wire.packet.flags & 16)
        {
            (true, 0) => 10,
            (true, _) => 14,
            _ => 22,
        };
        self.option(30, &[&[0x10], &vec![7; octets - 1][..]].concat())
    }

    /// Multipath TCP: the reason of an RST.
    pub fn mp_tcprst(self, reason: u8) -> Self {
        self.option(30, &[0x80, reason])
    }

    /// A TCP-MD5 signature.
    pub fn md5(self) -> Self {
        self.option(19, &[0xab; 16])
    }

    /// A signature of the TCP authentication option.
    pub fn ao(self) -> Self {
        self.option(29, &[0xcd; 14])
    }

    /// The three bits AE, CWR and ECE.
    pub fn ace(self, code: u16) -> Self {
        let bits = (TcpFlags::AE | TcpFlags::CWR | TcpFlags::ECE).bits();
        self.with(|builder| {
            builder.wire.packet.flags = builder.wire.packet.flags & !bits | code << 6
        })
    }

    /// Sets URG.
    pub fn urgent(self) -> Self {
        self.with(|builder| builder.wire.packet.flags |= TcpFlags::URG.bits())
    }

    /// With so many octets of payload.
    pub fn carrying(self, octets: usize) -> Self {
        self.with(|builder| builder.wire.packet.payload = vec![b'x'; octets])
    }

    /// Sets FIN.
    pub fn and_fin(self) -> Self {
        self.with(|builder| builder.wire.packet.flags |= TcpFlags::FIN.bits())
    }

    /// Sequence number, relative to the sender's initial one.
    pub fn seq(self, relative: u32) -> Self {
        let isn = self.script.ends[self.from].isn;
        self.raw_seq(isn.wrapping_add(relative))
    }

    /// Acknowledgment number, relative to the peer's initial sequence number.
    pub fn acking(self, relative: u32) -> Self {
        let isn = self.script.ends[1 - self.from].isn;
        self.raw_ack(isn.wrapping_add(relative))
    }

    /// With this sequence number.
    pub fn raw_seq(self, sequence: u32) -> Self {
        self.with(|builder| builder.wire.packet.sequence = sequence)
    }

    /// With this acknowledgment number.
    pub fn raw_ack(self, acknowledgment: u32) -> Self {
        self.with(|builder| builder.wire.packet.acknowledgment = acknowledgment)
    }

    /// A SYN/ACK that acknowledges so many octets of the SYN's data.
    pub fn taking(self, octets: u32) -> Self {
        let end = &mut self.script.ends[self.from];
        end.expected = end.expected.wrapping_add(octets);
        let expected = end.expected;
        self.raw_ack(expected)
    }

    /// With this window.
    pub fn window(self, window: u16) -> Self {
        self.with(|builder| builder.wire.packet.window = window)
    }

    /// With this time to live.
    pub fn ttl(self, ttl: u8) -> Self {
        self.with(|builder| builder.wire.packet.ttl = ttl)
    }

    /// With this IP identification.
    pub fn ip_id(self, ip_id: u16) -> Self {
        self.with(|builder| builder.wire.packet.ip_id = Some(ip_id))
    }

    /// With a wrong checksum.
    pub fn damaged(self) -> Self {
        self.with(|builder| builder.wire.packet.checksum = Checksum::Damaged(0x5555))
    }

    /// The capture holds its headers only.
    pub fn snapped(self) -> Self {
        self.with(|builder| builder.wire.snapped = true)
    }

    /// The capture holds so many octets of its options, and nothing behind them.
    pub fn cut_in_options(self, octets: usize) -> Self {
        self.with(|builder| builder.wire.captured_options = Some(octets))
    }

    /// Milliseconds since the segment before.
    pub fn after_ms(self, ms: i64) -> Self {
        self.after_us(ms * 1000)
    }

    /// Microseconds since the segment before.
    pub fn after_us(self, us: i64) -> Self {
        self.with(|builder| builder.step_ns = us * US)
    }

    /// The timestamp of the frame in the capture lies this far back.
    pub fn noted_ms_ago(self, ms: i64) -> Self {
        self.with(|builder| {
            let now = builder.script.time_ns + builder.step_ns;
            builder.wire.recorded_ns = Some(now - ms * MS);
        })
    }

    /// Lost between the capture point and the receiver.
    pub fn lost(self) -> Self {
        self.with(|builder| builder.delivered = false)
    }

    /// Arrives, but is not captured.
    pub fn uncaptured(self) -> Self {
        self.with(|builder| builder.captured = false)
    }

    /// Neither end sends it: it is forged, or an old duplicate. The receiver makes nothing of it.
    pub fn stray(self) -> Self {
        self.with(|builder| (builder.stray, builder.delivered) = (true, false))
    }

    /// Captured after the next segment.
    pub fn held(self) -> Self {
        self.with(|builder| builder.held = true)
    }

    /// Sends it, and asserts its stage and the client's and the server's state.
    #[track_caller]
    pub fn is(self, stage: Stage, client: &str, server: &str) -> Reported {
        self.sent().is(stage, client, server)
    }

    /// Sends it, and asserts its stage.
    #[track_caller]
    pub fn stage(self, stage: Stage) -> Reported {
        self.sent().stage(stage)
    }

    /// Sends it, and asserts whether it repeats another segment.
    #[track_caller]
    pub fn copy(self, copy: Repeat) -> Reported {
        self.sent().copy(copy)
    }

    /// Sends it, and asserts that there is this finding.
    #[track_caller]
    pub fn has(self, finding: Finding) -> Reported {
        self.sent().has(finding)
    }

    /// Sends it, and asserts that there is no such finding.
    #[track_caller]
    pub fn lacks(self, finding: Finding) -> Reported {
        self.sent().lacks(finding)
    }

    /// Sends it, and asserts the number of its connection.
    #[track_caller]
    pub fn of_connection(self, id: u32) -> Reported {
        self.sent().of_connection(id)
    }

    /// Sends it, and asserts the reason of the RST.
    #[track_caller]
    pub fn reason(self, reason: RstReason) -> Reported {
        self.sent().reason(reason)
    }

    /// Sends it.
    ///
    /// # Panics
    /// If it is not captured.
    #[track_caller]
    pub fn sent(mut self) -> Reported {
        self.go().expect("it is captured")
    }

    fn go(&mut self) -> Option<Reported> {
        self.sent = true;
        self.script.time_ns += self.step_ns;
        if !self.mirrored {
            self.leave();
        }
        if !self.captured {
            return None;
        }
        if self.held {
            self.script.held = Some((self.from, self.wire.clone()));
            return None;
        }
        let annotation = self.script.record(self.from, self.wire.clone());
        if let Some((from, wire)) = self.script.held.take() {
            self.script.time_ns += US;
            self.script.record(from, wire);
        }
        Some(Reported(annotation))
    }

    /// Updates the sender and, unless the segment is lost, the receiver.
    fn leave(&mut self) {
        let clock = self.script.clock_ms();
        let [client, server] = &mut self.script.ends;
        let (own, peer) = if self.from == 0 { (client, server) } else { (server, client) };
        let answers = self.wire.flags().contains(TcpFlags::ACK);
        for option in &mut self.wire.options {
            if let Opt::Timestamps(value, echo) = option {
                value.get_or_insert(clock);
                echo.get_or_insert(if answers { own.echo } else { 0 });
                own.timestamps = true;
            }
        }
        self.wire.write_options();
        if self.wire.packet.ip_id == Some(own.ip_id) {
            own.ip_id += 1;
        }
        let (start, end) = (self.wire.packet.sequence, self.wire.end());
        let numbered = end != start && !self.wire.flags().contains(TcpFlags::RST);
        // A segment with numbers beyond the stream, or that the end has not sent, does not change SND.NXT.
        if !self.stray && numbered && start.wrapping_sub(own.next) as i32 <= 0 {
            own.last = Some(self.wire.clone());
            if end.wrapping_sub(own.next) as i32 > 0 {
                own.next = end;
            }
        }
        if self.delivered {
            peer.receive(&self.wire);
        }
    }
}

impl Drop for SegmentBuilder<'_> {
    fn drop(&mut self) {
        if !self.sent {
            self.go();
        }
    }
}
