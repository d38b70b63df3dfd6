//! Which slots are dirty: their pages have changed since the pager last had them.
//!
//! Owns: the marks in the nodes, so that the next dirty page of a range is found without a walk over
//! all pages. Does not own: what it means (`pager::dirty`); who empties a slot has cleared its mark.

use super::{Child, IN_PLACE, INNER, LEAF, Slots, shift};
use crate::machine::Machine;

impl<M: Machine> Child<M> {
    pub(super) fn is_dirty(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.dirty != 0,
            Self::Inner(inner) => inner.dirty != 0,
        }
    }
}

impl<M: Machine> Slots<M> {
    /// Marks a slot that is not empty. Answers whether it was not marked before.
    pub(crate) fn set_dirty(&mut self, index: u64) -> bool {
        if index < IN_PLACE {
            let bit = 1 << index;
            let new = self.dirty & bit == 0;
            self.dirty |= bit;
            return new;
        }
        if index >= self.reach() {
            return false;
        }
        let (mut level, mut node) = (self.levels, self.root.as_mut());
        loop {
            match node {
                None => return false,
                Some(Child::Leaf(leaf)) => {
                    let bit = 1 << (index as usize % LEAF);
                    let new = leaf.dirty & bit == 0;
                    leaf.dirty |= bit & leaf.used;
                    return new;
                }
                Some(Child::Inner(inner)) => {
                    let at = (index >> shift(level)) as usize % INNER;
                    inner.dirty |= (1 << at) & inner.used;
                    node = inner.children[at].as_mut();
                    level = level.wrapping_sub(1);
                }
            }
        }
    }

    /// Takes the mark from a slot. Answers whether there was one.
    pub(crate) fn clear_dirty(&mut self, index: u64) -> bool {
        if index < IN_PLACE {
            let bit = 1 << index;
            let old = self.dirty & bit != 0;
            self.dirty &= !bit;
            return old;
        }
        if index >= self.reach() {
            return false;
        }
        let levels = self.levels;
        self.root
            .as_mut()
            .is_some_and(|root| Self::clear_below(root, index, levels))
    }

    fn clear_below(node: &mut Child<M>, index: u64, level: u32) -> bool {
        match node {
            Child::Leaf(leaf) => {
                let bit = 1 << (index as usize % LEAF);
                let old = leaf.dirty & bit != 0;
                leaf.dirty &= !bit;
                old
            }
            Child::Inner(inner) => {
                let at = (index >> shift(level)) as usize % INNER;
                let Some(child) = inner.children[at].as_mut() else {
                    return false;
                };
                let old = Self::clear_below(child, index, level.wrapping_sub(1));
                if !child.is_dirty() {
                    inner.dirty &= !(1 << at);
                }
                old
            }
        }
    }

    /// Whether a slot is marked.
    pub(crate) fn is_dirty(&self, index: u64) -> bool {
        self.next_dirty(index) == Some(index)
    }

    /// The first dirty slot at or after `index`.
    pub(crate) fn next_dirty(&self, index: u64) -> Option<u64> {
        let in_place = self.dirty.checked_shr(index.min(IN_PLACE) as u32);
        if let Some(left) = in_place.filter(|&left| left != 0) {
            return Some(index.saturating_add(u64::from(left.trailing_zeros())));
        }
        if index >= self.reach() {
            return None;
        }
        let root = self.root.as_ref()?;
        Self::next_below::<true>(root, index.max(IN_PLACE), self.levels, 0).map(|(index, _)| index)
    }
}
