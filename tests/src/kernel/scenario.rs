//! Scenarios: a name, then one step a line.
//!
//! ```text
//! syn_lost
//!   # The first SYN is lost; the second opens the connection.
//!   server listen
//!   lose client S 1
//!   client connect
//!   client is ESTABLISHED
//!   outcome complete
//! ```
//!
//! | step | what happens |
//! |---|---|
//! | `HOST set NAME VALUE` | a value below `/proc/sys/net/ipv4` |
//! | `HOST listen [backlog N] [defer N] [fastopen]` | a socket that listens |
//! | `HOST connect [PORT] [fastopen N]` | a SYN, from the port, with N octets or a request for a cookie |
//! | `HOST accept`, `send N`, `urgent`, `read`, `shutdown`, `close`, `abort`, `vanish`, `keepalive N`, `unlisten` | a call to the latest socket of the host |
//! | `lose HOST FLAGS N` | the next N such segments do not arrive, although the capture has them |
//! | `steal HOST FLAGS N` | neither do they arrive nor has the capture got them |
//! | `miss HOST FLAGS N` | they arrive, but the capture has not got them |
//! | `delay HOST FLAGS N MILLISECONDS` | they arrive later than the capture has them |
//! | `wait MILLISECONDS` | nothing |
//! | `HOST is STATE` | the scenario goes on once the kernel says so |
//! | `packets N` | the scenario goes on once there were so many in all |
//! | `outcome NAME…` | the outcomes, in order of the connections; without this line they are not compared |
//! | `said HOST SUBJECT agrees` or `differs` or `open`, then words | what the counters of the host say of the last connection; SUBJECT is a cause, `outcome` or `copies`, and the words are in the sentence |
//! | `silently HOST STATE STATE` | no packet shows that the kernel is not in the first state, but in the second |
//!
//! With `TCPHS_SCENARIO=name` in the environment, only that one is played.
//!
//! HOST is `client`, `server`, or `both`, one at once after the other. FLAGS are in tcpdump's letters
//! without PSH, or `data`, or `all`. After each step there is a pause, in which the kernels are asked.

use std::fmt;
use std::time::Duration;

use testkit::kernel::{Fate, Rule, Segments, Side};

/// One scenario.
#[derive(Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The steps, with the lines that they were read from.
    pub(super) steps: Vec<(String, Step)>,
    /// The outcomes to compare with, by connection; none are compared if it is empty.
    pub outcomes: Vec<String>,
    /// What no packet shows.
    pub silent: Vec<Contradiction>,
    /// What the counters are to say.
    pub said: Vec<Statement>,
}

/// What the counters of a host are to say.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The host.
    pub side: Side,
    /// A cause, `outcome` or `copies`.
    pub subject: String,
    /// `agrees`, `does not agree`, or `not decidable`.
    pub agreement: &'static str,
    /// Part of the sentence.
    pub words: String,
}

/// The state that the engine calls proven, and the kernel's.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Contradiction {
    /// The host.
    pub side: Side,
    /// The state by the engine.
    pub proven: String,
    /// The state by the kernel.
    pub kernel: String,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.side.name(), self.proven, self.kernel)
    }
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Do(Vec<Side>, Action),
    Rule(Rule),
    Wait(Duration),
    Is(Side, String),
    Packets(usize),
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Set(String, String),
    Listen { backlog: Option<i32>, defer: Option<u32>, fast_open: bool },
    Unlisten,
    Connect { port: Option<u16>, fast_open: Option<usize> },
    Accept,
    Send(usize),
    Urgent,
    Read,
    Shutdown,
    Close,
    Abort,
    Vanish,
    KeepAlive(u64),
}

/// All scenarios of a text.
///
/// # Panics
/// Where a line is no step.
pub fn scenarios(text: &str) -> Vec<Scenario> {
    let mut all: Vec<Scenario> = Vec::new();
    for line in text.lines() {
        let step = line.trim();
        if step.is_empty() || step.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            all.push(Scenario {
                name: step.to_owned(),
                steps: Vec::new(),
                outcomes: Vec::new(),
                silent: Vec::new(),
                said: Vec::new(),
            });
            continue;
        }
        let scenario = all.last_mut().expect("a scenario has a name");
        let words: Vec<&str> = step.split_whitespace().collect();
        parse(scenario, step, &words).unwrap_or_else(|| panic!("{}: `{step}`", scenario.name));
    }
    all
}

fn parse(scenario: &mut Scenario, line: &str, words: &[&str]) -> Option<()> {
    let contradiction = |words: &[&str]| {
        let [host, proven, kernel] = words else { return None };
        let (proven, kernel) = ((*proven).to_owned(), (*kernel).to_owned());
        Some(Contradiction { side: side(host)?, proven, kernel })
    };
    let steps: Vec<Step> = match words {
        ["outcome", names @ ..] => {
            scenario.outcomes = names.iter().map(|name| (*name).to_owned()).collect();
            return Some(());
        }
        ["said", host, subject, agreement, words @ ..] => {
            let agreement = match *agreement {
                "agrees" => "agrees",
                "differs" => "does not agree",
                "open" => "not decidable",
                _ => return None,
            };
            let (side, subject, words) = (side(host)?, (*subject).to_owned(), words.join(" "));
            scenario.said.push(Statement { side, subject, agreement, words });
            return Some(());
        }
        ["silently", rest @ ..] => {
            scenario.silent.push(contradiction(rest)?);
            return Some(());
        }
        ["wait", time] => vec![Step::Wait(milliseconds(time)?)],
        ["packets", number] => vec![Step::Packets(number.parse().ok()?)],
        [fate @ ("lose" | "steal" | "miss"), host, flags, times] => {
            let fate = match *fate {
                "lose" => Fate::Lost,
                "steal" => Fate::Gone,
                _ => Fate::Missed,
            };
            rules(host, flags, times, fate)?
        }
        ["delay", host, flags, times, time] => {
            rules(host, flags, times, Fate::Late(milliseconds(time)?))?
        }
        [host, "is", state] => {
            let is = |side| Step::Is(side, (*state).to_owned());
            sides(host)?.into_iter().map(is).collect()
        }
        [host, rest @ ..] => vec![Step::Do(sides(host)?, action(rest)?)],
        [] => return None,
    };
    scenario.steps.extend(steps.into_iter().map(|step| (line.to_owned(), step)));
    Some(())
}

fn action(words: &[&str]) -> Option<Action> {
    Some(match words {
        ["set", name, values @ ..] => Action::Set((*name).to_owned(), values.join(" ")),
        ["listen", options @ ..] => {
            let (mut backlog, mut defer, mut fast_open) = (None, None, false);
            let mut options = options.iter();
            while let Some(option) = options.next() {
                match *option {
                    "backlog" => backlog = Some(options.next()?.parse().ok()?),
                    "defer" => defer = Some(options.next()?.parse().ok()?),
                    "fastopen" => fast_open = true,
                    _ => return None,
                }
            }
            Action::Listen { backlog, defer, fast_open }
        }
        ["unlisten"] => Action::Unlisten,
        ["connect"] => Action::Connect { port: None, fast_open: None },
        ["connect", "fastopen", octets] => {
            Action::Connect { port: None, fast_open: Some(octets.parse().ok()?) }
        }
        ["connect", port] => Action::Connect { port: Some(port.parse().ok()?), fast_open: None },
        ["connect", port, "fastopen", octets] => Action::Connect {
            port: Some(port.parse().ok()?),
            fast_open: Some(octets.parse().ok()?),
        },
        ["accept"] => Action::Accept,
        ["send", octets] => Action::Send(octets.parse().ok()?),
        ["urgent"] => Action::Urgent,
        ["read"] => Action::Read,
        ["shutdown"] => Action::Shutdown,
        ["close"] => Action::Close,
        ["abort"] => Action::Abort,
        ["vanish"] => Action::Vanish,
        ["keepalive", seconds] => Action::KeepAlive(seconds.parse().ok()?),
        _ => return None,
    })
}

fn rules(host: &str, flags: &str, times: &str, fate: Fate) -> Option<Vec<Step>> {
    let segments = match flags {
        "data" => Segments::Data,
        "all" => Segments::All,
        flags => Segments::Flags(flags.to_owned()),
    };
    let times = times.parse().ok()?;
    let rule = |from| Step::Rule(Rule { from, segments: segments.clone(), times, fate });
    Some(sides(host)?.into_iter().map(rule).collect())
}

fn side(host: &str) -> Option<Side> {
    Side::BOTH.into_iter().find(|side| side.name() == host)
}

fn sides(host: &str) -> Option<Vec<Side>> {
    if host == "both" { Some(Side::BOTH.to_vec()) } else { Some(vec![side(host)?]) }
}

fn milliseconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}
