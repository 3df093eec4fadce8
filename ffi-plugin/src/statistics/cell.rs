//! Cells, as Wireshark's tables know them.

use std::fmt::Display;

use crate::abi::{TCPHS_NO_TEXT, tcphs_cell, tcphs_row};
use crate::text::TextBuffer;

/// What stands in a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Text,
    Count,
    /// With one decimal.
    Number,
    /// Milliseconds as text, because a time may be unknown; padded, so that sorting by text sorts
    /// by time.
    Time,
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

pub const fn time(title: &'static str) -> Column {
    Column { title, kind: Kind::Time }
}

/// Characters of a time: ten days in milliseconds, and three decimals.
const TIME_WIDTH: usize = 13;

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

    /// 0 where there is no number.
    pub fn number(&mut self, number: Option<f64>) {
        self.push(tcphs_cell { number: number.unwrap_or(0.0), ..tcphs_cell::default() });
    }

    pub fn time(&mut self, time_ns: Option<u64>) {
        match time_ns {
            Some(time_ns) => self.text(format_args!("{:TIME_WIDTH$.3}", time_ns as f64 / 1e6)),
            None => self.text(format_args!("{:>TIME_WIDTH$}", "-")),
        }
    }

    fn push(&mut self, cell: tcphs_cell) {
        if let Some(place) = self.cells.get_mut(self.length) {
            *place = cell;
            self.length += 1;
        }
    }
}
