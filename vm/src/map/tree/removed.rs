//! Entries that have left their map and wait to be taken apart.

use super::Link;
use crate::machine::Machine;
use crate::map::entry::EntryBox;

/// A list of entries through themselves.
pub(crate) struct Removed<M: Machine>(Link<M>);

impl<M: Machine> Default for Removed<M> {
    fn default() -> Self {
        Self(None)
    }
}

impl<M: Machine> Removed<M> {
    pub(crate) fn push(&mut self, mut entry: EntryBox<M>) {
        entry.links.right = self.0.take();
        self.0 = Some(entry);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn pop(&mut self) -> Link<M> {
        let mut entry = self.0.take()?;
        self.0 = entry.links.right.take();
        Some(entry)
    }
}
