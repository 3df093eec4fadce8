//! A host program with one object of each type of the interface.

use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::ptr;

use c_api::*;
use tcphs::abi::tcphs_status::*;
use tcphs::abi::*;

use super::shown;
use crate::connections::capture::Packet;
use crate::octets::Octets;

/// Digests of everything that is shown of a segment.
type Shown = [u64; 3];

/// A session with what belongs to it. Pointers are valid until they are freed, each once.
pub struct Host {
    session: *mut tcphs_session,
    statistics: *mut tcphs_statistics,
    columns: usize,
    table: *mut tcphs_table,
    /// The number of the next frame.
    pub frame: u32,
    /// The frames that were taken in, each with its number of segments.
    learned: Vec<(u32, u32)>,
    /// Whether a frame number was used again, so that earlier segments may be gone.
    disordered: bool,
    /// Wireshark reuses these structs for each call, so the host does as well.
    view: Box<tcphs_view>,
    expert_items: Box<tcphs_expert_items>,
    tapped: tcphs_tapped,
    row: Box<tcphs_row>,
}

/// `pointer`, or null where bit `nth` of `nulls` says so.
fn or_null<T>(pointer: *mut T, nulls: u8, nth: u8) -> *mut T {
    if nulls >> nth & 1 == 0 { pointer } else { ptr::null_mut() }
}

impl Host {
    pub fn new(kind: u8) -> Self {
        let mut host = Self {
            session: ptr::null_mut(),
            statistics: ptr::null_mut(),
            columns: 0,
            table: ptr::null_mut(),
            frame: 1,
            learned: Vec::new(),
            disordered: false,
            view: Default::default(),
            expert_items: Default::default(),
            tapped: Default::default(),
            row: Default::default(),
        };
        host.view.text.fill(0xaa);
        host.expert_items.text.fill(0xaa);
        host.make(kind);
        host
    }

    fn make(&mut self, kind: u8) {
        self.session = tcphs_session_new();
        self.table = tcphs_table_new();
        let mut count = 0;
        // SAFETY: `count` is valid for writes.
        let columns = unsafe { tcphs_statistics_columns(kind, &mut count) };
        let subject = tcphs_statistics_new(kind);
        assert_eq!((columns.is_null(), subject.is_null()), (kind > 2, kind > 2));
        self.statistics = subject;
        if subject.is_null() {
            self.statistics = tcphs_statistics_new(TCPHS_STATISTICS_SERVERS);
            // SAFETY: as above.
            unsafe { tcphs_statistics_columns(TCPHS_STATISTICS_SERVERS, &mut count) };
        }
        self.columns = count;
        assert!(!self.session.is_null() && !self.table.is_null() && !self.statistics.is_null());
        self.learned.clear();
        (self.frame, self.disordered) = (1, false);
    }

    /// Checks that there was no internal error; returns whether the call succeeded.
    fn check(&self, status: tcphs_status, nulls: bool) -> bool {
        // SAFETY: the session is valid.
        let failure = shown::of_text(unsafe { tcphs_session_failure(self.session) });
        assert!(!matches!(status, TCPHS_PANIC | TCPHS_SILENT), "{failure}");
        assert_eq!(status == TCPHS_NULL_ARGUMENT, nulls, "{status:?}");
        assert_eq!(failure, "");
        status == TCPHS_OK
    }

    pub fn learn(&mut self, packet: &Packet, nulls: u8) {
        let mut segment = tcphs_segment {
            frame: packet.info.frame,
            time_ns: packet.info.time_ns,
            captured: or_null(packet.octets.as_ptr().cast_mut(), nulls, 2),
            captured_octets: packet.octets.len(),
            tcp_octets: packet.info.tcp_octets,
            ip_id: packet.info.ip_id.map_or(-1, i32::from),
            source: octets(packet.info.source),
            destination: octets(packet.info.destination),
            ip_version: if packet.info.source.is_ipv4() { 4 } else { 6 },
            ttl: packet.info.ttl,
        };
        self.learn_segment(&mut segment, packet.icmp, nulls);
    }

    /// Learns a segment whose octets are arbitrary.
    pub fn learn_anything(&mut self, choices: &mut Octets<'_>, nulls: u8) {
        let icmp = choices.u8() & 1 == 1;
        let time_ns = choices.choose(&[0, 1, -1, 1_000_000_000, i64::MAX, i64::MIN]);
        let tcp_octets = choices.choose(&[0, 19, 20, 60, 1500, 65_535, u32::MAX]);
        let ip_version = choices.choose(&[4, 6, 4, 6, 0, 5, 255]);
        let host = choices.u8() & 3;
        let length = usize::from(choices.u8() & 0x7f);
        let captured = choices.take(length);
        let mut segment = tcphs_segment {
            frame: self.frame.into(),
            time_ns,
            captured: or_null(captured.as_ptr().cast_mut(), nulls, 2),
            captured_octets: captured.len(),
            tcp_octets,
            ip_id: choices.choose(&[-1, 0, 1, i32::MAX, i32::MIN]),
            source: [10, 0, 0, host, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            destination: [10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
            ip_version,
            ttl: 64,
        };
        self.learn_segment(&mut segment, icmp, nulls);
    }

    fn learn_segment(&mut self, segment: &mut tcphs_segment, icmp: bool, nulls: u8) {
        let session = or_null(self.session, nulls, 0);
        let pointer = or_null(ptr::from_mut(segment), nulls, 1);
        let learn = if icmp { tcphs_session_learn_icmp } else { tcphs_session_learn };
        // SAFETY: each pointer is null or valid.
        let status = unsafe { learn(session, pointer) };
        let learned = self.check(status, nulls & 7 != 0);
        if learned && !icmp {
            match self.learned.last_mut() {
                Some((frame, segments)) if *frame == self.frame => *segments += 1,
                _ => self.learned.push((self.frame, 1)),
            }
        }
        let mut annotation = MaybeUninit::uninit();
        let table = or_null(self.table, nulls, 0);
        let out = or_null(annotation.as_mut_ptr(), nulls, 3);
        let observe = if icmp { tcphs_table_observe_icmp } else { tcphs_table_observe };
        // SAFETY: each pointer is null or valid.
        let status = unsafe { observe(table, pointer, out) };
        if self.check(status, nulls & 0xf != 0) {
            assert!(learned, "session and table do not agree on what a segment is");
            // SAFETY: the call succeeded, and has written it.
            self.check_annotation(&unsafe { annotation.assume_init() });
        }
        // SAFETY: the table is valid.
        unsafe { self.check(tcphs_table_tell_time(self.table, segment.time_ns), false) };
        self.take(tcphs_table_next_closed);
    }

    /// A frame for the table alone: any octets, or a segment in an IPv4 packet in others.
    pub fn observe_frame(&mut self, choices: &mut Octets<'_>, nulls: u8) {
        let link_type = choices.choose(&[1, 101, 113, 105, 276]);
        let depth = choices.u8() & 3;
        let time_ns = choices.choose(&[0, 1, 1_000_000_000, i64::MAX]);
        let length = usize::from(choices.u8());
        let mut frame = choices.take(length).to_vec();
        for layer in 0..depth {
            let octets = (frame.len() as u16 + 20).to_be_bytes();
            let protocol = if layer == 0 { 6 } else { 4 };
            let header = [0x45, 0, octets[0], octets[1], 0, layer, 0, 0, 64, protocol, 0, 0];
            frame.splice(..0, header.into_iter().chain([10, 0, 0, 1, 10, 0, 0, 2]));
        }
        let octets = or_null(frame.as_mut_ptr(), nulls, 2);
        let table = or_null(self.table, nulls, 0);
        let (captured, on_the_wire) = (frame.len(), frame.len() + usize::from(depth));
        for _ in 0..100 {
            let mut annotation = MaybeUninit::uninit();
            let out = or_null(annotation.as_mut_ptr(), nulls, 3);
            let observe = tcphs_table_observe_frame;
            // SAFETY: each pointer is null or valid, and the octets have that length.
            let status =
                unsafe { observe(table, link_type, octets, captured, on_the_wire, time_ns, out) };
            self.check(status, nulls & 0xd != 0);
            if !matches!(status, TCPHS_OK | TCPHS_MORE) {
                return;
            }
            // SAFETY: the call succeeded, and has written it.
            self.check_annotation(&unsafe { annotation.assume_init() });
            if status == TCPHS_OK {
                return;
            }
        }
        panic!("a frame without an end");
    }

    /// Takes connections out of the table, until there is none.
    fn take(
        &self,
        next: unsafe extern "C" fn(*mut tcphs_table, *mut tcphs_verdict) -> tcphs_status,
    ) {
        let mut verdict = MaybeUninit::uninit();
        // SAFETY: both pointers are valid.
        while self.check(unsafe { next(self.table, verdict.as_mut_ptr()) }, false) {
            // SAFETY: the call succeeded, and has written it.
            let verdict: tcphs_verdict = unsafe { verdict.assume_init() };
            let labels = [
                tcphs_outcome_label(verdict.outcome),
                tcphs_open_type_label(verdict.open_type),
                tcphs_close_label(verdict.close),
                tcphs_seen_label(verdict.seen),
                tcphs_vantage_label(verdict.vantage),
                tcphs_ecn_label(verdict.ecn),
                tcphs_state_label(verdict.client_state),
                tcphs_state_label(verdict.server_state),
                tcphs_role_basis_label(verdict.role_basis),
            ];
            assert!(labels.iter().all(|label| !label.is_null()));
            let cause = verdict.cause;
            assert!(cause == TCPHS_NONE || !tcphs_cause_label(cause).is_null());
            assert!(verdict.segments > 0 && verdict.first_ns <= verdict.last_ns);
            assert!(!tcphs_outcome_failed(verdict.outcome) || !verdict.established);
        }
    }

    fn check_annotation(&self, annotation: &tcphs_annotation) {
        for label in [
            tcphs_stage_label(annotation.stage),
            tcphs_copy_label(annotation.copy),
            tcphs_role_label(annotation.sender),
            tcphs_state_label(annotation.client_before),
            tcphs_state_label(annotation.client_after),
            tcphs_state_label(annotation.server_before),
            tcphs_state_label(annotation.server_after),
        ] {
            assert!(!label.is_null());
        }
        let reason = tcphs_rst_reason_label(annotation.rst_reason);
        assert_eq!(annotation.rst_reason == TCPHS_NONE, reason.is_null());
        let mut latest = MaybeUninit::uninit();
        // SAFETY: both pointers are valid.
        assert_eq!(unsafe { tcphs_table_latest(self.table, latest.as_mut_ptr()) }, TCPHS_OK);
        // SAFETY: the call succeeded, and has written it.
        let latest: tcphs_verdict = unsafe { latest.assume_init() };
        assert!(latest.connection == annotation.connection && matches!(latest.ip_version, 4 | 6));
        assert!(!tcphs_role_basis_label(latest.role_basis).is_null());
    }

    pub fn end_frame(&mut self, nulls: u8) {
        // SAFETY: the pointer is null or valid.
        let status = unsafe {
            tcphs_session_end_frame(
                or_null(self.session, nulls, 0),
                self.frame,
                i64::from(self.frame),
            )
        };
        if self.check(status, nulls & 1 != 0) {
            self.frame += 1;
        }
    }

    /// The next frame has the number of the last one again, as after a read filter.
    pub fn step_back(&mut self) {
        self.frame = self.frame.saturating_sub(1).max(1);
        self.disordered = true;
    }

    /// Shows a segment twice, with the same result.
    pub fn show(&mut self, frame: u32, nth: u32, later: bool, nulls: u8) {
        let first = self.show_once(frame, nth, later, nulls);
        assert_eq!(first, self.show_once(frame, nth, later, nulls));
    }

    fn show_once(&mut self, frame: u32, nth: u32, later: bool, nulls: u8) -> Option<Shown> {
        let session = or_null(self.session, nulls, 0);
        let mut info = ptr::null();
        let out = or_null(&mut info, nulls, 1);
        // SAFETY: each pointer is null or valid.
        let status = unsafe { tcphs_session_info(session, frame, later, out) };
        if self.check(status, nulls & 3 != 0) {
            assert!(!shown::of_text(info).is_empty());
        }
        let out = or_null(&mut self.tapped, nulls, 2);
        // SAFETY: each pointer is null or valid.
        let status = unsafe { tcphs_session_tapped(session, frame, nth, later, out) };
        let tapped = self.check(status, nulls & 5 != 0).then(|| shown::of_tapped(&self.tapped));
        let out = or_null(&mut *self.view, nulls, 3);
        // Null is everything; otherwise the frame decides which fields are wanted.
        let mut some = tcphs_wanted { summary: frame & 1 == 1, ..tcphs_wanted::default() };
        for (field, wanted) in (0_u32..).zip(&mut some.fields) {
            *wanted = u8::from(field % 7 == frame % 7);
        }
        let wanted = if nulls & 0x20 == 0 { ptr::null() } else { &raw const some };
        // SAFETY: each pointer is null or valid.
        let status = unsafe { tcphs_session_view(session, frame, nth, later, wanted, out) };
        let view = self.check(status, nulls & 9 != 0).then(|| shown::of_view(&self.view));
        let out = or_null(&mut *self.expert_items, nulls, 4);
        // SAFETY: each pointer is null or valid.
        let status = unsafe { tcphs_session_expert_items(session, frame, nth, later, out) };
        let expert_items =
            self.check(status, nulls & 17 != 0).then(|| shown::of_expert_items(&self.expert_items));
        if nulls & 31 == 0 {
            let there = [view.is_some(), expert_items.is_some(), tapped.is_some()];
            assert!(there == [true; 3] || there == [false; 3], "{there:?}");
        }
        Some([view?, expert_items?, tapped?])
    }

    pub fn configure(&mut self, choices: &mut Octets<'_>, nulls: u8) {
        let mut settings = tcphs_settings {
            slow_ms: choices.choose(&[0, 1, 1000, u32::MAX]),
            state_names: choices.u8(),
            ..tcphs_settings_default()
        };
        settings.mark_assumed = choices.u8() & 1 == 1;
        let extent = choices.u8();
        settings.every_segment = extent & 1 == 1;
        settings.step_only = extent & 2 == 2;
        let pointer = or_null(&mut settings, nulls, 1);
        // SAFETY: each pointer is null or valid.
        let status = unsafe { tcphs_session_configure(or_null(self.session, nulls, 0), pointer) };
        self.check(status, nulls & 3 != 0);
    }

    pub fn see(&mut self, connection: u8, later: bool, nulls: u8) {
        let mut row = u32::MAX;
        let (statistics, session) =
            (or_null(self.statistics, nulls, 0), or_null(self.session, nulls, 1));
        let out = or_null(&mut row, nulls, 2);
        let connection = if connection == u8::MAX { u32::MAX } else { connection.into() };
        // SAFETY: each pointer is null or valid.
        let status = unsafe { tcphs_statistics_see(statistics, session, connection, later, out) };
        if self.check(status, nulls & 7 != 0) {
            assert!(self.row(row).is_some(), "row {row}");
        }
    }

    pub fn settle(&mut self, nulls: u8) {
        let (statistics, session) =
            (or_null(self.statistics, nulls, 0), or_null(self.session, nulls, 1));
        // SAFETY: each pointer is null or valid.
        let status = unsafe { tcphs_statistics_settle(statistics, session) };
        self.check(status, nulls & 3 != 0);
    }

    pub fn clear(&mut self, nulls: u8) {
        // SAFETY: the pointer is null or valid.
        let status = unsafe { tcphs_statistics_clear(or_null(self.statistics, nulls, 0)) };
        if self.check(status, nulls & 1 != 0) {
            assert_eq!(self.row(0), None);
        }
    }

    /// Every row up to the last.
    pub fn rows(&mut self, nulls: u8) {
        let out = or_null(&mut *self.row, nulls, 1);
        // SAFETY: each pointer is null or valid.
        let status = unsafe { tcphs_statistics_row(or_null(self.statistics, nulls, 0), 0, out) };
        self.check(status, nulls & 3 != 0);
        let rows = (0..).map_while(|nth| self.row(nth)).count();
        assert!(rows <= 512, "more rows than there can be connections");
        assert_eq!(self.row(u32::MAX), None);
    }

    fn row(&mut self, nth: u32) -> Option<u64> {
        // SAFETY: both pointers are valid.
        let status = unsafe { tcphs_statistics_row(self.statistics, nth, &mut *self.row) };
        self.check(status, false).then(|| shown::of_row(&self.row, self.columns))
    }

    /// Closes the file and opens another one.
    pub fn free_anew(&mut self, kind: u8) {
        self.finish_file();
        self.make(kind & 3);
    }

    pub fn labels(&self, number: u8) {
        let labels = [
            tcphs_state_label(number),
            tcphs_stage_label(number),
            tcphs_copy_label(number),
            tcphs_role_label(number),
            tcphs_role_basis_label(number),
            tcphs_rst_reason_label(number),
            tcphs_finding_text(number),
            tcphs_outcome_meaning(number),
            tcphs_outcome_cause(number, usize::from(number & 7)),
            tcphs_status_text(number.into()),
        ];
        assert!(labels.iter().all(|label| label.is_null() || !shown::of_text(*label).is_empty()));
        assert!(!shown::of_text(tcphs_version()).is_empty());
    }

    pub fn finish(mut self) {
        self.finish_file();
        // SAFETY: null is allowed.
        unsafe {
            tcphs_session_free(ptr::null_mut());
            tcphs_statistics_free(ptr::null_mut());
            tcphs_table_free(ptr::null_mut());
        }
    }

    /// Shows all segments in two orders of frames; both give the same texts.
    fn finish_file(&mut self) {
        let mut learned = std::mem::take(&mut self.learned);
        if self.disordered {
            learned.clear();
        }
        let segments =
            || learned.iter().flat_map(|&(frame, count)| (0..count).map(move |nth| (frame, nth)));
        let once: Vec<_> =
            segments().map(|(frame, nth)| self.show_once(frame, nth, true, 0)).collect();
        for ((frame, nth), shown) in segments().zip(&once) {
            assert!(shown.is_some(), "segment {nth} of frame {frame} is not to be found");
        }
        for ((frame, nth), shown) in
            segments().zip(&once).take(16).collect::<Vec<_>>().into_iter().rev()
        {
            assert_eq!(self.show_once(frame, nth, true, 0), *shown, "frame {frame}");
        }
        self.take(tcphs_table_next_open);
        self.take(tcphs_table_next_closed);
        // SAFETY: each is valid, and not used after this.
        unsafe {
            tcphs_session_free(self.session);
            tcphs_statistics_free(self.statistics);
            tcphs_table_free(self.table);
        }
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(address) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&address.octets());
            octets
        }
    }
}
