//! The beginning of a connection: roles, and earlier use of its addresses.

use crate::vocabulary::RoleBasis;

/// Whether addresses and ports of a connection were in use before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reuse {
    No = 0,
    /// They were used by a connection that was closed.
    AfterClose = 1,
    /// They were used by a connection that was closed with FINs, and whose numbers include the
    /// initial sequence number of the new one.
    AfterCloseBehind = 2,
    /// They were used by a connection that was not closed.
    WhileAlive = 3,
}

/// The basis of the roles, and whether addresses and ports were in use before, in one octet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin(u8);

impl Origin {
    pub const fn new(basis: RoleBasis, reuse: Reuse) -> Self {
        Self(basis.number() << 4 | reuse as u8)
    }

    pub fn basis(self) -> RoleBasis {
        RoleBasis::from_number(self.0 >> 4).unwrap_or(RoleBasis::None)
    }

    pub const fn reuse(self) -> Reuse {
        match self.0 & 0xf {
            1 => Reuse::AfterClose,
            2 => Reuse::AfterCloseBehind,
            3 => Reuse::WhileAlive,
            _ => Reuse::No,
        }
    }
}
