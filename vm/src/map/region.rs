//! What a region is: the answers of `mach_vm_region` and its kin.
//!
//! Owns: the numbers that are computed by looking: share mode, depth, resident pages.
//! Does not own: the records of the calls (`abi::region`); the kernel fills those.
//! Locks: the map shared, the object and its chain shared.

use super::entry::{Behavior, Entry};
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::machine::{Machine, RefMod};
use crate::object::slot::Slot;
use crate::object::tree::Slots;
use crate::object::{ObjRef, ObjectKind, ObjectState};
use crate::sanitize::{self, UserAddr};
use crate::vm::Vm;
use abi::region::share_mode;
use abi::{Inherit, KernReturn, Protection};

/// What a region's memory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shows {
    /// An object's pages, or zeros.
    Memory,
    /// Another map: [`Vm::region_recurse`] looks into it.
    Submap,
}

/// One entry, as other programs see it.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// Where it is.
    pub range: Range,
    /// What its memory is.
    pub shows: Shows,
    /// Current protection.
    pub protection: Protection,
    /// Maximum protection.
    pub max: Protection,
    /// What a child gets.
    pub inherit: Inherit,
    /// `VM_MEMORY_*`.
    pub tag: u8,
    /// Advice.
    pub behavior: Behavior,
    /// Bytes into the object.
    pub offset: u64,
    /// Wirings by the user.
    pub user_wired: u16,
    /// `SM_*`.
    pub share_mode: u8,
    /// The top object's number; 0 without an object.
    pub object_id: u64,
    /// References to the objects of the chain, less the chain's own.
    pub ref_count: u32,
    /// Objects below the first.
    pub shadow_depth: u16,
    /// The number of the file's object at the chain's end, if it ends in one.
    pub file: Option<u64>,
    /// Pages and their kinds.
    pub pages: RegionPages,
}

/// Pages of a region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionPages {
    /// In memory.
    pub resident: u32,
    /// Written.
    pub dirtied: u32,
    /// Private copies above a chain.
    pub shared_now_private: u32,
    /// Resident in an object that is this entry's alone.
    pub private: u32,
    /// Resident in objects that others refer to.
    pub shared: u32,
    /// Resident, and an allocator needs nothing of what is in them.
    pub reusable: u32,
}

/// An entry, and where it is.
pub(super) struct Shown<'a, M: Machine> {
    /// The map that has it.
    pub map: &'a Map<M>,
    /// What that map's lock guards.
    pub state: &'a MapState<M>,
    /// At the addresses of the map that was asked.
    pub entry: &'a Entry<M>,
    /// 0 in the map that was asked, 1 in a submap.
    pub depth: u32,
}

/// An object of a chain, and those above it.
struct Level<'a, M: Machine> {
    slots: &'a Slots<M>,
    /// The index in this object of index 0 of the next lower one, negated.
    offset: u64,
    above: Option<&'a Level<'a, M>>,
}

impl<M: Machine> Level<'_, M> {
    /// Whether `index` of the object below is hidden by this one or one above.
    fn hides(&self, index: u64) -> bool {
        let Some(index) = index.checked_sub(self.offset) else {
            return false;
        };
        self.slots.get(index) != Slot::Empty || self.above.is_some_and(|above| above.hides(index))
    }
}

/// What a walk down the chain adds up.
struct Walk {
    pages: RegionPages,
    refs: u32,
    depth: u16,
    file: Option<u64>,
}

impl<M: Machine> Vm<M> {
    /// The region that contains `addr`, or the next one.
    ///
    /// # Errors
    /// `INVALID_ADDRESS` if there is none.
    pub fn region(&self, map: &Map<M>, addr: UserAddr) -> Result<Region, KernReturn> {
        let state = map.read();
        let entry = state.tree.find_from(sanitize::page::<M>(addr));
        let entry = entry.ok_or(KernReturn::INVALID_ADDRESS)?;
        Ok(self.describe(&state, entry))
    }

    /// The same for `mach_vm_region_recurse`: with a `depth` of 1 or more, what a submap shows takes the
    /// place of the entry that names it, at the addresses of `map`. Answers the depth of the region too.
    ///
    /// # Errors
    /// As [`Vm::region`].
    pub fn region_recurse(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        depth: u32,
    ) -> Result<(Region, u32), KernReturn> {
        self.with_shown(map, addr, depth, |shown| {
            (self.describe(shown.state, shown.entry), shown.depth)
        })
    }

    /// Calls `then` with the entry that contains `addr` or the next one; with a `depth` of 1 or more
    /// that of a submap at the addresses of `map`. The maps are locked shared meanwhile.
    pub(super) fn with_shown<R>(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        depth: u32,
        then: impl FnOnce(Shown<'_, M>) -> R,
    ) -> Result<R, KernReturn> {
        let state = map.read();
        let mut at = sanitize::page::<M>(addr);
        loop {
            let entry = state.tree.find_from(at);
            let entry = entry.ok_or(KernReturn::INVALID_ADDRESS)?;
            let Some(submap) = entry.submap.as_ref().filter(|_| depth > 0) else {
                return Ok(then(Shown {
                    map,
                    state: &state,
                    entry,
                    depth: 0,
                }));
            };
            let inside = submap.read();
            let from = entry.inside(at.max(entry.start));
            let inner = inside.tree.find_from(from);
            let shown = inner.map(|inner| entry.show(inner)).transpose()?.flatten();
            if let (Some(inner), Some(mut shown)) = (inner, shown) {
                shown.attributes = inner.attributes;
                shown.needs_copy = inner.needs_copy;
                shown.user_wired = inner.user_wired;
                return Ok(then(Shown {
                    map: submap,
                    state: &inside,
                    entry: &shown,
                    depth: 1,
                }));
            }
            at = entry.end;
        }
    }

    fn describe(&self, state: &MapState<M>, entry: &Entry<M>) -> Region {
        let mut region = Region {
            range: entry.range(),
            shows: Shows::Memory,
            protection: entry.attributes.protection,
            max: entry.attributes.max,
            inherit: entry.attributes.inherit,
            tag: entry.attributes.tag,
            behavior: entry.attributes.behavior,
            offset: entry.offset << M::PAGE_SHIFT,
            user_wired: entry.user_wired,
            share_mode: share_mode::EMPTY,
            object_id: 0,
            ref_count: 0,
            shadow_depth: 0,
            file: None,
            pages: RegionPages::default(),
        };
        if let Some(submap) = &entry.submap {
            let naming = submap.read().naming;
            region.shows = Shows::Submap;
            region.share_mode = share_mode::PRIVATE;
            region.object_id = submap.serial;
            region.ref_count = naming.map_or(0, |naming| naming.entries);
        }
        let Some(object) = &entry.object else {
            return region;
        };
        let mut walk = Walk {
            pages: RegionPages::default(),
            refs: 0,
            depth: 0,
            file: None,
        };
        let window = Range::new(
            VirtAddr(entry.offset),
            VirtAddr(entry.offset.saturating_add(entry.pages())),
        );
        let top = object.read();
        self.walk_chain(object, &top, window, None, &mut walk);
        if top.refs > 1 {
            walk.pages.shared_now_private = 0;
        }
        region.object_id = object.serial;
        region.shadow_depth = walk.depth;
        region.ref_count = walk.refs.saturating_sub(u32::from(walk.depth));
        region.file = walk.file;
        region.pages = walk.pages;
        region.share_mode = if entry.is_superpage() {
            share_mode::LARGE_PAGE
        } else if walk.depth > 0 || entry.needs_copy {
            share_mode::COW
        } else if top.refs.saturating_sub(top.handles) == 1 {
            share_mode::PRIVATE
        } else if top.true_share && object.kind != ObjectKind::Named {
            share_mode::TRUESHARED
        } else {
            drop(top);
            shared_mode(state, object)
        };
        region
    }

    fn walk_chain(
        &self,
        object: &ObjRef<M>,
        state: &ObjectState<M>,
        window: Range,
        above: Option<&Level<'_, M>>,
        walk: &mut Walk,
    ) {
        walk.refs = walk.refs.saturating_add(state.refs);
        if object.kind == ObjectKind::Named {
            walk.file = Some(object.serial);
        }
        for (index, slot) in state.slots.range(window.start.0, window.end.0) {
            let Some(page) = slot
                .page()
                .filter(|_| !above.is_some_and(|a| a.hides(index)))
            else {
                continue;
            };
            let pages = &mut walk.pages;
            pages.resident = pages.resident.saturating_add(1);
            let record = self.frames.pages().get(page);
            pages.reusable = pages
                .reusable
                .saturating_add(u32::from(record.is_reusable()));
            let marks = record.marks() | self.machine().page_refmod(page);
            if marks.contains(RefMod::MODIFIED) {
                pages.dirtied = pages.dirtied.saturating_add(1);
            }
            if above.is_none() && state.shadow.is_some() {
                pages.shared_now_private = pages.shared_now_private.saturating_add(1);
            }
            if above.is_none() && state.refs == 1 {
                pages.private = pages.private.saturating_add(1);
            } else {
                pages.shared = pages.shared.saturating_add(1);
            }
        }
        if let Some(shadow) = &state.shadow {
            walk.depth = walk.depth.saturating_add(1);
            let level = Level {
                slots: &state.slots,
                offset: shadow.offset,
                above,
            };
            let below = shadow.object.read();
            let start = window.start.0.saturating_add(shadow.offset);
            let end = window.end.0.saturating_add(shadow.offset).min(below.size);
            let window = Range::new(VirtAddr(start), VirtAddr(end));
            self.walk_chain(&shadow.object, &below, window, Some(&level), walk);
        }
    }
}

/// The mode of an object with several references that is not truly shared: whose they are.
fn shared_mode<M: Machine>(state: &MapState<M>, object: &ObjRef<M>) -> u8 {
    let mut ours = 0u32;
    let all = Range::new(VirtAddr(0), VirtAddr(u64::MAX));
    state.tree.visit(all, |entry| {
        let is_it = entry
            .object
            .as_ref()
            .is_some_and(|other| other.ptr_eq(object));
        ours = ours.saturating_add(u32::from(is_it));
        None::<()>
    });
    let refs = object.read().refs;
    if ours == refs {
        share_mode::PRIVATE_ALIASED
    } else if ours > 1 {
        share_mode::SHARED_ALIASED
    } else {
        share_mode::SHARED
    }
}
