//! What tshark shows with the plugin: the packet list, the details, fields, filters, statistics.

mod details;
mod fields;
mod filters;
mod listing;
mod preferences;
mod profile;
mod statistics;
