//! Traps that move bytes between tasks: read, write, copy.

use super::{SUCCESS, Trap, fault, with_map};
use crate::memory::vm;
use crate::syscall::Call;
use crate::task::TaskMap;
use crate::task::ports::TASK_SELF;
use crate::user_memory::{get, put};
use abi::KernReturn;
use vm::{UserAddr, UserSize, VirtAddr};

/// Entries of the list that `mach_vm_read_list` takes.
const VM_MAP_ENTRY_MAX: u64 = 256;

/// `mach_vm_read(target, address, size, *data, *count)`: the copy is new memory of the caller.
pub fn read(call: &mut Call<'_>) -> Trap {
    let [target, address, size, data_at, count_at, ..] = call.args;
    let data = into_own(call, target, |map, own| vm().read(map, UserAddr(address), UserSize(size), own))?;
    put(data_at, &data).map_err(fault)?;
    put(count_at, &(size as u32)).map_err(fault)?;
    SUCCESS
}

/// Calls `read` with the target's map and the caller's own.
fn into_own(
    call: &Call<'_>,
    target: u64,
    read: impl FnOnce(&TaskMap, &TaskMap) -> Result<VirtAddr, KernReturn>,
) -> Result<u64, KernReturn> {
    let at = with_map(call, target, |map| with_map(call, u64::from(TASK_SELF), |own| read(map, own)))?;
    Ok(at.0)
}

/// `mach_vm_read_list(target, *list, count)`: each entry becomes an address in the caller; one that
/// fails becomes 0 and 0, and the last failure is the answer.
pub fn read_list(call: &mut Call<'_>) -> Trap {
    let [target, list_at, count, ..] = call.args;
    let count = u64::from(count as u32);
    if count > VM_MAP_ENTRY_MAX {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    with_map(call, target, |_| Ok(()))?;
    let mut result = SUCCESS;
    for n in 0..count {
        let at = list_at.checked_add(n * 16).ok_or(KernReturn::INVALID_ADDRESS)?;
        let [address, size]: [u64; 2] = get(at).map_err(fault)?;
        // Unlike a single read, the size of an entry is not limited to 32 bits.
        let data = into_own(call, target, |map, own| {
            let copy = vm().copy_in(map, UserAddr(address), UserSize(size))?;
            vm().copy_out(own, copy)
        });
        let entry = match data {
            Ok(data) => [data, size],
            Err(code) => {
                result = Err(code);
                [0, 0]
            }
        };
        put(at, &entry).map_err(fault)?;
    }
    result
}

/// `mach_vm_write(target, address, data, count)`: the caller's bytes over the target's.
pub fn write(call: &mut Call<'_>) -> Trap {
    let [target, address, data, count, ..] = call.args;
    with_map(call, target, |map| {
        let copy = with_map(call, u64::from(TASK_SELF), |own| {
            vm().copy_in(own, UserAddr(data), UserSize(u64::from(count as u32)))
        });
        let copy = copy.map_err(|_| KernReturn::SEND_INVALID_MEMORY)?;
        vm().copy_overwrite(map, UserAddr(address), copy)
    })?;
    SUCCESS
}

/// `mach_vm_copy(target, source, size, destination)`: within one task.
pub fn copy(call: &mut Call<'_>) -> Trap {
    let [target, source, size, destination, ..] = call.args;
    with_map(call, target, |map| {
        vm().read_overwrite(map, UserAddr(source), UserSize(size), (map, UserAddr(destination)))
    })?;
    SUCCESS
}

/// `mach_vm_read_overwrite(target, address, size, data, *out_size)`: into the caller's memory.
pub fn read_overwrite(call: &mut Call<'_>) -> Trap {
    let [target, address, size, data, out_size_at, ..] = call.args;
    with_map(call, target, |map| {
        with_map(call, u64::from(TASK_SELF), |own| {
            vm().read_overwrite(map, UserAddr(address), UserSize(size), (own, UserAddr(data)))
        })
    })?;
    put(out_size_at, &size).map_err(fault)?;
    SUCCESS
}
