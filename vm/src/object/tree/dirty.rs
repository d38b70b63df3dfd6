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

/// The bits of so many slots of a node, or in place, from that of a page on; they fit.
const fn bits(index: u64, count: usize) -> u64 {
    let ones = u64::MAX.unbounded_shr((LEAF as u32).saturating_sub(count as u32));
    ones.unbounded_shl((index as usize % LEAF) as u32)
}

impl<M: Machine> Slots<M> {
    /// Marks slots that are not empty, `count` from `first` on, all in one node ([`Slots::together`]). Answers how many
    /// were not marked before.
    pub(crate) fn set_dirty(&mut self, first: u64, count: usize) -> u64 {
        if first < IN_PLACE {
            let new = bits(first, count) as u32 & !self.dirty;
            self.dirty |= new;
            return u64::from(new.count_ones());
        }
        if first >= self.reach() {
            return 0;
        }
        let (mut level, mut node) = (self.levels, self.root.as_mut());
        loop {
            match node {
                None => return 0,
                Some(Child::Leaf(leaf)) => {
                    let new = bits(first, count) & leaf.used & !leaf.dirty;
                    leaf.dirty |= new;
                    return u64::from(new.count_ones());
                }
                Some(Child::Inner(inner)) => {
                    let at = (first >> shift(level)) as usize % INNER;
                    inner.dirty |= (1 << at) & inner.used;
                    node = inner.children[at].as_mut();
                    level = level.wrapping_sub(1);
                }
            }
        }
    }

    /// Takes the marks from `count` slots from `first` on, all in one node. Answers how many there were.
    pub(crate) fn clear_dirty(&mut self, first: u64, count: usize) -> u64 {
        if first < IN_PLACE {
            let old = bits(first, count) as u32 & self.dirty;
            self.dirty &= !old;
            return u64::from(old.count_ones());
        }
        if first >= self.reach() {
            return 0;
        }
        let levels = self.levels;
        let root = self.root.as_mut();
        root.map_or(0, |root| Self::clear_below(root, (first, count), levels))
    }

    fn clear_below(node: &mut Child<M>, (first, count): (u64, usize), level: u32) -> u64 {
        match node {
            Child::Leaf(leaf) => {
                let old = bits(first, count) & leaf.dirty;
                leaf.dirty &= !old;
                u64::from(old.count_ones())
            }
            Child::Inner(inner) => {
                let at = (first >> shift(level)) as usize % INNER;
                let Some(child) = inner.children[at].as_mut() else {
                    return 0;
                };
                let old = Self::clear_below(child, (first, count), level.wrapping_sub(1));
                if !child.is_dirty() {
                    inner.dirty &= !(1 << at);
                }
                old
            }
        }
    }

    /// Whether a slot is marked.
    pub(crate) fn is_dirty(&self, index: u64) -> bool {
        if index < IN_PLACE {
            return u64::from(self.dirty) & bits(index, 1) != 0;
        }
        let leaf = self.leaf(index);
        leaf.is_some_and(|leaf| leaf.dirty & bits(index, 1) != 0)
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
