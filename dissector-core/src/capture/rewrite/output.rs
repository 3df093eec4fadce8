//! The file that is written.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::Range;

use nom::number::Endianness;

use super::super::MAX_INTERFACES;
use super::super::format::pcapng::{
    BLOCK_FRAME_OCTETS, BYTE_ORDER_MAGIC, INTERFACE_DESCRIPTION, OPTION_DESCRIPTION, OPTION_NAME,
    OPTION_RESOLUTION, SECTION_HEADER,
};
use super::byte_order::Orders;

pub(super) const OPTION_COMMENT: u16 = 1;
pub(super) const OPTION_APPLICATION: u16 = 4;
/// Units of a nanosecond.
pub(super) const NANOSECONDS: u8 = 9;
/// Where the length of a section stands in the body of its header.
const SECTION_LENGTH: Range<usize> = 8..16;
const UNKNOWN_LENGTH: [u8; 8] = [0xff; 8];
/// Octets of a description at most that is compared with those of other files.
const MOST_KNOWN_OCTETS: usize = 4096;
const MOST_TEXT_OCTETS: usize = u16::MAX as usize;

/// Writes blocks.
pub(super) struct Output<W> {
    to: W,
    pub order: Endianness,
    interfaces: u32,
    /// Those that were written, by what describes them.
    known: HashMap<Described, u32>,
}

/// An interface of an input.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Described {
    /// The index of its point.
    pub point: usize,
    /// How many of the same section are like it.
    pub namesakes: usize,
    pub name: Vec<u8>,
    pub description: Vec<u8>,
    pub link_type: u16,
    pub snap_octets: u32,
    /// All its options, or all others, in the byte order of the output.
    pub options: Vec<u8>,
}

impl<W: Write> Output<W> {
    pub fn new(to: W, order: Endianness) -> Self {
        Self { to, order, interfaces: 0, known: HashMap::new() }
    }

    /// Writes in one byte order what was read in another.
    pub fn from(&self, from: Endianness) -> Orders {
        Orders { from, to: self.order }
    }

    /// Writes a block whose body is a multiple of four octets.
    pub fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let orders = self.from(self.order);
        let octets = orders.u32((BLOCK_FRAME_OCTETS + body.len()) as u32);
        self.to.write_all([orders.u32(kind), octets].as_flattened())?;
        self.to.write_all(body)?;
        self.to.write_all(&octets)
    }

    /// Begins the only section.
    pub fn section(&mut self, options: &[(u16, Vec<u8>)]) -> io::Result<()> {
        let orders = self.from(self.order);
        let mut body = orders.u32(BYTE_ORDER_MAGIC).to_vec();
        body.extend([orders.u16(1), orders.u16(0)].as_flattened());
        body.extend(UNKNOWN_LENGTH);
        for (code, value) in options {
            orders.option(SECTION_HEADER, *code, shortened(value), &mut body);
        }
        orders.end_of_options(&mut body);
        self.block(SECTION_HEADER, &body)
    }

    /// Begins a section that is like one of an input: in its byte order, with the same header.
    pub fn same_section(&mut self, order: Endianness, body: &[u8]) -> io::Result<()> {
        self.order = order;
        let mut body = body.to_vec();
        if let Some(length) = body.get_mut(SECTION_LENGTH) {
            length.copy_from_slice(&UNKNOWN_LENGTH);
        }
        self.block(SECTION_HEADER, &body)
    }

    /// The number of an interface, which is described unless it was before; `None` if there are too many.
    /// One that is `named` gets this name and, if there is one, this description; otherwise it has those
    /// that are among its options.
    pub fn interface(
        &mut self,
        described: Described,
        named: Option<(&str, Option<&str>)>,
    ) -> io::Result<Option<u32>> {
        if let Some(number) = self.known.get(&described) {
            return Ok(Some(*number));
        }
        if self.interfaces as usize == MAX_INTERFACES {
            return Ok(None);
        }
        let orders = self.from(self.order);
        let mut body = orders.u16(described.link_type).to_vec();
        body.extend([0; 2]);
        body.extend(orders.u32(described.snap_octets));
        if let Some((name, description)) = named {
            self.rename(&described, name, description, &mut body);
        }
        body.extend(&described.options);
        if !described.options.is_empty() || named.is_some() {
            orders.end_of_options(&mut body);
        }
        self.block(INTERFACE_DESCRIPTION, &body)?;
        let number = self.interfaces;
        self.interfaces += 1;
        if described.options.len() + described.name.len() + described.description.len()
            <= MOST_KNOWN_OCTETS
        {
            self.known.insert(described, number);
        }
        Ok(Some(number))
    }

    /// Appends the options of an interface with another name; its own becomes its description, or a comment.
    fn rename(
        &self,
        described: &Described,
        name: &str,
        description: Option<&str>,
        body: &mut Vec<u8>,
    ) {
        let orders = self.from(self.order);
        let mut option = |code, value: &[u8]| {
            orders.option(INTERFACE_DESCRIPTION, code, shortened(value), body);
        };
        option(OPTION_NAME, name.as_bytes());
        let original = match (&described.name[..], &described.description[..]) {
            (name, []) => name.to_vec(),
            ([], text) => text.to_vec(),
            (name, text) => [name, b": ", text].concat(),
        };
        match description {
            Some(description) => {
                option(OPTION_DESCRIPTION, description.as_bytes());
                if !original.is_empty() {
                    option(OPTION_COMMENT, &original);
                }
            }
            None if original.is_empty() => {}
            None => option(OPTION_DESCRIPTION, &original),
        }
        option(OPTION_RESOLUTION, &[NANOSECONDS]);
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// As much of a text as an option takes.
fn shortened(text: &[u8]) -> &[u8] {
    &text[..text.len().min(MOST_TEXT_OCTETS)]
}
