//! Pictures of the screen, as pixels.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// Red, green and blue.
pub type Colour = [u8; 3];

/// The screen, or a part of it.
#[derive(PartialEq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// Takes a picture of a screen.
    pub(super) fn take(display: &str) -> Option<Self> {
        let mut import = Command::new("import");
        import.args(["-display", display, "-window", "root", "-depth", "8", "ppm:-"]);
        let output = import.output().ok().filter(|output| output.status.success())?;
        Self::parse(&output.stdout)
    }

    /// Reads a portable pixmap: `P6`, width, height, 255, each followed by one blank.
    fn parse(octets: &[u8]) -> Option<Self> {
        let mut words = octets.splitn(4, |octet| octet.is_ascii_whitespace());
        let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse().ok();
        if words.next()? != b"P6" {
            return None;
        }
        let (width, height): (usize, usize) = (number(words.next()?)?, number(words.next()?)?);
        let rest = words.next()?.strip_prefix(b"255")?.get(1..)?;
        (rest.len() == width * height * 3).then(|| Self { width, height, pixels: rest.to_vec() })
    }

    /// The most frequent colour in a part of it: the background of the text.
    pub fn ground(&self, (left, top, width, height): (i32, i32, i32, i32)) -> Colour {
        let mut counts: HashMap<Colour, u32> = HashMap::new();
        let clamp = |value: i32, most: usize| usize::try_from(value).unwrap_or(0).min(most);
        for y in clamp(top, self.height)..clamp(top + height, self.height) {
            for x in clamp(left, self.width)..clamp(left + width, self.width) {
                let at = (y * self.width + x) * 3;
                let colour = [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]];
                *counts.entry(colour).or_default() += 1;
            }
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map_or([0; 3], |(colour, _)| colour)
    }

    /// Takes a picture of a part of a screen and keeps it as a PNG with a palette, which is small.
    pub(super) fn keep(display: &str, part: Option<(i32, i32, i32, i32)>, file: &Path) -> bool {
        let mut import = Command::new("import");
        import.args(["-display", display, "-window", "root"]);
        if let Some((left, top, width, height)) = part {
            import.args(["-crop", &format!("{width}x{height}+{left}+{top}"), "+repage"]);
        }
        // The file must not contain the time: the same screen gives the same octets.
        import.args([
            "+dither",
            "-colors",
            "128",
            "-strip",
            "-define",
            "png:exclude-chunks=date,time",
        ]);
        import.args(["-define", "png:compression-level=9"]);
        let name = format!("png8:{}", file.display());
        import.arg(name).status().is_ok_and(|status| status.success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixmap_of_two_pixels() {
        let picture = Picture::parse(b"P6\n3 1\n255\n\x01\x02\x03\x01\x02\x03\xff\xff\xff");
        let picture = picture.expect("it is a pixmap");
        assert_eq!(picture.ground((0, 0, 3, 1)), [1, 2, 3]);
        assert_eq!(picture.ground((2, 0, 9, 9)), [255, 255, 255]);
        assert!(Picture::parse(b"P6\n3 1\n255\n\x01").is_none());
    }
}
