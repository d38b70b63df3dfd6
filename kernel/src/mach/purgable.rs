//! Purgeable memory, caches, and where a page is.

use super::share::memory_of;
use super::{SUCCESS, Trap, fault, with_map};
use crate::memory::vm;
use crate::syscall::Call;
use crate::user_memory::{get, put};
use abi::KernReturn;
use vm::{UserAddr, UserSize};

/// `VM_PAGE_INFO_BASIC`.
const PAGE_INFO_BASIC: i32 = 1;
/// Words of `vm_page_info_basic`; the last is padding and may be left out.
const PAGE_INFO_WORDS: u32 = 8;

/// `vm_purgable_control(target, address, control, *state)`.
pub fn control(call: &mut Call<'_>) -> Trap {
    let [target, address, control, state_at, ..] = call.args;
    let state: i32 = get(state_at).map_err(fault)?;
    let answer = with_map(call, target, |map| {
        vm().purgable_control(map, UserAddr(address), control as u32, state)
    })?;
    put(state_at, &answer).map_err(fault)?;
    SUCCESS
}

/// `mach_memory_entry_purgable_control(entry, control, *state)`.
pub fn entry_control(call: &mut Call<'_>) -> Trap {
    let [name, control, state_at, ..] = call.args;
    let state: i32 = get(state_at).map_err(fault)?;
    let memory = memory_of(call, name)?;
    let answer = vm().memory_entry_purgable_control(memory.entry()?, control as u32, state)?;
    put(state_at, &answer).map_err(fault)?;
    SUCCESS
}

/// `mach_vm_machine_attribute(target, address, size, attribute, *value)`: the value stays.
pub fn machine_attribute(call: &mut Call<'_>) -> Trap {
    let [target, address, size, attribute, value_at, ..] = call.args;
    let value: i32 = get(value_at).map_err(fault)?;
    with_map(call, target, |map| {
        vm().machine_attribute(map, UserAddr(address), UserSize(size), attribute as u32, value)
    })?;
    SUCCESS
}

/// `mach_vm_page_info(target, address, flavor, *info, *count)`.
pub fn page_info(call: &mut Call<'_>) -> Trap {
    let [target, address, flavor, info_at, count_at, ..] = call.args;
    let room: u32 = get(count_at).map_err(fault)?;
    if flavor as i32 != PAGE_INFO_BASIC || room < PAGE_INFO_WORDS - 1 {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    let info = with_map(call, target, |map| vm().page_info(map, UserAddr(address)))?;
    // disposition, ref_count, object_id, offset, depth.
    put(info_at, &[info.page.bits as u32, info.page.ref_count]).map_err(fault)?;
    put(info_at.wrapping_add(8), &[info.object, info.offset]).map_err(fault)?;
    put(info_at.wrapping_add(24), &info.depth).map_err(fault)?;
    if room >= PAGE_INFO_WORDS {
        put(info_at.wrapping_add(28), &0u32).map_err(fault)?;
    }
    put(count_at, &room.min(PAGE_INFO_WORDS)).map_err(fault)?;
    SUCCESS
}
