//! What a node says about its subtree: where it begins and ends, its largest hole, its height.
//!
//! Owns: computing it from the children, all of it or the part that a change below touches.

use super::{Link, Links};
use crate::addr::VirtAddr;
use crate::machine::Machine;
use crate::map::entry::Entry;

bitflags::bitflags! {
    /// What has changed of what a node says.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(super) struct Change: u8 {
        const FIRST = 1;
        const LAST = 2;
        const HOLE = 4;
        const HEIGHT = 8;
    }
}

/// One of a node's two subtrees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl Side {
    /// Where an entry that begins at `start` is below `node`.
    #[inline]
    pub(super) fn of<M: Machine>(start: VirtAddr, node: &Entry<M>) -> Self {
        if start < node.start {
            Self::Left
        } else {
            Self::Right
        }
    }
}

impl<M: Machine> Links<M> {
    #[inline]
    pub(super) fn child(&mut self, side: Side) -> &mut Link<M> {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }
}

/// What a node says.
#[derive(Clone, Copy)]
pub(super) struct About {
    first: u64,
    last: u64,
    hole: u64,
    height: u8,
}

impl About {
    #[inline]
    pub(super) fn of<M: Machine>(node: &Entry<M>) -> Self {
        let Links {
            first, last, hole, ..
        } = node.links;
        let height = node.height;
        Self {
            first,
            last,
            hole,
            height,
        }
    }

    #[inline]
    pub(super) fn change_to(self, new: Self) -> Change {
        let mut change = Change::empty();
        change.set(Change::FIRST, self.first != new.first);
        change.set(Change::LAST, self.last != new.last);
        change.set(Change::HOLE, self.hole != new.hole);
        change.set(Change::HEIGHT, self.height != new.height);
        change
    }
}

#[inline]
pub(super) fn height<M: Machine>(link: &Link<M>) -> u8 {
    link.as_ref().map_or(0, |node| node.height)
}

/// The largest hole below a node, and beside it.
#[inline]
fn hole<M: Machine>(node: &Entry<M>) -> u64 {
    let left = node.links.left.as_ref().map_or(0, |left| {
        let gap = node.start.0.wrapping_sub(left.links.last);
        gap.max(left.links.hole)
    });
    let right = node.links.right.as_ref().map_or(0, |right| {
        let gap = right.links.first.wrapping_sub(node.end.0);
        gap.max(right.links.hole)
    });
    left.max(right)
}

/// What a node says that has no children.
#[inline]
pub(super) fn stand_alone<M: Machine>(node: &mut Entry<M>) {
    let (first, last) = (node.start.0, node.end.0);
    (node.links.first, node.links.last, node.links.hole) = (first, last, 0);
    node.height = 1;
}

/// Computes all that a node says.
#[inline]
pub(super) fn compute<M: Machine>(node: &mut Entry<M>) {
    let links = &node.links;
    let first = links.left.as_ref();
    let first = first.map_or(node.start.0, |left| left.links.first);
    let last = links.right.as_ref();
    let last = last.map_or(node.end.0, |right| right.links.last);
    let tall = height(&links.left).max(height(&links.right));
    let hole = hole(node);
    node.height = tall.wrapping_add(1);
    let links = &mut node.links;
    (links.first, links.last, links.hole) = (first, last, hole);
}

/// The same, and answers what of it is new.
pub(super) fn refresh<M: Machine>(node: &mut Entry<M>) -> Change {
    let old = About::of(node);
    compute(node);
    old.change_to(About::of(node))
}

/// The same where the subtree of one side has changed so, and not its height.
#[inline]
pub(super) fn refresh_part<M: Machine>(node: &mut Entry<M>, side: Side, below: Change) -> Change {
    let (near, far) = match side {
        Side::Left => (Change::LAST, Change::FIRST),
        Side::Right => (Change::FIRST, Change::LAST),
    };
    let change = below.intersection(far);
    if !change.is_empty()
        && let Some(child) = node.links.child(side)
    {
        match side {
            Side::Left => node.links.first = child.links.first,
            Side::Right => node.links.last = child.links.last,
        }
    }
    if !below.intersects(near.union(Change::HOLE)) {
        return change;
    }
    change.union(refresh_hole(node))
}

/// Computes the height and the largest hole.
#[inline]
pub(super) fn refresh_inside<M: Machine>(node: &mut Entry<M>) -> Change {
    let tall = height(&node.links.left).max(height(&node.links.right));
    let tall = tall.wrapping_add(1);
    let change = refresh_hole(node);
    if core::mem::replace(&mut node.height, tall) == tall {
        return change;
    }
    change.union(Change::HEIGHT)
}

/// Computes the largest hole.
#[inline]
pub(super) fn refresh_hole<M: Machine>(node: &mut Entry<M>) -> Change {
    let hole = hole(node);
    if core::mem::replace(&mut node.links.hole, hole) == hole {
        return Change::empty();
    }
    Change::HOLE
}

/// A node says that its subtree has one more entry.
#[inline]
pub(super) fn widen<M: Machine>(node: &mut Entry<M>, new: &Entry<M>) {
    node.links.first = node.links.first.min(new.start.0);
    node.links.last = node.links.last.max(new.end.0);
}

/// Whether an entry comes before all of a subtree that has some.
#[inline]
pub(super) fn is_first<M: Machine>(link: &Link<M>, new: &Entry<M>) -> bool {
    link.as_ref()
        .is_some_and(|node| new.start.0 < node.links.first)
}

/// Whether an entry comes after all of a subtree that has some.
#[inline]
pub(super) fn is_last<M: Machine>(link: &Link<M>, new: &Entry<M>) -> bool {
    link.as_ref()
        .is_some_and(|node| new.end.0 > node.links.last)
}
