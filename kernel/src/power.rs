//! The orderly end.

use crate::sched::cpus;
use abi::record::EXIT_ORDERLY;

/// Switches the machine off, when every other CPU is at the end of its line.
pub fn off() -> ! {
    crate::files::shut_down();
    cpus::stop_others();
    arch::power::exit(EXIT_ORDERLY)
}
