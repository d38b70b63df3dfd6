//! How entries get into the tree and out of it, and how it stays balanced.
//!
//! Owns: rotations, the cutting and joining of trees. Does not own: what a node says about its subtree
//! (`about`), the count of entries, searches (`tree`). Source: AVL trees, their `join` and `split`.
//!
//! Every change answers what it did to the subtree: the node above looks at that part only.

use super::Link;
use super::about::{
    About, Change, Side, compute, height, is_first, is_last, refresh, refresh_hole, refresh_inside,
    refresh_part, stand_alone, widen,
};
use crate::addr::VirtAddr;
use crate::machine::Machine;
use crate::map::entry::{Entry, EntryBox};

fn rotate_right<M: Machine>(link: &mut Link<M>) {
    let Some(mut node) = link.take() else { return };
    if let Some(mut top) = node.links.left.take() {
        node.links.left = top.links.right.take();
        compute(&mut node);
        top.links.right = Some(node);
        compute(&mut top);
        *link = Some(top);
    } else {
        *link = Some(node);
    }
}

fn rotate_left<M: Machine>(link: &mut Link<M>) {
    let Some(mut node) = link.take() else { return };
    if let Some(mut top) = node.links.right.take() {
        node.links.right = top.links.left.take();
        compute(&mut node);
        top.links.left = Some(node);
        compute(&mut top);
        *link = Some(top);
    } else {
        *link = Some(node);
    }
}

/// Refreshes a node whose subtrees changed, and turns it if one became two higher.
fn balance<M: Machine>(link: &mut Link<M>) -> Change {
    balance_by(link, refresh)
}

/// The same; `refresh` does it where nothing is turned.
#[inline(always)]
fn balance_by<M: Machine>(
    link: &mut Link<M>,
    refresh: impl FnOnce(&mut Entry<M>) -> Change,
) -> Change {
    let Some(node) = link else {
        return Change::all();
    };
    let (left, right) = (height(&node.links.left), height(&node.links.right));
    if left.abs_diff(right) < 2 {
        return refresh(node);
    }
    let old = About::of(node);
    if left > right {
        let child = &mut node.links.left;
        if leans(child, Side::Right) {
            rotate_left(child);
        }
        rotate_right(link);
    } else {
        let child = &mut node.links.right;
        if leans(child, Side::Left) {
            rotate_right(child);
        }
        rotate_left(link);
    }
    link.as_ref()
        .map_or(Change::all(), |top| old.change_to(About::of(top)))
}

/// The same where the ends are right.
fn balance_grown<M: Machine>(link: &mut Link<M>) -> Change {
    balance_by(link, refresh_inside)
}

/// Whether the subtree of a side is the higher one.
fn leans<M: Machine>(link: &Link<M>, side: Side) -> bool {
    link.as_ref().is_some_and(|node| {
        let (left, right) = (height(&node.links.left), height(&node.links.right));
        match side {
            Side::Left => left > right,
            Side::Right => right > left,
        }
    })
}

/// Makes a node right again whose subtree on a side has changed so.
#[inline]
fn follow<M: Machine>(link: &mut Link<M>, side: Side, below: Change) -> Change {
    match link {
        Some(node) if !below.contains(Change::HEIGHT) => refresh_part(node, side, below),
        _ => balance(link),
    }
}

/// Puts an entry into a subtree. Where a subtree begins and ends is made right on the way down, so that
/// the way back is short.
pub(super) fn insert<M: Machine>(link: &mut Link<M>, mut new: EntryBox<M>) -> Change {
    let Some(node) = link else {
        stand_alone(&mut new);
        *link = Some(new);
        return Change::HEIGHT;
    };
    widen(node, &new);
    let (below, faced) = if new.start < node.start {
        let faced = is_last(&node.links.left, &new);
        (insert(&mut node.links.left, new), faced)
    } else {
        let faced = is_first(&node.links.right, &new);
        (insert(&mut node.links.right, new), faced)
    };
    if below.contains(Change::HEIGHT) {
        balance_grown(link)
    } else if faced || below.contains(Change::HOLE) {
        refresh_hole(node)
    } else {
        Change::empty()
    }
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
pub(super) fn remove<M: Machine>(link: &mut Link<M>, start: VirtAddr, out: &mut Link<M>) -> Change {
    let Some(node) = link else {
        return Change::empty();
    };
    if start != node.start {
        let side = Side::of(start, node);
        let below = remove(node.links.child(side), start, out);
        if below.is_empty() {
            return below;
        }
        return follow(link, side, below);
    }
    let old = About::of(node);
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
    link.as_ref()
        .map_or(Change::all(), |top| old.change_to(About::of(top)))
}

/// Changes the node that begins at `start`.
pub(super) fn update<M: Machine, R>(
    node: &mut Entry<M>,
    start: VirtAddr,
    change: impl FnOnce(&mut Entry<M>) -> R,
) -> Option<(R, Change)> {
    if start == node.start {
        let result = change(node);
        return Some((result, refresh(node)));
    }
    let side = Side::of(start, node);
    let (result, below) = update(node.links.child(side).as_mut()?, start, change)?;
    if below.is_empty() {
        return Some((result, below));
    }
    Some((result, refresh_part(node, side, below)))
}

/// One tree of two, and a node between them.
fn join<M: Machine>(left: Link<M>, mut between: EntryBox<M>, right: Link<M>) -> Link<M> {
    match (left, right) {
        (Some(mut top), right) if top.height > height(&right).wrapping_add(1) => {
            top.links.right = join(top.links.right.take(), between, right);
            balanced(top)
        }
        (left, Some(mut top)) if top.height > height(&left).wrapping_add(1) => {
            top.links.left = join(left, between, top.links.left.take());
            balanced(top)
        }
        (left, right) => {
            (between.links.left, between.links.right) = (left, right);
            compute(&mut between);
            Some(between)
        }
    }
}

fn balanced<M: Machine>(node: EntryBox<M>) -> Link<M> {
    let mut link = Some(node);
    balance(&mut link);
    link
}

/// One tree of two: the second begins after the first ends.
pub(super) fn concat<M: Machine>(left: Link<M>, mut right: Link<M>) -> Link<M> {
    match take_first(&mut right) {
        Some(first) => join(left, first, right),
        None => left,
    }
}

/// The nodes that begin before `at`, and the others.
pub(super) fn split<M: Machine>(link: Link<M>, at: VirtAddr) -> (Link<M>, Link<M>) {
    let Some(mut node) = link else {
        return (None, None);
    };
    let (left, right) = (node.links.left.take(), node.links.right.take());
    if node.start < at {
        let (before, after) = split(right, at);
        (join(left, node, before), after)
    } else {
        let (before, after) = split(left, at);
        (before, join(after, node, right))
    }
}

/// Calls `each` with every node, in order.
pub(super) fn drain<M: Machine>(link: Link<M>, each: &mut impl FnMut(EntryBox<M>)) {
    if let Some(mut node) = link {
        let (left, right) = (node.links.left.take(), node.links.right.take());
        drain(left, each);
        node.height = 1;
        each(node);
        drain(right, each);
    }
}
