//! Colours, for a terminal.

use anstyle::{AnsiColor, Style};
use dissector_core::connection::{ColourRole, Outcome, Stage};

/// Green for what came up, red for what did not; the label says it too.
pub fn outcome_style(outcome: Outcome) -> Style {
    colour_style(outcome.colour())
}

/// The style of a colour role.
pub fn colour_style(colour: ColourRole) -> Style {
    match colour {
        ColourRole::Good => AnsiColor::Green.on_default(),
        ColourRole::Bad => AnsiColor::Red.on_default().bold(),
        ColourRole::Warning => AnsiColor::Yellow.on_default().bold(),
        _ => Style::new(),
    }
}

/// As in Wireshark's list: handshake green, close grey, reset red.
pub fn stage_style(stage: Stage) -> Style {
    match stage {
        Stage::None => Style::new(),
        stage if stage.is_handshake() => AnsiColor::Green.on_default(),
        Stage::IcmpError | Stage::IllegalFlags => AnsiColor::Red.on_default(),
        stage if stage.number() >= Stage::Fin.number() => AnsiColor::Blue.on_default(),
        _ => AnsiColor::Red.on_default(),
    }
}

/// What stands back.
pub const FAINT: Style = Style::new().dimmed();
/// What stands out.
pub const STRONG: Style = Style::new().bold();
/// What should be looked at.
pub const WARNING: Style = AnsiColor::Yellow.on_default();
