//! The output of tshark with the plugin: packet list, details, fields, filters, statistics.

mod details;
mod fields;
mod filters;
mod listing;
mod points;
mod preferences;
mod profile;
mod statistics;
