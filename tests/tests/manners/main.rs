//! A good neighbour: whatever else is loaded, disabled or asked for, all is as without the plugin,
//! plus our fields.

mod corpus;
mod neighbours;
mod seen;
mod sharkd;
mod statistics;
mod switches;
