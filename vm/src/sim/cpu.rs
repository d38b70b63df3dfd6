//! Programs of the conformance suite on the simulated machine: all on CPU 0.

use super::machine::{Access, SimMachine};
use super::pmap::SimPmap;
use crate::addr::VirtAddr;
use crate::conformance::{Cpu, PageFault};

impl<const SHIFT: u32, const LEAF: u32> Cpu for SimMachine<SHIFT, LEAF> {
    fn load(&self, pmap: &SimPmap, at: VirtAddr) -> Result<u8, PageFault> {
        let byte = self.access(0, pmap, at, Access::Read);
        byte.map(|(byte, _)| byte).map_err(|_| PageFault)
    }

    fn store(&self, pmap: &SimPmap, at: VirtAddr, byte: u8) -> Result<(), PageFault> {
        let stored = self.access(0, pmap, at, Access::Write(byte));
        stored.map(|_| ()).map_err(|_| PageFault)
    }
}
