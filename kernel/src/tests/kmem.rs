//! The kernel's own memory: guards, zeros, the global allocator.

use super::rig::{Rig, page};
use super::{Outcome, check, same, tests};
use crate::memory::vm;
use alloc::alloc::{Layout, alloc, dealloc};
use alloc::vec::Vec;
use vm::{Guard, KernReturn, Machine, PageId, Protection, VirtAddr};

tests!("kmem":
    guards_are_never_mapped,
    memory_is_zero_wired_and_not_executable,
    bad_sizes_and_addresses_are_refused,
    random_allocations_do_not_overlap,
    the_heap_serves_all_sizes_and_alignments,
);

fn mapped(at: u64) -> Option<(PageId, Protection)> {
    let machine = vm().machine();
    machine.pmap_extract(machine.kernel_pmap(), VirtAddr(at))
}

fn guards_are_never_mapped(_: &mut Rig<'_>) -> Outcome {
    let at = vm().kmem_alloc(3 * page(), Guard::Both, 0)?.0;
    check!(mapped(at - page()).is_none());
    check!(mapped(at + 3 * page()).is_none());
    for index in 0..3 {
        check!(mapped(at + index * page()).is_some());
    }
    vm().kmem_free(VirtAddr(at), 3 * page())?;
    for index in 0..5 {
        check!(mapped(at - page() + index * page()).is_none());
    }
    Ok(())
}

fn memory_is_zero_wired_and_not_executable(_: &mut Rig<'_>) -> Outcome {
    let size = 4 * page();
    for round in 0..2 {
        let at = vm().kmem_alloc(size - 5, Guard::None, 0)?.0;
        // SAFETY: the memory was just given to us, mapped and writable, for that many bytes.
        let bytes = unsafe { core::slice::from_raw_parts_mut(at as *mut u8, size as usize) };
        check!(
            bytes.iter().all(|&byte| byte == 0),
            "dirty in round {round}"
        );
        bytes.fill(0xee);
        let seen = mapped(at).map(|(_, seen)| seen);
        same!(seen, Some(Protection::DEFAULT));
        vm().kmem_free(VirtAddr(at), size - 5)?;
    }
    Ok(())
}

fn bad_sizes_and_addresses_are_refused(_: &mut Rig<'_>) -> Outcome {
    same!(
        vm().kmem_alloc(0, Guard::None, 0),
        Err(KernReturn::INVALID_ARGUMENT)
    );
    for size in [u64::MAX, 1 << 62, 1 << 46] {
        check!(
            vm().kmem_alloc(size, Guard::Both, 0).is_err(),
            "{size:#x} bytes"
        );
    }
    let at = vm().kmem_alloc(2 * page(), Guard::Both, 0)?;
    for (address, size) in [
        (at.0 - page(), 2 * page()),
        (at.0 + page(), page()),
        (at.0, page()),
        (0, page()),
    ] {
        let got = vm().kmem_free(VirtAddr(address), size);
        check!(got.is_err(), "freed {size:#x} bytes at {address:#x}");
    }
    vm().kmem_free(at, 2 * page())?;
    check!(vm().kmem_free(at, 2 * page()).is_err());
    Ok(())
}

fn random_allocations_do_not_overlap(rig: &mut Rig<'_>) -> Outcome {
    let mut live: Vec<(u64, u64, u8)> = Vec::new();
    for step in 0..400 {
        if live.len() > 20 || (rig.below(3) == 0 && !live.is_empty()) {
            let (at, size, mark) = live.swap_remove(rig.below(live.len() as u64) as usize);
            // SAFETY: the memory is ours until it is freed below.
            let bytes = unsafe { core::slice::from_raw_parts(at as *const u8, size as usize) };
            check!(
                bytes.iter().all(|&byte| byte == mark),
                "step {step}: somebody wrote into {at:#x}"
            );
            vm().kmem_free(VirtAddr(at), size)?;
        } else {
            let size = 1 + rig.below(6 * page());
            let guard = if rig.below(2) == 0 {
                Guard::None
            } else {
                Guard::Both
            };
            let at = vm().kmem_alloc(size, guard, 0)?.0;
            let mark = rig.below(256) as u8;
            // SAFETY: as above.
            unsafe { core::slice::from_raw_parts_mut(at as *mut u8, size as usize) }.fill(mark);
            live.push((at, size, mark));
        }
    }
    for (at, size, _) in live {
        vm().kmem_free(VirtAddr(at), size)?;
    }
    Ok(())
}

fn the_heap_serves_all_sizes_and_alignments(rig: &mut Rig<'_>) -> Outcome {
    let mut live: Vec<(*mut u8, Layout, u8)> = Vec::new();
    for _ in 0..600 {
        let size = match rig.below(4) {
            0 => 1 + rig.below(64),
            1 => 1 + rig.below(2048),
            2 => 1 + rig.below(40 << 10),
            _ => 1 + rig.below(300 << 10),
        };
        let align = 1 << rig.below(13);
        let Ok(layout) = Layout::from_size_align(size as usize, align) else {
            continue;
        };
        // SAFETY: the layout is not empty.
        let block = unsafe { alloc(layout) };
        check!(!block.is_null(), "no memory for {layout:?}");
        check!(
            (block as usize).is_multiple_of(align),
            "{block:?} is not aligned to {align}"
        );
        let mark = rig.below(256) as u8;
        // SAFETY: the block is ours, with that many bytes.
        unsafe { block.write_bytes(mark, layout.size()) };
        live.push((block, layout, mark));
        if live.len() > 40 {
            let (block, layout, mark) = live.swap_remove(rig.below(40) as usize);
            // SAFETY: the block is ours until it is freed, with its layout.
            let bytes = unsafe { core::slice::from_raw_parts(block, layout.size()) };
            check!(
                bytes.iter().all(|&byte| byte == mark),
                "somebody wrote into {block:?}"
            );
            // SAFETY: as above.
            unsafe { dealloc(block, layout) };
        }
    }
    for (block, layout, _) in live {
        // SAFETY: as above.
        unsafe { dealloc(block, layout) };
    }
    Ok(())
}
