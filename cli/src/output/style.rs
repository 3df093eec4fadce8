//! Colours for the terminal.

use anstyle::{AnsiColor, Style};
use dissector_core::connection::{ColourRole, Outcome, Stage, StageClass};

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

/// Green for the handshake, blue for the close, red for the rest.
pub fn stage_style(stage: Stage) -> Style {
    match stage.class() {
        StageClass::None => Style::new(),
        StageClass::Handshake => AnsiColor::Green.on_default(),
        StageClass::Close => AnsiColor::Blue.on_default(),
        _ => AnsiColor::Red.on_default(),
    }
}

pub const FAINT: Style = Style::new().dimmed();
/// An assumed state that nothing confirms.
pub const STRUCK: Style = Style::new().strikethrough();
pub const STRONG: Style = Style::new().bold();
pub const WARNING: Style = AnsiColor::Yellow.on_default();
