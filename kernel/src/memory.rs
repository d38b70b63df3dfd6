//! The kernel's own memory: the boot heap, the page array, the one `Vm`, the global allocator.
//!
//! Owns: what happens to RAM between `boot` and `vm`. Does not own: RAM afterwards.

use crate::platform::Machine;
use arch::layout::{KERNEL_MAP_BASE, KERNEL_MAP_END, direct_map};
use arch::machine::{MachinePlan, PAGE_SIZE, machine, storage_bytes};
use boot::{BootInfo, MemoryKind, PhysRange};
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use linked_list_allocator::Heap;
use vm::{BootMemory, Guard, Page, PageId, Pages, PhysAddr, Range, VirtAddr, Vm};

/// The memory system of this kernel.
pub type KernelVm = Vm<Machine>;

/// A memory entry of it.
pub type KernelMemoryEntry = vm::MemoryEntryRef<Machine>;

/// The largest block that comes from zones, in bytes; larger ones are pages of the kernel map.
const LARGEST_BLOCK: usize = 32 * 1024;
/// Bytes of the boot heap.
const BOOT_HEAP: usize = 256 * 1024;
/// Ranges of usable RAM that are handed over.
const MAXIMUM_RANGES: usize = 32;
/// Frames that only exit, kill and rollback may take.
const RESERVE: u64 = 64;

struct Once(UnsafeCell<MaybeUninit<KernelVm>>);
// SAFETY: written once by `init`, before READY is set; read only after it is.
unsafe impl Sync for Once {}

static VM: Once = Once(UnsafeCell::new(MaybeUninit::uninit()));
static READY: AtomicBool = AtomicBool::new(false);

/// The memory system. Only after [`init`].
#[inline(always)]
pub fn vm() -> &'static KernelVm {
    debug_assert!(READY.load(Ordering::Relaxed));
    // SAFETY: `init` ran before any caller exists.
    unsafe { (*VM.0.get()).assume_init_ref() }
}

/// The memory system, if it stands already.
#[inline]
pub fn vm_if_ready() -> Option<&'static KernelVm> {
    READY.load(Ordering::Acquire).then(vm)
}

/// Takes RAM for the records of frames and makes the memory system of the rest.
pub fn init(info: &'static BootInfo) -> Result<(), &'static str> {
    ALLOCATOR.start();
    RAM.store(info.memory.iter().map(boot::MemoryRange::size).sum(), Ordering::Relaxed);
    let first = info.memory.first().ok_or("no memory")?.start;
    let end = info.memory.last().ok_or("no memory")?.end;
    let frames = (end - first) / PAGE_SIZE;
    let mut usable = [PhysRange::default(); MAXIMUM_RANGES];
    let mut count = 0;
    for range in info.memory.iter().filter(|range| range.kind == MemoryKind::Usable) {
        if let Some(slot) = usable.get_mut(count) {
            *slot = PhysRange {
                start: range.start,
                end: range.end,
            };
            count += 1;
        }
    }
    let usable = &mut usable[..count];
    let storage = take(usable, storage_bytes(frames)).ok_or("no room for the frames' records")?;
    let array = take(usable, frames * size_of::<Page>() as u64).ok_or("no room for the page array")?;
    if let Some(text) = info.arguments.ramdisk {
        match take_ramdisk(usable, text) {
            Ok(range) => {
                RAMDISK.call_once(|| range);
            }
            Err(why) => crate::log!("ramdisk={text}: {why}; there is no rd1"),
        }
    }
    let array = direct_map(array) as *mut Page;
    for index in 0..frames as usize {
        // SAFETY: the array is RAM that `take` gave to us alone, long enough for `frames` records.
        unsafe { array.add(index).write(Page::new()) };
    }
    // SAFETY: every record was just written; nobody else knows of this memory.
    let pages: &'static [Page] = unsafe { core::slice::from_raw_parts(array, frames as usize) };
    let plan = MachinePlan {
        first_frame: PhysAddr(first),
        frames,
        storage: PhysAddr(storage),
        kernel_root: PhysAddr(info.kernel_root),
    };
    // SAFETY: the first and only call, on the boot CPU; the storage is ours.
    let machine = unsafe { machine(plan) };
    let mut list = [(PageId(0), Pages(0)); MAXIMUM_RANGES];
    for (slot, range) in list.iter_mut().zip(usable.iter()) {
        let index = (range.start - first) / PAGE_SIZE;
        *slot = (PageId(index as u32), Pages((range.end - range.start) / PAGE_SIZE));
    }
    let memory = BootMemory {
        pages,
        usable: &list[..count],
        reserve: Pages(RESERVE),
        kernel_range: Range::new(VirtAddr(KERNEL_MAP_BASE), VirtAddr(KERNEL_MAP_END)),
        write_execute: crate::syscall::write_execute_policy(),
    };
    let made = Vm::new(machine, memory).map_err(|_| "too little memory for the first zones")?;
    // SAFETY: READY is not set yet, so nobody reads.
    unsafe { (*VM.0.get()).write(made) };
    READY.store(true, Ordering::Release);
    Ok(())
}

/// The RAM of the disk that `ramdisk=` asked for.
static RAMDISK: spin::Once<PhysRange> = spin::Once::new();

/// The same, if it was asked for and there is room.
pub fn ramdisk() -> Option<PhysRange> {
    RAMDISK.get().copied()
}

/// Takes a RAM disk's memory, and leaves the machine what it needs.
fn take_ramdisk(usable: &mut [PhysRange], text: &str) -> Result<PhysRange, &'static str> {
    let bytes = boot::arguments::bytes(text).ok_or("no size such as 64M")?;
    let bytes = bytes.checked_next_multiple_of(PAGE_SIZE).ok_or("no size such as 64M")?;
    let all: u64 = usable.iter().map(|range| range.end - range.start).sum();
    if all.checked_sub(bytes).is_none_or(|left| left < boot::MINIMUM_MEMORY) {
        return Err("too little memory for that");
    }
    let start = take(usable, bytes).ok_or("no piece of memory is so large")?;
    let end = start + bytes;
    Ok(PhysRange { start, end })
}

/// Takes bytes from the end of the largest range.
fn take(usable: &mut [PhysRange], bytes: u64) -> Option<u64> {
    let bytes = bytes.checked_next_multiple_of(PAGE_SIZE)?;
    let range = usable.iter_mut().max_by_key(|range| range.end - range.start)?;
    let start = range.end.checked_sub(bytes)?;
    if start < range.start {
        return None;
    }
    range.end = start;
    Some(start)
}

struct BootHeap(UnsafeCell<[u8; BOOT_HEAP]>);
// SAFETY: only the allocator touches the bytes, behind its lock.
unsafe impl Sync for BootHeap {}
static BOOT_HEAP_BYTES: BootHeap = BootHeap(UnsafeCell::new([0; BOOT_HEAP]));

/// The global allocator: the boot heap until `vm` stands, then `vm`'s zones and kernel map.
struct Allocator {
    boot: spin::Mutex<Heap>,
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator {
    boot: spin::Mutex::new(Heap::empty()),
};

impl Allocator {
    fn start(&self) {
        let bytes = BOOT_HEAP_BYTES.0.get().cast::<u8>();
        // SAFETY: the static is the heap's alone, for ever.
        unsafe { self.boot.lock().init(bytes, BOOT_HEAP) };
    }

    fn is_boot(at: *mut u8) -> bool {
        let start = BOOT_HEAP_BYTES.0.get() as usize;
        (start..start + BOOT_HEAP).contains(&(at as usize))
    }
}

// SAFETY: each block comes from one of three allocators, which are right about size and alignment,
// and goes back to the one that its address or size names.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(vm) = vm_if_ready() else {
            return self.boot.lock().allocate_first_fit(layout).map_or(null_mut(), NonNull::as_ptr);
        };
        if layout.size() <= LARGEST_BLOCK {
            return vm.kalloc().alloc(vm.frames(), layout).map_or(null_mut(), NonNull::as_ptr);
        }
        if layout.align() as u64 > PAGE_SIZE {
            return null_mut();
        }
        let memory = vm.kmem_alloc(layout.size() as u64, Guard::None, 0);
        memory.map_or(null_mut(), |at| at.0 as *mut u8)
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(at) else { return };
        match vm_if_ready() {
            _ if Self::is_boot(at) => {
                // SAFETY: the caller's block, from the boot heap by its address.
                unsafe { self.boot.lock().deallocate(block, layout) };
            }
            Some(vm) if layout.size() <= LARGEST_BLOCK => {
                // SAFETY: the caller's block, from kalloc by its size.
                unsafe { vm.kalloc().free(vm.frames(), block, layout) };
            }
            Some(vm) => {
                let freed = vm.kmem_free(VirtAddr(at as u64), layout.size() as u64);
                debug_assert!(freed.is_ok(), "I-KMEM-1: freed what kmem_alloc did not give");
            }
            None => {}
        }
    }
}

/// Bytes of RAM that the machine has.
static RAM: AtomicU64 = AtomicU64::new(0);

/// Bytes of RAM that the machine has, what the boot took included.
pub fn ram_bytes() -> u64 {
    RAM.load(Ordering::Relaxed)
}
