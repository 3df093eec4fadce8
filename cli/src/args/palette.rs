//! Colours that can be read on any terminal.

use anstyle::Ansi256Color;

/// Colours of the fixed part of the 256 that terminals have: those of the first sixteen are the theme's, and
/// among them yellow on white and blue on black cannot be read. Each of these has a contrast of at least 4
/// to 1 on black and on white.
pub const GREEN: Ansi256Color = Ansi256Color(28);
pub const RED: Ansi256Color = Ansi256Color(196);
pub const AMBER: Ansi256Color = Ansi256Color(130);
pub const BLUE: Ansi256Color = Ansi256Color(63);
pub const TEAL: Ansi256Color = Ansi256Color(30);

#[cfg(test)]
mod tests {
    use super::*;

    /// Red, green and blue of a colour of the cube.
    fn of_cube(Ansi256Color(number): Ansi256Color) -> [u8; 3] {
        const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
        assert!((16..232).contains(&number), "{number} is not fixed");
        [36, 6, 1].map(|step| LEVELS[usize::from((number - 16) / step % 6)])
    }

    /// Contrast of two colours, from 1 to 21 (WCAG 2.1).
    fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
        let luminance = |colour: [u8; 3]| {
            let linear = colour.map(|part| match f64::from(part) / 255.0 {
                part if part <= 0.039_28 => part / 12.92,
                part => ((part + 0.055) / 1.055).powf(2.4),
            });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn colours_can_be_read_on_dark_and_light() {
        // Black, white, and both backgrounds of Solarized, on which no colour can have more for both.
        let backgrounds = [
            ([0, 0, 0], 3.99),
            ([255, 255, 255], 3.99),
            ([0x00, 0x2b, 0x36], 3.0),
            ([0xfd, 0xf6, 0xe3], 3.0),
        ];
        for colour in [GREEN, RED, AMBER, BLUE, TEAL] {
            for (background, least) in backgrounds {
                let contrast = contrast(of_cube(colour), background);
                assert!(contrast >= least, "{colour:?} on {background:?}: {contrast}");
            }
        }
    }
}
