//! The recorded pairs of `samples/pairs`: what is said of them against what the router between the points
//! did, and against captures of them that are damaged.

#![allow(clippy::unwrap_used, reason = "a test")]

mod damage;
mod pair;
mod truth;
