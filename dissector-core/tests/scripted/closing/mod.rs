//! How connections end.

mod acceptance;
mod closes;
mod lost_resets;
mod resets;
mod witnesses;
