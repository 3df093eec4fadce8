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

/// A table for a terminal of a given width.
#[derive(Clone, Copy, Default)]
pub struct Layout<'a> {
    /// Columns of the terminal; `None` for a pipe or a file, which have room for everything.
    pub columns: Option<usize>,
    /// Columns of the table that may be left out, the least important first.
    pub dispensable: &'a [&'a str],
    /// Two columns that stand below each other where nothing else helps.
    pub foldable: Option<[&'a str; 2]>,
}

/// In front of the second of two cells that stand below each other.
const FOLD: &str = "→ ";

impl Layout<'_> {
    /// Lays out `rows` under `titles`: lines with two spaces between columns, none at the end.
    ///
    /// Where there is no room, some of the dispensable columns are left out: those in which nothing is, then
    /// the first ones. A last line names them. If there still is none, the foldable columns become one,
    /// and each row two lines. Returns the lines of each row, the titles first, and the lines at the end.
    pub fn lines(&self, titles: &[Title], rows: &[Vec<Shown>]) -> (Vec<Vec<String>>, Vec<String>) {
        let header: Vec<_> = titles.iter().map(|Title(title, _)| Shown::from(*title)).collect();
        let all = || std::iter::once(&header[..]).chain(rows.iter().map(Vec::as_slice));
        let width =
            |column: usize| all().map(|row| row[column].text.chars().count()).max().unwrap_or(0);
        let mut widths: Vec<_> = (0..titles.len()).map(width).collect();
        let mut left_out = self.without(titles, rows, &widths);
        let mut fold = None;
        if left_out.is_none() {
            fold = self.foldable.and_then(|names| {
                let place = |name: &str| titles.iter().position(|Title(title, _)| *title == name);
                Some([place(names[0])?, place(names[1])?])
            });
            if let Some([first, second]) = fold {
                widths[first] = widths[first].max(widths[second] + FOLD.chars().count());
                widths[second] = 0;
                left_out = self.without(titles, rows, &widths);
            }
        }
        // There is no room for the indispensable ones either: a line that is too long says more than none.
        let left_out = left_out.unwrap_or_else(|| {
            let is_dispensable = |Title(title, _): &Title| self.dispensable.contains(title);
            titles.iter().map(is_dispensable).collect()
        });
        let (unshown, shown): (Vec<_>, Vec<_>) =
            (0..titles.len()).partition(|column| left_out[*column]);
        let is_folded = |column: &usize| fold.is_some_and(|[_, second]| second == *column);
        let shown: Vec<_> = shown.into_iter().filter(|column| !is_folded(column)).collect();
        let lines = all().map(|row| {
            let mut lines = vec![line(titles, row, &shown, &widths)];
            if let Some([first, second]) = fold {
                let before = shown.iter().take_while(|column| **column != first);
                let indent = before.map(|column| widths[*column] + 2).sum::<usize>();
                let Shown { text, style } = &row[second];
                lines.push(format!("{:indent$}{FOLD}{style}{text}{style:#}", ""));
            }
            lines
        });
        let lines = lines.collect();
        let mut end = Vec::new();
        if !unshown.is_empty() {
            let names: Vec<_> = unshown.iter().map(|column| titles[*column].0).collect();
            let told = format!("no room for: {}", names.join(", "));
            let wrapped = textwrap::wrap(&told, self.columns.unwrap_or(usize::MAX));
            end.extend(wrapped.iter().map(|line| format!("{FAINT}{line}{FAINT:#}")));
        }
        (lines, end)
    }

    /// The same as one text.
    pub fn text(&self, titles: &[Title], rows: &[Vec<Shown>]) -> String {
        let (rows, end) = self.lines(titles, rows);
        let lines = rows.into_iter().flatten().chain(end);
        lines.fold(String::new(), |text, line| text + &line + "\n")
    }

    /// Which columns are left out; `None` if there is no room even for the others.
    fn without(
        &self,
        titles: &[Title],
        rows: &[Vec<Shown>],
        widths: &[usize],
    ) -> Option<Vec<bool>> {
        let is_empty = |column: usize| {
            rows.iter().all(|row| matches!(row[column].text.as_str(), "" | "-" | "0" | "0.00"))
        };
        let place = |name: &&str| titles.iter().position(|Title(title, _)| title == name);
        let mut without: Vec<_> = self.dispensable.iter().filter_map(place).collect();
        without.sort_by_key(|column| !is_empty(*column));
        let parts = widths.iter().filter(|width| **width > 0).map(|width| width + 2);
        let mut needed = parts.sum::<usize>().saturating_sub(2);
        let mut left_out = vec![false; titles.len()];
        let fits = |needed: usize| self.columns.is_none_or(|columns| needed <= columns);
        for column in without {
            if fits(needed) {
                break;
            }
            needed -= widths[column] + 2;
            left_out[column] = true;
        }
        fits(needed).then_some(left_out)
    }
}

/// The cells of these columns in a line, with two spaces between them.
fn line(titles: &[Title], row: &[Shown], columns: &[usize], widths: &[usize]) -> String {
    let mut line = String::new();
    let mut spaces = 0;
    for &column in columns {
        let (cell, Title(_, align), width) = (&row[column], titles[column], widths[column]);
        let rest = width.saturating_sub(cell.text.chars().count());
        let (before, after) = if align == Align::Right { (rest, 0) } else { (0, rest) };
        // Spaces at the end of a line are left out, so they wait until something follows.
        if !cell.text.is_empty() {
            line.extend(std::iter::repeat_n(' ', spaces + before));
            let style = cell.style;
            line.push_str(&format!("{style}{}{style:#}", cell.text));
            spaces = after + 2;
        } else {
            spaces += width + 2;
        }
    }
    line
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
        assert_eq!(Layout::default().text(&titles, &rows), expected);
        let wide = Layout { columns: Some(17), dispensable: &["N"], foldable: None };
        assert_eq!(wide.text(&titles, &rows), expected);
    }

    #[test]
    fn empty_columns_are_left_out_first() {
        let titles = ["A", "Bee", "Sea", "Dee"].map(|title| Title(title, Align::Right));
        let rows = [vec![1.into(), 2.into(), 0.into(), 4.into()]];
        let fits = |columns| {
            let dispensable = &["Bee", "Sea"];
            let layout = Layout { columns: Some(columns), dispensable, foldable: None };
            let text = layout.text(&titles, &rows);
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(fits(16), ["A  Bee  Sea  Dee", "1    2    0    4"]);
        let faint = |text: &str| format!("{FAINT}{text}{FAINT:#}");
        let [room, sea] = ["no room for:", "Sea"].map(faint);
        assert_eq!(fits(15), ["A  Bee  Dee", "1    2    4", &room, &sea]);
        let [room, bee, sea] = ["no room", "for: Bee,", "Sea"].map(faint);
        assert_eq!(fits(9), ["A  Dee", "1    4", &room, &bee, &sea]);
    }

    #[test]
    fn two_columns_stand_below_each_other_where_nothing_else_helps() {
        let titles = ["N", "From", "To", "X"].map(|title| Title(title, Align::Left));
        let rows = [vec![1.into(), "a-long-name".into(), "another-one".into(), "x".into()]];
        let fits = |columns| {
            let foldable = Some(["From", "To"]);
            let layout = Layout { columns: Some(columns), dispensable: &["N"], foldable };
            layout.text(&titles, &rows)
        };
        let tables = [
            "N  From         To           X\n1  a-long-name  another-one  x\n",
            "From         To           X\na-long-name  another-one  x\n\u{1b}[2mno room for: N\u{1b}[0m\n",
            "N  From           X\n   → To\n1  a-long-name    x\n   → another-one\n",
        ];
        assert_eq!([30, 27, 26].map(fits), tables);
    }
}
