//! What the other CPUs' starts have in common.
//!
//! Owns: the names. Does not own: the ways in (`x86_64::secondary`, `aarch64::secondary`).

use core::fmt;

unsafe extern "Rust" {
    /// What `kernel` provides: the first of it on CPU `index`, on the stack that `start` was given, with
    /// interrupts masked.
    pub(crate) safe fn kernel_secondary_main(index: usize) -> !;
}

/// Why a CPU could not be asked to start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartError {
    /// The interrupt controller has no name for it.
    Unreachable,
    /// The firmware refused, with this code.
    Refused(i32),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("the interrupt controller cannot reach it"),
            Self::Refused(code) => write!(f, "the firmware refused with {code}"),
        }
    }
}
