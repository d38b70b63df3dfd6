//! Words of `vm_purgable_control`: what is asked, and the state word.

/// Sets the state.
pub const VM_PURGABLE_SET_STATE: u32 = 0;
/// Asks for the state.
pub const VM_PURGABLE_GET_STATE: u32 = 1;
/// Empties all volatile objects of the system.
pub const VM_PURGABLE_PURGE_ALL: u32 = 2;

/// The contents are needed.
pub const VM_PURGABLE_NONVOLATILE: i32 = 0;
/// The contents may be thrown away.
pub const VM_PURGABLE_VOLATILE: i32 = 1;
/// The contents were thrown away.
pub const VM_PURGABLE_EMPTY: i32 = 2;
/// Not purgeable.
pub const VM_PURGABLE_DENY: i32 = 3;
/// The field of these four.
pub const VM_PURGABLE_STATE_MASK: i32 = 3;

/// First in its group.
pub const VM_VOLATILE_MAKE_FIRST: i32 = 1 << 4;
/// Goes before all that is not obsolete.
pub const VM_VOLATILE_OBSOLETE: i32 = 1 << 5;
/// Of its group the last in goes first.
pub const VM_VOLATILE_LIFO: i32 = 1 << 6;
/// Where the group stands.
pub const VM_VOLATILE_GROUP_SHIFT: u32 = 8;
/// The group, 0 to 7: lower ones go first.
pub const VM_VOLATILE_GROUP_MASK: i32 = 7 << VM_VOLATILE_GROUP_SHIFT;
/// Debugging: what becomes volatile is emptied at once.
pub const VM_PURGABLE_DEBUG_EMPTY: i32 = 1 << 12;
/// Debugging: accesses to volatile memory fail.
pub const VM_PURGABLE_DEBUG_FAULT: i32 = 2 << 12;
/// Does not grow ripe with time: only pressure purges it.
pub const VM_PURGABLE_NO_AGING: i32 = 1 << 16;
/// All that a state word may have.
pub const VM_PURGABLE_ALL_MASKS: i32 = VM_PURGABLE_STATE_MASK
    | VM_VOLATILE_MAKE_FIRST
    | VM_VOLATILE_OBSOLETE
    | VM_VOLATILE_LIFO
    | VM_VOLATILE_GROUP_MASK
    | VM_PURGABLE_DEBUG_EMPTY
    | VM_PURGABLE_DEBUG_FAULT
    | VM_PURGABLE_NO_AGING;

const _: () = assert!(VM_PURGABLE_ALL_MASKS == 0x1_3773);
