//! `mach_vm_remap`: memory of one map in another, shared or copied.
//!
//! Owns: its checks, in XNU's order (xnu-vm.md §12.2), and the protections that it answers.
//! Does not own: sharing and copying (`duplicate`), the place (`insert`).
//! Locks: the source's map alone, then the target's; never both.

use super::duplicate::{For, How};
use super::enter::{CopyMode, Placement};
use super::entry::{Attributes, EntryFlags};
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::machine::Machine;
use crate::sanitize::{
    self, Flags, FlagsOf, Realign, UserAddr, UserFlags, UserInherit, UserProt, UserSize,
};
use crate::vm::Vm;
use abi::vm_flags::{
    VM_FLAGS_ANYWHERE, VM_FLAGS_OVERWRITE, VM_FLAGS_RANDOM_ADDR, VM_FLAGS_RESILIENT_MEDIA,
    VM_FLAGS_RETURN_DATA_ADDR,
};
use abi::{KernReturn, Protection};

/// `mach_vm_remap`'s arguments, as the program passed them.
#[derive(Clone, Copy, Debug, Default)]
pub struct RemapRequest {
    /// Address or hint in the target.
    pub addr: UserAddr,
    /// Bytes.
    pub size: UserSize,
    /// Bits that must be zero in the address.
    pub mask: u64,
    /// `VM_FLAGS_*`.
    pub flags: UserFlags,
    /// Where the memory is in the source.
    pub source: UserAddr,
    /// Who sees writes.
    pub copy: CopyMode,
    /// What a child gets.
    pub inherit: UserInherit,
    /// `mach_vm_remap_new`: the current and the maximum protection that are wanted.
    pub wanted: Option<(UserProt, UserProt)>,
}

/// Where the memory is now, and what may be done with all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remapped {
    /// Its address in the target.
    pub at: VirtAddr,
    /// What every entry allows.
    pub current: Protection,
    /// What `protect` may give in every entry.
    pub maximum: Protection,
}

impl<M: Machine> Vm<M> {
    /// `mach_vm_remap` and `mach_vm_remap_new`.
    ///
    /// # Errors
    /// XNU's, in XNU's order: flags, protections, inheritance, source range; a hole in the source;
    /// then the place.
    pub fn remap(
        &self,
        target: &Map<M>,
        source: &Map<M>,
        request: &RemapRequest,
    ) -> Result<Remapped, KernReturn> {
        let flags = sanitize::flags(request.flags, FlagsOf::Remap)?;
        if flags.has(VM_FLAGS_RESILIENT_MEDIA) && request.copy == CopyMode::Shared {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let wanted = request
            .wanted
            .map(|wanted| self.wanted(wanted))
            .transpose()?;
        let inherit = sanitize::inherit(request.inherit)?;
        if sanitize::is_zero(request.size) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let exact = flags.has(VM_FLAGS_RETURN_DATA_ADDR) || wanted.is_some();
        let realign = if exact { Realign::No } else { Realign::Start };
        let range = sanitize::range::<M>(request.source, request.size, realign);
        let range = range.map_err(|_| KernReturn::INVALID_ARGUMENT)?;
        self.own_pieces(source, range, Protection::NONE)?;
        let (current, maximum) = match wanted {
            Some(wanted) => wanted,
            None => source.read().protections(range)?,
        };
        let how = match request.copy {
            CopyMode::Shared => How::Share,
            CopyMode::Private => How::Copy(For::Call),
        };
        let check = |state: &MapState<M>| state.gives(range, wanted);
        let twins = self.duplicate(source, range, check, |_| how)?;
        let private = request.copy == CopyMode::Private;
        let change = |attributes: &mut Attributes| {
            let flags = attributes.flags & EntryFlags::SHARED;
            attributes.flags = if private { EntryFlags::empty() } else { flags };
            attributes.inherit = inherit;
            if let Some((current, maximum)) = wanted {
                (attributes.protection, attributes.max) = (current, maximum);
            }
        };
        let place = (placement::<M>(request.addr, flags), request.mask);
        let entered = self.insert(target, place, twins, range, |_| Ok(()), change);
        let at = self.or_discard(entered)?;
        let inside = if exact {
            request.source.0.wrapping_sub(range.start.0)
        } else {
            0
        };
        Ok(Remapped {
            at: VirtAddr(at.0.saturating_add(inside)),
            current,
            maximum,
        })
    }

    /// The protections that `remap_new` asks for, checked.
    fn wanted(
        &self,
        (current, maximum): (UserProt, UserProt),
    ) -> Result<(Protection, Protection), KernReturn> {
        let (current, _) = sanitize::protection(current, 0)?;
        let (maximum, _) = sanitize::protection(maximum, 0)?;
        if !maximum.contains(current) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let both = Protection::WRITE.union(Protection::EXECUTE);
        if maximum.contains(both) {
            return Err(KernReturn::PROTECTION_FAILURE);
        }
        Ok((current, maximum))
    }
}

impl<M: Machine> MapState<M> {
    /// What all entries of a range without holes allow, now and at most.
    fn protections(&self, range: Range) -> Result<(Protection, Protection), KernReturn> {
        self.allows(range, Protection::NONE)?;
        let (mut current, mut maximum) = (Protection::ALL, Protection::ALL);
        self.tree.visit(range, |entry| {
            current &= entry.attributes.protection;
            maximum &= entry.attributes.max;
            None::<()>
        });
        Ok((current, maximum))
    }

    /// Whether the range has no holes, and the protections that are wanted of it.
    fn gives(
        &self,
        range: Range,
        wanted: Option<(Protection, Protection)>,
    ) -> Result<(), KernReturn> {
        let Some((current, maximum)) = wanted else {
            return self.allows(range, Protection::NONE);
        };
        self.allows(range, current)?;
        let lacks = self.tree.visit(range, |entry| {
            (!entry.attributes.max.contains(maximum)).then_some(KernReturn::PROTECTION_FAILURE)
        });
        lacks.map_or(Ok(()), Err)
    }
}

fn placement<M: Machine>(addr: UserAddr, flags: Flags) -> Placement {
    let at = sanitize::page::<M>(addr);
    if flags.has(VM_FLAGS_ANYWHERE) && flags.has(VM_FLAGS_RANDOM_ADDR) {
        return Placement::Random;
    }
    if flags.has(VM_FLAGS_ANYWHERE) {
        Placement::Anywhere(at)
    } else if flags.has(VM_FLAGS_OVERWRITE) {
        Placement::Overwrite(at)
    } else {
        Placement::Fixed(at)
    }
}
