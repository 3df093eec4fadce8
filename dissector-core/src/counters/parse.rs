//! Reads the counters that a kernel prints.

use std::collections::BTreeMap;

/// The longest name of a counter; the longest that Linux has is half of it.
const LONGEST: usize = 64;

/// Where an output comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    /// `nstat`, as lines or as JSON.
    Nstat,
    /// Files of `/proc/net`.
    Proc,
}

/// The counters of one output, by the names that `nstat` gives them, such as `TcpExtListenOverflows`.
#[derive(Clone, Debug)]
pub struct Counters {
    pub(super) values: BTreeMap<Box<str>, u64>,
    pub(super) source: Source,
}

/// Why a text has no counters to read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoCounters {
    /// No line of it is one of a counter.
    #[error("no counters in it; `nstat -az` prints them")]
    Nothing,
    /// It has a counter more than once, with different values.
    #[error("{0} is in it twice, with different values: two outputs in one file?")]
    Twice(Box<str>),
}

impl Counters {
    /// Reads the output of `nstat -az` or `nstat -azj`, or of `/proc/net/netstat`, `/proc/net/snmp` and
    /// `/proc/net/snmp6`, one or several after the other. Lines that are none of a counter are passed over.
    ///
    /// # Errors
    /// If there is no counter in it, or one with two values.
    ///
    /// ```
    /// use dissector_core::counters::Counters;
    ///
    /// let lines = Counters::parse("TcpExtListenDrops  12  0.0\n")?;
    /// let json = Counters::parse(r#"{"kernel":{"TcpExtListenDrops":12}}"#)?;
    /// let file = Counters::parse("TcpExt: SyncookiesSent ListenDrops\nTcpExt: 0 12\n")?;
    /// for counters in [lines, json, file] {
    ///     assert_eq!(counters.get("TcpExtListenDrops"), Some(12));
    /// }
    /// # Ok::<(), dissector_core::counters::NoCounters>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, NoCounters> {
        let text = text.trim_start_matches('\u{feff}');
        let mut read = Self { values: BTreeMap::new(), source: Source::Nstat };
        if text.trim_start().starts_with('{') {
            read.take_json(text)?;
        } else {
            read.take_lines(text)?;
        }
        if read.values.is_empty() { Err(NoCounters::Nothing) } else { Ok(read) }
    }

    /// The value of a counter; `None` if the output has not got it.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.values.get(name).copied()
    }

    /// Whether counters that are 0 are listed too. Otherwise a missing one may be 0, or unknown to the
    /// kernel.
    pub(super) fn lists_zeros(&self) -> bool {
        self.values.values().any(|value| *value == 0)
    }

    fn take_lines(&mut self, text: &str) -> Result<(), NoCounters> {
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let mut words = line.split_whitespace();
            let Some(first) = words.next().filter(|word| !word.starts_with('#')) else { continue };
            let Some(prefix) = first.strip_suffix(':') else {
                if let Some(value) = words.next().and_then(|word| word.parse().ok()) {
                    self.add(first.to_owned(), value)?;
                }
                continue;
            };
            // A line of names, and a line of values in the same order.
            let next = lines.peek().and_then(|next| next.trim_start().strip_prefix(first));
            let Some(values) = next.filter(|_| is_name(prefix)) else { continue };
            self.source = Source::Proc;
            for (name, value) in words.zip(values.split_whitespace()) {
                // A negative one is no counter.
                if let Ok(value) = value.parse() {
                    self.add(format!("{prefix}{name}"), value)?;
                }
            }
            lines.next();
        }
        Ok(())
    }

    /// Takes each `"name": number`, at whatever depth.
    fn take_json(&mut self, text: &str) -> Result<(), NoCounters> {
        let mut rest = text;
        while let Some((name, behind)) =
            rest.split_once('"').and_then(|(_, rest)| rest.split_once('"'))
        {
            rest = behind;
            let Some(value) = behind.trim_start().strip_prefix(':') else { continue };
            let value = value.trim_start();
            let digits = value.split(|char: char| !char.is_ascii_digit()).next();
            if let Some(value) = digits.and_then(|digits| digits.parse().ok()) {
                self.add(name.to_owned(), value)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, name: String, value: u64) -> Result<(), NoCounters> {
        if !is_name(&name) {
            return Ok(());
        }
        let name = name.into_boxed_str();
        match self.values.insert(name.clone(), value) {
            Some(other) if other != value => Err(NoCounters::Twice(name)),
            _ => Ok(()),
        }
    }
}

fn is_name(word: &str) -> bool {
    word.len() <= LONGEST
        && word.starts_with(|char: char| char.is_ascii_uppercase())
        && word.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read(text in r#"([A-Za-z]{1,6}[ :\n"{},]{1,2}|[0-9]{1,21}[ \n]|\PC){0,40}"#) {
            if let Ok(read) = Counters::parse(&text) {
                prop_assert!(read.values.keys().all(|name| text.contains(&name[name.len() - 1..])));
            }
        }
    }

    #[test]
    fn the_files_of_proc_in_any_order_have_the_names_of_nstat() {
        let snmp =
            "Tcp: RtoMin MaxConn InSegs OutRsts\nTcp: 200 -1 7 2\nIcmpMsg: InType3\nIcmpMsg: 4\n";
        let netstat = "TcpExt: ListenOverflows ListenDrops\nTcpExt: 12 13\n";
        let snmp6 = "Ip6InReceives                   \t9\n";
        for text in [[snmp, netstat, snmp6].concat(), [snmp6, netstat, snmp].concat()] {
            let read = Counters::parse(&text).unwrap();
            let names = ["TcpInSegs", "TcpOutRsts", "IcmpMsgInType3", "Ip6InReceives"];
            assert_eq!(names.map(|name| read.get(name)), [7, 2, 4, 9].map(Some));
            assert_eq!(read.get("TcpExtListenDrops"), Some(13));
            assert_eq!((read.get("TcpMaxConn"), read.source), (None, Source::Proc));
        }
    }

    #[test]
    fn a_cut_file_has_what_it_has() {
        let read = Counters::parse("TcpExt: A B C\nTcpExt: 1 2\nTcp: InSegs OutSegs").unwrap();
        assert_eq!((read.get("TcpExtB"), read.get("TcpExtC")), (Some(2), None));
        assert_eq!(read.get("TcpInSegs"), None);
    }

    #[test]
    fn two_outputs_in_one_file_are_refused() {
        let twice = Counters::parse("TcpInSegs 1 0.0\nTcpInSegs 2 0.0\n");
        assert_eq!(twice.unwrap_err(), NoCounters::Twice("TcpInSegs".into()));
        assert!(Counters::parse("TcpInSegs 1 0.0\nTcpInSegs 1 0.0\n").is_ok());
    }

    #[test]
    fn no_text_without_counters_passes() {
        for text in
            ["", "nstat: command not found", "{", "{\"kernel\":{}}", "Tcp:\nTcp:", "\"\"\":"]
        {
            assert_eq!(Counters::parse(text).unwrap_err(), NoCounters::Nothing, "{text}");
        }
    }

    #[test]
    fn what_surrounds_the_counters_is_passed_over() {
        let read =
            Counters::parse("\u{feff}$ nstat -az\n#kernel\r\nTcpInSegs  30   0.0\r\n$ ").unwrap();
        assert_eq!((read.values.len(), read.get("TcpInSegs")), (1, Some(30)));
    }
}
