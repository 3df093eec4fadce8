//! Colours for the terminal.

use anstyle::Style;
use dissector_core::connection::{ColourRole, Outcome, Stage, StageClass};

use crate::args::palette::{AMBER, BLUE, GREEN, RED};

/// Green for what came up, red for what did not; the label says it too.
pub fn outcome_style(outcome: Outcome) -> Style {
    colour_style(outcome.colour())
}

/// The style of a colour role.
pub fn colour_style(colour: ColourRole) -> Style {
    match colour {
        ColourRole::Good => GREEN.on_default(),
        ColourRole::Bad => RED.on_default().bold(),
        ColourRole::Warning => AMBER.on_default().bold(),
        _ => Style::new(),
    }
}

/// Green for the handshake, blue for the close, red for the rest.
pub fn stage_style(stage: Stage) -> Style {
    match stage.class() {
        StageClass::None => Style::new(),
        StageClass::Handshake => GREEN.on_default(),
        StageClass::Close => BLUE.on_default(),
        _ => RED.on_default(),
    }
}

pub const FAINT: Style = Style::new().dimmed();
/// An assumed state that nothing confirms.
pub const STRUCK: Style = Style::new().strikethrough();
pub const STRONG: Style = Style::new().bold();
pub const WARNING: Style = AMBER.on_default();
