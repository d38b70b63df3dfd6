//! `mach_vm_map` of a memory entry.
//!
//! Owns: its checks, in XNU's order (xnu-vm.md §12.2), and what the new memory may do.
//! Does not own: what the entry holds (`memory_entry`), sharing and copying (`duplicate`), the place
//! (`insert`). Locks: the entry's map alone, then the target's; never both.

use super::Map;
use super::enter::{CopyMode, Placement};
use super::entry::{Attributes, EntryFlags};
use super::request::{CheckedRequest, MapRequest};
use crate::addr::VirtAddr;
use crate::machine::Machine;
use crate::memory_entry::{MemoryEntry, MemoryKind};
use crate::sanitize::{self, Realign, UserAddr, UserSize};
use crate::vm::Vm;
use abi::vm_flags::{
    VM_FLAGS_ANYWHERE, VM_FLAGS_OVERWRITE, VM_FLAGS_PURGABLE, VM_FLAGS_RANDOM_ADDR,
    VM_FLAGS_RETURN_4K_DATA_ADDR, VM_FLAGS_RETURN_DATA_ADDR,
};
use abi::{KernReturn, Protection};

impl<M: Machine> Vm<M> {
    /// `mach_vm_map` of what is no memory: the code, after all that is looked at before the object.
    pub fn map_nothing(&self, request: &MapRequest) -> KernReturn {
        match request.check::<M>() {
            Ok(_) => KernReturn::INVALID_OBJECT,
            Err(code) => code,
        }
    }

    /// `mach_vm_map` of a memory entry, from `offset` bytes on. Answers the address.
    ///
    /// # Errors
    /// XNU's, in XNU's order: flags, protections, inheritance, range, the entry's range and rights.
    pub fn map_entry(
        &self,
        map: &Map<M>,
        request: &MapRequest,
        entry: &MemoryEntry<M>,
        (offset, copy): (u64, CopyMode),
    ) -> Result<VirtAddr, KernReturn> {
        let CheckedRequest {
            placement,
            size,
            flags,
            mut attributes,
            masks,
            wanted: mut current,
        } = request.check::<M>()?;
        let (argument, mut max) = (KernReturn::INVALID_ARGUMENT, attributes.max);
        let copied = entry.kind() == MemoryKind::Copied;
        let plain = VM_FLAGS_ANYWHERE
            | VM_FLAGS_OVERWRITE
            | VM_FLAGS_RETURN_DATA_ADDR
            | VM_FLAGS_RETURN_4K_DATA_ADDR;
        if copied && flags.beyond(plain) {
            return Err(argument);
        }
        let data = flags.has(VM_FLAGS_RETURN_DATA_ADDR | VM_FLAGS_RETURN_4K_DATA_ADDR);
        let from = offset
            .checked_add(if data { entry.inside() } else { 0 })
            .ok_or(argument)?;
        let inside = from & M::PAGE_SIZE.wrapping_sub(1);
        if inside != 0 && !data {
            return Err(argument);
        }
        let start = UserAddr(from.wrapping_sub(inside));
        let end = inside.checked_add(size).ok_or(argument)?;
        let range = sanitize::range::<M>(start, UserSize(end), Realign::No);
        let range = range.map_err(|_| argument)?;
        if range.end.0 > entry.size() {
            return Err(argument);
        }
        // Who maps with a copy may write it, whatever the entry gives.
        let given = if copy == CopyMode::Private {
            entry.protection().union(Protection::WRITE)
        } else {
            entry.protection()
        };
        if masks.1 {
            max = max.intersection(given);
        }
        if masks.0 {
            current = current.intersection(max);
        }
        if !given.contains(current) || !given.contains(max) {
            return Err(KernReturn::INVALID_RIGHT);
        }
        if flags.has(VM_FLAGS_PURGABLE) {
            let whole = (from, size) == (0, entry.size()) && copy == CopyMode::Shared;
            let object = entry.whole_object().filter(|_| whole);
            let record = object.and_then(|object| object.purge_record());
            record.ok_or(argument)?;
        }
        let current = current.intersection(max);
        self.check_write_execute(current)?;
        (attributes.protection, attributes.max) = (current, max);
        let twins = self.twins_of_entry(entry, range, copy)?;
        let change = |new: &mut Attributes| {
            let shared = new.flags & EntryFlags::SHARED;
            *new = attributes;
            new.flags |= shared;
        };
        let place = match placement {
            Placement::Anywhere(_) if flags.has(VM_FLAGS_RANDOM_ADDR) => Placement::Random,
            placement => placement,
        };
        let place = (place, request.mask);
        let entered = self.insert(map, place, twins, range, |_| Ok(()), change);
        let at = self.or_discard(entered)?;
        Ok(VirtAddr(at.0.saturating_add(inside)))
    }
}
