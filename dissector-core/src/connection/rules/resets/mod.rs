//! RSTs: what each of them does, whether its receiver has to accept it, and what shows later that it
//! was not believed.

mod reset;
pub(super) mod rst_acceptance;
mod rst_refutation;
