//! The items of the packet details, as C gets them.

use std::fmt::Display;

use dissector_core::schema::{FIELDS, FieldId, Known};

use crate::abi::{TCPHS_MAX_ITEMS, TCPHS_NO_TEXT, tcphs_item, tcphs_wanted};
use crate::show::text::TextBuffer;

/// The items written so far. Items that do not fit, or are not wanted, are left out.
pub struct List<'a> {
    items: &'a mut [tcphs_item; TCPHS_MAX_ITEMS],
    length: usize,
    pub text: TextBuffer<'a>,
    level: u8,
    /// `None` if everything is wanted.
    wanted: Option<&'a tcphs_wanted>,
    /// Whether the latest call has added an item.
    pushed: bool,
}

impl<'a> List<'a> {
    pub fn new(
        items: &'a mut [tcphs_item; TCPHS_MAX_ITEMS],
        text: TextBuffer<'a>,
        wanted: Option<&'a tcphs_wanted>,
    ) -> Self {
        Self { items, length: 0, text, level: 0, wanted, pushed: false }
    }

    /// Whether a field is wanted.
    pub fn wants(&self, field: FieldId) -> bool {
        self.wanted.is_none_or(|wanted| wanted.fields[field as usize] != 0)
    }

    /// Whether a field is wanted that needs a verdict.
    pub fn wants_verdict(&self) -> bool {
        self.wanted.is_none_or(|wanted| {
            let mut fields = wanted.fields.iter().zip(FIELDS);
            fields.any(|(wanted, field)| *wanted != 0 && field.known != Known::EachPacket)
        })
    }

    /// Whether the line of the protocol is wanted.
    pub fn wants_summary(&self) -> bool {
        self.wanted.is_none_or(|wanted| wanted.summary)
    }

    pub fn len(&self) -> u32 {
        self.length as u32
    }

    fn push(&mut self, field: FieldId, number: u64) -> Option<&mut tcphs_item> {
        self.pushed = false;
        if !self.wants(field) {
            return None;
        }
        let item = self.items.get_mut(self.length)?;
        self.length += 1;
        self.pushed = true;
        *item = tcphs_item {
            number,
            text: TCPHS_NO_TEXT,
            field: field as u8,
            level: self.level,
            subtree: 0,
            hidden: false,
        };
        Some(item)
    }

    /// Adds a line that opens a subtree for the next ones, until [`close`](Self::close).
    pub fn open(&mut self, subtree: u8, field: FieldId, number: u8, line: impl Display) {
        let place = if self.wants(field) { self.text.push(line) } else { None };
        if let Some(item) = self.push(field, number.into()) {
            item.text = place.map_or(TCPHS_NO_TEXT, |place| place as u32);
            item.subtree = subtree;
        }
        self.level = 1;
    }

    pub fn close(&mut self) {
        self.level = 0;
    }

    pub fn number(&mut self, field: FieldId, number: impl Into<u64>) {
        self.push(field, number.into());
    }

    /// Adds a number; a negative one becomes its two's complement.
    pub fn signed(&mut self, field: FieldId, number: impl Into<i64>) {
        self.push(field, number.into() as u64);
    }

    /// Adds a field without a value, for filters only.
    pub fn mark(&mut self, field: FieldId) {
        self.push(field, 0);
        self.hide_last(true);
    }

    pub fn string(&mut self, field: FieldId, text: impl Display) {
        let place = if self.wants(field) { self.text.push(text) } else { None };
        self.octets_at(field, place);
    }

    pub fn octets(&mut self, field: FieldId, octets: &[u8]) {
        let place = if self.wants(field) { self.text.push_octets(octets) } else { None };
        self.octets_at(field, place);
    }

    fn octets_at(&mut self, field: FieldId, place: Option<usize>) {
        self.pushed = false;
        if let Some(place) = place
            && let Some(item) = self.push(field, 0)
        {
            item.text = place as u32;
        }
    }

    /// Adds the label of an enumeration, for filters and `-T fields` only.
    pub fn twin(&mut self, twin: FieldId, label: &str) {
        self.string(twin, label);
        self.hide_last(true);
    }

    /// Adds the number of an enumeration, and its label for filters and `-T fields` only.
    pub fn enumeration(&mut self, field: FieldId, twin: FieldId, number: u8, label: &str) {
        self.twin(twin, label);
        self.number(field, number);
    }

    pub fn hide_last(&mut self, hidden: bool) {
        if self.pushed {
            self.items[self.length - 1].hidden = hidden;
        }
    }
}
