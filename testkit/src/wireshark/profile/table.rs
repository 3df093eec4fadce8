//! The columns, colouring rules and filter buttons of the profile.

/// A colouring rule.
#[derive(Debug)]
pub struct Rule {
    /// The name in Wireshark's list and in `frame.coloring_rule.name`.
    pub name: &'static str,
    /// Display filters, one of which fits.
    pub any_of: &'static [&'static str],
    /// A display filter that does not fit.
    pub but_not: Option<&'static str>,
    /// `0xRRGGBB`.
    pub background: u32,
    /// `0xRRGGBB`.
    pub text: u32,
}

/// A column of the packet list.
#[derive(Debug)]
pub struct Column {
    /// Its title.
    pub title: &'static str,
    /// What it shows, as Wireshark writes it.
    pub format: &'static str,
    /// Its width in pixels at first; [`REST`] for what the others leave.
    pub width: i32,
    /// Whether it is shown at first. The others are in the menu of the titles (right click).
    pub shown: bool,
}

/// The width of the column that takes what the others leave.
pub const REST: i32 = -1;

/// The width of the window for which the columns are made: that of a small screen.
pub const WINDOW_WIDTH: i32 = 1280;

const fn column(title: &'static str, format: &'static str, width: i32) -> Column {
    Column { title, format, width, shown: true }
}

const fn hidden(title: &'static str, format: &'static str, width: i32) -> Column {
    Column { title, format, width, shown: false }
}

/// The columns from left to right.
pub const COLUMNS: &[Column] = &[
    column("No.", "%m", 60),
    column("Time", "%t", 78),
    column("Conn", "%Cus:tcphs.conn:0:R", 44),
    // Those of files with several points.
    hidden("Point", "%Cus:tcphs.point:0:R", 65),
    column("Source", "%s", 116),
    column("Destination", "%d", 116),
    column("Protocol", "%p", 60),
    // Less often of use, or said by another column together with more.
    hidden("Length", "%L", 52),
    hidden("Flags", "%Cus:tcphs.flags:0:R", 95),
    hidden("S.", "%Cus:tcphs.flags.tcpdump:0:R", 40),
    column("Stage", "%Cus:tcphs.stage.copy:0:R", 162),
    column("Client / server", "%Cus:tcphs.states:0:R", 206),
    hidden("Client", "%Cus:tcphs.client.state:0:R", 100),
    hidden("Server", "%Cus:tcphs.server.state:0:R", 100),
    column("Outcome", "%Cus:tcphs.outcome:0:R", 134),
    hidden("Setup time", "%Cus:tcphs.setup_time:0:R", 90),
    hidden("Path delay", "%Cus:tcphs.path_delay:0:R", 90),
    column("Info", "%i", REST),
];

// Written once where several tables use them.
const FINAL_ACK: &str = "tcphs.final_ack";
const FAILED: &str = "tcphs.failed";
const NOT_ACCEPTED: &str = "tcphs.outcome == \"not_accepted\"";
const SYN_RETRIES: &str = "tcphs.stage == \"SYN\" && tcphs.copy == \"retransmission\"";
const DUPLICATES: &str = "tcphs.copy == \"duplicate\"";
/// Every stage with an RST.
const RST: &str = "tcphs.stage in {\"RST (refusal)\", \"RST (handshake abort)\", \
                   \"RST (half-open)\", \"RST (ignored?)\", \"RST\"}";

const LOST: &str = "tcphs.fate == \"lost\"";
/// A firewall that rewrites sequence numbers changes every segment.
const CHANGED: &str = "tcphs.changed in {\"mss\", \"wscale\", \"timestamps\", \"sack\", \"options\", \
                       \"flags\", \"window\", \"length\", \"payload\", \"ttl\"}";

const BLACK: u32 = 0x00_0000;
const WHITE: u32 = 0xff_ffff;
/// The lightest grey that is readable on white.
const PALE: u32 = 0x6b_6b6b;

/// Colouring rules; the first that fits counts.
///
/// What happened between two points of capture says most. A connection that was not accepted has failed too,
/// and a packet captured twice is still a SYN: each gets the colour that says more. Both colours of a row are
/// given, so it looks the same in a light and in a dark window.
pub const RULES: &[Rule] = &[
    Rule {
        name: "Lost on the way",
        any_of: &[LOST],
        but_not: None,
        background: 0x4a_148c,
        text: WHITE,
    },
    Rule {
        name: "Appeared on the way",
        any_of: &["tcphs.fate == \"appeared\""],
        but_not: None,
        background: 0x7b_3fa8,
        text: WHITE,
    },
    Rule {
        name: "Changed on the way",
        any_of: &[CHANGED],
        but_not: None,
        background: 0xdc_c8f0,
        text: BLACK,
    },
    Rule {
        name: "Doubled on the way",
        any_of: &["tcphs.fate == \"doubled\""],
        but_not: None,
        background: WHITE,
        text: 0x7b_3fa8,
    },
    Rule {
        name: "Failed, sent again",
        any_of: &["tcphs.failed && tcphs.copy == \"retransmission\""],
        but_not: Some(NOT_ACCEPTED),
        background: 0xf2_b8b5,
        text: 0x5f_1412,
    },
    Rule {
        name: "Failed",
        any_of: &[FAILED],
        but_not: Some(NOT_ACCEPTED),
        background: 0xb3_261e,
        text: WHITE,
    },
    Rule {
        name: "Not accepted",
        any_of: &[NOT_ACCEPTED, "tcphs.expert.synack_retx_after_ack"],
        but_not: None,
        background: 0xf5_a742,
        text: BLACK,
    },
    Rule {
        name: "SYN retransmission",
        any_of: &[SYN_RETRIES],
        but_not: None,
        background: 0xff_cd4a,
        text: BLACK,
    },
    Rule {
        name: "RST",
        any_of: &[RST],
        but_not: Some(DUPLICATES),
        background: 0x5f_1412,
        text: WHITE,
    },
    Rule {
        name: "1/3 SYN",
        any_of: &["tcphs.stage in {\"SYN\", \"SYN (crossing)\"}"],
        but_not: Some(DUPLICATES),
        background: 0xe6_f6e4,
        text: BLACK,
    },
    Rule {
        name: "2/3 SYN/ACK",
        any_of: &[
            "tcphs.stage in {\"SYN/ACK\", \"SYN/ACK (simultaneous)\", \"ACK of SYN (split)\"}",
        ],
        but_not: Some(DUPLICATES),
        background: 0xb4_e0ae,
        text: BLACK,
    },
    Rule {
        name: "3/3 final ACK",
        any_of: &[FINAL_ACK],
        but_not: Some(DUPLICATES),
        background: 0x7c_c576,
        text: BLACK,
    },
    Rule {
        name: "FIN",
        any_of: &["tcphs.stage in {\"FIN (1/4)\", \"FIN (3/4)\", \"FIN/ACK (2+3/4)\", \
                   \"FIN (simultaneous)\"}"],
        but_not: Some(DUPLICATES),
        background: 0xcd_cdcd,
        text: BLACK,
    },
    Rule {
        name: "ACK of FIN",
        any_of: &["tcphs.stage in {\"ACK of FIN (2/4)\", \"ACK of FIN (4/4)\"}"],
        but_not: Some(DUPLICATES),
        background: 0xe8_e8e8,
        text: BLACK,
    },
    Rule {
        name: "Captured twice, or midstream",
        any_of: &[DUPLICATES, "tcphs.outcome == \"midstream\""],
        but_not: None,
        background: WHITE,
        text: PALE,
    },
];

impl Rule {
    /// The display filter.
    pub fn filter(&self) -> String {
        let any_of = self.any_of.join(" || ");
        match self.but_not {
            None => any_of,
            Some(other) if self.any_of.len() == 1 => format!("{any_of} && !({other})"),
            Some(other) => format!("({any_of}) && !({other})"),
        }
    }
}

/// Label and filter of each button.
pub const BUTTONS: &[(&str, &str)] = &[
    ("3WHS", "tcphs.handshake"),
    ("Final ACK", FINAL_ACK),
    ("Failed", FAILED),
    ("No reply", "tcphs.outcome == \"no_reply\""),
    ("Refused", "tcphs.outcome == \"refused\""),
    ("Not accepted", NOT_ACCEPTED),
    ("Slow", "tcphs.slow"),
    ("SYN retries", SYN_RETRIES),
    ("RST", RST),
    ("Half-closed", "tcphs.close == \"half_closed\""),
    ("Duplicates", DUPLICATES),
    ("Lost on the way", LOST),
];
