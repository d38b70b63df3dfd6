//! The calls that move bytes between maps: `mach_vm_read`, `write`, `copy`, `read_overwrite`.
//!
//! Owns: their checks, in XNU's order (xnu-vm.md §12.2). Does not own: ports, records (`kernel`).
//! Locks: none of its own.

use crate::addr::VirtAddr;
use crate::machine::Machine;
use crate::map::Map;
use crate::sanitize::{UserAddr, UserSize};
use crate::vm::Vm;
use abi::KernReturn;

impl<M: Machine> Vm<M> {
    /// `mach_vm_read`: the range becomes new memory of the map `into`. Answers its address, 0 for a
    /// size of 0.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a size beyond 32 bits, then those of [`Vm::copy_in`] and
    /// [`Vm::copy_out`].
    pub fn read(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
        into: &Map<M>,
    ) -> Result<VirtAddr, KernReturn> {
        if size.0 > u64::from(u32::MAX) {
            return Err(KernReturn::INVALID_ARGUMENT);
        }
        let copy = self.copy_in(map, addr, size)?;
        self.copy_out(into, copy)
    }

    /// `mach_vm_read_overwrite`, and, within one map, `mach_vm_copy`: the range's bytes are written
    /// over what is at `to` in the map `into`.
    ///
    /// # Errors
    /// Those of [`Vm::copy_in`], then those of [`Vm::copy_overwrite`].
    pub fn read_overwrite(
        &self,
        map: &Map<M>,
        addr: UserAddr,
        size: UserSize,
        (into, to): (&Map<M>, UserAddr),
    ) -> Result<(), KernReturn> {
        let copy = self.copy_in(map, addr, size)?;
        self.copy_overwrite(into, to, copy)
    }
}
