//! The symbols that Wireshark and the shim look up in a plugin, and the arrays to be registered.

mod command_line;
mod entry;
mod expert;
mod fields;
mod headers;
