//! The cells of Wireshark's tables.

use std::fmt::Display;

use crate::abi::{TCPHS_NO_TEXT, tcphs_cell, tcphs_row};
use crate::show::text::TextBuffer;

/// The kind of the cells of a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Text,
    Count,
    /// A number as text, because it may be unknown; padded so that sorting by text sorts by number.
    Number,
}

pub struct Column {
    pub title: &'static str,
    pub kind: Kind,
}

pub const fn text(title: &'static str) -> Column {
    Column { title, kind: Kind::Text }
}

pub const fn count(title: &'static str) -> Column {
    Column { title, kind: Kind::Count }
}

pub const fn number(title: &'static str) -> Column {
    Column { title, kind: Kind::Number }
}

/// Characters of a number: ten days in milliseconds, and three decimals.
const NUMBER_WIDTH: usize = 13;

/// The cells of a row, written one after the other.
pub struct Cells<'a> {
    cells: &'a mut [tcphs_cell],
    text: TextBuffer<'a>,
    length: usize,
}

impl<'a> Cells<'a> {
    pub fn new(row: &'a mut tcphs_row) -> Self {
        Self { cells: &mut row.cells, text: TextBuffer::new(&mut row.text), length: 0 }
    }

    pub fn text(&mut self, text: impl Display) {
        let place = self.text.push(text).map_or(TCPHS_NO_TEXT, |place| place as u32);
        self.push(tcphs_cell { text: place, ..tcphs_cell::default() });
    }

    pub fn count(&mut self, count: u32) {
        self.push(tcphs_cell { count, ..tcphs_cell::default() });
    }

    /// Writes a number with one decimal; `-` if it is unknown.
    pub fn number(&mut self, number: Option<f64>) {
        self.decimals(number, 1);
    }

    /// Writes a time in milliseconds with three decimals.
    pub fn time(&mut self, time_ns: Option<u64>) {
        self.decimals(time_ns.map(|time_ns| time_ns as f64 / 1e6), 3);
    }

    fn decimals(&mut self, number: Option<f64>, places: usize) {
        match number {
            Some(number) => self.text(format_args!("{number:NUMBER_WIDTH$.places$}")),
            None => self.text(format_args!("{:>NUMBER_WIDTH$}", "-")),
        }
    }

    fn push(&mut self, cell: tcphs_cell) {
        if let Some(place) = self.cells.get_mut(self.length) {
            *place = cell;
            self.length += 1;
        }
    }
}
