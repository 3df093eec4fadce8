//! Coexistence: whatever other plugins are loaded, protocols disabled and settings changed,
//! Wireshark's own output is the same as without the plugin, and our fields are added to it.

mod corpus;
mod details;
mod other_plugins;
mod settings;
mod sharkd;
mod statistics;
