//! Exceptions: the frame of registers, what each exception becomes, the upcalls.
//!
//! Owns: `TrapFrame`, the vectors, the system-call convention (`svc #0x80`: number in x16, negative
//! for Mach; arguments x0–x7; errors in PSTATE.C). Does not own: decoding (`esr`), what is done
//! about a cause (`kernel_trap`, `kernel_syscall`, `kernel_interrupt`).

use super::{context, esr, gic, power};
pub use crate::cause::{Access, Cause, Interrupt, Syscall, SyscallClass};
use crate::layout;
use aarch64_cpu::registers::{VBAR_EL1, Writeable};
pub use abi::signal::arm64::MContext;
use core::arch::global_asm;
use core::fmt;

unsafe extern "Rust" {
    /// A trap: from user mode with interrupts unmasked; from the kernel, with the mask it had, a
    /// page fault on a user address.
    safe fn kernel_trap(frame: &mut TrapFrame, cause: Cause);
    /// A device interrupted. Interrupts masked; the controller has been told.
    safe fn kernel_interrupt(which: Interrupt);
}

// Called by the vectors: `kernel_syscall(&mut TrapFrame)` and `kernel_return_to_user(&mut
// TrapFrame)` with interrupts unmasked, `kernel_preempt()` with interrupts masked. All are `extern
// "Rust"` with at most one pointer argument, which that ABI passes as the C one does.
global_asm!(
    include_str!("vectors.s"),
    FRAME = const size_of::<TrapFrame>(),
    SVC_LOW = const esr::SVC_0X80 & 0xffff,
    SVC_HIGH = const esr::SVC_0X80 >> 16,
    CONTEXT_CPU = const context::CPU_OFFSET,
    CONTEXT_AST = const context::AST_OFFSET,
    CPU_STACK_LIMIT = const context::STACK_LIMIT_OFFSET,
);

unsafe extern "C" {
    static exception_vectors: [u8; 2048];
}

/// PSTATE.C: a BSD call failed.
const CARRY: u64 = 1 << 29;
/// What a program may choose of PSTATE: N, Z, C, V.
const USER_FLAGS: u64 = 0xf000_0000;
/// PSTATE.M: the exception level and stack pointer.
const MODE: u64 = 0xf;

/// The registers of whatever was interrupted; of user code, at the top of its thread's stack.
#[derive(Clone, PartialEq, Eq, Debug)]
#[repr(C, align(16))]
pub struct TrapFrame {
    /// x0–x30.
    pub x: [u64; 31],
    sp: u64,
    pc: u64,
    pstate: u64,
}

impl TrapFrame {
    /// A program about to start at `entry` with stack pointer `stack`; all else is 0.
    pub fn user(entry: u64, stack: u64) -> Self {
        Self {
            x: [0; 31],
            sp: stack,
            pc: entry,
            pstate: 0,
        }
    }

    /// The program counter.
    pub fn pc(&self) -> u64 {
        self.pc
    }

    /// Sets the program counter.
    pub fn set_pc(&mut self, pc: u64) {
        self.pc = pc;
    }

    /// The stack pointer.
    pub fn sp(&self) -> u64 {
        self.sp
    }

    /// Sets the stack pointer.
    pub fn set_sp(&mut self, sp: u64) {
        self.sp = sp;
    }

    /// Whether user code was interrupted.
    #[inline]
    pub fn is_user(&self) -> bool {
        self.pstate & MODE == 0
    }

    /// Sets argument `n` (below 8) of the function that the frame enters.
    pub fn set_arg(&mut self, n: usize, value: u64) {
        self.x[n] = value;
    }

    /// The system call that the frame asks for.
    #[inline]
    pub fn syscall(&self) -> Syscall {
        let number = self.x[16] as i32;
        let (class, number) = match number {
            0.. => (SyscallClass::Unix, number.unsigned_abs()),
            // The machine's own calls have their number in x3.
            i32::MIN => (SyscallClass::Machine, self.x[3] as u32),
            _ => (SyscallClass::Mach, number.unsigned_abs()),
        };
        let mut args = [0; 8];
        args.copy_from_slice(&self.x[..8]);
        Syscall {
            class,
            number,
            args,
        }
    }

    /// A BSD call's success.
    #[inline]
    pub fn set_result(&mut self, r0: u64, r1: u64) {
        self.x[0] = r0;
        self.x[1] = r1;
        self.pstate &= !CARRY;
    }

    /// A BSD call's failure.
    #[inline]
    pub fn set_error(&mut self, errno: u32) {
        self.x[0] = u64::from(errno);
        self.x[1] = 0;
        self.pstate |= CARRY;
    }

    /// A Mach trap's return code (or name).
    #[inline]
    pub fn set_kern_return(&mut self, code: u32) {
        self.x[0] = u64::from(code);
    }

    /// Makes the frame call again when it is resumed. Nothing has been written to the registers.
    pub fn restart_syscall(&mut self) {
        self.pc = self.pc.wrapping_sub(4);
    }

    /// Every register by its name.
    pub fn registers(&self) -> impl Iterator<Item = (&'static str, u64)> {
        const NAMES: [&str; 31] = [
            "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
            "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25",
            "x26", "x27", "x28", "fp", "lr",
        ];
        let last = [("sp", self.sp), ("pc", self.pc), ("cpsr", self.pstate)];
        NAMES.into_iter().zip(self.x).chain(last)
    }

    /// Writes the registers into a signal's context.
    pub fn save_to(&self, out: &mut MContext) {
        let out = &mut out.thread;
        out.x.copy_from_slice(&self.x[..29]);
        out.fp = self.x[29];
        out.lr = self.x[30];
        out.sp = self.sp;
        out.pc = self.pc;
        out.cpsr = self.pstate as u32;
    }

    /// Takes the registers from a signal's context, which a program may have written: of PSTATE
    /// only the condition flags.
    pub fn load_from(&mut self, from: &MContext) {
        let from = &from.thread;
        self.x[..29].copy_from_slice(&from.x);
        self.x[29] = from.fp;
        self.x[30] = from.lr;
        self.sp = from.sp;
        self.pc = from.pc;
        self.pstate = u64::from(from.cpsr) & USER_FLAGS;
    }
}

impl fmt::Display for TrapFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.registers() {
            write!(f, " {name}={value:#x}")?;
        }
        Ok(())
    }
}

/// Points the CPU to the vectors.
pub(super) fn install() {
    VBAR_EL1.set((&raw const exception_vectors) as u64);
    aarch64_cpu::asm::barrier::isb(aarch64_cpu::asm::barrier::SY);
}

/// A synchronous exception from user mode that is no system call.
#[unsafe(no_mangle)]
extern "C" fn user_exception(frame: &mut TrapFrame, syndrome: u64, far: u64) {
    let cause = esr::decode(syndrome as u32, far, frame.sp);
    if cause == Cause::IllegalInstruction && esr::is_svc(syndrome as u32) {
        // An `svc` that is no system call: point to it, as other traps do.
        frame.pc = frame.pc.wrapping_sub(4);
    }
    super::interrupts::enable();
    kernel_trap(frame, cause);
}

/// A synchronous exception in the kernel. Only a page fault on a user address is expected.
#[unsafe(no_mangle)]
extern "C" fn kernel_exception(frame: &mut TrapFrame, syndrome: u64, far: u64) {
    let cause = esr::decode(syndrome as u32, far, frame.sp);
    match cause {
        Cause::PageFault { address, .. } if address < layout::USER_END => {
            if frame.pstate & INTERRUPTS_MASKED == 0 {
                super::interrupts::enable();
            }
            kernel_trap(frame, cause);
        }
        Cause::IllegalInstruction if power::is_semihosting(frame.pc) => frame.pc += 4,
        _ => panic!(
            "kernel trap: {cause:x?}, syndrome {syndrome:#x}, address {far:#x}, at {:#x};{frame}",
            frame.pc
        ),
    }
}

/// PSTATE.I.
const INTERRUPTS_MASKED: u64 = 1 << 7;

/// An interrupt, from user mode or the kernel.
#[unsafe(no_mangle)]
extern "C" fn interrupt(_frame: &mut TrapFrame) {
    if let Some(which) = gic::acknowledge() {
        kernel_interrupt(which);
    }
}

/// A vector that is never used.
#[unsafe(no_mangle)]
extern "C" fn unexpected_exception(frame: &mut TrapFrame, vector: u64) -> ! {
    use aarch64_cpu::registers::{ESR_EL1, FAR_EL1, Readable};
    const KINDS: [&str; 4] = ["synchronous exception", "IRQ", "FIQ", "SError"];
    panic!(
        "unexpected {} (vector {vector}), syndrome {:#x}, address {:#x};{frame}",
        KINDS[vector as usize % 4],
        ESR_EL1.get(),
        FAR_EL1.get()
    );
}

/// The kernel stack ran into its guard; this runs on the emergency stack.
#[unsafe(no_mangle)]
extern "C" fn kernel_stack_overflow(sp: u64, pc: u64, address: u64) -> ! {
    panic!("kernel stack overflow: sp {sp:#x}, pc {pc:#x}, address {address:#x}");
}
