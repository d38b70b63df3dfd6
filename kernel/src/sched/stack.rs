//! Kernel stacks.
//!
//! Owns: making them, between guard pages, and keeping some for the next thread. Does not own:
//! what lies on them.

use crate::memory::vm;
use crate::platform::{SpinLock, StackRank};
use crate::shared::NoMemory;
use arch::context::KERNEL_STACK_SIZE;
use arch::trap::TrapFrame;
use vm::VirtAddr;

/// Stacks that wait for their next thread.
const SPARE: usize = 16;

struct Spare {
    stacks: [u64; SPARE],
    count: usize,
}

static SPARES: SpinLock<StackRank, Spare> = SpinLock::new(Spare {
    stacks: [0; SPARE],
    count: 0,
});

/// A kernel stack; dropping it gives it back.
pub struct Stack {
    /// Its lowest byte; 0 for the boot stack, which is nobody's to free.
    base: u64,
}

impl Stack {
    /// The stack that `kernel_main` runs on.
    pub const BOOT: Self = Self { base: 0 };

    /// A stack of [`KERNEL_STACK_SIZE`] bytes with a guard page at both ends.
    pub fn new() -> Result<Self, NoMemory> {
        {
            let mut spares = SPARES.lock();
            if spares.count > 0 {
                spares.count -= 1;
                let base = spares.stacks[spares.count];
                return Ok(Self { base });
            }
        }
        let base = vm()
            .kmem_alloc(
                KERNEL_STACK_SIZE as u64,
                vm::Guard::Both,
                abi::vm_flags::VM_MEMORY_STACK,
            )
            .map_err(|_| NoMemory)?;
        Ok(Self { base: base.0 })
    }

    /// One past its highest byte; a multiple of 16.
    pub fn top(&self) -> usize {
        self.base as usize + KERNEL_STACK_SIZE
    }

    /// Where the program's registers lie while the thread is in the kernel.
    pub fn frame(&self) -> *mut TrapFrame {
        (self.top() - size_of::<TrapFrame>()) as *mut TrapFrame
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.base == 0 {
            return;
        }
        let mut spares = SPARES.lock();
        if spares.count < SPARE {
            let at = spares.count;
            spares.stacks[at] = self.base;
            spares.count += 1;
            return;
        }
        drop(spares);
        free(self.base);
    }
}

/// Frees the spare stacks, so that an audit counts only what is in use.
pub fn drain() {
    loop {
        let base = {
            let mut spares = SPARES.lock();
            if spares.count == 0 {
                return;
            }
            spares.count -= 1;
            spares.stacks[spares.count]
        };
        free(base);
    }
}

fn free(base: u64) {
    let freed = vm().kmem_free(VirtAddr(base), KERNEL_STACK_SIZE as u64);
    debug_assert!(
        freed.is_ok(),
        "I-KMEM-1: freed what kmem_alloc did not give"
    );
}
