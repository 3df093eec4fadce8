//! Tables that are printed row by row.

/// The widths of a table's columns; a column of negative width is aligned to the left.
pub struct Table<const N: usize>([isize; N]);

impl<const N: usize> Table<N> {
    /// Prints the headings, each with the width of its column.
    pub fn new(columns: [(&str, isize); N]) -> Self {
        let table = Self(columns.map(|(_, width)| width));
        table.row(columns.map(|(heading, _)| heading.to_owned()));
        table
    }

    /// Prints a row.
    pub fn row(&self, cells: [String; N]) {
        println!("{}", self.line(&cells));
    }

    fn line(&self, cells: &[String; N]) -> String {
        let cells = cells.iter().zip(self.0).map(|(cell, width)| match width {
            ..0 => format!("{cell:<0$}", width.unsigned_abs()),
            _ => format!("{cell:>0$}", width.unsigned_abs()),
        });
        cells.collect::<Vec<_>>().join(" ")
    }
}

/// Octets given in KiB, as MiB with one decimal.
pub fn mib(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned() {
        let table = Table([-6, 4]);
        assert_eq!(table.line(&["abc".into(), "1.5".into()]), "abc     1.5");
        assert_eq!(table.line(&["longer name".into(), "12345".into()]), "longer name 12345");
    }
}
