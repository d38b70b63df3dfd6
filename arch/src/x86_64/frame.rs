//! What an entry into the kernel saves: the program's registers.
//!
//! Owns: the frame at the top of a thread's kernel stack, and how system calls, signals and
//! debuggers read and change it. Does not own: FP and SIMD state (`context::UserState`).
//! Rule: what `sysret` and `iret` take from a frame is never privileged, whatever wrote it.

use super::descriptors::{USER_CODE, USER_DATA};
use crate::cause::{Syscall, SyscallClass};
use crate::layout::USER_END;
use abi::signal::x86_64::MContext;
use core::mem::offset_of;

/// In `vector`: a system call whose frame nothing changed but results; `sysret` may leave.
pub const SYSCALL_MARK: u64 = 0x100;
/// In `vector`: every register must be restored.
const FULL_MARK: u64 = 0x101;

const CARRY: u64 = 1;
const INTERRUPTS: u64 = 1 << 9;
/// Always set.
const FIXED: u64 = 2;
/// What a program may choose: CF, PF, AF, ZF, SF, TF, DF, OF, AC, ID.
const USER_FLAGS: u64 = 0x24_0dd5;
/// Where a program counter outside user space is led: the last user byte, so that the fetch after
/// it faults in the program and not in the kernel's own return.
const LAST_USER_BYTE: u64 = USER_END - 1;

/// The registers of what was interrupted, in the order of the pushes in `entry.s`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct TrapFrame {
    pub(super) r15: u64,
    pub(super) r14: u64,
    pub(super) r13: u64,
    pub(super) r12: u64,
    pub(super) rbp: u64,
    pub(super) rbx: u64,
    pub(super) r11: u64,
    pub(super) r10: u64,
    pub(super) r9: u64,
    pub(super) r8: u64,
    pub(super) rax: u64,
    pub(super) rcx: u64,
    pub(super) rdx: u64,
    pub(super) rsi: u64,
    pub(super) rdi: u64,
    /// The vector, or a mark.
    pub(super) vector: u64,
    /// The CPU's error code.
    pub(super) error: u64,
    pub(super) rip: u64,
    pub(super) cs: u64,
    pub(super) rflags: u64,
    pub(super) rsp: u64,
    pub(super) ss: u64,
}

// The entry code's stack stays aligned to 16 because the frame is.
const _: () = assert!(size_of::<TrapFrame>() == 176);
const _: () = assert!(offset_of!(TrapFrame, rip) == 17 * 8);

impl TrapFrame {
    /// A program about to start at `entry` with `stack`, all other registers zero.
    pub fn user(entry: u64, stack: u64) -> Self {
        Self {
            r15: 0,
            r14: 0,
            r13: 0,
            r12: 0,
            rbp: 0,
            rbx: 0,
            r11: 0,
            r10: 0,
            r9: 0,
            r8: 0,
            rax: 0,
            rcx: 0,
            rdx: 0,
            rsi: 0,
            rdi: 0,
            vector: FULL_MARK,
            error: 0,
            rip: entry,
            cs: USER_CODE.into(),
            rflags: INTERRUPTS | FIXED,
            rsp: stack,
            ss: USER_DATA.into(),
        }
    }

    /// The program counter.
    pub fn pc(&self) -> u64 {
        self.rip
    }

    /// Sets the program counter.
    pub fn set_pc(&mut self, pc: u64) {
        self.rip = pc;
        self.vector = FULL_MARK;
    }

    /// The stack pointer.
    pub fn sp(&self) -> u64 {
        self.rsp
    }

    /// Sets the stack pointer.
    pub fn set_sp(&mut self, sp: u64) {
        self.rsp = sp;
        self.vector = FULL_MARK;
    }

    /// The frame pointer: where a backtrace begins.
    pub fn frame_pointer(&self) -> u64 {
        self.rbp
    }

    /// Whether a program was interrupted, and not the kernel.
    #[inline(always)]
    pub fn is_user(&self) -> bool {
        self.cs & 3 != 0
    }

    /// Whether interrupts were enabled.
    #[inline(always)]
    pub fn interrupts_enabled(&self) -> bool {
        self.rflags & INTERRUPTS != 0
    }

    /// Sets argument `n` (0–5) of the function that the frame will run. Higher ones lie on the stack
    /// and are ignored here.
    pub fn set_arg(&mut self, n: usize, value: u64) {
        let register = match n {
            0 => &mut self.rdi,
            1 => &mut self.rsi,
            2 => &mut self.rdx,
            3 => &mut self.rcx,
            4 => &mut self.r8,
            5 => &mut self.r9,
            _ => return,
        };
        *register = value;
        self.vector = FULL_MARK;
    }

    /// The system call: class in bits 24–31 of the number, arguments in rdi, rsi, rdx, r10, r8, r9;
    /// further ones lie on the user's stack, from `sp() + 8` on.
    #[inline(always)]
    pub fn syscall(&self) -> Syscall {
        let word = self.rax as u32;
        Syscall {
            class: match word >> 24 {
                1 => SyscallClass::Mach,
                2 => SyscallClass::Unix,
                3 => SyscallClass::Machine,
                _ => SyscallClass::Other,
            },
            number: word & 0xff_ffff,
            args: [
                self.rdi, self.rsi, self.rdx, self.r10, self.r8, self.r9, 0, 0,
            ],
        }
    }

    /// A BSD call succeeded with these results; clears carry.
    #[inline(always)]
    pub fn set_result(&mut self, r0: u64, r1: u64) {
        self.rax = r0;
        self.rdx = r1;
        self.rflags &= !CARRY;
    }

    /// A BSD call failed; sets carry.
    #[inline(always)]
    pub fn set_error(&mut self, errno: u32) {
        self.rax = errno.into();
        self.rflags |= CARRY;
    }

    /// What a Mach trap returns.
    #[inline(always)]
    pub fn set_kern_return(&mut self, kr: u32) {
        self.rax = kr.into();
        self.rflags &= !CARRY;
    }

    /// Makes the program execute its `syscall` again (2 bytes), with the registers it had. Called
    /// before any result is set.
    pub fn restart_syscall(&mut self) {
        self.rip = self.rip.wrapping_sub(2);
    }

    /// Registers by name, for reports.
    pub fn registers(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("rax", self.rax),
            ("rbx", self.rbx),
            ("rcx", self.rcx),
            ("rdx", self.rdx),
            ("rdi", self.rdi),
            ("rsi", self.rsi),
            ("rbp", self.rbp),
            ("rsp", self.rsp),
            ("r8", self.r8),
            ("r9", self.r9),
            ("r10", self.r10),
            ("r11", self.r11),
            ("r12", self.r12),
            ("r13", self.r13),
            ("r14", self.r14),
            ("r15", self.r15),
            ("rip", self.rip),
            ("rfl", self.rflags),
            ("err", self.error),
        ]
        .into_iter()
    }

    /// Writes the general registers into a signal context.
    pub fn save_to(&self, out: &mut MContext) {
        let state = &mut out.thread;
        state.rax = self.rax;
        state.rbx = self.rbx;
        state.rcx = self.rcx;
        state.rdx = self.rdx;
        state.rdi = self.rdi;
        state.rsi = self.rsi;
        state.rbp = self.rbp;
        state.rsp = self.rsp;
        state.r8 = self.r8;
        state.r9 = self.r9;
        state.r10 = self.r10;
        state.r11 = self.r11;
        state.r12 = self.r12;
        state.r13 = self.r13;
        state.r14 = self.r14;
        state.r15 = self.r15;
        state.rip = self.rip;
        state.rflags = self.rflags;
        state.cs = self.cs;
        out.exception.trapno = self.vector as u16;
        out.exception.err = self.error as u32;
    }

    /// Takes the general registers from a signal context, which the program may have written: flags
    /// are reduced to the program's own, segments are not taken.
    pub fn load_from(&mut self, from: &MContext) {
        let state = &from.thread;
        *self = Self {
            r15: state.r15,
            r14: state.r14,
            r13: state.r13,
            r12: state.r12,
            rbp: state.rbp,
            rbx: state.rbx,
            r11: state.r11,
            r10: state.r10,
            r9: state.r9,
            r8: state.r8,
            rax: state.rax,
            rcx: state.rcx,
            rdx: state.rdx,
            rsi: state.rsi,
            rdi: state.rdi,
            rflags: state.rflags & USER_FLAGS | INTERRUPTS | FIXED,
            ..Self::user(state.rip, state.rsp)
        };
    }

    /// Makes the program counter one that `iret` takes without a fault of its own.
    #[inline(always)]
    pub(super) fn make_returnable(&mut self) {
        if self.rip >= USER_END {
            self.rip = LAST_USER_BYTE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> MContext {
        MContext {
            exception: Default::default(),
            thread: Default::default(),
            float: abi::signal::x86_64::FloatState {
                reserved: [0; 2],
                fxsave: [0; 512],
                reserved1: 0,
            },
        }
    }

    #[test]
    fn registers_survive_a_signal_context() {
        let mut frame = TrapFrame::user(0x1000, 0x7000);
        for n in 0..6 {
            frame.set_arg(n, n as u64 + 10);
        }
        frame.r15 = 15;
        frame.rax = 77;
        let mut saved = context();
        frame.save_to(&mut saved);
        let mut back = TrapFrame::user(0, 0);
        back.load_from(&saved);
        assert!(frame.registers().eq(back.registers()));
        assert_eq!(
            (saved.thread.rdi, saved.thread.rcx, saved.thread.r9),
            (10, 13, 15)
        );
    }

    #[test]
    fn a_signal_context_never_grants_privilege() {
        let mut from = context();
        from.thread.rflags = u64::MAX;
        from.thread.cs = 8;
        from.thread.rip = 0xffff_8000_0000_0000;
        let mut frame = TrapFrame::user(0, 0);
        frame.load_from(&from);
        assert_eq!(frame.cs, u64::from(USER_CODE));
        assert_eq!(frame.ss, u64::from(USER_DATA));
        // No IOPL, NT, RF, VM, VIF, VIP; interrupts on.
        assert_eq!(frame.rflags, 0x24_0fd7);
        frame.make_returnable();
        assert_eq!(frame.pc(), 0x7fff_ffff_ffff);
        from.thread.rflags = 0;
        frame.load_from(&from);
        assert_eq!(frame.rflags, 0x202);
    }

    #[test]
    fn a_changed_frame_is_restored_in_full() {
        let mut frame = TrapFrame::user(0, 0);
        frame.vector = SYSCALL_MARK;
        frame.set_result(1, 2);
        frame.set_error(3);
        frame.set_kern_return(4);
        frame.restart_syscall();
        assert_eq!(frame.vector, SYSCALL_MARK);
        frame.set_arg(3, 1);
        assert_ne!(frame.vector, SYSCALL_MARK);
    }

    #[test]
    fn system_calls_carry_their_class_and_six_arguments() {
        let mut frame = TrapFrame::user(0, 0);
        frame.rax = 0x0200_0004;
        (frame.rdi, frame.rsi, frame.rdx) = (1, 2, 3);
        (frame.r10, frame.r8, frame.r9) = (4, 5, 6);
        let call = frame.syscall();
        assert_eq!((call.class, call.number), (SyscallClass::Unix, 4));
        assert_eq!(call.args, [1, 2, 3, 4, 5, 6, 0, 0]);
        frame.rax = 0x0100_001a;
        assert_eq!(frame.syscall().class, SyscallClass::Mach);
        frame.rax = 0x0300_0003;
        let call = frame.syscall();
        assert_eq!((call.class, call.number), (SyscallClass::Machine, 3));
        frame.rax = 0x0400_0003;
        assert_eq!(frame.syscall().class, SyscallClass::Other);
    }

    #[test]
    fn bsd_errors_travel_in_carry() {
        let mut frame = TrapFrame::user(0, 0);
        frame.set_error(2);
        assert_eq!((frame.rax, frame.rflags & 1), (2, 1));
        frame.set_result(5, 6);
        assert_eq!((frame.rax, frame.rdx, frame.rflags & 1), (5, 6, 0));
    }
}
