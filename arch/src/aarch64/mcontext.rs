//! The machine context that a signal handler sees: Darwin's `mcontext64`.
//!
//! Owns: the record's layout. Does not own: filling it (`trap`, `context`), delivering it (`kernel`).

/// A vector register.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C, align(16))]
pub struct Vector(pub [u64; 2]);

/// `struct __darwin_mcontext64` for arm64: 816 bytes.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct MContext {
    /// The faulting address.
    pub far: u64,
    /// The syndrome.
    pub esr: u32,
    /// The exception's number.
    pub exception: u32,
    /// x0–x28.
    pub x: [u64; 29],
    /// x29.
    pub fp: u64,
    /// x30.
    pub lr: u64,
    /// The stack pointer.
    pub sp: u64,
    /// The program counter.
    pub pc: u64,
    /// The condition flags.
    pub cpsr: u32,
    /// Zero.
    pub pad: u32,
    /// v0–v31.
    pub v: [Vector; 32],
    /// Floating-point status.
    pub fpsr: u32,
    /// Floating-point control.
    pub fpcr: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::offset_of;

    #[test]
    fn layout_is_darwins() {
        // es: 16 bytes; ss: 272; ns: 528, aligned to 16.
        assert_eq!(offset_of!(MContext, x), 16);
        assert_eq!(offset_of!(MContext, cpsr), 16 + 33 * 8);
        assert_eq!(offset_of!(MContext, v), 16 + 272);
        assert_eq!(offset_of!(MContext, fpsr), 16 + 272 + 512);
        assert_eq!(size_of::<MContext>(), 16 + 272 + 528);
    }
}
