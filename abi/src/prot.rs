//! Protections and inheritance: `vm_prot_t` and `vm_inherit_t`.

bitflags::bitflags! {
    /// What an access may do: `VM_PROT_READ`, `VM_PROT_WRITE`, `VM_PROT_EXECUTE`. Only these three
    /// bits exist in a value of this type; what a program passes is checked before it becomes one.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
    pub struct Protection: u8 {
        /// Loads.
        const READ = 1;
        /// Stores.
        const WRITE = 2;
        /// Instruction fetches.
        const EXECUTE = 4;
    }
}

impl Protection {
    /// No access.
    pub const NONE: Self = Self::empty();
    /// Read and write: what `mach_vm_allocate` gives.
    pub const DEFAULT: Self = Self::READ.union(Self::WRITE);
    /// All three.
    pub const ALL: Self = Self::all();
}

/// `VM_PROT_COPY`, legal only in `mach_vm_protect`.
pub const VM_PROT_COPY: u32 = 0x10;
/// `VM_PROT_IS_MASK`, legal in `mach_vm_map` and memory entries.
pub const VM_PROT_IS_MASK: u32 = 0x40;

/// What a child's map gets of an entry when its parent forks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
#[repr(u8)]
pub enum Inherit {
    /// The same memory.
    Share = 0,
    /// A copy, made when written.
    #[default]
    Copy = 1,
    /// Nothing.
    None = 2,
}
