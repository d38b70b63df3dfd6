//! Traps by which tasks share memory: remap and memory entries.

use super::{SUCCESS, Trap, check_host, fault, with_map, with_other_map};
use crate::memory::vm;
use crate::platform::Machine;
use crate::shared::Shared;
use crate::syscall::Call;
use crate::task::ports::{Memory, Named, Port};
use crate::user_memory::{get, put};
use abi::KernReturn;
use abi::memory_entry::*;
use abi::trap::VmRemapArgs;
use vm::{CopyMode, LedgerTag, MadeEntry, RemapRequest, UserAddr, UserFlags, UserInherit, UserProt, UserSize};

/// `mach_vm_remap(*VmRemapArgs)`.
pub fn remap(call: &mut Call<'_>) -> Trap {
    remap_wanted(call, |_| Ok(None))
}

/// `mach_vm_remap_new(*VmRemapArgs)`: the protections are in and out.
pub fn remap_new(call: &mut Call<'_>) -> Trap {
    remap_wanted(call, |arguments| {
        let current: u32 = get(arguments.cur_protection).map_err(fault)?;
        let maximum: u32 = get(arguments.max_protection).map_err(fault)?;
        Ok(Some((UserProt(current), UserProt(maximum))))
    })
}

type Wanted = Option<(UserProt, UserProt)>;

fn remap_wanted(
    call: &mut Call<'_>,
    wanted: impl FnOnce(&VmRemapArgs) -> Result<Wanted, KernReturn>,
) -> Trap {
    let arguments: VmRemapArgs = get(call.args[0]).map_err(fault)?;
    let address: u64 = get(arguments.address).map_err(fault)?;
    let request = RemapRequest {
        addr: UserAddr(address),
        size: UserSize(arguments.size),
        mask: arguments.mask,
        flags: UserFlags(arguments.flags),
        source: UserAddr(arguments.source_address),
        copy: copy_mode(arguments.copy),
        inherit: UserInherit(arguments.inheritance),
        wanted: wanted(&arguments)?,
    };
    let done = with_map(call, u64::from(arguments.target), |target| {
        with_other_map(call, u64::from(arguments.source), KernReturn::INVALID_ARGUMENT, |source| {
            vm().remap(target, source, &request)
        })
    })?;
    put(arguments.address, &done.at.0).map_err(fault)?;
    put(arguments.cur_protection, &u32::from(done.current.bits())).map_err(fault)?;
    put(arguments.max_protection, &u32::from(done.maximum.bits())).map_err(fault)?;
    SUCCESS
}

/// `mach_vm_map`'s and `mach_vm_remap`'s boolean.
pub fn copy_mode(copy: u32) -> CopyMode {
    if copy == 0 { CopyMode::Shared } else { CopyMode::Private }
}

/// The memory that a name denotes.
pub fn memory_of(call: &Call<'_>, name: u64) -> Result<Shared<Memory>, KernReturn> {
    match call.task.ports.lock().lookup(name as u32) {
        Some(Port::Memory(memory)) => Ok(memory),
        _ => Err(KernReturn::INVALID_ARGUMENT),
    }
}

/// `mach_make_memory_entry(target, *size, offset, permission, *handle, parent)`.
pub fn make_memory_entry(call: &mut Call<'_>) -> Trap {
    let [target, size_at, offset, permission, handle_at, parent, ..] = call.args;
    let size: u64 = get(size_at).map_err(fault)?;
    let parent = match parent as u32 {
        0 => None,
        name => Some(memory_of(call, u64::from(name))?),
    };
    let parent = parent.as_ref().map(|parent| parent.entry()).transpose()?;
    let made = with_map(call, target, |map| {
        let (size, offset) = (UserSize(size), UserAddr(offset));
        let own = call.task.own_map().unwrap_or(map);
        vm().make_memory_entry_for(own, map, (size, offset), permission as u32, parent.map(|entry| &**entry))
    })?;
    give(call, made, size_at, handle_at)
}

fn give(call: &Call<'_>, made: MadeEntry<Machine>, size_at: u64, handle_at: u64) -> Trap {
    let handle = match made.entry {
        None => 0,
        Some(entry) => {
            let memory = Shared::try_new(Memory::new(entry));
            let memory = memory.map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
            let named = Named::Memory(memory);
            let name = call.task.ports.lock().name(&named);
            name?
        }
    };
    if size_at != 0 {
        put(size_at, &made.size).map_err(fault)?;
    }
    put(handle_at, &handle).map_err(fault)?;
    SUCCESS
}

/// `mach_memory_object_memory_entry_64(host, internal, size, permission, pager, *entry)`: there are no
/// pagers of programs' own, so memory that is not internal has none to come from.
pub fn memory_object_memory_entry(call: &mut Call<'_>) -> Trap {
    let [host, internal, size, permission, pager, handle_at] = first_six(call);
    check_host(host)?;
    if internal as u32 == 0 || pager != 0 {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    let made = vm().memory_object_memory_entry(UserSize(size), permission as u32)?;
    give(call, made, 0, handle_at)
}

/// `mach_memory_entry_map_size(entry, target, offset, size, *map_size)`: bytes that a mapping of the
/// range would take.
pub fn memory_entry_map_size(call: &mut Call<'_>) -> Trap {
    let [name, _target, offset, size, map_size_at, ..] = call.args;
    put(map_size_at, &0u64).map_err(fault)?;
    let memory = memory_of(call, name)?;
    let mask = vm().page_size() - 1;
    let start = offset.checked_add(memory.entry()?.inside());
    let start = start.ok_or(KernReturn::INVALID_ARGUMENT)?;
    if size == 0 {
        return SUCCESS;
    }
    let end = start.checked_add(size).and_then(|end| end.checked_add(mask));
    let end = end.ok_or(KernReturn::INVALID_ARGUMENT)? & !mask;
    put(map_size_at, &(end - (start & !mask))).map_err(fault)?;
    SUCCESS
}

/// `mach_memory_entry_ownership(entry, owner, ledger_tag, ledger_flags)`. Nobody here is entitled to give
/// memory to another task, to keep it out of the footprint, or to call it the network's.
pub fn memory_entry_ownership(call: &mut Call<'_>) -> Trap {
    let [name, owner, tag, flags, ..] = call.args;
    let (tag, flags) = (tag as i32, flags as u32);
    if flags & !VM_LEDGER_FLAGS_USER != 0 {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    let ledger = match tag {
        VM_LEDGER_TAG_UNCHANGED => None,
        VM_LEDGER_TAG_NONE => Some(LedgerTag::None),
        VM_LEDGER_TAG_DEFAULT => Some(LedgerTag::Default),
        VM_LEDGER_TAG_NETWORK => Some(LedgerTag::Network),
        VM_LEDGER_TAG_MEDIA => Some(LedgerTag::Media),
        VM_LEDGER_TAG_GRAPHICS => Some(LedgerTag::Graphics),
        VM_LEDGER_TAG_NEURAL => Some(LedgerTag::Neural),
        _ => return Err(KernReturn::INVALID_ARGUMENT),
    };
    let owner = call.task.ports.lock().lookup(owner as u32);
    let other = matches!(&owner, Some(Port::Task(task)) if !task.same(call.task));
    if other || flags != 0 || tag == VM_LEDGER_TAG_NETWORK {
        return Err(KernReturn::NO_ACCESS);
    }
    let memory = memory_of(call, name)?;
    let own = call.task.own_map().filter(|_| matches!(owner, Some(Port::OwnTask | Port::Task(_))));
    vm().memory_entry_ownership(memory.entry()?, own, ledger)?;
    SUCCESS
}

/// `mach_memory_entry_access_tracking(entry, *tracking, *reads, *writes)`.
pub fn memory_entry_access_tracking(call: &mut Call<'_>) -> Trap {
    let memory = memory_of(call, call.args[0])?;
    vm().memory_entry_access_tracking(memory.entry()?)?;
    SUCCESS
}

fn first_six(call: &Call<'_>) -> [u64; 6] {
    let [a, b, c, d, e, f, ..] = call.args;
    [a, b, c, d, e, f]
}
