//! Segment descriptors, task state and interrupt gates.
//!
//! Owns: their encodings and the selectors. Does not own: whose they are (`percpu`, `traps`).
//! Sources: Intel SDM 3A §3.4.5, §7.7, §6.14. The encodings compile and are tested on every host.

/// Kernel code.
pub const KERNEL_CODE: u16 = 0x08;
/// Kernel data (`syscall` sets SS to code + 8).
pub const KERNEL_DATA: u16 = 0x10;
/// User data (`sysret` sets SS to STAR's base + 8).
pub const USER_DATA: u16 = 0x18 | 3;
/// User 64-bit code (`sysret` sets CS to STAR's base + 16).
pub const USER_CODE: u16 = 0x20 | 3;
/// The task state, two slots.
const TASK_STATE: u16 = 0x28;

/// STAR: kernel base in bits 32–47, user base in bits 48–63.
pub const STAR_VALUE: u64 = (KERNEL_CODE as u64) << 32 | ((USER_DATA - 8) as u64) << 48;

const PRESENT: u64 = 1 << 47;
const RING_3: u64 = 3 << 45;
const NOT_SYSTEM: u64 = 1 << 44;
const EXECUTABLE: u64 = 1 << 43;
const WRITABLE_OR_READABLE: u64 = 1 << 41;
const ACCESSED: u64 = 1 << 40;
const LONG: u64 = 1 << 53;
const DATA: u64 = PRESENT | NOT_SYSTEM | WRITABLE_OR_READABLE | ACCESSED;
const CODE: u64 = DATA | EXECUTABLE | LONG;

/// The table of segments, one per CPU because the task state is.
#[repr(C, align(8))]
pub struct Gdt([u64; 7]);

impl Gdt {
    /// Flat segments; the task state is still empty.
    pub const fn new() -> Self {
        Self([0, CODE, DATA, DATA | RING_3, CODE | RING_3, 0, 0])
    }

    /// Enters the task state at `address`.
    pub const fn set_task_state(&mut self, address: u64) {
        let limit = (size_of::<TaskState>() - 1) as u64;
        // Type 9: available 64-bit TSS.
        self.0[5] =
            limit | (address & 0xff_ffff) << 16 | 9 << 40 | PRESENT | (address >> 24 & 0xff) << 56;
        self.0[6] = address >> 32;
    }

    /// Makes this CPU use the table, its segments and its task state.
    ///
    /// # Safety
    /// The table and the task state stay where they are for ever.
    #[cfg(all(target_os = "none", target_arch = "x86_64"))]
    pub unsafe fn load(&self) {
        let pointer = TablePointer {
            limit: (size_of::<Self>() - 1) as u16,
            base: self.0.as_ptr() as u64,
        };
        // SAFETY: the selectors are this table's; the far return reloads CS at the next line.
        unsafe {
            core::arch::asm!(
                "lgdt [{pointer}]",
                "push {code}",
                "lea {scratch}, [rip + 2f]",
                "push {scratch}",
                "retfq",
                "2:",
                "mov ss, {data:e}",
                "xor {scratch:e}, {scratch:e}",
                "mov ds, {scratch:e}",
                "mov es, {scratch:e}",
                "mov fs, {scratch:e}",
                "mov gs, {scratch:e}",
                "ltr {state:x}",
                pointer = in(reg) &raw const pointer,
                code = const KERNEL_CODE,
                data = in(reg) u32::from(KERNEL_DATA),
                state = in(reg) TASK_STATE,
                scratch = out(reg) _,
            );
        }
    }
}

impl Default for Gdt {
    fn default() -> Self {
        Self::new()
    }
}

/// What `lgdt` and `lidt` read.
#[repr(C, packed)]
pub struct TablePointer {
    /// Bytes less one.
    pub limit: u16,
    /// Linear address.
    pub base: u64,
}

/// The task state segment: stacks for entries from ring 3 and for the IST; no I/O ports for users.
#[repr(C, packed(4))]
pub struct TaskState {
    reserved: u32,
    privilege_stacks: [u64; 3],
    reserved2: u64,
    interrupt_stacks: [u64; 7],
    reserved3: u64,
    reserved4: u16,
    io_map: u16,
}

impl TaskState {
    /// No stacks; the I/O map lies beyond the segment: every port is refused.
    pub const fn new() -> Self {
        Self {
            reserved: 0,
            privilege_stacks: [0; 3],
            reserved2: 0,
            interrupt_stacks: [0; 7],
            reserved3: 0,
            reserved4: 0,
            io_map: size_of::<Self>() as u16,
        }
    }

    /// Gives interrupt stack `number` (1–7) its top.
    pub const fn set_interrupt_stack(&mut self, number: usize, top: u64) {
        self.interrupt_stacks[number - 1] = top;
    }
}

impl Default for TaskState {
    fn default() -> Self {
        Self::new()
    }
}

/// Who may raise a vector with `int`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GateUse {
    /// The CPU and devices only.
    Hardware,
    /// Programs too (`int3`).
    Programs,
}

/// An interrupt gate: masks interrupts on entry.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct Gate(u128);

impl Gate {
    /// Nothing there.
    pub const MISSING: Self = Self(0);

    /// To the kernel code at `handler`, on interrupt stack `stack` (0: the current or the thread's).
    pub const fn new(handler: u64, stack: u8, use_: GateUse) -> Self {
        let privilege: u128 = match use_ {
            GateUse::Hardware => 0,
            GateUse::Programs => 3 << 45,
        };
        let handler = handler as u128;
        // Type 14: 64-bit interrupt gate.
        Self(
            handler & 0xffff
                | (KERNEL_CODE as u128) << 16
                | (stack as u128 & 7) << 32
                | 14 << 40
                | privilege
                | 1 << 47
                | (handler >> 16 & 0xffff) << 48
                | (handler >> 32) << 64,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_segments_have_the_manuals_encoding() {
        let gdt = Gdt::new();
        assert_eq!(gdt.0[1], 0x0020_9b00_0000_0000);
        assert_eq!(gdt.0[2], 0x0000_9300_0000_0000);
        assert_eq!(gdt.0[3], 0x0000_f300_0000_0000);
        assert_eq!(gdt.0[4], 0x0020_fb00_0000_0000);
    }

    #[test]
    fn task_state_descriptor_splits_the_address() {
        let mut gdt = Gdt::new();
        gdt.set_task_state(0xffff_ffff_8123_4568);
        assert_eq!(gdt.0[5], 0x8100_8923_4568_0067);
        assert_eq!(gdt.0[6], 0xffff_ffff);
        assert_eq!(size_of::<TaskState>(), 104);
    }

    #[test]
    fn sysret_finds_the_user_segments() {
        let base = (STAR_VALUE >> 48) as u16;
        assert_eq!((base + 8) | 3, USER_DATA);
        assert_eq!((base + 16) | 3, USER_CODE);
        assert_eq!((STAR_VALUE >> 32) as u16, KERNEL_CODE);
        assert_eq!(KERNEL_CODE + 8, KERNEL_DATA);
    }

    #[test]
    fn gates_have_the_manuals_encoding() {
        let gate = Gate::new(0xffff_ffff_8012_3450, 2, GateUse::Hardware);
        assert_eq!(gate.0 as u64, 0x8012_8e02_0008_3450);
        assert_eq!((gate.0 >> 64) as u64, 0xffff_ffff);
        let gate = Gate::new(0, 0, GateUse::Programs);
        assert_eq!(gate.0 as u64, 0x0000_ee00_0008_0000);
    }
}
