//! The points of capture that the command line names.

use std::path::{Path, PathBuf};

use crate::args::{AtPoint, PointFiles, PointOptions, SEPARATOR, Source};
use crate::reading::input::{self, Input, is_stdin};
use crate::{Failure, warn};

/// Endings of names of captures, from the last to the first.
const ENDINGS: [&[&str]; 2] = [&["gz", "zst"], &["pcap", "pcapng", "cap"]];

/// The points of capture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Points {
    /// Each has captures of its own. There are at least two, in the order in which they were named.
    Captures(Vec<Point>),
    /// They are the interfaces of these captures, which are read as one stream.
    Interfaces(Vec<PathBuf>),
}

/// A point of capture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Point {
    pub name: String,
    /// Its captures, which are read as one stream, in order of time.
    pub files: Vec<PathBuf>,
}

impl Point {
    /// Opens its captures.
    pub fn open(&self) -> Result<Input, Failure> {
        Input::open(&Source { files: self.files.clone(), names: false, threads: None }, false)
    }
}

impl Points {
    /// The points that are named on the command line.
    pub fn of(arguments: &PointFiles) -> Result<Self, Failure> {
        let PointFiles { files, options: PointOptions { at, by_interface } } = arguments;
        input::read_stdin_once(files.iter().chain(at.iter().map(|at| &at.file)))?;
        if *by_interface {
            return match files.is_empty() {
                true => usage("--by-interface needs the capture whose interfaces are the points"),
                false => Ok(Self::Interfaces(files.clone())),
            };
        }
        if !at.is_empty() {
            return named(files, at);
        }
        match &files[..] {
            [a, b] => {
                let names = unique(vec![stem(a), stem(b)], |place| folder(&files[place]));
                let points = names.into_iter().zip(files);
                let points = points.map(|(name, file)| Point { name, files: vec![file.clone()] });
                Ok(Self::Captures(points.collect()))
            }
            [] => usage(
                "no captures: name those of two points, client.pcap server.pcap, or name the \
                 points, too: --at client=a.pcap --at server=b.pcap",
            ),
            [only] => {
                let only = only.display();
                Err(Failure::Usage(format!(
                    "{only} is the capture of one point: name that of the other, too; or, if its \
                     interfaces are the points, --by-interface {only}"
                )))
            }
            _ => usage(
                "more than two captures: say which point each is of, as in --at client=a1.pcap \
                 --at client=a2.pcap --at server=b.pcap",
            ),
        }
    }

    /// Every capture.
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Captures(points) => points.iter().flat_map(|it| it.files.clone()).collect(),
            Self::Interfaces(files) => files.clone(),
        }
    }
}

fn usage<T>(text: &str) -> Result<T, Failure> {
    Err(Failure::Usage(text.into()))
}

/// The points of `--at`.
fn named(files: &[PathBuf], at: &[AtPoint]) -> Result<Points, Failure> {
    if let Some(file) = files.first() {
        let file = file.display();
        return Err(Failure::Usage(format!("which point is {file} of? Write --at NAME={file}")));
    }
    let mut points: Vec<Point> = Vec::new();
    for AtPoint { name, file } in at {
        match points.iter_mut().find(|point| point.name == *name) {
            Some(point) if point.files.iter().any(|other| is_same(other, file)) => {
                warn(&format!("{} is given to {name} twice; it is read once", file.display()))
            }
            Some(point) => point.files.push(file.clone()),
            None => points.push(Point { name: name.clone(), files: vec![file.clone()] }),
        }
    }
    match &points[..] {
        [only] => Err(Failure::Usage(format!(
            "{} is one point: name another, as in --at {}=b.pcap",
            only.name,
            if only.name == "server" { "client" } else { "server" }
        ))),
        _ => Ok(Points::Captures(points)),
    }
}

/// Whether both are names of one file.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || one.canonicalize().is_ok_and(|it| other.canonicalize().is_ok_and(|other| it == other))
}

/// The name of a capture without folder and endings.
fn stem(file: &Path) -> String {
    if is_stdin(file) {
        return "stdin".into();
    }
    let mut name = PathBuf::from(file.file_name().unwrap_or(file.as_os_str()));
    for endings in ENDINGS {
        let ending = name.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        if ending.is_some_and(|ending| endings.contains(&&*ending)) {
            name.set_extension("");
        }
    }
    name.to_string_lossy().replace(|letter: char| letter == SEPARATOR || letter.is_control(), "-")
}

/// The name of the folder that a capture is in.
fn folder(file: &Path) -> Option<String> {
    Some(file.parent()?.file_name()?.to_string_lossy().into_owned())
}

/// Names that differ: equal ones get what is `before` them, and a number if they are still equal.
fn unique(names: Vec<String>, before: impl Fn(usize) -> Option<String>) -> Vec<String> {
    let is_taken = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
    let mut differ: Vec<String> = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let longer = before(place).filter(|_| is_taken(name));
        let longer = longer.map_or_else(|| name.clone(), |before| format!("{before}-{name}"));
        let numbered = (2..).map(|number| format!("{longer}-{number}"));
        let mut all = std::iter::once(longer.clone()).chain(numbered);
        differ.extend(all.find(|name| !differ.contains(name)));
    }
    differ
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        points: PointFiles,
    }

    /// The points, or the words that say why there are none.
    fn parse(arguments: &str) -> Result<Points, String> {
        let words = ["program"].into_iter().chain(arguments.split_whitespace());
        let program = Program::try_parse_from(words).map_err(|error| error.to_string())?;
        Points::of(&program.points).map_err(|failure| failure.to_string())
    }

    /// Name and files of each point.
    fn points(arguments: &str) -> Vec<(String, Vec<String>)> {
        let Points::Captures(points) = parse(arguments).expect("there are points") else {
            panic!("{arguments}: no captures");
        };
        let files = |point: &Point| point.files.iter().map(|it| it.display().to_string()).collect();
        points.iter().map(|point| (point.name.clone(), files(point))).collect()
    }

    fn names(arguments: &str) -> Vec<String> {
        points(arguments).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn two_files_are_two_points_named_after_them() {
        assert_eq!(names("dir/client.pcap.gz server.PCAPNG"), ["client", "server"]);
        assert_eq!(names("a.b.cap.zst -"), ["a.b", "stdin"]);
        assert_eq!(names("client/x.pcap server/x.pcap"), ["client-x", "server-x"]);
        assert_eq!(names("x.pcap x.pcap"), ["x", "x-2"]);
        assert_eq!(names("a/x.pcap b/a/x.pcap"), ["a-x", "a-x-2"]);
        assert_eq!(points("a b")[1], ("b".into(), vec!["b".into()]));
    }

    #[test]
    fn names_gather_their_files_in_order_of_first_mention() {
        let found = points("--at client=a1 --at mid=m --at client=a2 --at server=b=c");
        let expected = [("client", &["a1", "a2"][..]), ("mid", &["m"]), ("server", &["b=c"])];
        let expected = expected.map(|(name, files)| {
            (name.to_owned(), files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>())
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_file_that_is_given_twice_to_a_point_is_read_once() {
        let found =
            points("--at client=Cargo.toml --at client=./Cargo.toml --at server=Cargo.toml");
        let files: Vec<_> = found.into_iter().map(|(_, files)| files.len()).collect();
        assert_eq!(files, [1, 1]);
    }

    #[test]
    fn interfaces_of_captures() {
        let files = vec!["a".into(), "b".into()];
        assert_eq!(parse("--by-interface a b"), Ok(Points::Interfaces(files)));
    }

    #[test]
    fn errors_say_what_to_write() {
        for (arguments, told) in [
            ("", "no captures"),
            ("a.pcap", "--by-interface a.pcap"),
            ("a b c", "--at client=a1.pcap"),
            ("--by-interface", "needs the capture"),
            ("--by-interface --at a=b", "cannot be used with"),
            ("--at client=a", "name another, as in --at server=b.pcap"),
            ("--at server=a --at server=b", "as in --at client=b.pcap"),
            ("--at client=a --at server=b c", "Write --at NAME=c"),
            ("--at a.pcap", "as in client=a.pcap"),
            ("--at =a.pcap", "as in client=a.pcap"),
            ("--at client=", "as in client=a.pcap"),
            ("--at a/b=c", "a name has no /"),
            ("- -", "only once"),
            ("--at a=- --at b=-", "only once"),
        ] {
            let error = parse(arguments).expect_err(arguments);
            assert!(error.contains(told), "{arguments}: {error}");
        }
    }
}
