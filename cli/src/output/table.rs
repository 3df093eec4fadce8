//! Tables for reading: columns as wide as what stands in them.

use anstyle::Style;

use crate::output::style::FAINT;

/// A column: its title, and whether it holds numbers, which stand at the right.
#[derive(Clone, Copy)]
pub struct Title(pub &'static str, pub Align);

#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Align {
    Left,
    Right,
}

/// The text of a cell and its style.
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
///
/// Where there is no room for all `columns` of a terminal, some of the `dispensable` columns of the
/// table are left out: those in which nothing is, then the first ones. A last line names them.
pub fn lay_out(
    titles: &[Title],
    rows: &[Vec<Shown>],
    columns: Option<usize>,
    dispensable: &[&str],
) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].text.chars().count());
        cells.chain([titles[column].0.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..titles.len()).map(width).collect();
    let is_empty = |column: usize| {
        rows.iter().all(|row| matches!(row[column].text.as_str(), "" | "-" | "0" | "0.00"))
    };
    let place = |name: &&str| titles.iter().position(|Title(title, _)| title == name);
    let mut without: Vec<_> = dispensable.iter().filter_map(place).collect();
    without.sort_by_key(|column| !is_empty(*column));
    let mut needed = widths.iter().map(|width| width + 2).sum::<usize>().saturating_sub(2);
    let mut left_out = vec![false; titles.len()];
    for column in without {
        if columns.is_none_or(|columns| needed <= columns) {
            break;
        }
        needed -= widths[column] + 2;
        left_out[column] = true;
    }
    let (unshown, shown): (Vec<_>, Vec<_>) =
        (0..titles.len()).partition(|column| left_out[*column]);
    let mut text = String::new();
    let header: Vec<_> = titles.iter().map(|Title(title, _)| Shown::from(*title)).collect();
    for row in std::iter::once(&header).chain(rows) {
        let mut spaces = 0;
        for column in &shown {
            let (cell, Title(_, align), width) = (&row[*column], titles[*column], widths[*column]);
            let rest = width - cell.text.chars().count();
            let (before, after) = if align == Align::Right { (rest, 0) } else { (0, rest) };
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
    if !unshown.is_empty() {
        let names: Vec<_> = unshown.iter().map(|column| titles[*column].0).collect();
        let names = names.join(", ");
        let told = format!("no room for: {names} (| less -S)");
        let lines = textwrap::wrap(&told, columns.unwrap_or(usize::MAX));
        lines.iter().for_each(|line| text.push_str(&format!("{FAINT}{line}{FAINT:#}\n")));
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
        assert_eq!(lay_out(&titles, &rows, None, &[]), expected);
        assert_eq!(lay_out(&titles, &rows, Some(17), &["N"]), expected);
    }

    #[test]
    fn empty_columns_are_left_out_first() {
        let titles = ["A", "Bee", "Sea", "Dee"].map(|title| Title(title, Align::Right));
        let rows = [vec![1.into(), 2.into(), 0.into(), 4.into()]];
        let fits = |columns| {
            let text = lay_out(&titles, &rows, Some(columns), &["Bee", "Sea"]);
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(fits(16), ["A  Bee  Sea  Dee", "1    2    0    4"]);
        let faint = |text: &str| format!("{FAINT}{text}{FAINT:#}");
        let [room, less] = ["no room for:", "Sea (| less -S)"].map(faint);
        assert_eq!(fits(15), ["A  Bee  Dee", "1    2    4", &room, &less]);
        let [room, bee, less, s] = ["no room", "for: Bee,", "Sea (|", "less -S)"].map(faint);
        assert_eq!(fits(9), ["A  Dee", "1    4", &room, &bee, &less, &s]);
    }
}
