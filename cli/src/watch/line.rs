//! The lines that are written.

use std::time::{Duration, Instant};

use dissector_core::connection::{Connection, Outcome, Verdict};
use jiff::Timestamp;

use super::decision::{Decided, Decisions};
use super::totals::totals;
use crate::args::{WatchArgs, WatchFormat};
use crate::output::row::Stamps;
use crate::output::style::{FAINT, outcome_style};
use crate::output::units::{count, duration};
use crate::output::{Output, RowFormat, RowWriter};
use crate::rows::connections::ConnectionRow;
use crate::timeline::labels;
use crate::{Failure, warn};

/// Time between two updates of the last line of a terminal.
const UPDATE: Duration = Duration::from_secs(1);
/// Width of most outcomes, with `?`. Longer ones are rare, and lines have to fit.
const OUTCOME: usize = 13;

/// Writes each line at once.
pub struct Lines {
    to: To,
    /// The file as it was named.
    file: String,
    /// Octets of blanks that wipe the last line of the terminal; `None` if it has no totals.
    wipe: Option<usize>,
    /// When totals were written last, and how often they are.
    totals: Option<(Instant, Duration)>,
}

enum To {
    Text(Output),
    Rows(RowWriter),
}

impl Lines {
    pub fn open(arguments: &WatchArgs) -> Result<Self, Failure> {
        let to = match arguments.format {
            WatchFormat::Text => {
                let mut output = Output::open(None)?;
                output.row_by_row();
                output.text(&format!(
                    "{FAINT}Time (UTC)    {:OUTCOME$} Client → server{FAINT:#}\n",
                    "Outcome"
                ))?;
                To::Text(output)
            }
            WatchFormat::Jsonl => {
                let mut rows = RowWriter::new::<ConnectionRow<'_>>(
                    RowFormat::Jsonl(Stamps::NanosecondsOnly),
                    None,
                )?;
                rows.row_by_row();
                To::Rows(rows)
            }
        };
        let file = arguments.file.to_string_lossy().into_owned();
        let every = arguments.totals.map(|seconds| Duration::from_secs(seconds.into()));
        let now = Instant::now();
        let (wipe, totals) = match &to {
            To::Text(output) if output.is_terminal() => {
                (Some(0), Some((now, every.unwrap_or(UPDATE))))
            }
            _ => (None, every.map(|every| (now, every))),
        };
        Ok(Self { to, file, wipe, totals })
    }

    /// Writes the line of a connection.
    pub fn write(&mut self, decided: &Decided) -> Result<(), Failure> {
        let verdict = decided.connection.verdict_at(decided.now_ns);
        match &mut self.to {
            To::Text(output) => {
                let wipe = self.wipe.as_mut().map(std::mem::take).unwrap_or(0);
                let line = line(decided, &verdict);
                output.text(&format!("{}{line}\n", wiped(wipe)))?;
            }
            To::Rows(rows) => {
                rows.write(&ConnectionRow::new(&self.file, &decided.connection, &verdict))?;
            }
        }
        Ok(())
    }

    /// Writes totals if it is time for them.
    pub fn totals(&mut self, decisions: &Decisions) -> Result<(), Failure> {
        let Some((last, every)) = &mut self.totals else { return Ok(()) };
        if last.elapsed() < *every {
            return Ok(());
        }
        *last = Instant::now();
        let text = totals(decisions);
        match (&mut self.to, &mut self.wipe) {
            (To::Text(output), Some(wipe)) => {
                let room = output.columns().unwrap_or(0).saturating_sub(1);
                let text: String = text.chars().take(room).collect();
                output.text(&format!("{}{FAINT}{text}{FAINT:#}", wiped(*wipe)))?;
                *wipe = text.chars().count();
            }
            _ => warn(&text),
        }
        Ok(())
    }

    /// Writes this text, for so many columns, behind the last line.
    pub fn end(&mut self, text: impl FnOnce(usize) -> String) -> Result<(), Failure> {
        if let To::Text(output) = &mut self.to {
            let wipe = self.wipe.as_mut().map(std::mem::take).unwrap_or(0);
            let text = text(output.prose_columns());
            output.text(&format!("{}\n{text}", wiped(wipe)))?;
            output.flush()?;
        }
        Ok(())
    }
}

/// Wipes so many columns of the line of a terminal.
fn wiped(columns: usize) -> String {
    if columns == 0 { String::new() } else { format!("\r{}\r", " ".repeat(columns)) }
}

/// `14:03:21.532  refused       10.0.0.1:40000 → 10.0.0.2:81  after 1.0 ms`
fn line(decided: &Decided, verdict: &Verdict) -> String {
    let Decided { connection, outcome, now_ns, sure, before } = decided;
    let style = outcome_style(*outcome);
    let label = format!("{outcome}{}", if *sure { "" } else { "?" });
    let ends = format!("{} → {}", connection.client(), connection.server());
    let mut details: Vec<_> = detail(connection, verdict, *now_ns).into_iter().collect();
    details.extend(before.map(|before| format!("was {}", before.outcome)));
    let time = time_of_day(*now_ns);
    let line = format!("{time}  {style}{label:OUTCOME$}{style:#} {ends}  {}", details.join(", "));
    line.trim_end().to_owned()
}

/// The time of day, to milliseconds.
fn time_of_day(time_ns: i64) -> String {
    match Timestamp::from_nanosecond(time_ns.into()) {
        Ok(time) => time.strftime("%H:%M:%S%.3f").to_string(),
        Err(_) => "?".into(),
    }
}

/// What the outcome rests on.
fn detail(connection: &Connection, verdict: &Verdict, now_ns: i64) -> Option<String> {
    let since = |until_ns: i64| duration(until_ns.abs_diff(connection.first_ns()));
    let syns = count(verdict.syn_count.into(), "SYN");
    Some(match verdict.outcome {
        Outcome::Complete => {
            let setup = verdict.times.setup_time_ns.map(duration)?;
            if verdict.syn_count > 1 { format!("{setup}, {syns}") } else { setup }
        }
        Outcome::NoReply => format!("{syns}, {}", since(now_ns)),
        Outcome::Refused | Outcome::AbortedByClient | Outcome::AbortedByServer => {
            format!("after {}", since(connection.last_ns()))
        }
        Outcome::Unreachable => {
            let icmp = verdict.icmp?;
            labels::icmp_name(connection.client().ip(), icmp.kind, icmp.code)
        }
        Outcome::NoFinalAck | Outcome::NotAccepted => count(verdict.synack_count.into(), "SYN/ACK"),
        _ => return None,
    })
}
