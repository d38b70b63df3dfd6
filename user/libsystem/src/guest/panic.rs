//! What a Rust panic in a program becomes: a line on standard error and SIGABRT.

use crate::{process, unistd};
use core::fmt::Write;

struct Standard;

impl Write for Standard {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        unistd::write_all(2, text.as_bytes());
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(Standard, "{info}");
    process::abort()
}

/// The unwinder's entry that the prebuilt `core` names; programs abort, so nothing calls it.
#[unsafe(no_mangle)]
pub extern "C" fn rust_eh_personality() {}

/// The unwinder's other entry, named by landing pads in the prebuilt `alloc`, which never run.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_Resume() -> ! {
    process::abort()
}
