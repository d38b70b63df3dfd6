//! Records of signal delivery, laid out as Darwin's headers have them.
//!
//! Delivery: the kernel pushes, from high to low addresses on the handler's stack, `MContext`,
//! `SigInfo` and `UContext` (x86_64: below the 128-byte red zone, 16-aligned), and enters `Action::trampoline` as
//! `tramp(handler, style, signal, *SigInfo, *UContext)` with `style` = [`STYLE_INFO`]; on x86_64
//! RSP is 16-aligned minus 8, as after a call (the word there is 0). The trampoline calls the handler and then
//! `sigreturn(*UContext, style, 0)`, which restores mask and registers from the user's copy,
//! sanitized. `SYS_SIGACTION(signal, *Action, *OldAction)`: either pointer may be 0.

/// `struct __sigaction`: what libSystem gives to the call.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Action {
    /// User address of the handler, or [`SIG_DFL`], [`SIG_IGN`].
    pub handler: u64,
    /// User address of libSystem's trampoline.
    pub trampoline: u64,
    /// Signals blocked while the handler runs: bit n-1 for signal n.
    pub mask: u32,
    /// `SA_*`.
    pub flags: i32,
}

/// `struct sigaction`: what the call answers with.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct OldAction {
    /// User address of the handler, or [`SIG_DFL`], [`SIG_IGN`].
    pub handler: u64,
    /// Signals blocked while the handler runs.
    pub mask: u32,
    /// `SA_*`.
    pub flags: i32,
}

/// The default action.
pub const SIG_DFL: u64 = 0;
/// No action.
pub const SIG_IGN: u64 = 1;

/// The handler runs on the alternate stack.
pub const SA_ONSTACK: i32 = 1;
/// Interrupted calls start again.
pub const SA_RESTART: i32 = 2;
/// The action goes back to default when the handler is entered.
pub const SA_RESETHAND: i32 = 4;
/// No SIGCHLD for stopped children.
pub const SA_NOCLDSTOP: i32 = 8;
/// The signal is not blocked while its handler runs.
pub const SA_NODEFER: i32 = 0x10;
/// Children leave no zombies.
pub const SA_NOCLDWAIT: i32 = 0x20;
/// The handler takes three arguments.
pub const SA_SIGINFO: i32 = 0x40;

/// `sigprocmask`: adds.
pub const SIG_BLOCK: i32 = 1;
/// `sigprocmask`: removes.
pub const SIG_UNBLOCK: i32 = 2;
/// `sigprocmask`: replaces.
pub const SIG_SETMASK: i32 = 3;

/// The second argument of the trampoline and of `sigreturn`.
pub const STYLE_INFO: u64 = 30;

/// SIGSEGV: nothing is mapped there.
pub const SEGV_MAPERR: i32 = 1;
/// SIGSEGV: the protection forbids it.
pub const SEGV_ACCERR: i32 = 2;
/// SIGBUS: alignment.
pub const BUS_ADRALN: i32 = 1;
/// SIGBUS: no such physical address.
pub const BUS_ADRERR: i32 = 2;
/// SIGILL: the opcode.
pub const ILL_ILLOPC: i32 = 1;
/// SIGFPE: integer divide by zero.
pub const FPE_INTDIV: i32 = 7;
/// SIGTRAP: a breakpoint.
pub const TRAP_BRKPT: i32 = 1;
/// SIGCHLD: the child exited.
pub const CLD_EXITED: i32 = 1;
/// SIGCHLD: a signal killed the child.
pub const CLD_KILLED: i32 = 2;
/// Sent by `kill`.
pub const SI_USER: i32 = 0x10001;

/// `siginfo_t` (104 bytes).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SigInfo {
    /// The signal.
    pub signo: i32,
    /// An error number, or 0.
    pub errno: i32,
    /// Why: `SEGV_*`, `BUS_*`, `CLD_*`, `SI_USER`.
    pub code: i32,
    /// The sender or the child.
    pub pid: i32,
    /// The sender's user.
    pub uid: u32,
    /// The child's status.
    pub status: i32,
    /// The address that faulted.
    pub addr: u64,
    /// The value of a queued signal.
    pub value: u64,
    /// A band event.
    pub band: i64,
    /// Room of the C record.
    pub pad: [u64; 7],
}

/// `stack_t`.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SigStack {
    /// Lowest address.
    pub sp: u64,
    /// Bytes.
    pub size: u64,
    /// [`SS_ONSTACK`], [`SS_DISABLE`].
    pub flags: i32,
    /// Padding of the C record.
    pub pad: i32,
}

/// The thread runs on the alternate stack.
pub const SS_ONSTACK: i32 = 1;
/// There is no alternate stack.
pub const SS_DISABLE: i32 = 4;
/// No alternate stack.
pub const NO_STACK: SigStack = SigStack {
    sp: 0,
    size: 0,
    flags: SS_DISABLE,
    pad: 0,
};
/// The smallest alternate stack in bytes.
pub const MINSIGSTKSZ: u64 = 32768;

/// `ucontext_t` (56 bytes).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct UContext {
    /// Boolean: the handler runs on the alternate stack.
    pub onstack: i32,
    /// The mask to restore.
    pub sigmask: u32,
    /// The stack in use.
    pub stack: SigStack,
    /// User address of the next context, 0.
    pub link: u64,
    /// Bytes of the machine context.
    pub mcsize: u64,
    /// User address of the machine context.
    pub mcontext: u64,
}

/// x86_64's machine context.
pub mod x86_64 {
    /// `mcontext_t` (712 bytes).
    #[derive(Clone, Copy, Debug)]
    #[repr(C)]
    pub struct MContext {
        /// The trap.
        pub exception: ExceptionState,
        /// The integer registers.
        pub thread: ThreadState,
        /// The FXSAVE image.
        pub float: FloatState,
    }

    /// `x86_exception_state64`.
    #[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
    #[repr(C)]
    pub struct ExceptionState {
        /// Vector.
        pub trapno: u16,
        /// CPU number.
        pub cpu: u16,
        /// Error code.
        pub err: u32,
        /// CR2.
        pub faultvaddr: u64,
    }

    /// `x86_thread_state64`.
    #[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
    #[repr(C)]
    #[expect(missing_docs, reason = "the registers' names")]
    pub struct ThreadState {
        pub rax: u64,
        pub rbx: u64,
        pub rcx: u64,
        pub rdx: u64,
        pub rdi: u64,
        pub rsi: u64,
        pub rbp: u64,
        pub rsp: u64,
        pub r8: u64,
        pub r9: u64,
        pub r10: u64,
        pub r11: u64,
        pub r12: u64,
        pub r13: u64,
        pub r14: u64,
        pub r15: u64,
        pub rip: u64,
        pub rflags: u64,
        pub cs: u64,
        pub fs: u64,
        pub gs: u64,
    }

    /// `x86_float_state64`.
    #[derive(Clone, Copy, Debug)]
    #[repr(C)]
    pub struct FloatState {
        /// Zero.
        pub reserved: [u32; 2],
        /// What FXSAVE64 stores.
        pub fxsave: [u8; 512],
        /// Zero.
        pub reserved1: u32,
    }
}

/// aarch64's machine context.
pub mod arm64 {
    /// `mcontext_t` (816 bytes, 16-aligned).
    #[derive(Clone, Copy, Debug)]
    #[repr(C, align(16))]
    pub struct MContext {
        /// The trap.
        pub exception: ExceptionState,
        /// The integer registers.
        pub thread: ThreadState,
        /// The SIMD registers.
        pub neon: NeonState,
    }

    /// `arm_exception_state64`.
    #[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
    #[repr(C)]
    pub struct ExceptionState {
        /// FAR_EL1.
        pub far: u64,
        /// ESR_EL1.
        pub esr: u32,
        /// Exception number.
        pub exception: u32,
    }

    /// `arm_thread_state64`.
    #[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
    #[repr(C)]
    pub struct ThreadState {
        /// x0 to x28.
        pub x: [u64; 29],
        /// x29.
        pub fp: u64,
        /// x30.
        pub lr: u64,
        /// The stack pointer.
        pub sp: u64,
        /// The program counter.
        pub pc: u64,
        /// SPSR_EL1.
        pub cpsr: u32,
        /// Zero.
        pub flags: u32,
    }

    /// `arm_neon_state64`.
    #[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
    #[repr(C)]
    pub struct NeonState {
        /// v0 to v31, low half first.
        pub v: [[u64; 2]; 32],
        /// FPSR.
        pub fpsr: u32,
        /// FPCR.
        pub fpcr: u32,
        /// Padding of the C record.
        pub pad: [u32; 2],
    }
}

const _: () = {
    assert!(size_of::<Action>() == 24 && size_of::<OldAction>() == 16);
    assert!(size_of::<SigInfo>() == 104 && size_of::<UContext>() == 56);
    assert!(size_of::<x86_64::MContext>() == 712 && size_of::<arm64::MContext>() == 816);
};
