//! The slots of an object: two in place, the rest in a radix tree of zone nodes.
//!
//! Owns: the nodes, and the marks of dirty slots (`dirty`). A node exists only while one of its slots is not empty. The height follows the
//! object's size, so that a lookup costs the same wherever the page is.
//! Does not own: the frames that slots name.
//! Locks: the tree is part of the object's state, behind the object's lock.

mod dirty;

use super::slot::{Packed, Slot};
use crate::addr::PageId;
use crate::frames::Frames;
use crate::machine::Machine;
use zalloc::{Exhausted, ZBox, Zone};

const LEAF_BITS: u32 = 6;
const LEAF: usize = 1 << LEAF_BITS;
const INNER_BITS: u32 = 5;
const INNER: usize = 1 << INNER_BITS;
/// Slots that need no node.
const IN_PLACE: u64 = 2;
/// Inner levels that 2⁴⁰ pages need.
const MOST_LEVELS: usize = 7;

/// 64 slots, a bit for each that is not empty, and one for each that is dirty.
pub struct Leaf {
    used: u64,
    dirty: u64,
    slots: [Packed; LEAF],
}

/// 32 subtrees, a bit for each that exists, and one for each in which a slot is dirty.
pub struct Inner<M: Machine> {
    used: u32,
    dirty: u32,
    children: [Option<Child<M>>; INNER],
}

enum Child<M: Machine> {
    Leaf(ZBox<Leaf, Frames<M>>),
    Inner(ZBox<Inner<M>, Frames<M>>),
}

/// The zones that nodes come from.
pub struct NodeZones<M: Machine> {
    pub(crate) leaves: Zone<Leaf, Frames<M>>,
    pub(crate) inners: Zone<Inner<M>, Frames<M>>,
}

/// The slots of one object.
pub struct Slots<M: Machine> {
    in_place: [Packed; IN_PLACE as usize],
    used: u64,
    levels: u32,
    /// A bit for each slot in place that is dirty.
    dirty: u32,
    root: Option<Child<M>>,
}

/// Bits of an index that a tree with so many inner levels uses: at most 41.
const fn index_bits(levels: u32) -> u32 {
    LEAF_BITS.saturating_add(INNER_BITS.wrapping_mul(levels))
}

const fn levels_for(pages: u64) -> u32 {
    let mut levels = 0;
    while levels < MOST_LEVELS as u32 && pages > 1 << index_bits(levels) {
        levels = levels.wrapping_add(1);
    }
    levels
}

/// Where the bits begin that choose a child of an inner node at `level`, which is at least 1.
const fn shift(level: u32) -> u32 {
    index_bits(level.wrapping_sub(1))
}

impl<M: Machine> Slots<M> {
    /// Empty slots for an object of `pages` pages.
    #[inline]
    pub(crate) const fn new(pages: u64) -> Self {
        Self {
            in_place: [Packed::new(Slot::Empty); IN_PLACE as usize],
            used: 0,
            levels: levels_for(pages),
            dirty: 0,
            root: None,
        }
    }

    /// How many slots are not empty.
    #[inline]
    pub(crate) const fn len(&self) -> u64 {
        self.used
    }

    /// How many pages the tree can name.
    fn reach(&self) -> u64 {
        1 << index_bits(self.levels)
    }

    /// The slot of a page.
    #[inline]
    pub(crate) fn get(&self, index: u64) -> Slot {
        if index < IN_PLACE {
            return self.in_place[index as usize].slot();
        }
        let (mut level, mut node) = (self.levels, self.root.as_ref());
        if index >> index_bits(level) != 0 {
            return Slot::Empty;
        }
        loop {
            match node {
                None => return Slot::Empty,
                Some(Child::Leaf(leaf)) => return leaf.slots[index as usize % LEAF].slot(),
                Some(Child::Inner(inner)) => {
                    node = inner.children[(index >> shift(level)) as usize % INNER].as_ref();
                    level = level.wrapping_sub(1);
                }
            }
        }
    }

    /// The slots of the node that a page's slot is in, and its place among them. `None` if it is in no
    /// node. (Those that have a place of their own are empty in their node.)
    #[inline]
    pub(crate) fn around(&self, index: u64) -> Option<(&[Packed], usize)> {
        let leaf = self.leaf(index).filter(|_| index >= IN_PLACE)?;
        Some((&leaf.slots, index as usize % LEAF))
    }

    #[inline]
    fn leaf(&self, index: u64) -> Option<&Leaf> {
        let (mut level, mut node) = (self.levels, self.root.as_ref());
        if index >> index_bits(level) != 0 {
            return None;
        }
        loop {
            match node? {
                Child::Leaf(leaf) => return Some(leaf),
                Child::Inner(inner) => {
                    node = inner.children[(index >> shift(level)) as usize % INNER].as_ref();
                    level = level.wrapping_sub(1);
                }
            }
        }
    }

    /// Changes a slot that is not empty to another that is not empty.
    pub(crate) fn replace(&mut self, index: u64, slot: Slot) {
        debug_assert!(slot != Slot::Empty && self.get(index) != Slot::Empty);
        if index < IN_PLACE {
            self.in_place[index as usize] = Packed::new(slot);
            return;
        }
        if let Some(leaf) = self.leaf_mut(index) {
            leaf.slots[index as usize % LEAF] = Packed::new(slot);
        }
    }

    /// Makes the pages from `first` on busy, up to one that is not resident or not wanted, and names them in
    /// `pages`; answers how many. It ends where a node ends.
    #[inline]
    pub(crate) fn hold(
        &mut self,
        first: u64,
        pages: &mut [PageId],
        wanted: impl Fn(PageId) -> bool,
    ) -> usize {
        let mut count = 0usize;
        for (slot, place) in self.rest_mut(first).iter_mut().zip(pages) {
            match slot.slot() {
                Slot::Resident(page) if wanted(page) => {
                    *slot = Packed::new(Slot::Busy(page));
                    *place = page;
                }
                _ => break,
            }
            count = count.wrapping_add(1);
        }
        count
    }

    /// How many slots from this one on are in one node, or in place.
    pub(crate) const fn together(&self, index: u64) -> usize {
        match index.checked_sub(IN_PLACE) {
            None => IN_PLACE.wrapping_sub(index) as usize,
            Some(_) => LEAF.wrapping_sub(index as usize % LEAF),
        }
    }

    /// Makes busy pages resident again, as many as [`Slots::hold`] said, or fewer.
    #[inline]
    pub(crate) fn release(&mut self, first: u64, count: usize) {
        for slot in self.rest_mut(first).iter_mut().take(count) {
            if let Slot::Busy(page) = slot.slot() {
                *slot = Packed::new(Slot::Resident(page));
            }
        }
    }

    /// The slots of a node from that of a page on; none if it is in no node.
    #[inline]
    fn rest_mut(&mut self, index: u64) -> &mut [Packed] {
        if index < IN_PLACE {
            return &mut self.in_place[index as usize..];
        }
        match self.leaf_mut(index) {
            Some(leaf) => &mut leaf.slots[index as usize % LEAF..],
            None => &mut [],
        }
    }

    #[inline]
    fn leaf_mut(&mut self, index: u64) -> Option<&mut Leaf> {
        let (mut level, mut node) = (self.levels, self.root.as_mut());
        if index >> index_bits(level) != 0 {
            return None;
        }
        loop {
            match node? {
                Child::Leaf(leaf) => return Some(leaf),
                Child::Inner(inner) => {
                    node = inner.children[(index >> shift(level)) as usize % INNER].as_mut();
                    level = level.wrapping_sub(1);
                }
            }
        }
    }

    /// Fills an empty slot. Takes the nodes that are missing; without them nothing changes.
    #[inline]
    pub(crate) fn insert(
        &mut self,
        index: u64,
        slot: Slot,
        zones: &NodeZones<M>,
        frames: &Frames<M>,
    ) -> Result<(), Exhausted<()>> {
        debug_assert!(self.get(index) == Slot::Empty && slot != Slot::Empty);
        if index < IN_PLACE {
            self.in_place[index as usize] = Packed::new(slot);
        } else if let Some(leaf) = self.leaf_mut(index) {
            leaf.slots[index as usize % LEAF] = Packed::new(slot);
            leaf.used |= 1 << (index as usize % LEAF);
        } else {
            self.insert_nodes(index, slot, zones, frames)?;
        }
        self.used = self.used.wrapping_add(1);
        Ok(())
    }

    #[cold]
    fn insert_nodes(
        &mut self,
        index: u64,
        slot: Slot,
        zones: &NodeZones<M>,
        frames: &Frames<M>,
    ) -> Result<(), Exhausted<()>> {
        if index >= self.reach() {
            self.grow(index.saturating_add(1), zones, frames)?;
        }
        let mut level = self.levels;
        let mut node = &mut self.root;
        while let Some(Child::Inner(inner)) = node {
            let at = (index >> shift(level)) as usize % INNER;
            // The child that is going to stand here, or stands here already.
            if inner.children[at].is_none() {
                let child = Self::path(index, level.wrapping_sub(1), slot, zones, frames)?;
                inner.used |= 1 << at;
                inner.children[at] = Some(child);
                return Ok(());
            }
            node = &mut inner.children[at];
            level = level.wrapping_sub(1);
        }
        *node = Some(Self::path(index, level, slot, zones, frames)?);
        Ok(())
    }

    /// A new leaf with one slot, under `level` new inner nodes.
    fn path(
        index: u64,
        level: u32,
        slot: Slot,
        zones: &NodeZones<M>,
        frames: &Frames<M>,
    ) -> Result<Child<M>, Exhausted<()>> {
        let at = index as usize % LEAF;
        let mut leaf = Leaf {
            used: 1 << at,
            dirty: 0,
            slots: [Packed::default(); LEAF],
        };
        leaf.slots[at] = Packed::new(slot);
        let leaf = zones.leaves.alloc(frames, leaf);
        let mut child = Child::Leaf(leaf.map_err(|_| Exhausted(()))?);
        for level in 1..=level {
            let at = (index >> shift(level)) as usize % INNER;
            child = Child::Inner(Self::inner(at, child, zones, frames)?);
        }
        Ok(child)
    }

    fn inner(
        at: usize,
        child: Child<M>,
        zones: &NodeZones<M>,
        frames: &Frames<M>,
    ) -> Result<ZBox<Inner<M>, Frames<M>>, Exhausted<()>> {
        let mut inner = Inner {
            used: 1 << at,
            dirty: 0,
            children: [const { None }; INNER],
        };
        inner.children[at] = Some(child);
        zones.inners.alloc(frames, inner).map_err(|_| Exhausted(()))
    }

    /// Makes the tree high enough for an object of `pages` pages. Without memory nothing changes.
    pub(crate) fn grow(
        &mut self,
        pages: u64,
        zones: &NodeZones<M>,
        frames: &Frames<M>,
    ) -> Result<(), Exhausted<()>> {
        let wanted = levels_for(pages);
        if wanted <= self.levels {
            return Ok(());
        }
        if self.root.is_some() {
            let mut spare: [Option<ZBox<Inner<M>, Frames<M>>>; MOST_LEVELS] = [const { None }; _];
            let added = wanted.wrapping_sub(self.levels) as usize;
            for place in spare.iter_mut().take(added) {
                let empty = Inner {
                    used: 1,
                    dirty: u32::from(self.root.as_ref().is_some_and(Child::is_dirty)),
                    children: [const { None }; INNER],
                };
                let inner = zones.inners.alloc(frames, empty);
                *place = Some(inner.map_err(|_| Exhausted(()))?);
            }
            for mut inner in spare.into_iter().flatten() {
                inner.children[0] = self.root.take();
                self.root = Some(Child::Inner(inner));
            }
        }
        self.levels = wanted;
        Ok(())
    }

    /// Empties a slot and answers what was there. Nodes that become empty go back to their zones.
    pub(crate) fn remove(&mut self, index: u64) -> Slot {
        let old = if index < IN_PLACE {
            core::mem::take(&mut self.in_place[index as usize]).slot()
        } else if index >= self.reach() {
            Slot::Empty
        } else {
            Self::remove_below(&mut self.root, index, self.levels)
        };
        if old != Slot::Empty {
            self.used = self.used.wrapping_sub(1);
        }
        old
    }

    fn remove_below(node: &mut Option<Child<M>>, index: u64, level: u32) -> Slot {
        let (old, empty) = match node {
            None => return Slot::Empty,
            Some(Child::Leaf(leaf)) => {
                let at = index as usize % LEAF;
                leaf.used &= !(1 << at);
                let old = core::mem::take(&mut leaf.slots[at]).slot();
                (old, leaf.used == 0)
            }
            Some(Child::Inner(inner)) => {
                let at = (index >> shift(level)) as usize % INNER;
                let old = Self::remove_below(&mut inner.children[at], index, level.wrapping_sub(1));
                if inner.children[at].is_none() {
                    inner.used &= !(1 << at);
                }
                (old, inner.used == 0)
            }
        };
        if empty {
            *node = None;
        }
        old
    }

    /// The first slot at or after `index` that is not empty.
    pub(crate) fn next(&self, index: u64) -> Option<(u64, Slot)> {
        for at in index..IN_PLACE {
            if !self.in_place[at as usize].is_empty() {
                return Some((at, self.in_place[at as usize].slot()));
            }
        }
        if index >= self.reach() {
            return None;
        }
        Self::next_below::<false>(self.root.as_ref()?, index.max(IN_PLACE), self.levels, 0)
    }

    /// The first slot that is not empty, or the first that is dirty.
    fn next_below<const DIRTY: bool>(
        node: &Child<M>,
        index: u64,
        level: u32,
        base: u64,
    ) -> Option<(u64, Slot)> {
        match node {
            Child::Leaf(leaf) => {
                let from = index.saturating_sub(base) as usize;
                let marked = if DIRTY { leaf.dirty } else { leaf.used };
                let left = marked.checked_shr(from as u32).unwrap_or(0);
                if left == 0 {
                    return None;
                }
                let at = from.wrapping_add(left.trailing_zeros() as usize);
                Some((base | at as u64, leaf.slots[at].slot()))
            }
            Child::Inner(inner) => {
                let first = (index.saturating_sub(base) >> shift(level)) as usize;
                let marked = if DIRTY { inner.dirty } else { inner.used };
                let mut left = marked.checked_shr(first as u32).unwrap_or(0);
                let mut at = first;
                while left != 0 {
                    let skip = left.trailing_zeros();
                    at = at.wrapping_add(skip as usize);
                    let start = base | (at as u64) << shift(level);
                    if let Some(child) = inner.children.get(at).and_then(Option::as_ref) {
                        let below = level.wrapping_sub(1);
                        let found =
                            Self::next_below::<DIRTY>(child, index.max(start), below, start);
                        if found.is_some() {
                            return found;
                        }
                    }
                    left = left.checked_shr(skip.wrapping_add(1)).unwrap_or(0);
                    at = at.wrapping_add(1);
                }
                None
            }
        }
    }

    /// The slots from `from` to before `to` that are not empty.
    pub(crate) fn range(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, Slot)> {
        let mut at = from;
        core::iter::from_fn(move || {
            let (index, slot) = self.next(at)?;
            at = index.wrapping_add(1);
            (index < to).then_some((index, slot))
        })
    }

    /// Empties everything, calling `each` with every slot that was not empty.
    pub(crate) fn drain(&mut self, mut each: impl FnMut(u64, Slot)) {
        for (index, packed) in self.in_place.iter_mut().enumerate() {
            if !packed.is_empty() {
                each(index as u64, core::mem::take(packed).slot());
            }
        }
        if let Some(root) = self.root.take() {
            Self::drain_below(&root, self.levels, 0, &mut each);
        }
        self.used = 0;
    }

    fn drain_below(node: &Child<M>, level: u32, base: u64, each: &mut impl FnMut(u64, Slot)) {
        match node {
            Child::Leaf(leaf) => {
                let mut used = leaf.used;
                while used != 0 {
                    let at = used.trailing_zeros();
                    used &= used.wrapping_sub(1);
                    each(base | u64::from(at), leaf.slots[at as usize].slot());
                }
            }
            Child::Inner(inner) => {
                let mut used = inner.used;
                while used != 0 {
                    let at = used.trailing_zeros();
                    used &= used.wrapping_sub(1);
                    if let Some(child) = &inner.children[at as usize] {
                        let start = base | u64::from(at) << shift(level);
                        Self::drain_below(child, level.wrapping_sub(1), start, each);
                    }
                }
            }
        }
    }
}
