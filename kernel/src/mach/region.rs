//! What a map holds: regions and pages.

use super::{SUCCESS, Trap, fault, with_map};
use crate::memory::vm;
use crate::syscall::Call;
use crate::user_memory::{Plain, get, put, put_bytes};
use abi::KernReturn;
use abi::region::*;
use vm::{Region, Shows, UserAddr, UserSize};

/// Words of `vm_region_basic_info` (32-bit offset).
const BASIC_WORDS: u32 = 8;
/// Words of the short form of `vm_region_submap_info_64`: without page counts.
const SUBMAP_SHORT_WORDS: u32 = 12;

fn words<T>() -> u32 {
    (size_of::<T>() / 4) as u32
}

/// `mach_vm_region(target, *address, *size, flavor, *info, *count)`.
pub fn region(call: &mut Call<'_>) -> Trap {
    let [target, address_at, size_at, flavor, info_at, count_at] = first_six(call);
    let address: u64 = get(address_at).map_err(fault)?;
    let room: u32 = get(count_at).map_err(fault)?;
    let flavor = flavor as i32;
    let needed = match flavor {
        VM_REGION_BASIC_INFO_64 => words::<RegionBasicInfo64>(),
        VM_REGION_BASIC_INFO => BASIC_WORDS,
        VM_REGION_EXTENDED_INFO => words::<RegionExtendedInfo>(),
        VM_REGION_EXTENDED_INFO_LEGACY => words::<RegionExtendedInfo>() - 1,
        VM_REGION_TOP_INFO => words::<RegionTopInfo>(),
        _ => return Err(KernReturn::INVALID_ARGUMENT),
    };
    if room < needed {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    let region = with_map(call, target, |map| vm().region(map, UserAddr(address)))?;
    let length = needed as usize * 4;
    match flavor {
        VM_REGION_EXTENDED_INFO | VM_REGION_EXTENDED_INFO_LEGACY => {
            put_bytes(info_at, &extended(&region).bytes()[..length]).map_err(fault)?;
        }
        VM_REGION_TOP_INFO => put_bytes(info_at, &top(&region).bytes()[..length]).map_err(fault)?,
        VM_REGION_BASIC_INFO => {
            let info = basic(&region);
            let mut short = [0; BASIC_WORDS as usize * 4];
            short[..20].copy_from_slice(&info.bytes()[..20]);
            short[20..24].copy_from_slice(&(region.offset as u32).to_le_bytes());
            short[24..30].copy_from_slice(&info.bytes()[28..34]);
            put_bytes(info_at, &short).map_err(fault)?;
        }
        _ => put_bytes(info_at, basic(&region).bytes()).map_err(fault)?,
    }
    give_place(&region, address_at, size_at)?;
    put(count_at, &needed).map_err(fault)?;
    SUCCESS
}

/// `mach_vm_region_recurse(target, *address, *size, *depth, *info, *count)`.
pub fn region_recurse(call: &mut Call<'_>) -> Trap {
    let [target, address_at, size_at, depth_at, info_at, count_at] = first_six(call);
    let address: u64 = get(address_at).map_err(fault)?;
    let depth: u32 = get(depth_at).map_err(fault)?;
    let room: u32 = get(count_at).map_err(fault)?;
    if room < SUBMAP_SHORT_WORDS {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    let (region, depth) = with_map(call, target, |map| vm().region_recurse(map, UserAddr(address), depth))?;
    let info = submap(&region);
    let given = room.min(words::<RegionSubmapInfo64>());
    if given < words::<RegionSubmapInfo64>() - 3 {
        // The short form: no page counts between the tag and the shadow depth.
        let mut short = [0; SUBMAP_SHORT_WORDS as usize * 4];
        short[..24].copy_from_slice(&info.bytes()[..24]);
        short[24..48].copy_from_slice(&info.bytes()[40..64]);
        put_bytes(info_at, &short).map_err(fault)?;
        put(count_at, &SUBMAP_SHORT_WORDS).map_err(fault)?;
    } else {
        put_bytes(info_at, &info.bytes()[..given as usize * 4]).map_err(fault)?;
        put(count_at, &given).map_err(fault)?;
    }
    give_place(&region, address_at, size_at)?;
    put(depth_at, &depth).map_err(fault)?;
    SUCCESS
}

fn first_six(call: &Call<'_>) -> [u64; 6] {
    let [a, b, c, d, e, f, ..] = call.args;
    [a, b, c, d, e, f]
}

fn give_place(region: &Region, address_at: u64, size_at: u64) -> Result<(), KernReturn> {
    put(address_at, &region.range.start.0).map_err(fault)?;
    put(size_at, &region.range.len()).map_err(fault)
}

fn is_submap(region: &Region) -> u32 {
    u32::from(region.shows == Shows::Submap)
}

fn basic(region: &Region) -> RegionBasicInfo64 {
    let shared = matches!(
        region.share_mode,
        share_mode::SHARED | share_mode::TRUESHARED | share_mode::SHARED_ALIASED
    );
    RegionBasicInfo64 {
        protection: i32::from(region.protection.bits()),
        max_protection: i32::from(region.max.bits()),
        inheritance: region.inherit as u32,
        shared: u32::from(shared),
        reserved: is_submap(region),
        offset: region.offset,
        behavior: region.behavior as i32,
        user_wired_count: region.user_wired,
    }
}

fn extended(region: &Region) -> RegionExtendedInfo {
    RegionExtendedInfo {
        protection: i32::from(region.protection.bits()),
        user_tag: u32::from(region.tag),
        pages_resident: region.pages.resident,
        pages_shared_now_private: region.pages.shared_now_private,
        pages_swapped_out: 0,
        pages_dirtied: region.pages.dirtied,
        ref_count: region.ref_count,
        shadow_depth: region.shadow_depth,
        external_pager: u8::from(region.file.is_some()),
        share_mode: region.share_mode,
        pages_reusable: region.pages.reusable,
    }
}

fn top(region: &Region) -> RegionTopInfo {
    RegionTopInfo {
        obj_id: region.object_id as u32,
        ref_count: region.ref_count,
        private_pages_resident: region.pages.private,
        shared_pages_resident: region.pages.shared,
        share_mode: region.share_mode,
    }
}

fn submap(region: &Region) -> RegionSubmapInfo64 {
    RegionSubmapInfo64 {
        protection: i32::from(region.protection.bits()),
        max_protection: i32::from(region.max.bits()),
        inheritance: region.inherit as u32,
        offset: region.offset,
        user_tag: u32::from(region.tag),
        pages_resident: region.pages.resident,
        pages_shared_now_private: region.pages.shared_now_private,
        pages_swapped_out: 0,
        pages_dirtied: region.pages.dirtied,
        ref_count: region.ref_count,
        shadow_depth: region.shadow_depth,
        external_pager: u8::from(region.file.is_some()),
        share_mode: region.share_mode,
        is_submap: is_submap(region),
        behavior: region.behavior as i32,
        object_id: region.object_id as u32,
        user_wired_count: region.user_wired,
        pad: 0,
        pages_reusable: region.pages.reusable,
        object_id_full: region.object_id,
    }
}

/// `mach_vm_page_query(target, address, *disposition, *references)`.
pub fn page_query(call: &mut Call<'_>) -> Trap {
    let [target, address, disposition_at, references_at, ..] = call.args;
    let page = with_map(call, target, |map| vm().page_query(map, UserAddr(address)))?;
    put(disposition_at, &page.bits).map_err(fault)?;
    put(references_at, &page.ref_count).map_err(fault)?;
    SUCCESS
}

/// `mach_vm_page_range_query(target, address, size, *dispositions, *count)`. The count stays what it was.
pub fn page_range_query(call: &mut Call<'_>) -> Trap {
    const BATCH: usize = 64;
    let [target, address, size, dispositions_at, count_at, ..] = call.args;
    let room: u64 = get(count_at).map_err(fault)?;
    let page = vm().page_size();
    if room.checked_mul(4).and_then(|bytes| dispositions_at.checked_add(bytes)).is_none() {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    if size == 0 || room == 0 {
        return SUCCESS;
    }
    let end = address.checked_add(size).and_then(|end| end.checked_add(page - 1));
    let end = end.ok_or(KernReturn::INVALID_ARGUMENT)? & !(page - 1);
    // No more pages than there is room for, whatever the first one's misalignment.
    let address = address & !(page - 1);
    let size = (end - address).min(room.saturating_mul(page));
    let mut batch = [0u8; BATCH * 4];
    let mut filled = 0;
    let mut done = 0u64;
    let fail = |_| KernReturn(14);
    with_map(call, target, |map| {
        vm().page_range_query(map, UserAddr(address), UserSize(size), |page| {
            batch[filled * 4..filled * 4 + 4].copy_from_slice(&page.bits.to_le_bytes());
            filled += 1;
            if filled == BATCH {
                put_bytes(dispositions_at + done * 4, &batch).map_err(fail)?;
                done += BATCH as u64;
                filled = 0;
                // The range may be all addresses; who is killed does not wait for its end.
                if call.thread.is_ending() {
                    return Err(KernReturn::ABORTED);
                }
            }
            Ok(())
        })
    })?;
    put_bytes(dispositions_at + done * 4, &batch[..filled * 4]).map_err(fail)?;
    SUCCESS
}

const _: () = assert!(size_of::<RegionSubmapInfo64>() == 76 && size_of::<RegionBasicInfo64>() == 36);
