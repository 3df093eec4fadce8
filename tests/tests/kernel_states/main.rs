//! The kernel's own states of its sockets beside those that the engine calls
//! proven.

mod compare;
mod live;
mod recorded;
