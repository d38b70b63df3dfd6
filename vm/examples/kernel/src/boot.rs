//! From RAM to a `Vm`.
//!
//! Owns: what the boot takes for itself at the start of RAM: the page array, the machine's records,
//! the kernel's tables. Does not own: where RAM is (`virt`, `host`).

use crate::hart::Hart;
use crate::machine::Sv39;
use crate::pte::PAGE;
use crate::ram::Ram;
use crate::tables::{Frame, KERNEL};
use core::slice;
use vm::{BootMemory, KernReturn, Page, PageArray, PageId, Pages, Vm, WriteExecute};

/// Frames that only exit, kill and rollback may take.
const RESERVE: Pages = Pages(16);

/// RAM that nobody has yet, from byte `next` on.
struct Rest {
    ram: Ram,
    next: usize,
}

impl Rest {
    /// An array in the next bytes.
    fn array<T>(&mut self, count: u32, make: impl Fn() -> T) -> &'static mut [T] {
        let start = self.next.next_multiple_of(align_of::<T>());
        self.next = start + count as usize * size_of::<T>();
        let end = self.next as u64;
        assert!(
            end < u64::from(self.ram.frames()) * PAGE,
            "RAM is too small to boot"
        );
        let first = self.ram.pointer(PageId(0)).cast::<T>();
        // SAFETY: the bytes from `start` to `next` are RAM, aligned, and given to nobody else.
        let array = unsafe { first.byte_add(start) };
        for number in 0..count as usize {
            // SAFETY: the element is in the array.
            unsafe { array.add(number).write(make()) }
        }
        // SAFETY: all elements have been written, and RAM stays for good.
        unsafe { slice::from_raw_parts_mut(array.as_ptr(), count as usize) }
    }

    /// The next whole frame.
    fn frame(&mut self) -> PageId {
        let frame = PageId(self.next.div_ceil(PAGE as usize) as u32);
        self.next = (frame.0 as usize + 1) * PAGE as usize;
        frame
    }
}

/// A memory system over RAM, of which the first `taken` frames are in use: firmware, kernel image.
///
/// # Errors
/// `RESOURCE_SHORTAGE` if RAM is too small for `vm`'s zones.
///
/// # Safety
/// Nobody uses RAM after the first `taken` frames, and this is the only machine over it.
pub unsafe fn boot(hart: Hart, ram: Ram, taken: u32) -> Result<Vm<Sv39>, KernReturn> {
    let mut rest = Rest {
        ram,
        next: taken as usize * PAGE as usize,
    };
    let pages: &'static [Page] = rest.array(ram.frames(), Page::new);
    let records = rest.array(ram.frames(), Frame::default);
    let kernel = (rest.frame(), rest.frame());
    let first = rest.frame();
    let machine = Sv39::new(hart, ram, PageArray::new(pages), records, kernel);
    let memory = BootMemory {
        pages,
        usable: &[(first, Pages(u64::from(ram.frames() - first.0)))],
        reserve: RESERVE,
        kernel_range: KERNEL,
        write_execute: WriteExecute::Allowed,
    };
    Vm::new(machine, memory)
}
