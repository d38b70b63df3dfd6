//! Holes between entries: what one must be like, and how the lowest is found.

use super::Link;
use crate::machine::Machine;

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
    pub(super) fn fits(self, from: u64, to: u64) -> Option<u64> {
        let at = from.checked_add(self.mask)? & !self.mask;
        (at.checked_add(self.size)? <= to.min(self.limit)).then_some(at)
    }
}

/// Looks in a subtree for a hole at or after `from`, which moves to the end of what was passed.
pub(super) fn find_hole<M: Machine>(link: &Link<M>, from: &mut u64, hole: Hole) -> Option<u64> {
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
