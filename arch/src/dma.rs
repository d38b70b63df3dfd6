//! Memory that devices read and write by themselves.
//!
//! Owns: the pool of units for rings and headers, which `kernel` gives at boot, and how a virtio driver's addresses become a
//! device's ([`Coherent`]). Does not own: the frames that data moves from and to (the caller's of each request).
//! Both machines are coherent: nothing is copied, no cache is maintained. Locks: none; units are taken by one
//! atomic operation.

use crate::layout::{DEVICE_WINDOW_BASE, DIRECT_MAP_BASE, KERNEL_MAP_BASE, direct_map};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};
use zalloc::ChunkMemory;

/// Bytes of a unit: what virtio calls a page, whatever the machine's are.
pub const UNIT: usize = PAGE_SIZE;
/// Chunks that the pool has room for.
const CHUNKS: usize = 8;
/// Units of a chunk that are used at most.
const UNITS: u32 = 8;

/// Memory of the pool.
struct Chunk {
    /// Its first byte in the direct map; 0: none yet.
    at: AtomicU64,
    /// Bit n: unit n is in use, or not there.
    used: AtomicU32,
}

static POOL: [Chunk; CHUNKS] = [const {
    Chunk {
        at: AtomicU64::new(0),
        used: AtomicU32::new(u32::MAX),
    }
}; CHUNKS];

/// Gives memory of the direct map to the pool, for ever. Once for each device, one after the other, at boot.
/// Memory for which there is no room comes back.
pub fn give(memory: ChunkMemory) -> Result<(), ChunkMemory> {
    let free = POOL
        .iter()
        .find(|chunk| chunk.at.load(Ordering::Relaxed) == 0);
    let Some(chunk) = free else {
        return Err(memory);
    };
    let units = u32::try_from(memory.bytes() / UNIT)
        .unwrap_or(UNITS)
        .min(UNITS);
    chunk
        .at
        .store(memory.address().as_ptr() as u64, Ordering::Relaxed);
    chunk.used.store(!((1 << units) - 1), Ordering::Release);
    Ok(())
}

/// The memory of so many units in one piece, in use and filled with zeros.
fn take_units(units: usize) -> Option<NonNull<u8>> {
    let mask = match units {
        1..=8 => (1u32 << units) - 1,
        _ => return None,
    };
    for chunk in &POOL {
        for shift in 0..=UNITS - units as u32 {
            let wanted = mask << shift;
            let found = chunk
                .used
                .fetch_update(Ordering::Acquire, Ordering::Relaxed, |used| {
                    (used & wanted == 0).then_some(used | wanted)
                });
            if found.is_ok() {
                let at = chunk.at.load(Ordering::Relaxed) + u64::from(shift) * UNIT as u64;
                // SAFETY: `give` took the chunk over from its owner for ever, and the bits of these units were
                // clear, so nobody else has them until they are given back.
                unsafe { (at as *mut u8).write_bytes(0, units * UNIT) };
                return NonNull::new(at as *mut u8);
            }
        }
    }
    None
}

/// A unit of zeros, for ever the caller's; `None` if the pool is empty.
pub fn take() -> Option<&'static mut [u8; UNIT]> {
    // SAFETY: the unit is this caller's alone, initialised, and never given back.
    take_units(1).map(|unit| unsafe { unit.cast().as_mut() })
}

/// Bytes of RAM that a device will write.
///
/// # Safety
/// The bytes are RAM, and the caller's alone for `'a` but for the device.
pub unsafe fn bytes_mut<'a>(at: vm::PhysAddr, length: usize) -> &'a mut [u8] {
    // SAFETY: the direct map shows all RAM; the rest is the caller's promise.
    unsafe { core::slice::from_raw_parts_mut(direct_map(at.0) as *mut u8, length) }
}

/// Bytes of RAM that a device will read.
///
/// # Safety
/// The bytes are RAM, and nobody writes them during `'a`.
pub unsafe fn bytes<'a>(at: vm::PhysAddr, length: usize) -> &'a [u8] {
    // SAFETY: as in `bytes_mut`.
    unsafe { core::slice::from_raw_parts(direct_map(at.0) as *const u8, length) }
}

/// The addresses of a machine whose devices see RAM as its CPUs do.
#[derive(Debug)]
pub struct Coherent;

// SAFETY: units of the pool are aligned, zeroed and one user's at a time; windows are where `boot` mapped them; a
// buffer in the direct map is at its address less the map's base, and nothing need be done when it comes back.
unsafe impl Hal for Coherent {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        match take_units(pages) {
            Some(at) => (at.as_ptr() as u64 - DIRECT_MAP_BASE, at),
            // The driver knows 0 as "none".
            None => (0, NonNull::dangling()),
        }
    }

    unsafe fn dma_dealloc(_: PhysAddr, at: NonNull<u8>, pages: usize) -> i32 {
        let at = at.as_ptr() as u64;
        for chunk in &POOL {
            let first = chunk.at.load(Ordering::Relaxed);
            if (first..first + u64::from(UNITS) * UNIT as u64).contains(&at) && first != 0 {
                let shift = (at - first) as usize / UNIT;
                chunk
                    .used
                    .fetch_and(!(((1 << pages) - 1) << shift), Ordering::Release);
                return 0;
            }
        }
        -1
    }

    unsafe fn mmio_phys_to_virt(at: PhysAddr, _: usize) -> NonNull<u8> {
        // SAFETY: an address in the device windows is not 0.
        unsafe { NonNull::new_unchecked((DEVICE_WINDOW_BASE + at) as *mut u8) }
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        let at = buffer.as_ptr().cast::<u8>() as u64;
        debug_assert!((DIRECT_MAP_BASE..KERNEL_MAP_BASE).contains(&at));
        at - DIRECT_MAP_BASE
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
