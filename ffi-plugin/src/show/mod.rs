//! The values and texts that are shown of one segment.

pub mod expert_items;
pub mod fate;
pub mod finding_text;
pub mod info;
mod list;
pub mod text;
mod verdict;
pub mod view;
