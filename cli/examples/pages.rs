//! Writes what goes with a released command: man pages and shell completions into a folder.
//!
//! `cargo xtask dist-command` runs it. An example, so that the command itself does without the
//! libraries that write them.

#![allow(dead_code, unused_imports, reason = "the command line is the command's own")]

#[path = "../src/args/mod.rs"]
mod args;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: pages FOLDER")?);
    let [man, completions] = ["man", "completions"].map(|name| folder.join(name));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    // One for the command, one for each of its commands.
    clap_mangen::generate_to(args::Cli::command().disable_help_subcommand(true), &man)?;
    for shell in Shell::value_variants() {
        clap_complete::generate_to(*shell, &mut args::Cli::command(), "tcphs", &completions)?;
    }
    Ok(())
}
