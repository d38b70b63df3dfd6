//! The orderly end.

use abi::record::EXIT_ORDERLY;

/// Switches the machine off.
pub fn off() -> ! {
    arch::power::exit(EXIT_ORDERLY)
}
