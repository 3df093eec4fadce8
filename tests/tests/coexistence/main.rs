//! A good neighbour: whatever else is loaded, disabled or asked for, all is as without the plugin,
//! plus our fields.

mod corpus;
mod details;
mod other_plugins;
mod settings;
mod sharkd;
mod statistics;
