//! Outcomes that this machine's kernel is brought to, and what its counters say of them.

mod live;
