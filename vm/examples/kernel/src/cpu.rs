//! A processor that runs programs, and how their faults are resolved.
//!
//! Owns: the trait [`Cpu`], all that the demo asks beyond `vm::Machine`; the loop of access and fault.
//! Does not own: what a fault means (`vm`).

use crate::failed::Failed;
use vm::{Machine, Map, Protection, VirtAddr, Vm};

/// The access was refused by the page tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageFault;

/// A machine that runs programs.
pub trait Cpu: Machine {
    /// A program in the address space loads a byte.
    ///
    /// # Errors
    /// What a trap would tell: the tables do not permit it.
    fn load(&self, pmap: &Self::Pmap, at: VirtAddr) -> Result<u8, PageFault>;
    /// A program in the address space stores a byte.
    ///
    /// # Errors
    /// As [`Cpu::load`].
    fn store(&self, pmap: &Self::Pmap, at: VirtAddr, byte: u8) -> Result<(), PageFault>;
}

/// A program's access: tried, its fault resolved, tried again. A trap handler does the same.
fn touch<M: Cpu, T>(
    vm: &Vm<M>,
    (map, at): (&Map<M>, VirtAddr),
    access: Protection,
    run: impl Fn(&M, &M::Pmap) -> Result<T, PageFault>,
) -> Result<T, Failed> {
    loop {
        match run(vm.machine(), vm.pmap(map)) {
            Ok(done) => return Ok(done),
            Err(PageFault) => vm.fault(map, at, access)?,
        }
    }
}

/// Loads a byte of a map's memory, as its program.
///
/// # Errors
/// `Fault`: there is no such memory, or no more of it.
pub fn load<M: Cpu>(vm: &Vm<M>, map: &Map<M>, at: VirtAddr) -> Result<u8, Failed> {
    touch(vm, (map, at), Protection::READ, |cpu, pmap| {
        cpu.load(pmap, at)
    })
}

/// Stores a byte.
///
/// # Errors
/// As [`load`].
pub fn store<M: Cpu>(vm: &Vm<M>, map: &Map<M>, at: VirtAddr, byte: u8) -> Result<(), Failed> {
    touch(vm, (map, at), Protection::WRITE, |cpu, pmap| {
        cpu.store(pmap, at, byte)
    })
}
