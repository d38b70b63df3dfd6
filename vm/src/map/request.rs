//! What a call for new memory asks for, and whether that means anything.
//!
//! Owns: `mach_vm_map`'s arguments and the checks that need neither a map nor an object, in XNU's order
//! (xnu-vm.md §12.2). Does not own: what is entered (`enter`, `named`). Locks: none.

use super::enter::Placement;
use super::entry::{Attributes, EntryFlags};
use crate::machine::Machine;
use crate::sanitize::{
    self, Flags, FlagsOf, RangeError, Realign, UserAddr, UserFlags, UserInherit, UserProt, UserSize,
};
use abi::vm_flags::{VM_FLAGS_ANYWHERE, VM_FLAGS_NO_CACHE, VM_FLAGS_OVERWRITE, VM_FLAGS_PERMANENT};
use abi::{KernReturn, Protection};

/// `mach_vm_map`'s arguments, as the program passed them; the object is null.
#[derive(Clone, Copy, Debug, Default)]
pub struct MapRequest {
    /// Address or hint.
    pub addr: UserAddr,
    /// Bytes.
    pub size: UserSize,
    /// Bits that must be zero in the address.
    pub mask: u64,
    /// `VM_FLAGS_*`.
    pub flags: UserFlags,
    /// Current protection.
    pub current: UserProt,
    /// Maximum protection.
    pub maximum: UserProt,
    /// Inheritance.
    pub inherit: UserInherit,
}

/// A request whose arguments mean something.
pub(super) struct CheckedRequest {
    pub(super) placement: Placement,
    /// Bytes, in whole pages.
    pub(super) size: u64,
    pub(super) flags: Flags,
    /// The protections are as wanted, the current one cut to the maximum.
    pub(super) attributes: Attributes,
    /// The current protection, and the maximum, are what may be had at most.
    pub(super) masks: (bool, bool),
    /// The current protection before it was cut.
    pub(super) wanted: Protection,
}

impl MapRequest {
    /// Checks what can be judged without a map and without an object.
    ///
    /// # Errors
    /// XNU's, in XNU's order: flags, protections, inheritance, range.
    pub(super) fn check<M: Machine>(&self) -> Result<CheckedRequest, KernReturn> {
        let flags = sanitize::flags(self.flags, FlagsOf::Map)?;
        let is_mask = abi::prot::VM_PROT_IS_MASK;
        let (wanted, mask) = sanitize::protection(self.current, is_mask)?;
        let (max, max_mask) = sanitize::protection(self.maximum, is_mask)?;
        let inherit = sanitize::inherit(self.inherit)?;
        let argument = KernReturn::INVALID_ARGUMENT;
        if sanitize::is_zero(self.size) {
            return Err(argument);
        }
        let (placement, size) = placement::<M>(self.addr, self.size, flags, argument)?;
        let attributes = Attributes {
            protection: wanted.intersection(max),
            max,
            inherit,
            tag: flags.tag(),
            flags: entry_flags(flags),
            ..Attributes::default()
        };
        Ok(CheckedRequest {
            placement,
            size,
            flags,
            attributes,
            masks: (mask != 0, max_mask != 0),
            wanted,
        })
    }
}

/// The flags that an entry remembers.
pub(super) fn entry_flags(flags: Flags) -> EntryFlags {
    let mut entry = EntryFlags::empty();
    if flags.has(VM_FLAGS_PERMANENT | VM_FLAGS_NO_CACHE) {
        entry.set(EntryFlags::PERMANENT, flags.has(VM_FLAGS_PERMANENT));
        entry.set(EntryFlags::NO_CACHE, flags.has(VM_FLAGS_NO_CACHE));
    }
    entry
}

/// Where a call wants its memory, and how much, in whole pages. `size` is not 0; `wrap` is the code
/// of a fixed range that wraps.
pub(super) fn placement<M: Machine>(
    addr: UserAddr,
    size: UserSize,
    flags: Flags,
    wrap: KernReturn,
) -> Result<(Placement, u64), KernReturn> {
    let rounded = sanitize::round_up::<M>(size.0).ok_or(KernReturn::INVALID_ARGUMENT)?;
    if flags.has(VM_FLAGS_ANYWHERE) {
        return Ok((Placement::Anywhere(sanitize::page::<M>(addr)), rounded));
    }
    let range = sanitize::range::<M>(addr, size, Realign::Start).map_err(|_: RangeError| wrap)?;
    let at = if flags.has(VM_FLAGS_OVERWRITE) {
        Placement::Overwrite(range.start)
    } else {
        Placement::Fixed(range.start)
    };
    Ok((at, range.len()))
}
