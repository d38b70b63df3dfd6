//! The entries of a map in a balanced tree that finds an address and a hole in O(log n).
//!
//! Owns: the entries, and per subtree its first start, last end and largest hole between entries.
//! Does not own: what an entry means (`entry`), the order of locks (`map`).
//! Locks: the map's. Invariant: I-MAP-1 (entries do not overlap and are in order).

mod about;
mod balance;
mod hole;
mod removed;

use super::entry::{Entry, EntryBox};
use crate::addr::{Range, VirtAddr};
use crate::machine::Machine;
use about::height;
use hole::find_hole;

pub(crate) use hole::Hole;
pub(crate) use removed::Removed;

type Link<M> = Option<EntryBox<M>>;

/// An entry's place in the tree, and what its subtree holds.
pub(crate) struct Links<M: Machine> {
    left: Link<M>,
    right: Link<M>,
    first: u64,
    last: u64,
    hole: u64,
}

impl<M: Machine> Default for Links<M> {
    fn default() -> Self {
        Self {
            left: None,
            right: None,
            first: 0,
            last: 0,
            hole: 0,
        }
    }
}

/// The entries of a map, by address.
pub(crate) struct Tree<M: Machine> {
    root: Link<M>,
    count: usize,
    submaps: usize,
}

impl<M: Machine> Default for Tree<M> {
    fn default() -> Self {
        Self {
            root: None,
            count: 0,
            submaps: 0,
        }
    }
}

fn visit<'a, M: Machine, R>(
    link: &'a Link<M>,
    range: Range,
    each: &mut impl FnMut(&'a Entry<M>) -> Option<R>,
) -> Option<R> {
    let node = link.as_ref()?;
    if node.links.last <= range.start.0 || node.links.first >= range.end.0 {
        return None;
    }
    if node.start > range.start
        && let Some(found) = visit(&node.links.left, range, each)
    {
        return Some(found);
    }
    if node.end > range.start
        && node.start < range.end
        && let Some(found) = each(node)
    {
        return Some(found);
    }
    if node.end < range.end {
        return visit(&node.links.right, range, each);
    }
    None
}

fn visit_mut<M: Machine>(link: &mut Link<M>, range: Range, each: &mut impl FnMut(&mut Entry<M>)) {
    let Some(node) = link else { return };
    if node.links.last <= range.start.0 || node.links.first >= range.end.0 {
        return;
    }
    if node.start > range.start {
        visit_mut(&mut node.links.left, range, each);
    }
    if node.end > range.start && node.start < range.end {
        each(node);
    }
    if node.end < range.end {
        visit_mut(&mut node.links.right, range, each);
    }
}

impl<M: Machine> Tree<M> {
    /// How many entries there are.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// Whether an entry names a submap.
    #[inline]
    pub(crate) const fn has_submaps(&self) -> bool {
        self.submaps != 0
    }

    /// The entry that contains `at`.
    #[inline]
    pub(crate) fn find(&self, at: VirtAddr) -> Option<&Entry<M>> {
        let mut link = &self.root;
        while let Some(node) = link {
            if at < node.start {
                link = &node.links.left;
            } else if at >= node.end {
                link = &node.links.right;
            } else {
                return Some(node);
            }
        }
        None
    }

    /// The entry that contains `at`, to change other than its range.
    pub(crate) fn find_mut(&mut self, at: VirtAddr) -> Option<&mut Entry<M>> {
        let mut link = &mut self.root;
        while let Some(node) = link {
            if at < node.start {
                link = &mut node.links.left;
            } else if at >= node.end {
                link = &mut node.links.right;
            } else {
                return Some(node);
            }
        }
        None
    }

    /// The first entry that ends after `at`: the one that contains it, or the next.
    pub(crate) fn find_from(&self, at: VirtAddr) -> Option<&Entry<M>> {
        let (mut link, mut best) = (&self.root, None);
        while let Some(node) = link {
            if node.end > at {
                best = Some(&**node);
                link = &node.links.left;
            } else {
                link = &node.links.right;
            }
        }
        best
    }

    /// Whether no entry meets `range`.
    pub(crate) fn is_free(&self, range: Range) -> bool {
        self.find_from(range.start)
            .is_none_or(|entry| entry.start >= range.end)
    }

    /// The last entry that begins before `at`.
    pub(crate) fn find_before(&self, at: VirtAddr) -> Option<&Entry<M>> {
        let (mut link, mut best) = (&self.root, None);
        while let Some(node) = link {
            if node.start < at {
                best = Some(&**node);
                link = &node.links.right;
            } else {
                link = &node.links.left;
            }
        }
        best
    }

    /// Puts an entry in. Its range is free.
    pub(crate) fn insert(&mut self, new: EntryBox<M>) {
        debug_assert!(self.is_free(new.range()), "I-MAP-1: entries overlap");
        self.submaps = self.submaps.wrapping_add(usize::from(new.submap.is_some()));
        balance::insert(&mut self.root, new);
        self.count = self.count.wrapping_add(1);
    }

    /// Takes the entry out that begins at `start`.
    pub(crate) fn remove(&mut self, start: VirtAddr) -> Link<M> {
        let mut out = None;
        balance::remove(&mut self.root, start, &mut out);
        if let Some(entry) = &mut out {
            entry.height = 1;
            self.forget(entry);
        }
        out
    }

    /// Takes the entries of `range` out, in order; none crosses its ends. What `each` answers goes back
    /// in.
    pub(crate) fn take(&mut self, range: Range, mut each: impl FnMut(EntryBox<M>) -> Link<M>) {
        let first = self.find_from(range.start);
        let Some(first) = first.filter(|first| first.start < range.end) else {
            return;
        };
        if first.end >= range.end {
            let start = first.start;
            let kept = self.remove(start).and_then(each);
            kept.into_iter().for_each(|kept| self.insert(kept));
            return;
        }
        let (before, rest) = balance::split(self.root.take(), range.start);
        let (within, after) = balance::split(rest, range.end);
        self.root = balance::concat(before, after);
        balance::drain(within, &mut |entry| {
            self.forget(&entry);
            each(entry).into_iter().for_each(|kept| self.insert(kept));
        });
    }

    /// Counts an entry no more.
    fn forget(&mut self, entry: &Entry<M>) {
        self.count = self.count.wrapping_sub(1);
        let submaps = usize::from(entry.submap.is_some());
        self.submaps = self.submaps.wrapping_sub(submaps);
    }

    /// Changes the entry that begins at `start`, its range too (it stays between its neighbours).
    pub(crate) fn update<R>(
        &mut self,
        start: VirtAddr,
        change: impl FnOnce(&mut Entry<M>) -> R,
    ) -> Option<R> {
        balance::update(self.root.as_mut()?, start, change).map(|(result, _)| result)
    }

    /// Calls `each` with the entries that meet `range`, in order, until it answers something.
    pub(crate) fn visit<'a, R>(
        &'a self,
        range: Range,
        mut each: impl FnMut(&'a Entry<M>) -> Option<R>,
    ) -> Option<R> {
        visit(&self.root, range, &mut each)
    }

    /// Calls `each` with the entries that meet `range`, in order, to change other than their range.
    pub(crate) fn visit_mut(&mut self, range: Range, mut each: impl FnMut(&mut Entry<M>)) {
        visit_mut(&mut self.root, range, &mut each);
    }

    /// The lowest hole at or after `from`.
    pub(crate) fn hole(&self, from: VirtAddr, hole: Hole) -> Option<VirtAddr> {
        let mut from = from.0;
        find_hole(&self.root, &mut from, hole)
            .or_else(|| hole.fits(from, hole.limit))
            .map(VirtAddr)
    }

    /// Calls `each` with every entry, in order, and keeps none.
    pub(crate) fn drain(self, mut each: impl FnMut(EntryBox<M>)) {
        balance::drain(self.root, &mut each);
    }

    /// Checks order, balance and what the nodes say about their subtrees.
    pub(crate) fn audit(&self) -> Result<(), &'static str> {
        fn check<M: Machine>(link: &Link<M>, count: &mut usize) -> Result<(), &'static str> {
            let Some(node) = link else { return Ok(()) };
            *count = count.saturating_add(1);
            check(&node.links.left, count)?;
            check(&node.links.right, count)?;
            let left = node
                .links
                .left
                .as_ref()
                .map_or(node.start.0, |l| l.links.last);
            let right = node
                .links
                .right
                .as_ref()
                .map_or(node.end.0, |r| r.links.first);
            if node.start >= node.end || left > node.start.0 || right < node.end.0 {
                return Err("I-MAP-1: entries overlap or are out of order");
            }
            let (l, r) = (height(&node.links.left), height(&node.links.right));
            if l.abs_diff(r) > 1 || node.height != l.max(r).saturating_add(1) {
                return Err("I-MAP-2: the tree of entries is out of balance");
            }
            let holes = [&node.links.left, &node.links.right].into_iter().flatten();
            let inner = holes.map(|child| child.links.hole).max().unwrap_or(0);
            let gaps = (node.start.0.saturating_sub(left)).max(right.saturating_sub(node.end.0));
            if node.links.hole != inner.max(gaps) {
                return Err("I-MAP-2: a hole is not known");
            }
            Ok(())
        }
        let mut count = 0;
        check(&self.root, &mut count)?;
        if count != self.count {
            return Err("I-MAP-1: entries and their count differ");
        }
        Ok(())
    }
}
