//! The command line of a command: options, options with a value, and other arguments.

use std::ffi::{OsStr, OsString};
use std::str::FromStr;

use lexopt::{Arg, Error, Parser};
use testkit::wireshark::unpacked;

/// The arguments of a command, sorted.
#[derive(Default)]
pub struct Arguments {
    flags: Vec<String>,
    values: Vec<(String, OsString)>,
    /// The arguments that are no options.
    pub others: Vec<OsString>,
}

impl Arguments {
    /// Accepts the options `flags`, the options `valued` with a value each, and at most `most` other
    /// arguments. All names are without dashes.
    pub fn parse(
        arguments: Vec<OsString>,
        flags: &[&str],
        valued: &[&str],
        most: usize,
    ) -> Result<Self, Error> {
        let mut parser = Parser::from_args(arguments);
        let mut parsed = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long(name) if flags.contains(&name) => parsed.flags.push(name.to_owned()),
                Arg::Long(name) if valued.contains(&name) => {
                    let name = name.to_owned();
                    parsed.values.push((name, parser.value().unwrap_or_default()));
                }
                Arg::Value(other) if parsed.others.len() < most => parsed.others.push(other),
                Arg::Long(name) => return Err(unknown_argument(&format!("--{name}"))),
                Arg::Short(letter) => return Err(unknown_argument(&format!("-{letter}"))),
                Arg::Value(other) => return Err(unknown_argument(&other.to_string_lossy())),
            }
        }
        Ok(parsed)
    }

    /// Whether the option was given.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    /// The last value of an option; `what` says in an error what it takes.
    pub fn value<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, Error> {
        let Some((_, text)) = self.values.iter().rfind(|(given, _)| given == name) else {
            return Ok(None);
        };
        let text = text.to_string_lossy();
        let value = text.parse().map(Some);
        value.map_err(|_| usage(&format!("--{name} takes {what}, not `{text}`")))
    }

    /// All values of an option that takes versions of Wireshark.
    pub fn series(&self, name: &str) -> Result<Vec<String>, Error> {
        let given = self.values.iter().filter(|(given, _)| given == name);
        given.map(|(_, text)| series(text)).collect()
    }

    /// The other arguments as text.
    pub fn texts(&self) -> Vec<String> {
        self.others.iter().map(|text| text.to_string_lossy().into_owned()).collect()
    }
}

/// `X.Y`, a version of Wireshark.
pub fn series(text: &OsStr) -> Result<String, Error> {
    unpacked::series(&text.to_string_lossy()).map_err(|error| usage(&error.to_string()))
}

/// The error for an invalid command line.
pub fn usage(sentence: &str) -> Error {
    sentence.into()
}

fn unknown_argument(argument: &str) -> Error {
    usage(&format!("`{argument}` means nothing here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, Error> {
        let words = words.iter().map(OsString::from).collect();
        Arguments::parse(words, &["keep"], &["minutes"], 1)
    }

    #[test]
    fn options_and_other_arguments_in_any_order() {
        let given = parse(&["--minutes", "3", "bless", "--keep"]).expect("it makes sense");
        assert!(given.has("keep") && !given.has("minutes"));
        assert_eq!(given.value::<u64>("minutes", "a number").ok(), Some(Some(3)));
        assert_eq!(given.texts(), ["bless"]);
    }

    #[test]
    fn errors_name_the_argument() {
        let error = |words: &[&str]| parse(words).err().map(|error| error.to_string());
        assert_eq!(error(&["one", "two"]).as_deref(), Some("`two` means nothing here"));
        assert_eq!(error(&["--two"]).as_deref(), Some("`--two` means nothing here"));
        let given = parse(&["--minutes"]).expect("the value is looked at later");
        let error = given.value::<u64>("minutes", "a number").map_err(|error| error.to_string());
        assert_eq!(error, Err("--minutes takes a number, not ``".into()));
    }
}
