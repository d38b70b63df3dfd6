//! Programs: their loads and stores, and how their faults are resolved.
//!
//! Owns: the trait [`Cpu`], the loop of access and fault. Does not own: what a fault means (`fault`).

use crate::addr::VirtAddr;
use crate::fault::FaultError;
use crate::machine::Machine;
use crate::map::Map;
use crate::vm::Vm;
use abi::Protection;

/// The access was refused by the page tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageFault;

/// A machine that makes a program's accesses.
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

/// Tries of one access: a machine that faults again and again must not hang the suite.
const TRIES: usize = 8;

/// An access: tried, its fault resolved, tried again, as a trap handler makes it.
fn touch<M: Cpu, T>(
    vm: &Vm<M>,
    (map, at): (&Map<M>, VirtAddr),
    access: Protection,
    run: impl Fn(&M, &M::Pmap) -> Result<T, PageFault>,
) -> Result<T, FaultError> {
    for _ in 0..TRIES {
        match run(vm.machine(), vm.pmap(map)) {
            Ok(done) => return Ok(done),
            Err(PageFault) => vm.fault(map, at, access)?,
        }
    }
    panic!("the tables refuse {access:?} at {at:?}, though the fault is resolved");
}

/// Loads a byte of a map's memory, as its program. May sleep.
///
/// # Errors
/// The fault's.
///
/// # Panics
/// If resolved faults do not help.
pub fn load<M: Cpu>(vm: &Vm<M>, map: &Map<M>, at: VirtAddr) -> Result<u8, FaultError> {
    touch(vm, (map, at), Protection::READ, |cpu, pmap| {
        cpu.load(pmap, at)
    })
}

/// Stores a byte.
///
/// # Errors
/// As [`load`].
///
/// # Panics
/// As [`load`].
pub fn store<M: Cpu>(vm: &Vm<M>, map: &Map<M>, at: VirtAddr, byte: u8) -> Result<(), FaultError> {
    touch(vm, (map, at), Protection::WRITE, |cpu, pmap| {
        cpu.store(pmap, at, byte)
    })
}
