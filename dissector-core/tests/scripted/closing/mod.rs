//! How connections end.

mod closes;
mod lost_resets;
mod resets;
