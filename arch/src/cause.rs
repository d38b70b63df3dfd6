//! Why the kernel was entered, in words that both machines share.
//!
//! Owns: `Cause`, `Access`, `Interrupt`, `Syscall`. Does not own: their decoding (each machine's
//! `trap`) nor what is done about them (`kernel`).

/// What a faulting access tried to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Access {
    /// A load.
    Read,
    /// A store (an atomic counts as one).
    Write,
    /// An instruction fetch.
    Execute,
}

/// Why a trap was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// No translation allows the access: absent, protected, or an access flag is clear.
    PageFault {
        /// The virtual address accessed.
        address: u64,
        /// What was tried.
        access: Access,
    },
    /// The address is not one that the machine can translate (outside both halves).
    NonCanonical,
    /// The instruction is undefined, or not allowed at this level.
    IllegalInstruction,
    /// A breakpoint instruction, or a single step.
    Breakpoint,
    /// Integer division by zero or overflow (x86_64 only).
    DivideError,
    /// A floating-point exception that is not masked.
    FloatingPoint,
    /// A misaligned access, stack pointer or program counter.
    Alignment {
        /// The address that was misaligned.
        address: u64,
    },
    /// Anything else; the number is the machine's (vector, or syndrome).
    Other(u32),
}

/// Which device interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interrupt {
    /// This CPU's timer reached its deadline.
    Timer,
    /// The serial line received something.
    Serial,
    /// Another CPU asks for attention.
    Ipi,
    /// An interrupt that no mask keeps away; the machine does not go on if the handler returns.
    NonMaskable,
    /// Another device, by the interrupt controller's number.
    Device(u32),
}

/// Which table a system call's number belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SyscallClass {
    /// BSD calls: errors in the carry flag.
    Unix,
    /// Mach traps: the return code is the result.
    Mach,
    /// What only this machine has: setting the thread pointer (`context::SET_THREAD_POINTER`).
    Machine,
    /// None of them.
    Other,
}

/// A system call as its caller asked for it; nothing in it has been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Syscall {
    /// The table.
    pub class: SyscallClass,
    /// The number in that table (Mach traps: the positive number).
    pub number: u32,
    /// The arguments in registers (x86_64: six; the rest are 0).
    pub args: [u64; 8],
}
