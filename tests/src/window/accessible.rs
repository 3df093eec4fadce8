//! An element of the user interface as a screen reader gets it: its role, its name and its
//! children.

use std::fmt;

use serde_json::Value;
use zbus::blocking::Connection;
use zbus::message::{Flags, Message};
use zbus::zvariant::{DynamicType, OwnedObjectPath, OwnedValue, Type};

const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const ACTION: &str = "org.a11y.atspi.Action";
const COMPONENT: &str = "org.a11y.atspi.Component";
const EDITABLE: &str = "org.a11y.atspi.EditableText";
const TEXT: &str = "org.a11y.atspi.Text";

/// Numbers of states (AT-SPI's `AtspiStateType`).
const CHECKED: u32 = 4;
const ENABLED: u32 = 8;
const EXPANDED: u32 = 10;
const SHOWING: u32 = 25;

/// The depth to which elements are searched; no screen nests them deeper.
const DEPTH: u32 = 24;

/// An element: a window, a list, a cell, a button. An element that no longer exists has no name and
/// no children.
#[derive(Clone)]
pub struct Accessible {
    bus: Connection,
    program: String,
    path: OwnedObjectPath,
}

impl Accessible {
    pub(super) fn new(bus: &Connection, program: String, path: &str) -> Self {
        let path = OwnedObjectPath::try_from(path).expect("it is a path");
        Self { bus: bus.clone(), program, path }
    }

    fn call<B, R>(&self, interface: &str, method: &str, body: &B) -> Option<R>
    where
        B: serde::Serialize + DynamicType,
        R: for<'d> serde::Deserialize<'d> + Type,
    {
        let program = Some(self.program.as_str());
        let reply = self.bus.call_method(program, &self.path, Some(interface), method, body);
        reply.ok()?.body().deserialize().ok()
    }

    /// Its text or label.
    pub fn name(&self) -> String {
        let properties = "org.freedesktop.DBus.Properties";
        let value: Option<OwnedValue> = self.call(properties, "Get", &(ACCESSIBLE, "Name"));
        value.and_then(|value| String::try_from(value).ok()).unwrap_or_default()
    }

    /// The kind of element, such as `push button` or `tree item`.
    pub fn role(&self) -> String {
        self.call(ACCESSIBLE, "GetRoleName", &()).unwrap_or_default()
    }

    /// The elements inside this one, one level deep.
    pub fn children(&self) -> Vec<Self> {
        let children: Option<Vec<(String, OwnedObjectPath)>> =
            self.call(ACCESSIBLE, "GetChildren", &());
        let here = |(program, path)| Self { bus: self.bus.clone(), program, path };
        children.into_iter().flatten().map(here).collect()
    }

    /// The first element of that role and name inside this one, at any depth.
    pub fn find(&self, role: &str, name: &str) -> Option<Self> {
        self.find_by(&|thing| thing.role() == role && thing.name() == name)
    }

    /// The first element inside this one, at any depth, that `is_it` accepts.
    pub fn find_by(&self, is_it: &dyn Fn(&Self) -> bool) -> Option<Self> {
        self.search(is_it, DEPTH)
    }

    fn search(&self, is_it: &dyn Fn(&Self) -> bool, depth: u32) -> Option<Self> {
        let children = self.children();
        let found = children.iter().find(|child| is_it(child)).cloned();
        found.or_else(|| {
            let deeper = depth.checked_sub(1)?;
            if self.holds_cells() {
                return None;
            }
            children.iter().find_map(|child| child.search(is_it, deeper))
        })
    }

    /// All elements of that role inside this one, at any depth, from top to bottom.
    pub fn all(&self, role: &str) -> Vec<Self> {
        let mut all = Vec::new();
        for child in self.children() {
            let mut below = if child.holds_cells() { Vec::new() } else { child.all(role) };
            if child.role() == role {
                all.push(child);
            }
            all.append(&mut below);
        }
        all
    }

    /// Whether its children are cells, which have no children: there may be thousands, so they are
    /// not searched.
    fn holds_cells(&self) -> bool {
        matches!(self.role().as_str(), "tree" | "table" | "list")
    }

    /// The cells of a table or tree by row, as far as it is unfolded.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let cells = self.cells();
        cells.iter().map(|row| row.iter().map(Self::name).collect()).collect()
    }

    /// The headers of a table or tree.
    pub fn headers(&self) -> Vec<String> {
        let headers = self.children().into_iter().filter(|child| is_header(&child.role()));
        headers.map(|header| header.name()).collect()
    }

    /// The cells themselves.
    pub fn cells(&self) -> Vec<Vec<Self>> {
        let (headers, cells): (Vec<_>, Vec<_>) =
            self.children().into_iter().partition(|child| is_header(&child.role()));
        cells.chunks(headers.len().max(1)).map(<[Self]>::to_vec).collect()
    }

    /// The first cell whose text begins so.
    pub fn cell(&self, begins: &str) -> Option<Self> {
        self.children().into_iter().find(|child| {
            !is_header(&child.role()) && child.name().trim_start().starts_with(begins)
        })
    }

    /// Performs the action of a click, without the mouse. Does not wait for the result: a dialog
    /// may stay open.
    pub fn press(&self) {
        let message = Message::method_call(&self.path, "DoAction")
            .and_then(|message| message.destination(self.program.as_str()))
            .and_then(|message| message.interface(ACTION))
            .and_then(|message| message.with_flags(Flags::NoReplyExpected))
            .and_then(|message| message.build(&0_i32))
            .expect("the message is well-formed");
        self.bus.send(&message).expect("the bus is there");
    }

    /// Replaces the text of an entry field by `text`.
    pub fn write(&self, text: &str) {
        let done: Option<bool> = self.call(EDITABLE, "SetTextContents", &text);
        assert_eq!(done, Some(true), "nothing can be written into {self:?}");
    }

    /// The text of an entry field, whose name is that of its label.
    pub fn text(&self) -> String {
        self.call(TEXT, "GetText", &(0_i32, -1_i32)).unwrap_or_default()
    }

    /// The position on the screen: left, top, width, height.
    pub fn place(&self) -> (i32, i32, i32, i32) {
        self.call(COMPONENT, "GetExtents", &0_u32).unwrap_or_default()
    }

    /// Its middle.
    pub fn middle(&self) -> (i32, i32) {
        let (left, top, width, height) = self.place();
        (left + width / 2, top + height / 2)
    }

    fn has_state(&self, state: u32) -> bool {
        let words: Option<Vec<u32>> = self.call(ACCESSIBLE, "GetState", &());
        let words = words.unwrap_or_default();
        words.get(state as usize / 32).is_some_and(|word| word >> (state % 32) & 1 == 1)
    }

    /// Whether it can be seen, if nothing lies over it.
    pub fn is_showing(&self) -> bool {
        self.has_state(SHOWING)
    }

    /// Whether it can be used.
    pub fn is_enabled(&self) -> bool {
        self.has_state(ENABLED)
    }

    /// Whether it is a box with a tick.
    pub fn is_checked(&self) -> bool {
        self.has_state(CHECKED)
    }

    /// Whether the lines below it are shown.
    pub fn is_expanded(&self) -> bool {
        self.has_state(EXPANDED)
    }

    /// All elements inside this one as text, for the message of a test that misses one.
    pub fn outline(&self) -> String {
        let mut text = String::new();
        self.outline_into(&mut text, 0);
        text
    }

    fn outline_into(&self, text: &mut String, depth: usize) {
        text.push_str(&"  ".repeat(depth));
        text.push_str(&format!("{self:?}\n"));
        for child in self.children().iter().take(60) {
            child.outline_into(text, depth + 1);
        }
    }
}

fn is_header(role: &str) -> bool {
    role == "column header"
}

impl fmt::Debug for Accessible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role(), Value::String(self.name()))
    }
}
