//! From the SYN to the final ACK: what opens a connection, what refuses it, and what else comes
//! before it is open.

mod early_data;
mod echo;
mod not_accepted;
mod opening;
mod refused;
mod responders;
