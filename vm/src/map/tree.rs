//! The entries of a map in a balanced tree that finds an address and a hole in O(log n).
//!
//! Owns: the entries, and per subtree its first start, last end and largest hole between entries.
//! Does not own: what an entry means (`entry`), the order of locks (`map`).
//! Locks: the map's. Invariant: I-MAP-1 (entries do not overlap and are in order).

use super::entry::{Entry, EntryBox};
use crate::addr::{Range, VirtAddr};
use crate::machine::Machine;

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

#[inline]
fn height<M: Machine>(link: &Link<M>) -> u8 {
    link.as_ref().map_or(0, |node| node.height)
}

/// Recomputes what a node says about its subtree, and answers whether that changed: if not, no
/// node above it needs a look.
fn refresh<M: Machine>(node: &mut Entry<M>) -> bool {
    let (mut first, mut last, mut hole, mut tall) = (node.start.0, node.end.0, 0, 0);
    if let Some(left) = &node.links.left {
        first = left.links.first;
        hole = left
            .links
            .hole
            .max(node.start.0.wrapping_sub(left.links.last));
        tall = left.height;
    }
    if let Some(right) = &node.links.right {
        last = right.links.last;
        let gap = right.links.first.wrapping_sub(node.end.0);
        hole = hole.max(right.links.hole).max(gap);
        tall = tall.max(right.height);
    }
    let links = &mut node.links;
    let old = (links.first, links.last, links.hole, node.height);
    (links.first, links.last, links.hole) = (first, last, hole);
    node.height = tall.wrapping_add(1);
    old != (links.first, links.last, links.hole, node.height)
}

fn rotate_right<M: Machine>(link: &mut Link<M>) {
    let Some(mut node) = link.take() else { return };
    if let Some(mut top) = node.links.left.take() {
        node.links.left = top.links.right.take();
        refresh(&mut node);
        top.links.right = Some(node);
        refresh(&mut top);
        *link = Some(top);
    } else {
        *link = Some(node);
    }
}

fn rotate_left<M: Machine>(link: &mut Link<M>) {
    let Some(mut node) = link.take() else { return };
    if let Some(mut top) = node.links.right.take() {
        node.links.right = top.links.left.take();
        refresh(&mut node);
        top.links.left = Some(node);
        refresh(&mut top);
        *link = Some(top);
    } else {
        *link = Some(node);
    }
}

/// Refreshes a node whose subtrees changed, and turns it if one became two higher. Answers whether
/// the node above has to be looked at too.
fn balance<M: Machine>(link: &mut Link<M>) -> bool {
    let Some(node) = link else { return true };
    let (left, right) = (height(&node.links.left), height(&node.links.right));
    if left > right.wrapping_add(1) {
        let child = &mut node.links.left;
        if leans(child, |links| (&links.right, &links.left)) {
            rotate_left(child);
        }
        rotate_right(link);
        return true;
    }
    if right > left.wrapping_add(1) {
        let child = &mut node.links.right;
        if leans(child, |links| (&links.left, &links.right)) {
            rotate_right(child);
        }
        rotate_left(link);
        return true;
    }
    refresh(node)
}

/// Whether the first of the two subtrees that `pick` names is higher.
fn leans<M: Machine>(link: &Link<M>, pick: impl Fn(&Links<M>) -> (&Link<M>, &Link<M>)) -> bool {
    link.as_ref().is_some_and(|node| {
        let (one, other) = pick(&node.links);
        height(one) > height(other)
    })
}

/// Puts an entry into a subtree. Answers whether the node above has to be looked at, as do the
/// next two.
fn insert<M: Machine>(link: &mut Link<M>, mut new: EntryBox<M>) -> bool {
    let Some(node) = link else {
        refresh(&mut new);
        *link = Some(new);
        return true;
    };
    let below = if new.start < node.start {
        &mut node.links.left
    } else {
        &mut node.links.right
    };
    insert(below, new) && balance(link)
}

/// Takes the first node out of a subtree.
fn take_first<M: Machine>(link: &mut Link<M>) -> Link<M> {
    let node = link.as_mut()?;
    if node.links.left.is_some() {
        let first = take_first(&mut node.links.left);
        balance(link);
        return first;
    }
    let mut first = link.take()?;
    *link = first.links.right.take();
    Some(first)
}

/// Takes the node that begins at `start` out of a subtree, into `out`.
fn remove<M: Machine>(link: &mut Link<M>, start: VirtAddr, out: &mut Link<M>) -> bool {
    let Some(node) = link else { return false };
    if start != node.start {
        let below = if start < node.start {
            &mut node.links.left
        } else {
            &mut node.links.right
        };
        return remove(below, start, out) && balance(link);
    }
    let left = node.links.left.take();
    let mut right = node.links.right.take();
    *out = link.take();
    *link = match take_first(&mut right) {
        Some(mut first) => {
            first.links.left = left;
            first.links.right = right;
            Some(first)
        }
        None => left,
    };
    balance(link);
    true
}

/// Changes the node that begins at `start`.
fn update<M: Machine, R>(
    node: &mut Entry<M>,
    start: VirtAddr,
    change: impl FnOnce(&mut Entry<M>) -> R,
) -> Option<(R, bool)> {
    let (result, changed) = if start < node.start {
        update(node.links.left.as_mut()?, start, change)?
    } else if start > node.start {
        update(node.links.right.as_mut()?, start, change)?
    } else {
        (change(node), true)
    };
    let changed = changed && refresh(node);
    Some((result, changed))
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

/// What a hole must be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hole {
    /// Bytes, a multiple of the page size, not 0.
    pub size: u64,
    /// Address bits that must be zero.
    pub mask: u64,
    /// The hole ends at or before this.
    pub limit: u64,
}

impl Hole {
    /// Where it begins between `from` and `to`, if it fits there.
    fn fits(self, from: u64, to: u64) -> Option<u64> {
        let at = from.checked_add(self.mask)? & !self.mask;
        (at.checked_add(self.size)? <= to.min(self.limit)).then_some(at)
    }
}

/// Looks in a subtree for a hole at or after `from`, which moves to the end of what was passed.
fn find_hole<M: Machine>(link: &Link<M>, from: &mut u64, hole: Hole) -> Option<u64> {
    let node = link.as_ref()?;
    if node.links.last <= *from {
        return None;
    }
    if let Some(at) = hole.fits(*from, node.links.first) {
        return Some(at);
    }
    if node.links.hole < hole.size {
        *from = (*from).max(node.links.last);
        return None;
    }
    if let Some(at) = find_hole(&node.links.left, from, hole) {
        return Some(at);
    }
    if let Some(at) = hole.fits(*from, node.start.0) {
        return Some(at);
    }
    *from = (*from).max(node.end.0);
    find_hole(&node.links.right, from, hole)
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
        insert(&mut self.root, new);
        self.count = self.count.wrapping_add(1);
    }

    /// Takes the entry out that begins at `start`.
    pub(crate) fn remove(&mut self, start: VirtAddr) -> Link<M> {
        let mut out = None;
        remove(&mut self.root, start, &mut out);
        if let Some(entry) = &mut out {
            entry.height = 1;
            self.count = self.count.wrapping_sub(1);
            self.submaps = self
                .submaps
                .wrapping_sub(usize::from(entry.submap.is_some()));
        }
        out
    }

    /// Changes the entry that begins at `start`, its range too (it stays between its neighbours).
    pub(crate) fn update<R>(
        &mut self,
        start: VirtAddr,
        change: impl FnOnce(&mut Entry<M>) -> R,
    ) -> Option<R> {
        update(self.root.as_mut()?, start, change).map(|(result, _)| result)
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

    /// Calls `each` with every entry, in no order, and keeps none.
    pub(crate) fn drain(self, mut each: impl FnMut(EntryBox<M>)) {
        fn below<M: Machine>(link: Link<M>, each: &mut impl FnMut(EntryBox<M>)) {
            if let Some(mut node) = link {
                below(node.links.left.take(), each);
                below(node.links.right.take(), each);
                each(node);
            }
        }
        below(self.root, &mut each);
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

/// Entries that have left their map and wait to be taken apart, in a list through themselves.
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
