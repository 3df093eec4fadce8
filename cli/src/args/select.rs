//! Which connections are wanted.

use std::net::IpAddr;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use dissector_core::connection::Outcome;

/// Which connections are wanted.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which connections (repeat an option for more)")]
pub struct Select {
    /// Those that did not come up
    #[arg(long)]
    pub failed: bool,

    /// Those with this outcome
    #[arg(long, value_name = "NAME", value_parser = outcome_parser(), hide_possible_values = false)]
    pub outcome: Vec<Outcome>,

    /// Those with this address as client or server
    #[arg(long, value_name = "ADDR")]
    pub host: Vec<IpAddr>,

    /// Those with this port at either end
    #[arg(long, value_name = "N")]
    pub port: Vec<u16>,

    /// The connection with this number
    #[arg(long, value_name = "N")]
    pub conn: Vec<u32>,
}

fn outcome_parser() -> impl TypedValueParser<Value = Outcome> {
    let labels = Outcome::ALL.iter().map(|outcome| outcome.label());
    PossibleValuesParser::new(labels).try_map(|label| label.parse())
}
