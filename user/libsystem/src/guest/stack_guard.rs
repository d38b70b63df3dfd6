//! The stack protector's canary.

use crate::{process, unistd};

/// The word that compiled functions put under their return address.
#[unsafe(no_mangle)]
pub static mut __stack_chk_guard: usize = 0;

/// Draws the canary; its lowest byte is 0, so that a string cannot copy it.
pub fn init() {
    let mut word = 0usize;
    let ok = unix!(SYS_GETENTROPY, &raw mut word, size_of::<usize>()) == 0;
    if !ok {
        word = crate::arch::ticks() as usize;
    }
    // SAFETY: one thread; no function with a canary is active yet.
    unsafe { __stack_chk_guard = word & !0xff };
}

#[unsafe(no_mangle)]
pub extern "C" fn __stack_chk_fail() -> ! {
    unistd::write_all(
        2,
        b"stack overflow detected: a function's canary was overwritten\n",
    );
    process::abort()
}
