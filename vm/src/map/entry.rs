//! Map entries: a range of addresses and what it shows.
//!
//! Owns: an entry's attributes, and when two neighbours are one. Does not own: its place (`tree`).
//! Locks: the map's.

use super::MapRef;
use super::tree::Links;
use crate::addr::{Range, VirtAddr};
use crate::frames::Frames;
use crate::machine::Machine;
use crate::object::ObjRef;
use crate::object::delayed::Part;
use abi::vm_flags::VM_MEMORY_REALLOC;
use abi::{Inherit, Protection};
use zalloc::ZBox;

/// `vm_behavior_t`, as far as an entry stores it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Behavior {
    /// No advice.
    #[default]
    Default = 0,
    /// Random access.
    Random = 1,
    /// Sequential access.
    Sequential = 2,
    /// Sequential access downwards.
    ReverseSequential = 3,
}

bitflags::bitflags! {
    /// Marks of an entry.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct EntryFlags: u8 {
        /// A removal leaves a placeholder without protection.
        const PERMANENT = 1;
        /// Pages are stolen first.
        const NO_CACHE = 2;
        /// A child shares the entry, or it came from a parent that shares it.
        const SHARED = 4;
        /// Wired pages are zeroed when the entry goes.
        const ZERO_WIRED = 8;
        /// Of the kernel map: the first and the last page are guards.
        const GUARDED = 16;
        /// It is one superpage (I-SUPER-1).
        const SUPERPAGE = 32;
    }
}

/// What an entry is, apart from where it is and what it shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attributes {
    /// What accesses may do.
    pub protection: Protection,
    /// What `protect` may give.
    pub max: Protection,
    /// What a child gets.
    pub inherit: Inherit,
    /// `VM_MEMORY_*`.
    pub tag: u8,
    /// Advice.
    pub behavior: Behavior,
    /// Marks.
    pub flags: EntryFlags,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            protection: Protection::DEFAULT,
            max: Protection::ALL,
            inherit: Inherit::Copy,
            tag: 0,
            behavior: Behavior::Default,
            flags: EntryFlags::empty(),
        }
    }
}

impl Attributes {
    /// Whether an entry with these may grow by new memory with the others: equal, but that memory
    /// of `realloc` follows any tag.
    #[inline]
    pub(crate) fn admit(&self, new: &Self) -> bool {
        *self == *new
            || (new.tag == VM_MEMORY_REALLOC
                && *self
                    == Self {
                        tag: self.tag,
                        ..*new
                    })
    }
}

/// A range of a map.
pub(crate) struct Entry<M: Machine> {
    pub(super) links: Links<M>,
    /// Of its subtree; here, not among the links, where it fills a gap.
    pub(super) height: u8,
    pub start: VirtAddr,
    pub end: VirtAddr,
    /// What it shows; `None`: zeros, and an object with the first write, or the submap.
    pub object: Option<ObjRef<M>>,
    /// The map that it shows instead of an object (I-SUB-1).
    pub submap: Option<MapRef<M>>,
    /// The page at `start`, of the object or of the submap.
    pub offset: u64,
    /// The object must be shadowed before it is written through this entry (I-OBJ-2).
    pub needs_copy: bool,
    pub attributes: Attributes,
    /// Reasons why its pages are wired: one for all user wirings together.
    pub wired: u16,
    /// Wirings by `mlock` and `vm_wire`.
    pub user_wired: u16,
}

pub(crate) type EntryBox<M> = ZBox<Entry<M>, Frames<M>>;

impl<M: Machine> Entry<M> {
    /// An entry that shows zeros.
    pub(crate) fn new(range: Range, attributes: Attributes) -> Self {
        Self {
            links: Links::default(),
            height: 1,
            start: range.start,
            end: range.end,
            object: None,
            submap: None,
            offset: 0,
            needs_copy: false,
            attributes,
            wired: 0,
            user_wired: 0,
        }
    }

    pub(crate) const fn range(&self) -> Range {
        Range {
            start: self.start,
            end: self.end,
        }
    }

    /// Whether it shows a device's memory.
    pub(crate) fn shows_device(&self) -> bool {
        let object = self.object.as_ref();
        object.is_some_and(|object| object.is_device())
    }

    /// Whether it is one superpage: mapped by one entry of the page tables, never split.
    pub(crate) const fn is_superpage(&self) -> bool {
        self.attributes.flags.contains(EntryFlags::SUPERPAGE)
    }

    /// Bytes that count as wired by the user.
    pub(crate) const fn user_wired_bytes(&self) -> u64 {
        if self.user_wired == 0 {
            0
        } else {
            self.range().len()
        }
    }

    /// Its length in pages.
    #[inline]
    pub(crate) const fn pages(&self) -> u64 {
        self.range().len() >> M::PAGE_SHIFT
    }

    /// The part of its object that it shows.
    pub(crate) const fn part(&self) -> Part {
        Part {
            from: self.offset,
            pages: self.pages(),
        }
    }

    /// The object's page that `at`, an address in the entry, shows.
    #[inline]
    pub(crate) const fn index(&self, at: VirtAddr) -> u64 {
        let inside = at.0.wrapping_sub(self.start.0) >> M::PAGE_SHIFT;
        self.offset.wrapping_add(inside)
    }

    /// The address in the submap that `at`, an address in the entry, shows.
    pub(crate) const fn inside(&self, at: VirtAddr) -> VirtAddr {
        VirtAddr(self.index(at) << M::PAGE_SHIFT)
    }

    /// Whether `next`, which begins where this ends, can become part of it. Every attribute is
    /// equal, and they show one object in one piece.
    pub(crate) fn joins(&self, next: &Self) -> bool {
        self.end == next.start
            && self.attributes == next.attributes
            && self.index(self.end) == next.offset
            && self.needs_copy == next.needs_copy
            && self.wired == next.wired
            && self.user_wired == next.user_wired
            && match (&self.object, &next.object) {
                (None, None) => true,
                (Some(a), Some(b)) => a.ptr_eq(b),
                _ => false,
            }
            && match (&self.submap, &next.submap) {
                (None, None) => true,
                (Some(a), Some(b)) => a.ptr_eq(b),
                _ => false,
            }
    }
}
