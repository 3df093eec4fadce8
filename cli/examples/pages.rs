//! Writes what goes with a released command into a folder: man pages, shell completions, and the whole
//! help as one text.
//!
//! `cargo xtask dist-command` runs it. An example, so that the command itself does without the
//! libraries that write them.

#![allow(dead_code, unused_imports, reason = "the command line is the command's own")]

#[path = "../src/args/mod.rs"]
mod args;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;

const USAGE: &str = "usage: pages FOLDER [man] [completions] [manual.txt]";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or(USAGE)?);
    for part in arguments {
        let place = folder.join(&part);
        match part.to_str() {
            Some("man") => man(&place)?,
            Some("completions") => completions(&place)?,
            Some("manual.txt") => fs::write(&place, manual())?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(())
}

/// One for the command, one for each of its commands.
fn man(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    Ok(clap_mangen::generate_to(args::Cli::command().disable_help_subcommand(true), folder)?)
}

fn completions(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for shell in Shell::value_variants() {
        clap_complete::generate_to(*shell, &mut args::Cli::command(), "tcphs", folder)?;
    }
    Ok(())
}

/// The help of the command and of each of its commands, as they print it.
fn manual() -> String {
    let mut command = args::Cli::command().term_width(80).disable_help_subcommand(true);
    command.build();
    let mut text = command.render_long_help().to_string();
    for command in command.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
        let title = format!("tcphs {}", command.get_name());
        let line = "=".repeat(title.len());
        text.push_str(&format!("\n\n{title}\n{line}\n\n{}", command.render_long_help()));
    }
    // Every editor of Windows shows these line breaks.
    text.lines().map(|line| format!("{}\r\n", line.trim_end())).collect()
}
