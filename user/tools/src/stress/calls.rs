//! The calls that `stress` makes, and what their arguments are.

use abi::syscall::*;
use abi::trap;

/// Which table a number is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// BSD.
    Unix,
    /// Mach.
    Mach,
}

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The port of the task that the call is about.
    Task,
    /// The port of a second task.
    OtherTask,
    /// The port of the host.
    Host,
    /// The name of a memory entry.
    Entry,
    /// An address.
    Address,
    /// Where the caller gets bytes, whatever task the call is about.
    Destination,
    /// A number of bytes from the addresses of the call on.
    Size,
    /// A number of bytes that are all touched: few.
    Length,
    /// Bytes into something.
    Offset,
    /// Where an address goes in and out.
    InOutAddress,
    /// Where a number of bytes goes in and out.
    InOutSize,
    /// Where a name comes out.
    OutName,
    /// Where anything comes out, or numbers go in.
    Place,
    /// Where much comes out: scratch memory, which ends soon. In a large region the answer about another
    /// large region would fill the machine.
    Scratch,
    /// Where a list of addresses and sizes is.
    List,
    /// Where a `VmMapArgs` is.
    MapRecord,
    /// Where a `VmRemapArgs` is.
    RemapRecord,
    /// `vm_prot_t`.
    Protection,
    /// The permission word of a memory entry.
    Permission,
    /// `VM_FLAGS_*`.
    Flags,
    /// `MAP_*`.
    MapFlags,
    /// A number below this one, as a rule.
    Below(u8),
    /// A bit mask below this one, as a rule.
    Bits(u32),
    /// A descriptor.
    Descriptor,
    /// A process.
    Process,
    /// Where a name of shared memory is.
    Text,
}

/// A call.
pub struct Call {
    /// Its name, for reports.
    pub name: &'static str,
    /// Which table.
    pub class: Class,
    /// Its number there.
    pub number: u32,
    /// Its arguments.
    pub arguments: &'static [Kind],
}

macro_rules! calls {
    ($($class:ident $name:ident = $number:expr, [$($kind:expr),*];)*) => {
        /// All of them.
        pub static CALLS: &[Call] = &[$(Call {
            name: stringify!($name),
            class: Class::$class,
            number: $number,
            arguments: &[$($kind),*],
        }),*];
    };
}

use Kind::*;

calls! {
    Mach mach_vm_allocate = trap::VM_ALLOCATE, [Task, InOutAddress, Size, Flags];
    Mach mach_vm_deallocate = trap::VM_DEALLOCATE, [Task, Address, Size];
    Mach mach_vm_protect = trap::VM_PROTECT, [Task, Address, Size, Below(2), Protection];
    Mach vm_map = trap::VM_MAP, [Task, InOutAddress, Size, Offset, Flags, Protection];
    Mach mach_vm_map = trap::MACH_VM_MAP, [MapRecord];
    Mach mach_vm_remap = trap::MACH_VM_REMAP, [RemapRecord];
    Mach mach_vm_remap_new = trap::MACH_VM_REMAP_NEW, [RemapRecord];
    Mach mach_vm_inherit = trap::MACH_VM_INHERIT, [Task, Address, Size, Below(3)];
    Mach mach_vm_read = trap::MACH_VM_READ, [Task, Address, Size, InOutAddress, Place];
    Mach mach_vm_read_list = trap::MACH_VM_READ_LIST, [Task, List, Below(4)];
    Mach mach_vm_write = trap::MACH_VM_WRITE, [Task, Address, Address, Size];
    Mach mach_vm_copy = trap::MACH_VM_COPY, [Task, Address, Size, Address];
    Mach mach_vm_read_overwrite = trap::MACH_VM_READ_OVERWRITE, [Task, Address, Size, Destination, Place];
    Mach mach_vm_msync = trap::MACH_VM_MSYNC, [Task, Address, Size, Bits(0x7f)];
    Mach mach_vm_behavior_set = trap::MACH_VM_BEHAVIOR_SET, [Task, Address, Size, Below(13)];
    Mach mach_vm_machine_attribute = trap::MACH_VM_MACHINE_ATTRIBUTE, [Task, Address, Size, Below(5), Place];
    Mach mach_vm_purgable_control = trap::VM_PURGABLE_CONTROL, [Task, Address, Below(3), Place];
    Mach mach_vm_page_query = trap::MACH_VM_PAGE_QUERY, [Task, Address, Place, Place];
    Mach mach_vm_page_info = trap::MACH_VM_PAGE_INFO, [Task, Address, Below(3), Place, Place];
    Mach mach_vm_page_range_query = trap::MACH_VM_PAGE_RANGE_QUERY, [Task, Address, Size, Scratch, Place];
    Mach mach_vm_page_range_query_anywhere = trap::MACH_VM_PAGE_RANGE_QUERY, [Task, Address, Length, Place, Place];
    Mach mach_vm_region = trap::MACH_VM_REGION, [Task, InOutAddress, Place, Below(15), Place, Place];
    Mach mach_vm_region_recurse = trap::MACH_VM_REGION_RECURSE, [Task, InOutAddress, Place, Place, Place, Place];
    Mach vm_objects = trap::VM_OBJECTS, [Task, InOutAddress, Place, Scratch, Place];
    Mach mach_vm_wire = trap::MACH_VM_WIRE, [Host, Task, Address, Size, Protection];
    Mach mach_vm_unwire = trap::MACH_VM_WIRE, [Host, Task, Address, Size, Below(1)];
    Mach mach_make_memory_entry = trap::MACH_MAKE_MEMORY_ENTRY, [Task, InOutSize, Address, Permission, OutName, Entry];
    Mach mach_memory_entry_purgable_control = trap::MEMORY_ENTRY_PURGABLE_CONTROL, [Entry, Below(3), Place];
    Mach mach_memory_entry_ownership = trap::MEMORY_ENTRY_OWNERSHIP, [Entry, OtherTask, Below(6), Bits(7)];
    Mach mach_memory_entry_map_size = trap::MEMORY_ENTRY_MAP_SIZE, [Entry, OtherTask, Offset, Size, Place];
    Mach mach_memory_object_memory_entry = trap::MEMORY_OBJECT_MEMORY_ENTRY, [Host, Below(2), Size, Permission, Below(1), OutName];
    Mach mach_port_deallocate = trap::PORT_DEALLOCATE, [Task, Entry];
    Mach task_for_pid = trap::TASK_FOR_PID, [Task, Process, OutName];
    Mach task_info = trap::TASK_INFO, [Task, Below(24), Place, Place];
    Mach task_wire = trap::TASK_WIRE, [Task, Below(2)];
    Mach host_info = trap::HOST_INFO, [Host, Below(13), Place, Place];
    Mach host_statistics64 = trap::HOST_STATISTICS64, [Host, Below(6), Place, Place];
    Mach mach_zone_info = trap::MACH_ZONE_INFO, [Host, Place, Place, Place];
    Mach mach_memory_info = trap::MACH_MEMORY_INFO, [Host, Place, Place, Place, Place, Place];
    Mach mach_vm_deferred_reclamation_buffer_allocate = trap::MACH_VM_RECLAIM_ALLOCATE,
        [Task, InOutAddress, Place, Below(8), Below(8)];
    Mach mach_vm_range_create = trap::MACH_VM_RANGE_CREATE, [Task, Below(2), List, Below(64)];
    Unix mmap = SYS_MMAP, [Address, Size, Protection, MapFlags, Descriptor, Offset];
    Unix munmap = SYS_MUNMAP, [Address, Size];
    Unix mprotect = SYS_MPROTECT, [Address, Size, Protection];
    Unix minherit = SYS_MINHERIT, [Address, Size, Below(3)];
    Unix msync = SYS_MSYNC, [Address, Size, Bits(0x1f)];
    Unix madvise = SYS_MADVISE, [Address, Size, Below(12)];
    Unix mincore = SYS_MINCORE, [Address, Size, Scratch];
    Unix mincore_anywhere = SYS_MINCORE, [Address, Length, Place];
    Unix mlock = SYS_MLOCK, [Address, Size];
    Unix munlock = SYS_MUNLOCK, [Address, Size];
    Unix mlockall = SYS_MLOCKALL, [Bits(3)];
    Unix ulock_wake = SYS_ULOCK_WAKE, [Bits(0x100_0707), Address, Offset];
    Unix shm_open = SYS_SHM_OPEN, [Text, Bits(0xe0b), Bits(0o777)];
    Unix shm_unlink = SYS_SHM_UNLINK, [Text];
    Unix ftruncate = SYS_FTRUNCATE, [Descriptor, Size];
    Unix close = SYS_CLOSE, [Descriptor];
    // Zeros come, or bytes go to nothing: pages are touched by the kernel, whatever they are.
    Unix read = SYS_READ, [Below(1), Address, Length];
    Unix write = SYS_WRITE, [Below(1), Address, Length];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_has_more_arguments_than_registers() {
        assert!(CALLS.iter().all(|call| call.arguments.len() <= 6));
    }
}
