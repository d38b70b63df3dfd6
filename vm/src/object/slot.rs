//! What an object knows of one of its pages: a slot.
//!
//! Owns: the sum type and its 32 bits. Does not own: where slots live (`tree`).

use crate::addr::PageId;

/// One page of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// Never written here: the object below decides, or zeros.
    Empty,
    /// In memory.
    Resident(PageId),
    /// In memory, and a thread works on the frame with no lock held: wait, then look again.
    Busy(PageId),
}

impl Slot {
    /// The frame, busy or not.
    #[inline]
    pub const fn page(self) -> Option<PageId> {
        match self {
            Self::Empty => None,
            Self::Resident(page) | Self::Busy(page) => Some(page),
        }
    }
}

/// A slot in its stored form: two bits of kind, thirty of page number. Zero is `Empty`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Packed(u32);

const KIND: u32 = 3;
const RESIDENT: u32 = 1;
const BUSY: u32 = 2;

impl Packed {
    #[inline]
    pub(crate) const fn new(slot: Slot) -> Self {
        match slot {
            Slot::Empty => Self(0),
            Slot::Resident(page) => Self(page.0 << 2 | RESIDENT),
            Slot::Busy(page) => Self(page.0 << 2 | BUSY),
        }
    }

    #[inline]
    pub(crate) const fn slot(self) -> Slot {
        match self.0 & KIND {
            RESIDENT => Slot::Resident(PageId(self.0 >> 2)),
            BUSY => Slot::Busy(PageId(self.0 >> 2)),
            _ => Slot::Empty,
        }
    }

    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_and_unpacks() {
        for slot in [
            Slot::Empty,
            Slot::Resident(PageId(0)),
            Slot::Busy(PageId(0)),
            Slot::Resident(PageId((1 << 30) - 1)),
            Slot::Busy(PageId(12345)),
        ] {
            assert_eq!(Packed::new(slot).slot(), slot);
        }
        assert!(Packed::default().is_empty());
    }
}
