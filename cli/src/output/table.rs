//! Tables for reading: columns as wide as what stands in them.

use anstyle::Style;

/// A column: its title, and whether it holds numbers, which stand at the right.
#[derive(Clone, Copy)]
pub struct Title(pub &'static str, pub Align);

#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Align {
    Left,
    Right,
}

/// What stands in a cell, and how it looks.
pub struct Shown {
    text: String,
    style: Style,
}

impl Shown {
    pub fn styled(text: impl ToString, style: Style) -> Self {
        Self { text: text.to_string(), style }
    }
}

impl<T: ToString> From<T> for Shown {
    fn from(text: T) -> Self {
        Self::styled(text, Style::new())
    }
}

/// Lays out `rows` under `titles`: lines with two spaces between columns, none at the end.
pub fn lay_out(titles: &[Title], rows: &[Vec<Shown>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].text.chars().count());
        cells.chain([titles[column].0.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..titles.len()).map(width).collect();
    let mut text = String::new();
    let header: Vec<_> = titles.iter().map(|Title(title, _)| Shown::from(*title)).collect();
    for row in std::iter::once(&header).chain(rows) {
        let mut spaces = 0;
        for ((cell, Title(_, align)), width) in row.iter().zip(titles).zip(&widths) {
            let rest = width - cell.text.chars().count();
            let (before, after) = if *align == Align::Right { (rest, 0) } else { (0, rest) };
            // Spaces at the end of a line are left out, so they wait until something follows.
            if !cell.text.is_empty() {
                text.extend(std::iter::repeat_n(' ', spaces + before));
                let style = cell.style;
                text.push_str(&format!("{style}{}{style:#}", cell.text));
                spaces = after + 2;
            } else {
                spaces += width + 2;
            }
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let titles =
            [Title("N", Align::Right), Title("What", Align::Left), Title("X", Align::Left)];
        let rows = [
            vec![7.into(), "→ a".into(), "".into()],
            vec![1000.into(), "long one".into(), "y".into()],
        ];
        let expected = "   N  What      X\n   7  → a\n1000  long one  y\n";
        assert_eq!(lay_out(&titles, &rows), expected);
    }
}
