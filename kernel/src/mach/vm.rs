//! Memory traps.

use super::share::{copy_mode, memory_of};
use super::{SUCCESS, Trap, fault, with_map};
use crate::memory::vm;
use crate::syscall::Call;
use crate::user_memory::{get, put};
use abi::KernReturn;
use abi::trap::VmMapArgs;
use vm::{MapRequest, SetMax, UserAddr, UserBehavior, UserFlags, UserInherit, UserProt, UserSize};

/// `vm_allocate(target, *address, size, flags)`.
pub fn allocate(call: &mut Call<'_>) -> Trap {
    let [target, address_at, size, flags, ..] = call.args;
    let address: u64 = get(address_at).map_err(fault)?;
    let at = with_map(call, target, |map| {
        let own = call.task.own_map().unwrap_or(map);
        vm().allocate_for(own, (map, UserAddr(address)), UserSize(size), UserFlags(flags as u32))
    })?;
    put(address_at, &at.0).map_err(fault)?;
    SUCCESS
}

/// `vm_deallocate(target, address, size)`.
pub fn deallocate(call: &mut Call<'_>) -> Trap {
    let [target, address, size, ..] = call.args;
    with_map(call, target, |map| vm().deallocate(map, UserAddr(address), UserSize(size)))?;
    SUCCESS
}

/// `vm_protect(target, address, size, set_max, protection)`.
pub fn protect(call: &mut Call<'_>) -> Trap {
    let [target, address, size, set_max, protection, ..] = call.args;
    let set_max = if set_max as u32 != 0 { SetMax::Yes } else { SetMax::No };
    with_map(call, target, |map| {
        vm().protect(map, UserAddr(address), UserSize(size), set_max, UserProt(protection as u32))
    })?;
    SUCCESS
}

/// `vm_map(target, *address, size, mask, flags, protection)`: anonymous memory, max all, inherit copy.
pub fn map_anonymous(call: &mut Call<'_>) -> Trap {
    const VM_PROT_ALL: u32 = 7;
    const VM_INHERIT_COPY: u32 = 1;
    let [target, address_at, size, mask, flags, protection, ..] = call.args;
    let address: u64 = get(address_at).map_err(fault)?;
    let request = MapRequest {
        addr: UserAddr(address),
        size: UserSize(size),
        mask,
        flags: UserFlags(flags as u32),
        current: UserProt(protection as u32),
        maximum: UserProt(VM_PROT_ALL),
        inherit: UserInherit(VM_INHERIT_COPY),
    };
    let at = with_map(call, target, |map| vm().map_for(call.task.own_map().unwrap_or(map), map, &request))?;
    put(address_at, &at.0).map_err(fault)?;
    SUCCESS
}

/// `mach_vm_map(*VmMapArgs)`: zeros, or a memory entry.
pub fn map(call: &mut Call<'_>) -> Trap {
    let arguments: VmMapArgs = get(call.args[0]).map_err(fault)?;
    let address: u64 = get(arguments.address).map_err(fault)?;
    let request = MapRequest {
        addr: UserAddr(address),
        size: UserSize(arguments.size),
        mask: arguments.mask,
        flags: UserFlags(arguments.flags),
        current: UserProt(arguments.cur_protection),
        maximum: UserProt(arguments.max_protection),
        inherit: UserInherit(arguments.inheritance),
    };
    let target = u64::from(arguments.target);
    let at = if arguments.object == 0 {
        with_map(call, target, |map| vm().map_for(call.task.own_map().unwrap_or(map), map, &request))?
    } else {
        let memory = memory_of(call, u64::from(arguments.object));
        let memory = memory.or_else(|_| with_map(call, target, |_| Err(vm().map_nothing(&request))))?;
        let how = (arguments.offset, copy_mode(arguments.copy));
        let entry = memory.entry()?;
        with_map(call, target, |map| vm().map_entry(map, &request, entry, how))?
    };
    put(arguments.address, &at.0).map_err(fault)?;
    SUCCESS
}

/// `mach_vm_inherit(target, address, size, inherit)`.
pub fn inherit(call: &mut Call<'_>) -> Trap {
    let [target, address, size, inherit, ..] = call.args;
    with_map(call, target, |map| {
        vm().inherit(map, UserAddr(address), UserSize(size), UserInherit(inherit as u32))
    })?;
    SUCCESS
}

/// `mach_vm_behavior_set(target, address, size, behavior)`.
pub fn behavior_set(call: &mut Call<'_>) -> Trap {
    let [target, address, size, behavior, ..] = call.args;
    with_map(call, target, |map| {
        vm().behavior(map, UserAddr(address), UserSize(size), UserBehavior(behavior as i32))
    })?;
    SUCCESS
}

/// `mach_vm_msync(target, address, size, flags)`.
pub fn msync(call: &mut Call<'_>) -> Trap {
    let [target, address, size, flags, ..] = call.args;
    with_map(call, target, |map| {
        vm().msync(map, UserAddr(address), UserSize(size), UserFlags(flags as u32))
    })?;
    SUCCESS
}

/// `mach_vm_wire(host, target, address, size, protection)`: protection 0 unwires.
pub fn wire(call: &mut Call<'_>) -> Trap {
    let [host, target, address, size, protection, ..] = call.args;
    super::check_host(host)?;
    super::with_other_map(call, target, KernReturn::INVALID_TASK, |map| {
        let (address, size) = (UserAddr(address), UserSize(size));
        if protection as u32 == 0 {
            vm().unwire(map, address, size)
        } else {
            vm().wire(map, address, size, UserProt(protection as u32))
        }
    })?;
    SUCCESS
}

/// `vm_map_exec_lockdown(target)`.
pub fn exec_lockdown(call: &mut Call<'_>) -> Trap {
    with_map(call, call.args[0], |map| {
        vm().map_exec_lockdown(map);
        SUCCESS
    })
}
