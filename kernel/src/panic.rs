//! The end of a kernel that found itself broken.
//!
//! Owns: one line, a backtrace, the exit. Takes no lock and allocates nothing.

use crate::console::output;
use abi::record::EXIT_PANIC;
use boot::{BootInfo, VirtRange};
use core::fmt;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

static TEXT_START: AtomicU64 = AtomicU64::new(0);
static TEXT_END: AtomicU64 = AtomicU64::new(0);
static PANICKED: AtomicBool = AtomicBool::new(false);
/// Return addresses that a backtrace shows.
const DEPTH: usize = 24;
/// Words of the stack that it looks at.
const WORDS: usize = 1024;

/// Remembers where the kernel's code is.
pub fn init(info: &BootInfo) {
    let VirtRange { start, end } = info.image.text;
    TEXT_START.store(start, Relaxed);
    TEXT_END.store(end, Relaxed);
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = arch::interrupts::disable();
    if !PANICKED.swap(true, Relaxed) {
        crate::sched::cpus::stop_others();
        let here = 0usize;
        let stack = Backtrace {
            from: (&raw const here) as usize,
            top: crate::sched::run::stack_end(),
        };
        match info.location() {
            Some(at) => output::last_words(format_args!("{} at {}:{}; stack:{stack}", info.message(), at.file(), at.line()),
            ),
            None => output::last_words(format_args!("{}; stack:{stack}", info.message())),
        }
    }
    arch::power::exit(EXIT_PANIC)
}

/// The words of a stack that point into the kernel's code. Without frame pointers nobody can tell a
/// return address from one that was left over, so all of them are shown.
struct Backtrace {
    from: usize,
    top: usize,
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = 0;
        let end = self.top.min(self.from + WORDS * size_of::<usize>());
        let mut at = self.from.next_multiple_of(size_of::<usize>());
        while at < end && shown < DEPTH {
            // SAFETY: the running thread's stack is mapped from here to its end.
            let word = unsafe { (at as *const u64).read_volatile() };
            if (TEXT_START.load(Relaxed)..TEXT_END.load(Relaxed)).contains(&word) {
                write!(f, " {word:#x}")?;
                shown += 1;
            }
            at += size_of::<usize>();
        }
        Ok(())
    }
}
